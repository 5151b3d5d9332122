"""The evaluated pixels, as counted from the codes that made the published numbers."""

from __future__ import annotations

import numpy as np
import pytest

from depth_anything.training.evaluation.crops import Box, EvaluatedBox, benchmark_crop


@pytest.mark.parametrize(
    ("box", "size", "pixels"),
    [
        (EvaluatedBox.NYU_EIGEN, (480, 640), (45, 471, 41, 601)),
        (EvaluatedBox.NYU_EIGEN, (768, 1024), (45, 471, 41, 601)),  # Zoe's code takes NYU's pixels everywhere
        (EvaluatedBox.NYU_EIGEN, (427, 561), (45, 427, 41, 561)),  # of a smaller map what there is of it
        (EvaluatedBox.GARG, (352, 1216), (143, 349, 43, 1172)),
        (EvaluatedBox.GARG, (375, 1242), (153, 371, 44, 1197)),
        (EvaluatedBox.GARG, (768, 1024), (313, 761, 36, 987)),
        (EvaluatedBox.GARG, (1216, 1936), (496, 1206, 69, 1866)),
        (EvaluatedBox.KITTI_EIGEN, (352, 1216), (117, 321, 43, 1172)),
        (EvaluatedBox.KITTI_EIGEN, (375, 1242), (124, 342, 44, 1197)),
        (EvaluatedBox.WHOLE, (436, 1024), (0, 436, 0, 1024)),
    ],
)
def test_a_box_has_the_pixels_of_the_published_codes(
    box: EvaluatedBox, size: tuple[int, int], pixels: tuple[int, int, int, int]
) -> None:
    assert box.pixels(*size) == pixels


@pytest.mark.parametrize(
    ("size", "window"),
    [((375, 1242), (23, 375, 13, 1229)), ((370, 1224), (18, 370, 4, 1220)), ((376, 1241), (24, 376, 12, 1228))],
)
def test_the_benchmark_crop_keeps_the_lowest_rows_and_the_middle_columns(
    size: tuple[int, int], window: tuple[int, int, int, int]
) -> None:
    assert benchmark_crop(*size) == window


def test_garg_after_the_benchmark_crop_takes_other_pixels_of_the_frame_than_garg_of_the_frame() -> None:
    window = benchmark_crop(375, 1242)
    rows = np.arange(375)[window.slices[0]][EvaluatedBox.GARG.pixels(352, 1216).slices[0]]
    assert (rows[0], rows[-1] + 1) == (166, 372)
    of_frame = EvaluatedBox.GARG.pixels(375, 1242).within(window)
    rows = np.arange(375)[window.slices[0]][of_frame.slices[0]]
    assert (rows[0], rows[-1] + 1) == (153, 371)


@pytest.mark.parametrize("size", [(370, 1224), (370, 1226), (374, 1238), (375, 1242), (376, 1241)])
def test_the_garg_box_of_every_kitti_frame_lies_within_the_benchmark_crop(size: tuple[int, int]) -> None:
    # So a prediction of the crop pasted into zeros, as BTS does, has no zeros where it is judged.
    box, window = EvaluatedBox.GARG.pixels(*size), benchmark_crop(*size)
    assert window.top <= box.top < box.bottom <= window.bottom
    assert window.left <= box.left < box.right <= window.right


def test_a_box_beyond_a_window_ends_at_its_border() -> None:
    assert Box(0, 10, 0, 10).within(Box(4, 8, 6, 20)) == (0, 4, 0, 4)
    assert Box(0, 2, 0, 2).within(Box(4, 8, 6, 20)) == (0, 0, 0, 0)


def test_a_frame_smaller_than_the_benchmark_crop_is_refused() -> None:
    with pytest.raises(ValueError, match="1024x376 pixels is smaller than KITTI's benchmark crop, 1216x352"):
        benchmark_crop(376, 1024)
