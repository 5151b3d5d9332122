"""Bundles of rays that leave one point, an eye or a light, and what makes them cheap to cut with planes.

A plane at signed distance s from the start of a ray is met at t = -s / (n . direction). Its inverse, 1 / t, is linear
in the direction, hence for a camera affine in the pixel position: one addition per pixel and plane, no division. The
whole renderer therefore works with inverse distances: larger is nearer, and 0 or less is never met.

World axes: x right, y up, z ahead, in metres. Shapes: H W pixels of the picture, h w of a window of it, F faces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Vectors = NDArray[np.float64]
Window = tuple[slice, slice]
Point = tuple[float, float, float]

NEAR_M = 0.05  # what lies closer to the plane of the eye has no bounded outline in the picture


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera: where it is, its axes in the world, and its focal length in short sides of the picture."""

    position_m: Vectors  # (3,)
    axes: Vectors  # (3, 3), rows are right, up and forward
    focal: float

    @classmethod
    def looking(cls, position_m: Point, *, yaw: float, pitch: float, roll: float, fov: float) -> Camera:
        """A camera that is turned to the right, then up, then clockwise; all angles in degrees.

        Args:
            position_m: the eye, in the world.
            yaw: 0 looks along z.
            pitch: 0 looks at the horizon.
            roll: 0 keeps the horizon level.
            fov: field of view of the shorter side of the picture.
        """
        yaw, pitch, roll = math.radians(yaw), math.radians(pitch), math.radians(roll)
        forward = np.array([math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch)])
        level = np.array([math.cos(yaw), 0.0, -math.sin(yaw)])
        upright = np.array([-math.sin(yaw) * math.sin(pitch), math.cos(pitch), -math.cos(yaw) * math.sin(pitch)])
        right = math.cos(roll) * level - math.sin(roll) * upright
        up = math.sin(roll) * level + math.cos(roll) * upright
        focal = 0.5 / math.tan(math.radians(fov) / 2)
        return cls(position_m=np.array(position_m), axes=np.stack([right, up, forward]), focal=focal)


class Rays(Protocol):
    """Rays that start at `origin`, one per pixel."""

    origin: Vectors  # (3,)

    def along(self, axes: Vectors, window: Window) -> Floats:
        """The dot product of every direction with every axis: axes (F, 3) give (F, h, w)."""
        ...


class EyeRays:
    """Rays of a camera. Directions advance one metre along the optical axis, so a ray's parameter is its z depth."""

    def __init__(self, camera: Camera, size: tuple[int, int]) -> None:
        height, width = size
        self.origin = camera.position_m
        self.axes = camera.axes
        self.size = size
        self.focal_px = camera.focal * min(size)
        self.across = ((np.arange(width) + 0.5 - width / 2) / self.focal_px).astype(np.float32)  # to the right
        self.upward = ((height / 2 - 0.5 - np.arange(height)) / self.focal_px).astype(np.float32)[:, None]

    @property
    def whole(self) -> Window:
        """The window that is the picture."""
        return slice(0, self.size[0]), slice(0, self.size[1])

    def along(self, axes: Vectors, window: Window) -> Floats:
        """The dot product of every direction with every axis: axes (F, 3) give (F, h, w)."""
        right, up, forward = (axes @ self.axes.T).astype(np.float32).T[:, :, None, None]
        return (right * self.across[window[1]] + forward) + up * self.upward[window[0]]

    def windows(self, outlines: Vectors) -> list[Window | None]:
        """The smallest window around each outline; None where it is out of sight.

        Args:
            outlines: K points around each in the world, (N, K, 3). Points behind the eye may be among them.
        """
        if not len(outlines):
            return []
        seen = (outlines - self.origin) @ self.axes.T
        is_ahead = seen[..., 2] >= NEAR_M
        bounds = self._bounds(seen)
        num_ahead = is_ahead.sum(axis=1)
        crossing = np.flatnonzero((num_ahead > 0) & (num_ahead < is_ahead.shape[1]))
        if len(crossing):
            bounds[crossing] = self._bounds(_cut(seen[crossing], is_ahead[crossing]))
        bounds[num_ahead == 0] = 0
        return [
            (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None
            for top, bottom, left, right in bounds.tolist()
        ]

    def _bounds(self, seen: Vectors) -> NDArray[np.int64]:
        """First and last row and column, one past the end, of points in camera axes: (N, K, 3) give (N, 4)."""
        height, width = self.size
        scaled = seen[..., :2] * (self.focal_px / np.maximum(seen[..., 2:], NEAR_M))
        low, high = np.minimum.reduce(scaled, axis=1), np.maximum.reduce(scaled, axis=1)
        # A pixel more on each side: the outline is exact, but its float32 picture may round outwards.
        edges = np.empty((len(seen), 4))
        edges[:, 0] = (height / 2 - 1) - high[:, 1]
        edges[:, 1] = (height / 2 + 2) - low[:, 1]
        edges[:, 2] = low[:, 0] + (width / 2 - 1)
        edges[:, 3] = high[:, 0] + (width / 2 + 2)
        np.maximum(edges, 0, out=edges)
        return np.minimum(edges, (height, height, width, width), out=edges).astype(np.int64)


def _cut(points: Vectors, is_ahead: NDArray[np.bool_]) -> Vectors:
    """The parts ahead of the eye of hulls of points in camera axes: those ahead, and where lines to others leave.

    Args:
        points: K points of each of N hulls, (N, K, 3), of which some are ahead.
        is_ahead: which are, (N, K).

    Returns:
        Points around the same parts, (N, K + K * K, 3), some of them more than once.
    """
    some = points[np.arange(len(points)), is_ahead.argmax(axis=1)][:, None]
    ahead, behind = points[:, :, None], points[:, None]
    is_cut = is_ahead[:, :, None] & ~is_ahead[:, None]
    share = (ahead[..., 2] - NEAR_M) / np.where(is_cut, ahead[..., 2] - behind[..., 2], 1)
    leaving = np.where(is_cut[..., None], ahead + share[..., None] * (behind - ahead), some[:, None])
    staying = np.where(is_ahead[..., None], points, some)
    return np.concatenate([staying, leaving.reshape(len(points), -1, 3)], axis=1)


class LightRays:
    """Rays from a light to every visible point, whose parameter is 1 at the point: what is met earlier shades it."""

    def __init__(self, eye: EyeRays, depth_m: Floats, light_m: Vectors) -> None:
        self.origin = light_m
        self._eye = eye
        self._depth_m = depth_m
        self._shift_m = eye.origin - light_m

    def along(self, axes: Vectors, window: Window) -> Floats:
        """The dot product of every direction with every axis: axes (F, 3) give (F, h, w)."""
        constant = (axes @ self._shift_m).astype(np.float32)[:, None, None]
        result = self._eye.along(axes, window)
        result *= self._depth_m[window].copy()  # without gaps, all planes are one loop
        result += constant
        return result
