"""The three named domains: what may stand in their scenes, under which light, seen by which cameras."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from depth_anything.training.corpora.procedural_draws import Draws, Range
from depth_anything.training.corpora.procedural_materials import (
    NARROW_PALETTE,
    UNSEEN_PALETTE,
    WIDE_PALETTE,
    Colour,
    Palette,
)
from depth_anything.training.corpora.procedural_painters import Texture
from depth_anything.training.corpora.procedural_photo import PhotoRanges
from depth_anything.training.corpora.procedural_rays import Camera, Point
from depth_anything.training.corpora.procedural_scenery import Light, sun_position
from depth_anything.training.corpora.procedural_textures import slot


@dataclass(frozen=True, kw_only=True)
class Style:
    """The looks of a domain. Angles in degrees."""

    palette: Palette
    texture_variants: tuple[int, ...]
    photo: PhotoRanges
    fov: Range  # of the picture's shorter side
    pitch: Range
    yaw: float  # largest turn away from the scene's axis
    roll: float  # largest
    eye_m: Range  # height of the eye over the ground, where a scene does not set its own
    sun_elevation: Range
    sun_warmth: Range  # 0 white, 1 a low red sun
    haze_per_m: Range
    ambient: Range  # light from everywhere against that of the lamp or sun

    def camera(self, draws: Draws, position_m: Point, yaw: float = 0.0, pitch: Range | None = None) -> Camera:
        """A camera of the domain that looks about `yaw` degrees to the right of z."""
        return Camera.looking(
            position_m,
            yaw=yaw + draws.either_side(self.yaw),
            pitch=draws.within(pitch or self.pitch),
            roll=draws.either_side(self.roll),
            fov=draws.within(self.fov),
        )

    def daylight(self, draws: Draws) -> Light:
        """A sun and its sky."""
        warmth, elevation = draws.within(self.sun_warmth), math.radians(draws.within(self.sun_elevation))
        colour = _scaled((1.0, 1.0 - 0.35 * warmth, 0.92 - 0.65 * warmth), draws.within((1.2, 2.0)))
        ambient, cover = draws.within(self.ambient), draws.unit()
        blue = draws.within((0.15, 0.7))
        zenith = (0.5 - 0.42 * blue, 0.62 - 0.34 * blue, 0.85 - 0.1 * blue)
        haze = _mixed((0.7, 0.78, 0.86), (0.95, 0.72, 0.5), warmth * 0.7)
        return Light(
            position_m=sun_position(elevation, draws.within((0.0, 2 * math.pi))),
            colour=_scaled(colour, 1 - 0.6 * max(cover - 0.5, 0)),
            ambient_up=_scaled((0.75, 0.87, 1.0), ambient),
            ambient_down=_scaled((0.8, 0.75, 0.65), ambient * 0.55),
            reach_m=math.inf,
            haze_per_m=draws.log_within(self.haze_per_m),
            haze_colour=haze,
            zenith_colour=zenith,
            cloud_cover=cover,
            cloud_texture=slot(Texture.CLOUD, draws.pick(self.texture_variants)),
        )

    def lamplight(self, draws: Draws, position_m: Point, reach_m: float) -> Light:
        """A lamp in a room."""
        warmth = draws.within(self.sun_warmth)
        colour = _scaled((1.0, 1.0 - 0.25 * warmth, 1.0 - 0.5 * warmth), draws.within((1.2, 2.2)))
        ambient = draws.within(self.ambient)
        dark = (0.3, 0.3, 0.3)
        return Light(
            position_m=np.array(position_m),
            colour=colour,
            ambient_up=_scaled(colour, ambient * 0.6),
            ambient_down=_scaled(colour, ambient * 0.5),
            reach_m=reach_m,
            haze_per_m=0.0,
            haze_colour=dark,
            zenith_colour=dark,
            cloud_cover=0.0,
            cloud_texture=slot(Texture.CLOUD, 0),
        )


def _scaled(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def _mixed(a: Colour, b: Colour, share: float) -> Colour:
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])


CLEAN_PHOTO = PhotoRanges(
    exposure=(0.85, 1.2), white_balance=0.03, vignette=(0.0, 0.05), blur=(0.002, 0.003), noise=(0.0, 0.008),
    gamma=(2.1, 2.3), contrast=(0.0, 0.3), saturation=(1.0, 1.0), compression=(0.0, 0.0),
)  # fmt: skip
HARD_PHOTO = PhotoRanges(
    exposure=(0.6, 1.7), white_balance=0.2, vignette=(0.0, 0.6), blur=(0.002, 0.009), noise=(0.005, 0.07),
    gamma=(1.8, 2.6), contrast=(-0.3, 0.9), saturation=(0.5, 1.5), compression=(0.02, 0.25),
)  # fmt: skip
OTHER_PHOTO = PhotoRanges(
    exposure=(0.6, 1.6), white_balance=0.16, vignette=(0.1, 0.5), blur=(0.002, 0.006), noise=(0.01, 0.05),
    gamma=(1.9, 2.5), contrast=(0.1, 0.7), saturation=(0.7, 1.4), compression=(0.02, 0.15),
)  # fmt: skip

NARROW_STYLE = Style(
    palette=NARROW_PALETTE, texture_variants=(0, 1), photo=CLEAN_PHOTO, fov=(52.0, 62.0), pitch=(-11.0, 9.0),
    yaw=34.0, roll=4.0, eye_m=(1.2, 2.2), sun_elevation=(40.0, 65.0), sun_warmth=(0.0, 0.2),
    haze_per_m=(0.001, 0.003), ambient=(0.35, 0.5),
)  # fmt: skip
WIDE_STYLE = Style(
    palette=WIDE_PALETTE, texture_variants=(0, 1, 2, 3), photo=HARD_PHOTO, fov=(38.0, 80.0), pitch=(-19.0, 14.0),
    yaw=48.0, roll=11.0, eye_m=(0.7, 4.5), sun_elevation=(16.0, 75.0), sun_warmth=(0.0, 1.0),
    haze_per_m=(0.001, 0.015), ambient=(0.15, 0.7),
)  # fmt: skip
UNSEEN_STYLE = Style(
    palette=UNSEEN_PALETTE, texture_variants=(4, 5), photo=OTHER_PHOTO, fov=(64.0, 74.0), pitch=(-15.0, 12.0),
    yaw=42.0, roll=8.0, eye_m=(1.0, 3.2), sun_elevation=(20.0, 60.0), sun_warmth=(0.2, 0.8),
    haze_per_m=(0.002, 0.008), ambient=(0.2, 0.55),
)  # fmt: skip
