"""The parts of an image that benchmarks look at, with the constants of the codes that made the published numbers.

Source: Zoe / Depth Anything `metric_depth/zoedepth/utils/misc.py` and BTS `pytorch/bts_eval.py`; the fractions go back
to Garg et al., arXiv:1603.04992, and Eigen et al., arXiv:1406.2283.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

NYU_EIGEN_BOX = (45, 471, 41, 601)  # pixels of a 480x640 map, and by Zoe's code of a map of any size
GARG_FRACTIONS = (0.40810811, 0.99189189, 0.03594771, 0.96405229)
KITTI_EIGEN_FRACTIONS = (0.3324324, 0.91351351, 0.0359477, 0.96405229)
BENCHMARK_HEIGHT, BENCHMARK_WIDTH = 352, 1216  # of KITTI's depth prediction benchmark


class Box(NamedTuple):
    """Pixels of a map, ends not included."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an image or map with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, window: Box) -> Box:
        """The same pixels counted from the corner of a window; those outside of it do not exist."""
        height, width = window.bottom - window.top, window.right - window.left
        return Box(
            min(max(self.top - window.top, 0), height),
            min(max(self.bottom - window.top, 0), height),
            min(max(self.left - window.left, 0), width),
            min(max(self.right - window.left, 0), width),
        )


class EvaluatedBox(str, Enum):
    """The part of the ground truth that counts."""

    WHOLE = "whole"
    NYU_EIGEN = "nyu_eigen"  # rows 45 to 471, columns 41 to 601
    GARG = "garg"  # fractions of the height and the width
    KITTI_EIGEN = "kitti_eigen"  # fractions of the height and the width

    def pixels(self, height: int, width: int) -> Box:
        """The pixels that count in a map of this size; those beyond its border do not exist."""
        if self is EvaluatedBox.GARG:
            return _fractions(GARG_FRACTIONS, height, width)
        if self is EvaluatedBox.KITTI_EIGEN:
            return _fractions(KITTI_EIGEN_FRACTIONS, height, width)
        if self is EvaluatedBox.NYU_EIGEN:
            top, bottom, left, right = NYU_EIGEN_BOX
            return Box(min(top, height), min(bottom, height), min(left, width), min(right, width))
        return Box(0, height, 0, width)


def benchmark_crop(height: int, width: int) -> Box:
    """The window of KITTI's benchmark: the lowest 352 rows, the middle 1216 columns.

    Raises:
        ValueError: the image is smaller.
    """
    if height < BENCHMARK_HEIGHT or width < BENCHMARK_WIDTH:
        raise ValueError(
            f"an image of {width}x{height} pixels is smaller than KITTI's benchmark crop, "
            f"{BENCHMARK_WIDTH}x{BENCHMARK_HEIGHT}; choose a protocol without that crop"
        )
    top = height - BENCHMARK_HEIGHT
    left = int((width - BENCHMARK_WIDTH) / 2)
    return Box(top, height, left, left + BENCHMARK_WIDTH)


def _fractions(fractions: tuple[float, float, float, float], height: int, width: int) -> Box:
    top, bottom, left, right = fractions
    return Box(int(top * height), int(bottom * height), int(left * width), int(right * width))
