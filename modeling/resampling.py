"""Resizing of images as OpenCV and Pillow do it, fused with the affine step that rescales and normalises.

The official Depth Anything code resizes with `cv2.resize(..., INTER_CUBIC)` in float64. `resample_into` sums the same
taps in float32: first down the columns, reading only rows that carry a tap, then along the rows. On the CPU it works
through blocks of rows that fit the processor's cache.
"""

from collections.abc import Iterator
from functools import reduce
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .filter_taps import Taps, opencv_taps, pillow_taps

BLOCK_ROWS = 16  # rows in work at a time; fewer: call overhead; more: they leave the cache


class Sums(NamedTuple):
    """Weighted sums of table rows: sum i takes the entries from `starts[i]` up to the next start."""

    rows: Tensor  # int64, (entries,)
    weights: Tensor  # float32, (entries,)
    starts: Tensor  # int64, (sums,)


def resample_into(out: Tensor, image: Tensor, kernel: str, scale: Tensor, shift: Tensor) -> None:
    """Writes `resize(image) * scale + shift` into `out`, as OpenCV resizes: without antialiasing.

    Args:
        out: float32, (C, h, w), on the image's device; its size is the size to resize to.
        image: uint8 or float32, (C, H, W), or (1, H, W) to write the same grey into every channel. Memory that lies as
            (H, W, C) is read as it lies.
        kernel: "cubic" or "linear", see `opencv_taps`.
        scale: float32, (C, 1, 1), on the image's device.
        shift: float32, (C, 1, 1), on the image's device.
    """
    down = opencv_taps(image.shape[1], out.shape[1], kernel)
    along = opencv_taps(image.shape[2], out.shape[2], kernel)
    if image.device.type != "cpu":
        write_affine(out, _sum_by_gathering(_sum_by_gathering(image, 1, down), 2, along), scale, shift)
        return
    row_sums = sums_of(along)
    for first, rows in _weighted_rows(_as_rows(image), down):  # (P, n, M)
        resized = _weighted_columns(rows, row_sums, image.shape[2])
        write_affine(out[:, first : first + resized.shape[1]], resized, scale, shift)


def resample_antialiased_into(out: Tensor, image: Tensor, kernel: str, scale: Tensor, shift: Tensor) -> None:
    """Writes `resize(image) * scale + shift` into `out`, as Pillow resizes: antialiased, along the rows first.

    Args:
        out: float32, (C, h, w), on the image's device; its size is the size to resize to.
        image: (C, H, W) or (1, H, W). With uint8 each of the two passes ends in whole grey levels 0..255, as in
            Pillow; with float32 neither does.
        kernel: "cubic" or "linear", see `pillow_taps`.
        scale: float32, (C, 1, 1), on the image's device.
        shift: float32, (C, 1, 1), on the image's device.
    """
    num_channels, height, width = image.shape
    down, along = pillow_taps(height, out.shape[1], kernel), pillow_taps(width, out.shape[2], kernel)
    is_8_bit = image.dtype == torch.uint8
    if image.device.type != "cpu":
        narrow = _whole_levels(_sum_by_gathering(image, 2, along), is_8_bit)
        write_affine(out, _whole_levels(_sum_by_gathering(narrow, 1, down), is_8_bit), scale, shift)
        return
    source, row_sums = _as_rows(image), sums_of(along)
    narrow = torch.empty((num_channels, height, out.shape[2]), dtype=torch.float32, device="cpu")
    for first in range(0, height, BLOCK_ROWS):
        # Nothing is copied by `float` where the image is float32, and a block cut out of it is not dense.
        rows = source[:, first : first + BLOCK_ROWS].float().contiguous()  # (P, n, M)
        narrow[:, first : first + BLOCK_ROWS] = _whole_levels(_weighted_columns(rows, row_sums, width), is_8_bit)
    for first, rows in _weighted_rows(narrow, down):  # (C, n, w)
        write_affine(out[:, first : first + rows.shape[1]], _whole_levels(rows, is_8_bit), scale, shift)


def write_affine(out: Tensor, image: Tensor, scale: Tensor, shift: Tensor) -> None:
    """Writes `image * scale + shift` into `out` (C, h, w), with one scale and shift per channel, (C, 1, 1)."""
    torch.mul(image, scale, out=out)
    out.add_(shift)


def _whole_levels(values: Tensor, is_8_bit: bool) -> Tensor:
    return values.add_(0.5).floor_().clamp_(0, 255) if is_8_bit else values


