from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_anything.training.evaluation.alignment import (
    FitSpace,
    FitState,
    fit_median_ratio,
    fit_scale,
    fit_scale_and_shift,
)
from depth_anything.training.evaluation.row_sums import RowPass

DISPARITY = FitSpace(inverts_truth=True)


@pytest.fixture
def maps() -> tuple[Tensor, Tensor, Tensor]:
    """A prediction of disparity with noise, true depth and a mask of half the pixels; (4, 37, 41), float64."""
    generator = torch.Generator().manual_seed(1)
    depth_m = torch.rand((4, 37, 41), generator=generator, dtype=torch.float64) * 10 + 0.5
    noise = torch.randn(depth_m.shape, generator=generator, dtype=torch.float64)
    return 3 / depth_m + 0.1 * noise + 2, depth_m, torch.rand(depth_m.shape, generator=generator) < 0.5


def lstsq(x: Tensor, y: Tensor) -> np.ndarray:
    """Scale and shift by numpy.linalg.lstsq, in float64."""
    return np.linalg.lstsq(np.stack([x.numpy(), np.ones(len(x))], 1), y.numpy(), rcond=None)[0]


@pytest.mark.parametrize("space", [DISPARITY, FitSpace()])
@pytest.mark.parametrize(("factor", "offset"), [(1, 0), (1e-4, 0), (1e5, -3e5), (1, 1e4), (1, -1e5)])
def test_scale_and_shift_are_those_of_lstsq(
    space: FitSpace, factor: float, offset: float, maps: tuple[Tensor, Tensor, Tensor]
) -> None:
    prediction, depth_m, valid = maps
    prediction = factor * prediction + offset
    fit = fit_scale_and_shift(prediction, depth_m, valid, space)
    truth = 1 / depth_m if space.inverts_truth else depth_m
    expected = np.array([lstsq(p[m], t[m]) for p, t, m in zip(prediction, truth, valid, strict=True)])
    np.testing.assert_allclose(fit.scale.numpy(), expected[:, 0], rtol=1e-9)
    np.testing.assert_allclose(fit.shift.numpy(), expected[:, 1], rtol=1e-9)


