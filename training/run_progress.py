"""How far a run is, which its checkpoints hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


@dataclass
class RunProgress:
    """Counts of a run; the same on every process.

    Attributes:
        step: optimiser steps that were taken or skipped.
        num_skipped: steps skipped, because a loss or a gradient was not finite.
        num_skipped_in_a_row: those just before this step.
        best_score: of the best validation so far, smaller is better; infinite before the first.
        best_step: when that was.
    """

    step: int = 0
    num_skipped: int = 0
    num_skipped_in_a_row: int = 0
    best_score: float = float("inf")
    best_step: int = 0

    def state_dict(self) -> dict[str, object]:
        """All counts by name."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Take over the counts of a checkpoint."""
        for name in asdict(self):
            setattr(self, name, state[name])


class WeightAverage:
    """An exponential moving average of a network's weights; of one process alone, which has all weights.

    Args:
        model: whose weights are averaged; it stays as it is.
        decay: share of the average that each step keeps.

    Raises:
        ValueError: a decay outside 0..1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 < decay < 1:
            raise ValueError(f"ema_decay is {decay!r}; it has to lie between 0 and 1, such as 0.999")
        self._averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay)).requires_grad_(False)

    @property
    def model(self) -> nn.Module:
        """The network with the averaged weights."""
        return self._averaged.module

    def update(self, model: nn.Module) -> None:
        """Take the weights after a step in."""
        self._averaged.update_parameters(model)

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged weights and the number of updates."""
        return self._averaged.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over the average of a checkpoint."""
        self._averaged.load_state_dict(state)


class RunningMeans:
    """Means of named values since they were last asked for, kept on the device."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Take scalars in."""
        for name, value in values.items():
            value = value.detach().float()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def taken(self) -> dict[str, Tensor]:
        """The means by name, float32 scalars, of what was added; counting begins anew."""
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means
