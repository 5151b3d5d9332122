"""Scale and shift of least absolute deviations: the exact optimum of a problem of sampled pixels.

The samples of an image: its grid is cut into at most 64 x 64 cells of equal size, and each cell gives the pixel of the
fit that is nearest to its centre (of several the first in reading order), if it has one. Nothing is drawn by chance.

For a given scale the best shift is a weighted median, which leaves a convex function of the scale that is straight
between breakpoints. Two tangents from either side of its minimum bound it from below where they meet, so the search
knows when it has arrived.
"""

from __future__ import annotations

import torch
from torch import Tensor

from depth_anything.training.evaluation.alignment import AS_GIVEN, FLATNESS, Fit, FitSpace, fit_state

CELLS_PER_SIDE = 64
# Of the objective of a flat line: how far above the proven lower bound the search may end.
GAP = 1e-14
MAX_STEPS = 400


def fit_robust_scale_and_shift(prediction: Tensor, truth: Tensor, valid: Tensor, space: FitSpace = AS_GIVEN) -> Fit:
    """The scale and shift of least absolute deviations of the sampled pixels, each image by itself.

    Args:
        prediction: (B, H, W); pixels that are not finite are no samples.
        truth: (B, H, W), positive and finite where valid.
        valid: pixels that count; bool, (B, H, W).
        space: in which quantities they meet. In depth each deviation is weighted with 1 / truth (MoGe), in disparity
            all weigh the same.

    A flat prediction gets scale 0 and the median truth as shift; no sample gives 0 and 0.
    Source: MoGe, arXiv:2410.19115, section 3.2 and appendix; utils/alignment.py. Differs: all samples' lines in one
    search instead of one per anchor, with the same optimum.
    """
    x, y, used = space.pixels(prediction, truth, valid)
    indices, is_sample = nearest_samples(used == 1)
    x, y = (torch.where(is_sample, maps.flatten(1).gather(1, indices), 0.0) for maps in (x, y))
    weights = is_sample.double() if space.inverts_truth else torch.where(is_sample, 1 / y, 0.0)
    scale, shift, is_flat = least_absolute_line(x, y, weights)
    return Fit(scale=scale, shift=shift, state=fit_state(is_sample.sum(1), is_flat, scale))


def nearest_samples(used: Tensor) -> tuple[Tensor, Tensor]:
    """Per cell the index of its sample among the flattened pixels, and whether it has one; both (B, cells).

    Args:
        used: pixels that may be samples; bool, (B, H, W).
    """
    height, width = used.shape[-2:]
    row_cells, row_offsets = _cells(height, used.device)
    column_cells, column_offsets = _cells(width, used.device)
    num_cells = min(height, CELLS_PER_SIDE) * min(width, CELLS_PER_SIDE)
    cells = (row_cells[:, None] * min(width, CELLS_PER_SIDE) + column_cells).flatten()
    distances = (row_offsets[:, None] ** 2 + column_offsets**2).flatten()
    keys = distances * (height * width) + torch.arange(height * width, device=used.device)
    none = torch.iinfo(torch.int64).max
    keys = torch.where(used.flatten(1), keys, none)
    nearest = torch.full((len(used), num_cells), none, device=used.device)
    nearest.scatter_reduce_(1, cells.expand(len(used), -1), keys, "amin")
    return torch.where(nearest < none, nearest % max(height * width, 1), 0), nearest < none


