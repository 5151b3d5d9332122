"""Light, shadow, haze and sky on what the eye sees. Pictures are linear RGB, (3, H, W), float32."""

from __future__ import annotations

import numpy as np

from depth_anything.training.corpora.procedural_painters import Texture
from depth_anything.training.corpora.procedural_polytopes import BOX_CORNERS, UP, Enclosure, Polytope
from depth_anything.training.corpora.procedural_rays import EyeRays, Floats, LightRays, Vectors
from depth_anything.training.corpora.procedural_scenery import Light, Scene
from depth_anything.training.corpora.procedural_solids import Cylinder, Ellipsoid
from depth_anything.training.corpora.procedural_terrain import Terrain
from depth_anything.training.corpora.procedural_textures import sample, sample_nearest, slot
from depth_anything.training.corpora.procedural_visibility import (
    SKY_SURFACE,
    TERRAIN_SURFACE,
    Runs,
    Surfaces,
    Visible,
)

SHADOW_BIAS_M = 0.02  # nearer than this a surface would shade itself
CONTACT_REACH_M = 0.35
CONTACT_STRENGTH = 0.6
CONTACT_FAR_M = 18.0  # beyond, it covers less than a pixel or two
CORNER_REACH_M = 0.35
CORNER_STRENGTH = 0.45
STAIN_PERIOD_M = 7.0
MIN_COSINE = 0.15  # of view and surface: limits how coarse a grazing texture gets
CLOUD_HEIGHT = 0.12  # of the layer of clouds, as a slope: keeps the horizon's clouds at a finite distance
CLOUD_SCALE = 0.3  # periods of the texture per height of the layer
CLOUD_FADE = 8.0  # clouds are complete at an eighth of the way from the horizon to the zenith
CLOUD_BRIGHTNESS = 0.9
GLOW_STRENGTH = 0.35
SUN_GLOW_POWER = 24


def shade(scene: Scene, surfaces: Surfaces, visible: Visible, rays: EyeRays) -> Floats:
    """The picture as light that reaches the camera, linear RGB, (3, H, W)."""
    directions = rays.along(np.eye(3), rays.whole)
    points = directions * visible.depth_m + rays.origin.astype(np.float32)[:, None, None]
    normals = _normals(scene, surfaces, visible, points)
    albedo = _albedo(surfaces, visible, rays, directions, points, normals)
    direct = _direct_light(scene, visible, rays, points, normals)
    open_share = _openness(scene, visible, rays, points)
    light = scene.light
    facing_up = (0.5 + 0.5 * normals[1]) * open_share
    facing_down = open_share - facing_up
    picture, ambient = albedo, np.empty(rays.size, np.float32)
    air = np.exp(visible.depth_m * np.float32(-light.haze_per_m)) if light.haze_per_m else np.float32(1)
    for channel, lit in enumerate(picture):
        falling = direct * light.colour[channel]
        falling += np.multiply(facing_up, light.ambient_up[channel], out=ambient)
        falling += np.multiply(facing_down, light.ambient_down[channel], out=ambient)
        lit *= falling
        lit -= light.haze_colour[channel]
        lit *= air
        lit += light.haze_colour[channel]
    _paint_sky(picture, light, visible, rays, directions)
    return picture


def _normals(scene: Scene, surfaces: Surfaces, visible: Visible, points: Floats) -> Floats:
    normals = np.stack([visible.runs.spread(column) for column in surfaces.normals.T])
    flat_normals, flat_points = normals.reshape(3, -1), points.reshape(3, -1)
    firsts = surfaces.first_of_thing[len(scene.surroundings) :]
    curved: list[tuple[int, Terrain | Ellipsoid | Cylinder]] = [
        (first, thing.solid)
        for first, thing in zip(firsts, scene.things, strict=True)
        if not isinstance(thing.solid, Polytope)
    ]
    if scene.terrain is not None:
        curved.append((TERRAIN_SURFACE, scene.terrain))
    for surface, solid in curved:
        pixels = visible.runs.pixels_of(surface)
        if len(pixels):
            flat_normals[:, pixels] = solid.normals_at(flat_points.take(pixels, axis=1))
    return normals


