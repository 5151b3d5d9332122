"""Values at ranks against a full sort, by the way for a CPU and by the one for other devices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_anything.order_statistics import SAMPLE_SIZE, values_at_ranks

NUM_VALUES = 80_000  # so many that ranks are looked for by a sample
SAMPLE_STEP = NUM_VALUES // SAMPLE_SIZE


def maps() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(NUM_VALUES, generator=generator)
    ramp = torch.linspace(-1, 5, NUM_VALUES)
    teeth = (torch.arange(NUM_VALUES) % SAMPLE_STEP).float()  # as periodic as the sample
    return {
        "noise": noise,
        "ramp": ramp,
        "falling": ramp.flip(0),
        "flat": torch.full((NUM_VALUES,), 3.0),
        "mostly zero": noise.clamp(min=1),
        "few levels": noise.round(),
        "teeth": teeth,
        "outliers": torch.where(noise.abs() > 2, noise * 1e30, noise),
        "infinite": torch.where(noise > 1, torch.inf, torch.where(noise < -1, -torch.inf, noise)),
    }


def by_sorting(values: Tensor, counts: Tensor, ranks: Tensor) -> Tensor:
    rows = zip(values.numpy(), counts.numpy(), ranks.tolist(), strict=True)
    return torch.from_numpy(np.array([np.sort(row[among])[rank] for row, among, rank in rows]))


@pytest.fixture(params=["cpu", "choosing", "sorting"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the ranks are found: the ways of other devices run on a CPU where it is compiled for."""
    if request.param != "cpu":
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    if request.param == "sorting":
        monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)
    return request.param


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("share", [0.0, 0.001, 0.003, 0.5, 0.9, 1.0])
def test_ranks_are_those_of_a_sort(share: float) -> None:
    values = torch.stack(list(maps().values()))
    chances = torch.linspace(1.0, 0.02, len(values))[:, None]
    counts = torch.rand(values.shape, generator=torch.Generator().manual_seed(1)) < chances
    ranks = (share * (counts.sum(1) - 1)).long()
    found = values_at_ranks(values, counts, ranks, int(share * (NUM_VALUES - 1)))
    assert torch.equal(found, by_sorting(values, counts, ranks))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("num_values", [1, 2, 7, 2 * SAMPLE_SIZE + 1])
def test_the_lower_median_of_few_values_is_that_of_torch(num_values: int) -> None:
    values = torch.randn(5, num_values, generator=torch.Generator().manual_seed(0))
    counts = torch.ones_like(values, dtype=torch.bool)
    rank = (num_values - 1) // 2
    found = values_at_ranks(values, counts, torch.full((5,), rank), rank)
    assert torch.equal(found, values.median(dim=1).values)


@pytest.mark.usefixtures("way")
def test_what_does_not_count_may_be_anything_and_an_empty_row_does_no_harm() -> None:
    values = torch.arange(12.0).repeat(3, 1)
    counts = torch.zeros(3, 12, dtype=torch.bool)
    counts[0, ::2], counts[1, 5] = True, True
    values[~counts] = torch.nan
    ranks = (counts.sum(1) - 1).clamp(min=0) // 2
    found = values_at_ranks(values, counts, ranks, 5)
    assert found[:2].tolist() == [4.0, 5.0]


def test_bounds_that_miss_the_rank_are_not_trusted() -> None:
    """Every sampled value is larger than nearly all others: the rank lies outside of the bounds they give."""
    values = torch.rand(1, NUM_VALUES, generator=torch.Generator().manual_seed(0))
    values[0, ::SAMPLE_STEP] += 10
    counts = torch.ones_like(values, dtype=torch.bool)
    found = values_at_ranks(values, counts, torch.tensor([NUM_VALUES // 2]), NUM_VALUES // 2)
    assert torch.equal(found, values.sort(dim=1).values[:, NUM_VALUES // 2])


def test_the_least_value_is_found_below_a_flat_map() -> None:
    values = torch.full((1, NUM_VALUES), 3.0)
    values[0, SAMPLE_STEP // 2] = 1.0  # between two samples
    assert values_at_ranks(values, values > 0, torch.tensor([0]), 0) == 1.0
