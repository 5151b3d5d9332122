"""A frozen teacher: whole clean images in, disparity, sky and confidence out. Live and stored labels come from here.

    teacher = load_teacher("depth-anything/Depth-Anything-V2-Large-hf", device="cuda")  # in teacher_loading.py
    labels = teacher.label(whole_images)  # of any sizes; those of equal size run together

A teacher is no module, so nothing registers it: wrappers, optimisers and checkpoints of the student never see it.
Shapes: B batch, h w pixels of the resized image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from depth_anything.loss_depth_anything import MIN_TARGET_DEVIATION, normalize_disparity
from depth_anything.training.corpora.sample import TOP_CONFIDENCE
from depth_anything.training.network_identity import NetworkIdentity
from depth_anything.training.network_input import (
    IMAGENET_NORMALISATION,
    PixelNormalisation,
    equal_sized,
    use_faster_layout,
)
from depth_anything.training.sky_segmentation import SkySegmenter

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}  # the type that autocast takes


class PseudoLabel(NamedTuple):
    """What the teacher says of one image, on its device.

    Attributes:
        disparity: as the network predicts it, at least 0, and 0 where there is sky; float32, (h, w). All NaN if the
            network's output was not finite somewhere: such a map is no label.
        sky: what was found to be sky; bool, (h, w); None where nobody looked.
        confidence: agreement with the mirrored view, see `agreement`, and 1 where there is sky; float32, (h, w); None
            unless asked for.
    """

    disparity: Tensor
    sky: Tensor | None = None
    confidence: Tensor | None = None


class Teacher:
    """A frozen network that labels images; in eval mode, without gradients.

    Args:
        network: gives `predicted_depth` (B, h', w') of `pixel_values` (B, 3, h, w), which is disparity: ours, or one
            of transformers' own that predicts relative disparity. It is switched to eval mode, frozen, moved and laid
            out for the device.
        identity: for whoever writes down who made the labels; None where nobody does.
        normalisation: of the network's input.
        sky: finds the sky, whose disparity becomes 0; None looks for none.
        has_confidence: run the mirrored view too, which takes a second forward.
        precision: "float32", or "bfloat16" for autocast.
        max_batch: images that run together at most.
        input_size: (height, width) that the network wants, whatever the image has; None: that of the image, at the
            nearest multiple of the network's patches. The disparity comes back at the image's size.
        device: where to run; None leaves the network where it is.

    Raises:
        ValueError: a metric network, or a setting that is not on offer.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        identity: NetworkIdentity | None = None,
        normalisation: PixelNormalisation = IMAGENET_NORMALISATION,
        sky: SkySegmenter | None = None,
        has_confidence: bool = False,
        precision: str = "float32",
        max_batch: int = 16,
        input_size: tuple[int, int] | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}, must be one of {', '.join(PRECISIONS)}")
        if max_batch < 1:
            raise ValueError(f"max_batch is {max_batch}, must be 1 or more, such as 16")
        if getattr(getattr(network, "config", None), "depth_estimation_type", "relative") == "metric":
            raise ValueError("the network predicts metres and a teacher has to predict disparity; give a relative one")
        self.network = network.eval().requires_grad_(False)
        self.device = next(network.parameters()).device if device is None else torch.device(device)
        self.network.to(self.device)
        use_faster_layout(self.network, self.device)
        self.identity = identity
        self.normalisation = normalisation
        self.sky = sky
        self.has_confidence = has_confidence
        self.precision = precision
        self.max_batch = max_batch
        self.input_size = input_size
        self._patch_size = _patch_size(network)

    def label(self, images: Sequence[Tensor] | Tensor) -> list[PseudoLabel]:
        """A label for each image, in their order.

        Args:
            images: clean pixels of training examples, each (3, h, w), or a batch (B, 3, h, w): float, normalised by
                ImageNet's mean and std, or uint8; on any device.

        Raises:
            ValueError: an image of another shape, or a network that gives no map.
        """
        images = list(images)
        for image in images:
            if image.ndim != 3 or image.shape[0] != 3:
                raise ValueError(f"an image has the shape {tuple(image.shape)}, must be (3, height, width)")
        labels: dict[int, PseudoLabel] = {}
        for places in equal_sized(images, self.max_batch):
            batch = torch.stack([images[place].to(self.device, non_blocking=True) for place in places])
            labels.update(zip(places, self._labels(batch), strict=True))
        return [labels[place] for place in range(len(images))]

    @torch.no_grad()  # not inference_mode, whose tensors no loss may keep for its gradient
    def _labels(self, images: Tensor) -> list[PseudoLabel]:
        pixels = self.normalisation(images)
        disparity = self._disparity(pixels)  # (B, h, w)
        confidence = None
        if self.has_confidence:
            confidence = agreement(disparity, self._disparity(pixels.flip(-1)).flip(-1))
        sky = None
        if self.sky is not None:
            with self._autocast():
                sky = self.sky(images)
            disparity = disparity.masked_fill(sky, 0)
            confidence = None if confidence is None else confidence.masked_fill(sky, 1)
        return [
            PseudoLabel(
                disparity[place],
                None if sky is None else sky[place],
                None if confidence is None else confidence[place],
            )
            for place in range(len(images))
        ]

    def _disparity(self, pixels: Tensor) -> Tensor:
        """Disparity of the images, (B, h, w), float32; all NaN for an image whose output is not finite."""
        height, width = pixels.shape[-2:]
        patch = self._patch_size
        fitting = self.input_size or (max(round(height / patch), 1) * patch, max(round(width / patch), 1) * patch)
        if fitting != (height, width):
            pixels = F.interpolate(pixels, fitting, mode="bicubic", align_corners=False)
        with self._autocast():
            predicted: Tensor = self.network(pixels).predicted_depth
        predicted = predicted.float()
        if predicted.ndim != 3:
            raise ValueError(f"the teacher's output has the shape {tuple(predicted.shape)}, must be (B, h, w)")
        if predicted.shape[-2:] != (height, width):
            predicted = F.interpolate(predicted[:, None], (height, width), mode="bilinear", align_corners=False)[:, 0]
        is_broken = ~predicted.isfinite().flatten(1).all(1)
        return predicted.clamp(min=0).masked_fill(is_broken[:, None, None], math.nan)

    def _autocast(self) -> torch.autocast:
        dtype = PRECISIONS[self.precision]
        return torch.autocast(self.device.type, dtype, enabled=dtype is not None)


