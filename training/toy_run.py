"""`toy`: teacher, pseudo labels and student on rendered scenes, in a few minutes on a laptop, from nano.

It shows the recipe whole: what comes out is no network to use.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from accelerate import Accelerator

from depth_anything.command_errors import EXIT_GOOD, UsageError
from depth_anything.model_card import build_card
from depth_anything.new_folder import new_folder, refuse_existing
from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.evaluation.folder_frames import open_folder_frames
from depth_anything.training.evaluation.frames import Frame, FrameSource
from depth_anything.training.frame_predictors import BASELINES, NetworkPredictor, trivial_predictors
from depth_anything.training.frame_scores import MAX_DEPTH_M, FrameScores, Predictor, frame_scores
from depth_anything.training.prediction_panel import prediction_panel
from depth_anything.training.recipes import STUDENT_RECIPES, TOY
from depth_anything.training.scene_seeds import TOY_EVALUATION, TOY_TRAINING
from depth_anything.training.scene_sets import SceneFrames, SceneSet, render_scene_set
from depth_anything.training.score_table import score_table, share_of_best_baseline
from depth_anything.training.settings import Precision, Settings, plain_settings
from depth_anything.training.settings_parsing import settings_text
from depth_anything.training.small_training import (
    SmallTraining,
    StudentParts,
    small_processor,
    small_pseudo_labels,
    train_small_student,
    train_small_teacher,
)
from depth_anything.training.toy_card import card_facts
from depth_anything.training.toy_settings import ToySettings
from depth_anything.training.training_run import end_together

PANEL_NAME = "panel.png"
SETTINGS_NAME = "settings.yaml"
NUM_PICTURED = 4  # of each set of frames
# What of the settings counts here, by group; a group that is not named counts whole.
COUNTING: Mapping[str, tuple[str, ...]] = {
    "model": (),
    "data": ("num_labelled", "num_unlabelled", "crop_size"),
    "loop": (
        "accumulation_steps",
        "log_every",
        "max_skipped_in_a_row",
        "ema_decay",
        "gradient_checkpointing",
        "compile",
    ),
    "validation": (),
    "run": ("out", "seed", "precision", "num_threads"),
}


@dataclass(frozen=True, kw_only=True)
class ToyOutcome:
    """What `toy` gave.

    Attributes:
        scores: by set of frames and predictor.
        lines: the table, and what it means.
        seconds: in all.
    """

    scores: Mapping[str, Mapping[str, FrameScores]]
    lines: list[str]
    seconds: float


def run(settings: Settings, accelerator: Accelerator) -> int:
    """Runs `toy` for the command line, prints what came out, and returns the exit code."""
    try:
        refuse_idle_settings(settings)
        outcome = run_toy(settings, accelerator)
    except FileExistsError as error:
        raise UsageError(f"{error} (by --out)") from error
    end_together(accelerator)
    if outcome is not None:
        print("\n".join([*outcome.lines, f"{outcome.seconds / 60:.1f} minutes", *_last_words(settings)]), flush=True)
    return EXIT_GOOD


def refuse_idle_settings(settings: Settings) -> None:
    """Refuses what was set and would change nothing.

    Raises:
        UsageError: names such settings.
    """
    given, usual = plain_settings(settings), plain_settings(STUDENT_RECIPES[TOY])
    idle = [
        name
        for group, counting in COUNTING.items()
        for name, value in given[group].items()
        if name not in counting and value != usual[group][name]
    ]
    if idle:
        raise UsageError(
            f"{', '.join(idle)}: the recipe toy has no use for this; leave it out. It is short, so it neither saves "
            f"nor resumes on the way; `depth-anything push {settings.run.out}` uploads its network"
        )


def run_toy(settings: Settings, accelerator: Accelerator) -> ToyOutcome | None:
    """Trains, scores and saves; with several processes the first one scores and saves, and the others give None.

    Raises:
        FileExistsError: the output folder holds something.
        CorpusError: the real frames cannot be used; said before anything is trained.
        KeyboardInterrupt: somebody asked the training to stop.
    """
    start = time.monotonic()
    refuse_existing(Path(settings.run.out))
    real = _real_frames(settings.toy)
    use_bf16 = settings.run.precision is Precision.BFLOAT16
    labelled = _rendered(settings, "labelled", settings.toy.num_labelled_scenes)
    unlabelled = _rendered(settings, "unlabelled", settings.toy.num_unlabelled_scenes)
    seed = settings.run.seed
    teacher = train_small_teacher(labelled, _teacher_training(settings), seed=seed, accelerator=accelerator)
    pseudo_labels = small_pseudo_labels(teacher, unlabelled, use_bf16=use_bf16)
    student = train_small_student(
        labelled,
        unlabelled,
        pseudo_labels,
        student_training(settings),
        StudentParts(has_feature_alignment=settings.losses.feature_weight > 0),
        seed=seed + 1,
        accelerator=accelerator,
    )
    if not accelerator.is_main_process:
        return None
    processor = small_processor(settings.data.crop_size)
    networks: dict[str, Predictor] = {
        "teacher": NetworkPredictor(teacher, processor),
        "student": NetworkPredictor(student, processor),
    }
    frames = _frame_sets(settings, real)
    predictors = {**trivial_predictors(labelled.disparity), **networks}
    scores = {
        name: {title: frame_scores(predict, source) for title, predict in predictors.items()}
        for name, source in frames.items()
    }
    lines = score_table(scores) + _verdicts(scores)
    pictured = [frame for source in frames.values() for frame in _spread_frames(source)]
    with new_folder(Path(settings.run.out)) as folder:
        student.save_pretrained(folder)
        processor.save_pretrained(folder)
        build_card(card_facts(settings, student, scores)).save(folder / "README.md")
        prediction_panel(pictured, networks).save(folder / PANEL_NAME)
        (folder / SETTINGS_NAME).write_text(settings_text(settings), encoding="utf-8")
    return ToyOutcome(scores=scores, lines=lines, seconds=time.monotonic() - start)


def loading_line(settings: Settings) -> str:
    """The line of Python that runs the student with nothing but transformers."""
    return f'from transformers import pipeline; pipeline("depth-estimation", model="{settings.run.out}")("photo.jpg")'


def _last_words(settings: Settings) -> list[str]:
    return [f"pictures: {Path(settings.run.out) / PANEL_NAME}", f"use it: {loading_line(settings)}"]


def _real_frames(toy: ToySettings) -> FrameSource | None:
    if toy.rgbd is None:
        return None
    scale = None if toy.rgbd_depth_scale is None else str(toy.rgbd_depth_scale)
    return open_folder_frames(Path(toy.rgbd).expanduser(), scale)


def _teacher_training(settings: Settings) -> SmallTraining:
    """As many images in a step as the student has, all of them labelled."""
    return SmallTraining(
        num_labelled=settings.data.num_labelled + settings.data.num_unlabelled,
        optimiser=settings.optimiser,
        loop=replace(settings.loop, num_steps=settings.toy.num_teacher_steps),
        losses=settings.losses,
    )


def student_training(settings: Settings) -> SmallTraining:
    """How the student is trained."""
    return SmallTraining(
        num_labelled=settings.data.num_labelled,
        num_unlabelled=settings.data.num_unlabelled,
        optimiser=settings.optimiser,
        loop=replace(settings.loop, num_steps=settings.toy.num_student_steps),
        losses=settings.losses,
        view=settings.student_view,
        cutmix=settings.cutmix,
    )


def _rendered(settings: Settings, domain: str, count: int) -> SceneSet:
    return render_scene_set(
        TOY_TRAINING, domain, count, size=settings.data.crop_size, num_workers=settings.toy.num_render_workers
    )


def _frame_sets(settings: Settings, real: FrameSource | None) -> dict[str, FrameSource]:
    frames: dict[str, FrameSource] = {}
    for domain in TOY_EVALUATION.domains:
        scenes = render_scene_set(
            TOY_EVALUATION,
            domain,
            settings.toy.num_evaluated_scenes,
            size=settings.data.crop_size,
            num_workers=settings.toy.num_render_workers,
        )
        frames[f"{domain}, unseen scenes"] = SceneFrames(scenes, MAX_DEPTH_M)
    if real is not None:
        frames["real frames"] = real
    return frames


def _spread_frames(source: FrameSource) -> list[Frame]:
    """Some readable frames from all over the source."""
    step = max(1, len(source) // NUM_PICTURED)
    frames: list[Frame] = []
    for index in sorted(range(len(source)), key=lambda index: (index % step, index)):
        with suppress(SampleError):  # the scores name it
            frames.append(source.read(index))
        if len(frames) == NUM_PICTURED:
            break
    return frames


def _verdicts(scores: Mapping[str, Mapping[str, FrameScores]]) -> list[str]:
    lines = []
    for name, rows in scores.items():
        baselines = [rows[title] for title in BASELINES]
        shares = ", ".join(
            f"{title} {share_of_best_baseline(rows[title], baselines):.2f}" for title in ("teacher", "student")
        )
        lines.append(f"{name}: largest error as a share of the best baseline's: {shares}")
        left_out = rows["student"].left_out
        if left_out:
            lines.append(f"{name}: {len(left_out)} cannot be read, the first being {left_out[0]}")
    return lines
