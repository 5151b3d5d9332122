"""What a network is given: its own normalisation of an example's pixels, images of one size, the faster layout."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD


@dataclass(frozen=True, kw_only=True)
class PixelNormalisation:
    """What a network was trained on: (pixel - mean) / std of RGB from 0 to 1.

    Attributes:
        mean, std: of red, green and blue; ImageNet's, which training examples have, by default.

    Raises:
        ValueError: not three numbers each, or a `std` that is not above 0.
    """

    mean: tuple[float, ...] = tuple(IMAGENET_DEFAULT_MEAN)
    std: tuple[float, ...] = tuple(IMAGENET_DEFAULT_STD)

    def __post_init__(self) -> None:
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError(f"mean {self.mean} and std {self.std} have to be three numbers each, std above 0")

    def __call__(self, pixels: Tensor) -> Tensor:
        """The network's input, float32, on the device of the pixels.

        Args:
            pixels: of training examples, (..., 3, H, W): float, normalised by ImageNet's mean and std, or uint8.
        """
        mean, std = _channels(self.mean, pixels), _channels(self.std, pixels)
        if pixels.dtype == torch.uint8:
            return pixels.float().mul_(1 / (255 * std)).sub_(mean / std)
        if self == IMAGENET_NORMALISATION:
            return pixels.float()
        from_mean = _channels(IMAGENET_NORMALISATION.mean, pixels)
        from_std = _channels(IMAGENET_NORMALISATION.std, pixels)
        return pixels.float() * (from_std / std) + (from_mean - mean) / std


IMAGENET_NORMALISATION = PixelNormalisation()


def normalisation_of(settings: Mapping[str, Any], name: str) -> PixelNormalisation:
    """What an image processor's file says about normalising.

    Args:
        settings: of the file.
        name: of the checkpoint, for the error.

    Raises:
        ValueError: a step that is not the usual one, such as blue before red or another range than 0 to 1.
    """
    rescale_factor = settings.get("rescale_factor") or 1 / 255
    if settings.get("do_flip_channel_order") or abs(rescale_factor * 255 - 1) > 1e-6:
        raise ValueError(
            f"the image processor of {name!r} wants pixels as BGR or times {rescale_factor:g}; only RGB times 1/255 "
            "is offered: give a network with such an input"
        )
    if settings.get("do_normalize") is False:
        return PixelNormalisation(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    mean, std = settings.get("image_mean"), settings.get("image_std")
    return PixelNormalisation(
        mean=IMAGENET_NORMALISATION.mean if mean is None else tuple(mean),
        std=IMAGENET_NORMALISATION.std if std is None else tuple(std),
    )


def equal_sized(images: Sequence[Tensor], max_batch: int) -> Iterator[list[int]]:
    """Places of images of one shape and type, `max_batch` at a time; sizes in the order of their first image."""
    groups: dict[tuple[torch.Size, torch.dtype], list[int]] = {}
    for place, image in enumerate(images):
        groups.setdefault((image.shape, image.dtype), []).append(place)
    for places in groups.values():
        for first in range(0, len(places), max_batch):
            yield places[first : first + max_batch]


def _channels(numbers: tuple[float, ...], pixels: Tensor) -> Tensor:
    return _on_device(numbers, pixels.device)


@functools.lru_cache(maxsize=64)
def _on_device(numbers: tuple[float, ...], device: torch.device) -> Tensor:
    """Kept, because sending them anew would wait for all that the device was given to do."""
    return torch.tensor(numbers, dtype=torch.float32, device=device)[:, None, None]


def use_faster_layout(network: nn.Module, device: torch.device) -> None:
    """Lays the weights out as this kind of device convolves fastest; names, shapes and saved files stay as they are.

    Args:
        network: whole, on the device; not sharded, for FSDP takes the plain layout alone.
        device: a CPU convolves the decoder's maps 1.4 times as fast with channels last (2 cores with AVX-512, float32,
            bfloat16). With AVX2 a step of nano gains 8 %, but the backward of a ViT-S's decoder at 518 takes 1.8 times
            as long.
    """
    if device.type == "cpu":
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