def agreement(disparity: Tensor, other: Tensor) -> Tensor:
    """How well two maps of each image agree at each pixel, 0 to 1 in whole 255ths as stored; float32, (B, h, w).

        agreement = max(0, 1 - |n(disparity) - n(other)|)

    where n brings a map to median 0 and mean absolute deviation 1: 1 is agreement, and 0 a difference as large as the
    mean absolute deviation of the map or larger. Scale and shift do not count, as in the loss. Two flat maps agree.
    Where a map is not finite the agreement is 0.

    Args:
        disparity: (B, h, w).
        other: (B, h, w).
    """
    everywhere = torch.ones_like(disparity, dtype=torch.bool)
    one, two = (normalize_disparity(values, everywhere, MIN_TARGET_DEVIATION) for values in (disparity, other))
    closeness = (1 - (one - two).abs()).clamp_(min=0).nan_to_num_(0)
    return closeness.mul_(TOP_CONFIDENCE).round_().div_(TOP_CONFIDENCE)


def _patch_size(network: nn.Module) -> int:
    """What both sides of the network's input have to be multiples of; 1 if its configuration does not say."""
    config = getattr(network, "config", None)
    for holder in (getattr(config, "backbone_config", None), config):
        size = getattr(holder, "patch_size", None)
        if size is not None:
            return int(size if isinstance(size, int) else size[0])
    return 1
