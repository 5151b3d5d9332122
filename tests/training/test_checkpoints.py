"""Checkpoints as folders: whole ones alone count, the newest stay, others' are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from depth_anything.training.checkpoints import Checkpoints


@pytest.fixture
def accelerator() -> Accelerator:
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=True)


@pytest.fixture
def layer(accelerator: Accelerator) -> nn.Linear:
    return accelerator.prepare(nn.Linear(2, 2))


def checkpoints_in(folder: Path, accelerator: Accelerator, num_kept: int = 2, **identity: object) -> Checkpoints:
    return Checkpoints(folder, accelerator, num_kept=num_kept, identity=identity)


def test_a_loaded_checkpoint_brings_the_weights_of_its_step_back(
    tmp_path: Path, accelerator: Accelerator, layer: nn.Linear
) -> None:
    checkpoints = checkpoints_in(tmp_path, accelerator)
    saved = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    path = checkpoints.save(3)
    nn.init.zeros_(layer.weight)
    checkpoints.load(path)
    for name, tensor in layer.state_dict().items():
        assert torch.equal(tensor, saved[name])


def test_the_newest_stay_and_the_oldest_go(tmp_path: Path, accelerator: Accelerator, layer: nn.Linear) -> None:
    checkpoints = checkpoints_in(tmp_path, accelerator)
    for step in (9, 100, 123456789):
        checkpoints.save(step)
    assert [path.name for path in checkpoints.all()] == ["step-00000100", "step-123456789"]
    assert checkpoints.newest() == tmp_path / "step-123456789"


def test_what_a_killed_save_left_is_no_checkpoint_and_is_cleared_by_the_next(
    tmp_path: Path, accelerator: Accelerator, layer: nn.Linear
) -> None:
    checkpoints = checkpoints_in(tmp_path, accelerator)
    whole = checkpoints.save(1)
    shutil.copytree(whole, tmp_path / "step-00000002.partial")
    (tmp_path / "step-00000007").mkdir()  # without its record
    assert checkpoints.newest() == whole
    checkpoints.save(3)
    assert not list(tmp_path.glob("*.partial"))


def test_there_is_no_newest_checkpoint_in_a_folder_that_is_not_there(tmp_path: Path, accelerator: Accelerator) -> None:
    assert checkpoints_in(tmp_path / "none", accelerator).newest() is None


def test_a_checkpoint_of_other_settings_or_ranks_is_refused_by_name(
    tmp_path: Path, accelerator: Accelerator, layer: nn.Linear
) -> None:
    path = checkpoints_in(tmp_path, accelerator, recipe="v1-teacher").save(1)
    with pytest.raises(ValueError, match="was saved with recipe 'v1-teacher', this run has 'toy'; set it back, or"):
        checkpoints_in(tmp_path, accelerator, recipe="toy").load(path)
    with pytest.raises(ValueError, match="was saved with seed None, this run has 3"):
        checkpoints_in(tmp_path, accelerator, recipe="v1-teacher", seed=3).load(path)
    record = path / "checkpoint.json"
    record.write_text(record.read_text().replace('"number of processes": 1', '"number of processes": 4'))
    with pytest.raises(ValueError, match="was saved with number of processes 4, this run has 1"):
        checkpoints_in(tmp_path, accelerator, recipe="v1-teacher").load(path)


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path, accelerator: Accelerator) -> None:
    with pytest.raises(ValueError, match=r"is no whole checkpoint: checkpoint.json cannot be read"):
        checkpoints_in(tmp_path, accelerator).load(tmp_path)


def test_keeping_none_is_refused(tmp_path: Path, accelerator: Accelerator) -> None:
    with pytest.raises(ValueError, match="num_checkpoints is 0, must be 1 or more"):
        checkpoints_in(tmp_path, accelerator, num_kept=0)
