"""The crop of a resized image, by resizing only what the crop needs.

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
from depth_anything.resampling import Sums, _summed, _sums, _transposed, write_affine
from depth_anything.training.crop_geometry import CropGeometry

BLOCK_VALUES = 180_000  # float32 values in work at a time, 0.7 MB: larger leave a core's cache, smaller cost calls
MIN_BLOCK_ROWS = 8  # below, the calls cost more than the sums


def write_crop(out: Tensor, image: NDArray[np.uint8], geometry: CropGeometry, scale: Tensor, shift: Tensor) -> None:
    """Writes the crop of the resized image, times `scale` plus `shift`, into `out`.

    Args:
        out: float32, (3, size, size).
        image: RGB, (H, W, 3).
        geometry: of the crop.
        scale: float32, (3, 1, 1).
        shift: float32, (3, 1, 1).

    Source: the official preprocessing, cubic without antialiasing, and a crop after it: github.com/DepthAnything/
        Depth-Anything-V2, metric_depth/dataset/hypersim.py. Differs: the order.
    """
    down = opencv_taps(image.shape[0], geometry.resized_height, "cubic")
    down = Taps(geometry.rows_of(down.indices), geometry.rows_of(down.weights))
    along = opencv_taps(image.shape[1], geometry.resized_width, "cubic")
    along = Taps(geometry.columns_of(along.indices), geometry.columns_of(along.weights))
    first, end = int(along.indices.min()), int(along.indices.max()) + 1
    column_sums = _sums(Taps(along.indices - first, along.weights))
    for rows, strip in _resized_rows(image[:, first:end], down):  # (n, M * 3)
        columns = _transposed(strip).view(end - first, -1)  # (M, 3 * n)
        resized = _transposed(_summed(columns, column_sums)).view(3, -1, geometry.size)  # (3, n, size)
        write_affine(out[:, rows], resized, scale, shift)


def _resized_rows(pixels: NDArray[np.uint8], down: Taps) -> Iterator[tuple[slice, Tensor]]:
    """Yields (rows of the crop, their values) from top to bottom, (n, M * 3), float32; pixels are (H, M, 3)."""
    row_length = pixels.shape[1] * 3
    num_out, num_taps = down.indices.shape
    num_rows = max(BLOCK_VALUES // row_length, MIN_BLOCK_ROWS)
    indices, weights, starts = _sums(down)
    for first in range(0, num_out, num_rows):
        end = min(first + num_rows, num_out)
        entries = slice(first * num_taps, end * num_taps)
        lowest, beyond = int(down.indices[first, 0]), int(down.indices[end - 1, -1]) + 1
        if beyond - lowest <= entries.stop - entries.start:
            source, table_rows = pixels[lowest:beyond], indices[entries] - lowest
        else:  # an image that is made much smaller has rows without a tap, which are not read
            source, table_rows = pixels[down.indices[first:end].ravel()], torch.arange(entries.stop - entries.start)
        table = torch.from_numpy(source.astype(np.float32)).view(-1, row_length)
        yield slice(first, end), _summed(table, Sums(table_rows, weights[entries], starts[: end - first]))
