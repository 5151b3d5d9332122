"""A checked folder to a repository of the Hub, in one commit."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_token, is_offline_mode
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from .checkpoint_folder import CheckedFolder
from .command_errors import CommandFailedError
from .hub_retries import Result, first_line, with_retries
from .model_card import with_model_id

# Files that from_pretrained would take in place of what is pushed now.
STALE_WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json")
# The newer storage, xet, has servers of its own, which firewalls may block. Then the client has to be given open
# files, which it sends by LFS.
NUM_TRIES_BY_XET = 2


class PushError(CommandFailedError):
    """A push that cannot be done or went wrong; the message says what to do, and that nothing is half there."""


@dataclass(frozen=True)
class Push:
    """What a push did.

    Attributes:
        repo_id: with its owner.
        url: of the commit.
        deleted: weights of an earlier push that would have been read in place of these.
    """

    repo_id: str
    url: str
    deleted: tuple[str, ...]


def push_folder(
    checked: CheckedFolder,
    repo_id: str,
    *,
    is_private: bool = False,
    token: str | None = None,
    message: str = "Upload a Depth Anything checkpoint",
) -> Push:
    """Uploads a checked folder in one commit; a push that broke off goes on where it was when it is called again.

    Args:
        checked: what `check_folder` let pass.
        repo_id: "owner/name", or "name" in the user's own namespace. Created where it does not exist.
        is_private: for a new repository; an existing one has to be private already.
        token: with the right to write; None takes the one of `hf auth login` or HF_TOKEN.
        message: of the commit.

    Raises:
        PushError: no or no valid token, a name that cannot be used, or a Hub that does not answer after some tries.
    """
    api = HfApi(endpoint=constants.ENDPOINT, token=_token(token))
    full_id = _full_id(api, repo_id)
    _ensure_repository(api, full_id, is_private)
    upload = _Upload(api, full_id, checked, message)
    url = _told(full_id, "upload", upload.commit)
    return Push(full_id, url, tuple(upload.deleted))


def check_push(repo_id: str, *, token: str | None = None) -> str:
    """The repository's full id, once it is clear that this token can push to it; nothing is created.

    For long trainings, which should not end with a token that was never there.

    Args:
        repo_id: "owner/name", or "name" in the user's own namespace.
        token: with the right to write; None takes the one of `hf auth login` or HF_TOKEN.

    Raises:
        PushError: no or no valid token, a name that cannot be used, or a Hub that does not answer.
    """
    return _full_id(HfApi(endpoint=constants.ENDPOINT, token=_token(token)), repo_id)


@dataclass
class _Upload:
    """One commit, to be tried until it is made."""

    api: HfApi
    repo_id: str
    checked: CheckedFolder
    message: str
    num_tries: int = 0
    deleted: list[str] = field(default_factory=list)

    def commit(self) -> str:
        """Uploads what the Hub lacks, commits, and gives the commit's address; called again it finds what is done."""
        self.num_tries += 1
        # The repository is read anew in each try: one whose answer was lost has changed it.
        info = self.api.model_info(self.repo_id)
        own = {path.as_posix() for path in self.checked.files}
        remote = [sibling.rfilename for sibling in info.siblings or []]
        stale = [name for name in remote if name not in own and _is_weights(name)]
        self.deleted.extend(name for name in stale if name not in self.deleted)
        with ExitStack() as open_files:
            additions = [
                CommitOperationAdd(path_in_repo=path.as_posix(), path_or_fileobj=self._content(path, open_files))
                for path in self.checked.files
            ]
            deletions = [CommitOperationDelete(path_in_repo=name) for name in stale]
            commit = self.api.create_commit(self.repo_id, [*additions, *deletions], commit_message=self.message)
        return str(commit.commit_url)

    def _content(self, path: Path, open_files: ExitStack) -> str | bytes | BinaryIO:
        if path.as_posix() == constants.REPOCARD_NAME:
            return with_model_id(self.checked.card, self.repo_id).encode()
        if self.num_tries <= NUM_TRIES_BY_XET:
            return str(self.checked.folder / path)
        return open_files.enter_context((self.checked.folder / path).open("rb"))


def _token(token: str | None) -> str:
    if is_offline_mode():
        raise PushError("HF_HUB_OFFLINE forbids using the Hugging Face Hub: unset it to push")
    token = token or get_token()
    if not token:
        raise PushError("there is no token for the Hugging Face Hub: log in by `hf auth login`, or set HF_TOKEN")
    return token


def _full_id(api: HfApi, repo_id: str) -> str:
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise PushError(f"the repository name {repo_id!r} cannot be used: {first_line(error)}") from error
    user = _told(repo_id, "login", api.whoami)
    if user.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise PushError("the token may only read: make one with the right to write at huggingface.co/settings/tokens")
    owner, _, name = repo_id.rpartition("/")
    namespaces = [user["name"], *(organisation["name"] for organisation in user.get("orgs", []))]
    if owner and owner not in namespaces:
        raise PushError(
            f"the repository {repo_id!r} would belong to {owner!r}, and this token is of {user['name']!r}, who can "
            f"push to {', '.join(namespaces)}"
        )
    return f"{owner or user['name']}/{name}"


def _ensure_repository(api: HfApi, repo_id: str, is_private: bool) -> None:
    def ensure() -> bool:
        try:
            return not api.model_info(repo_id).private
        except RepositoryNotFoundError:
            api.create_repo(repo_id, private=is_private or None, exist_ok=True)
            return not is_private

    is_public = _told(repo_id, "creation of the repository", ensure)
    if is_private and is_public:
        raise PushError(
            f"the repository {repo_id} exists and is public: make it private in its settings first, or leave out "
            "--private (in Python: is_private)"
        )


def _is_weights(name: str) -> bool:
    return "/" not in name and any(PurePosixPath(name).match(pattern) for pattern in STALE_WEIGHTS)


def _told(repo_id: str, step: str, task: Callable[[], Result]) -> Result:
    """The task's result with retries, its errors in one sentence."""
    try:
        return with_retries(f"{step} ({repo_id})", task)
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status == 401:
            raise PushError("the Hub refuses the token: log in by `hf auth login`, or set another HF_TOKEN") from error
        if status == 403:
            raise PushError(f"the token may not write to {repo_id}: {first_line(error)}") from error
        raise PushError(f"the {step} failed for {repo_id}: {first_line(error)}; the same command goes on") from error
    except Exception as error:  # of two HTTP libraries, and of what the Hub's client raises where an answer is no JSON
        raise PushError(
            f"the {step} failed for {repo_id}: {first_line(error)}; the same command goes on from where it was"
        ) from error
