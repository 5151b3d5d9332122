from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from depth_anything.geometry_transfer import BICUBIC, BILINEAR, NEAREST, moved_map, write_image
from depth_anything.resize_geometry import Geometry, planned_geometry

ONE, ZERO = torch.ones(3, 1, 1), torch.zeros(3, 1, 1)


def written(image: np.ndarray, geometry: Geometry, resample: int = BICUBIC, antialias: bool = False) -> np.ndarray:
    out = torch.full((3, *geometry.output_size), torch.nan)
    write_image(out, torch.from_numpy(image).permute(2, 0, 1), geometry, resample, antialias, ONE, ZERO)
    return out.numpy()


@pytest.mark.parametrize("size", [(30, 41), (28, 42), (1, 1), (3, 2), (5, 30)])
def test_padding_mirrors_the_image_even_where_it_is_smaller_than_the_padding(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    geometry = planned_geometry(size, "pad", False, (0, 0), 14)
    top, bottom, left, right = geometry.padding
    expected = np.pad(image, ((top, bottom), (left, right), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(written(image, geometry), expected.transpose(2, 0, 1))


def test_nearest_resampling_takes_whole_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 10, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(image).resize((30, 27), Image.NEAREST))
    found = written(image, Geometry((9, 10), (27, 30), None), resample=NEAREST)
    np.testing.assert_array_equal(found, expected.transpose(2, 0, 1))


@pytest.mark.parametrize("resample", [BILINEAR, BICUBIC])
def test_antialiasing_is_pillow_s(resample: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(image).resize((20, 16), resample)).transpose(2, 0, 1).astype(int)
    geometry = Geometry((64, 64), (16, 20), None)
    assert np.abs(written(image, geometry, resample, antialias=True) - expected).max() <= 1
    assert np.abs(written(image, geometry, resample) - expected).max() > 50


def test_a_resized_label_map_holds_only_values_of_the_original() -> None:
    values = torch.from_numpy(np.random.default_rng(0).standard_normal((37, 53)).astype(np.float32))
    moved = moved_map(values, Geometry((37, 53), (28, 42), None))
    assert set(moved.flatten().tolist()) <= set(values.flatten().tolist())


def test_a_resized_label_map_lies_where_the_resized_image_lies() -> None:
    # A ramp is reproduced by cubic convolution, so image and label can be compared: at most half a source pixel apart.
    ramp = torch.arange(0, 120, dtype=torch.float32).repeat(90, 1)
    geometry = Geometry((90, 120), (56, 70), None)
    image = torch.empty(1, 56, 70)
    write_image(image, ramp[None], geometry, BICUBIC, False, ONE[:1], ZERO[:1])
    assert (moved_map(ramp, geometry) - image[0])[:, 2:-2].abs().max() <= 0.5 + 1e-4


def test_padding_of_a_map_is_nan_and_of_a_mask_false() -> None:
    geometry = planned_geometry((30, 41), "pad", False, (0, 0), 14)
    top, bottom, left, right = geometry.padding
    for values, padded in ((torch.rand(30, 41) + 1, np.nan), (torch.ones(30, 41, dtype=torch.bool), False)):
        expected = np.pad(values.numpy(), ((top, bottom), (left, right)), constant_values=padded)
        np.testing.assert_array_equal(moved_map(values, geometry), expected)