def _albedo(
    surfaces: Surfaces, visible: Visible, rays: EyeRays, directions: Floats, points: Floats, normals: Floats
) -> Floats:
    """Colours of the surfaces, (3, H, W)."""
    spread = visible.runs.spread
    u = _texture_position(surfaces.texture_axes[:, :4], visible.runs, points)
    v = _texture_position(surfaces.texture_axes[:, 4:], visible.runs, points)
    squared = np.einsum("chw,chw->hw", directions, directions)
    cosine = np.abs(np.einsum("chw,chw->hw", directions, normals)) / np.sqrt(squared)
    footprint = visible.depth_m * np.float32(1 / rays.focal_px)
    footprint /= np.maximum(cosine, MIN_COSINE)
    footprint /= spread(surfaces.period_m)
    share = sample(spread(surfaces.texture), u, v, footprint)
    scale = spread(surfaces.period_m * np.float32(1 / STAIN_PERIOD_M))
    u *= scale
    v *= scale
    wear = sample_nearest(slot(Texture.CLOUD, 0), u, v)
    wear *= spread(surfaces.stain)
    np.subtract(1, wear, out=wear)
    albedo = np.empty_like(points)
    for colour, first, change in zip(albedo, surfaces.first.T, surfaces.change.T, strict=True):
        np.multiply(share, spread(change), out=colour)
        colour += spread(first)
        colour *= wear
    return albedo


def _texture_position(axes: Floats, runs: Runs, points: Floats) -> Floats:
    """Positions in periods of each pixel's texture along one of its axes: (S, 4) and (3, H, W) give (H, W)."""
    position = runs.spread(axes[:, 0])
    position *= points[0]
    for column, coordinate in ((axes[:, 1], points[1]), (axes[:, 2], points[2])):
        term = runs.spread(column)
        term *= coordinate
        position += term
    position += runs.spread(axes[:, 3])
    return position


def _direct_light(scene: Scene, visible: Visible, rays: EyeRays, points: Floats, normals: Floats) -> Floats:
    """Light that falls on every pixel's surface from the lamp or sun: 1 where it falls straight, (H, W)."""
    light = scene.light
    if np.isinf(light.reach_m):
        sun = light.position_m / np.linalg.norm(light.position_m)
        falling = np.maximum(np.einsum("c,chw->hw", sun.astype(np.float32), normals), 0)
    else:
        to_light = light.position_m.astype(np.float32)[:, None, None] - points
        squared = np.einsum("chw,chw->hw", to_light, to_light)
        falling = np.maximum(np.einsum("chw,chw->hw", to_light, normals), 0) / np.sqrt(squared)
        falling /= 1 + squared * np.float32(light.reach_m**-2)
    shadow_rays = LightRays(rays, visible.depth_m, light.position_m)
    bias = 1 + SHADOW_BIAS_M / float(np.linalg.norm(light.position_m - rays.origin))
    is_caster = np.array([thing.casts_shadow for thing in scene.things], bool)
    is_caster &= visible.corners[..., 1].max(axis=1, initial=-np.inf) < light.position_m[1]
    casters = np.flatnonzero(is_caster)
    shaded = np.zeros(rays.size, bool)
    outlines = _shadow_outlines(visible.corners[casters], float(points[1].min()), light.position_m)
    for number, window in zip(casters, rays.windows(outlines), strict=True):
        if window is not None:
            solid = scene.things[number].solid
            shaded[window] |= solid.inverse_distance(shadow_rays, window) > bias
    np.copyto(falling, 0, where=shaded)
    return falling


def _shadow_outlines(corners: Vectors, lowest_m: float, light_m: Vectors) -> Vectors:
    """Corners around things and around their shadows on a floor at `lowest_m`, (N, 16, 3).

    All that a thing below the light shades, down to that height, lies between them.
    """
    height = corners[..., 1:2]
    fall = np.maximum(height - lowest_m, 0) / (light_m[1] - height)
    return np.concatenate([corners, corners + (corners - light_m) * fall], axis=1)


def _openness(scene: Scene, visible: Visible, rays: EyeRays, points: Floats) -> Floats:
    """Share of the ambient light that reaches a surface past its neighbours, (H, W)."""
    share = np.ones(rays.size, np.float32)
    for thing in scene.surroundings:
        if isinstance(thing.solid, Enclosure):
            for normal, offset in zip(thing.solid.normals.tolist(), thing.solid.offsets.tolist(), strict=True):
                share *= _corner(normal, offset, points)
    _darken_feet(share, scene, visible, rays)
    return share


