"""What a scene consists of, before it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from depth_anything.training.corpora.procedural_materials import Colour, Material
from depth_anything.training.corpora.procedural_rays import Camera, Vectors
from depth_anything.training.corpora.procedural_solids import Solid
from depth_anything.training.corpora.procedural_terrain import Terrain


class ObjectClass(IntEnum):
    """What a pixel shows."""

    SKY = 0
    GROUND = 1
    ROAD = 2
    PAVEMENT = 3
    HILL = 4
    FLOOR = 5
    WALL = 6
    CEILING = 7
    BUILDING = 8
    ROOF = 9
    TREE = 10
    BUSH = 11
    ROCK = 12
    PERSON = 13
    CAR = 14
    POLE = 15
    FENCE = 16
    COLUMN = 17
    TABLE = 18
    CHAIR = 19
    SOFA = 20
    BED = 21
    CABINET = 22
    LAMP = 23
    PICTURE = 24
    DOOR = 25
    BOX = 26
    BALL = 27
    BOTTLE = 28
    BARREL = 29


FAR_M = 400.0  # where the ground ends and the sky begins


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One shape of one class. Its materials are one for all faces or one per face."""

    solid: Solid
    object_class: ObjectClass
    materials: tuple[Material, ...]
    ground_m: float | None = None  # height of what it stands on and darkens; None if it hangs or lies flat
    casts_shadow: bool = True  # False for what is small, or flat on something else: each shadow costs time
    face_classes: tuple[ObjectClass, ...] | None = None  # where faces are of different classes


@dataclass(frozen=True, kw_only=True)
class Light:
    """One lamp or sun, the light from everywhere, and the air."""

    position_m: Vectors  # (3,)
    colour: Colour
    ambient_up: Colour  # what falls on surfaces that face up
    ambient_down: Colour
    reach_m: float  # distance at which a lamp has a quarter of its strength; infinite for a sun
    haze_per_m: float
    haze_colour: Colour
    zenith_colour: Colour
    cloud_cover: float  # 0..1
    cloud_texture: int


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A camera, what is around it, and the light."""

    camera: Camera
    light: Light
    surroundings: tuple[Thing, ...]  # ground or room: seen, but throws no shadow
    things: tuple[Thing, ...]
    terrain: Terrain | None = None
    terrain_material: Material | None = None


SUN_DISTANCE_M = 1000.0  # far enough for parallel shadows, near enough for float32


def sun_position(elevation: float, azimuth: float) -> Vectors:
    """Where a sun at these angles (radians) hangs, (3,)."""
    level = np.cos(elevation)
    return SUN_DISTANCE_M * np.array([level * np.sin(azimuth), np.sin(elevation), level * np.cos(azimuth)])
