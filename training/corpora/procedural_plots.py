"""Where things may stand, and the surroundings that layouts share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from depth_anything.training.corpora.procedural_domains import Style
from depth_anything.training.corpora.procedural_draws import Draws, Range
from depth_anything.training.corpora.procedural_polytopes import Enclosure
from depth_anything.training.corpora.procedural_props import Workshop
from depth_anything.training.corpora.procedural_rays import Point
from depth_anything.training.corpora.procedural_scenery import ObjectClass, Scene, Thing
from depth_anything.training.corpora.procedural_terrain import Terrain
from depth_anything.training.corpora.procedural_textures import NUM_VARIANTS

Layout = Callable[[Draws, Style], Scene]
Maker = Callable[[Workshop, Point], list[Thing]]
Ground = Callable[[float, float], float]  # height at x and z
FOREGROUND_M = (1.5, 3.2)
NUM_TRIES = 6  # for a free place, before a thing is left out


class Plot:
    """Ground in front of the camera, with what already stands on it as circles."""

    def __init__(self, draws: Draws, eye: Point, yaw: float, spread: float) -> None:
        self._draws, self._eye, self._yaw, self._spread = draws, eye, yaw, spread
        self._taken: list[tuple[float, float, float]] = [(eye[0], eye[2], 0.5)]

    def free(
        self, distance_m: Range, radius: float, half_width: float = math.inf, end: float = math.inf
    ) -> tuple[float, float] | None:
        """Centre (x, z) of a free circle at a distance from the eye, with |x| < `half_width` and z < `end`."""
        for _ in range(NUM_TRIES):
            distance = self._draws.log_within(distance_m)
            bearing = self._yaw + self._draws.either_side(self._spread)
            x, z = self._eye[0] + distance * math.sin(bearing), self._eye[2] + distance * math.cos(bearing)
            if abs(x) < half_width and z < end and self.take(x, z, radius):
                return x, z
        return None

    def take(self, x: float, z: float, radius: float) -> bool:
        """Reserves a circle if it is free."""
        if any(math.hypot(x - a, z - b) < radius + r for a, b, r in self._taken):
            return False
        self._taken.append((x, z, radius))
        return True


def foreground(shop: Workshop, plot: Plot, makers: Sequence[Maker], ground: Ground, half_width: float) -> list[Thing]:
    """One to three things close to the eye, so that what is near is not always the ground at the picture's foot."""
    things = []
    for _ in range(shop.draws.count(1, 3)):
        spot = plot.free(FOREGROUND_M, 0.4, half_width)
        if spot is not None:
            things += shop.draws.pick(makers)(shop, (spot[0], ground(*spot), spot[1]))
    return things


def level(x: float, z: float) -> float:
    """The height of flat ground."""
    return 0.0


def shell(shop: Workshop, size: Point) -> Thing:
    """The inside of a room over the origin: x is centred, z starts at 0."""
    palette, kind = shop.palette, ObjectClass
    wall, floor, ceiling = (shop.material(tone) for tone in (palette.plaster, palette.floor, palette.ceiling))
    back = shop.material(palette.plaster) if shop.draws.chance(0.3) else wall
    return Thing(
        solid=Enclosure.box((0.0, 0.0, size[2] / 2), size),
        object_class=kind.WALL,
        materials=(wall, wall, ceiling, floor, back, wall),
        face_classes=(kind.WALL, kind.WALL, kind.CEILING, kind.FLOOR, kind.WALL, kind.WALL),
    )


def landscape(draws: Draws, relief_m: Range = (10.0, 60.0)) -> tuple[Terrain, Ground]:
    """Hills and their height at a point."""
    terrain = Terrain(
        variant=draws.count(0, NUM_VARIANTS - 1), period_m=draws.within((250.0, 500.0)),
        relief_m=draws.within(relief_m), shift=(draws.unit(), draws.unit()),
    )  # fmt: skip
    return terrain, terrain.height_at
