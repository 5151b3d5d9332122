from __future__ import annotations

from pathlib import Path

from depth_anything.training.augmentation import TransformSettings
from depth_anything.training.perturbation_sources import markdown_table, perturbations
from depth_anything.training.recipes import STUDENT_RECIPES
from depth_anything.training.settings import plain_settings

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

# UniMatch, dataset/semi.py and dataset/transform.py; section 3.2 of the paper has the 0.5 of CutMix.
PUBLISHED = {
    "flip_probability": 0.5,
    "--view_jitter_probability": 0.8,
    "--view_brightness": 0.5,
    "--view_contrast": 0.5,
    "--view_saturation": 0.5,
    "--view_hue": 0.25,
    "--view_grey_probability": 0.2,
    "--view_blur_probability": 0.5,
    "--view_min_blur_sigma": 0.1,
    "--view_max_blur_sigma": 2.0,
    "--cutmix_probability": 0.5,
    "--cutmix_min_area": 0.02,
    "--cutmix_max_area": 0.4,
    "--cutmix_min_aspect": 0.3,
    "--cutmix_max_aspect": 1 / 0.3,
}


def test_every_default_is_the_published_number() -> None:
    rows = {row.setting: row for row in perturbations()}
    assert {name: row.value for name, row in rows.items()} == {n: f"{v:.4g}" for n, v in PUBLISHED.items()}


def test_every_number_is_a_default_that_runs_have() -> None:
    defaults = {"flip_probability": TransformSettings().flip_probability}
    for group, prefix in (("student_view", "--view_"), ("cutmix", "--cutmix_")):
        shown = plain_settings(STUDENT_RECIPES["v1-student-small"])[group]
        defaults |= {f"{prefix}{name}": value for name, value in shown.items()}
    assert defaults == PUBLISHED


def test_only_what_the_paper_gives_is_called_the_papers() -> None:
    of_paper = [row.setting for row in perturbations() if row.source.startswith("arXiv")]
    assert of_paper == ["--cutmix_probability"]
    assert all("UniMatch" in row.source for row in perturbations() if row.setting not in of_paper)


def test_the_table_has_a_line_for_each_number() -> None:
    lines = markdown_table(perturbations()).splitlines()
    assert len(lines) == 2 + len(PUBLISHED)
    assert {line.count("|") for line in lines} == {5}


def test_the_readme_shows_the_table() -> None:
    assert f"\n\n{markdown_table(perturbations())}\n\n" in README
