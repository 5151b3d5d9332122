"""Where the sky is, by any semantic segmentation model of transformers with a class of that name."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from depth_anything.training.network_identity import NetworkIdentity
from depth_anything.training.network_input import IMAGENET_NORMALISATION, PixelNormalisation

SKY_NAME = re.compile(r"(?<![a-z])sky(?![a-z])")  # "sky", "sky-other-merged"; not "skyscraper"


class SkySegmenter:
    """A frozen segmentation network that says which pixels are sky; no module, as teachers are none.

    Args:
        network: gives `logits` (B, classes, h', w') of `pixel_values` (B, 3, h, w), its classes named by
            `config.id2label`. It is switched to eval mode, frozen and moved.
        identity: for whoever writes down who found the sky; None where nobody does.
        normalisation: of the network's input.
        device: where to run; None leaves the network where it is.

    Raises:
        ValueError: no class is called sky.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        identity: NetworkIdentity | None = None,
        normalisation: PixelNormalisation = IMAGENET_NORMALISATION,
        device: torch.device | str | None = None,
    ) -> None:
        names: Mapping[int, str] = getattr(getattr(network, "config", None), "id2label", None) or {}
        self._sky_classes = sky_classes(names)
        self._other_classes = sorted({int(number) for number in names} - {*self._sky_classes})
        self.network = network.eval().requires_grad_(False)
        if device is not None:
            self.network.to(device)
        self.identity = identity
        self.normalisation = normalisation

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Which pixels are sky; bool, (B, h, w).

        A pixel is sky where the largest logit of the classes called sky is above every other; this margin is enlarged
        to the size of the images, linearly.

        Args:
            images: clean pixels of training examples, (B, 3, h, w): float, normalised by ImageNet's mean and std, or
                uint8; on the network's device.

        Source: Depth Anything, arXiv:2401.10891, section 3.1: a pre-trained semantic segmentation model finds the sky.
            Differs: transformers enlarges the logits of all classes, 150 maps for one; the margin's way finds no sky
            that this one does not.
        """
        logits: Tensor = self.network(self.normalisation(images)).logits.float()  # (B, classes, h', w')
        margin = logits[:, self._sky_classes].amax(1, keepdim=True) - logits[:, self._other_classes].amax(
            1, keepdim=True
        )
        return F.interpolate(margin, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0] > 0


def sky_classes(names: Mapping[int, str]) -> list[int]:
    """Numbers of the classes that are sky.

    Args:
        names: of all classes, `config.id2label`.

    Raises:
        ValueError: none is called sky, or all are.
    """
    found = sorted(int(number) for number, name in names.items() if SKY_NAME.search(name.lower()))
    if not found or len(found) == len(names):
        shown = ", ".join(list(names.values())[:8]) or "none"
        raise ValueError(
            f"the segmentation model has {len(names)} classes ({shown}{', ...' if len(names) > 8 else ''}) and none "
            "beside others is called sky; give one trained on ADE20K or Cityscapes, such as "
            "nvidia/segformer-b0-finetuned-ade-512-512"
        )
    return found


def with_sky(disparity: Tensor, valid: Tensor, sky: Tensor) -> tuple[Tensor, Tensor]:
    """Labels and mask with disparity 0 where there is sky and no label; labelled sky keeps its labels.

    Args:
        disparity: not normalised, for 0 has to mean infinitely far; (..., H, W).
        valid: pixels with a label; bool, (..., H, W).
        sky: bool, (..., H, W).

    Source: the authors in issue 206 of their repository.
    """
    is_new = sky & ~valid
    return disparity.masked_fill(is_new, 0), valid | is_new
