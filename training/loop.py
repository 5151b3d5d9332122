"""The loop of every training: batches in, optimiser steps out, with Accelerate, and the same again after a kill.

    outcome = train(task=task, prepare=prepare, stream=stream, accelerator=accelerator, ...)

The stream splits itself over the ranks and is not prepared. The schedule is stepped once for each optimiser step,
whatever the number of processes. All ranks decide as one whether a step is finite and whether somebody asked to stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import send_to_device
from torch import Tensor, nn
from tqdm.auto import tqdm

from depth_anything.training.checkpoints import Checkpoints
from depth_anything.training.loop_settings import LoopSettings
from depth_anything.training.loop_setup import Prepare, RawBatch, Run, set_up
from depth_anything.training.optimisation import OptimiserSettings
from depth_anything.training.run_progress import RunProgress
from depth_anything.training.stop_requests import stop_requests
from depth_anything.training.stream import TrainingStream
from depth_anything.training.tasks import Task

logger = get_logger(__name__)

Validate = Callable[[nn.Module, int], Mapping[str, float]]  # of the network and the step, on every rank
KeepBest = Callable[[nn.Module], None]


class TrainingError(RuntimeError):
    """A run that cannot go on; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """What came out of a run.

    Attributes:
        progress: counts and best score.
        scores: of the last validation; empty without one.
        was_stopped: somebody asked the run to stop; its checkpoint goes on from there.
        history: reported means of the losses, with "step", oldest first.
        model: the network to be saved: the moving average where one was kept.
    """

    progress: RunProgress
    scores: dict[str, float]
    was_stopped: bool
    history: list[dict[str, float]]
    model: nn.Module


def train(
    *,
    task: Task,
    prepare: Prepare,
    stream: TrainingStream[RawBatch],
    accelerator: Accelerator,
    optimiser_settings: OptimiserSettings,
    settings: LoopSettings,
    folder: Path | None = None,
    identity: Mapping[str, object] | None = None,
    resume_from: Path | None = None,
    validate: Validate | None = None,
    score_name: str = "abs_rel",
    keep_best: KeepBest | None = None,
    description: str = "training",
) -> TrainingOutcome:
    """Train until the steps or the data end.

    Args:
        task: not prepared yet; holds all that is trained.
        prepare: from a batch of the stream, on the device, to what the task takes.
        stream: of this rank, not prepared.
        accelerator: made with `make_accelerator`, or with as many `gradient_accumulation_steps` as the settings say.
        optimiser_settings: learning rates and their schedule.
        settings: lengths and intervals.
        folder: for checkpoints; None saves none.
        identity: see `Checkpoints`.
        resume_from: a checkpoint to go on from.
        validate: gives scores by name, on every rank the same; called with the network and the step.
        score_name: the score, smaller is better, by which the best network is known.
        keep_best: called on every rank with the network whenever it is the best so far.
        description: of the progress bar.

    Raises:
        TrainingError: too many steps in a row were not finite.
        ValueError: settings that contradict each other, or a checkpoint of another run.
    """
    run = set_up(task, prepare, stream, accelerator, optimiser_settings, settings)
    checkpoints = _checkpoints(run, folder, identity or {}, resume_from)
    scores: dict[str, float] = {}
    history: list[dict[str, float]] = []
    with stop_requests() as is_stop_requested, _progress_bar(run, description) as bar:
        was_stopped, since = False, time.perf_counter()
        while run.progress.step < run.num_steps and not was_stopped:
            was_stopped = _step(run, is_stop_requested)
            bar.update()
            step, is_last = run.progress.step, run.progress.step == run.num_steps
            if step % settings.log_every == 0 or is_last:
                history.append(_report(run, bar, time.perf_counter() - since))
                since = time.perf_counter()
            if validate is not None and (is_last or _is_due(step, settings.validate_every)):
                scores = _validated(run, validate, score_name, keep_best)
                bar.set_postfix({name: f"{scores[name]:.4g}" for name in scores if "/" not in name}, refresh=False)
                since = time.perf_counter()
            if checkpoints is not None and (is_last or was_stopped or _is_due(step, settings.save_every)):
                checkpoints.save(step)
    stream.close()
    return TrainingOutcome(
        progress=run.progress, scores=scores, was_stopped=was_stopped, history=history, model=run.model
    )


def _checkpoints(
    run: Run, folder: Path | None, identity: Mapping[str, object], resume_from: Path | None
) -> Checkpoints | None:
    """Where the run saves; what it goes on from is loaded."""
    if folder is None:
        if resume_from is not None:
            raise ValueError(f"resume_from is {resume_from} and folder is None; give the folder of the checkpoints")
        return None
    identity = {"steps": run.num_steps, **identity}
    checkpoints = Checkpoints(folder, run.accelerator, num_kept=run.settings.num_checkpoints, identity=identity)
    if resume_from is not None:
        checkpoints.load(resume_from)
    return checkpoints


