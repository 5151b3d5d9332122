"""Textures, light and the camera's faults, each against what a few lines of plain NumPy say."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from depth_anything.training.corpora.procedural_draws import Draws
from depth_anything.training.corpora.procedural_materials import Material, linear_colour
from depth_anything.training.corpora.procedural_painters import SIDE, Texture
from depth_anything.training.corpora.procedural_photo import Photo, develop
from depth_anything.training.corpora.procedural_polytopes import Polytope
from depth_anything.training.corpora.procedural_rays import Camera, EyeRays
from depth_anything.training.corpora.procedural_scenery import Light, ObjectClass, Scene, Thing
from depth_anything.training.corpora.procedural_shading import shade
from depth_anything.training.corpora.procedural_textures import sample, sample_nearest, slot
from depth_anything.training.corpora.procedural_visibility import look, tabulate

PLAIN_PHOTO = Photo(
    exposure=1.0, balance=(1.0, 1.0, 1.0), vignette=0.0, blur=0.0, noise=0.0, gamma=2.2, contrast=0.0,
    saturation=1.0, compression=0.0, grain=(0.0, 0.0),
)  # fmt: skip
WHITE = Material(
    first=(1.0, 1.0, 1.0), second=(1.0, 1.0, 1.0), texture=slot(Texture.PLASTER, 0), period_m=1.0, stain=0.0
)
NO_LIGHT = (0.0, 0.0, 0.0)


def texels(texture: Texture) -> np.ndarray:
    """The finest level of a texture, (SIDE, SIDE)."""
    row, column = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    return sample(np.int64(slot(texture, 0)), column, row, np.float32(0.0) + np.zeros_like(row))


@pytest.mark.parametrize("texture", list(Texture))
def test_a_texture_lies_within_0_and_1_and_is_not_flat(texture: Texture) -> None:
    image = texels(texture)
    assert image.min() >= 0
    assert image.max() <= 1
    assert image.std() > 0.02


def test_between_texels_a_texture_is_linear_and_after_one_period_it_repeats() -> None:
    image, start = texels(Texture.ROCK), np.int64(slot(Texture.ROCK, 0))
    u, v = np.array([[(SIDE - 0.25) / SIDE]], np.float32), np.array([[(5 + 0.5) / SIDE]], np.float32)
    edge = image[5:7, [SIDE - 1, 0]]  # over the seam
    expected = float(np.array([0.5, 0.5]) @ edge @ np.array([0.25, 0.75]))
    fine = np.zeros((1, 1), np.float32)
    assert sample(start, u, v, fine).item() == pytest.approx(expected, abs=1e-5)
    assert sample(start, u - 3, v + 2, fine).item() == pytest.approx(expected, abs=1e-4)


def test_a_far_texture_is_the_mean_of_what_a_pixel_covers() -> None:
    image = texels(Texture.BRICK)
    corner = np.zeros((1, 1), np.float32)
    for cells in (2, 8, 32):
        value = sample(np.int64(slot(Texture.BRICK, 0)), corner, corner, corner + np.float32(cells / SIDE))
        assert value.item() == pytest.approx(image[:cells, :cells].mean(), abs=1e-5)


def test_the_nearest_texel_is_read_where_no_interpolation_is_asked_for() -> None:
    image = texels(Texture.CLOUD)
    u, v = np.array([[17.4 / SIDE]], np.float32), np.array([[90.9 / SIDE]], np.float32)
    assert sample_nearest(slot(Texture.CLOUD, 0), u, v).item() == pytest.approx(image[90, 17])


def sunlit_box(light_m: tuple[float, float, float]) -> tuple[Scene, EyeRays, np.ndarray, np.ndarray]:
    """A white box on white ground in one light, its rays, the picture and the depth."""
    light = Light(
        position_m=np.array(light_m), colour=(1.0, 1.0, 1.0), ambient_up=NO_LIGHT, ambient_down=NO_LIGHT,
        reach_m=math.inf, haze_per_m=0.0, haze_colour=NO_LIGHT, zenith_colour=NO_LIGHT, cloud_cover=0.0,
        cloud_texture=slot(Texture.CLOUD, 0),
    )  # fmt: skip
    scene = Scene(
        camera=Camera.looking((0.0, 2.5, 0.0), yaw=0.0, pitch=-20.0, roll=0.0, fov=60.0),
        light=light,
        surroundings=(Thing(solid=Polytope.ground(), object_class=ObjectClass.GROUND, materials=(WHITE,)),),
        things=(Thing(solid=Polytope.box((0.0, 0.0, 5.0), (1.0, 1.0, 1.0)), object_class=ObjectClass.BOX,
                      materials=(WHITE,), ground_m=0.0),),
    )  # fmt: skip
    rays, surfaces = EyeRays(scene.camera, (60, 60)), tabulate(scene)
    visible = look(scene, surfaces, rays)
    return scene, rays, shade(scene, surfaces, visible, rays), visible.depth_m


def test_ground_is_lit_by_the_sine_of_the_sun_s_height_except_in_the_shadow_of_the_box() -> None:
    sun = np.array([-600.0, 500.0, -600.0])
    scene, rays, picture, depth_m = sunlit_box((-600.0, 500.0, -600.0))
    directions = rays.along(np.eye(3), rays.whole)
    x, y, z = directions * depth_m + scene.camera.position_m[:, None, None]
    is_ground = (np.abs(y) < 1e-3) & (depth_m > 0)
    # The shadow of a unit cube under a distant sun: the ground points whose way to it passes through the cube.
    is_shaded = np.zeros_like(is_ground)
    for height in np.linspace(0.0, 1.0, 201)[1:]:
        x_there, z_there = x + height * sun[0] / sun[1], z + height * sun[2] / sun[1]
        is_shaded |= (np.abs(x_there) < 0.5) & (np.abs(z_there - 5.0) < 0.5)
    assert (is_shaded & is_ground).sum() > 20
    expected = np.where(is_shaded, 0.0, 500.0 / np.linalg.norm(sun))
    error = np.abs(picture[0] - expected)[is_ground]
    assert (error > 0.02).mean() < 0.01  # pixels on the shadow's edge


def test_a_face_turned_from_the_light_is_dark_and_one_that_faces_it_is_bright() -> None:
    _, _, behind, depth_m = sunlit_box((0.0, 10.0, 1000.0))
    _, _, before, _ = sunlit_box((0.0, 10.0, -1000.0))
    front = (30, 30)
    assert depth_m[front] < 6
    assert behind[0][front] == 0
    assert before[0][front] == pytest.approx(1.0, abs=0.02)


def test_haze_takes_over_with_the_exponential_of_the_distance() -> None:
    scene, rays, _, _ = sunlit_box((0.0, 1000.0, 0.0))
    scene = replace(scene, light=replace(scene.light, haze_per_m=0.1, haze_colour=(0.5, 0.5, 0.5)))
    surfaces = tabulate(scene)
    visible = look(scene, surfaces, rays)
    picture, row = shade(scene, surfaces, visible, rays), 40
    depth = float(visible.depth_m[row, 2])
    share = math.exp(-0.1 * depth)
    assert picture[1, row, 2] == pytest.approx(share * 1.0 + (1 - share) * 0.5, abs=0.01)


def test_a_plain_photo_is_the_light_at_middle_grey_under_the_gamma_curve() -> None:
    light = np.full((3, 16, 16), 0.8, np.float32)
    image = develop(light, PLAIN_PHOTO)
    assert image.shape == (16, 16, 3)
    np.testing.assert_allclose(image, 255 * 0.25 ** (1 / 2.2), atol=1)


def test_noise_has_the_set_strength_and_is_the_same_for_the_same_start() -> None:
    light = np.full((3, 200, 200), 0.3, np.float32)
    photo = replace(PLAIN_PHOTO, gamma=1.0, noise=0.05)
    image = develop(light, photo)
    expected = 255 * 0.05 * (math.sqrt(0.25) + 0.1)
    assert image.std() == pytest.approx(expected, rel=0.05)
    np.testing.assert_array_equal(image, develop(light, photo))
    assert (image != develop(light, replace(photo, grain=(0.5, 0.5)))).mean() > 0.5
    assert develop(np.full((3, 700, 20), 0.3, np.float32), photo).shape == (700, 20, 3)


def test_blur_spreads_a_point_and_keeps_its_light() -> None:
    light = np.full((3, 41, 41), 0.5, np.float32)
    light[:, 20, 20] = 1.0
    sharp = develop(light, replace(PLAIN_PHOTO, gamma=1.0)).astype(float)[..., 0]
    blurred = develop(light, replace(PLAIN_PHOTO, gamma=1.0, blur=1 / 41)).astype(float)[..., 0]
    assert blurred[20, 20] < sharp[20, 20]
    assert blurred[20, 21] > sharp[20, 21]
    np.testing.assert_allclose(blurred[20, 21], blurred[21, 20])
    assert blurred[20, 24] == sharp[20, 24]


def test_compression_keeps_the_mean_of_a_block_and_drops_its_fine_detail() -> None:
    generator = np.random.default_rng(0)
    light = (0.5 + 0.02 * generator.standard_normal((1, 37, 43))).astype(np.float32).repeat(3, axis=0)
    fine = develop(light, replace(PLAIN_PHOTO, gamma=1.0)).astype(float)
    coarse = develop(light, replace(PLAIN_PHOTO, gamma=1.0, compression=0.5)).astype(float)
    assert coarse[:32, :40].std() < 0.5 * fine[:32, :40].std()
    np.testing.assert_allclose(coarse[:32, :40].mean(), fine[:32, :40].mean(), atol=5)
    np.testing.assert_array_equal(coarse[32:, 40:], fine[32:, 40:])  # margins smaller than a block are left


def test_draws_stay_within_their_limits_and_do_not_repeat_after_a_block() -> None:
    draws = Draws(np.random.default_rng(0))
    values = [draws.unit() for _ in range(3000)]
    assert len(set(values)) == 3000
    assert np.mean(values) == pytest.approx(0.5, abs=0.03)
    assert {draws.count(2, 4) for _ in range(100)} == {2, 3, 4}
    assert all(0.5 <= draws.log_within((0.5, 8.0)) < 8.0 for _ in range(100))
    assert np.median([draws.log_within((0.5, 8.0)) for _ in range(2000)]) == pytest.approx(2.0, rel=0.1)


def test_a_colour_of_the_screen_becomes_linear_light() -> None:
    assert linear_colour(0.0, 1.0, 0.5) == pytest.approx((0.5**2.2, 0.0, 0.0))
    assert linear_colour(1.0 / 3 - 1, 1.0, 1.0) == pytest.approx((0.0, 1.0, 0.0))
