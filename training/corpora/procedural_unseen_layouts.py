"""Scenes that only the held-out domain shows: halls, courtyards, villages in the hills, steps full of things."""

from __future__ import annotations

import math

from depth_anything.training.corpora.procedural_domains import Style
from depth_anything.training.corpora.procedural_draws import Draws
from depth_anything.training.corpora.procedural_furniture import chair, small_object, table
from depth_anything.training.corpora.procedural_plants import broad_tree, bush, conifer, tall_tree
from depth_anything.training.corpora.procedural_plots import Plot, foreground, landscape, level, shell
from depth_anything.training.corpora.procedural_polytopes import Polytope
from depth_anything.training.corpora.procedural_props import (
    Workshop,
    ball,
    barrel,
    block,
    building,
    car,
    column,
    crate,
    cylinder,
    fence,
    house,
    on_top,
    person,
)
from depth_anything.training.corpora.procedural_rays import Point
from depth_anything.training.corpora.procedural_scenery import ObjectClass, Scene, Thing


def heap(shop: Workshop, base: Point) -> list[Thing]:
    """Large crates, up to shoulder height."""
    return crate(shop, base, (0.8, 1.5))


def hall(draws: Draws, style: Style) -> Scene:
    """A store with two rows of columns, racks, crates and barrels."""
    shop = Workshop(draws=draws, palette=style.palette, variants=style.texture_variants)
    width, height, length = draws.within((6.0, 13.0)), draws.within((3.2, 5.0)), draws.within((10.0, 24.0))
    eye = (draws.either_side(width / 3), draws.within(style.eye_m), 1.0)
    aim = math.degrees(math.atan2(-eye[0], length / 2))
    plot = Plot(draws, eye, math.radians(aim), 0.7)
    things = foreground(shop, plot, (crate, barrel, person), level, width / 2 - 0.5)
    stone, spacing = shop.material(shop.palette.stone), draws.within((4.0, 7.0))
    for number in range(1, int(length / spacing)):
        for side in (-1.0, 1.0):
            if number <= 3 and plot.take(side * width / 4, number * spacing, 0.6):
                things += column(shop, (side * width / 4, 0.0, number * spacing), height, stone)
    for side in (-1.0, 1.0):
        rack = (1.2, draws.within((1.8, height - 0.5)), draws.within((4.0, length * 0.6)))
        x, z = side * (width / 2 - 0.6), draws.within((0.4, 0.7)) * length
        goods = shop.material(shop.palette.books, period_m=3.0)
        things.append(block(ObjectClass.CABINET, (x, 0.0, z), rack, 0.0, goods, stands=True))
    for _ in range(draws.count(5, 10)):
        spot = plot.free((2.0, length * 0.6), 0.7, width / 2 - 1.8, length - 1.0)
        if spot is not None:
            things += draws.pick((heap, heap, barrel, person))(shop, (spot[0], 0.0, spot[1]))
    lamp = (draws.either_side(width / 5), height - 0.2, draws.within((0.3, 0.6)) * length)
    return Scene(
        camera=style.camera(draws, eye, aim), light=style.lamplight(draws, lamp, draws.within((6.0, 12.0))),
        surroundings=(shell(shop, (width, height, length)),), things=tuple(things),
    )  # fmt: skip


def courtyard(draws: Draws, style: Style) -> Scene:
    """A square between buildings, with a colonnade, a fountain and tables."""
    shop = Workshop(draws=draws, palette=style.palette, variants=style.texture_variants)
    half, depth = draws.within((7.0, 14.0)), draws.within((14.0, 30.0))
    eye = (draws.either_side(half * 0.6), draws.within(style.eye_m), 0.0)
    aim = math.degrees(math.atan2(-eye[0], depth))
    plot = Plot(draws, eye, math.radians(aim), 0.65)
    things = foreground(shop, plot, (person, barrel, tall_tree, bush), level, half - 0.5)
    for side in (-1.0, 1.0):
        height = draws.within((4.0, 14.0))
        things += building(shop, (side * (half + 4.0), 0.0, depth / 2), (8.0, height, depth + 6.0), 0.0)
    if draws.chance(0.7):
        size = (half * draws.within((1.0, 2.2)), draws.within((4.0, 10.0)), 8.0)
        things += building(shop, (draws.either_side(half), 0.0, depth + 6.0), size, 0.0)
    stone, side = shop.material(shop.palette.stone), draws.pick((-1.0, 1.0))
    for number in range(draws.count(2, 4)):
        base = (side * (half - 1.5), 0.0, 5.0 + number * 4.0)
        if plot.take(base[0], base[2], 0.6):
            things += column(shop, base, 3.2, stone)
    basin = (draws.either_side(half * 0.4), 0.0, draws.within((0.4, 0.7)) * depth)
    if plot.take(basin[0], basin[2], 1.8):
        things.append(cylinder(ObjectClass.COLUMN, basin, 1.6, 0.6, stone))
        things.append(ball(ObjectClass.BALL, on_top(basin, 1.2), (0.5, 0.6, 0.5), stone))
    for _ in range(draws.count(3, 6)):
        spot = plot.free((2.5, depth), 0.9, half - 1.0)
        if spot is not None:
            base, yaw = (spot[0], 0.0, spot[1]), draws.within((0.0, math.pi))
            if draws.chance(0.25):
                things += table(shop, base, yaw)[0] + chair(shop, (base[0] + 0.9, 0.0, base[2]), yaw)
            else:
                things += draws.pick((person, person, broad_tree, barrel))(shop, base)
    paving = shop.material(shop.palette.pavement)
    ground = Thing(solid=Polytope.ground(), object_class=ObjectClass.PAVEMENT, materials=(paving,))
    return Scene(
        camera=style.camera(draws, eye, aim), light=style.daylight(draws), surroundings=(ground,), things=tuple(things)
    )


