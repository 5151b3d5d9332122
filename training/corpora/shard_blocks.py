"""Corpora in shards as block sources: a block is a row group, read from a folder, object storage or the Hub."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from depth_anything.hub_retries import first_line, with_retries
from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.optional_library import optional_library
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import RawSample, Reason, SampleError
from depth_anything.training.corpora.shard_manifest import MANIFEST_NAME, Manifest, ShardEntry
from depth_anything.training.corpora.shard_rows import PURPOSE, columns_of, decode_row, parquet_library

HUB_PREFIX = "hub:"
HUB_URL = "hf://datasets/"
HASHED_AT_ONCE = 1 << 22
MAX_OPEN_SHARDS = 4

Value = TypeVar("Value")


class ParquetBlocks(BlockSource):
    """The shards that `build_corpus` made; row counts come from the manifest, so no shard is opened before it is read.

    Args:
        location: a folder, a URL that fsspec knows (s3://bucket/folder, gs://..., memory://...), or hub:OWNER/REPO,
            with @REVISION behind it to read one commit whatever is pushed later.
        num_cached_blocks: row groups that a process keeps, the last ones used: as many as a sampler mixes.
        corpus: another name than the shards have, to mix two corpora of one kind, such as two of your own.

    Raises:
        CorpusError: there is no manifest, or one that cannot be read.
    """

    def __init__(
        self, location: str | os.PathLike[str], num_cached_blocks: int = 8, *, corpus: str | None = None
    ) -> None:
        self.location = os.fspath(location)
        self.manifest = _read_manifest(self.location)
        self.corpus = corpus or self.manifest.corpus
        self.kind = self.manifest.kind
        self.rows_per_block = self.manifest.rows_per_block()
        groups = [len(shard.rows_per_group) for shard in self.manifest.shards]
        self._first_blocks = np.cumsum([0, *groups])  # of each shard, and one behind the last
        self._columns = columns_of(self.kind)
        self._groups: _LastUsed[Sequence[Mapping[str, Any]]] = _LastUsed(num_cached_blocks)
        self._shards: _LastUsed[_OpenShard] = _LastUsed(MAX_OPEN_SHARDS)

    def read_block(self, block: int, rows: Sequence[int]) -> Iterator[RawSample | SampleError]:
        """See `BlockSource.read_block`."""
        try:
            group = self._groups.get(block, lambda: self._read_group(block))
        except Exception as error:  # pyarrow, fsspec and the libraries of each storage have classes of their own
            refused = error if isinstance(error, SampleError) else self._unreadable(block, error)
            yield from (refused for _ in rows)
            return
        for row in rows:
            try:
                sample = decode_row(group[row])
            except SampleError as error:
                yield error
            else:
                yield sample if sample.corpus == self.corpus else replace(sample, corpus=self.corpus)

    def verify(self) -> list[str]:
        """What is wrong with each bad shard, after reading every byte; empty if all are as they were written."""
        return [problem for shard in self.manifest.shards if (problem := self._problem_of(shard))]

    def _read_group(self, block: int) -> Sequence[Mapping[str, Any]]:
        """The rows of a row group; a shard whose connection broke is opened anew."""
        number = int(np.searchsorted(self._first_blocks, block, side="right")) - 1
        shard = self.manifest.shards[number]

        def read() -> Sequence[Mapping[str, Any]]:
            try:
                opened = self._shards.get(number, lambda: self._open(shard))
                table = opened.parquet.read_row_group(
                    block - int(self._first_blocks[number]), columns=self._columns, use_threads=False
                )
            except Exception:
                self._shards.forget(number)
                raise
            return _Rows(table)

        return with_retries(f"read of {shard.name}", read)

    def _open(self, shard: ShardEntry) -> _OpenShard:
        file_system, path = _file_system(self.location)
        file = file_system.open(f"{path}/{shard.name}", "rb")
        num_bytes = file.seek(0, os.SEEK_END)
        if num_bytes != shard.num_bytes:
            file.close()
            detail = f"{shard.name} has {num_bytes} bytes, and the manifest says {shard.num_bytes}; copy it again"
            raise SampleError(Reason.UNREADABLE_FILE, detail)
        file.seek(0)
        return _OpenShard(file, parquet_library().ParquetFile(file, pre_buffer=True))

    def _problem_of(self, shard: ShardEntry) -> str:
        try:
            found = with_retries(f"check of {shard.name}", lambda: self._sha256(shard))
        except Exception as error:  # as in `read_block`
            return f"{shard.name}: {first_line(error)}"
        if found == shard.sha256:
            return ""
        return f"{shard.name}: its SHA-256 is {found}, and the manifest says {shard.sha256}"

    def _sha256(self, shard: ShardEntry) -> str:
        file_system, path = _file_system(self.location)
        digest = hashlib.sha256()
        with file_system.open(f"{path}/{shard.name}", "rb") as file:
            while data := file.read(HASHED_AT_ONCE):
                digest.update(data)
        return digest.hexdigest()

    def _unreadable(self, block: int, error: Exception) -> SampleError:
        shard = self.manifest.shards[int(np.searchsorted(self._first_blocks, block, side="right")) - 1]
        return SampleError(Reason.UNREADABLE_FILE, f"{self.location}, {shard.name}: {first_line(error)}")


class _OpenShard(NamedTuple):
    """A shard that is open; the file closes with the last use of it."""

    file: Any
    parquet: Any


class _Rows(Sequence[Mapping[str, Any]]):
    """The rows of a table, each taken out of it when it is asked for."""

    def __init__(self, table: Any) -> None:
        self._columns = {name: table.column(name).combine_chunks() for name in table.column_names}
        self._num_rows: int = table.num_rows

    def __len__(self) -> int:
        return self._num_rows

    def __getitem__(self, row: int) -> Mapping[str, Any]:  # type: ignore[override] # no slices
        return {name: column[row].as_py() for name, column in self._columns.items()}


class _LastUsed(Generic[Value]):
    """The values that were used last, for one process.

    Pickling forgets them, and so does a fork: two processes that read through one handle move each other's position.
    """

    def __init__(self, num_kept: int) -> None:
        self._num_kept = num_kept
        self._values: OrderedDict[int, Value] = OrderedDict()
        self._process = os.getpid()

    def get(self, number: int, make: Callable[[], Value]) -> Value:
        if self._process != os.getpid():
            self._values, self._process = OrderedDict(), os.getpid()
        if number not in self._values:
            while len(self._values) >= max(1, self._num_kept):  # before the next is made, so that memory has room
                self._values.popitem(last=False)
            self._values[number] = make()
        self._values.move_to_end(number)
        return self._values[number]

    def forget(self, number: int) -> None:
        self._values.pop(number, None)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_values": OrderedDict()}


def _file_system(location: str) -> tuple[Any, str]:
    """The file system of fsspec and the path in it."""
    url = HUB_URL + location.removeprefix(HUB_PREFIX) if location.startswith(HUB_PREFIX) else location
    core = optional_library("fsspec", PURPOSE).core
    file_system, path = core.url_to_fs(url if "://" in url else str(Path(url).expanduser()))
    return file_system, str(path).rstrip("/")


def _read_manifest(location: str) -> Manifest:
    def read() -> bytes:
        file_system, path = _file_system(location)
        return bytes(file_system.cat_file(f"{path}/{MANIFEST_NAME}"))

    try:
        text = with_retries(f"read of {location}", read).decode()
    except FileNotFoundError:
        raise CorpusError(
            f"{location} has no {MANIFEST_NAME}; build_corpus writes it when all shards are there: run it to its end"
        ) from None
    except (OSError, ValueError) as error:
        raise CorpusError(f"{location}: the {MANIFEST_NAME} cannot be read: {first_line(error)}") from error
    return Manifest.from_json(text, f"{location}/{MANIFEST_NAME}")
