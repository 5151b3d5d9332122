from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest
import torch

from depth_anything.training.student_view import (
    StudentView,
    StudentViewSettings,
    adjusted,
    blurred,
    drawn_student_view,
    grey_of,
    student_view,
)


@pytest.fixture
def image() -> torch.Tensor:
    """Colours of all hues, with black, white, grey and pure ones among them; (3, 12, 15)."""
    pixels = torch.from_numpy(np.random.default_rng(0).random((3, 12, 15), np.float32))
    special = [(0, 0, 0), (1, 1, 1), (0.5, 0.5, 0.5), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1)]
    pixels[:, 0, : len(special)] = torch.tensor(special, dtype=torch.float32).T
    return pixels


def slow_grey(image: np.ndarray) -> np.ndarray:
    return 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]


def test_brightness_multiplies_and_stays_within_0_and_1(image: torch.Tensor) -> None:
    expected = np.minimum(image.numpy().astype(np.float64) * 1.4, 1)
    np.testing.assert_allclose(adjusted(image, "brightness", 1.4), expected, atol=1e-6)


def test_contrast_moves_away_from_the_mean_grey(image: torch.Tensor) -> None:
    pixels = image.numpy().astype(np.float64)
    mean = slow_grey(pixels).mean()
    for amount in (0.5, 1.5):
        expected = np.clip(mean + amount * (pixels - mean), 0, 1)
        np.testing.assert_allclose(adjusted(image, "contrast", amount), expected, atol=1e-6)


def test_saturation_moves_away_from_each_pixels_own_grey(image: torch.Tensor) -> None:
    pixels = image.numpy().astype(np.float64)
    for amount in (0.0, 0.5, 1.5):
        expected = np.clip(slow_grey(pixels) + amount * (pixels - slow_grey(pixels)), 0, 1)
        np.testing.assert_allclose(adjusted(image, "saturation", amount), expected, atol=1e-6)


@pytest.mark.parametrize("turn", [-0.5, -0.25, -0.1, 0.0, 0.13, 0.25, 0.5])
def test_hue_turns_as_colorsys_turns_one_pixel_after_the_other(image: torch.Tensor, turn: float) -> None:
    expected = np.empty(image.shape)
    for row in range(image.shape[1]):
        for column in range(image.shape[2]):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[:, row, column].tolist())
            expected[:, row, column] = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
    np.testing.assert_allclose(adjusted(image, "hue", turn), expected, atol=2e-6)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
def test_an_adjustment_by_nothing_changes_nothing(image: torch.Tensor, name: str) -> None:
    torch.testing.assert_close(adjusted(image, name, 0.0 if name == "hue" else 1.0), image, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.1, 0.7, 2.0])
def test_blur_is_the_convolution_with_a_gaussian_over_continued_borders(image: torch.Tensor, sigma: float) -> None:
    pixels = image.numpy().astype(np.float64)
    reach = math.ceil(3 * sigma)
    expected, total = np.zeros(pixels.shape), 0.0
    for down in range(-reach, reach + 1):
        for along in range(-reach, reach + 1):
            weight = math.exp(-(down**2 + along**2) / (2 * sigma**2))
            total += weight
            for row in range(pixels.shape[1]):
                for column in range(pixels.shape[2]):
                    source = min(max(row + down, 0), 11), min(max(column + along, 0), 14)
                    expected[:, row, column] += weight * pixels[(slice(None), *source)]
    np.testing.assert_allclose(blurred(image, sigma), expected / total, atol=1e-6)


def test_steps_are_made_in_the_order_drawn_and_grey_and_blur_follow(image: torch.Tensor) -> None:
    view = StudentView((("hue", 0.2), ("contrast", 1.3)), True, 0.8)
    by_hand = grey_of(adjusted(adjusted(image, "hue", 0.2), "contrast", 1.3)).expand(3, -1, -1)
    torch.testing.assert_close(student_view(image, view), blurred(by_hand.contiguous(), 0.8))


def test_overshoot_is_cut_off_and_the_image_itself_stays(image: torch.Tensor) -> None:
    image = image * 1.4 - 0.2
    before = image.clone()
    plain = student_view(image, StudentView((), False, None))
    torch.testing.assert_close(plain, before.clamp(0, 1))
    plain.zero_()
    torch.testing.assert_close(image, before)


def test_what_is_drawn_has_the_settings_shares_and_reaches() -> None:
    generator = np.random.default_rng(0)
    views = [drawn_student_view(StudentViewSettings(), generator) for _ in range(3000)]
    jittered = [view for view in views if view.adjustments]
    assert abs(len(jittered) / 3000 - 0.8) < 0.03  # 4 standard deviations
    assert abs(sum(view.is_grey for view in views) / 3000 - 0.2) < 0.03
    sigmas = [view.blur_sigma for view in views if view.blur_sigma is not None]
    assert abs(len(sigmas) / 3000 - 0.5) < 0.04
    assert 0.1 <= min(sigmas) < 0.11
    assert 1.99 < max(sigmas) <= 2.0
    for name, low, high in [("brightness", 0.5, 1.5), ("saturation", 0.5, 1.5), ("hue", -0.25, 0.25)]:
        amounts = [dict(view.adjustments)[name] for view in jittered]
        assert low <= min(amounts) < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < max(amounts) <= high
    assert len({tuple(name for name, _ in view.adjustments) for view in jittered}) == 24  # all orders of four


def test_settings_do_not_change_how_many_numbers_are_drawn() -> None:
    generators = [np.random.default_rng(0) for _ in range(2)]
    drawn_student_view(StudentViewSettings(), generators[0])
    drawn_student_view(StudentViewSettings(jitter_probability=0, blur_probability=1), generators[1])
    assert generators[0].random() == generators[1].random()


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("blur_probability", 1.5, "blur_probability is 1.5; it has to lie between 0 and 1"),
        ("hue", 0.6, "hue is 0.6; it has to lie between 0 and 0.5"),
        ("contrast", -0.1, "contrast is -0.1"),
        ("min_blur_sigma", 3.0, "min_blur_sigma is 3.0 and max_blur_sigma 2.0"),
        ("min_blur_sigma", 0.0, "above 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(setting: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StudentViewSettings(**{setting: value})
