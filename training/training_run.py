"""One training from its settings to the folder that it leaves behind: what `train_teacher` and `train_student` do.

A run writes into its folder `settings.yaml`, `checkpoints/` to go on from, `last/` and `best/` for `from_pretrained`,
`panels/` with pictures, and the trackers' files.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from accelerate.utils import broadcast_object_list, set_seed

from depth_anything.checkpoint_lookup import CheckpointError
from depth_anything.command_errors import CommandFailedError, UsageError
from depth_anything.hub_push import PushError
from depth_anything.model_card_facts import CardFacts
from depth_anything.training.bfloat16_support import multiplies_bfloat16
from depth_anything.training.checkpoints import Checkpoints
from depth_anything.training.compiler_check import require_compiler
from depth_anything.training.depth_validation import DepthValidation
from depth_anything.training.loop import TrainingError, train
from depth_anything.training.loop_setup import Prepare, RawBatch, make_accelerator, num_optimiser_steps, use_cores
from depth_anything.training.run_observation import RememberedBatch, RunObserver
from depth_anything.training.run_setup import make_stream, make_task, make_validation, open_corpora
from depth_anything.training.settings import Precision, Settings, identity_of
from depth_anything.training.settings_parsing import settings_text
from depth_anything.training.stream import TrainingStream
from depth_anything.training.tasks import Task
from depth_anything.training.trained_checkpoint import card_facts, check_before_training, push_trained

CHECKPOINTS, SETTINGS_NAME, TRACKERS = "checkpoints", "settings.yaml", "trackers"

Found = TypeVar("Found")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """What a run leaves behind.

    Attributes:
        exported: folder for `from_pretrained`: the best network where it was validated, else the last; None where
            the run was stopped before its end.
        step: the last one.
        scores: of the last validation.
        was_stopped: by a signal; `--resume` goes on.
        pushed_to: address on the Hub.
    """

    exported: Path | None
    step: int
    scores: dict[str, float]
    was_stopped: bool
    pushed_to: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What was found sound before the first step."""

    stream: TrainingStream[RawBatch]
    task: Task
    prepare: Prepare
    validation: DepthValidation | None
    card: CardFacts
    identity: dict[str, Any]
    resume_from: Path | None


def accelerator_for(settings: Settings, **others: Any) -> Accelerator:
    """The Accelerator of a run.

    Args:
        settings: of the run.
        **others: of `Accelerator`, such as `cpu=True`.

    Raises:
        UsageError: a tracker or compiler that is not installed.
    """
    available = sorted(str(getattr(each, "value", each)) for each in get_available_trackers())
    for name in settings.run.trackers:
        if name not in available:
            raise UsageError(
                f"the tracker {name!r} is not installed (installed: {', '.join(available) or 'none'}); install it, as "
                "by `pip install tensorboard`, or set --trackers none"
            )
    mixed_precision = "bf16" if settings.run.precision is Precision.BFLOAT16 else "no"
    accelerator = make_accelerator(
        settings.loop,
        mixed_precision=mixed_precision,
        log_with=list(settings.run.trackers) or None,
        project_dir=settings.run.out,
        **others,
    )
    if mixed_precision == "bf16" and not multiplies_bfloat16() and accelerator.is_main_process:
        logger.warning("this machine does not multiply bfloat16 itself, so float32 is many times as fast: set "
                       "--precision float32")  # fmt: skip
    if settings.loop.compile:
        try:
            require_compiler(accelerator.device)
        except ValueError as error:
            raise UsageError(str(error)) from error
    use_cores(accelerator, settings.run.num_threads)
    plugin = getattr(accelerator.state, "deepspeed_plugin", None)
    if plugin is not None:  # it wants to know what a loader would tell, and the stream is none
        per_process = settings.data.num_labelled + settings.data.num_unlabelled
        plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = per_process
    return accelerator


