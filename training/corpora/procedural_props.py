"""Things of everyday size, each put together from a few solids. All sizes are in metres."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from depth_anything.training.corpora.procedural_draws import Draws
from depth_anything.training.corpora.procedural_materials import Material, Palette, Tone
from depth_anything.training.corpora.procedural_polytopes import Polytope
from depth_anything.training.corpora.procedural_rays import Point
from depth_anything.training.corpora.procedural_scenery import ObjectClass, Thing
from depth_anything.training.corpora.procedural_solids import Cylinder, Ellipsoid

SUNK_M = 0.6  # how deep things on slopes reach into the ground


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What things of one scene are made with: the scene's random numbers, colours and texture drawings."""

    draws: Draws
    palette: Palette
    variants: tuple[int, ...]

    def material(self, tone: Tone, period_m: float | None = None) -> Material:
        """A new material of a tone, with a texture of another size if one is given."""
        material = tone.material(self.draws, self.variants)
        return material if period_m is None else replace(material, period_m=period_m)


def block(
    kind: ObjectClass, base: Point, size: Point, yaw: float, *materials: Material,
    stands: bool = False, casts_shadow: bool = True,
) -> Thing:  # fmt: skip
    """A box of a class; `stands` if it darkens what it stands on."""
    return Thing(
        solid=Polytope.box(base, size, yaw), object_class=kind, materials=materials,
        ground_m=base[1] if stands else None, casts_shadow=casts_shadow,
    )  # fmt: skip


def cylinder(
    kind: ObjectClass, base: Point, radius: float, height: float, material: Material, *, casts_shadow: bool = True
) -> Thing:
    """An upright cylinder that stands on something."""
    solid = Cylinder(base=np.array(base), radius=radius, height=height)
    return Thing(solid=solid, object_class=kind, materials=(material,), ground_m=base[1], casts_shadow=casts_shadow)


def ball(
    kind: ObjectClass, center: Point, radii: Point, material: Material,
    *, yaw: float = 0.0, raggedness: float = 0.0, ground_m: float | None = None,
    casts_shadow: bool = True,
) -> Thing:  # fmt: skip
    """An ellipsoid of a class."""
    solid = Ellipsoid(center=np.array(center), radii=radii, yaw=yaw, raggedness=raggedness)
    return Thing(solid=solid, object_class=kind, materials=(material,), ground_m=ground_m, casts_shadow=casts_shadow)


def offset(base: Point, yaw: float, right: float, up: float, ahead: float) -> Point:
    """A point given in the turned frame of a thing."""
    cosine, sine = math.cos(yaw), math.sin(yaw)
    return base[0] + cosine * right + sine * ahead, base[1] + up, base[2] - sine * right + cosine * ahead


def on_top(base: Point, height: float) -> Point:
    """The point above."""
    return base[0], base[1] + height, base[2]


def person(shop: Workshop, base: Point) -> list[Thing]:
    """Legs, trunk and head, 1.5 to 1.95 m."""
    height, yaw = shop.draws.within((1.5, 1.95)), shop.draws.within((0.0, math.pi))
    trousers, shirt = shop.material(shop.palette.fabric), shop.material(shop.palette.fabric)
    skin, head_radius = shop.material(shop.palette.skin), height * 0.068
    head, trunk = on_top(base, height - head_radius * 1.25), on_top(base, height * 0.66)
    feet = [offset(base, yaw, side * height * 0.055, 0.0, 0.0) for side in (-1.0, 1.0)]
    return [
        *(cylinder(ObjectClass.PERSON, foot, height * 0.045, height * 0.52, trousers) for foot in feet),
        ball(ObjectClass.PERSON, trunk, (height * 0.13, height * 0.2, height * 0.085), shirt, yaw=yaw),
        ball(ObjectClass.PERSON, head, (head_radius, head_radius * 1.25, head_radius), skin),
    ]


def car(shop: Workshop, base: Point, yaw: float) -> list[Thing]:
    """Body, cabin and four wheels; it points along its own z."""
    draws = shop.draws
    length, width, height = draws.within((3.6, 4.9)), draws.within((1.65, 1.9)), draws.within((1.35, 1.8))
    paint = shop.material(shop.palette.paint)
    glass = shop.material(shop.palette.metal)
    tyre = shop.material(shop.palette.road)
    deck = height * 0.58
    seats = offset(base, yaw, 0.0, deck, -length * 0.06)
    cabin = Polytope.tapered(seats, (width * 0.95, height - deck, length * 0.62), 0.72, yaw)
    things = [
        block(ObjectClass.CAR, on_top(base, 0.28), (width, deck - 0.28, length), yaw, paint),
        Thing(solid=cabin, object_class=ObjectClass.CAR, materials=(glass, glass, paint, glass, glass, glass)),
    ]  # fmt: skip
    for ahead in (-0.32 * length, 0.32 * length):
        axle = offset(base, yaw, 0.0, 0.33, ahead)
        things.append(ball(ObjectClass.CAR, axle, (width * 0.53, 0.34, 0.34), tyre, yaw=yaw, casts_shadow=False))
    shade = Thing(
        solid=Polytope.box(on_top(base, 0.2), (width * 0.9, 0.1, length * 0.96), yaw),
        object_class=ObjectClass.CAR, materials=(tyre,), ground_m=base[1],
        casts_shadow=False,
    )  # fmt: skip
    return [*things, shade]


