"""How a run ends."""

from __future__ import annotations

import weakref

import pytest
from accelerate import Accelerator
from torch import nn

from depth_anything.training.training_run import end_together


def test_what_was_prepared_is_gone_before_the_processes_part(monkeypatch: pytest.MonkeyPatch) -> None:
    accelerator = Accelerator(cpu=True)
    wrapper = accelerator.prepare(nn.Sequential(nn.Linear(1, 1)))
    wrapper.itself = [wrapper]  # a cycle, such as DistributedDataParallel makes
    alive = weakref.ref(wrapper)
    del wrapper
    was_gone = []
    monkeypatch.setattr(accelerator, "end_training", lambda: was_gone.append(alive() is None))
    end_together(accelerator)
    assert was_gone == [True]
