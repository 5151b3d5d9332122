"""LSUN: scenes in LMDB databases whose values are encoded pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from depth_anything.training.corpora.folder_tree import joined, walk_folders
from depth_anything.training.corpora.optional_library import optional_library
from depth_anything.training.corpora.pictures import PicturesReader
from depth_anything.training.corpora.reader import Fault, Item
from depth_anything.training.corpora.sample import Reason, SampleError

DATABASE_FILE = "data.mdb"

# LMDB lets a process open a database once, so all readers share what is open. Forked workers go on with their
# parent's: without lock and without writing it is a map of the file and nothing that two processes could disturb.
_open_databases: dict[Path, Any] = {}


class LsunReader(PicturesReader):
    """`<category>_train_lmdb/data.mdb`, or the tree of pictures that the data set's own tool exports.

    Values are WebP or JPEG whatever the documentation says, so they are decoded by content. Pictures are small: the
    shorter side has 256 pixels. Listing reads the keys of a database and not its pictures.

    Args:
        corpus: name of the corpus.
        root: folder of the databases.
        only: as for `PicturesReader`; by default the `_val_` databases are left out.

    Raises:
        CorpusError: there is no such folder, or `only` is no regular expression.
    """

    looked_for = "*_train_lmdb/data.mdb, or exported .webp and .jpg files"

    def __init__(self, corpus: str, root: str | os.PathLike[str], *, only: str = r"(?!.*_val_lmdb)") -> None:
        super().__init__(corpus, root, only=only)

    def _listed(self) -> Iterator[Item]:
        for folder, names in walk_folders(self.root):
            if DATABASE_FILE in names and self._only.match(folder):
                yield from self._entries(folder)
        yield from super()._listed()

    def _entries(self, folder: str) -> Iterator[Item]:
        try:
            with self._database(folder).begin() as transaction, transaction.cursor() as cursor:
                for key in cursor.iternext(values=False):
                    entry = key.hex()
                    yield Item(key=joined(folder, _shown(key)), path=folder or ".", entry=entry)
        except SampleError as error:
            path = joined(folder, DATABASE_FILE)
            yield Item(key=path, path=path, fault=Fault(error.reason, error.detail))

    def _image_bytes(self, item: Item) -> bytes:
        if not item.entry:
            return super()._image_bytes(item)
        with self._database(item.path).begin() as transaction:
            value = transaction.get(bytes.fromhex(item.entry))
        if value is None:
            raise SampleError(Reason.UNREADABLE_FILE, f"{item.path} has no entry {item.key}")
        return bytes(value)

    def _database(self, folder: str) -> Any:
        """The open database; raises a `SampleError` if it is damaged or cut off."""
        path = (self.root / folder).resolve()
        if path not in _open_databases:
            _open_databases[path] = _open(path)
        return _open_databases[path]


def _open(folder: Path) -> Any:
    library = optional_library("lmdb", "a corpus in an LMDB database")
    path = folder / DATABASE_FILE
    try:
        # No lock, so that a read-only disk will do; no read-ahead, because pictures are read in any order.
        database = library.open(str(folder), readonly=True, lock=False, readahead=False)
    except library.Error as error:
        raise SampleError(Reason.DAMAGED_ARCHIVE, str(error)) from error
    num_bytes = (database.info()["last_pgno"] + 1) * database.stat()["psize"]
    if path.stat().st_size < num_bytes:  # reading a map beyond the end of its file kills the process
        database.close()
        raise SampleError(Reason.DAMAGED_ARCHIVE, f"{path}: {path.stat().st_size} bytes of {num_bytes}, so cut off")
    return database


def _shown(key: bytes) -> str:
    return key.decode("ascii") if key.isascii() and key.decode("ascii").isprintable() else key.hex()
