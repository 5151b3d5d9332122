"""Disparity in colours for people to look at: red is near, black does not count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_anything.colormaps import to_colors

COLORMAP = "Spectral_r"  # of the official scripts


def disparity_colors(disparity: NDArray[np.floating], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """RGB over the range of what counts, (H, W, 3); black where a pixel does not count or is not finite.

    Args:
        disparity: any scale and shift, (H, W).
        valid: pixels that count, (H, W).
    """
    counts = valid & np.isfinite(disparity)
    if not counts.any():
        return np.zeros((*disparity.shape, 3), np.uint8)
    colors = to_colors(np.where(counts, disparity, disparity[counts].min()), COLORMAP)
    return np.where(counts[..., None], colors, np.uint8(0))
