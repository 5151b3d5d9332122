from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import pipeline

from depth_anything.checkpoint_folder import check_folder
from depth_anything.command_errors import UsageError
from depth_anything.training.frame_predictors import BASELINES
from depth_anything.training.recipes import STUDENT_RECIPES
from depth_anything.training.scene_seeds import TOY_TRAINING
from depth_anything.training.scene_sets import render_scene_set
from depth_anything.training.settings import Settings
from depth_anything.training.small_training import StudentParts, small_accelerator, train_small_student
from depth_anything.training.toy_run import PANEL_NAME, loading_line, run, run_toy, student_training
from depth_anything.training.toy_settings import ToySettings
from depth_anything.training.training_run import accelerator_for


def tiny(out: Path, **toy: Any) -> Settings:
    recipe = STUDENT_RECIPES["toy"]
    few = {"num_labelled_scenes": 8, "num_unlabelled_scenes": 8, "num_evaluated_scenes": 2, "num_render_workers": 0}
    return replace(
        recipe,
        data=replace(recipe.data, num_labelled=2, num_unlabelled=4, crop_size=28),
        optimiser=replace(recipe.optimiser, num_warmup_steps=1),
        run=replace(recipe.run, out=str(out)),
        toy=ToySettings(num_teacher_steps=2, num_student_steps=2, **few, **toy),
    )


def real_frames(folder: Path) -> Path:
    generator = np.random.default_rng(0)
    for name in ("images", "depth"):
        (folder / name).mkdir(parents=True)
    for number in range(2):
        Image.fromarray(generator.integers(0, 256, (60, 80, 3), np.uint8)).save(folder / "images" / f"{number}.png")
        np.save(folder / "depth" / f"{number}.npy", generator.uniform(1, 5, (60, 80)).astype(np.float32))
    np.save(folder / "depth" / "1.npy", np.zeros((60, 80), np.float32))  # without any depth
    return folder


@pytest.mark.slow
def test_toy_trains_scores_pictures_and_saves_what_pipeline_reads(tmp_path: Path) -> None:
    rgbd = real_frames(tmp_path / "rgbd")
    settings = tiny(tmp_path / "student", rgbd=str(rgbd))
    accelerator = accelerator_for(settings)
    outcome = run_toy(settings, accelerator)
    assert outcome is not None
    assert list(outcome.scores) == ["labelled, unseen scenes", "unlabelled, unseen scenes", "real frames"]
    assert all(list(rows) == [*BASELINES, "teacher", "student"] for rows in outcome.scores.values())
    assert all(np.isfinite(row.errors).all() for rows in outcome.scores.values() for row in rows.values())
    assert outcome.scores["real frames"]["student"].num_frames == 1
    assert any("real frames: 1 cannot be read" in line for line in outcome.lines)
    folder = check_folder(tmp_path / "student").folder
    assert Image.open(folder / PANEL_NAME).width > 4 * 100
    assert "num_teacher_steps: 2" in (folder / "settings.yaml").read_text()
    card = (folder / "README.md").read_text()
    assert "nano" in card
    assert "procedural:labelled" in card
    picture = Image.open(rgbd / "images" / "0.png")
    assert f'"{settings.run.out}"' in loading_line(settings)
    assert pipeline("depth-estimation", model=settings.run.out)(picture)["predicted_depth"].shape == (60, 80)
    with pytest.raises(UsageError, match="exists and is not overwritten"):
        run(settings, accelerator)


def test_the_boxes_of_cutmix_are_those_of_the_settings(tmp_path: Path) -> None:
    recipe = tiny(tmp_path / "student")
    labelled, unlabelled = (
        render_scene_set(TOY_TRAINING, domain, 4, size=28, num_workers=0) for domain in ("labelled", "unlabelled")
    )
    weights = []
    for probability in (0.0, 1.0):
        settings = replace(recipe, cutmix=replace(recipe.cutmix, probability=probability))
        training = student_training(settings)
        student = train_small_student(
            labelled,
            unlabelled,
            unlabelled.disparity,
            training,
            StudentParts(),
            seed=0,
            accelerator=small_accelerator(training.loop, use_bf16=False),
        )
        weights.append(student.head.conv1.weight.detach().clone())
    assert not torch.equal(*weights)


@pytest.mark.parametrize(
    ("group", "changed"),
    [
        ("run", {"resume": "auto"}),
        ("run", {"push_to_hub": "owner/name"}),
        ("model", {"start_from": "facebook/dinov2-small"}),
        ("loop", {"num_steps": 7}),
        ("data", {"has_strong_view": False}),
    ],
)
def test_what_toy_has_no_use_for_is_refused_before_anything_is_rendered(
    group: str, changed: dict[str, Any], tmp_path: Path
) -> None:
    settings = tiny(tmp_path / "student")
    settings = replace(settings, **{group: replace(getattr(settings, group), **changed)})
    with pytest.raises(UsageError, match=f"{next(iter(changed))}: the recipe toy has no use for this"):
        run(settings, accelerator_for(settings))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_student_steps": 0}, "num_student_steps is 0, must be 1 or more"),
        ({"num_evaluated_scenes": 5000}, "num_evaluated_scenes is 5000; there are 1000 scenes"),
        ({"rgbd_depth_scale": 0.001}, "rgbd_depth_scale is of real frames and there are none; name them by rgbd"),
    ],
)
def test_settings_that_cannot_be_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToySettings(**changed)


def test_other_recipes_refuse_what_is_the_toys() -> None:
    with pytest.raises(ValueError, match="rgbd, num_teacher_steps: of the recipe toy alone"):
        replace(STUDENT_RECIPES["v1-student-small"], toy=ToySettings(rgbd="frames", num_teacher_steps=7))


def test_the_student_has_labelled_and_unlabelled_scenes_at_one_to_two() -> None:
    data = STUDENT_RECIPES["toy"].data
    assert data.num_unlabelled == 2 * data.num_labelled
