"""Colours and coverings of things, drawn from palettes. Colours are linear RGB, 0..1."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace

from depth_anything.training.corpora.procedural_draws import Draws, Range
from depth_anything.training.corpora.procedural_painters import Texture
from depth_anything.training.corpora.procedural_textures import slot

Colour = tuple[float, float, float]
DISPLAY_GAMMA = 2.2


@dataclass(frozen=True, kw_only=True)
class Material:
    """Two colours that a texture mixes, how large it is, and how much a slow second pattern stains it."""

    first: Colour
    second: Colour
    texture: int  # start in the table of textures
    period_m: float
    stain: float


@dataclass(frozen=True, kw_only=True)
class Tone:
    """Ranges that materials of one kind are drawn from: hue in turns, the rest 0..1 as a screen shows it."""

    hue: Range
    saturation: Range
    value: Range
    textures: tuple[Texture, ...] = (Texture.PLASTER,)
    period_m: Range = (1.0, 3.0)
    contrast: Range = (0.1, 0.4)  # of the second colour, as a share of the first's brightness
    accent: tuple[Range, Range, Range] | None = None  # hue, saturation, value of an unrelated second colour

    def material(self, draws: Draws, variants: tuple[int, ...]) -> Material:
        """One material; `variants` are the drawings of each texture that may be used."""
        first = self.colour(draws)
        if self.accent is None:
            factor = 1 + draws.within(self.contrast) * (1 if draws.chance(0.5) else -1)
            second = tuple(min(channel * factor * (1 + draws.either_side(0.06)), 1.0) for channel in first)
        else:
            second = linear_colour(*(draws.within(limits) for limits in self.accent))
        return Material(
            first=first,
            second=(second[0], second[1], second[2]),
            texture=slot(draws.pick(self.textures), draws.pick(variants)),
            period_m=draws.within(self.period_m),
            stain=draws.within((0.1, 0.5)),
        )

    def colour(self, draws: Draws) -> Colour:
        """One colour of the tone."""
        return linear_colour(draws.within(self.hue), draws.within(self.saturation), draws.within(self.value))


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The tones of everything that is drawn."""

    plaster: Tone
    floor: Tone
    ceiling: Tone
    wood: Tone
    fabric: Tone
    paint: Tone  # cars, doors, balls, boxes
    facade: Tone
    brick: Tone
    roof: Tone
    road: Tone
    pavement: Tone
    grass: Tone
    foliage: Tone
    bark: Tone
    stone: Tone
    metal: Tone
    skin: Tone
    books: Tone
    picture: Tone


