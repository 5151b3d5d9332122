"""Furniture and small objects. All sizes are in metres."""

from __future__ import annotations

import math

from depth_anything.training.corpora.procedural_props import Workshop, ball, block, cylinder, offset, on_top
from depth_anything.training.corpora.procedural_rays import Point
from depth_anything.training.corpora.procedural_scenery import ObjectClass, Thing


def table(shop: Workshop, base: Point, yaw: float) -> tuple[list[Thing], float]:
    """A table on four legs, and the height of its top."""
    draws = shop.draws
    width, length, height = draws.within((0.9, 1.8)), draws.within((0.6, 1.0)), draws.within((0.45, 0.78))
    wood = shop.material(shop.palette.wood)
    top = block(ObjectClass.TABLE, on_top(base, height - 0.05), (width, 0.05, length), yaw, wood)
    legs = [
        cylinder(
            ObjectClass.TABLE,
            offset(base, yaw, x * (width / 2 - 0.06), 0.0, z * (length / 2 - 0.06)),
            0.035,
            height - 0.05,
            wood,
        )
        for x in (-1, 1)
        for z in (-1, 1)
    ]
    return [top, *legs], height


def chair(shop: Workshop, base: Point, yaw: float) -> list[Thing]:
    """A seat and a back on two side frames."""
    wood, seat = shop.material(shop.palette.wood), shop.material(shop.palette.fabric)
    return [
        block(ObjectClass.CHAIR, on_top(base, 0.42), (0.44, 0.06, 0.44), yaw, seat),
        block(
            ObjectClass.CHAIR,
            offset(base, yaw, 0.0, 0.48, 0.2),
            (0.44, shop.draws.within((0.35, 0.55)), 0.05),
            yaw,
            seat,
        ),
        block(ObjectClass.CHAIR, offset(base, yaw, -0.2, 0.0, 0.0), (0.04, 0.42, 0.4), yaw, wood, stands=True),
        block(ObjectClass.CHAIR, offset(base, yaw, 0.2, 0.0, 0.0), (0.04, 0.42, 0.4), yaw, wood, stands=True),
    ]


def sofa(shop: Workshop, base: Point, yaw: float) -> list[Thing]:
    """A seat, a back and two arms; it faces its own -z."""
    width = shop.draws.within((1.3, 2.2))
    cloth, arm = shop.material(shop.palette.fabric), shop.material(shop.palette.fabric)
    return [
        block(ObjectClass.SOFA, base, (width, 0.42, 0.8), yaw, cloth, stands=True),
        block(ObjectClass.SOFA, offset(base, yaw, 0.0, 0.0, 0.38), (width, 0.82, 0.2), yaw, cloth),
        block(ObjectClass.SOFA, offset(base, yaw, -width / 2, 0.0, 0.05), (0.2, 0.6, 0.85), yaw, arm),
        block(ObjectClass.SOFA, offset(base, yaw, width / 2, 0.0, 0.05), (0.2, 0.6, 0.85), yaw, arm),
    ]


def bed(shop: Workshop, base: Point, yaw: float) -> list[Thing]:
    """A mattress, a headboard and a pillow; its head is at its own z."""
    width = shop.draws.within((0.9, 1.8))
    wood, cloth = shop.material(shop.palette.wood), shop.material(shop.palette.fabric)
    pillow = shop.material(shop.palette.ceiling)
    return [
        block(ObjectClass.BED, base, (width + 0.06, 0.25, 2.06), yaw, wood, stands=True),
        block(ObjectClass.BED, on_top(base, 0.25), (width, 0.25, 2.0), yaw, cloth),
        block(ObjectClass.BED, offset(base, yaw, 0.0, 0.0, 1.05), (width + 0.1, 1.0, 0.06), yaw, wood),
        ball(ObjectClass.BED, offset(base, yaw, 0.0, 0.55, 0.75), (width * 0.35, 0.1, 0.22), pillow, yaw=yaw),
    ]