def _sum_by_gathering(image: Tensor, axis: int, taps: Taps) -> Tensor:
    """The image resized along one axis, float32, by one gather per tap: few launches, for accelerators."""
    indices = torch.from_numpy(taps.indices).to(image.device)
    weights = torch.from_numpy(taps.weights).to(image.device)
    weights = weights[:, None, :] if axis == 1 else weights[None, :, :]  # (h, 1, taps) or (1, w, taps)
    parts = (image.index_select(axis, indices[:, tap]).float() * weights[..., tap] for tap in range(indices.shape[1]))
    return reduce(torch.add, parts)


def _as_rows(image: Tensor) -> Tensor:
    """The image as (P, H, M), by a view if possible: one plane of rows of W * C values, or C planes of rows of W."""
    num_channels, height, width = image.shape
    if image.stride(0) == 1 and image.stride(2) == num_channels:
        return image.permute(1, 2, 0).view(1, height, width * num_channels)
    return image if image.stride(2) == 1 else image.contiguous()


def _weighted_rows(source: Tensor, taps: Taps) -> Iterator[tuple[int, Tensor]]:
    """Yields (first row, rows) from top to bottom: sums of rows of (P, H, M), as blocks (P, n, M) of float32."""
    num_planes, _, row_length = source.shape
    num_out, num_taps = taps.indices.shape
    max_entries = num_taps * BLOCK_ROWS
    indices, weights, _ = sums_of(taps)
    starts = torch.arange(0, num_planes * max_entries, num_taps, device="cpu")
    plane_starts = torch.arange(0, num_planes * max_entries, max_entries, device="cpu")[:, None]
    gathered = source.new_empty(max_entries, row_length)
    table = torch.empty((num_planes, max_entries, row_length), dtype=torch.float32, device="cpu")
    for first in range(0, num_out, BLOCK_ROWS):
        last = min(first + BLOCK_ROWS, num_out) - 1
        entries = slice(first * num_taps, (last + 1) * num_taps)
        lowest, num_entries = int(taps.indices[first, 0]), entries.stop - entries.start
        num_rows = int(taps.indices[last, -1]) + 1 - lowest
        if num_rows <= num_entries:  # the taps overlap or touch: convert the whole range
            table[:, :num_rows].copy_(source[:, lowest : lowest + num_rows])
            table_rows = indices[entries] - lowest
        else:
            for plane in range(num_planes):
                torch.index_select(source[plane], 0, indices[entries], out=gathered[:num_entries])
                table[plane, :num_entries].copy_(gathered[:num_entries])
            table_rows = torch.arange(num_entries, device="cpu")
        sums = Sums(
            (table_rows + plane_starts).view(-1),
            weights[entries].repeat(num_planes) if num_planes > 1 else weights[entries],
            starts[: num_planes * (last + 1 - first)],
        )
        yield first, summed_rows(table.view(-1, row_length), sums).view(num_planes, -1, row_length)


def _weighted_columns(rows: Tensor, sums: Sums, width: int) -> Tensor:
    """Sums of the W columns of dense rows (P, n, M), which lie as `_as_rows` has them: (C, n, w), float32."""
    num_planes, num_rows, row_length = rows.shape
    columns = transposed(rows.view(num_planes * num_rows, row_length)).view(width, -1)  # (W, C * n)
    columns = summed_rows(columns, sums)  # (w, C * n)
    return transposed(columns).view(-1, num_rows, columns.shape[0])


def sums_of(taps: Taps) -> Sums:
    """The weighted sums along one axis that the taps describe, on the CPU, for `summed_rows`."""
    num_out, num_taps = taps.indices.shape
    starts = torch.arange(0, num_out * num_taps, num_taps, device="cpu")
    return Sums(torch.from_numpy(taps.indices.ravel()), torch.from_numpy(taps.weights.ravel()), starts)


def summed_rows(table: Tensor, sums: Sums) -> Tensor:
    """The weighted sums of rows of a table, (sums, row length), float32, on the CPU.

    Args:
        table: float32, (rows, row length).
        sums: which of its rows make up each sum.

    A row of values is an embedding here, because `embedding_bag` is vectorised and parallel and `matmul` may round to
    bfloat16 by a global setting.
    """
    return F.embedding_bag(sums.rows, table, sums.starts, per_sample_weights=sums.weights, mode="sum")


def transposed(matrix: Tensor) -> Tensor:
    """The transpose of an (a, b) matrix of any type, contiguous, (b, a), on the CPU.

    Shuffling the channels of a single channels-last pixel between `a` groups is a transposition, by a vectorised
    kernel that is 3 to 7 times faster than `.t().contiguous()`.
    """
    size = matrix.numel()
    pixel = matrix.contiguous().as_strided((1, size, 1, 1), (size, 1, size, size))
    return F.channel_shuffle(pixel, matrix.shape[0]).reshape(matrix.shape[1], matrix.shape[0])
