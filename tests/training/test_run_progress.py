"""Counts, averages of weights and means of losses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from depth_anything.training.run_progress import RunningMeans, RunProgress, WeightAverage


def test_progress_comes_back_as_it_was_saved() -> None:
    progress = RunProgress(step=7, num_skipped=2, num_skipped_in_a_row=1, best_score=0.5, best_step=4)
    loaded = RunProgress()
    loaded.load_state_dict(progress.state_dict())
    assert loaded == progress


def test_the_average_of_weights_follows_its_recursion() -> None:
    layer = nn.Linear(1, 1, bias=False)
    average = WeightAverage(layer, 0.75)
    expected = None
    for value in (1.0, 3.0, -2.0):
        nn.init.constant_(layer.weight, value)
        average.update(layer)
        expected = value if expected is None else 0.75 * expected + 0.25 * value
    assert average.model.weight.item() == pytest.approx(expected)
    assert layer.weight.item() == -2.0
    other = WeightAverage(layer, 0.75)
    other.load_state_dict(average.state_dict())
    assert other.model.weight.item() == average.model.weight.item()


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.5])
def test_a_decay_outside_its_range_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=r"ema_decay is .*; it has to lie between 0 and 1"):
        WeightAverage(nn.Linear(1, 1), decay)


def test_means_are_of_what_was_added_since_they_were_taken() -> None:
    means = RunningMeans()
    means.add({"loss": torch.tensor(1.0)})
    means.add({"loss": torch.tensor(4.0), "norm": torch.tensor(8.0)})
    assert {name: float(mean) for name, mean in means.taken().items()} == {"loss": 2.5, "norm": 8.0}
    means.add({"loss": torch.tensor(3.0)})
    assert means.taken() == {"loss": torch.tensor(3.0)}
    assert means.taken() == {}
