"""Brings an image, and the labels that belong to it, into the geometry of the network's input."""

import math

import torch
from torch import Tensor

from .filter_taps import nearest_indices
from .resampling import resample_antialiased_into, resample_into, write_affine
from .resize_geometry import Geometry, Padding, reflected_indices

NEAREST, BILINEAR, BICUBIC = 0, 2, 3  # PIL.Image.Resampling
ALLOWED_RESAMPLE = {NEAREST: "NEAREST", BILINEAR: "BILINEAR", BICUBIC: "BICUBIC"}


def write_image(
    out: Tensor, image: Tensor, geometry: Geometry, resample: int, antialias: bool, scale: Tensor, shift: Tensor
) -> None:
    """Writes the resized or padded image, times `scale` plus `shift`, into `out`.

    Args:
        out: float32, (C, h, w), of the geometry's output size, on the image's device.
        image: uint8 or float32, (C, H, W) or (1, H, W).
        geometry: where the pixels go.
        resample: NEAREST, BILINEAR or BICUBIC as in `PIL.Image.Resampling`.
        antialias: filter as Pillow does before making an image smaller; False takes OpenCV's taps.
        scale: float32, (C, 1, 1), on the image's device.
        shift: float32, (C, 1, 1), on the image's device.
    """
    if geometry.padding is not None:
        _pad_into(out, image, geometry.padding, scale, shift)
    elif geometry.image_size == geometry.output_size:
        write_affine(out, image, scale, shift)
    elif resample == NEAREST:
        write_affine(out, _nearest(image, geometry), scale, shift)
    elif antialias:
        resample_antialiased_into(out, image, "cubic" if resample == BICUBIC else "linear", scale, shift)
    else:
        resample_into(out, image, "cubic" if resample == BICUBIC else "linear", scale, shift)


def moved_map(values: Tensor, geometry: Geometry) -> Tensor:
    """A label map or mask in the geometry of its image.

    Resizing takes the nearest neighbour, so no value is invented; padding is NaN in a label map, which the model never
    counts, and False in a mask.

    Args:
        values: any float type, or bool; (H, W) of the geometry's image size.
        geometry: that of the image.

    Returns:
        The same type, (h, w).
    """
    if geometry.padding is None:
        return _nearest(values, geometry)
    top, _, left, _ = geometry.padding
    height, width = geometry.image_size
    moved = values.new_full(geometry.output_size, math.nan if values.is_floating_point() else 0)
    moved[top : top + height, left : left + width] = values
    return moved


def _nearest(values: Tensor, geometry: Geometry) -> Tensor:
    """(..., H, W) -> (..., h, w), each taken from the input pixel whose centre is nearest."""
    for axis in (-2, -1):
        indices = nearest_indices(geometry.image_size[axis], geometry.output_size[axis])
        values = values.index_select(axis, torch.from_numpy(indices).to(values.device))
    return values


def _pad_into(out: Tensor, image: Tensor, padding: Padding, scale: Tensor, shift: Tensor) -> None:
    """Writes the image into the middle of `out` and mirrors it around; the image may be smaller than the padding."""
    height, width = image.shape[-2:]
    top, bottom, left, right = padding
    middle = out[:, top : top + height]
    write_affine(middle[:, :, left : left + width], image, scale, shift)
    columns = left + torch.from_numpy(reflected_indices(width, left, right)).to(out.device)
    for side in (slice(0, left), slice(left + width, None)):
        middle[:, :, side] = middle.index_select(2, columns[side])
    rows = top + torch.from_numpy(reflected_indices(height, top, bottom)).to(out.device)
    for side in (slice(0, top), slice(top + height, None)):
        out[:, side] = out.index_select(1, rows[side])
