"""Pictures with pairs of points of which one is nearer, and where people said which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.sample import Reason, SampleError


@dataclass(frozen=True, kw_only=True, eq=False)
class PointPairs:
    """One image of a benchmark of point pairs.

    Attributes:
        image: RGB, uint8, (H, W, 3).
        points: (row, column) of the first and the second point of each pair, pixels of the image, from 0; int64,
            (K, 2, 2).
        is_first_nearer: bool, (K,).
        scene: what the benchmark reports on its own, such as "indoor"; "" where there is nothing of the kind.
        key: name of the image, unique in its benchmark.
    """

    image: NDArray[np.uint8]
    points: NDArray[np.int64]
    is_first_nearer: NDArray[np.bool_]
    scene: str
    key: str


class PairSource(ABC):
    """Images with point pairs by their number, in a fixed order; nothing is decoded before `read`.

    Attributes:
        left_out: what was listed and cannot be used: why, one line each.
    """

    left_out: tuple[str, ...] = ()

    @property
    @abstractmethod
    def num_pairs(self) -> int:
        """Pairs of all images."""

    @abstractmethod
    def __len__(self) -> int:
        """How many images there are."""

    @abstractmethod
    def key(self, index: int) -> str:
        """Name of an image."""

    @abstractmethod
    def read(self, index: int) -> PointPairs:
        """The image with its pairs.

        Raises:
            SampleError: the picture is missing or damaged, or a point lies outside of it.
        """


def require_inside(points: NDArray[np.int64], image: NDArray[np.uint8], name: str) -> None:
    """Refuse points outside of their image.

    Raises:
        SampleError: there is one.
    """
    height, width = image.shape[:2]
    if ((points < 0) | (points >= (height, width))).any():
        raise SampleError(
            Reason.DAMAGED_LABEL, f"{name}: {points.tolist()} (row, column) are not all in {width}x{height} pixels"
        )
