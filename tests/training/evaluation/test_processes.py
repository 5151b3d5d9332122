from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from depth_anything.training.evaluation import processes
from depth_anything.training.evaluation.processes import LaunchError, Processes, joined_processes


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What accelerate was asked for, which here connects nothing."""
    asked: list[bool] = []

    def partial_state(cpu: bool = False) -> SimpleNamespace:
        asked.append(cpu)
        return SimpleNamespace(process_index=0, num_processes=1, device=torch.device("cpu"))

    monkeypatch.setattr(processes, "PartialState", partial_state)
    return asked


@pytest.mark.parametrize(("is_on_cpu", "has_accelerator"), [(True, True), (False, True), (False, False)])
def test_accelerate_is_told_where_there_is_no_accelerator(
    state: list[bool], monkeypatch: pytest.MonkeyPatch, is_on_cpu: bool, has_accelerator: bool
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: has_accelerator)
    joined_processes(is_on_cpu)
    assert state == [is_on_cpu or not has_accelerator]


def test_processes_that_would_each_think_to_be_alone_are_refused(
    state: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(LaunchError, match="2 processes were launched, and accelerate connects 1 on cpu"):
        joined_processes(is_on_cpu=True)


def test_an_error_of_the_decision_is_raised() -> None:
    alone = Processes(rank=0, world_size=1, device=torch.device("cpu"))
    assert alone.decided_by_main(lambda: 3) == 3
    with pytest.raises(KeyError):
        alone.decided_by_main(lambda: {}["absent"])
