"""The optimiser of a training and the schedule of its learning rates."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from depth_anything.training.tasks import Task


class Schedule(str, Enum):
    """How learning rates go from their peak to the end of the run."""

    LINEAR = "linear"  # to zero (V1)
    CONSTANT = "constant"


@dataclass(frozen=True, kw_only=True)
class OptimiserSettings:
    """Learning rates and what belongs to them; the defaults are the paper's where it gives them.

    Source: Depth Anything, arXiv 2401.10891, section 4.1: AdamW, encoder 5e-6, decoder ten times that, linear decay.
        The paper gives no weight decay, warm-up or clipping; 0.01 is AdamW's own and V2's metric code's.
    """

    encoder_lr: float = field(default=5e-6, metadata={"help": "peak learning rate of the encoder"})
    decoder_lr: float = field(default=5e-5, metadata={"help": "peak learning rate of everything else, which is new"})
    weight_decay: float = field(default=0.01, metadata={"help": "of matrices; vectors and position embeddings have 0"})
    schedule: Schedule = field(default=Schedule.LINEAR, metadata={"help": "linear, to zero at the end, or constant"})
    num_warmup_steps: int = field(default=0, metadata={"help": "optimiser steps in which the rates rise from zero"})
    max_gradient_norm: float = field(default=1.0, metadata={"help": "longer gradients are shortened; 0 leaves them"})

    def __post_init__(self) -> None:
        for name in ("encoder_lr", "decoder_lr", "weight_decay", "num_warmup_steps", "max_gradient_norm"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {value!r}; it has to be a number of at least 0")
        object.__setattr__(self, "schedule", Schedule(self.schedule))


def make_optimiser(task: Task, settings: OptimiserSettings) -> Optimizer:
    """AdamW with four groups of parameters: the encoder's and the others', with and without weight decay.

    Vectors (biases, norms, layer scales) and the tokens and embeddings of the encoder have no decay: it would pull
    them to zero, which is nowhere special for them.
    """
    encoder = {id(parameter) for parameter in task.model.backbone.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in task.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim > 1 and not name.endswith(("cls_token", "position_embeddings"))
            groups.setdefault((id(parameter) in encoder, decays), []).append(parameter)
    optimiser = AdamW(
        [
            {
                "params": parameters,
                "lr": settings.encoder_lr if is_encoder else settings.decoder_lr,
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (is_encoder, decays), parameters in sorted(groups.items())
        ],
        fused=True,  # on a CPU an eighth of the time of the loop over tensors, which a small network feels
    )
    optimiser.register_load_state_dict_post_hook(_lay_out_moments)
    return optimiser


def _lay_out_moments(optimiser: Optimizer) -> None:
    """Lays loaded moments out as their weights: a fused step takes both as they lie in memory, and checks nothing.

    Checkpoints of a GPU hold contiguous ones, and a CPU trains channels last.
    """
    for parameter, state in optimiser.state.items():
        for name, moment in state.items():
            is_moment = isinstance(moment, Tensor) and moment.shape == parameter.shape
            if is_moment and moment.stride() != parameter.stride():
                state[name] = torch.empty_like(parameter, dtype=moment.dtype).copy_(moment)


def make_schedule(optimiser: Optimizer, settings: OptimiserSettings, num_steps: int) -> LambdaLR:
    """The factor of all learning rates, to be stepped once after every optimiser step, on every process alike.

    Raises:
        ValueError: a warm-up as long as the run.
    """
    if settings.num_warmup_steps >= num_steps:
        raise ValueError(
            f"num_warmup_steps is {settings.num_warmup_steps} and the run has {num_steps} steps; the warm-up "
            "has to be shorter"
        )
    return LambdaLR(optimiser, partial(rate_factor, settings=settings, num_steps=num_steps))


def rate_factor(step: int, settings: OptimiserSettings, num_steps: int) -> float:
    """What the peak rates are multiplied by in a step, counted from 0."""
    if step < settings.num_warmup_steps:
        return (step + 1) / (settings.num_warmup_steps + 1)
    if settings.schedule is Schedule.CONSTANT:
        return 1.0
    return max(0.0, (num_steps - step) / (num_steps - settings.num_warmup_steps))
