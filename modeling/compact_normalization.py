# Copyright 2026 The depth-anything maintainers. Licensed under the Apache License, Version 2.0.
"""The difference of two normalised maps on a CPU: each region by itself, its pixels side by side.

A CPU gathers the pixels of a region, computes with them alone and puts the difference back in less time than it takes
to choose between two values for each pixel of a map, again and again. The gradient is `disparity_normalization`'s.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .order_statistics import value_at_rank


class Normalized(NamedTuple):
    """Pixels of a region, centred on their median and over their mean absolute deviation."""

    values: Tensor  # float32, (n,)
    divisor: float  # the deviation, or its floor
    is_at_floor: bool


class Region(NamedTuple):
    """A region of one map with a pixel at least."""

    number: int  # of the map
    places: NDArray[np.int64] | None  # in the map; None: all of it
    prediction: Normalized


class CompactDifference(torch.autograd.Function):
    """`normalize_disparity` of predictions minus that of targets, without a gradient of the targets; (B, H, W)."""

    @staticmethod
    def forward(
        ctx: Any, pred: Tensor, target: Tensor, valid: Tensor, inside: Tensor | None, floors: tuple[float, float]
    ) -> Tensor:
        """The difference of float32 maps on the CPU; `floors` are the smallest deviations of both."""
        ctx.regions, differences = _compared(pred, target, valid, inside, floors)
        return _placed(pred.shape, ctx.regions, differences)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        """The gradient of the predictions, zero where they are not valid."""
        rows = gradient.contiguous().flatten(1)
        gradients = []
        for region in ctx.regions:
            row = rows[region.number]
            among = row if region.places is None else torch.from_numpy(row.numpy().take(region.places))
            gradients.append(_gradient(region.prediction, among))
        return _placed(gradient.shape, ctx.regions, gradients), None, None, None, None


class CompactDistance(torch.autograd.Function):
    """Mean absolute `CompactDifference` of each image's valid pixels, (B,), without a map of it; 0 without a pixel."""

    @staticmethod
    def forward(
        ctx: Any, pred: Tensor, target: Tensor, valid: Tensor, inside: Tensor | None, floors: tuple[float, float]
    ) -> Tensor:
        """The means of float32 maps on the CPU; `floors` are the smallest deviations of both."""
        ctx.regions, differences = _compared(pred, target, valid, inside, floors)
        sums, counts = torch.zeros(len(pred)), torch.zeros(len(pred))
        for region, of_region in zip(ctx.regions, differences, strict=True):
            sums[region.number] += of_region.abs().sum()
            counts[region.number] += len(of_region)
        ctx.counts, ctx.shape = counts.clamp_(min=1), pred.shape
        ctx.signs = [of_region.sign_() for of_region in differences]
        return sums / ctx.counts

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        """The gradient of the predictions, zero where they are not valid."""
        per_pixel = gradient / ctx.counts
        gradients = [
            _gradient(region.prediction, signs * per_pixel[region.number])
            for region, signs in zip(ctx.regions, ctx.signs, strict=True)
        ]
        return _placed(ctx.shape, ctx.regions, gradients), None, None, None, None


def _compared(
    pred: Tensor, target: Tensor, valid: Tensor, inside: Tensor | None, floors: tuple[float, float]
) -> tuple[list[Region], list[Tensor]]:
    """All regions with a pixel at least, and the difference of both maps in each, (n,)."""
    predictions, targets = (maps.flatten(1).numpy() for maps in (pred, target))
    regions, differences = [], []
    for mask in [valid] if inside is None else [valid & inside, valid & ~inside]:
        for number, among in enumerate(mask.flatten(1).numpy()):
            places = None if among.all() else np.flatnonzero(among)
            if places is not None and not len(places):
                continue
            one, other = (
                _normalized(maps[number] if places is None else maps[number].take(places), floor)
                for maps, floor in zip((predictions, targets), floors, strict=True)
            )
            regions.append(Region(number, places, one))
            differences.append(torch.sub(one.values, other.values, out=other.values))
    return regions, differences


def _normalized(values: NDArray[np.float32], floor: float) -> Normalized:
    centred = torch.from_numpy(values) - float(value_at_rank(values, (len(values) - 1) // 2))
    deviation = float(centred.abs().mean())
    divisor = max(deviation, floor)
    return Normalized(centred.div_(divisor), divisor, deviation < floor)


def _gradient(prediction: Normalized, gradient: Tensor) -> Tensor:
    """The gradient of a region's predictions, (n,), from that of their normalised values."""
    values, divisor, is_at_floor = prediction
    sign = values.sign()
    per_sign = 0.0 if is_at_floor else float(gradient @ values) / (divisor * len(values))
    of_centred = (gradient / divisor).add_(sign, alpha=-per_sign)
    medians = np.flatnonzero(sign.numpy() == 0)
    of_centred.numpy()[medians] -= np.float32(of_centred.sum()) / np.float32(len(medians))
    return of_centred


def _placed(shape: torch.Size, regions: list[Region], values: list[Tensor]) -> Tensor:
    """Maps with the values of regions at their places, 0 elsewhere; float32, (B, H, W)."""
    maps = torch.zeros(shape)
    rows = maps.flatten(1).numpy()
    for region, of_region in zip(regions, values, strict=True):
        rows[region.number][slice(None) if region.places is None else region.places] = of_region.numpy()
    return maps
