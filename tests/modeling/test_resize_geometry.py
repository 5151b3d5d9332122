from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from transformers.models.dpt.image_processing_pil_dpt import get_resize_output_image_size

from depth_anything.resize_geometry import (
    MAX_RESIZED_PIXELS,
    padding_to_multiple,
    planned_geometry,
    reflected_indices,
    resized_size,
)

SIZES = [
    (480, 640),
    (240, 320),
    (1080, 1920),
    (300, 1000),
    (1000, 300),
    (517, 519),
    (37, 53),
    (3000, 4000),
    (400, 600),
]


def test_lower_bound_gives_every_size_of_the_official_code(shared_dir: Path) -> None:
    golden = json.loads((shared_dir / "golden" / "official_preprocessing.json").read_text())
    sizes = golden["_lower_bound_518_sizes"]
    assert len(sizes) == 17
    for name, expected in sizes.items():
        height, width = map(int, name.split("x"))
        assert resized_size((height, width), "lower_bound", (518, 518), 14) == tuple(expected), name


def test_lower_bound_enlarges_what_transformers_leaves_below_the_bound() -> None:
    assert resized_size((240, 320), "lower_bound", (518, 518), 14) == (518, 686)
    assert resized_size((240, 320), "minimal", (518, 518), 14) == (392, 518)


def test_lower_bound_rounds_a_side_up_where_the_nearest_multiple_is_below_the_bound() -> None:
    assert resized_size((500, 500), "lower_bound", (500, 500), 14) == (504, 504)  # nearest: 504
    assert resized_size((495, 495), "lower_bound", (495, 495), 14) == (504, 504)  # nearest: 490


@pytest.mark.parametrize("size", SIZES)
def test_minimal_gives_the_size_of_the_native_processor(size: tuple[int, int]) -> None:
    native = get_resize_output_image_size(np.empty((3, *size)), (518, 518), keep_aspect_ratio=True, multiple=14)
    assert resized_size(size, "minimal", (518, 518), 14) == (native.height, native.width)


@pytest.mark.parametrize("size", SIZES)
def test_upper_bound_stays_within_the_bound_and_meets_it_on_one_side(size: tuple[int, int]) -> None:
    height, width = resized_size(size, "upper_bound", (518, 518), 14)
    assert max(height, width) == 518
    assert height % 14 == width % 14 == 0


def test_upper_bound_rounds_down_only_where_the_nearest_multiple_exceeds_the_bound() -> None:
    assert resized_size((480, 640), "upper_bound", (518, 518), 14) == (392, 518)  # 388.5 is nearer to 392 than to 378
    assert resized_size((100, 100), "upper_bound", (512, 512), 14) == (504, 504)  # 518 would exceed 512


@pytest.mark.parametrize("method", ["minimal", "upper_bound"])
def test_a_very_long_image_keeps_one_multiple_on_its_short_side(method: str) -> None:
    assert resized_size((10, 5000), method, (518, 518), 14) == (14, 518)


def test_fixed_gives_exactly_the_size_whatever_the_aspect() -> None:
    assert resized_size((100, 900), "fixed", (518, 392), 14) == (518, 392)


def test_a_fixed_size_that_is_no_multiple_is_refused_with_one_that_is() -> None:
    with pytest.raises(
        ValueError, match=r"size \(500, 518\).*multiple of ensure_multiple_of=14; set size to \(504, 518\)"
    ):
        resized_size((100, 100), "fixed", (500, 518), 14)


def test_an_upper_bound_below_the_multiple_is_refused() -> None:
    with pytest.raises(ValueError, match="no room for a multiple of 14"):
        resized_size((100, 100), "upper_bound", (10, 518), 14)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="resize_method is 'lower'"):
        resized_size((100, 100), "lower", (518, 518), 14)


def test_padding_reaches_the_next_multiple_with_the_odd_pixel_after() -> None:
    assert padding_to_multiple((29, 28), 14) == (6, 7, 0, 0)
    assert padding_to_multiple((1, 41), 14) == (6, 7, 0, 1)


@pytest.mark.parametrize("image_size", [(20000, 1), (1, 20000)])
def test_a_size_beyond_the_bound_is_refused_with_what_to_do(image_size: tuple[int, int]) -> None:
    with pytest.raises(
        ValueError, match=r"20000.* would be resized to .*10360000.*set a smaller size or resize_method"
    ):
        planned_geometry(image_size, "lower_bound", True, (518, 518), 14)
    assert planned_geometry(image_size, "lower_bound", False, (518, 518), 14).output_size == image_size


def test_the_bound_itself_is_allowed() -> None:
    assert MAX_RESIZED_PIXELS == 2**14 * 2**13
    size = (2**14, 2**13)
    assert planned_geometry((9, 9), "fixed", True, size, 1).output_size == size
    with pytest.raises(ValueError, match="more than 134217728 pixels"):
        planned_geometry((9, 9), "fixed", True, (2**14, 2**13 + 1), 1)


def test_only_padding_changes_the_size_without_do_resize() -> None:
    assert planned_geometry((30, 40), "lower_bound", False, (518, 518), 14).output_size == (30, 40)
    assert planned_geometry((30, 40), "pad", False, (518, 518), 14).output_size == (42, 42)


@pytest.mark.parametrize(("num_samples", "before", "after"), [(9, 3, 4), (5, 6, 7), (2, 6, 7), (1, 6, 7), (4, 0, 0)])
def test_reflection_reads_what_numpy_reflects(num_samples: int, before: int, after: int) -> None:
    expected = np.pad(np.arange(num_samples), (before, after), mode="reflect")
    np.testing.assert_array_equal(reflected_indices(num_samples, before, after), expected)
