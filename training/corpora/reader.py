"""A corpus as it was downloaded: cheap items in a fixed order, and for each item a raw sample."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from depth_anything.output_records import printable
from depth_anything.training.corpora.label_files import read_bytes
from depth_anything.training.corpora.sample import LabelKind, RawSample, Reason, Sample, SampleError
from depth_anything.training.corpora.sample_decoding import decode_sample

Handle = TypeVar("Handle")


class CorpusError(ValueError):
    """The corpus as a whole cannot be read as it was given; the message says what to change."""


class Fault(NamedTuple):
    """What listing already knows to be wrong with an item; loading it raises the `SampleError` of this."""

    reason: Reason
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """Where one sample lies; small, picklable, and good for every reader of the same corpus and options.

    Attributes:
        key: name of the sample, unique unless the corpus itself names a file twice, as a list may.
        path: the file with the picture, below the corpus' root: a picture, an archive, a video, a database.
        label_path: the file with the label, if there is one.
        mask_path: the file with the label's confidence or mask, where the data set has one.
        offset, size: bytes of the picture in the archive, decompressed if it is compressed; size is -1 for a whole
            file.
        entry: what locates the picture in a database (its key), a video (number of the frame) or a Hub set (row).
        label_scale: what one unit of the label file is worth, where the list of pairs says it for each.
        is_sequential: reading items of this `path` in another order than the listed one is slow, as in a compressed
            archive; let one worker read all of them.
        fault: set where listing found that there is no such sample to load.
    """

    key: str
    path: str
    label_path: str = ""
    mask_path: str = ""
    offset: int = 0
    size: int = -1
    entry: str = ""
    label_scale: float | None = None
    is_sequential: bool = False
    fault: Fault | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Label:
    """A decoded label, as in `RawSample`; values where not valid do not matter."""

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]
    sky: NDArray[np.bool_] | None = None


class Reader(ABC):
    """One corpus below one folder.

    A reader holds no list of files and can be pickled at any time; each process opens its own archives, and in a
    process one thread reads. Readers of one data set add where its files lie (`_listed`) and what their numbers mean
    (`_label`).

    Args:
        corpus: name of the corpus, for samples and errors.
        root: folder of the corpus.

    Raises:
        CorpusError: there is no such folder.
    """

    kind: LabelKind = LabelKind.NONE
    looked_for: str = ""  # what the files look like, for the error of an empty corpus
    min_valid_share = 0.0  # samples with this share of labelled pixels or less are refused

    def __init__(self, corpus: str, root: str | os.PathLike[str]) -> None:
        self.corpus = corpus
        self.root = Path(root).expanduser()
        self._check_root()

    def items(self) -> Iterator[Item]:
        """Every sample of the corpus, in the same order on every machine; found while they are asked for.

        Raises:
            CorpusError: there is none, or a folder or list cannot be read.
        """
        is_empty = True
        for item in self._listed():
            is_empty = False
            # Names on disk and in archives may be no UTF-8, which no shard can hold.
            yield item if item.key.isascii() else replace(item, key=printable(item.key))
        if is_empty:
            raise CorpusError(
                f"corpus {self.corpus}: nothing found in {self.root}; looked for {self.looked_for}. "
                "Pass the folder that holds the data set as it was unpacked"
            )

    def load(self, item: Item) -> RawSample:
        """The sample, its picture still encoded and its label decoded.

        Raises:
            SampleError: this item cannot be used; the corpus goes on without it.
            MissingLibraryError: its format needs a library that is not installed.
        """
        if item.fault is not None:
            raise SampleError(*item.fault)
        label = self._label(item)
        image_bytes = self._image_bytes(item)
        if label is None:
            return RawSample(image_bytes=image_bytes, kind=self.kind, corpus=self.corpus, key=item.key)
        share = float(label.valid.mean())
        has_sky = label.sky is not None and bool(label.sky.any())
        if share <= self.min_valid_share and not has_sky:
            raise SampleError(Reason.EMPTY_LABEL, f"{item.label_path}: {share:.2%} of its pixels have a label")
        return RawSample(
            image_bytes=image_bytes,
            label=np.where(label.valid, label.values, np.float32(0)),
            valid=label.valid,
            sky=label.sky,
            kind=self.kind,
            corpus=self.corpus,
            key=item.key,
        )

    def decode(self, raw: RawSample) -> Sample:
        """The sample with its picture as RGB: `decode_sample`, the same for every corpus.

        Raises:
            SampleError: the picture is damaged, too large or too small, or not of the label's size.
        """
        return decode_sample(raw)

    @abstractmethod
    def _listed(self) -> Iterator[Item]:
        """The items, sorted."""

    def _label(self, item: Item) -> Label | None:
        return None

    def _image_bytes(self, item: Item) -> bytes:
        return read_bytes(self.root / item.path)

    def _check_root(self) -> None:
        if not self.root.is_dir():
            what = "is no folder" if self.root.exists() else "does not exist"
            raise CorpusError(
                f"corpus {self.corpus}: {self.root} {what}; pass the folder that holds the data set as it was unpacked"
            )


@dataclass
class LastOpened(Generic[Handle]):
    """The file that was opened last, kept open for the next item, by one process.

    Pickling forgets it, and so does a fork: two processes that read through one handle move each other's position.
    """

    open_file: Callable[[str], Handle]
    close: Callable[[Handle], None]
    _opened: tuple[int, str, Handle] | None = field(default=None, init=False)

    def get(self, path: str) -> Handle:
        """The open file."""
        if self._opened is not None and self._opened[:2] == (os.getpid(), path):
            return self._opened[2]
        self.forget()
        handle = self.open_file(path)
        self._opened = (os.getpid(), path, handle)
        return handle

    def forget(self) -> None:
        """Close the file; what a parent process opened is left to the parent."""
        if self._opened is not None and self._opened[0] == os.getpid():
            self.close(self._opened[2])
        self._opened = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_opened": None}
