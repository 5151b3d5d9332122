"""The crop of a resized image, by resizing only what the crop needs, and the whole for a teacher.

The sums and their order are those of `depth_anything.resampling` for the whole image, so the crop has the very bits
that cutting it out of the whole would give. Pillow's draft mode, in which the JPEG decoder itself makes a large image
smaller, is not used: it averages and the official resizing does not, so that crops of photographs 2000 pixels wide are
0.4 to 2.9 grey levels apart on average and 9 to 113 at most.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_anything.filter_taps import Taps, opencv_taps
from depth_anything.resampling import summed_rows, sums_of, transposed, write_affine
from depth_anything.training.crop_geometry import CropGeometry, cut_map

BLOCK_VALUES = 180_000  # float32 values in work at a time, 0.7 MB: more leave the caches, fewer cost calls
MIN_BLOCK_ROWS = 8  # below, the calls cost more than the sums
# A table of 8-bit rows ends each of them with the scale and the offset of its values. Summing from 8 bits saves a
# fourth of the whole time against a table in float32, and gives the same bits.
AS_THEY_ARE = np.array([1, 0], np.float32).view(np.uint8)


def write_crop(
    out: Tensor,
    image: NDArray[np.uint8],
    geometry: CropGeometry,
    scale: Tensor,
    shift: Tensor,
    levels: Tensor | None = None,
) -> None:
    """Writes the crop of the resized image, times `scale` plus `shift`, into `out`.

    Args:
        out: float32, (3, size, size).
        image: RGB, (H, W, 3).
        geometry: of the crop.
        scale: float32, (3, 1, 1).
        shift: float32, (3, 1, 1).
        levels: `whole_levels` of the image, where they were made anyway; they spare the resizing and give the same.

    Source: the official preprocessing, cubic without antialiasing, and a crop after it: github.com/DepthAnything/
        Depth-Anything-V2, metric_depth/dataset/hypersim.py. Differs: the order.
    """
    if levels is not None:
        write_affine(out, cut_map(levels, geometry), scale, shift)
        return
    for rows, resized in _resized_blocks(image, *_crop_taps(image, geometry)):
        write_affine(out[:, rows], resized, scale, shift)


def write_crop_levels(
    out: Tensor, image: NDArray[np.uint8], geometry: CropGeometry, levels: Tensor | None = None
) -> None:
    """Writes the crop of the resized image in whole grey levels, rounded; `out` is uint8, (3, size, size).

    Arguments are those of `write_crop`.
    """
    if levels is not None:
        out.copy_(cut_map(levels, geometry).add(0.5).clamp_(0, 255))
        return
    for rows, resized in _resized_blocks(image, *_crop_taps(image, geometry)):
        out[:, rows] = resized.add_(0.5).clamp_(0, 255)


def whole_levels(image: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """The whole resized image in grey levels, float32, neither rounded nor cut off at 0 and 255; (3, height, width).

    Args:
        image: RGB, (H, W, 3).
        size: (height, width) to resize to.
    """
    levels = torch.empty((3, *size), dtype=torch.float32)
    down, along = (opencv_taps(before, after, "cubic") for before, after in zip(image.shape, size, strict=False))
    for rows, resized in _resized_blocks(image, down, along):
        levels[:, rows] = resized
    return levels


def _crop_taps(image: NDArray[np.uint8], geometry: CropGeometry) -> tuple[Taps, Taps]:
    """The taps of the crop's rows and those of its columns."""
    down = opencv_taps(image.shape[0], geometry.resized_height, "cubic")
    along = opencv_taps(image.shape[1], geometry.resized_width, "cubic")
    return (
        Taps(geometry.rows_of(down.indices), geometry.rows_of(down.weights)),
        Taps(geometry.columns_of(along.indices), geometry.columns_of(along.weights)),
    )


def _resized_blocks(image: NDArray[np.uint8], down: Taps, along: Taps) -> Iterator[tuple[slice, Tensor]]:
    """Yields (rows of the result, their values) from top to bottom, (3, n, columns), float32."""
    first, end = int(along.indices.min()), int(along.indices.max()) + 1
    column_sums = sums_of(Taps(along.indices - first, along.weights))
    for rows, strip in _resized_rows(image[:, first:end], down):  # (n, M * 3)
        by_column = transposed(strip).view(end - first, -1)  # (M, 3 * n)
        yield rows, transposed(summed_rows(by_column, column_sums)).view(3, -1, len(along.indices))


def _resized_rows(pixels: NDArray[np.uint8], down: Taps) -> Iterator[tuple[slice, Tensor]]:
    """Yields (rows of the result, their values) from top to bottom, (n, M * 3), float32; pixels are (H, M, 3)."""
    num_out, num_taps = down.indices.shape
    row_length = pixels.shape[1] * 3
    # An image that is made much smaller has rows without a tap, which are not read.
    is_used = np.zeros(len(pixels), np.bool_)
    is_used[down.indices] = True
    used, positions = np.flatnonzero(is_used), (np.cumsum(is_used) - 1)[down.indices]
    first, end = int(used[0]), int(used[-1]) + 1
    table = np.empty((len(used), row_length + len(AS_THEY_ARE)), np.uint8)
    table[:, row_length:] = AS_THEY_ARE
    table_pixels = table[:, :row_length].reshape(-1, *pixels.shape[1:])
    table_pixels[:] = pixels[first:end] if len(used) == end - first else pixels[used]  # a slice saves a copy
    rows, weights, starts = sums_of(Taps(positions, down.weights))
    num_rows = max(BLOCK_VALUES // row_length, MIN_BLOCK_ROWS)
    for first in range(0, num_out, num_rows):
        end = min(first + num_rows, num_out)
        entries = slice(first * num_taps, end * num_taps)
        strip = torch.ops.quantized.embedding_bag_byte_rowwise_offsets(
            torch.from_numpy(table), rows[entries], starts[: end - first], per_sample_weights=weights[entries]
        )
        yield slice(first, end), strip
