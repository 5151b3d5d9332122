"""What the loop works with, put together from settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, GradientAccumulationPlugin
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from depth_anything.training.loop_settings import LoopSettings
from depth_anything.training.network_input import use_faster_layout
from depth_anything.training.optimisation import OptimiserSettings, make_optimiser, make_schedule
from depth_anything.training.run_progress import RunningMeans, RunProgress, WeightAverage
from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_checkpoint import AllRanksState
from depth_anything.training.tasks import Task
from depth_anything.training.training_batch import TrainingBatch

RawBatch = dict[str, Any]  # what the stream's collate gives
Prepare = Callable[[RawBatch], TrainingBatch]


def make_accelerator(settings: LoopSettings, **others: Any) -> Accelerator:
    """An Accelerator that accumulates as the settings say; the stream has no end that it could see.

    Args:
        settings: of the loop.
        **others: of `Accelerator`, such as `mixed_precision` and `log_with`.
    """
    # Without a GPU accelerate connects the processes that torchrun started only where it is told to use the CPU;
    # otherwise each would take itself for the only one.
    others.setdefault("cpu", not torch.accelerator.is_available())
    plugin = GradientAccumulationPlugin(num_steps=settings.accumulation_steps, sync_with_dataloader=False)
    return Accelerator(gradient_accumulation_plugin=plugin, **others)


def use_cores(accelerator: Accelerator, num_threads: int) -> None:
    """Sets how many threads torch computes with in this process, where it computes on a CPU.

    Args:
        accelerator: of the run.
        num_threads: 0 divides the cores that this process may use among the processes of its machine. What
            OMP_NUM_THREADS says is not asked: `accelerate launch` sets it to 1 where nobody else did.
    """
    if accelerator.device.type == "cpu":
        num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        num_processes = int(os.environ.get("LOCAL_WORLD_SIZE", accelerator.num_processes))
        torch.set_num_threads(num_threads or max(1, num_cores // num_processes))


@dataclass(kw_only=True)
class Run:
    """What the loop works with; its `task` is as prepared."""

    accelerator: Accelerator
    task: nn.Module
    bare_task: Task
    prepare: Prepare
    stream: TrainingStream[RawBatch]
    optimiser: Any  # Accelerate's wrapper
    schedule: LambdaLR
    max_gradient_norm: float
    settings: LoopSettings
    progress: RunProgress
    average: WeightAverage | None
    num_steps: int
    means: RunningMeans = field(default_factory=RunningMeans)
    data_seconds: float = 0.0
    num_images: int = 0

    @property
    def model(self) -> nn.Module:
        """The network to validate and to save."""
        return self.bare_task.model if self.average is None else self.average.model


def num_optimiser_steps(stream: TrainingStream[RawBatch], settings: LoopSettings) -> int:
    """Steps of a run: those of the settings, or all that the stream's batches give.

    Raises:
        ValueError: neither says how many, or the stream ends before.
    """
    available = None if stream.num_batches is None else stream.num_batches // settings.accumulation_steps
    if settings.num_steps == 0 and available is None:
        raise ValueError("num_steps is 0 and the data have no end; set --num_steps, or --passes over the data")
    if available is not None and settings.num_steps > available:
        raise ValueError(
            f"num_steps is {settings.num_steps} and the data give {available}; set fewer steps, or more --passes"
        )
    return settings.num_steps or int(available or 0)


def set_up(
    task: Task,
    prepare: Prepare,
    stream: TrainingStream[RawBatch],
    accelerator: Accelerator,
    optimiser_settings: OptimiserSettings,
    settings: LoopSettings,
) -> Run:
    """Prepares the task and its optimiser, and registers what checkpoints have to hold.

    Raises:
        ValueError: settings that contradict each other.
    """
    if accelerator.gradient_accumulation_steps != settings.accumulation_steps:
        raise ValueError(
            f"accumulation_steps is {settings.accumulation_steps} and the Accelerator was made for "
            f"{accelerator.gradient_accumulation_steps}; make both equal"
        )
    num_steps = num_optimiser_steps(stream, settings)
    if settings.gradient_checkpointing:
        # Newer transformers have another name for it, and warn of this one.
        enable = getattr(task.model, "activation_checkpointing_enable", None)
        (enable or task.model.gradient_checkpointing_enable)()
    if settings.compile:
        task.compile()
    is_sharded = accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED)
    if not is_sharded:
        use_faster_layout(task, accelerator.device)
    task.train()
    base_optimiser = make_optimiser(task, optimiser_settings)
    prepared, optimiser = accelerator.prepare(task, base_optimiser)
    # Not prepared: Accelerate steps a prepared schedule once for each process.
    schedule = make_schedule(base_optimiser, optimiser_settings, num_steps)
    bare_task = accelerator.unwrap_model(prepared)
    average = None
    if settings.ema_decay:
        if is_sharded:
            raise ValueError(
                "ema_decay needs all weights on each process, which FSDP and DeepSpeed split; set it to 0"
            )
        average = WeightAverage(bare_task.model, settings.ema_decay)
    progress = RunProgress()
    registered = [schedule, progress, AllRanksState(stream)]
    accelerator.register_for_checkpointing(*registered, *([average] if average else []))
    return Run(
        accelerator=accelerator,
        task=prepared,
        bare_task=bare_task,
        prepare=prepare,
        stream=stream,
        optimiser=optimiser,
        schedule=schedule,
        max_gradient_norm=optimiser_settings.max_gradient_norm,
        settings=settings,
        progress=progress,
        average=average,
        num_steps=num_steps,
    )
