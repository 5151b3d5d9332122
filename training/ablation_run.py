"""The runs of the ablation, each kept when it is finished, so that the same command goes on where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from accelerate import Accelerator

from depth_anything import DepthAnythingForDepthEstimation
from depth_anything.command_errors import UsageError
from depth_anything.new_folder import new_folder
from depth_anything.training.ablation_settings import ROWS, AblationSettings
from depth_anything.training.evaluation.frames import FrameSource
from depth_anything.training.frame_predictors import NetworkPredictor
from depth_anything.training.frame_scores import MAX_DEPTH_M, FrameScores, frame_scores
from depth_anything.training.scene_seeds import ABLATION_EVALUATION, ABLATION_TRAINING
from depth_anything.training.scene_sets import SceneFrames, SceneSet, render_scene_set
from depth_anything.training.small_training import (
    small_accelerator,
    small_processor,
    small_pseudo_labels,
    train_small_student,
    train_small_teacher,
)

SETTINGS_NAME = "settings.json"
SCORES_NAME = "scores.json"
LABELLED_ROW = next(iter(ROWS))

RunScores = Mapping[tuple[int, str], Mapping[str, FrameScores]]
"""By seed and row, then by domain."""


def run_ablation(settings: AblationSettings) -> RunScores:
    """Makes the runs that are not there yet, and gives the scores of all.

    Raises:
        UsageError: the output folder holds runs with other settings, or something else.
    """
    folder = Path(settings.output_dir)
    _claim(folder, settings)
    pending = [key for key in _all_runs(settings) if not (_run_folder(folder, *key) / SCORES_NAME).is_file()]
    if pending:
        accelerator = small_accelerator(settings.training(LABELLED_ROW).loop, settings.use_bf16)
        frames = {domain: _evaluation_frames(settings, domain) for domain in ABLATION_EVALUATION.domains}
        for seed in sorted({seed for seed, _ in pending}):
            _run_seed(settings, seed, [row for each, row in pending if each == seed], frames, accelerator)
    return {key: _read_scores(_run_folder(folder, *key)) for key in _all_runs(settings)}


def _run_seed(
    settings: AblationSettings,
    seed: int,
    rows: list[str],
    frames: Mapping[str, FrameSource],
    accelerator: Accelerator,
) -> None:
    """The missing rows of one seed; its teacher is trained once, by the first row."""
    labelled = _training_scenes(settings, "labelled", seed, settings.num_labelled_scenes)
    teacher = None
    if LABELLED_ROW in rows:
        start = time.monotonic()
        teacher = train_small_teacher(labelled, settings.training(LABELLED_ROW), seed=seed, accelerator=accelerator)
        _keep(settings, seed, LABELLED_ROW, teacher, frames, start)
    rows = [row for row in rows if row != LABELLED_ROW]
    if not rows:
        return
    if teacher is None:
        kept = _run_folder(Path(settings.output_dir), seed, LABELLED_ROW)
        teacher = DepthAnythingForDepthEstimation.from_pretrained(kept).to(accelerator.device)
    unlabelled = _training_scenes(settings, "unlabelled", seed, settings.num_unlabelled_scenes)
    pseudo_labels = small_pseudo_labels(teacher, unlabelled, use_bf16=settings.use_bf16)
    for row in rows:
        parts = ROWS[row]
        assert parts is not None
        start = time.monotonic()
        student = train_small_student(
            labelled, unlabelled, pseudo_labels, settings.training(row), parts, seed=seed, accelerator=accelerator
        )
        _keep(settings, seed, row, student, frames, start)


def _keep(
    settings: AblationSettings,
    seed: int,
    row: str,
    model: DepthAnythingForDepthEstimation,
    frames: Mapping[str, FrameSource],
    start: float,
) -> None:
    seconds = time.monotonic() - start
    processor = small_processor(settings.image_size)
    predict = NetworkPredictor(model, processor)
    scores = {domain: asdict(frame_scores(predict, source)) for domain, source in frames.items()}
    with new_folder(_run_folder(Path(settings.output_dir), seed, row)) as folder:
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        text = json.dumps({"seed": seed, "row": row, "training_seconds": seconds, "scores": scores}, indent=1)
        (folder / SCORES_NAME).write_text(text, encoding="utf-8")


def _training_scenes(settings: AblationSettings, domain: str, seed: int, count: int) -> SceneSet:
    return render_scene_set(
        ABLATION_TRAINING,
        domain,
        count,
        first=settings.first_scene(seed),
        size=settings.image_size,
        num_workers=settings.num_workers,
    )


def _evaluation_frames(settings: AblationSettings, domain: str) -> FrameSource:
    scenes = render_scene_set(
        ABLATION_EVALUATION,
        domain,
        settings.num_evaluated_scenes,
        size=settings.image_size,
        num_workers=settings.num_workers,
    )
    return SceneFrames(scenes, MAX_DEPTH_M)


def _claim(folder: Path, settings: AblationSettings) -> None:
    """Writes the settings into a new folder, and lets only the same ones into an old one."""
    stated = {name: value for name, value in asdict(settings).items() if name not in ("output_dir", "num_workers")}
    path = folder / SETTINGS_NAME
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        others = [name for name in stated if kept.get(name) != stated[name]]
        if others:
            shown = ", ".join(f"{name} {kept.get(name)!r}" for name in others)
            raise UsageError(f"{folder} holds runs with {shown}; give these, or another --output_dir")
        return
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} holds no ablation; name another --output_dir")
    with new_folder(folder) as partial:
        (partial / SETTINGS_NAME).write_text(json.dumps(stated, indent=1), encoding="utf-8")


def _all_runs(settings: AblationSettings) -> list[tuple[int, str]]:
    return [(seed, row) for seed in range(settings.num_seeds) for row in ROWS]


def _run_folder(folder: Path, seed: int, row: str) -> Path:
    return folder / f"seed{seed}-{list(ROWS).index(row) + 1}-{row.removeprefix('+ ').replace(' ', '-')}"


def _read_scores(folder: Path) -> dict[str, FrameScores]:
    scores = json.loads((folder / SCORES_NAME).read_text(encoding="utf-8"))["scores"]
    return {domain: FrameScores(**values) for domain, values in scores.items()}