def _corner(normal: list[float], offset: float, points: Floats) -> Floats:
    """Share of the ambient light that a wall leaves, (H, W)."""
    gap = np.full(points.shape[1:], offset, np.float32)
    for component, coordinate in zip(normal, points, strict=True):
        if component:  # most walls are along an axis
            gap -= component * coordinate
    np.maximum(gap, 0, out=gap)
    gap += CORNER_REACH_M
    np.divide(CORNER_STRENGTH * CORNER_REACH_M, gap, out=gap)
    return np.subtract(1, gap, out=gap)


def _darken_feet(share: Floats, scene: Scene, visible: Visible, rays: EyeRays) -> None:
    """Multiplies what is left of the ambient light next to the feet of things into `share`, (H, W)."""
    centers = visible.corners.mean(axis=1)
    is_near = np.abs(centers - rays.origin).max(axis=1, initial=0) < CONTACT_FAR_M
    ground_m = {number: scene.things[number].ground_m for number in np.flatnonzero(is_near).tolist()}
    standing = [number for number, ground in ground_m.items() if ground is not None]
    if not standing:
        return
    feet = centers[standing]
    feet[:, 1] = [ground_m[number] for number in standing]
    corners = visible.corners[standing]
    sides = corners[:, (4, 1)] - corners[:, :1]
    lengths = np.sqrt((sides * sides).sum(axis=2, keepdims=True))
    sides /= lengths
    axes = np.stack([sides[:, 0], np.broadcast_to(UP, feet.shape), sides[:, 1]], axis=1)
    starts = (axes @ (rays.origin - feet)[..., None]).astype(np.float32)[..., None]
    half = (lengths[:, :, 0] / 2).tolist()
    for number, window in enumerate(rays.windows(_skirts(corners, feet))):
        if window is not None:
            local = rays.along(axes[number], window)
            local *= visible.depth_m[window].copy()  # without gaps, all axes are one loop
            local += starts[number]
            share[window] *= _contact(local, half[number])


def _skirts(corners: Vectors, feet: Vectors) -> Vectors:
    """Corners around what things darken by standing at their feet, (N, 3), as (N, 8, 3)."""
    half = np.abs(corners - corners.mean(axis=1, keepdims=True)).max(axis=1) + CONTACT_REACH_M
    half[:, 1] = CONTACT_REACH_M
    return feet[:, None] + BOX_CORNERS * half[:, None]


def _contact(local: Floats, half_m: list[float]) -> Floats:
    """1 away from the foot of a thing, less next to it, (h, w).

    Args:
        local: where the points are in the frame of the foot, (3, h, w). Overwritten.
        half_m: half of the foot's sides.
    """
    x, y, z = np.abs(local, out=local)
    x -= half_m[0]
    z -= half_m[1]
    gap = np.maximum(np.maximum(x, z, out=x), y, out=x)
    np.maximum(gap, 0, out=gap)
    gap *= 1 / CONTACT_REACH_M
    closeness = np.maximum(np.subtract(1, gap, out=gap), 0, out=gap)
    loss = CONTACT_STRENGTH * closeness
    loss *= closeness
    return np.subtract(1, loss, out=loss)


def _paint_sky(picture: Floats, light: Light, visible: Visible, rays: EyeRays, directions: Floats) -> None:
    pixels = visible.runs.pixels_of(SKY_SURFACE)
    if not len(pixels):
        return
    x, y, z = directions.reshape(3, -1).take(pixels, axis=1)
    squared = x * x + y * y + z * z
    length = np.sqrt(squared)
    climb = np.clip(y / length, 0, 1)
    share = 1 - (1 - climb) ** 3  # most of the change of colour is near the horizon
    sun = (light.position_m / np.linalg.norm(light.position_m)).tolist()
    glow = np.clip((x * sun[0] + y * sun[1] + z * sun[2]) / length, 0, 1) ** SUN_GLOW_POWER
    layer = CLOUD_SCALE / (climb + CLOUD_HEIGHT) / length
    footprint = layer * np.float32(1 / rays.focal_px)
    cloud = sample(light.cloud_texture, x * layer, z * layer, footprint)
    cloud = np.clip(cloud - (1 - light.cloud_cover), 0, 1) * np.minimum(climb * CLOUD_FADE, 1)
    for channel in range(3):
        horizon, zenith = light.haze_colour[channel], light.zenith_colour[channel]
        colour = horizon + share * (zenith - horizon) + glow * (GLOW_STRENGTH * light.colour[channel])
        colour += cloud * (CLOUD_BRIGHTNESS * max(light.haze_colour) - colour)
        picture[channel].ravel()[pixels] = colour