def village(draws: Draws, style: Style) -> Scene:
    """Houses, trees and fences on hills."""
    shop = Workshop(draws=draws, palette=style.palette, variants=style.texture_variants)
    terrain, ground = landscape(draws, (12.0, 40.0))
    eye = (0.0, ground(0.0, 0.0) + draws.within(style.eye_m) + draws.pick((0.5, 5.0)), 0.0)
    plot = Plot(draws, eye, 0.0, 0.7)
    things = foreground(shop, plot, (bush, person, crate, barrel), ground, math.inf)
    for _ in range(draws.count(2, 4)):
        spot = plot.free((13.0, 70.0), 7.0)
        if spot is not None:
            things += house(shop, (spot[0], ground(*spot), spot[1]))
    for _ in range(draws.count(4, 7)):
        spot = plot.free((5.0, 40.0), 1.8)
        if spot is None:
            continue
        base, yaw = (spot[0], ground(*spot), spot[1]), draws.within((0.0, math.pi))
        choice = draws.count(0, 6)
        if choice == 0:
            things += fence(shop, base)
        elif choice == 1:
            things += car(shop, base, yaw)
        else:
            things += draws.pick((broad_tree, conifer, bush, person))(shop, base)
    return Scene(
        camera=style.camera(draws, eye, pitch=(style.pitch[0] * 0.5, style.pitch[1] * 0.5)),
        light=style.daylight(draws), surroundings=(), things=tuple(things),
        terrain=terrain, terrain_material=shop.material(shop.palette.grass),
    )  # fmt: skip


def steps(draws: Draws, style: Style) -> Scene:
    """A stand of steps full of small things, from close by."""
    shop = Workshop(draws=draws, palette=style.palette, variants=style.texture_variants)
    width, height, length = draws.within((3.0, 5.0)), draws.within((2.4, 3.2)), draws.within((3.0, 5.0))
    start, rise, tread = draws.within((0.5, 0.8)), draws.within((0.1, 0.22)), draws.within((0.25, 0.4))
    low = draws.within((0.4, 0.7))
    things: list[Thing] = []
    wood = shop.material(draws.pick((shop.palette.wood, shop.palette.stone, shop.palette.fabric)))
    eye = (draws.either_side(0.5), low + draws.within((0.4, 1.1)), 0.1)
    yaw = draws.either_side(0.3)
    for number in range(draws.count(3, 5)):
        z = start + number * tread
        top = low + number * rise
        things.append(block(ObjectClass.TABLE, (0.0, 0.0, z + tread), (width * 0.5, top, tread * 2), yaw, wood))
        for _ in range(draws.count(2, 3)):
            right = draws.either_side(width * 0.2)
            x, ahead = right, z + tread - tread * 0.5
            things += small_object(shop, (math.cos(yaw) * x, top, ahead - math.sin(yaw) * x))
    drop = math.degrees(math.atan2(low - eye[1], start + tread))
    lamp = (draws.either_side(1.0), height - 0.2, draws.within((0.3, 1.5)))
    return Scene(
        camera=style.camera(draws, eye, pitch=(drop, drop + 20.0)),
        light=style.lamplight(draws, lamp, draws.within((1.5, 4.0))),
        surroundings=(shell(shop, (width, height, length)),), things=tuple(things),
    )  # fmt: skip
