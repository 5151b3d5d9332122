from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation
from depth_anything.training.loop_settings import LoopSettings
from depth_anything.training.loop_setup import make_accelerator, set_up, use_cores
from depth_anything.training.loss_settings import LossSettings
from depth_anything.training.optimisation import OptimiserSettings
from depth_anything.training.tasks import TeacherTask

SETTINGS = LoopSettings(num_steps=2, save_every=0, validate_every=0)


@pytest.fixture
def threads_put_back() -> Iterator[None]:
    num_threads = torch.get_num_threads()
    yield
    torch.set_num_threads(num_threads)


@pytest.mark.usefixtures("threads_put_back")
@pytest.mark.parametrize(("num_processes", "num_threads"), [(1, 6), (2, 3), (4, 1), (9, 1)])
def test_processes_of_one_machine_share_its_cores_whatever_accelerate_launch_has_set(
    num_processes: int, num_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    accelerator = make_accelerator(SETTINGS, cpu=True)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(num_processes))
    use_cores(accelerator, 0)
    assert torch.get_num_threads() == num_threads


@pytest.mark.usefixtures("threads_put_back")
def test_a_stated_number_of_threads_is_taken() -> None:
    use_cores(make_accelerator(SETTINGS, cpu=True), 3)
    assert torch.get_num_threads() == 3


def test_convolutions_are_trained_with_channels_last_and_saved_as_ever(
    tiny_model: DepthAnythingForDepthEstimation, numbered_stream: Callable[..., Any], tmp_path: Path
) -> None:
    tiny_model.save_pretrained(tmp_path / "before")
    task = TeacherTask(tiny_model, LossSettings(feature_weight=0.0))
    accelerator = make_accelerator(SETTINGS, cpu=True)
    run = set_up(task, lambda raw: raw, numbered_stream(), accelerator, OptimiserSettings(), SETTINGS)  # type: ignore[arg-type, return-value]
    convolutions = [weight for weight in run.model.parameters() if weight.ndim == 4 and weight.shape[2] > 1]
    assert convolutions
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in convolutions)
    run.model.save_pretrained(tmp_path / "after")  # type: ignore[operator]
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("before", "after"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
