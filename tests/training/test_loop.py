"""The loop in one process, on tasks whose losses are given."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from depth_anything import DepthAnythingForDepthEstimation
from depth_anything.training.loop import train
from depth_anything.training.loop_settings import LoopSettings
from depth_anything.training.loop_setup import make_accelerator
from depth_anything.training.loss_settings import LossSettings
from depth_anything.training.optimisation import OptimiserSettings
from depth_anything.training.stream import TrainingStream
from depth_anything.training.tasks import TeacherTask
from depth_anything.training.training_batch import TrainingBatch

NAN = math.nan


class GivenLosses(TeacherTask):
    """The label is the loss."""

    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        assert batch.labels is not None
        loss = batch.labels.mean() + 0 * self.model.head.conv3.bias.sum()
        return {"loss": loss, "labelled": loss.detach() / 2}


def test_steps_that_are_left_out_are_counted_and_not_in_the_reported_means(
    tiny_model: DepthAnythingForDepthEstimation, numbered_stream: Callable[..., TrainingStream[Any]]
) -> None:
    losses = iter([1.0, NAN, 4.0, 6.0, NAN, NAN, NAN, 7.0])
    settings = LoopSettings(num_steps=8, log_every=2)
    outcome = train(
        task=GivenLosses(tiny_model, LossSettings(feature_weight=0.0)),
        prepare=lambda _: TrainingBatch(labels=torch.tensor([next(losses)])),
        stream=numbered_stream(),
        accelerator=make_accelerator(settings, cpu=True),
        optimiser_settings=OptimiserSettings(),
        settings=settings,
    )
    assert [entry.get("loss") for entry in outcome.history] == [1.0, 5.0, None, 7.0]
    assert [entry.get("labelled") for entry in outcome.history] == [0.5, 2.5, None, 3.5]
    assert [entry["skipped_steps"] for entry in outcome.history] == [1, 1, 3, 4]
    assert outcome.progress.num_skipped == 4
