"""Colour and grey pictures of a depth map, as the official scripts draw them, without matplotlib.

Source: ColorBrewer's 11-class diverging scheme "Spectral", colour specifications and designs by Cynthia Brewer
(colorbrewer.org, Apache-2.0).
"""

import functools

import numpy as np
from numpy.typing import NDArray

COLORMAP_NAMES = ("Spectral", "Spectral_r")

# Red to violet; the lookup table interpolates between them linearly.
SPECTRAL_ANCHORS = (
    (158, 1, 66),
    (213, 62, 79),
    (244, 109, 67),
    (253, 174, 97),
    (254, 224, 139),
    (255, 255, 191),
    (230, 245, 152),
    (171, 221, 164),
    (102, 194, 165),
    (50, 136, 189),
    (94, 79, 162),
)
NUM_COLORS = 256


@functools.cache
def color_table(name: str) -> NDArray[np.uint8]:
    """The 256 RGB colours of a map, uint8, (256, 3), read-only.

    Args:
        name: "Spectral" is red at 0, "Spectral_r" is red at 255.

    Raises:
        ValueError: another name.
    """
    if name not in COLORMAP_NAMES:
        raise ValueError(f"colormap {name!r} is not known; choose one of {', '.join(COLORMAP_NAMES)}")
    anchors = np.array(SPECTRAL_ANCHORS, dtype=np.float64) / 255
    anchor_positions = np.linspace(0, 1, len(anchors))
    if name.endswith("_r"):
        # 1 - x and not the same positions again: their last bits decide some truncated entries as in matplotlib.
        anchors, anchor_positions = anchors[::-1], 1 - anchor_positions[::-1]
    top = NUM_COLORS - 1
    positions = top * np.linspace(0, 1, NUM_COLORS)
    channels = [np.interp(positions, top * anchor_positions, channel) for channel in anchors.T]
    # Truncated, not rounded: so do matplotlib's byte colours and the official scripts.
    table = (np.stack(channels, axis=-1) * 255).astype(np.uint8)
    table.setflags(write=False)
    return table


def to_gray_levels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The map stretched so that its own minimum is 0 and its maximum 255, truncated to uint8, (H, W).

    A map of one value becomes 0 everywhere, where the official scripts divide by zero.

    Args:
        values: finite, (H, W).
    """
    low, high = values.min(), values.max()
    if low == high:
        return np.zeros(values.shape, dtype=np.uint8)
    # Order and float32 as in the official scripts, which decide the level of values on a boundary.
    stretched = (values - low) / (high - low) * np.float32(255)
    return stretched.astype(np.uint8)


def to_colors(values: NDArray[np.float32], colormap: str) -> NDArray[np.uint8]:
    """The map, stretched as `to_gray_levels` does, in RGB colours, uint8, (H, W, 3).

    Args:
        values: finite, (H, W).
        colormap: a name of `COLORMAP_NAMES`.
    """
    return color_table(colormap)[to_gray_levels(values)]
