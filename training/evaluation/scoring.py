"""Scores of a batch of predictions under one rule: alignment, range, and every metric per image, in float64.

What becomes of a prediction that is no depth (not finite, or 0 or less, after alignment) at a valid pixel; each is
counted in `num_penalised` and none is left out:

1. A disparity that was aligned is floored at 1 / max_depth_m (MiDaS): 0 and less become the largest depth.
2. Where the rule clips, depth is clipped to its range: +inf becomes max_depth_m, -inf, 0 and less min_depth_m, and so
   does NaN (Zoe). In disparity the same: NaN and +inf become 1 / min_depth_m.
3. What is still no depth takes the end of the range whose ratio to the truth is the larger. It is outside delta3
   wherever the range spans more than 1.25^6 = 3.8. The end of a range without max_depth_m is the image's largest true
   depth.

Pixels that are not finite take no part in the fit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from depth_anything.training.evaluation.alignment import (
    Fit,
    FitSpace,
    FitState,
    fit_median_ratio,
    fit_scale,
    fit_scale_and_shift,
    no_fit,
)
from depth_anything.training.evaluation.metrics import PIXEL_METRICS, ErrorMeans, pixel_errors
from depth_anything.training.evaluation.robust_alignment import fit_robust_scale_and_shift
from depth_anything.training.evaluation.row_sums import RowKernel, RowPass, sum_rows
from depth_anything.training.evaluation.scoring_rule import Alignment, ErrorSpace, PredictionKind, ScoringRule


@dataclass(frozen=True, kw_only=True)
class ImageScores:
    """Scores of B images.

    Attributes:
        values: metric name -> (B,), float64; NaN for an image without a valid pixel.
        scale, shift: what was fitted, (B,), float64; 1 and 0 without alignment; 1 / m in a disparity alignment.
        num_valid: valid pixels, (B,), int64.
        num_penalised: valid pixels whose prediction was no depth, (B,), int64.
        fit_state: values of `FitState`, (B,), int64.
    """

    values: Mapping[str, Tensor]
    scale: Tensor
    shift: Tensor
    num_valid: Tensor
    num_penalised: Tensor
    fit_state: Tensor

    @property
    def is_degenerate(self) -> Tensor:
        """Whether the fit of each image has a flaw that `reasons` names; bool, (B,)."""
        return self.fit_state != int(FitState.FITTED)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Per image why its fit is degenerate and what was done; "" where it is not."""
        return tuple(FitState(state).reason for state in self.fit_state.tolist())


@torch.no_grad()
def score_images(
    prediction: Tensor,
    depth_m: Tensor,
    valid: Tensor,
    kind: PredictionKind,
    rule: ScoringRule,
    *,
    row_pass: RowPass = RowPass.AUTO,
) -> ImageScores:
    """The scores of each image; see the module for predictions that are no depth.

    Args:
        prediction: at the size of the ground truth, (B, H, W); any float type.
        depth_m: metres, positive and finite where valid; (B, H, W).
        valid: pixels that count, with range, mask and crop of the protocol; bool, (B, H, W).
        kind: what `prediction` means. Metres under an alignment in disparity are inverted first.
        rule: alignment, range, error space.
        row_pass: how the sums are run. An image's scores depend neither on its batch nor on the number of threads.

    Raises:
        ValueError: shapes differ or are not (B, H, W), `valid` is not bool, a kind that the rule's alignment cannot
            bring to metres, or depth that is not positive and finite at a valid pixel.
    """
    rule.require_kind(kind)
    _require_batch(prediction, depth_m, valid)
    prediction, depth_m = (maps if maps.dtype == torch.float64 else maps.float() for maps in (prediction, depth_m))
    inverts = rule.alignment.is_in_disparity and kind is PredictionKind.METRIC_DEPTH
    fit = _fit(prediction, depth_m, valid, inverts, rule, row_pass)
    kernel = errors_kernel(inverts, rule.alignment.is_in_disparity, rule.error_space is ErrorSpace.DISPARITY)
    numbers = [fit.scale, fit.shift, *_range(depth_m, valid, rule)]
    *sums, penalised, wrong, num_valid = sum_rows(kernel, [prediction, depth_m, valid], numbers, row_pass)
    if wrong.any():
        raise ValueError(
            f"depth_m is 0, negative or not finite at {int(wrong.sum())} pixels that count as valid; valid has to be "
            "False there"
        )
    means = ErrorMeans(*(each / num_valid for each in sums))
    return ImageScores(
        values={name: metric.from_means(means) for name, metric in PIXEL_METRICS.items()},
        scale=fit.scale,
        shift=fit.shift,
        num_valid=num_valid.long(),
        num_penalised=penalised.long(),
        fit_state=fit.state,
    )


@torch.no_grad()
def compared_maps(
    prediction: Tensor, depth_m: Tensor, valid: Tensor, scores: ImageScores, kind: PredictionKind, rule: ScoringRule
) -> tuple[Tensor, Tensor]:
    """What `score_images` compared at each pixel: aligned prediction and truth, in the space of the errors.

    Args:
        prediction: as of `score_images`, and so are `depth_m`, `valid`, `kind` and `rule`.
        depth_m: its truth.
        valid: pixels that count; the others hold no meaning in the result.
        scores: what `score_images` gave for these maps.
        kind: of the prediction.
        rule: by which they were scored.

    Returns:
        Two maps (B, H, W), float64; metres, or 1 / m for errors of disparity.
    """
    in_disparity, errors_in_disparity = rule.alignment.is_in_disparity, rule.error_space is ErrorSpace.DISPARITY
    inverts = in_disparity and kind is PredictionKind.METRIC_DEPTH
    numbers = [scores.scale, scores.shift, *_range(depth_m.float(), valid, rule)]
    scale, shift, *bounds = (number[:, None, None] for number in numbers)
    truth = depth_m.double()
    usable = _usable(_aligned(prediction, scale, shift, inverts), truth, *bounds)
    value = usable if in_disparity == errors_in_disparity else 1 / usable
    return value, 1 / truth if errors_in_disparity else truth


