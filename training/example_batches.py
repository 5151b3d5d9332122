"""Batches of training examples, and the end of their way to the network's input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor
from torch.utils.data import default_collate
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

Side: TypeAlias = dict[str, Tensor | list[Tensor]]

# Whole images keep their own sizes, so that a batch of them is a list.
LISTED_NAMES = frozenset({"whole_pixel_values"})


def stack_sides(
    labelled: Sequence[Mapping[str, Tensor]], unlabelled: Sequence[Mapping[str, Tensor]]
) -> dict[str, Side]:
    """A batch of examples: {"labelled": {name: (B, ...)}, "unlabelled": {...}}, a side without examples left out.

    `whole_pixel_values`, whose sizes differ, are a list of B tensors.

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


def normalise_on_device(batch: Mapping[str, Tensor | list[Tensor]]) -> Side:
    """One side with pixels of whole grey levels turned into normalised float32, on the device where they are.

    Args:
        batch: one side as `stack_sides` gives it, on any device; `pixel_values` (B, 3, S, S) that are float stay, as
            whole images always are.
    """
    normalised: Side = dict(batch)
    for name, values in batch.items():
        if name.endswith("pixel_values") and isinstance(values, Tensor) and values.dtype == torch.uint8:
            mean, std = (
                torch.tensor(numbers, device=values.device)[:, None, None]
                for numbers in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
            )
            normalised[name] = values.float().mul_(1 / (255 * std)).sub_(mean / std)
    return normalised


def _stacked(examples: Sequence[Mapping[str, Tensor]]) -> Side:
    shapes = {tuple((name, *_fixed_shape(name, values)) for name, values in example.items()) for example in examples}
    if len(shapes) > 1:
        shown = " and ".join(str({name: shape for name, *shape in names}) for names in shapes)
        raise ValueError(
            f"examples of one side differ in entries or sizes: {shown}; give all corpora transforms with the same "
            "settings"
        )
    listed: Side = {name: [example[name] for example in examples] for name in examples[0] if name in LISTED_NAMES}
    stacked: Side = default_collate(
        [{name: values for name, values in example.items() if name not in LISTED_NAMES} for example in examples]
    )
    return stacked | listed


def _fixed_shape(name: str, values: Tensor) -> tuple[int, ...]:
    """What has to be equal in all examples of a batch."""
    return () if name in LISTED_NAMES else tuple(values.shape)