def _step(run: Run, is_stop_requested: Callable[[], bool]) -> bool:
    """One optimiser step; True if the run is to stop after it."""
    accelerator, progress = run.accelerator, run.progress
    is_bad = torch.zeros((), dtype=torch.bool, device=accelerator.device)
    norm: Tensor | None = None
    seen: list[dict[str, Tensor]] = []
    for _ in range(run.settings.accumulation_steps):
        before = time.perf_counter()
        raw = send_to_device(next(run.stream), accelerator.device, non_blocking=True)
        run.data_seconds += time.perf_counter() - before
        batch = run.prepare(raw)
        run.num_images += batch.num_images
        with accelerator.accumulate(run.task):
            losses = run.task(batch)
            accelerator.backward(losses["loss"])
            is_bad |= ~torch.isfinite(losses["loss"].detach())
            if accelerator.sync_gradients:
                norm = accelerator.clip_grad_norm_(run.task.parameters(), run.max_gradient_norm or float("inf"))
        seen.append({name: value.detach() for name, value in losses.items()})
    if norm is not None:  # DeepSpeed clips and steps by itself
        norm = torch.as_tensor(norm, device=accelerator.device)
        is_bad |= ~torch.isfinite(norm)
        seen.append({"gradient_norm": norm})
    # The one value that is waited for in each step: a step with NaN can only be left out before it is taken.
    stop = torch.tensor(is_stop_requested(), device=accelerator.device)
    num_bad, num_stopping = accelerator.reduce(torch.stack([is_bad, stop]).float(), "sum").tolist()
    if num_bad:
        _count_skipped(progress, run.settings.max_skipped_in_a_row)
    else:
        for values in seen:  # those of a step that is left out would make the reported means NaN
            run.means.add(values)
        run.optimiser.step()
        progress.num_skipped_in_a_row = 0
        if run.average is not None:
            run.average.update(run.bare_task.model)
    run.optimiser.zero_grad()
    run.schedule.step()
    progress.step += 1
    return bool(num_stopping)


def _count_skipped(progress: RunProgress, most: int) -> None:
    progress.num_skipped += 1
    progress.num_skipped_in_a_row += 1
    logger.warning(f"step {progress.step + 1} is left out: a loss or a gradient is not finite")
    if progress.num_skipped_in_a_row >= most:
        raise TrainingError(
            f"{most} steps in a row had a loss or a gradient that is not finite, the last one step "
            f"{progress.step + 1}; lower the learning rates, train in float32, or look at the data"
        )


def _report(run: Run, bar: tqdm[None], seconds: float) -> dict[str, float]:
    """Means over all ranks and the steps since the last report that were taken, on the bar and to the trackers."""
    accelerator = run.accelerator
    values: dict[str, float] = {}
    means = run.means.taken()
    if means:  # the same on every rank; none where all steps were left out
        reduced = accelerator.reduce(torch.stack(list(means.values())), "mean").tolist()
        values = dict(zip(means, reduced, strict=True))
    values["images_per_second"] = run.num_images * accelerator.num_processes / seconds
    values["data_wait"] = min(1.0, run.data_seconds / seconds)
    values["skipped_steps"] = run.progress.num_skipped
    groups = run.optimiser.param_groups  # those of the encoder come last
    values["encoder_lr"], values["decoder_lr"] = groups[-1]["lr"], groups[0]["lr"]
    run.num_images, run.data_seconds = 0, 0.0
    accelerator.log(values, step=run.progress.step)
    shown = {name: f"{values[name]:.4g}" for name in (*means, "images_per_second", "decoder_lr")}
    if run.progress.num_skipped:
        shown["skipped_steps"] = str(run.progress.num_skipped)
    bar.set_postfix({**shown, "data_wait": f"{values['data_wait']:.0%}"}, refresh=False)
    return {"step": run.progress.step, **values}


def _validated(run: Run, validate: Validate, score_name: str, keep_best: KeepBest | None) -> dict[str, float]:
    """The scores of the network as it is; the best one is kept."""
    model = run.model
    model.eval()
    with torch.no_grad():
        scores = dict(validate(model, run.progress.step))
    run.bare_task.train()
    if not scores:  # it had something else to do, such as to draw pictures
        return scores
    if score_name not in scores:
        raise ValueError(f"the validation gives {', '.join(scores)} and no {score_name!r}, by which the best is known")
    run.accelerator.log({f"validation/{name}": value for name, value in scores.items()}, step=run.progress.step)
    if scores[score_name] < run.progress.best_score:
        run.progress.best_score, run.progress.best_step = scores[score_name], run.progress.step
        if keep_best is not None:
            keep_best(model)
    return scores


def _is_due(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0


@contextmanager
def _progress_bar(run: Run, description: str) -> Iterator[tqdm[None]]:
    with tqdm(
        total=run.num_steps,
        initial=run.progress.step,
        desc=description,
        unit="step",
        disable=not run.accelerator.is_main_process,
    ) as bar:
        yield bar
