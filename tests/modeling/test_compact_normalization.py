"""The way of a CPU and the one of whole maps give the same difference and the same gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from depth_anything.compact_normalization import CompactDifference, CompactDistance
from depth_anything.loss_depth_anything import MIN_DEVIATIONS as FLOORS
from depth_anything.loss_depth_anything import normalize_disparity, normalized_difference

KINDS = ["whole", "boxes", "holes", "nearly flat"]
SIDE = 150  # more pixels than the search for a median sorts at once


def maps(kind: str) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Prediction, target, valid pixels and the box of three images."""
    torch.manual_seed(0)
    pred, target = torch.rand(3, SIDE, SIDE), 5 * torch.rand(3, SIDE, SIDE) - 1
    valid = torch.ones(3, SIDE, SIDE, dtype=torch.bool)
    if kind == "whole":
        return pred, target, valid, None
    inside = torch.zeros_like(valid)
    inside[0, 20:70, 10:60], inside[1] = True, True  # the last has no box
    if kind == "holes":
        valid = torch.rand(3, SIDE, SIDE) > 0.3
        valid[2] = False
        pred[~valid], target[~valid] = torch.nan, torch.inf
        pred[1] = pred[1].round(decimals=1)  # many pixels are the median
        pred[0, 20:70, 10:60] = 3.0  # flat
    if kind == "nearly flat":
        pred[0, 20:70, 10:60] *= 3e-7  # its deviation, 7.5e-8, is below the floor
    return pred, target, valid, inside


@pytest.mark.parametrize("kind", KINDS)
def test_both_ways_give_the_same_difference_and_gradient(kind: str) -> None:
    pred, target, valid, inside = maps(kind)
    weights = torch.randn(3, SIDE, SIDE)
    found, expected = pred.clone().requires_grad_(), pred.clone().requires_grad_()
    difference = CompactDifference.apply(found, target, valid, inside, FLOORS)
    (difference * weights).sum().backward()
    on_maps = normalize_disparity(expected, valid, FLOORS[0], inside) - normalize_disparity(
        target, valid, FLOORS[1], inside
    )
    (on_maps * weights).sum().backward()
    torch.testing.assert_close(difference, on_maps, atol=2e-5, rtol=1e-5)
    scale = expected.grad.abs().amax((1, 2), keepdim=True).clamp(min=1)
    torch.testing.assert_close(found.grad / scale, expected.grad / scale, atol=2e-5, rtol=1e-5)
    assert not found.grad[~valid].any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_distance_is_the_mean_of_the_absolute_difference_and_has_its_gradient(kind: str) -> None:
    pred, target, valid, inside = maps(kind)
    weights = torch.tensor([1.0, -2.0, 0.5])
    found, expected = pred.clone().requires_grad_(), pred.clone().requires_grad_()
    distances = CompactDistance.apply(found, target, valid, inside, FLOORS)
    (distances * weights).sum().backward()
    difference = CompactDifference.apply(expected, target, valid, inside, FLOORS)
    means = difference.abs().sum((1, 2)) / valid.sum((1, 2)).clamp(min=1)
    (means * weights).sum().backward()
    torch.testing.assert_close(distances, means)
    torch.testing.assert_close(found.grad, expected.grad)
    assert not found.grad[~valid].any()


def test_a_target_that_asks_for_a_gradient_gets_one() -> None:
    pred, target, valid, inside = maps("boxes")
    target.requires_grad_()
    normalized_difference(pred, target, valid, inside).square().sum().backward()
    assert target.grad is not None
    assert target.grad.abs().max() > 0
