"""Where the predictions that are scored come from: a network, or files that something else wrote.

Shapes: H W pixels of the ground truth, h w of the prediction as it comes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_anything.depth_upsampling import upsampled_depth
from depth_anything.training.evaluation.crops import BENCHMARK_HEIGHT, BENCHMARK_WIDTH, benchmark_crop
from depth_anything.training.evaluation.depth_models import DepthModel
from depth_anything.training.evaluation.prediction_folder import PredictionFolder
from depth_anything.training.evaluation.protocol import PairProtocol, Protocol
from depth_anything.training.evaluation.scoring_rule import PredictionKind


class Prepared(NamedTuple):
    """What is left of a picture until its prediction is due.

    Attributes:
        values: network's input (C, h, w), or the map of a file (h, w).
        image_size: (height, width) of the picture.
        target_size: (height, width) that the prediction is brought to.
    """

    values: Tensor
    image_size: tuple[int, int]
    target_size: tuple[int, int]


class MapPredictor(ABC):
    """Predictions of a benchmark's pictures at the size that they are scored at.

    Attributes:
        kind: what they mean.
        identity: what tells them from others in a record, as JSON.
    """

    kind: PredictionKind
    identity: dict[str, Any]

    @abstractmethod
    def prepare(self, index: int, image: NDArray[np.uint8], target_size: tuple[int, int]) -> Prepared:
        """What `predict` needs of one picture; runs beside the network, in another thread.

        Args:
            index: of the picture in the benchmark.
            image: RGB, (height, width, 3).
            target_size: of its ground truth.

        Raises:
            ValueError: the picture cannot be used, or has no prediction.
        """

    @abstractmethod
    def predict(self, prepared: Sequence[Prepared]) -> list[Tensor]:
        """The maps, each (H, W) of its target, float32, on the device that computed them."""


class NetworkPredictor(MapPredictor):
    """Predictions of a network, as a protocol wants them.

    Pictures of one processed size run together, so what runs together follows from the pictures alone.

    Args:
        model: the network with its processor.
        protocol: says how the picture is resized, mirrored and brought to the size of the truth.
        is_input_kept: prepare pictures as the checkpoint's processor says, not as the protocol does.
    """

    def __init__(self, model: DepthModel, protocol: Protocol | PairProtocol, is_input_kept: bool) -> None:
        self._model = model if is_input_kept else model.with_input(protocol.input_rule)
        self._is_flip_averaged = isinstance(protocol, Protocol) and protocol.is_flip_averaged
        self._is_corner_aligned = protocol.is_corner_aligned
        self.kind = model.kind
        self.identity = self._model.identity

    def prepare(self, index: int, image: NDArray[np.uint8], target_size: tuple[int, int]) -> Prepared:
        """The network's input."""
        height, width = image.shape[:2]
        return Prepared(self._model.prepare(image), (height, width), target_size)

    def predict(self, prepared: Sequence[Prepared]) -> list[Tensor]:
        """The maps of pictures of any sizes."""
        alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for position, one in enumerate(prepared):
            alike[tuple(one.values.shape)].append(position)
        maps: dict[int, Tensor] = {}
        for positions in alike.values():
            depth = self._model.predict(
                torch.stack([prepared[position].values for position in positions]), self._is_flip_averaged
            )
            for position, one in zip(positions, depth, strict=True):
                shown = self._model.without_border(one, prepared[position].image_size)
                maps[position] = resized(shown, prepared[position].target_size, self._is_corner_aligned)
        return [maps[position] for position in range(len(prepared))]


class FolderPredictor(MapPredictor):
    """Predictions from files.

    Args:
        folder: with a prediction of each picture.
        protocol: says how they are brought to the size of the truth. Where it cuts pictures to KITTI's benchmark
            window, maps of the whole picture are cut too.
    """

    def __init__(self, folder: PredictionFolder, protocol: Protocol | PairProtocol) -> None:
        self._folder = folder
        self._is_cropped = isinstance(protocol, Protocol) and protocol.is_benchmark_cropped
        self._is_corner_aligned = protocol.is_corner_aligned
        self.kind = folder.kind
        self.identity = folder.identity()

    def prepare(self, index: int, image: NDArray[np.uint8], target_size: tuple[int, int]) -> Prepared:
        """The map of the picture's file."""
        map_ = self._folder.read(index)
        height, width = map_.shape
        if self._is_cropped and height >= BENCHMARK_HEIGHT and width >= BENCHMARK_WIDTH:
            map_ = np.ascontiguousarray(map_[benchmark_crop(height, width).slices])
        return Prepared(torch.from_numpy(map_), (image.shape[0], image.shape[1]), target_size)

    def predict(self, prepared: Sequence[Prepared]) -> list[Tensor]:
        """The maps at the size of the truth."""
        return [resized(one.values, one.target_size, self._is_corner_aligned) for one in prepared]


def resized(map_: Tensor, size: tuple[int, int], is_corner_aligned: bool) -> Tensor:
    """A map (h, w) brought to another size, bilinearly; (H, W)."""
    if tuple(map_.shape) == size:
        return map_
    return upsampled_depth(map_[None], size, "bilinear", is_corner_aligned)[0]
