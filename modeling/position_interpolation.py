# Copyright 2026 The depth-anything maintainers. Licensed under the Apache License, Version 2.0.
"""Position embeddings of DINOv2 at another size, in tensor operations that compile and export."""

import torch
from torch import Tensor

CUBIC_COEFFICIENT = -0.75  # PyTorch's bicubic kernel; OpenCV uses the same

# The official code asks for `scale_factor=(h + 0.1) / grid` so that rounding down cannot lose a patch. PyTorch then
# samples at that scale too, which shifts the embeddings a little; the released weights were trained with the shift.
# Source: facebookresearch/dinov2, DinoVisionTransformer.interpolate_pos_encoding, interpolate_offset.
OFFICIAL_OFFSET = 0.1


def interpolate_position_grid(grid: Tensor, height: int, width: int, *, official: bool) -> Tensor:
    """Position embeddings resampled to `height` x `width` patches, (height, width, C), in the dtype of `grid`.

    Bicubic without antialiasing and with repeated borders. The four taps of an axis are gathered and summed in
    float32: as a matrix product, autocast or a lowered matmul precision would shift the embeddings. At the grid's own
    size the result is `grid`, bit for bit.

    Args:
        grid: trained embeddings, (G, G, C).
        height: rows of patches; may be symbolic under `torch.export`, so no branch depends on it.
        width: columns of patches, likewise.
        official: sample at the official scale (see `OFFICIAL_OFFSET`); else at the exact ratio, as transformers does.
    """
    size = grid.shape[0]
    num_rows = torch.full((), height, dtype=torch.float32, device=grid.device)
    num_columns = torch.full((), width, dtype=torch.float32, device=grid.device)
    offset = torch.zeros_like(num_rows)
    if official:
        unchanged = (num_rows == size) & (num_columns == size)
        offset = torch.where(unchanged, 0.0, OFFICIAL_OFFSET)
    rows = _resampled(grid.float(), height, (num_rows + offset) / size)  # (h, G, C)
    columns = _resampled(rows.transpose(0, 1), width, (num_columns + offset) / size)  # (w, h, C)
    return columns.transpose(0, 1).to(grid.dtype)


def _resampled(values: Tensor, num_outputs: int, scale: Tensor) -> Tensor:
    """Cubic resampling of the first axis, (num_outputs, ...)."""
    position = (torch.arange(num_outputs, device=scale.device, dtype=torch.float32) + 0.5) / scale - 0.5
    first = position.floor()
    fraction = position - first
    result = torch.zeros((), device=values.device)
    for offset, distance in ((-1, fraction + 1), (0, fraction), (1, 1 - fraction), (2, 2 - fraction)):
        tap = (first + offset).clamp(0, values.shape[0] - 1).long()  # the border repeats
        result = result + values[tap] * _cubic_kernel(distance)[:, None, None]
    return result


def _cubic_kernel(distance: Tensor) -> Tensor:
    """Keys' convolution kernel at a distance in 0..2."""
    a = CUBIC_COEFFICIENT
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return torch.where(distance <= 1, near, far)
