from __future__ import annotations

from dataclasses import fields

from depth_anything.training.augmentation import TransformSettings
from depth_anything.training.cutmix import CutMixSettings
from depth_anything.training.perturbation_sources import markdown_table, perturbations
from depth_anything.training.student_view import StudentViewSettings

# UniMatch, dataset/semi.py and dataset/transform.py; section 3.2 of the paper has the 0.5 of CutMix.
PUBLISHED = {
    "TransformSettings.flip_probability": 0.5,
    "StudentViewSettings.jitter_probability": 0.8,
    "StudentViewSettings.brightness": 0.5,
    "StudentViewSettings.contrast": 0.5,
    "StudentViewSettings.saturation": 0.5,
    "StudentViewSettings.hue": 0.25,
    "StudentViewSettings.grey_probability": 0.2,
    "StudentViewSettings.blur_probability": 0.5,
    "StudentViewSettings.min_blur_sigma": 0.1,
    "StudentViewSettings.max_blur_sigma": 2.0,
    "CutMixSettings.probability": 0.5,
    "CutMixSettings.min_area": 0.02,
    "CutMixSettings.max_area": 0.4,
    "CutMixSettings.min_aspect": 0.3,
    "CutMixSettings.max_aspect": 1 / 0.3,
}


def test_every_default_is_the_published_number() -> None:
    rows = {row.setting: row for row in perturbations()}
    assert {name: row.value for name, row in rows.items()} == {n: f"{v:.4g}" for n, v in PUBLISHED.items()}
    for settings in (TransformSettings(), StudentViewSettings(), CutMixSettings()):
        for field in fields(settings):
            name = f"{type(settings).__name__}.{field.name}"
            assert name not in PUBLISHED or getattr(settings, field.name) == PUBLISHED[name]


def test_only_what_the_paper_gives_is_called_the_papers() -> None:
    of_paper = [row.setting for row in perturbations() if row.source.startswith("arXiv")]
    assert of_paper == ["CutMixSettings.probability"]
    assert all("UniMatch" in row.source for row in perturbations() if row.setting not in of_paper)


def test_the_table_has_a_line_for_each_number() -> None:
    lines = markdown_table(perturbations()).splitlines()
    assert len(lines) == 2 + len(PUBLISHED)
    assert {line.count("|") for line in lines} == {5}