def test_a_large_offset_costs_no_digits(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    prediction, depth_m, valid = maps
    prediction = (prediction * 2**20).round() / 2**20  # so that the offset can be added without rounding
    offset = 2.0**30
    near, far = (fit_scale_and_shift(each, depth_m, valid, DISPARITY) for each in (prediction, prediction + offset))
    torch.testing.assert_close(far.scale, near.scale, rtol=1e-12, atol=0)


def test_an_exact_relation_is_found_whichever_way_it_points(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    _, depth_m, valid = maps
    fit = fit_scale_and_shift(4 / depth_m - 3, depth_m, valid, DISPARITY)
    torch.testing.assert_close(fit.scale, torch.full_like(fit.scale, 0.25))
    torch.testing.assert_close(fit.shift, torch.full_like(fit.shift, 0.75))
    assert fit.reasons() == ("",) * 4
    inverted = fit_scale_and_shift(-depth_m, depth_m, valid)
    torch.testing.assert_close(inverted.scale, torch.full_like(fit.scale, -1))
    assert inverted.state.tolist() == [FitState.NOT_POSITIVE] * 4
    assert "negative" in inverted.reasons()[0]


def test_metres_meet_disparity_inverted_and_without_what_has_no_inverse(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    _, depth_m, valid = maps
    metres = 0.7 * depth_m
    metres[:, :5], metres[:, 5:7], metres[:, 7, 3] = 0, -2, torch.nan
    fit = fit_scale_and_shift(metres, depth_m, valid, FitSpace(inverts_prediction=True, inverts_truth=True))
    torch.testing.assert_close(fit.scale, torch.full_like(fit.scale, 0.7))
    torch.testing.assert_close(fit.shift, torch.zeros_like(fit.shift), rtol=0, atol=1e-12)


def test_predictions_of_zero_and_less_are_left_out_on_request_alone(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    prediction, depth_m, valid = maps
    prediction = prediction - 3
    fits = [fit_scale_and_shift(prediction, depth_m, valid, FitSpace(positive_only=only)) for only in (False, True)]
    for fit, chosen in zip(fits, (valid, valid & (prediction > 0)), strict=True):
        expected = [lstsq(p[m], t[m])[0] for p, t, m in zip(prediction, depth_m, chosen, strict=True)]
        np.testing.assert_allclose(fit.scale.numpy(), expected, rtol=1e-9)


def test_what_is_not_finite_takes_no_part_in_any_fit(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    prediction, depth_m, valid = maps
    broken = prediction.clone()
    broken[:, 0, ::2], broken[:, 1], broken[:, 2] = torch.nan, torch.inf, -torch.inf
    finite = valid & broken.isfinite()
    for fit in (fit_scale_and_shift, fit_scale, fit_median_ratio):
        torch.testing.assert_close(fit(broken, depth_m, valid).scale, fit(prediction, depth_m, finite).scale)


def test_the_scale_alone_is_that_of_lstsq_and_the_median_ratio_that_of_numpy(
    maps: tuple[Tensor, Tensor, Tensor],
) -> None:
    prediction, depth_m, valid = maps
    assert {int(mask.sum()) % 2 for mask in valid} == {0, 1}  # of an even number two values are in the middle
    images = list(zip(prediction.numpy(), depth_m.numpy(), valid.numpy(), strict=True))
    scales = [np.linalg.lstsq(p[m][:, None], g[m], rcond=None)[0][0] for p, g, m in images]
    np.testing.assert_allclose(fit_scale(prediction, depth_m, valid).scale.numpy(), scales, rtol=1e-12)
    ratios = [np.median(g[m]) / np.median(p[m]) for p, g, m in images]
    np.testing.assert_allclose(fit_median_ratio(prediction, depth_m, valid).scale.numpy(), ratios, rtol=1e-15)


@pytest.mark.parametrize("value", [0.0, 0.1, 7.3, -1e6])
def test_a_flat_prediction_is_reported_and_gets_the_mean_truth(
    value: float, maps: tuple[Tensor, Tensor, Tensor]
) -> None:
    _, depth_m, valid = maps
    flat = torch.full(depth_m.shape, value)
    fit = fit_scale_and_shift(flat, depth_m, valid, DISPARITY)
    assert fit.state.tolist() == [FitState.FLAT_PREDICTION] * 4
    assert fit.scale.tolist() == [0] * 4
    means = torch.stack([(1 / g[m]).mean() for g, m in zip(depth_m, valid, strict=True)])
    torch.testing.assert_close(fit.shift, means)
    assert "flat" in fit.reasons()[0]


def test_zeros_have_no_scale_and_negative_ones_one_that_is_reported(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    _, depth_m, valid = maps
    for fit in (fit_scale, fit_median_ratio):
        zeros, negative = fit(0 * depth_m, depth_m, valid), fit(-2 * depth_m, depth_m, valid)
        assert zeros.scale.tolist() == [0] * 4
        assert zeros.state.tolist() == [FitState.FLAT_PREDICTION] * 4
        torch.testing.assert_close(negative.scale, torch.full_like(negative.scale, -0.5))
        assert negative.state.tolist() == [FitState.NOT_POSITIVE] * 4


def test_one_pixel_and_none_are_reported_with_a_defined_result(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    prediction, depth_m, _ = maps
    valid = torch.zeros_like(depth_m, dtype=torch.bool)
    valid[1, 4, 5], valid[2, 6, 7:9] = True, True
    prediction[1, 4, 5], prediction[3] = 5, torch.nan
    valid[3] = True
    fit = fit_scale_and_shift(prediction, depth_m, valid)
    few = FitState.TOO_FEW_PIXELS
    assert fit.state.tolist()[:2] == [few, few]
    assert fit.state[3] == few
    assert (fit.scale[0], fit.shift[0], fit.scale[3], fit.shift[3]) == (0, 0, 0, 0)
    assert (fit.scale[1], fit.shift[1]) == (0, depth_m[1, 4, 5])
    aligned = fit.scale[2] * prediction[2, 6, 7:9] + fit.shift[2]
    torch.testing.assert_close(aligned, depth_m[2, 6, 7:9])
    assert "fewer than 2" in fit.reasons()[0]
    for fit_one in (fit_scale, fit_median_ratio):
        states = fit_one(prediction, depth_m, valid).state.tolist()
        assert (states[0], states[3]) == (few, few)
        assert states[1] == FitState.FITTED


def test_few_pixels_off_the_grid_of_the_first_guess_are_fitted_as_well(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    generator = torch.Generator().manual_seed(2)
    depth_m = torch.rand((2, 200, 300), generator=generator) + 1
    prediction = 1e4 + 1 / depth_m + 0.1 * torch.randn(depth_m.shape, generator=generator)
    valid = torch.zeros_like(depth_m, dtype=torch.bool)
    valid[0, 1::3, 1::4], valid[1] = True, True  # the first image's pixels lie between those of the grid
    fit = fit_scale_and_shift(prediction, depth_m, valid, DISPARITY)
    expected = [lstsq(p[m].double(), 1 / g[m].double()) for p, g, m in zip(prediction, depth_m, valid, strict=True)]
    np.testing.assert_allclose(torch.stack([fit.scale, fit.shift], 1).numpy(), expected, rtol=1e-9)


def test_an_image_is_fitted_alike_alone_and_in_a_batch(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    together = fit_scale_and_shift(*maps, DISPARITY, row_pass=RowPass.EAGER)
    for image in range(4):
        alone = fit_scale_and_shift(*(each[image : image + 1] for each in maps), DISPARITY, row_pass=RowPass.EAGER)
        assert (alone.scale, alone.shift) == (together.scale[image], together.shift[image])
