"""Pictures without labels: in folders, in tar files, or in tar files in tar files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import IO

from depth_anything.image_files import IMAGE_SUFFIXES
from depth_anything.training.corpora.folder_tree import joined, stem_of, walk_folders
from depth_anything.training.corpora.reader import CorpusError, Fault, Item, LastOpened, Reader
from depth_anything.training.corpora.sample import Reason, SampleError
from depth_anything.training.corpora.tar_members import (
    DAMAGED,
    is_archive,
    is_compressed,
    list_members,
    open_decompressed,
    without_archive_suffix,
)

DAMAGED_CONTENT = (*DAMAGED, ValueError)  # bz2 and lzma raise ValueError for some damage


class PicturesReader(Reader):
    """Every picture below a folder, by its ending, and every picture in the tar files there.

    A WebDataset is a folder of tar files, so it is read too. Keys are paths, those of a tar's members below the tar's
    name without ending. A tar that is damaged or cut off gives what lies before the damage, and one item that says so.

    An uncompressed tar is listed by jumps from header to header. A compressed one has to be inflated to be listed, and
    again to be read: an item says where its picture lies and holds no bytes of it, because `build_corpus` counts all
    items before it cuts them into shards, and goes through finished shards' items to see that they are still the same.
    For pictures, which hardly shrink, a pass takes 2.5 ms a megabyte, 0.4 ms a picture of Open Images; where that
    matters and the disk has room, `gunzip` of the archives saves it.

    Args:
        corpus: name of the corpus.
        root: folder of the data set.
        only: regular expression that a key has to match from its beginning, to leave out parts of a data set.

    Raises:
        CorpusError: there is no such folder, or `only` is no regular expression.
    """

    looked_for = f"files that end in {' '.join(sorted(IMAGE_SUFFIXES))}, and .tar, .tar.gz or .tgz files with such"

    def __init__(self, corpus: str, root: str | os.PathLike[str], *, only: str = "") -> None:
        super().__init__(corpus, root)
        try:
            self._only = re.compile(only)
        except re.error as error:
            raise CorpusError(f"corpus {corpus}: only is {only!r}, which is no regular expression: {error}") from None
        if only:
            self.looked_for = f"{self.looked_for}, whose path matches {only}"
        self._archive: LastOpened[IO[bytes]] = LastOpened(self._open_archive, _close)

    def _listed(self) -> Iterator[Item]:
        for folder, names in walk_folders(self.root):
            for name in names:
                if is_archive(name):
                    yield from self._members(joined(folder, name))
                elif self._is_wanted(joined(folder, name)):
                    yield Item(key=joined(folder, name), path=joined(folder, name))

    def _members(self, path: str) -> Iterator[Item]:
        key = without_archive_suffix(path)
        if (self.root / key).is_dir():
            raise CorpusError(
                f"corpus {self.corpus}: {self.root} has both {path} and the folder {key}, so that its pictures would "
                "count twice; move one of them away"
            )
        try:
            is_sequential = is_compressed(self.root / path)
            for member in list_members(self.root / path):
                if self._is_wanted(f"{key}/{member.name}"):
                    yield Item(
                        key=f"{key}/{member.name}",
                        path=path,
                        offset=member.offset,
                        size=member.size,
                        is_sequential=is_sequential,
                    )
        except DAMAGED_CONTENT as error:
            detail = f"{path}: {error or type(error).__name__}; what lies behind the damage is not read"
            yield Item(key=path, path=path, fault=Fault(Reason.DAMAGED_ARCHIVE, detail))

    def _is_wanted(self, key: str) -> bool:
        name = key.rpartition("/")[2]
        is_picture = name[len(stem_of(name)) :].lower() in IMAGE_SUFFIXES
        return is_picture and not name.startswith(".") and self._only.match(key) is not None

    def _image_bytes(self, item: Item) -> bytes:
        if item.size < 0:
            return super()._image_bytes(item)
        try:
            if item.is_sequential:
                data = self._read_sequentially(item)
            else:
                with (self.root / item.path).open("rb") as archive:
                    archive.seek(item.offset)
                    data = archive.read(item.size)
        except DAMAGED_CONTENT as error:
            self._archive.forget()
            raise SampleError(Reason.DAMAGED_ARCHIVE, f"{item.path}: {error or type(error).__name__}") from error
        if len(data) < item.size:
            raise SampleError(Reason.DAMAGED_ARCHIVE, f"{item.path}: cut off within {item.key}")
        return data

    def _read_sequentially(self, item: Item) -> bytes:
        """Bytes of a compressed archive, which stays open: the next item lies a little farther on."""
        archive = self._archive.get(item.path)
        archive.seek(item.offset)
        return archive.read(item.size)

    def _open_archive(self, path: str) -> IO[bytes]:
        return open_decompressed(self.root / path)


def _close(archive: IO[bytes]) -> None:
    archive.close()
