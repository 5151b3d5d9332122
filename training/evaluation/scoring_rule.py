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

    @property
    def is_in_disparity(self) -> bool:
        """Whether prediction and truth meet as inverse depth."""
        return self in (Alignment.SCALE_SHIFT_DISPARITY, Alignment.ROBUST_SCALE_SHIFT_DISPARITY)

    @property
    def fits_a_shift(self) -> bool:
        """Whether scale and shift are both unknown before the fit."""
        return self not in (Alignment.NONE, Alignment.MEDIAN_RATIO, Alignment.SCALE)


class ErrorSpace(str, Enum):
    """Which of the two quantities the errors are taken of."""

    DEPTH = "depth"  # metres, after inversion of an aligned disparity
    DISPARITY = "disparity"  # 1 / metres, without going back to depth


# Marigold clips every depth to at least this before it takes errors, and so does a rule without a range here.
LOWEST_DEPTH_M = 1e-6


@dataclass(frozen=True, kw_only=True)
class ScoringRule:
    """What is done to one prediction, and where the errors are taken.

    Attributes:
        alignment: what is fitted to each image.
        error_space: what the errors are taken of.
        min_depth_m, max_depth_m: range that aligned predictions are clipped to where `clips_prediction`. An aligned
            disparity is floored at 1 / max_depth_m in any case, so that it has an inverse; without a finite
            max_depth_m the floor is 1 / the largest true depth of the image (MoGe).
        clips_prediction: whether predicted depth is clipped to the range.
        fits_positive_only: whether pixels with a prediction of 0 or less are left out of the fit (Marigold, for
            disparity); they are scored all the same.

    Raises:
        ValueError: a range that is empty, or that has no number.
    """

    alignment: Alignment
    error_space: ErrorSpace = ErrorSpace.DEPTH
    min_depth_m: float = 1e-3
    max_depth_m: float = math.inf
    clips_prediction: bool = True
    fits_positive_only: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.min_depth_m < self.max_depth_m and self.max_depth_m > LOWEST_DEPTH_M):
            raise ValueError(
                f"min_depth_m is {self.min_depth_m!r} and max_depth_m {self.max_depth_m!r}; the first has to be at "
                "least 0 and below the second, in metres"
            )

    @property
    def lowest_depth_m(self) -> float:
        """The lower end of the range, above 0."""
        return max(self.min_depth_m, LOWEST_DEPTH_M)

    def require_kind(self, kind: PredictionKind) -> None:
        """Nothing, where predictions of this kind can be aligned as the rule says.

        Raises:
            ValueError: they cannot, with the reason and what to take instead.
        """
        wanted = {
            PredictionKind.RELATIVE_DISPARITY: (
                "disparity of unknown scale and shift",
                lambda alignment: alignment.is_in_disparity,
            ),
            PredictionKind.RELATIVE_DEPTH: (
                "depth of unknown scale and shift",
                lambda alignment: alignment.fits_a_shift and not alignment.is_in_disparity,
            ),
            PredictionKind.METRIC_DEPTH: ("metres", lambda alignment: True),
        }
        meaning, is_allowed = wanted[PredictionKind(kind)]
        if not is_allowed(self.alignment):
            allowed = " or ".join(alignment.value for alignment in Alignment if is_allowed(alignment))
            raise ValueError(
                f"a prediction of kind {PredictionKind(kind).value} is {meaning}, which alignment "
                f"{self.alignment.value} cannot bring to metres; take a protocol whose alignment is {allowed}, or a "
                "model of another kind"
            )
