"""The losses against slow NumPy loops in float64, their invariances, their gradients and their masks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_anything.loss_depth_anything import (
    affine_invariant_loss,
    gradient_matching_loss,
    normalize_disparity,
    relative_depth_loss,
    silog_loss,
)

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
Array = NDArray[np.float64]
LOSSES = [affine_invariant_loss, gradient_matching_loss, silog_loss]


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Three images of 13x17 with positive values; a third, most and all of their pixels are valid."""
    generator = torch.Generator().manual_seed(0)
    pred = torch.rand(3, 13, 17, generator=generator) * 5 + 0.1
    target = torch.rand(3, 13, 17, generator=generator) * 5 + 0.1
    share = torch.tensor([0.3, 0.8, 1.1])[:, None, None]
    return pred, target, torch.rand(3, 13, 17, generator=generator) < share


def slow_normalised(disparity: Array, valid: NDArray[np.bool_]) -> Array:
    values = sorted(disparity[valid].tolist())
    median = values[(len(values) - 1) // 2]
    deviation = sum(abs(value - median) for value in values) / len(values)
    return (disparity - median) / deviation


def slow_affine_invariant(pred: Array, target: Array, valid: NDArray[np.bool_]) -> float:
    difference = slow_normalised(pred, valid) - slow_normalised(target, valid)
    return float(np.mean(np.abs(difference[valid])))


def slow_gradient_matching(pred: Array, target: Array, valid: NDArray[np.bool_]) -> float:
    difference = slow_normalised(pred, valid) - slow_normalised(target, valid)
    total = 0.0
    for stride in (1, 2, 4, 8):
        coarse, mask = difference[::stride, ::stride], valid[::stride, ::stride]
        height, width = coarse.shape
        gradient = 0.0
        for y in range(height):
            for x in range(width):
                for other_y, other_x in ((y, x + 1), (y + 1, x)):
                    if other_y < height and other_x < width and mask[y, x] and mask[other_y, other_x]:
                        gradient += abs(coarse[other_y, other_x] - coarse[y, x])
        total += gradient / max(mask.sum(), 1)
    return float(total)


def slow_silog(pred: Array, target: Array, valid: NDArray[np.bool_]) -> float:
    errors = [np.log(t) - np.log(p) for p, t in zip(pred[valid], target[valid], strict=True)]
    return float(np.sqrt(np.mean(np.square(errors)) - 0.5 * np.mean(errors) ** 2))


@pytest.mark.parametrize(
    ("loss", "slow"),
    [
        (affine_invariant_loss, slow_affine_invariant),
        (gradient_matching_loss, slow_gradient_matching),
        (silog_loss, slow_silog),
    ],
)
def test_a_loss_is_the_mean_over_images_of_a_slow_reference(
    batch: tuple[Tensor, Tensor, Tensor], loss: Loss, slow: Callable[[Array, Array, NDArray[np.bool_]], float]
) -> None:
    images = [tuple(part.numpy() for part in parts) for parts in zip(*(t.double() for t in batch[:2]), strict=True)]
    expected = np.mean([slow(p, t, v.numpy()) for (p, t), v in zip(images, batch[2], strict=True)])
    torch.testing.assert_close(loss(*batch).item(), float(expected), rtol=2e-6, atol=2e-6)


def test_the_training_loss_is_the_sum_of_its_parts(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    expected = affine_invariant_loss(*batch) + 2 * gradient_matching_loss(*batch)
    torch.testing.assert_close(relative_depth_loss(*batch, gradient_weight=2.0), expected)


@pytest.mark.parametrize("loss", [affine_invariant_loss, gradient_matching_loss])
def test_scale_and_shift_of_either_map_do_not_change_a_relative_loss(
    batch: tuple[Tensor, Tensor, Tensor], loss: Loss
) -> None:
    pred, target, valid = batch
    torch.testing.assert_close(loss(3 * pred + 2, 0.5 * target - 7, valid), loss(pred, target, valid))


def test_an_equal_map_costs_nothing_and_an_inverted_one_twice_its_spread(
    batch: tuple[Tensor, Tensor, Tensor],
) -> None:
    _, target, _ = batch
    target, valid = target[:, :, :-2], batch[2][:, :, :-2] | True  # 13 x 15 pixels: an odd count has one median
    assert affine_invariant_loss(2 * target + 1, target, valid) < 1e-6
    torch.testing.assert_close(affine_invariant_loss(-target, target, valid), torch.tensor(2.0))


def test_a_common_factor_costs_silog_the_root_of_half_its_square() -> None:
    target = torch.rand(1, 5, 5) + 1
    loss = silog_loss(target * np.e, target, torch.ones(1, 5, 5, dtype=torch.bool))
    torch.testing.assert_close(loss, torch.tensor(0.5).sqrt())


def test_an_exact_prediction_costs_silog_nothing_and_has_a_finite_gradient() -> None:
    target = torch.rand(2, 4, 4) + 1
    pred = target.clone().requires_grad_()
    loss = silog_loss(pred, target, torch.ones(2, 4, 4, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(loss, pred)
    assert loss == 0
    assert not gradient.any()  # a NaN would count as one


@pytest.mark.parametrize("loss", LOSSES)
def test_invalid_pixels_are_never_read_whatever_they_hold(batch: tuple[Tensor, Tensor, Tensor], loss: Loss) -> None:
    pred, target, valid = batch
    expected = loss(pred, target, valid)
    pred = pred.masked_fill(~valid, float("nan")).requires_grad_()
    actual = loss(pred, target.masked_fill(~valid, float("inf")), valid)
    torch.testing.assert_close(actual, expected)
    (gradient,) = torch.autograd.grad(actual, pred)
    assert gradient.isfinite().all()
    assert not gradient[~valid].any()
    assert gradient[valid].any()


@pytest.mark.parametrize("loss", LOSSES)
def test_an_image_without_a_valid_pixel_adds_zero_and_no_nan(batch: tuple[Tensor, Tensor, Tensor], loss: Loss) -> None:
    pred, target, valid = batch
    empty = torch.cat((valid, torch.zeros_like(valid[:1])))
    pred = torch.cat((pred, pred[:1])).requires_grad_()
    actual = loss(pred, torch.cat((target, target[:1])), empty)
    torch.testing.assert_close(actual, loss(pred[:3], target, valid) * 3 / 4)
    (gradient,) = torch.autograd.grad(actual, pred)
    assert gradient.isfinite().all()
    assert not gradient[3].any()


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_do_not_depend_on_how_images_are_spread_over_processes(
    batch: tuple[Tensor, Tensor, Tensor], loss: Loss
) -> None:
    pred, target, valid = (torch.cat((part, part[:1])) for part in batch)
    valid[3] = False
    pred.requires_grad_()
    (whole,) = torch.autograd.grad(loss(pred, target, valid), pred)
    halves = (loss(pred[part], target[part], valid[part]) for part in (slice(0, 2), slice(2, 4)))
    (spread,) = torch.autograd.grad(sum(halves) / 2, pred)  # data-parallel training averages over processes
    torch.testing.assert_close(spread, whole)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_equals_finite_differences(loss: Loss) -> None:
    generator = torch.Generator().manual_seed(1)
    pred, target = torch.rand(2, 2, 5, 5, generator=generator) + 0.5
    valid = torch.rand(2, 5, 5, generator=generator) < 0.8
    pred = pred.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(pred, target, valid), pred)
    direction = torch.randn(2, 5, 5, generator=generator)
    step = 1e-3
    with torch.no_grad():
        slope = (
            (loss(pred + step * direction, target, valid) - loss(pred - step * direction, target, valid)) / 2 / step
        )
    torch.testing.assert_close((gradient * direction).sum(), slope, rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_autocast_does_not_lower_the_precision(batch: tuple[Tensor, Tensor, Tensor], loss: Loss) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = loss(*batch)
    assert actual.dtype == torch.float32
    assert actual == loss(*batch)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_half_precision_prediction_is_compared_in_float32(batch: tuple[Tensor, Tensor, Tensor], loss: Loss) -> None:
    pred, target, valid = batch
    half = pred.to(torch.bfloat16)
    assert loss(half, target, valid) == loss(half.float(), target, valid)


def test_the_output_of_a_fresh_network_keeps_its_gradient_however_small_it_is(
    batch: tuple[Tensor, Tensor, Tensor],
) -> None:
    pred, target, valid = batch
    small = (pred * 2e-6).requires_grad_()  # a natively initialised small model: deviations of 2e-6 to 2e-5
    loss = affine_invariant_loss(small, target, valid)
    torch.testing.assert_close(loss, affine_invariant_loss(pred, target, valid), rtol=1e-4, atol=0)
    (gradient,) = torch.autograd.grad(loss, small)
    assert gradient[valid].abs().mean() > 1


def test_a_target_may_have_any_scale_however_small(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    pred, target, valid = batch
    expected = affine_invariant_loss(pred, target, valid)
    torch.testing.assert_close(affine_invariant_loss(pred, target * 1e-12, valid), expected)


def test_a_flat_map_normalises_to_zero() -> None:
    flat = torch.full((1, 4, 4), 0.7)
    assert not normalize_disparity(flat, torch.ones(1, 4, 4, dtype=torch.bool)).any()


def test_the_median_is_that_of_the_valid_pixels_alone() -> None:
    disparity = torch.tensor([[[1.0, 2.0, 6.0, 1000.0, 1000.0]]])
    valid = torch.tensor([[[True, True, True, False, False]]])
    expected = torch.tensor([[[-1.0, 0.0, 4.0, 0.0, 0.0]]]) / (5 / 3)  # median 2, mean deviation 5/3
    torch.testing.assert_close(normalize_disparity(disparity, valid), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_shapes_and_mask_types_that_do_not_fit_are_refused(batch: tuple[Tensor, Tensor, Tensor], loss: Loss) -> None:
    pred, target, valid = batch
    with pytest.raises(ValueError, match="of one shape"):
        loss(pred, target[:, :-1], valid)
    with pytest.raises(ValueError, match="must be bool"):
        loss(pred, target, valid.float())


def test_pixels_that_are_the_median_share_its_gradient() -> None:
    """Of 2, 2, 2, 5 and 9 the median is held by three: the mean of the gradients of all choices among them."""
    values = torch.tensor([2.0, 2.0, 2.0, 5.0, 9.0]).view(1, 1, 5).requires_grad_()
    target = torch.tensor([4.0, 1.0, 2.0, 3.0, 9.0]).view(1, 1, 5)
    everywhere = torch.ones(1, 1, 5, dtype=torch.bool)
    (gradient,) = torch.autograd.grad((normalize_disparity(values, everywhere) * target).sum(), values)
    of_choices = []
    for chosen in range(3):
        leaf = values.detach().clone().requires_grad_()
        centred = leaf - leaf[0, 0, chosen]
        (centred / centred.abs().mean() * target).sum().backward()
        of_choices.append(leaf.grad)
    torch.testing.assert_close(gradient, torch.stack(of_choices).mean(0))


def test_regions_are_normalised_apart(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    pred, _, valid = batch
    inside = torch.zeros_like(valid)
    inside[:2, 3:9, 2:12] = True
    expected = normalize_disparity(pred, valid & inside) + normalize_disparity(pred, valid & ~inside)
    torch.testing.assert_close(normalize_disparity(pred, valid, inside=inside), expected)
