from __future__ import annotations

import numpy as np

from depth_anything.colormaps import to_colors
from depth_anything.training.disparity_colors import disparity_colors


def test_colours_span_what_counts_and_the_rest_is_black() -> None:
    disparity = np.array([[-9.0, 1.0, 2.0], [3.0, np.nan, 99.0]], np.float32)
    valid = np.array([[False, True, True], [True, True, False]])
    colors = disparity_colors(disparity, valid)
    expected = to_colors(np.array([[1.0, 2.0, 3.0]], np.float32), "Spectral_r")[0]
    np.testing.assert_array_equal(colors[valid & np.isfinite(disparity)], expected)
    assert not colors[~valid].any()
    assert not colors[1, 1].any()


def test_a_map_without_anything_that_counts_is_black() -> None:
    assert not disparity_colors(np.ones((2, 3), np.float32), np.zeros((2, 3), np.bool_)).any()
