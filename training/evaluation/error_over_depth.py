"""How the relative error of a model grows with distance, summed over images in bins of the true depth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_anything.training.evaluation.results_file import ImageRow

# Half octaves from 0.25 to 512 m; what is nearer or farther falls into the first and the last bin.
BIN_EDGES_M: tuple[float, ...] = tuple(2.0 ** (step / 2) for step in range(-4, 19))
NUM_BINS = len(BIN_EDGES_M) - 1


@dataclass(frozen=True, eq=False)
class DepthCurve:
    """The mean relative error in each bin, pixels of all images together.

    Attributes:
        num_pixels: in each bin, (NUM_BINS,).
        mean_error: NaN in an empty bin, (NUM_BINS,).
    """

    num_pixels: NDArray[np.float64]
    mean_error: NDArray[np.float64]


def binned_errors(error: Tensor, depth_m: Tensor, valid: Tensor) -> list[list[float]]:
    """The bins that one image has pixels in: [number of the bin, pixels, summed error] of each.

    Args:
        error: relative error of each pixel, float64, (H, W).
        depth_m: truth, (H, W).
        valid: pixels that count, bool, (H, W).
    """
    edges = torch.tensor(BIN_EDGES_M[1:-1], dtype=torch.float64, device=error.device)
    numbers = torch.bucketize(depth_m[valid].double(), edges, right=True)
    num_pixels = torch.bincount(numbers, minlength=NUM_BINS)
    sums = torch.bincount(numbers, weights=error[valid].double(), minlength=NUM_BINS)
    return [
        [number, int(count), float(total)]
        for number, (count, total) in enumerate(zip(num_pixels.tolist(), sums.tolist(), strict=True))
        if count
    ]


def depth_curve(rows: Iterable[ImageRow]) -> DepthCurve:
    """The curve of a whole benchmark."""
    num_pixels, sums = np.zeros(NUM_BINS), np.zeros(NUM_BINS)
    for row in rows:
        for number, count, total in row.depth_errors:
            num_pixels[int(number)] += count
            sums[int(number)] += total
    with np.errstate(invalid="ignore"):
        return DepthCurve(num_pixels, sums / num_pixels)