def run_training(settings: Settings, accelerator: Accelerator) -> FinishedRun:
    """Trains a teacher or a student, and saves and pushes what came of it.

    Raises:
        UsageError: something that settings, data or networks cannot be used for, before the first step.
        CorpusError: a corpus that cannot be read.
        CommandFailedError: the training cannot go on, or the push failed; what was saved stays.
    """
    out = Path(settings.run.out)
    plan = _plan(settings, accelerator)
    agreed(accelerator, lambda: _write_settings(settings, out))
    if settings.run.trackers:
        accelerator.init_trackers(TRACKERS)
    remembered = RememberedBatch(plan.prepare)
    observer = RunObserver(
        plan.task,
        accelerator,
        out,
        validation=plan.validation,
        remembered=remembered,
        card=plan.card,
        crop_size=settings.data.crop_size,
        num_panels=settings.validation.num_panels,
    )
    try:
        outcome = train(
            task=plan.task,
            prepare=remembered,
            stream=plan.stream,
            accelerator=accelerator,
            optimiser_settings=settings.optimiser,
            settings=settings.loop,
            folder=out / CHECKPOINTS,
            identity=plan.identity,
            resume_from=plan.resume_from,
            validate=observer.validate,
            score_name=settings.validation.score,
            keep_best=observer.keep_best,
            description=settings.recipe,
        )
    except TrainingError as error:
        raise CommandFailedError(str(error)) from error
    exported = pushed_to = None
    if not outcome.was_stopped:
        exported = observer.keep_last(outcome.model)
        if settings.run.push_to_hub is not None:
            pushed_to = agreed(accelerator, lambda: push_trained(exported, settings).url)
    end_together(accelerator)
    return FinishedRun(
        exported=exported,
        step=outcome.progress.step,
        scores=outcome.scores,
        was_stopped=outcome.was_stopped,
        pushed_to=pushed_to,
    )


def agreed(accelerator: Accelerator, find: Callable[[], Found]) -> Found:
    """What the main process finds, on every process; where it raises, all do.

    Args:
        accelerator: of the run.
        find: run by the main process alone; what it gives or raises can be pickled.
    """
    found: list[Any] = [None, None]
    if accelerator.is_main_process:
        try:
            found[0] = find()
        except Exception as error:  # whatever it is, the others must not wait for an answer
            found[1] = error
    broadcast_object_list(found)
    if found[1] is not None:
        raise found[1]
    result: Found = found[0]
    return result


def end_together(accelerator: Accelerator) -> None:
    """Ends a run on all processes at once: trackers are closed, and the processes are no longer connected.

    Args:
        accelerator: of the run; what it prepared is let go, and bare networks stay usable.
    """
    accelerator.wait_for_everyone()  # whoever leaves early is missed by those who still save or push
    accelerator.free_memory()
    # A wrapper lies in reference cycles. One that outlives the connection of its processes shuts down at the end of
    # the interpreter, when it has nobody left to talk to.
    gc.collect()
    accelerator.end_training()


def _plan(settings: Settings, accelerator: Accelerator) -> _Plan:
    set_seed(settings.run.seed)
    try:
        corpora = open_corpora(settings)
        stream = make_stream(settings, corpora, accelerator)
        num_steps = num_optimiser_steps(stream, settings.loop)
        identity = {"steps": num_steps, **identity_of(settings)}
        resume_from = agreed(accelerator, lambda: _checkpoint_to_resume(settings, accelerator, identity))
        task, prepare = make_task(settings, accelerator)
        count = sum(parameter.numel() for parameter in task.model.parameters())
        card = card_facts(settings, task.model.config, count, accelerator, num_steps)
        agreed(accelerator, lambda: check_before_training(settings, card))
        validation = make_validation(settings, corpora, accelerator)
    except (ValueError, CheckpointError, PushError) as error:
        raise UsageError(str(error)) from error
    return _Plan(
        stream=stream,
        task=task,
        prepare=prepare,
        validation=validation,
        card=card,
        identity=identity,
        resume_from=resume_from,
    )


def _checkpoint_to_resume(settings: Settings, accelerator: Accelerator, identity: dict[str, Any]) -> Path | None:
    checkpoints = Checkpoints(Path(settings.run.out) / CHECKPOINTS, accelerator, num_kept=1, identity=identity)
    newest = checkpoints.newest()
    if settings.run.resume is None and newest is not None:
        raise UsageError(
            f"{settings.run.out} has checkpoints of an earlier run, the newest {newest.name}; go on from it by "
            "--resume, or name another --out"
        )
    is_given = settings.run.resume not in (None, "auto")
    checkpoint = Path(str(settings.run.resume)).expanduser() if is_given else newest
    if checkpoint is not None:
        checkpoints.check(checkpoint)
    return checkpoint


def _write_settings(settings: Settings, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / SETTINGS_NAME).write_text(settings_text(settings), encoding="utf-8")
