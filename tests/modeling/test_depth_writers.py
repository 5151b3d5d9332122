from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from depth_anything.depth_writers import (
    KIND_ENDINGS,
    possible_names,
    with_ending,
    write_color,
    write_npy,
    write_png16,
    write_side_by_side,
    write_tiff,
)


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(3.0, 2.0, (37, 53)).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "without-the-usual-ending"


def test_npy_gives_every_bit_back(values: np.ndarray, path: Path) -> None:
    write_npy(path, values)
    restored = np.load(path, allow_pickle=False)
    assert restored.dtype == np.float32
    np.testing.assert_array_equal(restored, values)


def test_tiff_gives_every_bit_back(values: np.ndarray, path: Path) -> None:
    write_tiff(path, values)
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("TIFF", "F")
        np.testing.assert_array_equal(np.asarray(image), values)


def test_png16_of_disparity_uses_all_levels_and_decodes_to_half_a_step(values: np.ndarray, path: Path) -> None:
    encoding = write_png16(path, values, max_depth_m=None)
    with Image.open(path) as image:
        levels = np.asarray(image)
    assert levels.dtype == np.uint16
    assert (levels.min(), levels.max()) == (0, 65535)
    decoded = levels * encoding["scale"] + encoding["offset"]
    assert np.abs(decoded - values).max() <= encoding["scale"] * 0.5001


@pytest.mark.parametrize(
    ("max_depth_m", "step_m"), [(20.0, 0.001), (65.0, 0.001), (80.0, 1 / 256), (1000.0, 1000 / 65535)]
)
def test_png16_of_metres_has_one_step_for_all_images_of_a_model(path: Path, max_depth_m: float, step_m: float) -> None:
    values = np.array([[0.0, max_depth_m / 3, max_depth_m]], dtype=np.float32)
    encoding = write_png16(path, values, max_depth_m)
    assert (encoding["scale"], encoding["offset"]) == (step_m, 0.0)
    with Image.open(path) as image:
        assert np.abs(np.asarray(image) * step_m - values).max() <= step_m * 0.5001


@pytest.mark.parametrize("value", [0.0, 2.5])
def test_png16_of_a_flat_map_decodes_to_its_value(path: Path, value: float) -> None:
    with np.errstate(all="raise"):
        encoding = write_png16(path, np.full((4, 5), value, dtype=np.float32), max_depth_m=None)
    with Image.open(path) as image:
        np.testing.assert_array_equal(
            np.asarray(image) * encoding["scale"] + encoding["offset"], np.full((4, 5), value)
        )


def test_color_shows_the_range_that_its_encoding_states(values: np.ndarray, path: Path) -> None:
    encoding = write_color(path, values, "Spectral_r")
    assert encoding["shown_range"] == [float(values.min()), float(values.max())]
    with Image.open(path) as image:
        pixels = np.asarray(image)
    assert tuple(pixels[np.unravel_index(values.argmax(), values.shape)]) == (158, 1, 66)
    assert tuple(pixels[np.unravel_index(values.argmin(), values.shape)]) == (94, 79, 162)


def test_without_a_colormap_the_picture_is_grey(values: np.ndarray, path: Path) -> None:
    write_color(path, values, None)
    with Image.open(path) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (37, 53, 3)
    assert (pixels == pixels[..., :1]).all()
    assert pixels[np.unravel_index(values.argmax(), values.shape)].tolist() == [255, 255, 255]


def test_side_by_side_is_input_then_fifty_white_columns_then_depth(values: np.ndarray, tmp_path: Path) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    write_side_by_side(tmp_path / "both", values, "Spectral", photo)
    write_color(tmp_path / "depth", values, "Spectral")
    with Image.open(tmp_path / "both") as both, Image.open(tmp_path / "depth") as depth:
        assert both.size == (53 + 50 + 53, 37)
        pixels = np.asarray(both)
        np.testing.assert_array_equal(pixels[:, :53], photo)
        assert (pixels[:, 53:103] == 255).all()
        np.testing.assert_array_equal(pixels[:, 103:], np.asarray(depth))


def test_endings_leave_dots_in_the_stem_alone() -> None:
    assert with_ending(PurePosixPath("sub/frame.0001"), ".npy") == PurePosixPath("sub/frame.0001.npy")


def test_no_two_kinds_of_output_share_a_name() -> None:
    names = possible_names(PurePosixPath("a"))
    assert len(set(names)) == len(names) == len(KIND_ENDINGS) + 1
