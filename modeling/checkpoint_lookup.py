"""Where a checkpoint lies: in a folder, or on the Hub, whose absence costs seconds and one clear sentence."""

import contextlib
import hashlib
import json
import os
import queue
import re
import socket
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from huggingface_hub import HfApi, constants, is_offline_mode, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

HUB_ID = re.compile(r"\w[\w.-]*/[\w.-]+")
CONFIG_NAME = "config.json"
MODEL_TYPE = "depth_anything"
WEIGHT_PATTERNS = ("model*.safetensors", "pytorch_model*.bin")
SMALL_FILES = ("*.json", "README.md")

# The first bounds name resolution and connection together, because a resolver may hang for much longer than a socket's
# timeout; whoever gives huggingface_hub's own variable a value needs more. The second bounds the Hub's answer.
CONNECT_DEADLINE_S = float(os.environ.get("HF_HUB_ETAG_TIMEOUT") or 1.5)
ANSWER_DEADLINE_S = 15.0
DEFAULT_PORTS = {"http": 80, "https": 443}

Result = TypeVar("Result")


class CheckpointError(OSError):
    """A checkpoint cannot be had; the message is one sentence that says which, why and what to do."""


class OtherFormatError(CheckpointError):
    """There is something, but it is no Depth Anything checkpoint in transformers' format."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose files are on this machine.

    Attributes:
        name: Hub id or folder, as the user gave it.
        folder: where the files lie.
        revision: commit hash of a Hub checkpoint; None for a folder.
        is_from_cache: the Hub could not be asked whether there is a newer one.
    """

    name: str
    folder: Path
    revision: str | None = None
    is_from_cache: bool = False

    def weight_files(self) -> list[Path]:
        """The files that transformers would read: safetensors where there are any."""
        candidates = (sorted(self.folder.glob(pattern)) for pattern in WEIGHT_PATTERNS)
        return next((paths for paths in candidates if paths), [])

    def weights_sha256(self) -> str:
        """Digest of the weight files in the order of their names; of one file, what `sha256sum` prints."""
        digest = hashlib.sha256()
        for path in self.weight_files():
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()


def find_checkpoint(
    model: str | os.PathLike[str],
    revision: str | None = None,
    *,
    argument: str = "--model (in Python: model)",
    model_type: str | None = MODEL_TYPE,
) -> Checkpoint:
    """A checkpoint by folder or Hub id, downloaded if need be.

    Args:
        model: folder, or id such as "depth-anything/Depth-Anything-V2-Small-hf".
        revision: branch, tag or commit of a Hub checkpoint; None is its main branch.
        argument: what the user gives the model by, for errors.
        model_type: that its config has to name; None takes any, for other networks of transformers.

    Raises:
        CheckpointError: there is none, or it is of another type; without a network within seconds.
        ValueError: a revision of a folder.
    """
    name = os.fspath(model)
    path = Path(name).expanduser()
    if path.is_dir():
        if revision is not None:
            raise ValueError(f"revision {revision!r} is of a Hub checkpoint, but the model {name!r} is a folder")
        _check_folder(path, name, model_type)
        return Checkpoint(name, path)
    if path.is_file():
        raise OtherFormatError(
            f"The model {name!r} is a file: give the folder of a checkpoint with {CONFIG_NAME} and weights; a .pth "
            f"file of the official code becomes one by `depth-anything convert {name} FOLDER`."
        )
    if HUB_ID.fullmatch(name):
        with contextlib.suppress(HFValidationError):  # two dots or dashes in a row, and the like
            return _find_on_hub(name, revision, argument, model_type)
    raise CheckpointError(f"The model folder {name!r} does not exist, and that is no Hub id ('owner/name') either.")


def _find_on_hub(repo_id: str, revision: str | None, argument: str, model_type: str | None) -> Checkpoint:
    cached = _find_in_cache(repo_id, revision, model_type)
    if cached and revision == cached.revision:
        return cached  # a commit never changes, so there is nothing to ask
    obstacle = None
    if is_offline_mode():
        obstacle = "HF_HUB_OFFLINE forbids asking the Hugging Face Hub"
    elif not _hub_accepts_connections():
        obstacle = f"the Hugging Face Hub ({constants.ENDPOINT}) cannot be reached"
    else:
        try:
            return _download(repo_id, revision, model_type)
        except CheckpointError:
            raise
        except Exception as error:  # each of the Hub's two HTTP libraries has errors of its own
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            obstacle = f"the Hugging Face Hub ({constants.ENDPOINT}) did not deliver it ({reason})"
    if cached:
        return cached
    raise CheckpointError(
        f"The checkpoint {repo_id!r} is neither a folder here nor in the local cache, and {obstacle}: give {argument} "
        "the folder of a checkpoint, or connect to the network."
    )


