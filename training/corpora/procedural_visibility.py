"""Which surface every pixel of a scene shows, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.procedural_polytopes import Enclosure, Polytope
from depth_anything.training.corpora.procedural_rays import EyeRays, Floats, Vectors, Window
from depth_anything.training.corpora.procedural_scenery import FAR_M, ObjectClass, Scene, Thing

Surface = NDArray[np.int16]

SKY_SURFACE = 0
TERRAIN_SURFACE = 1
FLAT = np.zeros((2, 3))  # for sky and terrain
TERRAIN_ACROSS = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
TERRAIN_DOWN = np.array([0.0, 0.0, 1.0])
SKEWED_ACROSS = np.array([[0.8, 0.1, 0.6]])  # textures of curved things: seen from everywhere, stretched nowhere much
SKEWED_DOWN = np.array([-0.3, 0.9, 0.3])


@dataclass(frozen=True, kw_only=True)
class Surfaces:
    """One row per face of every thing, S rows; row 0 is the sky, row 1 the terrain."""

    normals: Floats  # (S, 3), zero where the surface is curved
    texture_axes: Floats  # (S, 8): u and v in periods are axis . point + constant
    first: Floats  # (S, 3)
    change: Floats  # (S, 3), second colour minus first
    texture: NDArray[np.int32]  # (S,)
    period_m: Floats  # (S,)
    stain: Floats  # (S,)
    object_class: NDArray[np.uint8]  # (S,)
    first_of_thing: list[int]  # row of each thing's first face, surroundings first


class Runs:
    """Stretches of neighbours, row after row, that show one surface, R of them.

    A picture has about fifty times as many pixels: what a surface has is looked up per run and repeated.
    """

    def __init__(self, surface: Surface) -> None:
        pixels = surface.ravel()
        ends = np.append(np.flatnonzero(pixels[1:] != pixels[:-1]) + 1, pixels.size)
        self._size = surface.shape
        self._ends = ends
        self._lengths = np.diff(ends, prepend=0)
        self._surface = pixels.take(ends - 1).astype(np.intp)

    def spread(self, column: NDArray[Any]) -> NDArray[Any]:
        """One column of `Surfaces` for every pixel: (S,) gives (H, W)."""
        return column.take(self._surface).repeat(self._lengths).reshape(self._size)

    def pixels_of(self, surface: int) -> NDArray[np.intp]:
        """The pixels that show a surface, as positions in the flat picture, ascending."""
        runs = np.flatnonzero(self._surface == surface)
        lengths = self._lengths.take(runs)
        last = lengths.cumsum()
        shift = (self._ends.take(runs) - last).repeat(lengths)
        shift += np.arange(len(shift))
        return shift


@dataclass(frozen=True, kw_only=True)
class Visible:
    """The picture before it is lit."""

    depth_m: Floats  # (H, W), 0 where sky
    runs: Runs  # which row of `Surfaces` each pixel shows
    sky: NDArray[np.bool_]  # (H, W)
    corners: Vectors  # (N, 8, 3), around each of the scene's N things


def tabulate(scene: Scene) -> Surfaces:
    """The table of all faces of a scene."""
    ground = scene.terrain_material or scene.surroundings[0].materials[0]
    normals, across, centers, num_faces = [FLAT], [TERRAIN_ACROSS], [FLAT[0]], [len(FLAT)]
    materials, copies, classes = [ground], [len(FLAT)], [ObjectClass.SKY, ObjectClass.HILL]
    curved, first_of_thing = [], []
    for thing in (*scene.surroundings, *scene.things):
        solid, first = thing.solid, len(classes)
        first_of_thing.append(first)
        if isinstance(solid, Polytope):
            normals.append(-solid.normals if isinstance(solid, Enclosure) else solid.normals)
            across.append(solid.tangents)
        else:
            normals.append(FLAT[:1])
            across.append(SKEWED_ACROSS)
            curved.append(first)
        count = len(normals[-1])
        centers.append(solid.center)
        num_faces.append(count)
        materials += thing.materials
        copies += [count] if len(thing.materials) == 1 else [1] * count
        classes += thing.face_classes or [thing.object_class] * count
    outward, right = np.concatenate(normals), np.concatenate(across)
    down = _cross(outward, right)
    down[TERRAIN_SURFACE], down[curved] = TERRAIN_DOWN, SKEWED_DOWN
    numbers = np.array([(*m.first, *m.second, m.texture, m.period_m, m.stain) for m in materials])
    return _with_materials(
        outward, right, down, np.array(centers).repeat(num_faces, axis=0), numbers.repeat(copies, axis=0),
        np.array(classes, np.uint8), first_of_thing,
    )  # fmt: skip


def _with_materials(
    normals: Vectors, across: Vectors, down: Vectors, centers: Vectors,
    numbers: Vectors, object_class: NDArray[np.uint8], first_of_thing: list[int],
) -> Surfaces:  # fmt: skip
    period_m = numbers[:, 7:8]
    across, down = across / period_m, down / period_m
    middle = 0.5  # the centre of a thing shows the centre of its texture: the middle line of a road is in its middle
    starts = [middle - (axis * centers).sum(1, keepdims=True) for axis in (across, down)]
    axes = np.concatenate([across, starts[0], down, starts[1]], axis=1)
    return Surfaces(
        normals=normals.astype(np.float32),
        texture_axes=axes.astype(np.float32),
        first=numbers[:, :3].astype(np.float32),
        change=(numbers[:, 3:6] - numbers[:, :3]).astype(np.float32),
        texture=numbers[:, 6].astype(np.int32),
        period_m=numbers[:, 7].astype(np.float32),
        stain=numbers[:, 8].astype(np.float32),
        object_class=object_class,
        first_of_thing=first_of_thing,
    )


def look(scene: Scene, surfaces: Surfaces, rays: EyeRays) -> Visible:
    """What the eye sees: the nearest surface of every pixel."""
    inverse = np.full(rays.size, 1 / FAR_M, np.float32)
    surface = np.full(rays.size, SKY_SURFACE, np.int16)
    if scene.terrain is not None:
        met = scene.terrain.inverse_distance(rays, FAR_M)
        np.copyto(surface, TERRAIN_SURFACE, where=met > inverse)
        np.maximum(inverse, met, out=inverse)
    corners = np.array([thing.solid.corners for thing in scene.things]).reshape(-1, 8, 3)
    windows = rays.windows(corners)
    everywhere: list[Window | None] = [rays.whole] * len(scene.surroundings)
    things = (*scene.surroundings, *scene.things)
    for thing, first, window in zip(things, surfaces.first_of_thing, everywhere + windows, strict=True):
        if window is not None:
            _add(thing, first, window, rays, inverse, surface)
    sky = surface == SKY_SURFACE
    depth_m = np.divide(1, inverse, out=inverse)
    np.copyto(depth_m, 0, where=sky)
    return Visible(depth_m=depth_m, runs=Runs(surface), sky=sky, corners=corners)


def _add(thing: Thing, first: int, window: Window, rays: EyeRays, inverse: Floats, surface: Surface) -> None:
    behind = inverse[window]
    if isinstance(thing.solid, Polytope):
        met, face = thing.solid.inverse_distance_and_face(rays, window)
        face += first
        shown: Surface | int = face
    else:
        met, shown = thing.solid.inverse_distance(rays, window), first
    is_nearer = met > behind
    if is_nearer.any():
        np.copyto(surface[window], shown, where=is_nearer)
        np.copyto(behind, met, where=is_nearer)


def _cross(a: Vectors, b: Vectors) -> Vectors:
    """Cross products of rows; `np.cross` takes ten times as long for a few of them."""
    ax, ay, az = a.T
    bx, by, bz = b.T
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=1)
