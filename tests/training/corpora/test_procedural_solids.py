"""Where rays meet shapes and hills, against float64 walks along the ray that ask `is this point inside?`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from depth_anything.training.corpora.procedural_polytopes import Enclosure, Polytope
from depth_anything.training.corpora.procedural_rays import Camera, EyeRays, LightRays
from depth_anything.training.corpora.procedural_solids import Cylinder, Ellipsoid, Solid
from depth_anything.training.corpora.procedural_terrain import Terrain

Points = NDArray[np.float64]  # (..., 3)
Inside = Callable[[Points], NDArray[np.bool_]]
SIZE = (24, 32)
BASE, YAW = (0.4, 0.2, 4.0), 0.5
CAMERA = Camera.looking((0.3, 1.4, -0.5), yaw=6.0, pitch=-9.0, roll=7.0, fov=55.0)


def local(points: Points) -> Points:
    """Points in the frame of a thing at BASE, turned by YAW about the vertical."""
    x, y, z = np.moveaxis(points - np.array(BASE), -1, 0)
    return np.stack([math.cos(YAW) * x - math.sin(YAW) * z, y, math.sin(YAW) * x + math.cos(YAW) * z], axis=-1)


def in_box(points: Points) -> NDArray[np.bool_]:
    x, y, z = np.moveaxis(local(points), -1, 0)
    return (np.abs(x) < 0.8) & (y > 0) & (y < 1.1) & (np.abs(z) < 0.6)


def in_tapered(points: Points) -> NDArray[np.bool_]:
    x, y, z = np.moveaxis(local(points), -1, 0)
    width = 1 - 0.5 * y / 1.1
    return (np.abs(x) < 0.8 * width) & (y > 0) & (y < 1.1) & (np.abs(z) < 0.6 * width)


def in_gable(points: Points) -> NDArray[np.bool_]:
    x, y, z = np.moveaxis(local(points), -1, 0)
    return (y > 0) & (np.abs(x) < 0.8 * (1 - y / 1.1)) & (np.abs(z) < 0.6)


def in_pyramid(points: Points) -> NDArray[np.bool_]:
    x, y, z = np.moveaxis(points - np.array(BASE), -1, 0)
    angles = 2 * math.pi / 5 * np.arange(5)
    reach = np.max([math.cos(a) * x + math.sin(a) * z for a in angles], axis=0)
    return (y > 0) & (reach < 0.7 * (1 - y / 1.5))


def in_ellipsoid(points: Points) -> NDArray[np.bool_]:
    return ((local(points) / [0.9, 0.5, 0.4]) ** 2).sum(axis=-1) < 1


def in_cylinder(points: Points) -> NDArray[np.bool_]:
    x, y, z = np.moveaxis(points - np.array(BASE), -1, 0)
    return (x**2 + z**2 < 0.5**2) & (y > 0) & (y < 0.9)


def in_ground(points: Points) -> NDArray[np.bool_]:
    return points[..., 1] < 0.1 * points[..., 0] - 0.05 * points[..., 2]


def in_strip(points: Points) -> NDArray[np.bool_]:
    return (points[..., 1] < 0.3) & (points[..., 0] > 0.5) & (points[..., 0] < 1.5)


SHAPES: list[tuple[Solid, Inside]] = [
    (Polytope.box(BASE, (1.6, 1.1, 1.2), YAW), in_box),
    (Polytope.tapered(BASE, (1.6, 1.1, 1.2), 0.5, YAW), in_tapered),
    (Polytope.gable(BASE, (1.6, 1.1, 1.2), YAW), in_gable),
    (Polytope.pyramid(BASE, 0.7, 1.5, num_sides=5), in_pyramid),
    (Ellipsoid(center=np.array(BASE), radii=(0.9, 0.5, 0.4), yaw=YAW), in_ellipsoid),
    (Cylinder(base=np.array(BASE), radius=0.5, height=0.9), in_cylinder),
    (Polytope.ground(0.1, -0.05), in_ground),
    (Polytope.strip(0.5, 1.5, 0.3), in_strip),
]
NAMES = ["box", "tapered", "gable", "pyramid", "ellipsoid", "cylinder", "ground", "strip"]


def slow_directions(size: tuple[int, int]) -> Points:
    """Directions of every pixel by the pinhole formula, (H, W, 3)."""
    height, width = size
    right, up, forward = CAMERA.axes
    result = np.zeros((height, width, 3))
    for row in range(height):
        for column in range(width):
            across = (column + 0.5 - width / 2) / (CAMERA.focal * min(size))
            upward = (height / 2 - row - 0.5) / (CAMERA.focal * min(size))
            result[row, column] = across * right + upward * up + forward
    return result


def walk(start: Points, directions: Points, inside: Inside, limit: float, step: float) -> NDArray[np.float64]:
    """The first ray parameter inside, by small steps and then halving; infinite if there is none before the limit."""
    steps = np.arange(step, limit, step)
    is_in = np.stack([inside(start + t * directions) for t in steps])
    high = np.where(is_in.any(axis=0), steps[is_in.argmax(axis=0)], np.inf)
    low = np.where(np.isfinite(high), high - step, 0.0)
    for _ in range(30):
        middle = np.where(np.isfinite(high), (low + high) / 2, 0.0)
        is_in_middle = inside(start + middle[..., None] * directions) & np.isfinite(high)
        low, high = np.where(is_in_middle, low, middle), np.where(is_in_middle, middle, high)
    return high


@pytest.mark.parametrize(("solid", "inside"), SHAPES, ids=NAMES)
def test_the_depth_of_a_shape_is_where_a_walk_along_the_ray_enters_it(solid: Solid, inside: Inside) -> None:
    rays = EyeRays(CAMERA, SIZE)
    inverse = np.nan_to_num(solid.inverse_distance(rays, rays.whole))
    expected = walk(CAMERA.position_m, slow_directions(SIZE), inside, limit=9.0, step=0.01)
    is_met = inverse > 1 / 8.0
    assert 20 < is_met.sum() < inverse.size
    np.testing.assert_allclose(1 / inverse[is_met], expected[is_met], rtol=2e-5)
    # What the walk alone meets are the edges that it steps over, and nothing else.
    assert ((expected < 8.0) & ~is_met).sum() == 0


@pytest.mark.parametrize("solid", [solid for solid, _ in SHAPES if isinstance(solid, Polytope)])
def test_the_face_of_a_polytope_is_the_plane_that_the_point_lies_on(solid: Polytope) -> None:
    rays = EyeRays(CAMERA, SIZE)
    inverse, face = solid.inverse_distance_and_face(rays, rays.whole)
    np.testing.assert_array_equal(inverse, solid.inverse_distance(rays, rays.whole))
    is_met = inverse > 1 / 8.0
    points = CAMERA.position_m + slow_directions(SIZE)[is_met] / inverse[is_met][:, None]
    gap = (points * solid.normals[face[is_met]]).sum(axis=1) - solid.offsets[face[is_met]]
    np.testing.assert_allclose(gap, 0, atol=1e-4)


@pytest.mark.parametrize("shape", [Ellipsoid(center=np.array(BASE), radii=(0.9, 0.5, 0.4), yaw=YAW),
                                   Cylinder(base=np.array(BASE), radius=0.5, height=0.9)])  # fmt: skip
def test_the_normal_of_a_curved_shape_is_the_slope_of_its_distance(shape: Ellipsoid | Cylinder) -> None:
    inside = in_ellipsoid if isinstance(shape, Ellipsoid) else in_cylinder
    rays = EyeRays(CAMERA, SIZE)
    inverse = shape.inverse_distance(rays, rays.whole)
    directions = slow_directions(SIZE)[inverse > 0]
    points = CAMERA.position_m + directions / inverse[inverse > 0][:, None]
    normals = shape.normals_at(points.T.astype(np.float32)).T
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert ((normals * directions).sum(axis=1) < 1e-3).all()  # they face the eye
    is_clear = (normals * directions).sum(axis=1) < -0.2
    assert not inside((points + 1e-3 * normals)[is_clear]).any()
    assert inside((points - 1e-3 * normals)[is_clear]).all()


def test_a_room_is_met_where_a_walk_leaves_it() -> None:
    room = Enclosure.box((0.0, 0.0, 1.5), (3.0, 2.4, 5.0))

    def outside(points: Points) -> NDArray[np.bool_]:
        return (np.abs(points - [0.0, 1.2, 1.5]) > [1.5, 1.2, 2.5]).any(axis=-1)

    rays = EyeRays(CAMERA, SIZE)
    inverse, face = room.inverse_distance_and_face(rays, rays.whole)
    expected = walk(CAMERA.position_m, slow_directions(SIZE), outside, limit=9.0, step=0.02)
    np.testing.assert_allclose(1 / inverse, expected, rtol=2e-5)
    assert set(np.unique(face)) == {0, 1, 2, 3, 4}  # the wall behind the eye is not seen


def test_a_shape_around_the_eye_is_not_seen() -> None:
    rays = EyeRays(CAMERA, SIZE)
    center = CAMERA.position_m
    shapes: list[Solid] = [
        Polytope.box((float(center[0]), 0.0, float(center[2])), (1.0, 3.0, 1.0)),
        Ellipsoid(center=center, radii=(1.0, 1.0, 1.0)),
        Cylinder(base=center - [0, 1, 0], radius=0.5, height=2.0),
    ]
    for shape in shapes:
        assert not (shape.inverse_distance(rays, rays.whole) > 0).any()


@pytest.mark.parametrize(("solid", "inside"), SHAPES[:6], ids=NAMES[:6])
@pytest.mark.parametrize("light", [(2.0, 3.5, 2.0), (-400.0, 700.0, -500.0)], ids=["lamp", "sun"])
def test_a_point_is_shaded_when_a_walk_to_the_light_passes_through(
    solid: Solid, inside: Inside, light: tuple[float, float, float]
) -> None:
    rays = EyeRays(CAMERA, SIZE)
    ground = Polytope.ground().inverse_distance(rays, rays.whole)
    depth_m = np.where(ground > 1 / 50, 1 / np.maximum(ground, 1e-6), 0).astype(np.float32)
    shade = solid.inverse_distance(LightRays(rays, depth_m, np.array(light)), rays.whole) > 1.0001
    points = CAMERA.position_m + slow_directions(SIZE) * depth_m[..., None]
    to_light = np.array(light) - points
    reach = min(float(np.linalg.norm(light)), 6.0)
    steps = walk(points, to_light / np.linalg.norm(to_light, axis=-1, keepdims=True), inside, reach, 0.02)
    is_ground = depth_m > 0
    assert np.isfinite(steps[is_ground]).sum() > 5
    # A walk of 2 cm steps and the closed form may differ at the shadow's edge.
    assert (shade[is_ground] != np.isfinite(steps[is_ground])).mean() < 0.02


@pytest.mark.parametrize(("solid", "inside"), SHAPES[:6], ids=NAMES[:6])
def test_the_window_of_a_shape_is_all_of_it_and_little_more(solid: Solid, inside: Inside) -> None:
    for position in ((0.3, 1.4, -0.5), (0.5, 0.9, 3.1), (1.5, 0.5, 4.4), (-0.5, 1.5, 4.6)):  # the later ones beside it
        camera = Camera.looking(position, yaw=10.0, pitch=-9.0, roll=20.0, fov=70.0)
        rays = EyeRays(camera, (60, 80))
        is_seen = solid.inverse_distance(rays, rays.whole) > 0
        (window,) = rays.windows(solid.corners[None])
        assert is_seen.any() <= (window is not None)
        if window is not None:
            assert is_seen[window].sum() == is_seen.sum()


def test_a_shape_in_full_view_has_a_window_no_larger_than_its_bounding_box() -> None:
    camera = Camera.looking((0.0, 0.0, 0.0), yaw=0.0, pitch=0.0, roll=0.0, fov=90.0)
    (window,) = EyeRays(camera, (100, 100)).windows(Polytope.box((0.0, -0.5, 2.0), (1.0, 1.0, 2.0)).corners[None])
    assert window is not None
    for side in window:  # +-0.5 m at 1 m depth is the middle half, 25 to 75
        assert 23 <= side.start <= 25
        assert 75 <= side.stop <= 77


@pytest.mark.parametrize("variant", [0, 5])
def test_hills_are_met_where_a_walk_along_the_ray_goes_under_ground(variant: int) -> None:
    terrain = Terrain(variant=variant, period_m=300.0, relief_m=35.0, shift=(0.3, 0.8))

    def under(points: Points) -> NDArray[np.bool_]:
        x, y, z = np.moveaxis(points.astype(np.float32), -1, 0)
        return y < terrain.height_m(x, z)

    eye = (0.0, terrain.height_at(0.0, 0.0) + 2.0, 0.0)
    camera = Camera.looking(eye, yaw=20.0, pitch=-4.0, roll=5.0, fov=60.0)
    rays = EyeRays(camera, (40, 40))
    inverse = terrain.inverse_distance(rays, 300.0)
    directions = np.moveaxis(rays.along(np.eye(3), rays.whole), 0, -1).astype(np.float64)
    expected = walk(camera.position_m, directions, under, limit=300.0, step=0.25)
    is_met = inverse > 0
    assert 200 < is_met.sum() < 1600
    assert (is_met != np.isfinite(expected)).mean() < 0.02  # the line of the horizon
    both = is_met & np.isfinite(expected)
    error = np.abs(1 / inverse[both] - expected[both]) / expected[both]
    assert np.median(error) < 1e-3
    assert (error < 0.02).mean() > 0.97  # the rest are ridges that one of the two stepped over


def test_heights_between_cells_are_linear_and_the_map_repeats() -> None:
    terrain = Terrain(variant=1, period_m=256.0, relief_m=10.0, shift=(0.0, 0.0))
    corners = [[terrain.height_at(x, z) for x in (7.0, 8.0)] for z in (3.0, 4.0)]
    expected = (corners[0][0] * 0.75 + corners[0][1] * 0.25) * 0.5 + (
        corners[1][0] * 0.75 + corners[1][1] * 0.25
    ) * 0.5
    assert terrain.height_at(7.25, 3.5) == pytest.approx(expected, abs=1e-5)
    assert terrain.height_at(-248.75, 259.5) == pytest.approx(terrain.height_at(7.25, 3.5), abs=1e-4)
    assert 0 <= terrain.height_at(100.0, 40.0) <= 10
