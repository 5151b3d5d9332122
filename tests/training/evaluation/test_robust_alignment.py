from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_anything.training.evaluation.alignment import FitSpace, FitState
from depth_anything.training.evaluation.robust_alignment import (
    CELLS_PER_SIDE,
    fit_robust_scale_and_shift,
    least_absolute_line,
    nearest_samples,
)


def objective(scale: float, shift: float, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """What is minimised."""
    return float((weights * np.abs(scale * x + shift - y)).sum())


def best_of_all_lines(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Objective, scale and shift of the best line through two of the points: an optimum always goes through two."""
    first, second = np.triu_indices(len(x), 1)
    first, second = first[x[first] != x[second]], second[x[first] != x[second]]
    scales = (y[first] - y[second]) / (x[first] - x[second])
    shifts = y[first] - scales * x[first]
    values = sum(w * np.abs(scales * p + shifts - t) for p, t, w in zip(x, y, weights, strict=True))
    best = int(np.argmin(values))
    return float(values[best]), float(scales[best]), float(shifts[best])


def drawn(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of one sort, float64, with weights."""
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=40), generator.normal(size=40)
    weights = np.ones(40)
    if kind == "outliers":
        y = 3 * x + 1 + 0.01 * generator.normal(size=40)
        y[::5] += 100 * generator.random(8)
    elif kind == "weights":
        weights = generator.random(40) ** 3
    elif kind == "ties":  # many points on one vertical, one horizontal and one optimal line
        x, y = generator.integers(0, 4, 40).astype(float), generator.integers(0, 3, 40).astype(float)
    elif kind == "offset":
        x, y = 1e5 + x, 1e3 + y
    elif kind == "exact":
        y = -2 * x + 5
    elif kind == "scaled":
        x, y = 1e-6 * x, 1e6 * y
    return x, y, weights


@pytest.mark.parametrize("kind", ["plain", "outliers", "weights", "ties", "offset", "exact", "scaled"])
@pytest.mark.parametrize("seed", range(4))
def test_no_line_through_two_samples_is_better(kind: str, seed: int) -> None:
    x, y, weights = drawn(kind, seed)
    least, scale, shift = best_of_all_lines(x, y, weights)
    found = least_absolute_line(*(torch.from_numpy(each)[None] for each in (x, y, weights)))
    ours = objective(float(found[0]), float(found[1]), x, y, weights)
    size = objective(0, float(np.median(y)), x, y, weights)
    assert ours <= least + 1e-11 * size
    if kind not in ("ties",):  # there the optimum is not unique
        np.testing.assert_allclose([float(found[0]), float(found[1])], [scale, shift], rtol=1e-7)


def test_a_batch_of_many_samples_is_solved_image_by_image() -> None:
    generator = np.random.default_rng(0)
    x = generator.random((3, 400))
    y, weights = 2 * x + generator.standard_cauchy((3, 400)), generator.random((3, 400))
    weights[1, 200:] = 0  # cells without a sample
    scale, shift, _ = least_absolute_line(*(torch.from_numpy(each) for each in (x, y, weights)))
    for image in range(3):
        expected = best_of_all_lines(x[image], y[image], weights[image])[1:]
        np.testing.assert_allclose([float(scale[image]), float(shift[image])], expected, rtol=1e-9)


@pytest.mark.parametrize(("height", "width"), [(7, 9), (64, 64), (65, 130), (100, 333)])
def test_each_cell_gives_its_valid_pixel_nearest_to_the_centre(height: int, width: int) -> None:
    valid = torch.rand((2, height, width), generator=torch.Generator().manual_seed(0)) < 0.3
    indices, has_one = nearest_samples(valid)
    num_rows, num_columns = min(height, CELLS_PER_SIDE), min(width, CELLS_PER_SIDE)
    assert indices.shape == (2, num_rows * num_columns)
    row_cells = [[r for r in range(height) if r * num_rows // height == cell] for cell in range(num_rows)]
    column_cells = [[c for c in range(width) if c * num_columns // width == cell] for cell in range(num_columns)]
    for image in range(2):
        for place, (rows, columns) in enumerate(itertools.product(row_cells, column_cells)):
            centre = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
            members = [(r, c) for r in rows for c in columns if valid[image, r, c]]
            assert bool(members) == bool(has_one[image, place])
            if members:
                nearest = min(members, key=lambda at: (at[0] - centre[0]) ** 2 + (at[1] - centre[1]) ** 2)
                assert int(indices[image, place]) == nearest[0] * width + nearest[1]


def fitted_maps() -> tuple[Tensor, Tensor, Tensor]:
    """A prediction, its true depth and a mask, (2, 90, 120); the truth of a third of the pixels is far off."""
    generator = torch.Generator().manual_seed(0)
    depth_m = torch.rand((2, 90, 120), generator=generator, dtype=torch.float64) * 9 + 1
    valid = torch.rand(depth_m.shape, generator=generator) < 0.8
    is_off = torch.rand(depth_m.shape, generator=generator) < 0.3
    return 2 / depth_m + 3, torch.where(is_off, 0.1, depth_m), valid


def test_wrong_truth_does_not_move_the_fit_in_disparity() -> None:
    prediction, depth_m, valid = fitted_maps()
    prediction[0, ::7, ::5] = torch.nan
    fit = fit_robust_scale_and_shift(prediction, depth_m, valid, FitSpace(inverts_truth=True))
    torch.testing.assert_close(fit.scale, torch.full_like(fit.scale, 0.5))
    torch.testing.assert_close(fit.shift, torch.full_like(fit.shift, -1.5))
    assert fit.state.tolist() == [FitState.FITTED] * 2


def test_deviations_in_depth_weigh_as_the_inverse_truth() -> None:
    prediction, depth_m, valid = fitted_maps()
    prediction = prediction[:, :6, :8] * depth_m[:, :6, :8]
    depth_m, valid = depth_m[:, :6, :8], valid[:, :6, :8]
    fit = fit_robust_scale_and_shift(prediction, depth_m, valid)
    for image in range(2):
        x, y = (maps[image][valid[image]].numpy() for maps in (prediction, depth_m))
        _, scale, shift = best_of_all_lines(x, y, 1 / y)
        np.testing.assert_allclose([float(fit.scale[image]), float(fit.shift[image])], [scale, shift], rtol=1e-9)


def test_flat_empty_and_inverted_predictions_are_reported() -> None:
    depth_m = torch.rand((4, 9, 9), generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 1
    prediction = torch.stack([torch.full((9, 9), 0.1, dtype=torch.float64), depth_m[1], -depth_m[2], depth_m[3]])
    valid = torch.ones_like(depth_m, dtype=torch.bool)
    valid[1], valid[3] = False, False
    valid[3, 2, 2] = True
    fit = fit_robust_scale_and_shift(prediction, depth_m, valid, FitSpace(inverts_truth=False))
    assert fit.state.tolist() == [
        FitState.FLAT_PREDICTION, FitState.TOO_FEW_PIXELS, FitState.NOT_POSITIVE, FitState.TOO_FEW_PIXELS,
    ]  # fmt: skip
    ordered = np.sort(depth_m[0].flatten().numpy())
    cumulated = np.cumsum(1 / ordered)
    assert float(fit.shift[0]) == ordered[np.searchsorted(cumulated, cumulated[-1] / 2)]
    assert (fit.scale[1], fit.shift[1]) == (0, 0)
    torch.testing.assert_close(fit.scale[2], -torch.ones((), dtype=torch.float64))
    assert (fit.scale[3], fit.shift[3]) == (0, depth_m[3, 2, 2])


def test_an_image_is_fitted_alike_alone_and_in_a_batch() -> None:
    maps = fitted_maps()
    together = fit_robust_scale_and_shift(*maps)
    alone = fit_robust_scale_and_shift(*(each[1:] for each in maps))
    assert (alone.scale, alone.shift) == (together.scale[1], together.shift[1])