def linear_colour(hue: float, saturation: float, value: float) -> Colour:
    """Linear RGB of a colour given as a screen shows it."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return red**DISPLAY_GAMMA, green**DISPLAY_GAMMA, blue**DISPLAY_GAMMA


GLASS = ((0.52, 0.66), (0.1, 0.5), (0.12, 0.5))
LINE_PAINT = ((0.1, 0.16), (0.0, 0.25), (0.75, 0.95))
PAPER = ((0.0, 1.0), (0.2, 0.7), (0.3, 0.9))

NARROW_PALETTE = Palette(
    plaster=Tone(hue=(0.08, 0.14), saturation=(0.02, 0.2), value=(0.7, 0.95), contrast=(0.05, 0.15)),
    floor=Tone(hue=(0.05, 0.1), saturation=(0.2, 0.5), value=(0.4, 0.7), textures=(Texture.PLANK, Texture.TILE),
               period_m=(1.2, 2.4)),
    ceiling=Tone(hue=(0.1, 0.15), saturation=(0.0, 0.08), value=(0.85, 0.98), contrast=(0.02, 0.06)),
    wood=Tone(hue=(0.05, 0.1), saturation=(0.3, 0.6), value=(0.3, 0.7), textures=(Texture.PLANK,),
              period_m=(0.8, 1.6), contrast=(0.15, 0.4)),
    fabric=Tone(hue=(0.55, 0.68), saturation=(0.1, 0.45), value=(0.3, 0.7), period_m=(0.4, 1.0)),
    paint=Tone(hue=(0.0, 1.0), saturation=(0.0, 0.6), value=(0.35, 0.9), contrast=(0.02, 0.1)),
    facade=Tone(hue=(0.06, 0.12), saturation=(0.05, 0.3), value=(0.55, 0.85), textures=(Texture.FACADE,),
                period_m=(11.0, 13.0), accent=GLASS),
    brick=Tone(hue=(0.01, 0.06), saturation=(0.35, 0.6), value=(0.4, 0.65), textures=(Texture.BRICK,),
               period_m=(1.2, 1.8), contrast=(0.3, 0.5)),
    roof=Tone(hue=(0.01, 0.05), saturation=(0.4, 0.65), value=(0.35, 0.6), textures=(Texture.TILE,),
              period_m=(1.2, 2.0)),
    road=Tone(hue=(0.55, 0.65), saturation=(0.0, 0.08), value=(0.28, 0.42), textures=(Texture.LANE,),
              accent=LINE_PAINT),
    pavement=Tone(hue=(0.08, 0.12), saturation=(0.02, 0.12), value=(0.5, 0.7), textures=(Texture.TILE,),
                  period_m=(2.0, 3.0)),
    grass=Tone(hue=(0.24, 0.32), saturation=(0.4, 0.6), value=(0.35, 0.55), textures=(Texture.SOIL,),
               period_m=(2.0, 4.0), contrast=(0.3, 0.5)),
    foliage=Tone(hue=(0.25, 0.34), saturation=(0.4, 0.65), value=(0.28, 0.5), textures=(Texture.LEAF,),
                 period_m=(1.2, 2.0), contrast=(0.4, 0.7)),
    bark=Tone(hue=(0.06, 0.1), saturation=(0.2, 0.45), value=(0.25, 0.45), textures=(Texture.PLANK,),
              period_m=(0.6, 1.2)),
    stone=Tone(hue=(0.08, 0.14), saturation=(0.02, 0.12), value=(0.4, 0.65), textures=(Texture.ROCK,),
               period_m=(1.5, 3.0), contrast=(0.3, 0.5)),
    metal=Tone(hue=(0.55, 0.65), saturation=(0.0, 0.1), value=(0.3, 0.6), contrast=(0.02, 0.1)),
    skin=Tone(hue=(0.04, 0.08), saturation=(0.25, 0.5), value=(0.4, 0.9), contrast=(0.02, 0.05)),
    books=Tone(hue=(0.05, 0.1), saturation=(0.3, 0.5), value=(0.15, 0.3), textures=(Texture.BOOKS,),
               period_m=(1.2, 1.4), accent=PAPER),
    picture=Tone(hue=(0.0, 1.0), saturation=(0.1, 0.5), value=(0.3, 0.9), textures=(Texture.CLOUD, Texture.ROCK),
                 period_m=(0.5, 1.0), accent=PAPER),
)  # fmt: skip
ANY_HUE = (0.0, 1.0)
WIDE_PALETTE = replace(
    NARROW_PALETTE,
    plaster=Tone(hue=ANY_HUE, saturation=(0.0, 0.45), value=(0.35, 0.98), contrast=(0.05, 0.4), period_m=(0.6, 3.0),
                 textures=(Texture.PLASTER, Texture.STRIPE, Texture.BRICK, Texture.PLANK, Texture.CLOUD)),
    floor=Tone(hue=ANY_HUE, saturation=(0.0, 0.5), value=(0.2, 0.85), period_m=(0.8, 3.0), contrast=(0.1, 0.6),
               textures=(Texture.PLANK, Texture.TILE, Texture.CHECKER, Texture.SOIL, Texture.STRIPE)),
    wood=replace(NARROW_PALETTE.wood, saturation=(0.1, 0.7), value=(0.15, 0.85)),
    fabric=Tone(hue=ANY_HUE, saturation=(0.05, 0.75), value=(0.15, 0.9), period_m=(0.3, 1.2), contrast=(0.1, 0.7),
                textures=(Texture.PLASTER, Texture.STRIPE, Texture.CHECKER, Texture.LEAF)),
    paint=Tone(hue=ANY_HUE, saturation=(0.0, 0.9), value=(0.1, 0.95), contrast=(0.02, 0.5), period_m=(0.3, 1.0),
               textures=(Texture.PLASTER, Texture.STRIPE, Texture.CHECKER, Texture.CLOUD)),
    facade=replace(NARROW_PALETTE.facade, hue=ANY_HUE, saturation=(0.0, 0.45), value=(0.3, 0.95),
                   period_m=(9.0, 15.0)),
    brick=replace(NARROW_PALETTE.brick, hue=(0.0, 0.14), saturation=(0.1, 0.7), value=(0.25, 0.8)),
    roof=replace(NARROW_PALETTE.roof, hue=(-0.1, 0.15), saturation=(0.05, 0.7), value=(0.2, 0.7)),
    road=replace(NARROW_PALETTE.road, hue=ANY_HUE, value=(0.2, 0.6)),
    pavement=replace(NARROW_PALETTE.pavement, hue=(0.0, 0.2), value=(0.3, 0.8), period_m=(1.0, 4.0),
                     textures=(Texture.TILE, Texture.COBBLE, Texture.PLASTER, Texture.BRICK)),
    grass=replace(NARROW_PALETTE.grass, hue=(0.12, 0.36), saturation=(0.2, 0.7), value=(0.25, 0.7),
                  textures=(Texture.SOIL, Texture.LEAF)),
    foliage=replace(NARROW_PALETTE.foliage, hue=(0.17, 0.4), saturation=(0.25, 0.8), value=(0.2, 0.6)),
    stone=replace(NARROW_PALETTE.stone, hue=(0.0, 0.2), value=(0.25, 0.8), saturation=(0.0, 0.3)),
)  # fmt: skip
# Autumn, blossom, dry and red soils, cold plaster: hues that neither of the others has for the same things.
UNSEEN_PALETTE = replace(
    WIDE_PALETTE,
    plaster=replace(WIDE_PALETTE.plaster, hue=(0.42, 0.6), saturation=(0.15, 0.5), value=(0.4, 0.85),
                    textures=(Texture.PLASTER, Texture.COBBLE, Texture.ROCK)),
    floor=replace(WIDE_PALETTE.floor, hue=(0.5, 0.95), textures=(Texture.COBBLE, Texture.PLANK, Texture.ROCK)),
    fabric=replace(WIDE_PALETTE.fabric, textures=(Texture.BRICK, Texture.CLOUD, Texture.ROCK)),
    facade=replace(WIDE_PALETTE.facade, hue=(0.4, 0.62), saturation=(0.2, 0.5), value=(0.35, 0.8)),
    roof=replace(WIDE_PALETTE.roof, hue=(0.4, 0.7)),
    road=replace(WIDE_PALETTE.road, hue=(0.02, 0.1), saturation=(0.2, 0.4), value=(0.3, 0.55)),
    pavement=replace(WIDE_PALETTE.pavement, hue=(0.9, 1.05), saturation=(0.1, 0.3),
                     textures=(Texture.CHECKER, Texture.COBBLE)),
    grass=replace(WIDE_PALETTE.grass, hue=(0.02, 0.11), saturation=(0.25, 0.55), value=(0.35, 0.75),
                  textures=(Texture.SOIL, Texture.ROCK)),
    foliage=replace(WIDE_PALETTE.foliage, hue=(-0.12, 0.13), saturation=(0.35, 0.8), value=(0.35, 0.8)),
)  # fmt: skip
