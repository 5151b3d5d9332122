import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_anything.demonstration import random_model
from depth_anything.training import ablation_run
from depth_anything.training.ablate import main
from depth_anything.training.ablation_report import DOT, PLOT_SIZE, ablation_plot, ablation_table
from depth_anything.training.ablation_run import run_ablation
from depth_anything.training.ablation_settings import ROWS, AblationSettings
from depth_anything.training.frame_scores import FrameScores
from depth_anything.training.scene_seeds import ABLATION_EVALUATION, ABLATION_TRAINING

TINY = {
    "num_seeds": 2,
    "image_size": 28,
    "num_labelled_scenes": 6,
    "num_unlabelled_scenes": 8,
    "num_evaluated_scenes": 2,
    "num_steps": 2,
    "images_per_step": 6,
    "num_workers": 0,
}


def tiny(folder: Path, **changed: Any) -> AblationSettings:
    return AblationSettings(output_dir=str(folder), **{**TINY, **changed})


class Trainings:
    """Stands in for the trainings: notes them, and fails at the one with a number."""

    def __init__(self) -> None:
        self.made: list[tuple[int, str]] = []
        self.pictures: list[tuple[int, bytes]] = []
        self.failing = -1

    def _note(self, seed: int, kind: str) -> Any:
        if len(self.made) == self.failing:
            raise OSError("the disk is full")
        self.made.append((seed, kind))
        return random_model()

    def teacher(self, scenes: Any, budget: Any, *, seed: int, accelerator: Any) -> Any:
        self.pictures.append((seed, scenes.images.tobytes()))
        return self._note(seed, "labelled")

    def student(
        self, labelled: Any, unlabelled: Any, labels: Any, budget: Any, parts: Any, *, seed: int, accelerator: Any
    ) -> Any:
        assert labels.shape == (8, 28, 28)
        assert labelled.domain == "labelled"
        assert unlabelled.domain == "unlabelled"
        return self._note(seed, next(name for name, each in ROWS.items() if each == parts))


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    made = Trainings()
    monkeypatch.setattr(ablation_run, "train_small_teacher", made.teacher)
    monkeypatch.setattr(ablation_run, "train_small_student", made.student)
    return made


def known_scores() -> dict[tuple[int, str], Mapping[str, FrameScores]]:
    generator = np.random.default_rng(0)
    return {
        (seed, row): {
            domain: FrameScores(
                abs_rel=float(generator.uniform(0.1, 0.3)),
                delta1=float(generator.random()),
                ordinal=float(generator.random()),
                num_frames=5,
            )
            for domain in ABLATION_EVALUATION.domains
        }
        for seed in range(3)
        for row in ROWS
    }


def test_an_interrupted_ablation_goes_on_and_gives_what_an_uninterrupted_one_does(
    tmp_path: Path, trainings: Trainings
) -> None:
    whole = run_ablation(tiny(tmp_path / "whole"))
    order = [(seed, row) for seed in range(2) for row in ROWS]
    assert trainings.made == order
    assert list(whole) == order
    assert len({pictures for _, pictures in trainings.pictures}) == 2  # each seed has scenes of its own
    trainings.made.clear()
    trainings.failing = 2
    with pytest.raises(OSError, match="the disk is full"):
        run_ablation(tiny(tmp_path / "cut"))
    trainings.made.clear()
    trainings.failing = -1
    assert run_ablation(tiny(tmp_path / "cut")) == whole
    assert trainings.made == order[2:]
    trainings.made.clear()
    assert run_ablation(tiny(tmp_path / "cut", num_workers=1)) == whole
    assert trainings.made == []


@pytest.mark.usefixtures("trainings")
def test_the_command_prints_the_table_and_draws_the_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [f"--output_dir={tmp_path / 'runs'}", *(f"--{name}={value}" for name, value in TINY.items())]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in printed.splitlines()[2:6]] == list(ROWS)
    assert (tmp_path / "runs" / "table.md").read_text() in printed
    assert (tmp_path / "runs" / "plot.png").is_file()
    kept = json.loads((tmp_path / "runs" / "seed1-4-feature-alignment" / "scores.json").read_text())
    assert (kept["seed"], kept["row"]) == (1, "+ feature alignment")
    assert main([*arguments, "--num_steps=3"]) == 2
    assert "holds runs with num_steps 2; give these, or another --output_dir" in capsys.readouterr().err


