"""Which input samples make up each output sample of a resize, with which weights: OpenCV's way and Pillow's."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

OPENCV_SHARPNESS, PILLOW_SHARPNESS = -0.75, -0.5  # `a` of the cubic convolution kernel
PILLOW_WEIGHT_STEP = 2.0**-22  # Pillow's weights for 8-bit images are whole multiples of it


class Taps(NamedTuple):
    """What each output sample along one axis is the weighted sum of."""

    indices: NDArray[np.int64]  # (num_out, num_taps), inside the input, none decreasing along an axis
    weights: NDArray[np.float32]  # (num_out, num_taps), each row sums to 1


@lru_cache(maxsize=64)
def opencv_taps(num_in: int, num_out: int, kernel: str) -> Taps:
    """The taps of `cv2.resize` along one axis, in arrays shared between calls: only read them.

    Args:
        num_in: samples along the axis before, at least 1.
        num_out: samples along the axis after, at least 1.
        kernel: "cubic" (four taps) or "linear" (two); neither is widened to make an image smaller.

    Raises:
        ValueError: for another kernel.

    Source: OpenCV, modules/imgproc/src/resize.cpp. Positions are computed in double and rounded to float32, weights in
    float32 from their fraction; with positions in float32 throughout, pixel values differ by up to 3e-4.
    """
    scale = 1.0 / (num_out / num_in)
    positions = ((np.arange(num_out) + 0.5) * scale - 0.5).astype(np.float32)
    floors = np.floor(positions)
    t = positions - floors
    if kernel == "cubic":
        a, one = np.float32(OPENCV_SHARPNESS), np.float32(1)
        far_left = ((a * (t + one) - 5 * a) * (t + one) + 8 * a) * (t + one) - 4 * a
        left = ((a + 2) * t - (a + 3)) * t * t + one
        right = ((a + 2) * (one - t) - (a + 3)) * (one - t) * (one - t) + one
        weights = np.stack([far_left, left, right, one - far_left - left - right], axis=1)
        offsets = np.arange(-1, 3)
    elif kernel == "linear":
        weights, offsets = np.stack([1 - t, t], axis=1), np.arange(2)
    else:
        raise ValueError(f"kernel is {kernel!r}; it has to be 'cubic' or 'linear'")
    indices = np.clip(floors.astype(np.int64)[:, None] + offsets, 0, num_in - 1)
    return Taps(indices, weights.astype(np.float32))


@lru_cache(maxsize=64)
def pillow_taps(num_in: int, num_out: int, kernel: str) -> Taps:
    """The taps of `PIL.Image.resize` along one axis, in arrays shared between calls: only read them.

    Args:
        num_in: samples along the axis before, at least 1.
        num_out: samples along the axis after, at least 1.
        kernel: "cubic" or "linear"; widened by the factor by which an image is made smaller (antialiasing).

    Raises:
        ValueError: for another kernel.

    Source: Pillow, src/libImaging/Resample.c, `precompute_coeffs` and `normalize_coeffs_8bpc`.
    """
    if kernel not in ("cubic", "linear"):
        raise ValueError(f"kernel is {kernel!r}; it has to be 'cubic' or 'linear'")
    scale = num_in / num_out
    stretch = max(scale, 1.0)
    support = (2.0 if kernel == "cubic" else 1.0) * stretch
    centres = (np.arange(num_out) + 0.5) * scale
    first = np.maximum((centres - support + 0.5).astype(np.int64), 0)
    end = np.minimum((centres + support + 0.5).astype(np.int64), num_in)
    indices = first[:, None] + np.arange(int((end - first).max()))
    distances = np.abs(indices - centres[:, None] + 0.5) / stretch
    kernel_values = _cubic(distances) if kernel == "cubic" else np.maximum(1 - distances, 0)
    kernel_values = np.where(indices < end[:, None], kernel_values, 0)
    weights = kernel_values / kernel_values.sum(axis=1, keepdims=True)
    weights = np.round(weights / PILLOW_WEIGHT_STEP) * PILLOW_WEIGHT_STEP
    return Taps(np.minimum(indices, num_in - 1), weights.astype(np.float32))


def nearest_indices(num_in: int, num_out: int) -> NDArray[np.int64]:
    """The input sample whose centre is nearest to each output sample's centre, (num_out,).

    In integers, so that no position is rounded the wrong way; a tie takes the later sample.
    Differs: `cv2.INTER_NEAREST` takes the sample under the output's left edge, up to half an output step away from
    where the image's own taps are centred.
    """
    return (2 * np.arange(num_out, dtype=np.int64) + 1) * num_in // (2 * num_out)


def _cubic(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    a, x = PILLOW_SHARPNESS, distances
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))
