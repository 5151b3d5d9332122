"""Light, shadow, haze and sky on what the eye sees. Pictures are linear RGB, (3, H, W), float32."""

from __future__ import annotations

import numpy as np

from depth_anything.training.corpora.procedural_polytopes import BOX_CORNERS, Enclosure, Polytope
from depth_anything.training.corpora.procedural_rays import EyeRays, Floats, LightRays, Vectors, Window
from depth_anything.training.corpora.procedural_scenery import Light, Scene, Thing
from depth_anything.training.corpora.procedural_solids import Cylinder, Ellipsoid
from depth_anything.training.corpora.procedural_terrain import Terrain
from depth_anything.training.corpora.procedural_textures import Texture, sample, sample_nearest, slot
from depth_anything.training.corpora.procedural_visibility import TERRAIN_SURFACE, Runs, Surfaces, Visible

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
    picture = np.empty_like(points)
    air = np.exp(visible.depth_m * np.float32(-light.haze_per_m))
    for channel in range(3):
        lit = direct * light.colour[channel]
        lit += facing_up * light.ambient_up[channel]
        lit += facing_down * light.ambient_down[channel]
        lit *= albedo[channel]
        haze = light.haze_colour[channel]
        picture[channel] = haze + air * (lit - haze)
    _paint_sky(picture, light, visible, rays)
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
    outlines = _shadow_outlines(visible.corners[casters], float(points[1].min()), light.position_m)
    for number, window in zip(casters, rays.windows(outlines), strict=True):
        if window is not None:
            solid = scene.things[number].solid
            falling[window] *= ~(solid.inverse_distance(shadow_rays, window) > bias)
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
                gap = offset - normal[0] * points[0] - normal[1] * points[1] - normal[2] * points[2]
                share *= 1 - CORNER_STRENGTH * CORNER_REACH_M / (CORNER_REACH_M + np.maximum(gap, 0))
    is_near = np.abs(visible.corners.mean(axis=1) - rays.origin).max(axis=1, initial=0) < CONTACT_FAR_M
    standing = [number for number in np.flatnonzero(is_near) if scene.things[number].ground_m is not None]
    ground_m = np.array([scene.things[number].ground_m for number in standing], np.float64)
    skirts = _skirts(visible.corners[standing], ground_m)
    for number, window in zip(standing, rays.windows(skirts), strict=True):
        if window is not None:
            share[window] *= _contact(scene.things[number], window, visible, rays)
    return share


def _skirts(corners: Vectors, ground_m: Vectors) -> Vectors:
    """Corners around what things darken by standing there, (N, 8, 3)."""
    center = corners.mean(axis=1)
    half = np.abs(corners - center[:, None]).max(axis=1) + CONTACT_REACH_M
    center[:, 1], half[:, 1] = ground_m, CONTACT_REACH_M
    return center[:, None] + BOX_CORNERS * half[:, None]


def _contact(thing: Thing, window: Window, visible: Visible, rays: EyeRays) -> Floats:
    """1 away from the foot of a thing, less next to it, (h, w)."""
    corners = thing.solid.corners
    center, sides = corners.mean(axis=0), (corners[4] - corners[0], corners[1] - corners[0])
    lengths = [float(np.linalg.norm(side)) for side in sides]
    axes = np.stack([sides[0] / lengths[0], [0, 1, 0], sides[1] / lengths[1]])
    start = axes @ (rays.origin - [center[0], thing.ground_m or 0.0, center[2]])
    x, y, z = rays.along(axes, window) * visible.depth_m[window] + start.astype(np.float32)[:, None, None]
    gap = np.maximum(np.abs(x) - lengths[0] / 2, np.abs(z) - lengths[1] / 2)
    gap = np.maximum(gap, np.abs(y))
    closeness = np.maximum(1 - np.maximum(gap, 0) * (1 / CONTACT_REACH_M), 0)
    return 1 - CONTACT_STRENGTH * closeness * closeness


def _paint_sky(picture: Floats, light: Light, visible: Visible, rays: EyeRays) -> None:
    rows = np.flatnonzero(visible.sky.any(axis=1))
    if not len(rows):
        return
    window = (slice(int(rows[0]), int(rows[-1]) + 1), slice(0, rays.size[1]))
    sky = visible.sky[window]
    x, y, z = rays.along(np.eye(3), window)
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
        np.copyto(picture[channel][window], colour, where=sky)
