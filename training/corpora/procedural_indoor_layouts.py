"""Rooms, and tables full of things in them. All sizes are in metres."""

from __future__ import annotations

import math

from depth_anything.training.corpora.procedural_domains import Style
from depth_anything.training.corpora.procedural_draws import Draws
from depth_anything.training.corpora.procedural_furniture import (
    bed,
    cabinet,
    chair,
    floor_lamp,
    panel,
    small_object,
    sofa,
    table,
)
from depth_anything.training.corpora.procedural_plots import Plot, shell
from depth_anything.training.corpora.procedural_props import Workshop, block, crate, on_top, person
from depth_anything.training.corpora.procedural_scenery import ObjectClass, Scene, Thing


def room(draws: Draws, style: Style) -> Scene:
    """A living room or bedroom, seen from its near end."""
    shop = Workshop(draws=draws, palette=style.palette, variants=style.texture_variants)
    width, height, length = draws.within((3.0, 6.5)), draws.within((2.3, 3.2)), draws.within((3.5, 8.0))
    eye = (draws.either_side(width / 2 - 0.8), draws.within((0.9, 1.8)), draws.within((0.3, 1.0)))
    aim = math.degrees(math.atan2(-eye[0], length / 2))
    plot = Plot(draws, eye, math.radians(aim), 0.7)
    things = _along_walls(shop, plot, width, length) + _on_walls(shop, width, height, length)
    for _ in range(draws.count(3, 6)):
        things += _in_the_middle(shop, plot, width, length)
    lamp = (draws.either_side(width / 4), height - 0.25, draws.within((0.3, 0.7)) * length)
    return Scene(
        camera=style.camera(draws, eye, aim),
        light=style.lamplight(draws, lamp, draws.within((2.0, 5.0))),
        surroundings=(shell(shop, (width, height, length)),),
        things=tuple(things),
    )


def _along_walls(shop: Workshop, plot: Plot, width: float, length: float) -> list[Thing]:
    """Furniture with its back to a wall: against the left, far and right one."""
    draws, things = shop.draws, []
    makers = (cabinet, cabinet, sofa, bed)
    for yaw, x_sign in ((-math.pi / 2, -1.0), (0.0, 0.0), (math.pi / 2, 1.0)):
        for _ in range(draws.count(1, 3)):
            maker = draws.pick(makers)
            depth = 1.1 if maker is bed else 0.5
            if x_sign:
                x, z = x_sign * (width / 2 - depth), draws.within((1.5, length - 1.0))
            else:
                x, z = draws.either_side(width / 2 - 1.0), length - depth
            if plot.take(x, z, 0.9):
                things += maker(shop, (x, 0.0, z), yaw)
    return things


def _on_walls(shop: Workshop, width: float, height: float, length: float) -> list[Thing]:
    draws, things = shop.draws, []
    for yaw, x_sign in ((-math.pi / 2, -1.0), (0.0, 0.0), (math.pi / 2, 1.0)):
        if draws.chance(0.3):
            continue
        kind = draws.pick((ObjectClass.PICTURE, ObjectClass.PICTURE, ObjectClass.DOOR))
        is_door = kind is ObjectClass.DOOR
        size = (0.9, 2.0, 0.05) if is_door else (draws.within((0.4, 1.4)), draws.within((0.4, 1.1)), 0.04)
        y = 1.0 if is_door else min(1.6, height - 0.7)
        if x_sign:
            center = (x_sign * width / 2, y, draws.within((1.5, length - 1.0)))
        else:
            center = (draws.either_side(width / 2 - 0.8), y, length)
        things += panel(shop, kind, center, size, yaw)
    return things


def _in_the_middle(shop: Workshop, plot: Plot, width: float, length: float) -> list[Thing]:
    draws = shop.draws
    spot = plot.free((1.0, length), 0.55, width / 2 - 0.55, length - 0.6)
    if spot is None:
        return []
    base, yaw = (spot[0], 0.0, spot[1]), draws.within((0.0, 2 * math.pi))
    choice = draws.count(0, 5)
    if choice <= 1:
        things, top = table(shop, base, yaw)
        for _ in range(draws.count(0, 2)):
            things += small_object(
                shop, on_top((base[0] + draws.either_side(0.25), 0.0, base[2] + draws.either_side(0.25)), top)
            )
        return things
    if choice == 2:
        return chair(shop, base, yaw)
    if choice == 3:
        return floor_lamp(shop, base)
    if choice == 4:
        return crate(shop, base, (0.3, 0.6))
    return chair(shop, base, yaw) if draws.chance(0.5) else person(shop, base)


def clutter(draws: Draws, style: Style) -> Scene:
    """A table full of small things in a room, seen from close by."""
    shop = Workshop(draws=draws, palette=style.palette, variants=style.texture_variants)
    width, height, length = draws.within((2.5, 5.0)), draws.within((2.3, 3.0)), draws.within((2.5, 5.0))
    top, near, reach = draws.within((0.6, 0.9)), draws.within((0.5, 0.9)), draws.within((0.7, 1.3))
    wood = shop.material(draws.pick((shop.palette.wood, shop.palette.fabric, shop.palette.floor)))
    slab = (draws.within((1.0, 2.2)), 0.06, reach)
    yaw = draws.either_side(0.35)
    middle, foot = near + reach / 2, (slab[0] * 0.8, top - 0.06, reach * 0.7)
    things = [
        block(ObjectClass.TABLE, (0.0, top - 0.06, middle), slab, yaw, wood),
        block(ObjectClass.TABLE, (0.0, 0.0, middle), foot, yaw, wood, stands=True),
    ]
    eye = (draws.either_side(0.4), top + draws.within((0.2, 0.75)), 0.15)
    plot = Plot(draws, eye, 0.0, 0.55)
    for _ in range(draws.count(6, 12)):
        spot = plot.free((near, near + reach), 0.1, slab[0] / 2 - 0.15, near + reach - 0.1)
        if spot is not None and spot[1] > near + 0.1:
            things += small_object(shop, (spot[0], top, spot[1]))
    things += _on_walls(shop, width, height, length)
    drop = math.degrees(math.atan2(top - eye[1], middle))
    lamp = (draws.either_side(1.0), height - 0.2, draws.within((0.3, 1.5)))
    return Scene(
        camera=style.camera(draws, eye, pitch=(drop - 8.0, drop + 10.0)),
        light=style.lamplight(draws, lamp, draws.within((1.5, 4.0))),
        surroundings=(shell(shop, (width, height, length)),),
        things=tuple(things),
    )