def _find_in_cache(repo_id: str, revision: str | None, model_type: str | None) -> Checkpoint | None:
    config_path = try_to_load_from_cache(repo_id, CONFIG_NAME, revision=revision)
    if not isinstance(config_path, str):
        return None
    folder = Path(config_path).parent
    try:
        _check_folder(folder, repo_id, model_type)
    except CheckpointError:
        return None  # a download that was cut short
    return Checkpoint(repo_id, folder, folder.name, is_from_cache=True)


def _download(repo_id: str, revision: str | None, model_type: str | None) -> Checkpoint:
    try:
        info = _within(
            ANSWER_DEADLINE_S, lambda: HfApi().model_info(repo_id, revision=revision, timeout=ANSWER_DEADLINE_S)
        )
        names = [file.rfilename for file in info.siblings or []]
        if CONFIG_NAME not in names:
            raise OtherFormatError(
                f"The Hub repository {repo_id!r} has no {CONFIG_NAME}, so it is not in transformers' format; the "
                "released checkpoints that are end in '-hf', and `depth-anything convert` makes one of others."
            )
        # Weights are on offer in two formats in some repositories; the second one would be downloaded for nothing.
        has_safetensors = any(name.endswith(".safetensors") for name in names)
        patterns = [*SMALL_FILES, WEIGHT_PATTERNS[0] if has_safetensors else WEIGHT_PATTERNS[1]]
        folder = Path(snapshot_download(repo_id, revision=info.sha, allow_patterns=patterns))
    except GatedRepoError:
        raise CheckpointError(
            f"The checkpoint {repo_id!r} is gated: accept its terms at {constants.ENDPOINT}/{repo_id} and log in with "
            "`hf auth login`."
        ) from None
    except RevisionNotFoundError:
        raise CheckpointError(f"The checkpoint {repo_id!r} has no revision {revision!r}.") from None
    except RepositoryNotFoundError:
        raise CheckpointError(
            f"The checkpoint {repo_id!r} is neither a folder here nor on the Hub, or it is private and you are not "
            "logged in (`hf auth login`)."
        ) from None
    _check_folder(folder, repo_id, model_type)
    return Checkpoint(repo_id, folder, info.sha)


def _check_folder(folder: Path, name: str, wanted_type: str | None) -> None:
    config_path = folder / CONFIG_NAME
    if not config_path.is_file():
        raise OtherFormatError(f"The model folder {name!r} has no {CONFIG_NAME}, so it holds no checkpoint.")
    try:
        model_type = json.loads(config_path.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        raise CheckpointError(f"The {CONFIG_NAME} of {name!r} cannot be read as JSON.") from None
    if wanted_type is not None and model_type != wanted_type:
        raise OtherFormatError(
            f"The checkpoint {name!r} has model_type {model_type!r}, but this program runs {wanted_type!r} alone."
        )
    if not Checkpoint(name, folder).weight_files():
        raise CheckpointError(f"The model folder {name!r} has no weights ({' or '.join(WEIGHT_PATTERNS)}).")


def _hub_accepts_connections() -> bool:
    endpoint = urlsplit(constants.ENDPOINT)
    host, scheme = endpoint.hostname or "", endpoint.scheme or "https"
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if proxy and not urllib.request.proxy_bypass(host):
        endpoint = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    try:
        port = endpoint.port or DEFAULT_PORTS.get(endpoint.scheme or scheme, 80)
        address = (endpoint.hostname or "", port)
        _within(CONNECT_DEADLINE_S, lambda: socket.create_connection(address, timeout=CONNECT_DEADLINE_S).close())
    except (OSError, ValueError):
        return False
    return True


def _within(deadline_s: float, task: Callable[[], Result]) -> Result:
    """The task's result or error; `TimeoutError` once the deadline is over, the task's thread being left behind."""
    outcomes: queue.SimpleQueue[tuple[Result | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcomes.put((task(), None))
        except BaseException as error:
            outcomes.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = outcomes.get(timeout=deadline_s)
    except queue.Empty:
        raise TimeoutError(f"no answer within {deadline_s:g} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]