def _cells(length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cell of each pixel along one side, and twice its offset from the cell's centre."""
    places = torch.arange(length, device=device)
    num_cells = min(length, CELLS_PER_SIDE)
    cells = places * num_cells // max(length, 1)
    firsts = -(-torch.arange(num_cells + 1, device=device) * length // max(num_cells, 1))
    return cells, 2 * places - (firsts[cells] + firsts[cells + 1] - 1)


def least_absolute_line(x: Tensor, y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The line scale * x + shift of least weighted absolute deviations: scale, shift, and whether x is flat; (B,).

    Args:
        x: (B, N), float64.
        y: (B, N), float64.
        weights: at least 0, (B, N); points of weight 0 do not count.

    Of several optima it is one. Where x is flat the scale is 0 and the shift the weighted median of y.
    """
    total = weights.sum(1, keepdim=True)
    centre_x = (weights * x).sum(1, keepdim=True) / total
    off_x = torch.where(weights > 0, x - centre_x, 0.0)
    reach_x = off_x.abs().amax(1, keepdim=True)
    is_flat = ~(reach_x > FLATNESS * centre_x.abs())
    off_x = torch.where(is_flat, 0.0, off_x / reach_x)
    scale = _least_scale(off_x, y, weights)
    scale = torch.where(is_flat, 0.0, scale / reach_x)
    shift = _at_scale(scale, x, y, weights)[0]
    return scale[:, 0], torch.where(total > 0, shift, 0.0)[:, 0], is_flat[:, 0]


def _least_scale(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """The best scale, (B, 1), of x within [-1, 1]."""
    low, high = _bracket(x, y, weights)
    tolerance = GAP * _at_scale(torch.zeros_like(low[0]), x, y, weights)[1]
    best, least = torch.where(low[1] < high[1], low[0], high[0]), torch.minimum(low[1], high[1])
    for step in range(MAX_STEPS):
        steeper = high[2] - low[2]
        meeting = low[0] + torch.where(steeper > 0, (high[1] - low[1] - high[2] * (high[0] - low[0])) / -steeper, 0.0)
        bound = low[1] + low[2] * (meeting - low[0])
        middle = (low[0] + high[0]) / 2
        is_open = (least - bound > tolerance) & (middle > low[0]) & (middle < high[0])
        if not is_open.any():
            break
        # Every other step halves the bracket, so that no shape of the function makes the tangents crawl.
        scale = torch.where((meeting > low[0]) & (meeting < high[0]) & (step % 2 == 0), meeting, middle)
        _, value, slope = _at_scale(scale, x, y, weights)
        is_less = is_open & (value < least)
        best, least = torch.where(is_less, scale, best), torch.where(is_less, value, least)
        low = [
            torch.where(is_open & (slope <= 0), new, old) for new, old in zip((scale, value, slope), low, strict=True)
        ]
        high = [
            torch.where(is_open & (slope >= 0), new, old) for new, old in zip((scale, value, slope), high, strict=True)
        ]
    return best


def _bracket(x: Tensor, y: Tensor, weights: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Scales with value and slope, left and right of the minimum; (B, 1) each."""
    reach = torch.where(weights > 0, y, 0.0).abs().amax(1, keepdim=True).clamp(min=torch.finfo(y.dtype).tiny)
    ends: list[list[Tensor]] = []
    for side in (-1.0, 1.0):
        scale = side * reach
        while True:
            _, value, slope = _at_scale(scale, x, y, weights)
            is_short = side * slope < 0
            if not is_short.any():
                break
            scale = torch.where(is_short, 2 * scale, scale)
        ends.append([scale, value, slope])
    return ends[0], ends[1]


def _at_scale(scale: Tensor, x: Tensor, y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Best shift, the deviations' sum with it, and a slope of that sum in the scale; (B, 1) each."""
    residual = y - scale * x
    ordered, order = residual.sort(1)
    cumulated = weights.gather(1, order).cumsum(1)
    middle = (cumulated < cumulated[:, -1:] / 2).sum(1, keepdim=True).clamp(max=x.shape[1] - 1)
    shift = ordered.gather(1, middle)
    off = residual - shift
    value = (weights * off.abs()).sum(1, keepdim=True)
    # The points on the line share what balances the others, as the optimal shift demands.
    on_line = torch.where(off == 0, weights, 0.0)
    balance = (weights * off.sign()).sum(1, keepdim=True) / on_line.sum(1, keepdim=True)
    slope = -(weights * x * torch.where(off == 0, -balance.clamp(-1, 1), off.sign())).sum(1, keepdim=True)
    return shift, value, slope
