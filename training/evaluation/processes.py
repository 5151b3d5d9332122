"""The processes that share an evaluation or a labelling, as `accelerate launch` or `torchrun` started them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object

Decision = TypeVar("Decision")
Value = TypeVar("Value")


class LaunchError(RuntimeError):
    """Processes were launched that would not know of each other; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Processes:
    """This process among all of them.

    Attributes:
        rank: of this process.
        world_size: how many there are.
        device: of this process.
    """

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this is the process that talks and writes what is written once."""
        return self.rank == 0

    def wait(self) -> None:
        """Returns when all processes have come here."""
        if self.world_size > 1:
            PartialState().wait_for_everyone()

    def decided_by_main(self, decide: Callable[[], Decision]) -> Decision:
        """What the main process decides, in every process; an error of its decision is raised in all of them."""
        outcome: list[Decision | Exception | None] = [None]
        if self.is_main:
            try:
                outcome = [decide()]
            except Exception as error:  # the others would wait for ever
                outcome = [error]
        if self.world_size > 1:
            broadcast_object_list(outcome)
        (decision,) = outcome
        if isinstance(decision, Exception):
            raise decision
        return decision  # type: ignore[return-value]

    def gathered(self, value: Value) -> list[Value]:
        """The values of all processes by rank, in every process."""
        return list(gather_object([value])) if self.world_size > 1 else [value]


def joined_processes(is_on_cpu: bool, patience: timedelta | None = None) -> Processes:
    """The processes of this launch, connected; just this one if there was none.

    Args:
        is_on_cpu: leave accelerators alone.
        patience: how long they wait for each other before they fail; None is torch's own, minutes.

    Raises:
        LaunchError: several processes were launched, and they cannot be connected.
    """
    # Without an accelerator and this word, accelerate takes each of several processes for the only one.
    is_on_cpu = is_on_cpu or not torch.accelerator.is_available()
    state = PartialState(cpu=is_on_cpu, **({} if patience is None else {"timeout": patience}))
    num_launched = int(os.environ.get("WORLD_SIZE", "1"))
    if state.num_processes != num_launched:
        raise LaunchError(
            f"{num_launched} processes were launched, and accelerate connects {state.num_processes} on "
            f"{state.device.type}: launch one, or choose --device cpu"
        )
    return Processes(rank=state.process_index, world_size=state.num_processes, device=state.device)
