"""Alignment of predictions with their ground truth, per image: scale and shift in closed form, in float64."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

from depth_anything.training.evaluation.row_sums import RowKernel, RowPass, sum_rows

# Below this share of its mean the deviation of a prediction is rounding: float64 keeps 16 digits.
FLATNESS = 1e-13
# Pixels along a side of the grid that gives a first guess of the means.
PIVOT_GRID = 64


class FitState(IntEnum):
    """How the fit of an image went; what is not FITTED is degenerate."""

    FITTED = 0
    TOO_FEW_PIXELS = 1
    FLAT_PREDICTION = 2
    NOT_POSITIVE = 3

    @property
    def reason(self) -> str:
        """What went wrong and what was done, for people; "" for a good fit."""
        return _REASONS[self]


_REASONS = {
    FitState.FITTED: "",
    FitState.TOO_FEW_PIXELS: "fewer than 2 pixels to fit: scale 0 and the truth's mean as shift (scale and shift 0 of "
    "none)",
    FitState.FLAT_PREDICTION: "the prediction is flat: scale 0 and the truth's mean as shift, or 0 without a shift",
    FitState.NOT_POSITIVE: "the scale is 0 or negative, so near and far are exchanged; the optimum stands",
}


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Scale and shift that bring predictions to their truth: scale * prediction + shift.

    Attributes:
        scale, shift: (B,), float64; in the space of the fit, 1 / m for disparity.
        state: values of `FitState`, (B,), int64.
    """

    scale: Tensor
    shift: Tensor
    state: Tensor

    def reasons(self) -> tuple[str, ...]:
        """Per image why its fit is degenerate; "" where it is not."""
        return tuple(FitState(state).reason for state in self.state.tolist())


