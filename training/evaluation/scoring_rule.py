"""How one prediction is compared with its ground truth: what it means, how it is aligned, in which space it errs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


class PredictionKind(str, Enum):
    """What the numbers of a prediction mean."""

    RELATIVE_DISPARITY = "relative_disparity"  # inverse depth of unknown scale and shift
    RELATIVE_DEPTH = "relative_depth"  # depth of unknown scale and shift
    METRIC_DEPTH = "metric_depth"  # metres


class Alignment(str, Enum):
    """What is fitted to the ground truth of each image before errors are taken."""

    NONE = "none"
    MEDIAN_RATIO = "median_ratio"  # depth times median(truth) / median(prediction)
    SCALE = "scale"  # depth times the least-squares scale
    SCALE_SHIFT_DISPARITY = "scale_shift_disparity"  # least squares in disparity (MiDaS)
    SCALE_SHIFT_DEPTH = "scale_shift_depth"  # least squares in depth (Marigold)
    ROBUST_SCALE_SHIFT_DISPARITY = "robust_scale_shift_disparity"  # least absolute deviations, in disparity
    ROBUST_SCALE_SHIFT_DEPTH = "robust_scale_shift_depth"  # least absolute deviations weighted 1 / depth (MoGe)


class ErrorSpace(str, Enum):
    """Which of the two quantities the errors are taken of."""

    DEPTH = "depth"  # metres, after inversion of an aligned disparity
    DISPARITY = "disparity"  # 1 / metres, without going back to depth


@dataclass(frozen=True, kw_only=True)
class ScoringRule:
    """What is done to one prediction, and where the errors are taken.

    Attributes:
        alignment: what is fitted to each image.
        error_space: what the errors are taken of.
        min_depth_m, max_depth_m: range that aligned predictions are clipped to where `clips_prediction`; an aligned
            disparity is floored at 1 / max_depth_m in any case, so that it has an inverse.
        clips_prediction: whether predicted depth is clipped to the range.

    Raises:
        ValueError: a range that is empty, or not finite where it is needed.
    """

    alignment: Alignment
    error_space: ErrorSpace = ErrorSpace.DEPTH
    min_depth_m: float = 1e-3
    max_depth_m: float = math.inf
    clips_prediction: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.min_depth_m < self.max_depth_m:
            raise ValueError(
                f"min_depth_m is {self.min_depth_m!r} and max_depth_m {self.max_depth_m!r}; the first has to be at "
                "least 0 and below the second, in metres"
            )
