from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from depth_anything.configuration_depth_anything import DepthAnythingConfig
from depth_anything.loss_depth_anything import relative_depth_loss
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation
from depth_anything.training.loss_settings import V1_LOSSES, V2_LOSSES, LossSettings
from depth_anything.training.losses import feature_alignment_loss, pseudo_label_loss
from depth_anything.training.tasks import StudentTask, TeacherTask
from depth_anything.training.training_batch import TrainingBatch

WIDTH = 32  # of the tiny model's encoder
OTHER_WIDTH = 48
PARTS = ("labelled", "unlabelled", "features")
GRADIENTS_OF_RANKS = Path(__file__).with_name("gradients_of_ranks.py")


@pytest.fixture
def batch() -> TrainingBatch:
    """Two labelled and four unlabelled images of 28x28, one of them mixed."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(6, 3, 28, 28, generator=generator)
    maps = torch.rand(6, 28, 28, generator=generator)
    valid = torch.rand(6, 28, 28, generator=generator) > 0.2
    inside = torch.zeros(4, 28, 28, dtype=torch.bool)
    inside[0, 3:15, 8:20] = True
    return TrainingBatch(
        labelled_pixels=pixels[:2],
        labels=maps[:2],
        labels_valid=valid[:2],
        student_pixels=pixels[2:],
        targets=maps[2:],
        targets_valid=valid[2:],
        inside=inside,
        reference_features=torch.randn(4, 4, OTHER_WIDTH, generator=generator),
    )


@pytest.fixture
def task(tiny_model: DepthAnythingForDepthEstimation) -> StudentTask:
    torch.manual_seed(0)
    return StudentTask(tiny_model, V2_LOSSES, OTHER_WIDTH).train()


def gradients(task: StudentTask, batch: TrainingBatch) -> dict[str, Tensor]:
    task.zero_grad()
    task(batch)["loss"].backward()
    return {name: parameter.grad for name, parameter in task.named_parameters() if parameter.grad is not None}


def test_the_parts_are_the_losses_of_the_networks_outputs(task: StudentTask, batch: TrainingBatch) -> None:
    losses = task(batch)
    assert losses.keys() == {"loss", *PARTS}
    outputs = task.model(torch.cat([batch.labelled_pixels, batch.student_pixels]), output_hidden_states=True)
    features = task.model.backbone.layernorm(outputs.hidden_states[-1])[2:, 1:]
    disparity = outputs.predicted_depth
    expected = {
        "labelled": relative_depth_loss(disparity[:2], batch.labels, batch.labels_valid, 2.0),
        "unlabelled": pseudo_label_loss(
            disparity[2:], batch.targets, batch.targets_valid, batch.inside, gradient_weight=2.0, trimmed_share=0.1
        ),
        "features": feature_alignment_loss(task.projection(features), batch.reference_features, 0.85),
    }
    for name in PARTS:
        torch.testing.assert_close(losses[name], expected[name])
        assert not losses[name].requires_grad
    torch.testing.assert_close(losses["loss"], sum(expected.values()))
    assert losses["loss"].requires_grad


def test_weights_and_the_average_are_factors(
    tiny_model: DepthAnythingForDepthEstimation, batch: TrainingBatch
) -> None:
    batch = replace(batch, reference_features=batch.reference_features[..., :WIDTH])
    weights = {"labelled_weight": 0.5, "unlabelled_weight": 2.0, "feature_weight": 3.0}
    for total, divisor in (("sum", 1.0), ("average", 5.5)):
        losses = StudentTask(tiny_model, LossSettings(loss_total=total, **weights), WIDTH)(batch)
        weighed = 0.5 * losses["labelled"] + 2 * losses["unlabelled"] + 3 * losses["features"]
        torch.testing.assert_close(losses["loss"].detach(), weighed / divisor)
    v1 = StudentTask(tiny_model, V1_LOSSES, WIDTH)(batch)
    average = StudentTask(tiny_model, replace(V1_LOSSES, loss_total="average"), WIDTH)(batch)
    torch.testing.assert_close(average["loss"], v1["loss"] / 3)


def test_labelled_and_unlabelled_images_go_through_the_network_together(
    task: StudentTask, batch: TrainingBatch
) -> None:
    sizes: list[int] = []
    task.model.backbone.register_forward_pre_hook(lambda module, arguments: sizes.append(len(arguments[0])))
    task(batch)
    assert sizes == [6]


@pytest.mark.parametrize("width", [WIDTH, OTHER_WIDTH])
def test_every_trainable_parameter_gets_a_gradient_in_every_step(
    tiny_model: DepthAnythingForDepthEstimation, batch: TrainingBatch, width: int
) -> None:
    """Plain data-parallel training waits for each of them."""
    student = StudentTask(tiny_model, V1_LOSSES, width).train()
    batch = replace(batch, reference_features=batch.reference_features[..., :width])
    only_unlabelled = replace(batch, labelled_pixels=None, labels=None, labels_valid=None)
    for step in (batch, only_unlabelled, replace(batch, inside=None)):
        found = gradients(student, step)
        assert found.keys() == {name for name, parameter in student.named_parameters() if parameter.requires_grad}
    assert ("projection.weight" in found) is (width != WIDTH)
    teacher = TeacherTask(tiny_model, V2_LOSSES).train()
    assert gradients(teacher, batch).keys() == dict(teacher.named_parameters()).keys()


def test_a_task_holds_the_network_and_the_projection_alone(task: StudentTask) -> None:
    names = {name for name, _ in task.named_parameters()}
    names |= {name for name, _ in task.named_buffers()}
    of_model = {f"model.{name}" for name in task.model.state_dict()}
    assert of_model <= names
    assert set(task.state_dict()) == of_model | {"projection.weight", "projection.bias"}
    assert set(task._no_split_modules) == set(task.model._no_split_modules)


def test_a_teacher_has_the_labelled_loss_alone(
    tiny_model: DepthAnythingForDepthEstimation, batch: TrainingBatch
) -> None:
    losses = TeacherTask(tiny_model, V2_LOSSES)(batch)
    assert losses.keys() == {"loss", "labelled"}
    outputs = tiny_model(batch.labelled_pixels)
    expected = relative_depth_loss(outputs.predicted_depth, batch.labels, batch.labels_valid, 2.0)
    torch.testing.assert_close(losses["loss"], expected)


def test_gradient_checkpointing_changes_no_gradient(task: StudentTask, batch: TrainingBatch) -> None:
    expected = gradients(task, batch)
    task.model.gradient_checkpointing_enable()
    torch.testing.assert_close(gradients(task, batch), expected)


def test_autocast_keeps_the_losses_in_float32_and_near(task: StudentTask, batch: TrainingBatch) -> None:
    exact = task(batch)
    with torch.autocast("cpu", torch.bfloat16):
        losses = task(batch)
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    torch.testing.assert_close(losses, exact, rtol=0.02, atol=0)


@pytest.mark.slow  # traces for some seconds
def test_a_compiled_task_is_one_graph_with_the_same_gradients(task: StudentTask, batch: TrainingBatch) -> None:
    expected = gradients(task, batch)
    task.compile(fullgraph=True, backend="eager")  # tracing is what may break, and what takes seconds only
    torch.testing.assert_close(gradients(task, batch), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow  # other processes import everything
def test_two_processes_with_half_the_batch_give_the_gradients_of_one(tmp_path: Path) -> None:
    """From raw examples on, with CutMix, a live teacher and a frozen encoder; plain data-parallel training."""
    run = subprocess.run([sys.executable, str(GRADIENTS_OF_RANKS), str(tmp_path)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    whole, *ranks = (torch.load(tmp_path / f"{name}.pt") for name in ("whole", "0", "1"))
    assert "projection.weight" in whole
    largest = max(float(gradient.abs().max()) for gradient in whole.values())
    for name, expected in whole.items():
        # The losses and attention do not see some shifts: what is left of those biases' gradients is mostly rounding.
        atol = 1e-5 * float(expected.abs().max()) + 1e-6 * largest
        for rank in ranks:
            torch.testing.assert_close(rank[name], expected, rtol=1e-5, atol=atol)


def test_a_student_without_what_it_is_to_hold_on_to_is_refused(
    tiny_model: DepthAnythingForDepthEstimation, tiny_config: DepthAnythingConfig
) -> None:
    with pytest.raises(ValueError, match=r"feature_weight is 1\.0 and there is no frozen encoder"):
        StudentTask(tiny_model, V1_LOSSES)
    assert StudentTask(tiny_model, replace(V1_LOSSES, feature_weight=0.0)).projection is None
    tiny_config.backbone_config.set_output_features_output_indices(None, [0, 1, 2, 3])
    early = DepthAnythingForDepthEstimation(tiny_config)
    with pytest.raises(ValueError, match=r"reads the layers \[0, 1, 2, 3\] of 4.*choose out_indices"):
        StudentTask(early, V1_LOSSES, WIDTH)


@pytest.mark.parametrize("build", [TeacherTask, StudentTask])
def test_a_network_of_metres_is_refused(build: Callable[..., object], tiny_config: DepthAnythingConfig) -> None:
    tiny_config.depth_estimation_type, tiny_config.max_depth = "metric", 20
    with pytest.raises(ValueError, match="the model predicts metres"):
        build(DepthAnythingForDepthEstimation(tiny_config), V1_LOSSES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labelled_weight": -1.0}, "labelled_weight is -1.0"),
        ({"feature_weight": float("nan")}, "feature_weight is nan"),
        ({"labelled_weight": 0.0, "unlabelled_weight": 0.0}, "both 0; set one of them to 1"),
        ({"trimmed_share": 1.0}, "trimmed_share is 1.0"),
        ({"feature_margin": 1.5}, "feature_margin is 1.5"),
        ({"loss_total": "mean"}, "'mean' is not a valid LossTotal"),
        ({"alignment_view": "mixed"}, "'mixed' is not a valid AlignmentView"),
    ],
)
def test_settings_that_make_no_loss_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LossSettings(**changes)


def test_every_setting_explains_itself() -> None:
    assert all(field.metadata["help"] for field in fields(LossSettings))


def test_a_batch_counts_its_images(batch: TrainingBatch) -> None:
    assert batch.num_images == 6
    assert replace(batch, labelled_pixels=None).num_images == 4
