"""What is looked at while a training runs: scores, pictures, and the best network so far."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor, nn
from torch.distributed.fsdp import register_fsdp_forward_method

from depth_anything.model_card_facts import CardFacts
from depth_anything.training.depth_validation import DepthValidation
from depth_anything.training.loop_setup import Prepare, RawBatch
from depth_anything.training.tasks import Task
from depth_anything.training.trained_checkpoint import BEST, LAST, save_trained, with_scores
from depth_anything.training.training_batch import TrainingBatch
from depth_anything.training.training_panels import PanelRow, show_panel

PANELS = "panels"


class RememberedBatch:
    """A preparation that keeps the last batch, for pictures of it.

    Args:
        prepare: the preparation.
    """

    def __init__(self, prepare: Prepare) -> None:
        self._prepare = prepare
        self.batch = TrainingBatch()

    def __call__(self, raw: RawBatch) -> TrainingBatch:
        """What the preparation makes."""
        self.batch = self._prepare(raw)
        return self.batch


class RunObserver:
    """Scores, draws and keeps the network whenever the loop asks for it; every process has to call each method.

    Args:
        task: that the loop was given; the same object once it is prepared.
        accelerator: of the run.
        folder: of the run.
        validation: None draws pictures alone.
        remembered: of the run's batches.
        card: of the network, without scores.
        crop_size: that the network is trained at.
        num_panels: images in each panel; 0 draws none.
    """

    def __init__(
        self,
        task: Task,
        accelerator: Accelerator,
        folder: Path,
        *,
        validation: DepthValidation | None,
        remembered: RememberedBatch,
        card: CardFacts,
        crop_size: int,
        num_panels: int,
    ) -> None:
        self.folder = folder
        self._task, self._accelerator = task, accelerator
        self._validation, self._remembered = validation, remembered
        self._card, self._crop_size, self._num_panels = card, crop_size, num_panels

    def validate(self, model: nn.Module, step: int) -> dict[str, float]:
        """The scores, and pictures into the folder and to the trackers."""
        network = self._evaluated(model)
        scores: dict[str, float] = {}
        if self._validation is not None:
            scores = self._validation(network, step)
            show_panel("validation", self._validation.rows, step, self._accelerator, self.folder / PANELS)
        rows = panel_rows(self._remembered.batch, network, self._num_panels, self._accelerator)
        show_panel("training", rows, step, self._accelerator, self.folder / PANELS)
        self._card = with_scores(self._card, scores, step)
        return scores

    def keep_best(self, model: nn.Module) -> None:
        """The network as the best so far, with the scores of the last validation in its card."""
        self._save(model, BEST)

    def keep_last(self, model: nn.Module) -> Path:
        """The network as it is at the end; gives the folder of the best, or of this one where none was validated."""
        self._save(model, LAST)
        return self.folder / (LAST if self._validation is None else BEST)

    def _save(self, model: nn.Module, name: str) -> None:
        card = replace(self._card, model_id=str(self.folder / name))
        save_trained(model, self.folder / name, card, crop_size=self._crop_size, accelerator=self._accelerator)

    def _evaluated(self, model: nn.Module) -> nn.Module:
        if self._accelerator.distributed_type is DistributedType.FSDP:
            return _ShardedNetwork(self._task)
        return model


class _Predicted(NamedTuple):
    predicted_depth: Tensor


class _ShardedNetwork(nn.Module):
    """The network of a task whose weights are sharded: they come together for methods of the task alone."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        register_fsdp_forward_method(task, "predict")
        self._predict = task.predict  # bound, so that the task does not become a part of this module

    def forward(self, pixels: Tensor) -> _Predicted:
        return _Predicted(self._predict(pixels))


def panel_rows(batch: TrainingBatch, model: nn.Module, num_rows: int, accelerator: Accelerator) -> list[PanelRow]:
    """The student's pictures of a batch, or the labelled ones, beside what the network predicts of them.

    Args:
        batch: as the task gets it; one without images gives no rows.
        model: gives `predicted_depth`.
        num_rows: at most.
        accelerator: of the run.
    """
    pixels, target, valid = batch.student_pixels, batch.targets, batch.targets_valid
    if pixels is None:
        pixels, target, valid = batch.labelled_pixels, batch.labels, batch.labels_valid
    if pixels is None or target is None or valid is None or not num_rows:
        return []
    with torch.no_grad(), accelerator.autocast():
        predicted = model(pixels[:num_rows]).predicted_depth
    return [PanelRow(*each) for each in zip(pixels, target, valid, predicted, strict=False)]
