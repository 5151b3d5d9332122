"""Where shards are put: a data set repository of the Hub."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

from depth_anything.command_errors import CommandFailedError, UsageError
from depth_anything.hub_retries import first_line, with_retries
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.shard_blocks import HUB_PREFIX
from depth_anything.training.corpora.shard_card import CARD_NAME
from depth_anything.training.corpora.shard_manifest import MANIFEST_NAME, ShardRecord
from depth_anything.training.corpora.shard_plan import PLAN_NAME
from depth_anything.training.corpora.shard_stores import RECORDS_FOLDER, ShardStore, record_name

REPO_TYPE = "dataset"
ADVICE = {401: "log in by `hf auth login`, or set HF_TOKEN", 403: "use a token with the right to write there"}

Result = TypeVar("Result")


class HubRepository(ShardStore):
    """A data set repository; a shard and its record arrive in one commit, so there is never one without the other.

    Args:
        repo_id: "owner/name"; made, private, if it does not exist.
        scratch: folder for shards on their way; each is removed when it has arrived.

    Raises:
        UsageError: the name cannot be one of a repository.
        CorpusError: it holds data that no plan describes.
        CommandFailedError: the Hub does not answer after some tries, or refuses.
    """

    is_public = True

    def __init__(self, repo_id: str, scratch: Path) -> None:
        self.repo_id = repo_id
        self.where = f"{HUB_PREFIX}{repo_id}"
        self.scratch = scratch
        self._api = HfApi()
        self._names = set(self._told("look at the repository", self._ensure))
        if PLAN_NAME not in self._names and any(name.endswith(".parquet") for name in self._names):
            raise CorpusError(f"{self.where} holds data without the {PLAN_NAME} of a build; name another repository")
        self._snapshot = Path(self._told("download of the records", self._download_records))

    def read(self, name: str) -> str | None:
        """See `ShardStore.read`."""
        return (self._snapshot / name).read_text(encoding="utf-8") if name in self._names else None

    def records(self) -> dict[str, ShardRecord]:
        """See `ShardStore.records`."""
        texts = (self.read(name) for name in sorted(self._names) if name.startswith(f"{RECORDS_FOLDER}/"))
        records = [ShardRecord.from_json(text) for text in texts if text]
        return {record.name: record for record in records if not record.num_rows or record.name in self._names}

    def put_texts(self, texts: Mapping[str, str]) -> None:
        """See `ShardStore.put_texts`."""
        self._commit(f"Add {', '.join(texts)}", [_small_file(name, text) for name, text in texts.items()])

    def put_shard(self, path: Path, record: ShardRecord) -> None:
        """See `ShardStore.put_shard`."""
        additions = [_small_file(record_name(record), record.to_json())]
        if record.num_rows:
            additions.append(CommitOperationAdd(path_in_repo=record.name, path_or_fileobj=str(path)))
        self._commit(f"Add {record.name}", additions)
        path.unlink(missing_ok=True)

    def remove(self, records: Iterable[ShardRecord]) -> None:
        """See `ShardStore.remove`."""
        records = list(records)
        names = [record_name(record) for record in records] + [record.name for record in records if record.num_rows]
        if names:
            self._commit("Remove shards with too many failures", [CommitOperationDelete(name) for name in names])

    def _ensure(self) -> list[str]:
        try:
            info = self._api.dataset_info(self.repo_id)
        except RepositoryNotFoundError:
            self._api.create_repo(self.repo_id, repo_type=REPO_TYPE, private=True, exist_ok=True)
            return []
        return [sibling.rfilename for sibling in info.siblings or []]

    def _download_records(self) -> str:
        patterns = [PLAN_NAME, MANIFEST_NAME, CARD_NAME, f"{RECORDS_FOLDER}/*"]
        return str(self._api.snapshot_download(self.repo_id, repo_type=REPO_TYPE, allow_patterns=patterns))

    def _commit(self, message: str, operations: list[CommitOperationAdd] | list[CommitOperationDelete]) -> None:
        def commit() -> None:
            self._api.create_commit(self.repo_id, [*operations], commit_message=message, repo_type=REPO_TYPE)

        self._told(message.lower(), commit)

    def _told(self, step: str, task: Callable[[], Result]) -> Result:
        """The task's result with retries, its errors in one sentence."""
        try:
            return with_retries(f"{step} ({self.where})", task)
        except HFValidationError as error:
            raise UsageError(f"{self.where}: {first_line(error)}; write {HUB_PREFIX}OWNER/NAME") from error
        except Exception as error:  # of two HTTP libraries, and of what the Hub's client raises beside them
            status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
            advice = ADVICE.get(status, "the same command goes on from where it was")
            raise CommandFailedError(f"{self.where}: {step} failed: {first_line(error)}; {advice}") from error


def _small_file(name: str, text: str) -> CommitOperationAdd:
    return CommitOperationAdd(path_in_repo=name, path_or_fileobj=text.encode())


@contextlib.contextmanager
def open_repository(repo_id: str) -> Iterator[HubRepository]:
    """The repository, with a temporary folder for what is on its way; TMPDIR says on which disk.

    Raises:
        UsageError: the name cannot be one of a repository.
        CorpusError: it holds data that no plan describes.
        CommandFailedError: the Hub does not answer after some tries, or refuses.
    """
    with tempfile.TemporaryDirectory(prefix="depth-anything-shards-") as scratch:
        yield HubRepository(repo_id, Path(scratch))
