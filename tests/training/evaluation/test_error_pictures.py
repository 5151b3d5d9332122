from __future__ import annotations

import numpy as np
import pytest
import torch

from depth_anything.colormaps import color_table
from depth_anything.training.evaluation.error_over_depth import BIN_EDGES_M, NUM_BINS, binned_errors, depth_curve
from depth_anything.training.evaluation.error_pictures import (
    BARS,
    CAPTION_HEIGHT,
    CELL_HEIGHT,
    CELL_WIDTH,
    CURVE,
    GAP,
    Panel,
    error_plot,
    error_sheet,
)
from depth_anything.training.evaluation.picture_choice import shown_rows
from depth_anything.training.evaluation.results_file import ImageRow


def panel(height: int, width: int, error: float, valid_share: float = 1.0) -> Panel:
    noise = np.random.default_rng(0)
    truth = np.linspace(0.1, 1, height * width).reshape(height, width)
    return Panel(
        caption="δ1 of a frame",
        image=noise.integers(0, 256, (height, width, 3), np.uint8),
        truth=truth,
        prediction=truth,
        error=np.full((height, width), error),
        valid=noise.random((height, width)) < valid_share,
    )


def test_errors_are_summed_in_the_bin_of_their_depth() -> None:
    noise = np.random.default_rng(0)
    depth = noise.uniform(0.01, 900, (40, 50))
    depth[0, :2] = BIN_EDGES_M[4], 0.01
    error, valid = noise.random((40, 50)), noise.random((40, 50)) < 0.8
    valid[0, :2] = True
    found = {
        int(number): (count, total)
        for number, count, total in binned_errors(*map(torch.from_numpy, (error, depth, valid)))
    }
    slow: dict[int, tuple[int, float]] = {}
    for one_depth, one_error in zip(depth[valid], error[valid], strict=True):
        number = min(max(sum(edge <= one_depth for edge in BIN_EDGES_M) - 1, 0), NUM_BINS - 1)
        count, total = slow.get(number, (0, 0.0))
        slow[number] = count + 1, total + one_error
    assert found.keys() == slow.keys()
    for number, (count, total) in slow.items():
        assert found[number] == (count, pytest.approx(total, rel=1e-12))


def test_the_curve_is_the_mean_over_the_pixels_of_all_images() -> None:
    rows = [
        ImageRow(index=0, key="a", depth_errors=[[2, 10, 1.0], [5, 1, 0.5]]),
        ImageRow(index=1, key="b", depth_errors=[[2, 30, 7.0]]),
    ]
    curve = depth_curve(rows)
    assert curve.num_pixels[2] == 40
    assert curve.mean_error[2] == 8.0 / 40
    assert np.isnan(curve.mean_error[3])


def test_errors_are_drawn_by_their_size_and_black_where_nothing_counts() -> None:
    sheet = np.asarray(error_sheet([panel(CELL_HEIGHT, CELL_WIDTH, 0.5), panel(CELL_HEIGHT, CELL_WIDTH, 0.0)]))
    colors = color_table("Spectral_r")
    tops = [CAPTION_HEIGHT + GAP, CAPTION_HEIGHT + GAP + CELL_HEIGHT + CAPTION_HEIGHT + GAP]
    left = GAP + 3 * (CELL_WIDTH + GAP)
    for top, color in zip(tops, (colors[255], colors[0]), strict=True):
        assert (sheet[top : top + CELL_HEIGHT, left : left + CELL_WIDTH] == color).all()
    sparse = np.asarray(error_sheet([panel(CELL_HEIGHT, CELL_WIDTH, 0.5, 0.3)]))
    cell = sparse[tops[0] : tops[0] + CELL_HEIGHT, left : left + CELL_WIDTH]
    assert (cell == 0).all(axis=-1).mean() == pytest.approx(0.7, abs=0.02)


def test_few_points_of_a_large_map_are_all_drawn() -> None:
    large = panel(4 * CELL_HEIGHT, 4 * CELL_WIDTH, 0.5, 0.0)
    large.valid[[3, 400, 899], [5, 601, 1199]] = True
    sheet = np.asarray(error_sheet([large]))
    left = GAP + 3 * (CELL_WIDTH + GAP)
    cell = sheet[CAPTION_HEIGHT + GAP :, left : left + CELL_WIDTH][:CELL_HEIGHT]
    drawn = (cell == color_table("Spectral_r")[255]).all(axis=-1)
    assert drawn.sum() == 3


def test_a_wide_picture_leaves_no_empty_rows() -> None:
    assert error_sheet([panel(60, 240, 0.1)]).height == CAPTION_HEIGHT + GAP + CELL_WIDTH // 4 + CAPTION_HEIGHT + GAP


def test_the_worst_and_the_best_images_are_shown() -> None:
    rows = [
        ImageRow(index=index, key=str(index), metrics={"abs_rel": value})
        for index, value in enumerate([0.3, 0.1, 0.5, 0.2])
    ]
    shown = shown_rows(rows, 2)
    assert {name: [row.key for row in chosen] for name, chosen in shown.items()} == {
        "worst": ["2", "0"],
        "best": ["1", "3"],
    }
    assert shown_rows(rows, 0) == {"worst": [], "best": []}


def test_the_plot_draws_the_curve_and_the_shares() -> None:
    rows = [ImageRow(index=0, key="a", depth_errors=[[4, 10, 1.0], [5, 20, 4.0], [6, 5, 2.0]])]
    plot = np.asarray(error_plot(depth_curve(rows), "test"))
    assert (plot == CURVE).all(axis=-1).sum() > 100
    assert (plot == BARS).all(axis=-1).sum() > 1000
    assert (np.asarray(error_plot(depth_curve([]), "empty")) != CURVE).any(axis=-1).all(), "nothing to draw"
