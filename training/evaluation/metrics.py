"""The metrics of depth: every formula once, as the mean per image of a term per pixel.

All are as Zoe, DA2, monodepth2 and Marigold have them: natural logarithms, the ratio strictly below 1.25^k, the root
taken per image. A benchmark's number is the mean over its images with equal weight, never over pooled pixels.

Source: Eigen et al., arXiv:1406.2283, section 4.2. The codes agree but for SILog, of which both forms are here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from depth_anything.training.evaluation.scoring_rule import ErrorSpace

MetricType = TypeVar("MetricType", bound="Metric")
DELTA_THRESHOLDS = (1.25, 1.25**2, 1.25**3)


class PixelErrors(NamedTuple):
    """What is summed over the valid pixels of an image, each of the shape of the pixels, float64.

    As `ErrorMeans` the same names hold the means per image, (B,). All are 0 where prediction and truth agree.
    """

    relative: Tensor
    squared_relative: Tensor
    squared: Tensor
    log: Tensor
    absolute_log: Tensor
    squared_log: Tensor
    outside_delta1: Tensor
    outside_delta2: Tensor
    outside_delta3: Tensor


ErrorMeans = PixelErrors


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a metric is called and how its values read.

    Attributes:
        name: key in results.
        title: what tables print.
        higher_is_better: direction.
        unit: of values whose errors are taken in depth; "" for a plain number or share.
    """

    name: str
    title: str
    higher_is_better: bool
    unit: str = ""

    def unit_in(self, space: ErrorSpace) -> str:
        """The unit of values whose errors are taken in this space."""
        return f"1/{self.unit}" if self.unit == "m" and space is ErrorSpace.DISPARITY else self.unit


@dataclass(frozen=True, kw_only=True)
class PixelMetric(Metric):
    """A metric of maps; called with them it gives its value per image.

    Attributes:
        from_means: the value, (B,), of the means of the pixels' errors.
    """

    from_means: Callable[[ErrorMeans], Tensor]

    def __call__(self, prediction: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        """The value per image, (B,), float64; NaN for an image without a valid pixel.

        Args:
            prediction: where valid positive and finite, of the unit of `truth`; (B, H, W). Anything else is outside
                every delta and makes an error NaN or infinite; `score_images` gives such pixels a defined value first.
            truth: where valid positive and finite; (B, H, W).
            valid: pixels that count; bool, (B, H, W).
        """
        return self.from_means(mean_errors(prediction, truth, valid))


def pixel_errors(prediction: Tensor, truth: Tensor) -> PixelErrors:
    """The terms of every metric at every pixel, of positive float64 maps of any shape; one logarithm per pixel."""
    difference = torch.abs(prediction - truth)
    relative = difference / truth
    # The larger of both quotients, rounded once: a product with 1.25^k would round differently at the boundary.
    off_by = torch.maximum(prediction, truth) / torch.minimum(prediction, truth)
    absolute_log = torch.log(off_by)
    one = torch.ones_like(off_by)
    outside = [torch.where(off_by < threshold, 0.0, one) for threshold in DELTA_THRESHOLDS]
    return PixelErrors(
        relative,
        difference * relative,
        difference * difference,
        torch.where(prediction < truth, -absolute_log, absolute_log),
        absolute_log,
        absolute_log * absolute_log,
        *outside,
    )


def mean_errors(prediction: Tensor, truth: Tensor, valid: Tensor) -> ErrorMeans:
    """The mean over the valid pixels of each image, (B,), float64, of every term; NaN where there is none."""
    num_valid = valid.sum((-2, -1))
    truth = torch.where(valid, truth.double(), 1.0)
    prediction = torch.where(prediction > 0, prediction.double(), math.nan)
    prediction = torch.where(valid, prediction, 1.0)
    return ErrorMeans(*(term.sum((-2, -1)) / num_valid for term in pixel_errors(prediction, truth)))


def _silog(means: ErrorMeans, share: float) -> Tensor:
    # Rounding can leave the variance of a constant just below 0.
    return torch.sqrt((means.squared_log - share * means.log.square()).clamp(min=0))


def _error(name: str, title: str, from_means: Callable[[ErrorMeans], Tensor], unit: str = "") -> PixelMetric:
    return PixelMetric(name=name, title=title, higher_is_better=False, unit=unit, from_means=from_means)


def _accuracy(name: str, title: str, from_means: Callable[[ErrorMeans], Tensor]) -> PixelMetric:
    return PixelMetric(name=name, title=title, higher_is_better=True, from_means=from_means)


def _by_name(*metrics: MetricType) -> Mapping[str, MetricType]:
    return MappingProxyType({metric.name: metric for metric in metrics})


PIXEL_METRICS = _by_name(
    _error("abs_rel", "AbsRel", lambda means: means.relative),
    _error("sq_rel", "SqRel", lambda means: means.squared_relative, unit="m"),
    _error("rmse", "RMSE", lambda means: means.squared.sqrt(), unit="m"),
    _error("rmse_log", "RMSElog", lambda means: means.squared_log.sqrt()),
    _error("log10", "log10", lambda means: means.absolute_log / math.log(10)),
    _error("silog", "SILog", lambda means: 100 * _silog(means, 1), unit="1/100"),  # Zoe, Marigold
    _error("silog_half", "SILog (λ=0.5)", lambda means: _silog(means, 0.5)),  # V2's metric code
    _accuracy("delta1", "δ1", lambda means: 1 - means.outside_delta1),
    _accuracy("delta2", "δ2", lambda means: 1 - means.outside_delta2),
    _accuracy("delta3", "δ3", lambda means: 1 - means.outside_delta3),
)
METRICS = _by_name(
    *PIXEL_METRICS.values(),
    Metric(name="whdr", title="WHDR", higher_is_better=False),
    Metric(name="pairwise_accuracy", title="pairwise accuracy", higher_is_better=True),
    Metric(name="ordinal_accuracy", title="ordinal accuracy", higher_is_better=True),
)
