"""Batches of training examples, and the end of their way to the network's input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.utils.data import default_collate
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD


def stack_sides(
    labelled: Sequence[Mapping[str, Tensor]], unlabelled: Sequence[Mapping[str, Tensor]]
) -> dict[str, dict[str, Tensor]]:
    """A batch of examples: {"labelled": {name: (B, ...)}, "unlabelled": {...}}, a side without examples left out.

    Args:
        labelled: examples of `TrainingTransform`, all with the same entries and sizes; in this order in the batch.
        unlabelled: likewise.

    In a worker process of a `DataLoader` the memory is shared from the start, so the batch reaches the training
    process without another copy.

    Raises:
        ValueError: examples of one side have other entries or sizes.
    """
    sides = {"labelled": labelled, "unlabelled": unlabelled}
    return {side: _stacked(examples) for side, examples in sides.items() if examples}


def normalise_on_device(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One side with pixels of whole grey levels turned into normalised float32, on the device where they are.

    Args:
        batch: one side as `stack_sides` gives it, on any device; `pixel_values` (B, 3, S, S) that are float stay.
    """
    normalised = dict(batch)
    for name, values in batch.items():
        if name.endswith("pixel_values") and values.dtype == torch.uint8:
            mean, std = (
                torch.tensor(numbers, device=values.device)[:, None, None]
                for numbers in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
            )
            normalised[name] = values.float().mul_(1 / (255 * std)).sub_(mean / std)
    return normalised


def _stacked(examples: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    shapes = {tuple((name, tuple(values.shape)) for name, values in example.items()) for example in examples}
    if len(shapes) > 1:
        raise ValueError(
            f"examples of one side differ in entries or sizes: {' and '.join(str(dict(shape)) for shape in shapes)}; "
            "give all corpora transforms with the same settings"
        )
    stacked: dict[str, Tensor] = default_collate(list(examples))
    return stacked
