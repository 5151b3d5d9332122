"""Our steps and those of the plain loop on one batch, for the benchmark of training."""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from plain_training_loop import PlainLoop
from torch import Tensor, nn

from depth_anything.configuration_depth_anything import DepthAnythingConfig
from depth_anything.loss_depth_anything import relative_depth_loss
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation
from depth_anything.released_architectures import architecture_fields
from depth_anything.training.loss_settings import LossSettings
from depth_anything.training.losses import feature_alignment_loss, pseudo_label_loss
from depth_anything.training.network_input import use_faster_layout
from depth_anything.training.pseudo_labels import Teacher
from depth_anything.training.pseudo_targets import LiveTargets
from depth_anything.training.student_preparation import ReferenceEncoder, StudentPreparation
from depth_anything.training.tasks import StudentTask
from depth_anything.training.training_batch import TrainingBatch

LEARNING_RATE = 5e-6


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two ways, as steps without arguments."""

    teacher: Callable[[], object]
    student: Callable[[], object]
    losses: Callable[[], object]


def both_sides(
    arguments: argparse.Namespace, raw: dict[str, Any], losses: LossSettings, device: torch.device
) -> tuple[Side, Side, Callable[[], str]]:
    """Our steps, those of the plain loop, and what tells their losses."""
    config = DepthAnythingConfig(**architecture_fields(arguments.size, 2))
    student, teacher = (DepthAnythingForDepthEstimation(config).to(device) for _ in range(2))
    frozen = copy.deepcopy(student.backbone)
    plain_student, plain_teacher = (as_native(network).to(device) for network in (student, teacher))
    plain_frozen = copy.deepcopy(plain_student.backbone).requires_grad_(False).eval()
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=arguments.precision == "bfloat16")

    live = LiveTargets(Teacher(teacher, precision=arguments.precision))
    targets = live(raw["unlabelled"])
    prepare = StudentPreparation(lambda _: targets, ReferenceEncoder(frozen, precision=arguments.precision))
    task = StudentTask(student, losses, config.backbone_config.hidden_size).train()
    use_faster_layout(task, device)  # as the loop does
    optimiser = torch.optim.AdamW(task.parameters(), lr=LEARNING_RATE, fused=True)
    run = torch.compile(task) if arguments.compile else task
    batch = prepare(raw)
    given = given_outputs(batch)

    def our_step() -> Tensor:
        with autocast:
            loss: Tensor = run(prepare(raw))["loss"]
        return stepped(loss, optimiser)

    def our_losses() -> None:
        disparity, features = given
        our_loss(task, disparity, features, batch).backward()

    plain = PlainLoop(plain_student, plain_frozen, losses, targets)
    plain_optimiser = torch.optim.AdamW(plain_student.parameters(), lr=LEARNING_RATE, fused=True)

    def plain_step() -> Tensor:
        with autocast:
            loss = plain.loss(raw)
        return stepped(loss, plain_optimiser)

    def plain_losses() -> None:
        plain.losses(*given, batch, batch.reference_features).backward()

    @torch.no_grad()
    def plain_labels() -> object:
        images = raw["unlabelled"]["whole_pixel_values"]
        with autocast:
            return [plain_teacher(image[None]).predicted_depth for image in images]

    def describe() -> str:
        with autocast, torch.no_grad():
            return f"equal arithmetic: loss {float(task(batch)['loss']):.5f} and {float(plain.loss(raw)):.5f}"

    return (
        Side(teacher=lambda: live(raw["unlabelled"]), student=our_step, losses=our_losses),
        Side(teacher=plain_labels, student=plain_step, losses=plain_losses),
        describe,
    )


def as_native(network: nn.Module) -> nn.Module:
    """transformers' own network with the same weights."""
    with tempfile.TemporaryDirectory() as folder:  # the names of tensors in memory differ, those in files do not
        network.save_pretrained(folder)
        return transformers.DepthAnythingForDepthEstimation.from_pretrained(folder).train()


def stepped(loss: Tensor, optimiser: torch.optim.Optimizer) -> Tensor:
    """The loss, after the optimiser's step."""
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return loss


def given_outputs(batch: TrainingBatch) -> tuple[Tensor, Tensor]:
    """Predictions and features that ask for gradients."""
    assert batch.labels is not None
    assert batch.targets is not None
    assert batch.reference_features is not None
    truth = torch.cat([batch.labels, batch.targets])
    noise = torch.rand_like(truth)
    disparity = (truth + truth.std() * noise).requires_grad_()
    features = (batch.reference_features.float() + torch.randn_like(batch.reference_features.float())).requires_grad_()
    return disparity, features


def our_loss(task: StudentTask, disparity: Tensor, features: Tensor, batch: TrainingBatch) -> Tensor:
    """The task's own losses of given outputs."""
    settings, count = task.settings, len(batch.labels)
    labelled = relative_depth_loss(disparity[:count], batch.labels, batch.labels_valid, settings.gradient_weight)
    unlabelled = pseudo_label_loss(
        disparity[count:], batch.targets, batch.targets_valid, batch.inside,
        gradient_weight=settings.gradient_weight, trimmed_share=settings.trimmed_share,
    )  # fmt: skip
    return labelled + unlabelled + feature_alignment_loss(features, batch.reference_features, settings.feature_margin)
