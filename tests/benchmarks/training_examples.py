"""A batch of training examples without files, for the benchmark of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from depth_anything.training.augmentation import TeacherView, TrainingTransform, TransformSettings
from depth_anything.training.corpora.sample import LabelKind, Sample
from depth_anything.training.cutmix import CutMixSettings
from depth_anything.training.example_batches import stack_sides

HEIGHT, WIDTH = 768, 1024


def make_examples(num_labelled: int, num_unlabelled: int) -> Callable[[], dict[str, Any]]:
    """What gives the batch of examples, made anew by each call; the first image of each pair has a box."""
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    rows = np.mgrid[0:HEIGHT, 0:WIDTH][0] / HEIGHT
    depth_m = (1 / (rows + 0.1) + generator.random((HEIGHT, WIDTH))).astype(np.float32)
    unlabelled = Sample(image=picture, kind=LabelKind.NONE, corpus="benchmark", key="0")
    labelled = replace(unlabelled, label=depth_m, valid=depth_m > 1.2, kind=LabelKind.METRIC_DEPTH)
    settings = TransformSettings(teacher_view=TeacherView.WHOLE, cutmix=CutMixSettings(probability=1.0))
    transform = TrainingTransform(settings)

    def make() -> dict[str, Any]:
        batch = stack_sides(
            [transform(labelled, seed) for seed in range(num_labelled)],
            [transform(unlabelled, seed) for seed in range(num_unlabelled)],
        )
        batch["unlabelled"]["mix_box"][1::2] = 0  # half of the images, as with the default probability
        return batch

    return make


def on_device(raw: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The batch on the device."""
    return {
        side: {
            name: [each.to(device) for each in values] if isinstance(values, list) else values.to(device)
            for name, values in entries.items()
        }
        for side, entries in raw.items()
    }
