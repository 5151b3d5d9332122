from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from depth_anything.training.cutmix import (
    NO_BOX,
    CutMixSettings,
    MixBox,
    check_pairs,
    drawn_box,
    inside_of,
    mixed,
    partner_of,
)

ALWAYS = CutMixSettings(probability=1.0)


def boxes(settings: CutMixSettings, size: int, count: int) -> list[MixBox]:
    return [drawn_box(size, settings, np.random.default_rng(seed)) for seed in range(count)]


@pytest.mark.parametrize("size", [56, 518])
def test_boxes_lie_in_the_crop_and_keep_to_area_and_aspect(size: int) -> None:
    for top, left, height, width in boxes(ALWAYS, size, 500):
        assert 0 <= top <= top + height <= size
        assert 0 <= left <= left + width <= size
        # Sides are rounded down to whole pixels: the real box has less than one pixel more on each side.
        assert height * width <= 0.4 * size**2
        assert (height + 1) * (width + 1) > 0.02 * size**2
        assert height / (width + 1) < 1 / 0.3
        assert (height + 1) / width > 0.3


def test_half_of_the_images_get_a_box() -> None:
    share = np.mean([box != NO_BOX for box in boxes(CutMixSettings(), 518, 2000)])
    assert abs(share - 0.5) < 4 * 0.5 / math.sqrt(2000)  # four standard deviations
    assert boxes(CutMixSettings(probability=0.0), 518, 50) == [NO_BOX] * 50
    assert NO_BOX not in boxes(ALWAYS, 14, 200)


def test_boxes_are_distributed_as_those_of_published_rejection_sampling() -> None:
    """Against the same law carried out by enumeration: area uniform, aspect and place by their chance to fit."""
    size, area = 100, 0.3 * 100 * 100
    settings = CutMixSettings(probability=1.0, min_area=0.3, max_area=0.3)
    aspects = np.linspace(0.3, 1 / 0.3, 20001)
    heights, widths = np.floor(np.sqrt(area * aspects)), np.floor(np.sqrt(area / aspects))
    chances = np.maximum(size - heights + 1, 0) * np.maximum(size - widths + 1, 0)
    expected = (heights * chances).sum() / chances.sum()
    drawn = np.array([box.height for box in boxes(settings, size, 3000)])
    assert abs(drawn.mean() - expected) < 4 * drawn.std() / math.sqrt(3000)
    places = np.array([box.top / (size - box.height + 1) for box in boxes(settings, size, 3000)])
    assert abs(places.mean() - 0.5) < 0.03  # whole pixels: the last place of n is at (n - 1) / n


def test_partners_are_the_two_of_a_pair_whichever_the_type() -> None:
    for values in (torch.arange(6), torch.arange(6).bool(), torch.arange(6.0)[:, None, None].expand(6, 2, 3)):
        assert torch.equal(partner_of(values), values[[1, 0, 3, 2, 5, 4]])


def test_halves_of_a_batch_have_the_pairs_of_the_whole() -> None:
    values = torch.rand(8, 3, 5, 5)
    inside = torch.rand(8, 5, 5) > 0.5
    halves = [mixed(values[half], inside[half]) for half in (slice(4), slice(4, 8))]
    assert torch.equal(torch.cat(halves), mixed(values, inside))


def test_mixing_takes_the_box_of_the_partner_and_nothing_else() -> None:
    generator = np.random.default_rng(0)
    drawn = [drawn_box(28, CutMixSettings(probability=0.7), generator) for _ in range(6)]
    assert NO_BOX in drawn
    pixels, labels = torch.rand(6, 3, 28, 28), torch.rand(6, 28, 28)
    inside = inside_of(torch.stack([box.to_tensor() for box in drawn]), 28)
    for values in (pixels, labels, labels > 0.5):
        expected = values.clone()
        for index, (top, left, height, width) in enumerate(drawn):
            rows, columns = slice(top, top + height), slice(left, left + width)
            expected[index, ..., rows, columns] = values[index ^ 1, ..., rows, columns]
        assert torch.equal(mixed(values, inside), expected)
    assert mixed(pixels, None) is pixels


def test_an_odd_number_of_images_is_refused() -> None:
    check_pairs(4)
    with pytest.raises(ValueError, match=r"num_unlabelled is 5 .* set it to 6, or switch CutMix off"):
        check_pairs(5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probability": 1.5}, "probability is 1.5; it has to lie between 0 and 1"),
        ({"probability": math.nan}, "probability is nan"),
        ({"min_area": 0.0}, "min_area is 0.0 and max_area 0.4"),
        ({"max_area": 0.6}, "max_area 0.6.*at most 0.5"),
        ({"min_aspect": 1.2}, "min_aspect is 1.2"),
        ({"max_aspect": math.inf}, "max_aspect inf"),
    ],
)
def test_settings_that_cannot_be_carried_out_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CutMixSettings(**changes)
