"""The metrics of depth: every formula once, as the mean per image of a term per pixel.

All are as Zoe, DA2, monodepth2 and Marigold have them: natural logarithms, the ratio strictly below 1.25^k, the root
taken per image. A benchmark's number is the mean over its images with equal weight, never over pooled pixels.

Source: Eigen et al., arXiv:1406.2283, section 4.2. The codes agree but for SILog, of which both forms are here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from depth_anything.training.evaluation.scoring_rule import ErrorSpace

DELTA_BASE = 1.25


class PixelErrors(NamedTuple):
    """What is summed over the valid pixels of an image; each of the shape of the pixels, float64.

    As `ErrorMeans` the same names hold the means per image, (B,).
    """

    relative: Tensor
    squared_relative: Tensor
    squared: Tensor
    log: Tensor
    absolute_log: Tensor
    squared_log: Tensor
    within_delta1: Tensor
    within_delta2: Tensor
    within_delta3: Tensor


ErrorMeans = PixelErrors


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric; called with maps it gives its value per image.

    Attributes:
        name: key in results.
        title: what tables print.
        higher_is_better: direction.
        unit: power of the metre in depth (its inverse in disparity) times `factor_unit`; "" for a plain number.
        from_means: the value, (B,), of the means of the pixels' errors.
    """

    name: str
    title: str
    higher_is_better: bool
    unit: str = ""
    from_means: Callable[[ErrorMeans], Tensor]

    def unit_in(self, space: ErrorSpace) -> str:
        """The unit of values whose errors are taken in this space."""
        return f"1/{self.unit}" if self.unit == "m" and space is ErrorSpace.DISPARITY else self.unit

    def __call__(self, prediction: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        """The value per image, (B,), float64; NaN for an image without a valid pixel.

        Args:
            prediction: positive and finite where valid, of the unit of `truth`; (B, H, W). A value that is not
                finite makes the image's value non-finite, and one of 0 or less is never within delta: nothing is
                left out. `score_images` gives such pixels a defined value first.
            truth: positive and finite where valid; (B, H, W).
            valid: pixels that count; bool, (B, H, W).
        """
        return self.from_means(mean_errors(prediction, truth, valid))


def pixel_errors(prediction: Tensor, truth: Tensor) -> PixelErrors:
    """The terms of every metric at every pixel, of float64 maps of any shape; one logarithm per pixel."""
    difference = torch.abs(prediction - truth)
    relative = difference / truth
    ratio = prediction / truth
    log = torch.log(ratio)
    # The larger of both quotients, each divided out: a product with 1.25^k would round differently at the boundary.
    off_by = torch.where(prediction > 0, torch.maximum(ratio, truth / prediction), math.inf)
    return PixelErrors(
        relative=relative,
        squared_relative=difference * relative,
        squared=difference * difference,
        log=log,
        absolute_log=torch.abs(log),
        squared_log=log * log,
        within_delta1=(off_by < DELTA_BASE).double(),
        within_delta2=(off_by < DELTA_BASE**2).double(),
        within_delta3=(off_by < DELTA_BASE**3).double(),
    )


def mean_errors(prediction: Tensor, truth: Tensor, valid: Tensor) -> ErrorMeans:
    """The mean over the valid pixels of each image, (B,), float64, of every term; NaN where there is none."""
    num_valid = valid.sum((-2, -1))
    terms = pixel_errors(prediction.double(), truth.double())
    return ErrorMeans(*(torch.where(valid, term, 0.0).sum((-2, -1)) / num_valid for term in terms))


def _silog(means: ErrorMeans, share: float) -> Tensor:
    # Rounding can leave the variance of a constant just below 0.
    return torch.sqrt((means.squared_log - share * means.log.square()).clamp(min=0))


_ALL = (
    Metric(name="abs_rel", title="AbsRel", higher_is_better=False, from_means=lambda means: means.relative),
    Metric(
        name="sq_rel", title="SqRel", higher_is_better=False, unit="m", from_means=lambda means: means.squared_relative
    ),
    Metric(name="rmse", title="RMSE", higher_is_better=False, unit="m", from_means=lambda means: means.squared.sqrt()),
    Metric(
        name="rmse_log", title="RMSElog", higher_is_better=False, from_means=lambda means: means.squared_log.sqrt()
    ),
    Metric(
        name="log10",
        title="log10",
        higher_is_better=False,
        from_means=lambda means: means.absolute_log / math.log(10),
    ),
    Metric(  # Zoe, Marigold
        name="silog",
        title="SILog",
        higher_is_better=False,
        unit="1/100",
        from_means=lambda means: 100 * _silog(means, 1),
    ),
    Metric(  # the metric code of V2
        name="silog_half", title="SILog (0.5)", higher_is_better=False, from_means=lambda means: _silog(means, 0.5)
    ),
    Metric(name="delta1", title="δ1", higher_is_better=True, from_means=lambda means: means.within_delta1),
    Metric(name="delta2", title="δ2", higher_is_better=True, from_means=lambda means: means.within_delta2),
    Metric(name="delta3", title="δ3", higher_is_better=True, from_means=lambda means: means.within_delta3),
)
METRICS = MappingProxyType({metric.name: metric for metric in _ALL})
