"""What `toy` and `ablate.py` score: networks, and baselines that never look at the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from depth_anything import DepthAnythingForDepthEstimation, DepthAnythingImageProcessor
from depth_anything.training.frame_scores import Predictor

BASELINES = ("constant", "vertical gradient", "mean disparity")


class NetworkPredictor:
    """A network behind its image processor.

    Args:
        model: relative; it is switched to eval mode.
        processor: prepares its pictures.
    """

    def __init__(self, model: DepthAnythingForDepthEstimation, processor: DepthAnythingImageProcessor) -> None:
        self.model = model.eval()
        self.processor = processor

    @torch.no_grad()
    def __call__(self, images: Sequence[NDArray[np.uint8]], size: tuple[int, int]) -> Tensor:
        """Disparity at the wanted size, (N, H, W), on the CPU."""
        pixel_values = self.processor(list(images), return_tensors="pt")["pixel_values"].to(self.model.device)
        return resized_maps(self.model(pixel_values).predicted_depth.float().cpu(), size)


class MapPredictor:
    """The same map for every picture, (H, W)."""

    def __init__(self, disparity: Tensor) -> None:
        self.disparity = disparity

    def __call__(self, images: Sequence[NDArray[np.uint8]], size: tuple[int, int]) -> Tensor:
        """The map at the wanted size, once for each picture."""
        return resized_maps(self.disparity[None], size).expand(len(images), -1, -1)


def trivial_predictors(training_disparity: NDArray[np.float32]) -> dict[str, Predictor]:
    """The baselines by name: one value everywhere, nearer towards the bottom, and the mean of what was trained on.

    Args:
        training_disparity: of the labelled training scenes, (N, S, S).
    """
    side = training_disparity.shape[1]
    gradient = torch.linspace(0, 1, side)[:, None].expand(side, side)
    maps = (torch.ones(side, side), gradient, torch.from_numpy(training_disparity.mean(0, dtype=np.float32)))
    return {name: MapPredictor(disparity) for name, disparity in zip(BASELINES, maps, strict=True)}


def resized_maps(disparity: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (N, h, w) at another size (H, W), bilinear, the corners staying where they are."""
    if tuple(disparity.shape[1:]) == tuple(size):
        return disparity
    return functional.interpolate(disparity[:, None], size, mode="bilinear", align_corners=True)[:, 0]
