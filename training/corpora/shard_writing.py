"""One shard from a run of items: whole on the disk under a temporary name, with its record."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depth_anything.output_records import printable
from depth_anything.training.corpora.optional_library import optional_library
from depth_anything.training.corpora.reader import Item, Reader
from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.corpora.shard_manifest import ShardRecord, Skipped, keys_digest
from depth_anything.training.corpora.shard_rows import (
    PURPOSE,
    ROWS_PER_GROUP,
    Quantity,
    Row,
    encode_row,
    parquet_library,
    shard_schema,
)

HASHED_AT_ONCE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class RowSettings:
    """What becomes of a sample.

    Attributes:
        quantity: that labels are stored in; None without labels.
        is_checked: decode every picture, and skip those that cannot be decoded or do not fit their label.
    """

    quantity: Quantity | None
    is_checked: bool


def make_row(reader: Reader, item: Item, settings: RowSettings) -> Row | Skipped:
    """The row of an item, or why it has none."""
    try:
        raw = reader.load(item)
        if settings.is_checked:
            reader.decode(raw)
        return encode_row(raw, settings.quantity)
    except SampleError as error:
        return Skipped(item.key, error.reason.value, printable(without_folders(error.detail, reader)))


def write_shard(
    reader: Reader,
    items: Iterable[Item],
    path: Path,
    name: str,
    settings: RowSettings,
    advance: Callable[[], None] = lambda: None,
) -> ShardRecord:
    """Writes the items' samples and returns the record; without a single good sample there is no file.

    Args:
        reader: of the corpus.
        items: taken one by one, each loaded before the next is taken.
        path: where to write; a file there is replaced.
        name: that the shard will have.
        settings: what becomes of a sample.
        advance: called after every item; what it raises ends the writing.

    Raises:
        OSError: the disk cannot take the shard.
    """
    rows = ((item.key, make_row(reader, item, settings)) for item in items)
    return write_rows(rows, path, name, shard_schema(), advance)


def write_rows(
    rows: Iterable[tuple[str, Row | Skipped]],
    path: Path,
    name: str,
    schema: Any,
    advance: Callable[[], None] = lambda: None,
) -> ShardRecord:
    """Writes rows and returns the record; without a single good one there is no file.

    Args:
        rows: of each sample its key, and its row or why it has none; taken one by one.
        path: where to write; a file there is replaced.
        name: that the shard will have.
        schema: see `shard_schema`.
        advance: called after every row; what it raises ends the writing.

    Raises:
        OSError: the disk cannot take the shard.
    """
    keys: list[str] = []
    skipped: list[Skipped] = []
    writer = _GroupWriter(path, schema)
    try:
        for key, row in rows:
            keys.append(key)
            if isinstance(row, Skipped):
                skipped.append(row)
            else:
                writer.add(row)
            advance()
        writer.close()
    except BaseException:  # an interrupt too
        path.unlink(missing_ok=True)
        raise
    return ShardRecord(
        name=name,
        num_items=len(keys),
        num_rows=writer.num_rows,
        num_bytes=path.stat().st_size if writer.num_rows else 0,
        sha256=file_sha256(path) if writer.num_rows else "",
        keys_sha256=keys_digest(keys),
        skipped=tuple(skipped),
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of the file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(HASHED_AT_ONCE):
            digest.update(data)
    return digest.hexdigest()


def without_folders(detail: str, reader: Reader) -> str:
    """Paths below the reader's folders, so that a manifest is the same everywhere and says nothing of this machine."""
    paths = [value for value in vars(reader).values() if isinstance(value, Path)]
    for folder in {str(folder) for path in paths for folder in (path, path.parent if path.is_file() else path)}:
        detail = detail.replace(f"{folder}{os.sep}", "")
    return detail


class _GroupWriter:
    """A Parquet file of row groups of `ROWS_PER_GROUP` rows, opened with the first of them."""

    def __init__(self, path: Path, schema: Any) -> None:
        self.num_rows = 0
        self._path = path
        self._pending: list[Row] = []
        self._writer: Any = None
        self._schema = schema

    def add(self, row: Row) -> None:
        self.num_rows += 1
        self._pending.append(row)
        if len(self._pending) == ROWS_PER_GROUP:
            self._flush()

    def close(self) -> None:
        if self._pending:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        if self._writer is None:
            # Pictures and PNGs are compressed already, and the least and largest of their bytes say nothing.
            self._writer = parquet_library().ParquetWriter(
                self._path, self._schema, compression="none", write_statistics=False, use_dictionary=False
            )
        table = optional_library("pyarrow", PURPOSE).Table.from_pylist(self._pending, schema=self._schema)
        self._writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        self._pending = []
