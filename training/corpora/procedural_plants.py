"""Trees, bushes and rocks. All sizes are in metres."""

from __future__ import annotations

import math

from depth_anything.training.corpora.procedural_draws import Range
from depth_anything.training.corpora.procedural_polytopes import Polytope
from depth_anything.training.corpora.procedural_props import SUNK_M, Workshop, ball, cylinder, offset, on_top
from depth_anything.training.corpora.procedural_rays import Point
from depth_anything.training.corpora.procedural_scenery import ObjectClass, Thing


def broad_tree(shop: Workshop, base: Point, limits: Range = (4.0, 9.0)) -> list[Thing]:
    """A trunk with a crown of two or three ragged balls."""
    draws, height = shop.draws, shop.draws.within(limits)
    bark, leaves = shop.material(shop.palette.bark), shop.material(shop.palette.foliage)
    spread = height * draws.within((0.22, 0.34))
    radius = height * 0.025
    things = [cylinder(ObjectClass.TREE, on_top(base, -SUNK_M), radius, height * 0.6 + SUNK_M, bark)]
    for _ in range(draws.count(2, 3)):
        center = offset(
            base,
            0.0,
            draws.either_side(spread * 0.5),
            height * draws.within((0.55, 0.8)),
            draws.either_side(spread * 0.5),
        )
        radii = (
            spread * draws.within((0.7, 1.1)),
            spread * draws.within((0.6, 0.9)),
            spread * draws.within((0.7, 1.1)),
        )
        things.append(ball(ObjectClass.TREE, center, radii, leaves, raggedness=draws.within((0.4, 0.9))))
    return things


def tall_tree(shop: Workshop, base: Point) -> list[Thing]:
    """A tree that one can stand under."""
    return broad_tree(shop, base, (9.0, 13.0))


def conifer(shop: Workshop, base: Point) -> list[Thing]:
    """Two tall pyramids on a trunk, 5 to 12 m."""
    height = shop.draws.within((5.0, 12.0))
    width = height * shop.draws.within((0.14, 0.22))
    needles = shop.material(shop.palette.foliage)
    trunk = cylinder(
        ObjectClass.TREE,
        on_top(base, -SUNK_M),
        height * 0.025,
        height * 0.3 + SUNK_M,
        shop.material(shop.palette.bark),
    )
    tiers = [
        Polytope.pyramid(on_top(base, height * 0.15), width, height * 0.6),
        Polytope.pyramid(on_top(base, height * 0.45), width * 0.7, height * 0.55),
    ]
    return [trunk, *(Thing(solid=tier, object_class=ObjectClass.TREE, materials=(needles,)) for tier in tiers)]


def bush(shop: Workshop, base: Point) -> list[Thing]:
    """A ragged ball, half a metre to two across."""
    width = shop.draws.within((0.4, 1.1))
    center = on_top(base, width * 0.45)
    radii = (width, width * shop.draws.within((0.6, 0.9)), width * shop.draws.within((0.8, 1.2)))
    leaves = shop.material(shop.palette.foliage)
    return [ball(ObjectClass.BUSH, center, radii, leaves, raggedness=0.6, ground_m=base[1])]


def rock(shop: Workshop, base: Point) -> list[Thing]:
    """A boulder, half sunk."""
    draws, width = shop.draws, shop.draws.log_within((0.3, 1.8))
    radii = (width, width * draws.within((0.4, 0.8)), width * draws.within((0.6, 1.2)))
    stone = shop.material(shop.palette.stone)
    yaw = draws.within((0.0, math.pi))
    return [
        ball(ObjectClass.ROCK, on_top(base, 0.15 * width), radii, stone, yaw=yaw, raggedness=0.15, ground_m=base[1])
    ]
