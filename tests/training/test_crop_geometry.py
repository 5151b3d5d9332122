from __future__ import annotations

import numpy as np
import pytest
import torch

from depth_anything.resampling import resample_into
from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.crop_geometry import CropGeometry, cut_label, cut_map, drawn_geometry
from depth_anything.training.crop_resampling import write_crop

CROP = 56
ONE, ZERO = torch.ones(3, 1, 1), torch.zeros(3, 1, 1)


def drawn(image_size: tuple[int, int], seed: int = 0, flip_probability: float = 0.5) -> CropGeometry:
    return drawn_geometry(image_size, CROP, True, flip_probability, np.random.default_rng(seed))


def cropped(image: np.ndarray, geometry: CropGeometry) -> torch.Tensor:
    out = torch.empty(3, geometry.size, geometry.size)
    write_crop(out, image, geometry, ONE, ZERO)
    return out


@pytest.mark.parametrize("image_size", [(80, 120), (120, 80), (56, 56), (20, 31), (700, 500), (57, 400)])
@pytest.mark.parametrize("seed", [0, 2, 5])
def test_cropping_before_resizing_equals_resizing_before_cropping(image_size: tuple[int, int], seed: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*image_size, 3), np.uint8)
    geometry = drawn(image_size, seed)
    whole = torch.empty(3, geometry.resized_height, geometry.resized_width)
    scale, shift = torch.tensor([0.1, 0.2, 0.3])[:, None, None], torch.tensor([1.0, 0.0, -2.0])[:, None, None]
    resample_into(whole, torch.from_numpy(image).permute(2, 0, 1), "cubic", scale, shift)
    crop = torch.empty(3, CROP, CROP)
    write_crop(crop, image, geometry, scale, shift)
    torch.testing.assert_close(crop, cut_map(whole, geometry), rtol=0, atol=1e-5)


def test_a_large_crop_is_made_of_several_blocks_with_no_seam() -> None:
    image = np.random.default_rng(1).integers(0, 256, (600, 900, 3), np.uint8)
    geometry = drawn_geometry((600, 900), 518, True, 0.5, np.random.default_rng(3))
    whole = torch.empty(3, geometry.resized_height, geometry.resized_width)
    resample_into(whole, torch.from_numpy(image).permute(2, 0, 1), "cubic", ONE, ZERO)
    torch.testing.assert_close(cropped(image, geometry), cut_map(whole, geometry), rtol=0, atol=1e-5)


def test_labels_are_the_nearest_pixels_found_one_by_one() -> None:
    label = np.random.default_rng(1).random((90, 131), np.float32)
    geometry = drawn(label.shape, seed=4)._replace(is_flipped=True)
    expected = np.empty((CROP, CROP), np.float32)
    for row in range(CROP):
        for column in range(CROP):
            # The centre of the resized pixel, in pixels of the label; the pixel that holds it is the nearest.
            y = (geometry.top + row + 0.5) * label.shape[0] / geometry.resized_height
            x = (geometry.left + CROP - 1 - column + 0.5) * label.shape[1] / geometry.resized_width
            expected[row, column] = label[int(y), int(x)]
    np.testing.assert_array_equal(cut_label(label, geometry), expected)
    np.testing.assert_array_equal(cut_label(label > 0.5, geometry), expected > 0.5)


def test_a_flip_mirrors_image_and_label_and_nothing_else() -> None:
    image = np.random.default_rng(1).integers(0, 256, (70, 99, 3), np.uint8)
    straight = drawn(image.shape[:2], flip_probability=0.0)
    flipped = straight._replace(is_flipped=True)
    torch.testing.assert_close(cropped(image, flipped), cropped(image, straight).flip(-1), rtol=0, atol=0)
    label = image[..., 0].astype(np.float32)
    np.testing.assert_array_equal(cut_label(label, flipped), cut_label(label, straight)[:, ::-1])


def test_the_cut_of_a_map_lies_where_the_crop_of_the_image_lies() -> None:
    # Red and green are the pixel's own column and row, as far as 8 bits reach.
    rows, columns = np.mgrid[0:224, 0:252]
    image = np.stack([columns, rows, np.zeros_like(rows)], axis=-1).astype(np.uint8)
    for seed in range(6):
        geometry = drawn_geometry((224, 252), 224, True, 0.5, np.random.default_rng(seed))
        assert geometry[:2] == (224, 252)
        torch.testing.assert_close(
            cropped(image, geometry)[0], cut_map(torch.from_numpy(image[..., 0]), geometry).float()
        )
        torch.testing.assert_close(
            cropped(image, geometry)[1], cut_map(torch.from_numpy(image[..., 1]), geometry).float()
        )


def test_a_teachers_map_is_cut_alike_by_the_tensor_of_the_geometry() -> None:
    geometry = drawn((80, 120), seed=4)
    teacher_map = torch.rand(2, geometry.resized_height, geometry.resized_width)
    numbers = geometry.to_tensor()
    assert numbers.dtype == torch.int32
    assert CropGeometry.from_tensor(numbers) == geometry
    torch.testing.assert_close(cut_map(teacher_map, numbers), cut_map(teacher_map, geometry))


def test_a_map_of_another_size_is_refused() -> None:
    geometry = drawn((80, 120))
    with pytest.raises(ValueError, match=r"the map is \(56, 56\).* resized to \(56, 84\)"):
        cut_map(torch.zeros(56, 56), geometry)


def test_crops_lie_everywhere_and_half_of_them_are_mirrored() -> None:
    generator = np.random.default_rng(0)
    geometries = [drawn_geometry((56, 84), CROP, True, 0.5, generator) for _ in range(2000)]
    counts = np.bincount([geometry.left for geometry in geometries], minlength=29)
    assert len(counts) == 29  # 84 - 56 + 1 places
    assert counts.min() > 35  # 69 expected, 8 the standard deviation
    assert {geometry.top for geometry in geometries} == {0}
    assert 900 < sum(geometry.is_flipped for geometry in geometries) < 1100


def test_validation_cuts_the_middle_and_never_mirrors() -> None:
    geometry = drawn_geometry((56, 84), CROP, False, 0.0, np.random.default_rng(0))
    assert geometry == CropGeometry(56, 84, 0, 14, CROP, False)


def test_settings_do_not_change_how_many_numbers_are_drawn() -> None:
    generators = [np.random.default_rng(0) for _ in range(2)]
    drawn_geometry((56, 84), CROP, True, 0.5, generators[0])
    drawn_geometry((99, 99), CROP, False, 0.0, generators[1])
    assert generators[0].random() == generators[1].random()


def test_a_strip_that_would_take_all_memory_is_refused() -> None:
    with pytest.raises(SampleError, match=r"image_too_large: .*would be resized to"):
        drawn((14, 100_000_000))
