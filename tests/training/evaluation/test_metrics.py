from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_anything.training.evaluation.metrics import METRICS, PIXEL_METRICS
from depth_anything.training.evaluation.scoring_rule import ErrorSpace

ERRORS = [name for name, metric in PIXEL_METRICS.items() if not metric.higher_is_better]
DELTAS = ("delta1", "delta2", "delta3")


@pytest.fixture
def maps() -> tuple[Tensor, Tensor, Tensor]:
    """Predicted and true depth, (3, 17, 23), and a mask; what is masked out is no number, 0 or negative."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand((3, 17, 23), generator=generator) * 20 + 0.1
    prediction = truth * torch.exp(0.4 * torch.randn(truth.shape, generator=generator))
    valid = torch.rand(truth.shape, generator=generator) < 0.6
    prediction[~valid], truth[~valid] = torch.nan, 0
    prediction[:, :, :5][~valid[:, :, :5]], truth[:, 3:5][~valid[:, 3:5]] = -3, torch.inf
    return prediction, truth, valid


def slow_value(name: str, prediction: np.ndarray, truth: np.ndarray) -> float:
    """The metric as ZoeDepth's compute_errors and V2's eval_depth have it, of the selected pixels of one image."""
    p, g = prediction.astype(np.float64), truth.astype(np.float64)
    worse = np.maximum(g / p, p / g)
    e = np.log(p) - np.log(g)
    return {
        "abs_rel": lambda: np.mean(np.abs(g - p) / g),
        "sq_rel": lambda: np.mean((g - p) ** 2 / g),
        "rmse": lambda: np.sqrt(np.mean((g - p) ** 2)),
        "rmse_log": lambda: np.sqrt(np.mean((np.log(g) - np.log(p)) ** 2)),
        "log10": lambda: np.mean(np.abs(np.log10(g) - np.log10(p))),
        "silog": lambda: 100 * np.sqrt(np.mean(e**2) - np.mean(e) ** 2),
        "silog_half": lambda: np.sqrt(np.mean(e**2) - 0.5 * np.mean(e) ** 2),
        "delta1": lambda: np.mean(worse < 1.25),
        "delta2": lambda: np.mean(worse < 1.25**2),
        "delta3": lambda: np.mean(worse < 1.25**3),
    }[name]()


@pytest.mark.parametrize("name", PIXEL_METRICS)
def test_a_metric_is_its_published_formula_on_each_images_valid_pixels(
    name: str, maps: tuple[Tensor, Tensor, Tensor]
) -> None:
    values = PIXEL_METRICS[name](*maps)
    assert values.dtype == torch.float64
    expected = [slow_value(name, p[m].numpy(), g[m].numpy()) for p, g, m in zip(*maps, strict=True)]
    np.testing.assert_allclose(values.numpy(), expected, rtol=1e-12)


def test_a_perfect_map_has_no_error_at_all(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    _, truth, valid = maps
    for name, metric in PIXEL_METRICS.items():
        assert (metric(truth, truth, valid) == float(metric.higher_is_better)).all(), name


def test_a_map_scaled_by_two_has_the_errors_of_a_constant_ratio(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    _, truth, valid = maps
    truth = truth.double()
    mean_truth = torch.stack([g[m].mean() for g, m in zip(truth, valid, strict=True)])
    mean_square = torch.stack([g[m].square().mean() for g, m in zip(truth, valid, strict=True)])
    one, log2 = torch.ones(3, dtype=torch.float64), math.log(2)
    expected = {
        "abs_rel": one,
        "sq_rel": mean_truth,
        "rmse": mean_square.sqrt(),
        "rmse_log": log2 * one,
        "log10": math.log10(2) * one,
        "silog": 0 * one,
        "silog_half": math.sqrt(0.5) * log2 * one,
        **dict.fromkeys(DELTAS, 0 * one),  # 2 is above 1.25^3 = 1.953125
    }
    for name, values in expected.items():
        # The variance of equal logarithms is zero up to rounding of their squares, of which SILog takes the root.
        tolerance = 1e-5 if name == "silog" else 1e-12
        torch.testing.assert_close(PIXEL_METRICS[name](2 * truth, truth, valid), values, rtol=1e-12, atol=tolerance)


def test_a_shifted_map_errs_by_the_shift(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    _, truth, valid = maps
    truth = truth.double()
    mean_inverse = torch.stack([(1 / g[m]).mean() for g, m in zip(truth, valid, strict=True)])
    torch.testing.assert_close(PIXEL_METRICS["rmse"](truth + 3, truth, valid), torch.full_like(mean_inverse, 3))
    torch.testing.assert_close(PIXEL_METRICS["abs_rel"](truth + 3, truth, valid), 3 * mean_inverse)
    torch.testing.assert_close(PIXEL_METRICS["sq_rel"](truth + 3, truth, valid), 9 * mean_inverse)


def test_inverting_both_maps_leaves_what_ratios_alone_decide(maps: tuple[Tensor, Tensor, Tensor]) -> None:
    prediction, truth, valid = maps[0].double(), maps[1].double(), maps[2]
    for name in ("rmse_log", "log10", "silog", "silog_half", *DELTAS):
        metric = PIXEL_METRICS[name]
        torch.testing.assert_close(metric(1 / prediction, 1 / truth, valid), metric(prediction, truth, valid))
    inverted = PIXEL_METRICS["abs_rel"](1 / prediction, 1 / truth, valid)
    expected = [((p - g).abs() / p)[m].mean() for p, g, m in zip(prediction, truth, valid, strict=True)]
    torch.testing.assert_close(inverted, torch.stack(expected))


@pytest.mark.parametrize("power", [1, 2, 3])
@pytest.mark.parametrize("is_inverted", [False, True])
def test_delta_is_strict_at_the_very_boundary(power: int, is_inverted: bool) -> None:
    boundary = 1.25**power
    ratios = torch.tensor([boundary, np.nextafter(boundary, 0), np.nextafter(boundary, 9)], dtype=torch.float64)
    ones = torch.ones_like(ratios)
    prediction, truth = (ones, ratios) if is_inverted else (ratios, ones)
    values = PIXEL_METRICS[f"delta{power}"](*(each[:, None, None] for each in (prediction, truth, ones.bool())))
    assert values.tolist() == [0, 1, 0]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf, 0.0, -2.0])
def test_a_pixel_that_is_no_depth_stays_in_every_mean(bad: float) -> None:
    truth = torch.full((1, 2, 2), 3.0)
    prediction = truth.clone()
    prediction[0, 0, 0] = bad
    valid = torch.ones_like(truth, dtype=torch.bool)
    for name in DELTAS:
        assert PIXEL_METRICS[name](prediction, truth, valid).item() == 0.75
    for name in ERRORS:
        assert not torch.isfinite(PIXEL_METRICS[name](prediction, truth, valid)).any(), name


def test_an_image_without_a_valid_pixel_has_no_value() -> None:
    truth = torch.ones(2, 3, 3)
    valid = torch.stack([torch.zeros(3, 3), torch.ones(3, 3)]).bool()
    for metric in PIXEL_METRICS.values():
        assert metric(truth, truth, valid).isnan().tolist() == [True, False]


def test_every_metric_knows_its_name_direction_and_unit() -> None:
    assert all(name == metric.name and metric.title for name, metric in METRICS.items())
    assert {name for name, metric in METRICS.items() if metric.higher_is_better} == {
        *DELTAS, "pairwise_accuracy", "ordinal_accuracy",
    }  # fmt: skip
    assert [name for name, metric in METRICS.items() if metric.unit == "m"] == ["sq_rel", "rmse"]
    assert METRICS["rmse"].unit_in(ErrorSpace.DISPARITY) == "1/m"
    assert METRICS["silog"].unit_in(ErrorSpace.DISPARITY) == METRICS["silog"].unit