def lamp_post(shop: Workshop, base: Point) -> list[Thing]:
    """A post of 3.5 to 7 m with a head."""
    height = shop.draws.within((3.5, 7.0))
    metal = shop.material(shop.palette.metal)
    return [
        cylinder(ObjectClass.POLE, base, 0.07, height, metal),
        ball(ObjectClass.POLE, on_top(base, height), (0.3, 0.12, 0.3), metal),
    ]


def fence(shop: Workshop, base: Point) -> list[Thing]:
    """A closed fence or low wall of 3 to 8 m."""
    length, yaw = shop.draws.within((3.0, 8.0)), shop.draws.within((0.0, math.pi))
    tone = shop.draws.pick((shop.palette.wood, shop.palette.brick, shop.palette.stone))
    size = (length, shop.draws.within((0.7, 1.4)) + SUNK_M, 0.15)
    return [block(ObjectClass.FENCE, on_top(base, -SUNK_M), size, yaw, shop.material(tone))]


def house(shop: Workshop, base: Point) -> list[Thing]:
    """One or two storeys under a gable roof, with a door."""
    draws, yaw = shop.draws, shop.draws.within((0.0, 2 * math.pi))
    width, length, height = draws.within((5.0, 9.0)), draws.within((6.0, 12.0)), draws.within((2.8, 5.5))
    wall = shop.material(draws.pick((shop.palette.facade, shop.palette.brick, shop.palette.plaster)))
    roof = Polytope.gable(on_top(base, height), (width + 0.7, draws.within((1.6, 3.2)), length + 0.6), yaw)
    tiles = shop.material(shop.palette.roof)
    door = block(
        ObjectClass.DOOR, offset(base, yaw, draws.either_side(width * 0.3), -SUNK_M, -length / 2),
        (1.0, 2.1 + SUNK_M, 0.12), yaw, shop.material(shop.palette.paint),
    )  # fmt: skip
    walls = Polytope.box(on_top(base, -SUNK_M), (width, height + SUNK_M, length), yaw)
    return [
        Thing(solid=walls, object_class=ObjectClass.BUILDING, materials=(wall,), ground_m=base[1]),
        Thing(solid=roof, object_class=ObjectClass.ROOF, materials=(tiles,)),
        door,
    ]


def building(shop: Workshop, base: Point, size: Point, yaw: float) -> list[Thing]:
    """A block of flats with a cornice."""
    wall, roof = shop.material(shop.palette.facade), shop.material(shop.palette.stone)
    body = block(ObjectClass.BUILDING, base, size, yaw, wall, wall, roof, roof, wall, wall)
    cornice = (size[0] + 0.5, 0.4, size[2] + 0.5)
    return [body, block(ObjectClass.ROOF, on_top(base, size[1]), cornice, yaw, roof)]


def column(shop: Workshop, base: Point, height: float, material: Material) -> list[Thing]:
    """A round column on a square foot."""
    radius = shop.draws.within((0.18, 0.4))
    foot = block(ObjectClass.COLUMN, base, (radius * 2.8, 0.35, radius * 2.8), 0.0, material, stands=True)
    return [foot, cylinder(ObjectClass.COLUMN, base, radius, height, material)]


def barrel(shop: Workshop, base: Point) -> list[Thing]:
    """A drum of 0.7 to 1 m."""
    material = shop.material(shop.draws.pick((shop.palette.paint, shop.palette.metal, shop.palette.wood)))
    return [
        cylinder(ObjectClass.BARREL, base, shop.draws.within((0.25, 0.35)), shop.draws.within((0.7, 1.0)), material)
    ]


def crate(shop: Workshop, base: Point, limits: tuple[float, float] = (0.4, 1.1)) -> list[Thing]:
    """A box, sometimes with a smaller one on it."""
    draws, width = shop.draws, shop.draws.within(limits)
    yaw = draws.within((0.0, math.pi))
    size = (width, width * draws.within((0.5, 1.0)), width * draws.within((0.6, 1.2)))
    tones = (shop.palette.wood, shop.palette.paint)
    things = [block(ObjectClass.BOX, base, size, yaw, shop.material(draws.pick(tones)), stands=True)]
    if draws.chance(0.35):
        smaller = (size[0] * 0.6, size[1] * 0.7, size[2] * 0.6)
        top = on_top(base, size[1])
        things.append(
            block(ObjectClass.BOX, top, smaller, yaw + draws.either_side(0.5), shop.material(draws.pick(tones)))
        )
    return things
