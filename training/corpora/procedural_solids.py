"""The shapes that scenes are made of, each cut by rays in closed form; the curved ones are defined here.

`inverse_distance` gives 1 / t of the point where a ray enters the shape, and 0, less or NaN where it does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from depth_anything.training.corpora.procedural_painters import Texture
from depth_anything.training.corpora.procedural_polytopes import BOX_CORNERS, MIN_DISTANCE_M, UP, Polytope, turned
from depth_anything.training.corpora.procedural_rays import Floats, Point, Rays, Vectors, Window
from depth_anything.training.corpora.procedural_textures import NUM_VARIANTS, sample_nearest, slot

RAGGED_PERIOD_M = 2.5
RAGGED_LEVEL = 1  # of the texture: leaves of 4 cm, finer ones would only flicker


@dataclass(frozen=True, kw_only=True)
class Ellipsoid:
    """A ball, stretched along three axes of which one is vertical."""

    center: Vectors  # (3,)
    radii: Point
    yaw: float = 0.0
    raggedness: float = 0.0  # share of the outline that is torn, as leaves tear a crown's; 0 is smooth

    @cached_property
    def to_unit(self) -> Vectors:
        """(3, 3): takes a point relative to the centre to the unit ball."""
        return turned(self.yaw) / np.array(self.radii)[:, None]

    @cached_property
    def corners(self) -> Vectors:
        """Corners of the box around it, (8, 3)."""
        return (BOX_CORNERS * self.radii) @ turned(self.yaw) + self.center

    def inverse_distance(self, rays: Rays, window: Window) -> Floats:
        """Where rays enter, (h, w)."""
        x, y, z = (self.to_unit @ (rays.origin - self.center)).tolist()
        away = math.sqrt(x * x + y * y + z * z)
        outside = away**2 - 1  # how far the origin is outside, in unit radii squared
        if outside <= 0:
            return np.zeros((1, 1), np.float32)
        # |start + t d| = 1 divided by t squared: outside / t^2 + 2 (start . d) / t + |d|^2 = 0. With d split into its
        # parts along and across `start`, the root needs no difference of large numbers: a sun's rays come from afar.
        inward, right, up = rays.along(_frame((x / away, y / away, z / away)) @ self.to_unit, window)
        miss = right * right
        miss += up * up
        squared = inward * inward
        clearance = squared - miss * outside
        inverse = np.maximum(clearance, 0)
        np.sqrt(inverse, out=inverse)
        inverse -= inward * away
        inverse *= 1 / outside
        if self.raggedness:
            miss += squared
            miss *= self._tear(right, up, inward, away)
            clearance -= miss
        inverse *= clearance > 0
        return inverse

    def normals_at(self, points: Floats) -> Floats:
        """Unit normals of points on the surface, both (3, n)."""
        return _unit((self.to_unit.T @ self.to_unit).astype(np.float32) @ (points - _column(self.center)))

    def _tear(self, right: Floats, up: Floats, inward: Floats, away: float) -> Floats:
        """How deep a ray must pass under the outline to meet a leaf: 0 to 1 in unit radii squared, (h, w).

        The three maps are overwritten.
        """
        periods = np.float32(away * sum(self.radii) / 3 / RAGGED_PERIOD_M)
        np.copyto(inward, 1, where=inward == 0)
        across = periods / inward
        leaves = slot(Texture.LEAF, int(self.center[0] * 8) % NUM_VARIANTS)
        right *= across
        up *= across
        holes = sample_nearest(leaves, right, up, RAGGED_LEVEL)
        holes *= np.float32(self.raggedness)
        return holes


@dataclass(frozen=True, kw_only=True)
class Cylinder:
    """An upright cylinder with closed ends."""

    base: Vectors  # (3,), centre of its foot
    radius: float
    height: float

    @property
    def center(self) -> Vectors:
        """The middle of its axis, (3,)."""
        return self.base + self.height / 2 * UP

    @cached_property
    def corners(self) -> Vectors:
        """Corners of the box around it, (8, 3)."""
        return BOX_CORNERS * [self.radius, self.height / 2, self.radius] + self.center

    def inverse_distance(self, rays: Rays, window: Window) -> Floats:
        """Where rays enter, (h, w)."""
        x, climb_m, z = (rays.origin - self.center).tolist()
        away = max(math.hypot(x, z) / self.radius, MIN_DISTANCE_M)
        outside = _nonzero(away**2 - 1)
        level_x, level_z = x / away / self.radius**2, z / away / self.radius**2
        axes = np.array([[level_x, 0.0, level_z], [level_z, 0.0, -level_x], [0.0, 1.0, 0.0]])
        inward, miss, rise = rays.along(axes, window)  # as for an ellipsoid, in two dimensions
        clearance = inward * inward
        miss *= miss
        miss *= outside
        clearance -= miss
        root = np.maximum(clearance, 0)
        np.sqrt(root, out=root)
        inward *= away
        entering, leaving = [], [(inward + root) * (-1 / outside)]
        if outside > 0:
            root -= inward
            root *= 1 / outside
            entering.append(root)
        for sign in (1.0, -1.0):  # the upper and the lower end
            above = sign * climb_m - self.height / 2
            (entering if above > 0 else leaving).append(rise * (-sign / _nonzero(above)))
        if not entering:
            return np.zeros((1, 1), np.float32)
        enter = reduce(np.minimum, entering)
        is_met = reduce(np.maximum, leaving) < enter
        is_met &= clearance > 0
        enter *= is_met
        return enter

    def normals_at(self, points: Floats) -> Floats:
        """Unit normals of points on the surface, both (3, n)."""
        local = points - _column(self.center)
        x, y, z = local
        is_end = np.abs(y) > self.height / 2 * (1 - 1e-3)
        # The rim belongs to both; the side wins where the point is on it.
        is_end &= x * x + z * z < (self.radius * (1 - 1e-3)) ** 2
        ends = np.sign(y[is_end])
        y[:] = 0
        normals = _unit(local)
        normals[:, is_end] = 0
        normals[1, is_end] = ends
        return normals


Solid = Polytope | Ellipsoid | Cylinder


def _nonzero(value: float) -> float:
    return float(value) if abs(value) > MIN_DISTANCE_M else MIN_DISTANCE_M


def _frame(axis: Point) -> Vectors:
    """Three orthonormal rows of which the first is `axis`."""
    sizes = [abs(component) for component in axis]
    smallest = sizes.index(min(sizes))
    other = [-component * axis[smallest] for component in axis]
    other[smallest] += 1.0
    length = math.hypot(*other)
    x, y, z = axis
    right_x, right_y, right_z = (component / length for component in other)
    up = (y * right_z - z * right_y, z * right_x - x * right_z, x * right_y - y * right_x)
    return np.array([axis, (right_x, right_y, right_z), up])


def _column(vector: Vectors) -> Floats:
    return vector.astype(np.float32)[:, None]


def _unit(vectors: Floats) -> Floats:
    x, y, z = vectors
    return vectors / np.sqrt(x * x + y * y + z * z + 1e-12)
