"""Puts read images and their labels together into what the processor returns."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .geometry_transfer import moved_map, write_image
from .image_input import ReadImage, read_maps
from .resize_geometry import Geometry


class AffineStep(NamedTuple):
    """`value * scale + shift`, per channel or once for all."""

    scale: tuple[float, ...]
    shift: tuple[float, ...]


def affine_step(settings: Mapping[str, Any], grey_levels_per_step: float) -> AffineStep:
    """Rescaling and normalising as one affine step.

    Args:
        settings: do_rescale, rescale_factor, do_normalize, image_mean and image_std of the processor.
        grey_levels_per_step: what 1 in the image is worth on the scale of 0..255 that `rescale_factor` refers to.
    """
    factor = settings["rescale_factor"] * grey_levels_per_step if settings["do_rescale"] else 1.0
    if not settings["do_normalize"]:
        return AffineStep((factor,), (0.0,))
    mean, std = np.atleast_1d(settings["image_mean"]), np.atleast_1d(settings["image_std"])
    mean, std = np.broadcast_arrays(mean.astype(np.float64), std.astype(np.float64))
    return AffineStep(tuple((factor / std).tolist()), tuple((-mean / std).tolist()))


def pixel_values(
    images: Sequence[ReadImage],
    geometries: Sequence[Geometry],
    steps: Sequence[AffineStep],
    resample: int,
    antialias: bool,
    num_channels: int | None,
) -> Tensor | list[Tensor]:
    """The network's input: one (B, C, h, w) tensor if all come out alike, else a list of (C, h, w), float32.

    Args:
        images: as read.
        geometries: where the pixels of each go.
        steps: the affine step of each.
        resample: as in `PIL.Image.Resampling`.
        antialias: see `write_image`.
        num_channels: to repeat grey to; None keeps each image's own.

    Raises:
        ValueError: if the affine step has another number of channels than the image.
    """
    forms = [
        (num_channels or image.pixels.shape[0], *geometry.output_size, image.pixels.device)
        for image, geometry in zip(images, geometries, strict=True)
    ]
    alike = len(set(forms)) == 1
    channels, height, width, device = forms[0]
    # Writing into the batch saves the copy that stacking would make.
    shape = (len(forms), channels, height, width) if alike else (0,)
    batch = torch.empty(shape, dtype=torch.float32, device=device)
    written = []
    for position, (channels, height, width, device) in enumerate(forms):
        out = batch[position] if alike else batch.new_empty((channels, height, width), device=device)
        scale, shift = (_per_channel(values, position, channels, device) for values in steps[position])
        write_image(out, images[position].pixels, geometries[position], resample, antialias, scale, shift)
        written.append(out)
    return batch if alike else written


def moved_labels(
    depth_maps: Any, valid_masks: Any, geometries: Sequence[Geometry], devices: Sequence[torch.device]
) -> dict[str, list[Tensor]]:
    """`labels` (float32) and `valid_mask` (bool), each a list of (h, w) in the geometry of the images, where given.

    Args:
        depth_maps: see `read_maps`; None leaves out `labels`.
        valid_masks: bool maps; None leaves out `valid_mask`: a mask made here would take the place of the model's own
            rule for labels without one. Where images are padded, labels are NaN and masks False.
        geometries: of the images.
        devices: of the images; the maps are brought there.

    Raises:
        ValueError: for maps of another number, size or type than the images ask for.
    """
    moved: dict[str, list[Tensor]] = {}
    if depth_maps is not None:
        labels = _read_for("depth_maps", depth_maps, geometries, devices)
        for position, label in enumerate(labels):
            if label.dtype == torch.bool or label.is_complex():
                raise ValueError(f"depth_maps[{position}] has values of type {label.dtype}; pass numbers")
        moved["labels"] = [
            moved_map(label.float(), geometry) for label, geometry in zip(labels, geometries, strict=True)
        ]
    if valid_masks is not None:
        masks = _read_for("valid_masks", valid_masks, geometries, devices)
        for position, mask in enumerate(masks):
            if mask.dtype != torch.bool:
                raise ValueError(
                    f"valid_masks[{position}] has values of type {mask.dtype}; pass bool, such as depth > 0"
                )
        moved["valid_mask"] = [moved_map(mask, geometry) for mask, geometry in zip(masks, geometries, strict=True)]
    return moved


def in_requested_form(
    value: Tensor | list[Tensor], name: str, return_tensors: Any
) -> Tensor | NDArray[Any] | list[Tensor]:
    """A list of tensors for None, else one stacked tensor ("pt") or array ("np").

    Raises:
        ValueError: if sizes differ, or for another framework.
    """
    framework = getattr(return_tensors, "value", return_tensors)
    if framework is None:
        return list(value)
    if framework not in ("pt", "np"):
        raise ValueError(f"return_tensors is {framework!r}; it has to be 'pt', 'np' or None")
    if isinstance(value, list):
        forms = {(tuple(single.shape), str(single.device)) for single in value}
        if len(forms) > 1:
            raise ValueError(
                f"{name} cannot be stacked: the images come out as {sorted(forms)}; pass images of one size and "
                "device, set resize_method='fixed', or leave out return_tensors to get a list"
            )
        value = torch.stack(value)
    return value.cpu().numpy() if framework == "np" else value


def _per_channel(values: tuple[float, ...], position: int, num_channels: int, device: torch.device) -> Tensor:
    if len(values) not in (1, num_channels):
        raise ValueError(
            f"image_mean and image_std have {len(values)} values, but images[{position}] has {num_channels} channels; "
            "give one value per channel"
        )
    return torch.tensor(values, dtype=torch.float32, device=device).expand(num_channels)[:, None, None]


def _read_for(name: str, maps: Any, geometries: Sequence[Geometry], devices: Sequence[torch.device]) -> list[Tensor]:
    read = read_maps(maps, name, len(geometries))
    for position, (single, geometry) in enumerate(zip(read, geometries, strict=True)):
        if tuple(single.shape) != geometry.image_size:
            raise ValueError(
                f"{name}[{position}] is {tuple(single.shape)}, but images[{position}] is {geometry.image_size} "
                "(height, width, after its EXIF rotation); they have to be the same"
            )
    return [single.to(device) for single, device in zip(read, devices, strict=True)]
