"""Frames of a benchmark: a picture, its depth and the pixels that count, read one at a time from a light list."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.reader import Item, Reader
from depth_anything.training.corpora.sample import LabelKind, Reason, Sample, SampleError


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One image of a benchmark.

    Attributes:
        image: RGB, uint8, (H, W, 3); where a protocol has the loader resize pictures, not of the depth's size.
        depth_m: z depth, float32, (H, W); 0 where there is none. Metres, or a unit of its own in folders whose labels
            are depth up to scale.
        valid: pixels that count; bool, (H, W).
        key: name of the frame, unique in its benchmark.
    """

    image: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    valid: NDArray[np.bool_]
    key: str


class FrameSource(ABC):
    """Frames by their number, from 0 on, in the same order on every machine; nothing is decoded before `read`.

    A source can be pickled, and each process opens its own files.

    Attributes:
        left_out: what was listed and cannot be a frame, such as KITTI's lines without depth: why, one line each.
    """

    left_out: tuple[str, ...] = ()

    @abstractmethod
    def __len__(self) -> int:
        """How many frames there are."""

    @abstractmethod
    def key(self, index: int) -> str:
        """Name of a frame."""

    @abstractmethod
    def read(self, index: int) -> Frame:
        """The frame.

        Raises:
            SampleError: its files are missing or damaged, or no pixel counts; the benchmark goes on without it.
        """


class ReaderFrames(FrameSource):
    """The frames of a corpus reader with depth.

    Args:
        reader: of the data set.

    Raises:
        CorpusError: the reader finds nothing.
        ValueError: its labels are no depth.
    """

    def __init__(self, reader: Reader) -> None:
        if not reader.kind.is_depth:
            raise ValueError(
                f"corpus {reader.corpus} has labels of kind {reader.kind.value}; a benchmark needs "
                f"{LabelKind.METRIC_DEPTH.value} or {LabelKind.DEPTH_UP_TO_SCALE.value}"
            )
        self.reader = reader
        self._items: list[Item] = []
        left_out = []
        for item in reader.items():
            if item.fault is None:
                self._items.append(item)
            else:
                left_out.append(item.fault.detail)
        self.left_out = tuple(left_out)

    def __len__(self) -> int:
        return len(self._items)

    def key(self, index: int) -> str:
        """Name of a frame."""
        return self._items[index].key

    def read(self, index: int) -> Frame:
        """The frame; errors as of `FrameSource.read`."""
        return frame_of(self.reader.decode(self.reader.load(self._items[index])))


def frame_of(sample: Sample) -> Frame:
    """The frame of a sample with depth.

    Raises:
        SampleError: it has no label.
    """
    if sample.label is None or sample.valid is None:
        raise SampleError(Reason.MISSING_LABEL, f"{sample.key} has no depth")
    return Frame(image=sample.image, depth_m=sample.label, valid=sample.valid, key=sample.key)
