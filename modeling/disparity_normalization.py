# Copyright 2026 The depth-anything maintainers. Licensed under the Apache License, Version 2.0.
"""Scale and shift taken out of disparity maps, with a gradient of few passes over them.

With c = x - m and a = c / s, where m is the median and s = sum |c| / n the mean absolute deviation over the n valid
pixels of a region, and g the gradient of a:

    gradient of c:  g / s - sign(c) * (sum g a) / (n s)     without the second part where s is at its floor
    gradient of m:  minus the sum of that of c, to the pixels with x = m, an equal part to each
"""

from typing import Any

import torch
from torch import Tensor

from .order_statistics import values_at_ranks


class NormalizedDisparity(torch.autograd.Function):
    """See `normalize_disparity`; (B, H, W)."""

    @staticmethod
    def forward(ctx: Any, disparity: Tensor, valid: Tensor, inside: Tensor | None, min_deviation: float) -> Tensor:
        """The normalised maps of float32 ones."""
        regions = [valid] if inside is None else [valid & inside, valid & ~inside]
        counts = torch.stack([region.sum((1, 2), dtype=torch.int32) for region in regions])  # (regions, B)
        medians = _lower_medians(disparity, regions, counts)
        centred = torch.where(valid, disparity - _by_region(medians, inside), 0.0)
        num_valid = counts.clamp(min=1).float()
        deviations = _sums(centred.abs(), None if inside is None else inside.float()) / num_valid
        normalized = centred.div_(_by_region(deviations.clamp(min=min_deviation), inside))
        ctx.save_for_backward(normalized, valid, inside, num_valid, deviations)
        ctx.min_deviation = min_deviation
        return normalized

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """The gradient of the maps, zero where they are not valid."""
        normalized, valid, inside, num_valid, deviations = ctx.saved_tensors
        gradient = torch.where(valid, gradient, 0.0)
        sign = normalized.sign()
        is_median = valid.float().sub_(sign.abs())
        within = None if inside is None else inside.float()
        projection = _sums(gradient * normalized, within)  # (regions, B), as are the others
        total, balance, num_medians = (_sums(values, within) for values in (gradient, sign, is_median))
        per_gradient = 1 / deviations.clamp(min=ctx.min_deviation)
        per_sign = torch.where(deviations >= ctx.min_deviation, projection * per_gradient / num_valid, 0.0)
        per_median = (per_sign * balance - per_gradient * total) / num_medians.clamp(min=1)
        gradient.mul_(_by_region(per_gradient, inside)).addcmul_(sign, _by_region(-per_sign, inside))
        return gradient.addcmul_(is_median, _by_region(per_median, inside)), None, None, None


def _lower_medians(disparity: Tensor, regions: list[Tensor], counts: Tensor) -> Tensor:
    """The median, the lower of two, of each region of each map, (regions, B); 0 of an empty one."""
    num_pixels = disparity[0].numel()
    ranks = (counts.long() - 1).clamp(min=0) // 2
    medians = [
        values_at_ranks(disparity.flatten(1), region.flatten(1), of_region, (num_pixels - 1) // 2)
        for region, of_region in zip(regions, ranks, strict=True)
    ]
    return torch.where(counts > 0, torch.stack(medians), 0.0)


def _sums(values: Tensor, within: Tensor | None) -> Tensor:
    """Sum over each region, (regions, B); `within` is 1.0 inside and 0.0 outside: a choice by a mask takes longer."""
    if within is None:
        return values.sum((1, 2))[None]
    inner = values * within
    sum_inside = inner.sum((1, 2))
    return torch.stack([sum_inside, inner.sub_(values).sum((1, 2)).neg_()])  # by now zero inside, exactly


def _by_region(numbers: Tensor, inside: Tensor | None) -> Tensor:
    """Each pixel's number, (B, 1, 1) or (B, H, W), from that of its region, (regions, B)."""
    maps = numbers[:, :, None, None]
    return maps[0] if inside is None else torch.where(inside, maps[0], maps[1])
