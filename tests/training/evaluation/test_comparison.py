from __future__ import annotations

import numpy as np
import pytest

from depth_anything.training.evaluation.comparison import PairedDifference, paired_bootstrap


def slow_interval(
    first: list[float], second: list[float], weights: list[float], num_resamples: int, seed: int, confidence: float
) -> tuple[float, float]:
    """The same interval by a loop over resamples and images."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(first), (num_resamples, len(first)))
    differences = []
    for resample in drawn:
        total = sum(weights[image] for image in resample)
        mean_first = sum(weights[image] * first[image] for image in resample) / total
        mean_second = sum(weights[image] * second[image] for image in resample) / total
        differences.append(mean_second - mean_first)
    ordered = sorted(differences)

    def quantile(share: float) -> float:
        position = share * (len(ordered) - 1)
        below = int(position)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (position - below) * (ordered[above] - ordered[below])

    return quantile((1 - confidence) / 2), quantile((1 + confidence) / 2)


def test_the_interval_is_that_of_a_slow_loop() -> None:
    noise = np.random.default_rng(3)
    first, second = noise.uniform(0, 1, (2, 3, 40))
    weights = noise.integers(1, 5, 40).astype(float)
    names = ("abs_rel", "rmse", "delta1")
    found = paired_bootstrap(
        dict(zip(names, first, strict=True)),
        dict(zip(names, second, strict=True)),
        weights,
        num_resamples=500,
        confidence=0.9,
        seed=11,
    )
    for row, name in enumerate(names):
        low, high = slow_interval(list(first[row]), list(second[row]), list(weights), 500, 11, 0.9)
        assert found[name].low == pytest.approx(low, abs=1e-12)
        assert found[name].high == pytest.approx(high, abs=1e-12)
        assert found[name].first == pytest.approx(np.average(first[row], weights=weights), abs=1e-12)
        assert found[name].difference == pytest.approx(found[name].second - found[name].first, abs=1e-12)


def test_many_resamples_in_pieces_are_those_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = np.random.default_rng(0).uniform(0, 1, (2, 30))

    def interval() -> PairedDifference:
        return paired_bootstrap({"rmse": first}, {"rmse": second}, np.ones(30), num_resamples=200)["rmse"]

    at_once = interval()
    monkeypatch.setattr("depth_anything.training.evaluation.comparison.MAX_DRAWS_AT_ONCE", 30 * 64)
    assert interval() == at_once


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says() -> None:
    noise = np.random.default_rng(5)
    hits = 0
    for trial in range(200):
        first = noise.normal(1.0, 0.3, 60)
        second = first + noise.normal(0.1, 0.2, 60)
        found = paired_bootstrap(
            {"rmse": first}, {"rmse": second}, np.ones(60), num_resamples=400, confidence=0.8, seed=trial
        )["rmse"]
        hits += found.low <= 0.1 <= found.high
    assert 0.7 < hits / 200 < 0.9


def test_a_metric_that_one_side_lacks_is_left_out() -> None:
    found = paired_bootstrap({"rmse": [1.0, 2.0], "log10": [1, 1]}, {"rmse": [2.0, 3.0]}, [1, 1], num_resamples=10)
    assert list(found) == ["rmse"]
    assert (found["rmse"].low, found["rmse"].high, found["rmse"].is_clear) == (1.0, 1.0, True)


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to compare: 1 metrics of 0 images"):
        paired_bootstrap({"rmse": []}, {"rmse": []}, [])
    with pytest.raises(ValueError, match="confidence is 1"):
        paired_bootstrap({"rmse": [1]}, {"rmse": [1]}, [1], confidence=1)