@dataclass(frozen=True, kw_only=True)
class FitSpace:
    """In which quantities prediction and truth meet, and which pixels take part.

    Attributes:
        inverts_prediction: fit 1 / prediction; a prediction of 0 or less is left out.
        inverts_truth: fit to 1 / truth.
        positive_only: leave out predictions of 0 or less in any case.
    """

    inverts_prediction: bool = False
    inverts_truth: bool = False
    positive_only: bool = False

    def pixels(self, prediction: Tensor, truth: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Prediction and truth as they meet, and 1 for the pixels that take part, 0 for the others; float64.

        Args:
            prediction: any shape.
            truth: of that shape, positive and finite where valid.
            valid: bool, or numbers 1 and 0.
        """
        x, y = prediction.double(), truth.double()
        used = torch.where(x - x == 0, valid.float().double(), 0.0)  # of what is not finite the difference is NaN
        if self.inverts_prediction or self.positive_only:
            used = torch.where(x > 0, used, 0.0)
        return 1 / x if self.inverts_prediction else x, 1 / y if self.inverts_truth else y, used


AS_GIVEN = FitSpace()


def no_fit(prediction: Tensor) -> Fit:
    """Scale 1 and shift 0 for each image of `prediction`, (B, H, W)."""
    ones = torch.ones(len(prediction), dtype=torch.float64, device=prediction.device)
    return Fit(scale=ones, shift=torch.zeros_like(ones), state=torch.zeros_like(ones, dtype=torch.int64))


def fit_scale_and_shift(
    prediction: Tensor,
    truth: Tensor,
    valid: Tensor,
    space: FitSpace = AS_GIVEN,
    *,
    row_pass: RowPass = RowPass.AUTO,
) -> Fit:
    """The least-squares scale and shift of each image.

    The sums are taken of deviations from values near the means, so that an offset of the prediction costs no digits.

    Args:
        prediction: (B, H, W); pixels that are not finite are left out of the fit.
        truth: (B, H, W), positive and finite where valid.
        valid: pixels that count; bool, (B, H, W).
        space: in which quantities they meet.
        row_pass: how the sums are run.

    A flat prediction gets scale 0 and the mean truth as shift: what least squares leaves of it. One pixel likewise;
    no pixel gets 0 and 0. A negative scale stands and is reported.
    Source: MiDaS, arXiv:1907.01341, section 5, equation 4. Differs: MiDaS' evaluation gives scale and shift 0 to
    a flat prediction.
    """
    maps = [prediction, truth, valid]
    pivot_x, pivot_y = _typical_values(prediction, truth, valid, space)
    num_used, sum_x, sum_y, squares, products = sum_rows(moments_kernel(space), maps, [pivot_x, pivot_y], row_pass)
    off_x, off_y = sum_x / num_used, sum_y / num_used
    spread, covariance = squares - sum_x * off_x, products - sum_x * off_y
    mean_x, mean_y = pivot_x + off_x, pivot_y + off_y
    is_flat = spread <= num_used * (FLATNESS * mean_x).square()
    scale = torch.where(is_flat | (num_used < 2), 0.0, covariance / spread)
    shift = torch.where(num_used > 0, mean_y - scale * mean_x, 0.0)
    return Fit(scale=scale, shift=shift, state=fit_state(num_used, is_flat, scale))


def _typical_values(prediction: Tensor, truth: Tensor, valid: Tensor, space: FitSpace) -> tuple[Tensor, Tensor]:
    """A value amid those of prediction and of truth, (B,): means over a grid of pixels, of all where it has none."""
    steps = [max(side // PIVOT_GRID, 1) for side in prediction.shape[-2:]]
    num_used = torch.zeros(len(prediction), dtype=torch.float64, device=prediction.device)
    sums = [num_used, num_used]
    for row_step, column_step in (steps, (1, 1)):
        if (num_used > 0).all():
            break
        grid = [maps[:, ::row_step, ::column_step] for maps in (prediction, truth, valid)]
        is_open = num_used == 0
        x, y, used = space.pixels(*grid)
        added = [torch.where(used == 1, values, 0.0).sum(-1).sum(-1) for values in (x, y, used)]
        *sums, num_used = (torch.where(is_open, new, old) for new, old in zip(added, [*sums, num_used], strict=True))
    return sums[0] / num_used.clamp(min=1), sums[1] / num_used.clamp(min=1)


def fit_scale(prediction: Tensor, truth: Tensor, valid: Tensor, *, row_pass: RowPass = RowPass.AUTO) -> Fit:
    """The least-squares scale of each image, without shift; arguments as of `fit_scale_and_shift`.

    A prediction of zeros gets scale 0.
    """
    num_used, product, square = sum_rows(products_kernel, [prediction, truth, valid], [], row_pass)
    is_flat = square == 0
    scale = torch.where(is_flat, 0.0, product / square)
    return Fit(scale=scale, shift=torch.zeros_like(scale), state=fit_state(num_used, is_flat, scale, num_needed=1))


def fit_median_ratio(prediction: Tensor, truth: Tensor, valid: Tensor) -> Fit:
    """The ratio of the medians of truth and prediction; arguments as of `fit_scale_and_shift`.

    Of an even number of pixels the median is the mean of the middle two, as NumPy's. A median of 0 gets scale 0.
    Source: Zhou et al., arXiv:1704.07813, section 4.1; monodepth2 evaluate_depth.py.
    """
    used = valid & torch.isfinite(prediction)
    medians = torch.stack(
        [torch.stack([_median(p[u]), _median(t[u])]) for p, t, u in zip(prediction, truth, used, strict=True)]
    )
    num_used = used.sum((-2, -1))
    is_flat = medians[:, 0] == 0
    scale = torch.where(is_flat | (num_used == 0), 0.0, medians[:, 1] / medians[:, 0])
    return Fit(scale=scale, shift=torch.zeros_like(scale), state=fit_state(num_used, is_flat, scale, num_needed=1))


def _median(values: Tensor) -> Tensor:
    if not len(values):
        return torch.zeros((), dtype=torch.float64, device=values.device)
    middle = [values.kthvalue(place).values.double() for place in ((len(values) + 1) // 2, len(values) // 2 + 1)]
    return (middle[0] + middle[1]) / 2


@functools.cache
def moments_kernel(space: FitSpace) -> RowKernel:
    """Kernel of the number of pixels and the sums of deviations from the pivots, their squares and products."""

    def moments(
        prediction: Tensor, truth: Tensor, valid: Tensor, pivot_x: Tensor, pivot_y: Tensor
    ) -> tuple[Tensor, ...]:
        x, y, used = space.pixels(prediction, truth, valid)
        off_x, off_y = torch.where(used == 1, x - pivot_x, 0.0), torch.where(used == 1, y - pivot_y, 0.0)
        return tuple(term.sum(-1) for term in (used, off_x, off_y, off_x * off_x, off_x * off_y))

    return moments


def products_kernel(prediction: Tensor, truth: Tensor, valid: Tensor) -> tuple[Tensor, ...]:
    """Kernel of the number of pixels and the sums of products that the scale alone takes."""
    x, y, used = AS_GIVEN.pixels(prediction, truth, valid)
    x = torch.where(used == 1, x, 0.0)
    return used.sum(-1), (x * torch.where(used == 1, y, 0.0)).sum(-1), (x * x).sum(-1)


def fit_state(num_used: Tensor, is_flat: Tensor, scale: Tensor, num_needed: int = 2) -> Tensor:
    """Values of `FitState`, (B,), int64.

    Args:
        num_used: pixels of the fit, (B,).
        is_flat: whether the prediction is, (B,).
        scale: what was fitted, (B,).
        num_needed: pixels without which there is no fit.
    """
    state = torch.where(scale > 0, int(FitState.FITTED), int(FitState.NOT_POSITIVE))
    state = torch.where(is_flat, int(FitState.FLAT_PREDICTION), state)
    return torch.where(num_used < num_needed, int(FitState.TOO_FEW_PIXELS), state)
