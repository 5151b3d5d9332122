"""Where a training crop lies in its resized image, and the same cut made in images, labels and a teacher's maps."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_anything.filter_taps import nearest_indices
from depth_anything.resize_geometry import planned_geometry
from depth_anything.training.corpora.sample import Reason, SampleError

PATCH_SIZE = 14  # of the network; both sides of a resized image are multiples of it

Value = TypeVar("Value", bound=np.generic)


class CropGeometry(NamedTuple):
    """The resized image that a crop is cut out of, and where; all in pixels."""

    resized_height: int
    resized_width: int
    top: int  # of the crop in the resized image, before a flip
    left: int
    size: int  # side of the crop
    is_flipped: bool  # left and right are exchanged after the cut

    def rows_of(self, per_row: NDArray[Value]) -> NDArray[Value]:
        """What the crop's rows have of what each row of the resized image has; (size, ...)."""
        return per_row[self.top : self.top + self.size]

    def columns_of(self, per_column: NDArray[Value]) -> NDArray[Value]:
        """The same for columns, which a flip turns round; (size, ...)."""
        cut = per_column[self.left : self.left + self.size]
        return cut[::-1] if self.is_flipped else cut

    def to_tensor(self) -> Tensor:
        """The six numbers, int32, (6,)."""
        return torch.tensor(self, dtype=torch.int32)

    @classmethod
    def from_tensor(cls, numbers: Tensor) -> CropGeometry:
        """The geometry whose `to_tensor` this is."""
        height, width, top, left, size, is_flipped = numbers.tolist()
        return cls(height, width, top, left, size, bool(is_flipped))


def drawn_geometry(
    image_size: tuple[int, int],
    crop_size: int,
    crop_is_random: bool,
    flip_probability: float,
    generator: np.random.Generator,
) -> CropGeometry:
    """The geometry of one training view: short side to `crop_size`, a square cut out of it, perhaps mirrored.

    Args:
        image_size: (height, width). A smaller image is enlarged.
        crop_size: side of the crop, a multiple of `PATCH_SIZE`.
        crop_is_random: False cuts the middle.
        flip_probability: 0 never mirrors.
        generator: three numbers are drawn from it, whatever the settings, so that no setting moves another's draws.

    Raises:
        SampleError: the image is a strip so long that the resized one would take all memory.

    Source: Depth Anything, arXiv:2401.10891, section 4.1 (short side to 518, 518x518 crops, flip), and the official
        size rule, `resized_size`.
    """
    resized = whole_size(image_size, crop_size)
    *places, flip = generator.random(3).tolist()
    # `random` is below 1, so every place is as likely as another, the last one too.
    top, left = (
        int((place if crop_is_random else 0.5) * (side - crop_size + 1))
        for place, side in zip(places, resized, strict=True)
    )
    return CropGeometry(*resized, top, left, crop_size, flip < flip_probability)


def whole_size(image_size: tuple[int, int], crop_size: int) -> tuple[int, int]:
    """(height, width) of the resized image that crops are cut out of, and that a teacher sees.

    Args:
        image_size: (height, width) of the image.
        crop_size: that the short side is brought to, a multiple of `PATCH_SIZE`.

    Raises:
        SampleError: the image is a strip so long that the resized one would take all memory.
    """
    try:
        return planned_geometry(image_size, "lower_bound", True, (crop_size, crop_size), PATCH_SIZE).output_size
    except ValueError as error:
        raise SampleError(Reason.IMAGE_TOO_LARGE, str(error)) from error


def cut_map(values: Tensor, geometry: CropGeometry | Tensor) -> Tensor:
    """The crop of a map that belongs to the whole resized image, such as a teacher's; (..., size, size).

    Args:
        values: any type; (..., resized_height, resized_width).
        geometry: of the crop; as a tensor, what `CropGeometry.to_tensor` gave.

    Raises:
        ValueError: the map has another size than the resized image.
    """
    if isinstance(geometry, Tensor):
        geometry = CropGeometry.from_tensor(geometry)
    height, width, top, left, size, is_flipped = geometry
    if tuple(values.shape[-2:]) != (height, width):
        raise ValueError(
            f"the map is {tuple(values.shape[-2:])} (height, width) and the crop is of an image resized to "
            f"{(height, width)}; pass the map of the whole resized image"
        )
    cropped = values[..., top : top + size, left : left + size]
    return cropped.flip(-1) if is_flipped else cropped


def cut_label(values: NDArray[Value], geometry: CropGeometry) -> NDArray[Value]:
    """The crop of a label map or mask that has the size of the image: nearest neighbours, so no value is invented.

    Args:
        values: (H, W).
        geometry: of the crop.

    Returns:
        The same type, (size, size).
    """
    rows = geometry.rows_of(nearest_indices(values.shape[0], geometry.resized_height))
    columns = geometry.columns_of(nearest_indices(values.shape[1], geometry.resized_width))
    return values[rows].take(columns, axis=1)
