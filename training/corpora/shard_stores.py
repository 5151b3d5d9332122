"""Where shards are put: a folder. Nothing stands under a final name before it is whole."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from depth_anything.command_errors import UsageError
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.shard_manifest import ShardRecord
from depth_anything.training.corpora.shard_plan import PLAN_NAME

RECORDS_FOLDER = "records"
PARTIAL_ENDING = ".partial"
LOCK_NAME = ".lock"


class ShardStore(ABC):
    """A place for shards, their records and what describes them all.

    Attributes:
        where: what people call it.
        scratch: folder for shards that are being written.
        is_public: others may see what is put there, so it should name no folders of this machine.
    """

    where: str
    scratch: Path
    is_public: bool

    @abstractmethod
    def read(self, name: str) -> str | None:
        """The text of a file that an earlier run has put there; None if there is none."""

    @abstractmethod
    def records(self) -> dict[str, ShardRecord]:
        """Records of the finished shards, by the shard's name."""

    @abstractmethod
    def put_texts(self, texts: Mapping[str, str]) -> None:
        """Put small files there, by name."""

    @abstractmethod
    def put_shard(self, path: Path, record: ShardRecord) -> None:
        """Put a shard there and its record after it; `path` is used up."""

    @abstractmethod
    def remove(self, records: Iterable[ShardRecord]) -> None:
        """Remove shards with their records."""

    def partial_path(self, name: str) -> Path:
        """Where a shard of this name is written; another process, even a dying one, has another path."""
        return self.scratch / f".{name}.{os.getpid()}{PARTIAL_ENDING}"


class LocalFolder(ShardStore):
    """A folder on a disk; made by `open_folder`."""

    is_public = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.where = str(folder)
        self.scratch = folder

    def read(self, name: str) -> str | None:
        """See `ShardStore.read`."""
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def records(self) -> dict[str, ShardRecord]:
        """Records whose shard has its full size: a record comes after its shard, but disks lose files."""
        found = {}
        for path in sorted((self.folder / RECORDS_FOLDER).glob("*.json")):
            record = ShardRecord.from_json(path.read_text(encoding="utf-8"))
            shard = self.folder / record.name
            if not record.num_rows or (shard.is_file() and shard.stat().st_size == record.num_bytes):
                found[record.name] = record
        return found

    def put_texts(self, texts: Mapping[str, str]) -> None:
        """See `ShardStore.put_texts`."""
        for name, text in texts.items():
            partial = self.partial_path(Path(name).name)
            partial.write_text(text, encoding="utf-8")
            self._move(partial, name)

    def put_shard(self, path: Path, record: ShardRecord) -> None:
        """See `ShardStore.put_shard`."""
        if record.num_rows:
            self._move(path, record.name)
        self.put_texts({record_name(record): record.to_json()})

    def remove(self, records: Iterable[ShardRecord]) -> None:
        """See `ShardStore.remove`."""
        for record in records:
            (self.folder / record_name(record)).unlink(missing_ok=True)
            (self.folder / record.name).unlink(missing_ok=True)

    def _move(self, partial: Path, name: str) -> None:
        with partial.open("rb") as file:
            os.fsync(file.fileno())  # or a loss of power leaves the name on an empty file
        target = self.folder / name
        target.parent.mkdir(exist_ok=True)
        partial.replace(target)


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[LocalFolder]:
    """The folder, made if there is none, for this process alone.

    Raises:
        UsageError: it is a file, or another process builds there.
        CorpusError: it holds shards that no plan describes.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder} is a file; name a folder")
    if not (folder / PLAN_NAME).exists() and any(folder.glob("*.parquet")):
        raise CorpusError(f"{folder} holds shards without the {PLAN_NAME} of a build; build into an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK_NAME, timeout=0)  # the system lets go of it when the process ends, however it does
    try:
        with lock:
            for left_behind in folder.glob(f".*{PARTIAL_ENDING}"):
                left_behind.unlink(missing_ok=True)
            yield LocalFolder(folder)
    except Timeout:
        raise UsageError(f"another process builds into {folder}; wait for it, or name another folder") from None


def record_name(record: ShardRecord) -> str:
    """Where the record of a shard lies."""
    return f"{RECORDS_FOLDER}/{Path(record.name).stem}.json"
