"""Streets, parks and hills. All sizes are in metres."""

from __future__ import annotations

import math

from depth_anything.training.corpora.procedural_domains import Style
from depth_anything.training.corpora.procedural_draws import Draws, Range
from depth_anything.training.corpora.procedural_plants import broad_tree, bush, conifer, rock, tall_tree
from depth_anything.training.corpora.procedural_plots import Maker, Plot, foreground, landscape, level
from depth_anything.training.corpora.procedural_polytopes import Polytope
from depth_anything.training.corpora.procedural_props import (
    Workshop,
    ball,
    building,
    car,
    crate,
    fence,
    house,
    lamp_post,
    person,
)
from depth_anything.training.corpora.procedural_scenery import ObjectClass, Scene, Thing


def street(draws: Draws, style: Style) -> Scene:
    """A road between pavements and houses, with traffic and people."""
    shop = Workshop(draws=draws, palette=style.palette, variants=style.texture_variants)
    width, walk = draws.within((6.0, 10.0)), draws.within((2.0, 4.0))
    eye = (draws.either_side(width / 2 + walk - 0.8), draws.within(style.eye_m), 0.0)
    plot = Plot(draws, eye, 0.0, 0.5)
    pavement, curb = shop.material(shop.palette.pavement), 0.14
    lane = shop.material(shop.palette.road, period_m=width)
    grass = shop.material(shop.palette.grass)
    surroundings = [
        Thing(solid=Polytope.ground(), object_class=ObjectClass.GROUND, materials=(grass,)),
        Thing(solid=Polytope.strip(-width / 2, width / 2, 0.02), object_class=ObjectClass.ROAD, materials=(lane,)),
    ]
    things = foreground(shop, plot, (person, lamp_post, tall_tree, crate), level, width / 2 + walk - 0.4)
    for side in (-1.0, 1.0):
        edges = sorted((side * width / 2, side * (width / 2 + walk)))
        strip = Polytope.strip(edges[0], edges[1], curb)
        surroundings.append(Thing(solid=strip, object_class=ObjectClass.PAVEMENT, materials=(pavement,)))
        things += _row_of_buildings(shop, side, width / 2 + walk)
        for _ in range(draws.count(1, 3)):
            z = draws.log_within((4.0, 45.0))
            x = side * (width / 2 - 1.1)
            if plot.take(x, z, 2.4):
                things += car(shop, (x, 0.0, z), draws.either_side(0.06))
        for _ in range(draws.count(1, 3)):
            maker = draws.pick((person, person, broad_tree, lamp_post))
            x, z = side * (width / 2 + draws.within((0.4, walk - 0.4))), draws.log_within((2.5, 40.0))
            if plot.take(x, z, 0.6):
                things += maker(shop, (x, curb, z))
    return Scene(
        camera=style.camera(draws, eye, -6.0 * eye[0] / width), light=style.daylight(draws),
        surroundings=tuple(surroundings), things=tuple(things),
    )  # fmt: skip


def _row_of_buildings(shop: Workshop, side: float, edge: float) -> list[Thing]:
    draws, things, z = shop.draws, [], -2.0
    while z < 70.0:
        length = draws.within((9.0, 22.0))
        if not draws.chance(0.15):
            depth, height = draws.within((8.0, 12.0)), draws.within((4.0, 18.0))
            x = side * (edge + depth / 2 + draws.within((0.0, 2.0)))
            things += building(shop, (x, 0.0, z + length / 2), (depth, height, length), 0.0)
        z += length + draws.within((0.0, 4.0))
    return things


def park(draws: Draws, style: Style) -> Scene:
    """A sloping meadow with trees, people, fences and a house or two."""
    shop = Workshop(draws=draws, palette=style.palette, variants=style.texture_variants)
    slope_x, slope_z = draws.either_side(0.14), draws.within((-0.1, 0.14))
    eye = (0.0, draws.within(style.eye_m), 0.0)
    plot = Plot(draws, eye, 0.0, 0.75)

    def ground(x: float, z: float) -> float:
        return slope_x * x + slope_z * z

    things = foreground(shop, plot, (bush, person, crate), ground, math.inf)

    def place(maker: Maker, distance_m: Range, radius: float) -> None:
        spot = plot.free(distance_m, radius)
        if spot is not None:
            things.extend(maker(shop, (spot[0], ground(*spot), spot[1])))

    for _ in range(draws.count(0, 2)):
        place(house, (14.0, 60.0), 6.0)
    for _ in range(draws.count(0, 2)):
        place(fence, (6.0, 30.0), 4.0)
    grove = draws.pick((broad_tree, conifer))
    for _ in range(draws.count(3, 7)):
        place(grove if draws.chance(0.7) else broad_tree, (6.0, 50.0), 1.8)
    for _ in range(draws.count(2, 6)):
        place(draws.pick((bush, rock, person, person, crate)), (2.0, 20.0), 0.7)
    grass = Thing(
        solid=Polytope.ground(slope_x, slope_z), object_class=ObjectClass.GROUND,
        materials=(shop.material(shop.palette.grass),),
    )  # fmt: skip
    return Scene(
        camera=style.camera(draws, eye), light=style.daylight(draws), surroundings=(grass,),
        things=(*things, *mountains(shop)),
    )  # fmt: skip


def mountains(shop: Workshop) -> list[Thing]:
    """Up to three far hills."""
    draws = shop.draws
    things = []
    for _ in range(draws.count(0, 3)):
        distance, bearing = draws.within((150.0, 330.0)), draws.either_side(0.8)
        center = (distance * math.sin(bearing), -8.0, distance * math.cos(bearing))
        radii = (draws.within((60.0, 160.0)), draws.within((20.0, 60.0)), draws.within((25.0, 60.0)))
        tone = draws.pick((shop.palette.grass, shop.palette.foliage, shop.palette.stone))
        things.append(ball(ObjectClass.HILL, center, radii, shop.material(tone, period_m=60.0), casts_shadow=False))
    return things


def hills(draws: Draws, style: Style) -> Scene:
    """Terrain with trees and rocks."""
    shop = Workshop(draws=draws, palette=style.palette, variants=style.texture_variants)
    terrain, ground = landscape(draws)
    eye = (0.0, ground(0.0, 0.0) + draws.within(style.eye_m) + draws.pick((0.3, 1.0, 6.0)), 0.0)
    plot = Plot(draws, eye, 0.0, 0.75)
    things = foreground(shop, plot, (bush, person, crate), ground, math.inf)
    grove = draws.pick((broad_tree, conifer, conifer))
    for _ in range(draws.count(4, 9)):
        maker = draws.pick((grove, grove, grove, bush, rock, rock, person))
        spot = plot.free((6.0, 60.0), 2.0)
        if spot is not None:
            things += maker(shop, (spot[0], ground(*spot), spot[1]))
    return Scene(
        camera=style.camera(draws, eye, pitch=(style.pitch[0] * 0.5, style.pitch[1])),
        light=style.daylight(draws), surroundings=(), things=tuple(things),
        terrain=terrain, terrain_material=shop.material(draws.pick((shop.palette.grass, shop.palette.stone))),
    )  # fmt: skip