def cabinet(shop: Workshop, base: Point, yaw: float) -> list[Thing]:
    """A wardrobe, a chest or a bookshelf; its front is at its own -z."""
    draws = shop.draws
    size = (draws.within((0.6, 1.8)), draws.within((0.7, 2.1)), draws.within((0.3, 0.6)))
    wood = shop.material(shop.palette.wood)
    front = shop.material(shop.palette.books) if draws.chance(0.5) else wood
    return [block(ObjectClass.CABINET, base, size, yaw, wood, wood, wood, wood, wood, front, stands=True)]


def floor_lamp(shop: Workshop, base: Point) -> list[Thing]:
    """A thin post with a shade."""
    height = shop.draws.within((1.3, 1.8))
    metal = shop.material(shop.palette.metal)
    return [
        cylinder(ObjectClass.LAMP, base, 0.02, height, metal),
        cylinder(ObjectClass.LAMP, on_top(base, height - 0.05), 0.18, 0.28, shop.material(shop.palette.ceiling)),
    ]


def panel(shop: Workshop, kind: ObjectClass, center: Point, size: Point, yaw: float) -> list[Thing]:
    """A picture, window or door flat on a wall, in a frame; its front is at its own -z."""
    tone = shop.palette.paint if kind is ObjectClass.DOOR else shop.palette.picture
    frame, front = shop.material(shop.palette.wood), shop.material(tone)
    foot = on_top(center, -size[1] / 2)
    inner = (size[0] - 0.1, size[1] - 0.1, size[2] + 0.02)
    return [
        block(kind, foot, size, yaw, frame, casts_shadow=False),
        block(kind, on_top(foot, 0.05), inner, yaw, front, casts_shadow=False),
    ]


def small_object(shop: Workshop, base: Point) -> list[Thing]:
    """Something that stands on a table: a box, a book, a ball, a bottle, a mug."""
    makers = (_packet, _pile, _toy_ball, _bottle, _mug)
    return shop.draws.pick(makers)(shop, base)


def _packet(shop: Workshop, base: Point) -> list[Thing]:
    draws = shop.draws
    size = (draws.within((0.06, 0.22)), draws.within((0.06, 0.3)), draws.within((0.05, 0.16)))
    material = shop.material(draws.pick((shop.palette.paint, shop.palette.picture)))
    return [block(ObjectClass.BOX, base, size, draws.within((0.0, math.pi)), material, stands=True)]


def _pile(shop: Workshop, base: Point) -> list[Thing]:
    draws, height = shop.draws, 0.0
    things: list[Thing] = []
    for _ in range(draws.count(1, 3)):
        thickness = draws.within((0.02, 0.06))
        size = (draws.within((0.14, 0.2)), thickness, draws.within((0.2, 0.28)))
        material = shop.material(shop.palette.paint)
        things.append(
            block(
                ObjectClass.BOX, on_top(base, height), size, draws.within((0.0, math.pi)), material, stands=not things
            )
        )
        height += thickness
    return things


def _toy_ball(shop: Workshop, base: Point) -> list[Thing]:
    radius = shop.draws.within((0.03, 0.13))
    paint = shop.material(shop.palette.paint)
    return [ball(ObjectClass.BALL, on_top(base, radius), (radius, radius, radius), paint, ground_m=base[1])]


def _bottle(shop: Workshop, base: Point) -> list[Thing]:
    radius, height = shop.draws.within((0.03, 0.05)), shop.draws.within((0.14, 0.24))
    glass = shop.material(shop.palette.paint)
    return [
        cylinder(ObjectClass.BOTTLE, base, radius, height, glass),
        ball(ObjectClass.BOTTLE, on_top(base, height), (radius, radius, radius), glass, casts_shadow=False),
        cylinder(ObjectClass.BOTTLE, on_top(base, height), radius * 0.35, height * 0.4, glass, casts_shadow=False),
    ]


def _mug(shop: Workshop, base: Point) -> list[Thing]:
    radius = shop.draws.within((0.035, 0.06))
    return [
        cylinder(
            ObjectClass.BOTTLE, base, radius, radius * shop.draws.within((1.6, 2.8)), shop.material(shop.palette.paint)
        )
    ]
