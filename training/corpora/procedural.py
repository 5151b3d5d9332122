"""Rendered scenes with exact depth, sky and object classes: a corpus that needs no download and has no end.

    scene = render_scene("labelled", 0)

Three domains: `labelled` is narrow (rooms, cluttered tables, parks and streets by day, clean pictures), `unlabelled`
is wide (hills too, all looks, lights and cameras, with the faults of photographs), and `held-out` shows halls,
courtyards, villages and steps: layouts, textures and colours that occur in neither of the others.

In reading order: `_domains` (what a domain looks like), `_indoor_layouts`, `_outdoor_layouts`, `_unseen_layouts`
(what stands where), `_props`, `_plants`, `_furniture` (things), `_rays`, `_polytopes`, `_solids`, `_terrain` (where
rays meet them), `_visibility` and `_shading` (the picture), `_photo` (what a camera makes of it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.procedural_domains import NARROW_STYLE, UNSEEN_STYLE, WIDE_STYLE, Style
from depth_anything.training.corpora.procedural_draws import Draws
from depth_anything.training.corpora.procedural_indoor_layouts import clutter, room
from depth_anything.training.corpora.procedural_outdoor_layouts import hills, park, street
from depth_anything.training.corpora.procedural_photo import develop, draw_photo
from depth_anything.training.corpora.procedural_plots import Layout
from depth_anything.training.corpora.procedural_rays import EyeRays, Floats
from depth_anything.training.corpora.procedural_scenery import ObjectClass
from depth_anything.training.corpora.procedural_shading import shade
from depth_anything.training.corpora.procedural_unseen_layouts import courtyard, hall, steps, village
from depth_anything.training.corpora.procedural_visibility import look, tabulate

DOMAINS = ("labelled", "unlabelled", "held-out")
CLASS_NAMES = tuple(kind.name.lower() for kind in ObjectClass)

_STYLES: tuple[Style, ...] = (NARROW_STYLE, WIDE_STYLE, UNSEEN_STYLE)
_LAYOUTS: tuple[tuple[Layout, ...], ...] = (
    (room, street, park, clutter),
    (room, street, park, hills, clutter),
    (hall, courtyard, village, steps),
)


@dataclass(frozen=True, kw_only=True)
class ProceduralScene:
    """A picture and what is known of each of its pixels."""

    image: NDArray[np.uint8]  # (H, W, 3), RGB
    depth_m: Floats  # (H, W), along the optical axis, infinite where sky
    sky: NDArray[np.bool_]  # (H, W)
    object_class: NDArray[np.uint8]  # (H, W), index into `CLASS_NAMES`


def render_scene(domain: str, index: int, *, size: tuple[int, int] = (224, 224), seed: int = 0) -> ProceduralScene:
    """One scene; the same arguments give the same bits, whatever was rendered before.

    Args:
        domain: one of `DOMAINS`.
        index: which scene, from 0; there is no last one.
        size: height and width in pixels. Another size shows the same scene, its shorter side the same field of view.
        seed: another seed gives other scenes everywhere.

    Raises:
        ValueError: a domain that does not exist, a negative index or seed, a size without pixels.
    """
    _check(domain, index, size, seed)
    number = DOMAINS.index(domain)
    style = _STYLES[number]
    draws = Draws(np.random.default_rng(np.random.SeedSequence((seed, number, index))))
    scene = draws.pick(_LAYOUTS[number])(draws, style)
    photo = draw_photo(draws, style.photo)
    rays = EyeRays(scene.camera, size)
    surfaces = tabulate(scene)
    visible = look(scene, surfaces, rays)
    picture = shade(scene, surfaces, visible, rays)
    np.copyto(visible.depth_m, np.inf, where=visible.sky)
    return ProceduralScene(
        image=develop(picture, photo),
        depth_m=visible.depth_m,
        sky=visible.sky,
        object_class=visible.runs.spread(surfaces.object_class),
    )


def _check(domain: str, index: int, size: tuple[int, int], seed: int) -> None:
    if domain not in DOMAINS:
        raise ValueError(f"domain is {domain!r}, must be one of {', '.join(map(repr, DOMAINS))}; choose one of them")
    for name, value in (("index", index), ("seed", seed)):
        if value < 0:
            raise ValueError(f"{name} is {value}, must be 0 or more; count scenes and seeds from 0")
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size is {size}, must be (height, width) of at least 1 pixel each, such as (224, 224)")
