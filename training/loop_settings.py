"""How long a run goes, and when it reports, validates and saves."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """Lengths and intervals, in optimiser steps."""

    num_steps: int = field(
        default=0, metadata={"help": "optimiser steps; 0 takes the passes over the data that the recipe states"}
    )
    accumulation_steps: int = field(default=1, metadata={"help": "batches whose gradients make one optimiser step"})
    log_every: int = field(default=20, metadata={"help": "steps between two reports"})
    validate_every: int = field(default=1000, metadata={"help": "steps between two validations; 0: at the end alone"})
    save_every: int = field(default=1000, metadata={"help": "steps between two checkpoints; 0: at the end alone"})
    num_checkpoints: int = field(default=2, metadata={"help": "newest checkpoints that are kept"})
    max_skipped_in_a_row: int = field(
        default=10, metadata={"help": "steps without finite losses and gradients, one after another, that end the run"}
    )
    ema_decay: float = field(default=0.0, metadata={"help": "of a moving average of the weights; 0 keeps none"})
    gradient_checkpointing: bool = field(default=False, metadata={"help": "less memory for about a third more time"})
    compile: bool = field(default=False, metadata={"help": "compile the task by torch.compile"})

    def __post_init__(self) -> None:
        smallest = {"num_steps": 0, "accumulation_steps": 1, "log_every": 1, "validate_every": 0, "save_every": 0}
        smallest |= {"num_checkpoints": 1, "max_skipped_in_a_row": 1}
        for name, least in smallest.items():
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"{name} is {value}, must be {least} or more")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay is {self.ema_decay!r}; it has to be 0, or below 1, such as 0.999")