@pytest.mark.usefixtures("trainings")
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert main([f"--output_dir={tmp_path}"]) == 2
    assert "holds no ablation" in capsys.readouterr().err


def test_all_rows_have_the_same_steps_and_images_and_one_third_of_labels(tmp_path: Path) -> None:
    settings = tiny(tmp_path, images_per_step=24)
    trained = [settings.training(row) for row in ROWS]
    assert {(each.loop.num_steps, each.num_labelled + each.num_unlabelled) for each in trained} == {(2, 24)}
    assert [each.num_labelled for each in trained] == [24, 8, 8, 8]


def test_no_two_seeds_share_a_training_scene() -> None:
    settings = AblationSettings(num_seeds=7, num_unlabelled_scenes=ABLATION_TRAINING.count // 7)
    firsts = [settings.first_scene(seed) for seed in range(7)]
    assert all(later - one >= settings.num_unlabelled_scenes for one, later in itertools.pairwise(firsts))
    assert firsts[-1] + settings.num_unlabelled_scenes <= ABLATION_TRAINING.count


def test_each_row_adds_one_part() -> None:
    parts = list(ROWS.values())
    assert parts[0] is None
    added = [(each.has_strong_views, each.has_feature_alignment) for each in parts[1:] if each is not None]
    assert added == [(False, False), (True, False), (True, True)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"images_per_step": 8}, "images_per_step is 8; it has to be a multiple of 6"),
        ({"image_size": 30}, "image_size is 30; it has to be a multiple of 14"),
        ({"num_seeds": 0}, "num_seeds is 0; it has to be above 0"),
        ({"num_evaluated_scenes": 2000}, "num_evaluated_scenes is 2000; there are 1000 scenes"),
        ({"num_labelled_scenes": 600_000}, "num_labelled_scenes is 600000; there are 500000 scenes"),
    ],
)
def test_settings_that_cannot_be_are_refused(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        tiny(tmp_path, **changed)


def test_the_sizes_fill_what_is_not_given() -> None:
    assert AblationSettings(size="gpu", num_steps=7).num_steps == 7
    assert AblationSettings(size="gpu").num_steps > AblationSettings().num_steps > 0


def test_the_table_has_mean_and_sample_deviation_over_seeds() -> None:
    scores = known_scores()
    lines = ablation_table(scores)
    assert [line.split("|")[1].strip() for line in lines[2:]] == list(ROWS)
    row, domain = "+ strong perturbation", ABLATION_EVALUATION.domains[1]
    values = np.array([scores[seed, row][domain].delta1 for seed in range(3)])
    spread = np.sqrt(((values - values.mean()) ** 2).sum() / 2)
    assert lines[4].split("|")[6].strip() == f"{values.mean():.3f} ± {spread:.3f}"
    assert lines[0].split("|")[6].strip() == f"{domain} delta1"


def test_the_plot_has_a_dot_for_each_run_and_lower_errors_lower() -> None:
    scores = known_scores()
    plot = np.asarray(ablation_plot(scores)).astype(int)
    width, _ = PLOT_SIZE
    assert plot.shape[1] == 2 * width
    is_dot = (plot == DOT).all(-1)
    lower = {
        key: {domain: replace(each, abs_rel=0.05) for domain, each in value.items()}
        for key, value in scores.items()
        if key[1] == "labelled"
    }
    lowered = (np.asarray(ablation_plot({**scores, **lower})).astype(int) == DOT).all(-1)
    first = slice(46, 46 + 70)  # the first row of the first domain
    assert np.nonzero(is_dot[:, first])[0].mean() < np.nonzero(lowered[:, first])[0].mean()
    assert 24 * 20 < is_dot.sum() <= 24 * 40  # each dot has some 37 pixels, and some are covered
