from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_anything.training.augmentation import TrainingTransform, TransformSettings
from depth_anything.training.corpora.sample import LabelKind, Sample
from depth_anything.training.example_batches import Side, normalise_on_device, stack_sides
from depth_anything.training.pseudo_labels import PseudoLabel
from depth_anything.training.pseudo_targets import LiveTargets, stored_targets

SETTINGS = TransformSettings(crop_size=56, teacher_view="whole")
SIZES = ((70, 100, 3), (100, 70, 3), (70, 100, 3))


class RedTeacher:
    """Disparity is the red of each pixel, so that a map's crop is the crop's map; confidence is the blue."""

    def __init__(self, *, has_confidence: bool = False, broken: int | None = None) -> None:
        self.has_confidence = has_confidence
        self.broken = broken

    def label(self, images: Sequence[Tensor] | Tensor) -> list[PseudoLabel]:
        labels = []
        for place, image in enumerate(images):
            disparity = torch.full_like(image[0], torch.nan) if place == self.broken else image[0]
            blue = image[2].sigmoid().mul(255).round().div(255)
            labels.append(PseudoLabel(disparity, confidence=blue if self.has_confidence else None))
        return labels


def side(settings: TransformSettings = SETTINGS) -> Side:
    generator = np.random.default_rng(0)
    samples = [
        Sample(image=generator.integers(0, 256, size, np.uint8), kind=LabelKind.NONE, corpus="test", key=str(number))
        for number, size in enumerate(SIZES)
    ]
    transform = TrainingTransform(settings)
    return stack_sides([], [transform(sample, seed) for seed, sample in enumerate(samples)])["unlabelled"]


def test_a_map_of_the_whole_image_is_cut_like_the_view_flips_included() -> None:
    batch = side()
    assert batch["geometry"][:, 5].tolist().count(1) in (1, 2), "flipped and not"
    targets = LiveTargets(RedTeacher())(batch)
    torch.testing.assert_close(targets.values, batch["pixel_values"][:, 0], rtol=0, atol=1e-6)
    assert targets.valid.all()
    assert targets.valid.dtype == torch.bool


def test_a_teacher_that_sees_the_crop_gives_the_map_of_the_crop() -> None:
    batch = side(replace(SETTINGS, teacher_view="crop"))
    targets = LiveTargets(RedTeacher(), view="crop")(batch)
    torch.testing.assert_close(targets.values, batch["pixel_values"][:, 0], rtol=0, atol=0)


def test_whole_grey_levels_of_the_views_do_not_change_what_the_teacher_sees() -> None:
    exact = LiveTargets(RedTeacher())(side())
    levels = LiveTargets(RedTeacher())(normalise_on_device(side(replace(SETTINGS, as_uint8=True))))
    torch.testing.assert_close(levels.values, exact.values, rtol=0, atol=0)


def test_little_confidence_masks_pixels_where_that_is_asked_for() -> None:
    batch = side()
    targets = LiveTargets(RedTeacher(has_confidence=True), min_confidence=0.4)(batch)
    kept = batch["pixel_values"][:, 2].sigmoid().mul(255).round() >= 0.4 * 255
    assert (targets.valid == kept).float().mean() > 0.999  # sums of the clean view differ in their last bits
    assert (targets.values[~targets.valid] == 0).all()
    assert LiveTargets(RedTeacher(has_confidence=True))(batch).valid.all()


def test_a_map_that_is_not_finite_does_not_count() -> None:
    targets = LiveTargets(RedTeacher(broken=1))(side())
    assert targets.valid.flatten(1).all(1).tolist() == [True, False, True]
    assert not targets.valid[1].any()
    assert targets.values.isfinite().all()


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError, match=r"no whole_pixel_values, only pixel_values, .*teacher_view='whole'"):
        LiveTargets(RedTeacher())(side(replace(SETTINGS, teacher_view=None)))
    with pytest.raises(ValueError, match="gives no confidence; make it with has_confidence"):
        LiveTargets(RedTeacher(), min_confidence=0.5)(side())
    with pytest.raises(ValueError, match="min_confidence is 2"):
        LiveTargets(RedTeacher(), min_confidence=2)
    with pytest.raises(ValueError, match="has no labels, only pixel_values"):
        stored_targets(side())


def test_stored_targets_are_the_labels_of_the_side() -> None:
    batch: Side = {"labels": torch.ones(2, 4, 4), "valid_mask": torch.ones(2, 4, 4, dtype=torch.bool)}
    targets = stored_targets(batch)
    assert targets.values is batch["labels"]
    assert targets.valid is batch["valid_mask"]
