from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from depth_anything.filter_taps import nearest_indices, opencv_taps, pillow_taps


@pytest.mark.parametrize("taps_of", [opencv_taps, pillow_taps])
@pytest.mark.parametrize("kernel", ["cubic", "linear"])
@pytest.mark.parametrize(("num_in", "num_out"), [(53, 42), (10, 61), (90, 7), (1, 5), (5, 1)])
def test_taps_lie_inside_and_their_weights_sum_to_one(taps_of, kernel: str, num_in: int, num_out: int) -> None:
    indices, weights = taps_of(num_in, num_out, kernel)
    assert indices.shape == weights.shape
    assert len(indices) == num_out
    assert indices.min() >= 0
    assert indices.max() < num_in
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_taps_at_the_border_repeat_it() -> None:
    assert opencv_taps(10, 20, "cubic").indices[0].tolist() == [0, 0, 0, 1]
    assert opencv_taps(10, 20, "cubic").indices[-1].tolist() == [8, 9, 9, 9]


def test_weights_half_way_between_two_samples_are_those_of_the_kernel() -> None:
    # a = -0.75: a/8 outside, 1/2 - a/8 inside
    np.testing.assert_allclose(opencv_taps(8, 4, "cubic").weights[1], [-0.09375, 0.59375, 0.59375, -0.09375])


def test_only_pillow_s_taps_widen_to_make_an_image_smaller() -> None:
    assert opencv_taps(100, 10, "cubic").indices.shape == (10, 4)
    assert pillow_taps(100, 10, "cubic").indices.shape == (10, 40)
    assert pillow_taps(10, 100, "cubic").indices.shape[1] <= 5


@pytest.mark.parametrize("taps_of", [opencv_taps, pillow_taps])
def test_an_unknown_kernel_is_refused(taps_of) -> None:
    with pytest.raises(ValueError, match="kernel is 'lanczos'; it has to be 'cubic' or 'linear'"):
        taps_of(10, 5, "lanczos")


@pytest.mark.parametrize(("num_in", "num_out"), [(640, 686), (1080, 518), (7, 3), (3, 7), (4, 2)])
def test_nearest_takes_the_sample_under_the_centre(num_in: int, num_out: int) -> None:
    expected = [int((position + Fraction(1, 2)) * Fraction(num_in, num_out)) for position in range(num_out)]
    assert nearest_indices(num_in, num_out).tolist() == expected
