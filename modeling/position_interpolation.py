# Copyright 2026 The depth-anything maintainers. Licensed under the Apache License, Version 2.0.
"""Position embeddings of DINOv2 at another size, as two matrix products that compile and export."""

import torch
from torch import Tensor

CUBIC_COEFFICIENT = -0.75  # PyTorch's bicubic kernel; OpenCV uses the same

# The official code asks for `scale_factor=(h + 0.1) / grid` so that rounding down cannot lose a patch. PyTorch then
# samples at that scale too, which shifts the embeddings a little; the released weights were trained with the shift.
# Source: facebookresearch/dinov2, DinoVisionTransformer.interpolate_pos_encoding, interpolate_offset.
OFFICIAL_OFFSET = 0.1


def interpolate_position_grid(grid: Tensor, height: int, width: int, *, official: bool) -> Tensor:
    """Position embeddings resampled to `height` x `width` patches, (height, width, C), in the dtype of `grid`.

    Bicubic without antialiasing and with repeated borders, in float32 whatever the dtype or autocast, because cubic
    weights in half precision shift the embeddings. At the grid's own size the result is `grid`, bit for bit.

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
    row_weights = _cubic_weights(height, size, (num_rows + offset) / size)
    column_weights = _cubic_weights(width, size, (num_columns + offset) / size)
    with torch.autocast(grid.device.type, enabled=False):
        rows = (row_weights @ grid.float().flatten(1)).unflatten(1, (size, -1))  # (h, G, C)
        return (column_weights @ rows).to(grid.dtype)  # (h, w, C)


def _cubic_weights(num_outputs: int, num_inputs: int, scale: Tensor) -> Tensor:
    """Weight of each input for each output sample of a cubic resampling, (num_outputs, num_inputs)."""
    position = (torch.arange(num_outputs, device=scale.device, dtype=torch.float32) + 0.5) / scale - 0.5
    first = position.floor()
    fraction = position - first
    distance = torch.stack((fraction + 1, fraction, 1 - fraction, 2 - fraction), dim=1)
    taps = first[:, None] + torch.arange(-1, 3, device=scale.device)
    taps = taps.clamp(0, num_inputs - 1)  # the border repeats
    inputs = torch.arange(num_inputs, device=scale.device)
    chosen = taps[:, :, None] == inputs  # (num_outputs, 4, num_inputs)
    return (_cubic_kernel(distance)[:, :, None] * chosen).sum(1)


def _cubic_kernel(distance: Tensor) -> Tensor:
    """Keys' convolution kernel at a distance in 0..2."""
    a = CUBIC_COEFFICIENT
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return torch.where(distance <= 1, near, far)
