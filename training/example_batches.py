"""Batches of training examples, and the end of their way to the network's input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.utils.data import default_collate
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

UNLABELLED = "unlabelled_"


def collate(examples: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """A batch of examples of `TrainingTransform`, labelled and unlabelled ones apart.

    Entries of labelled examples keep their names, so that they are the model's arguments; those of unlabelled ones
    have `unlabelled_` before them. Each kind keeps its order, whatever the order between the kinds.

    Args:
        examples: at least one; all of one kind have the same entries and sizes.

    Returns:
        Each entry stacked, (B, ...). In a worker process of a `DataLoader` the memory is shared from the start, so the
        batch reaches the training process without another copy.

    Raises:
        ValueError: there is no example, or those of one kind have other entries or sizes.
    """
    if not examples:
        raise ValueError("a batch needs at least one example")
    labelled = [example for example in examples if "labels" in example]
    unlabelled = [example for example in examples if "labels" not in example]
    batch = _stacked(labelled)
    return batch | {UNLABELLED + name: values for name, values in _stacked(unlabelled).items()}


def normalise_on_device(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The batch with pixels of whole grey levels turned into normalised float32, on the device where they are.

    Args:
        batch: as `collate` gives it, on any device; `pixel_values` (B, 3, S, S) that are float already stay.
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


def _stacked(examples: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    if not examples:
        return {}
    shapes = {tuple((name, tuple(values.shape)) for name, values in example.items()) for example in examples}
    if len(shapes) > 1:
        raise ValueError(
            f"examples of one kind differ in entries or sizes: {' and '.join(str(dict(shape)) for shape in shapes)}; "
            "give all corpora transforms with the same settings"
        )
    stacked: dict[str, Tensor] = default_collate(examples)
    return stacked