def _require_batch(prediction: Tensor, depth_m: Tensor, valid: Tensor) -> None:
    shapes = [tuple(maps.shape) for maps in (prediction, depth_m, valid)]
    if len(set(shapes)) > 1 or len(shapes[0]) != 3 or valid.dtype != torch.bool or prediction.is_complex():
        raise ValueError(
            f"prediction, depth_m and valid are {', '.join(map(str, shapes))} of {prediction.dtype}, {depth_m.dtype} "
            f"and {valid.dtype}; all three have to be (B, H, W), the last one bool"
        )


def _fit(
    prediction: Tensor, depth_m: Tensor, valid: Tensor, inverts: bool, rule: ScoringRule, row_pass: RowPass
) -> Fit:
    if rule.alignment is Alignment.NONE:
        return no_fit(prediction)
    if rule.alignment is Alignment.MEDIAN_RATIO:
        return fit_median_ratio(prediction, depth_m, valid)
    if rule.alignment is Alignment.SCALE:
        return fit_scale(prediction, depth_m, valid, row_pass=row_pass)
    space = FitSpace(
        inverts_prediction=inverts,
        inverts_truth=rule.alignment.is_in_disparity,
        positive_only=rule.fits_positive_only,
    )
    if rule.alignment in (Alignment.SCALE_SHIFT_DISPARITY, Alignment.SCALE_SHIFT_DEPTH):
        return fit_scale_and_shift(prediction, depth_m, valid, space, row_pass=row_pass)
    return fit_robust_scale_and_shift(prediction, depth_m, valid, space)


def _range(depth_m: Tensor, valid: Tensor, rule: ScoringRule) -> list[Tensor]:
    """Bounds, what NaN becomes, both ends of the range, all in the fit's space, and the depth between the ends."""
    if math.isinf(rule.max_depth_m):
        farthest = torch.where(valid, depth_m, 0.0).amax((-2, -1)).double()
        farthest = torch.where(farthest > 0, farthest, 1.0)  # an image without truth has no errors either
    else:
        farthest = torch.full((len(depth_m),), rule.max_depth_m, dtype=torch.float64, device=depth_m.device)
    nearest = torch.full_like(farthest, rule.lowest_depth_m)
    between = torch.sqrt(nearest * farthest)
    nothing = torch.full_like(nearest, math.nan)
    if rule.alignment.is_in_disparity:
        upper = 1 / nearest if rule.clips_prediction else nothing
        return [1 / farthest, upper, upper, 1 / nearest, 1 / farthest, between]
    if not rule.clips_prediction:
        return [nothing, nothing, nothing, nearest, farthest, between]
    return [nearest, torch.full_like(nearest, rule.max_depth_m), nearest, nearest, farthest, between]


@functools.cache
def errors_kernel(inverts_prediction: bool, fit_in_disparity: bool, errors_in_disparity: bool) -> RowKernel:
    """Kernel of the sums of all errors, of penalised pixels, of valid pixels without true depth, and of valid pixels.

    Args:
        inverts_prediction: whether 1 / prediction is aligned, which is NaN for a prediction that is no depth.
        fit_in_disparity: whether scale and shift lead to disparity.
        errors_in_disparity: whether errors are taken there.
    """

    def errors(
        prediction: Tensor, depth_m: Tensor, valid: Tensor, scale: Tensor, shift: Tensor,
        lower: Tensor, upper: Tensor, for_nan: Tensor, nearest: Tensor, farthest: Tensor, between_m: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        weight = valid.float().double()
        depth = torch.where(weight == 1, depth_m.double(), 1.0)
        aligned = _aligned(prediction, scale, shift, inverts_prediction)
        usable = _usable(aligned, depth, lower, upper, for_nan, nearest, farthest, between_m)
        value = usable if fit_in_disparity == errors_in_disparity else 1 / usable
        terms = [
            *pixel_errors(torch.where(weight == 1, value, 1.0), 1 / depth if errors_in_disparity else depth),
            _where_depth(aligned, 0.0, weight),
            _where_depth(depth, 0.0, weight),
            weight,
        ]
        return tuple(term.sum(-1) for term in terms)

    return errors


def _aligned(prediction: Tensor, scale: Tensor, shift: Tensor, inverts: bool) -> Tensor:
    """Predictions in the space of the fit; NaN where one that is to be inverted is no depth."""
    raw = prediction.double()
    return scale * (_where_depth(raw, 1 / raw, math.nan) if inverts else raw) + shift


def _usable(
    aligned: Tensor, depth_m: Tensor,
    lower: Tensor, upper: Tensor, for_nan: Tensor, nearest: Tensor, farthest: Tensor, between_m: Tensor,
) -> Tensor:  # fmt: skip
    """Aligned predictions with what is no depth replaced, as the module says; numbers as of `_range`."""
    usable = torch.where(aligned == aligned, aligned, for_nan)
    usable = torch.where(usable < lower, lower, usable)  # a bound that is NaN bounds nothing
    usable = torch.where(usable > upper, upper, usable)
    worst = torch.where(depth_m > between_m, nearest, farthest)  # of which the ratio to the truth is the larger
    return _where_depth(usable, usable, worst)


def _where_depth(values: Tensor, yes: Tensor | float, no: Tensor | float) -> Tensor:
    # Two selections in place of one by a conjunction, which compiled loops take in whole numbers and back.
    return torch.where(values > 0, torch.where(values < math.inf, yes, no), no)
