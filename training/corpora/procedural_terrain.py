"""Hills: a height for every point of the ground, and where rays meet it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.procedural_rays import EyeRays, Floats
from depth_anything.training.corpora.procedural_textures import bilinear, patches_of, split_texels

SIDE = 256  # cells of one period of the heights
NUM_VARIANTS = 8
SEED = 20240120
NEAREST_M = 0.6
COARSE_PX = 8
NUM_COARSE_STEPS = 80
COARSE_MARGIN = 0.9
CLEARANCE_SHARE = 0.6
STEP_SHARE = 0.05
NUM_REFINEMENTS = 2


@dataclass(frozen=True, kw_only=True)
class Terrain:
    """Hills that repeat after `period_m`, `relief_m` from the deepest valley to the highest summit."""

    variant: int
    period_m: float
    relief_m: float
    shift: tuple[float, float]  # of the map, in periods

    def height_m(self, x: Floats, z: Floats) -> Floats:
        """Heights at points of the ground, of any common shape."""
        position = np.empty((2, *x.shape), np.float32)
        for part, coordinate, shift in zip(position, (x, z), self.shift, strict=True):
            np.multiply(coordinate, np.float32(SIDE / self.period_m), out=part)
            part += np.float32(shift * SIDE)
        column, row = split_texels(position, SIDE)
        row *= SIDE
        row += column
        height = bilinear(_heights(self.variant).take(row.astype(np.intp), axis=0), position)
        height *= np.float32(self.relief_m)
        return height

    def height_at(self, x: float, z: float) -> float:
        """The height at one point."""
        return float(self.height_m(np.array([x], np.float32), np.array([z], np.float32))[0])

    def normals_at(self, points: Floats) -> Floats:
        """Unit normals at points of the ground, both (3, n), smooth over the cells of the map."""
        x, _, z = points
        reach = np.float32(self.period_m / SIDE)
        slope_x = (self.height_m(x + reach, z) - self.height_m(x - reach, z)) / (2 * reach)
        slope_z = (self.height_m(x, z + reach) - self.height_m(x, z - reach)) / (2 * reach)
        length = np.sqrt(slope_x * slope_x + slope_z * slope_z + 1)
        return np.stack([-slope_x / length, 1 / length, -slope_z / length])

    def inverse_distance(self, rays: EyeRays, far_m: float) -> Floats:
        """1 / z depth where rays of the whole picture meet the ground, 0 where they do not before `far_m`, (H, W)."""
        directions = rays.along(np.eye(3), rays.whole)
        origin = rays.origin.astype(np.float32)
        start = self._clear_until(origin, directions, far_m).ravel()
        candidates = np.flatnonzero(np.isfinite(start))
        directions = directions.reshape(3, -1)
        met, bracket = self._march(origin, directions[:, candidates], start[candidates], far_m)
        met = candidates[met]
        inverse = np.zeros(directions.shape[1], np.float32)
        inverse[met] = 1 / self._refine(origin, directions[:, met], bracket)
        return inverse.reshape(rays.size)

    def _clear_until(self, origin: Floats, directions: Floats, far_m: float) -> Floats:
        """How far every ray surely goes before it meets the ground, infinite if it never does, (H, W).

        One ray of each square of `COARSE_PX` pixels is tried at many distances at once; a pixel then trusts the
        shortest of the nine squares around it, less a margin for what is smaller than a square.
        """
        _, height, width = directions.shape
        coarse = directions[:, ::COARSE_PX, ::COARSE_PX]
        t = np.geomspace(NEAREST_M, far_m, NUM_COARSE_STEPS, dtype=np.float32)
        points = (t[:, None] * coarse.reshape(3, 1, -1)).reshape(3, -1)
        points += origin[:, None]
        is_below = (points[1] < self.height_m(points[0], points[2])).reshape(len(t), *coarse.shape[1:])
        clear = np.where(is_below.any(axis=0), t[np.maximum(is_below.argmax(axis=0) - 1, 0)], np.float32(np.inf))
        padded = np.pad(clear, 1, constant_values=np.inf)
        rows, columns = clear.shape
        clear = np.minimum.reduce([padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)])
        clear = clear.repeat(COARSE_PX, axis=0)[:height].repeat(COARSE_PX, axis=1)[:, :width]
        return clear * np.float32(COARSE_MARGIN)

    def _march(
        self, origin: Floats, directions: Floats, start: Floats, far_m: float
    ) -> tuple[NDArray[np.int64], Floats]:
        """Which rays meet the ground, (M,), and their last step over it and first step under it, (4, M).

        The four rows are both ray parameters and both heights over the ground. A step is a share of that height, at
        least a share of the distance: the ground is resolved as finely as the picture shows it.
        """
        waiting, t = np.arange(directions.shape[1]), start
        before, high = start * np.float32(0.5), np.ones_like(start)
        indices, brackets = [waiting[:0]], [np.zeros((4, 0), np.float32)]
        while len(waiting):
            clearance = self._clearance_m(origin, directions, t)
            is_below = clearance < 0
            ends = np.flatnonzero(is_below)
            if len(ends):
                indices.append(waiting[ends])
                brackets.append(np.stack([before[ends], t[ends], high[ends], clearance[ends]]))
            stays = np.flatnonzero(~is_below & (t < far_m))
            before, high = t, clearance
            if len(stays) < len(waiting):
                waiting, before, high = waiting.take(stays), before.take(stays), high.take(stays)
                directions = directions.take(stays, axis=1)
            t = np.maximum(CLEARANCE_SHARE * high, STEP_SHARE * before)
            t += before
        return np.concatenate(indices), np.concatenate(brackets, axis=1)

    def _refine(self, origin: Floats, directions: Floats, bracket: Floats) -> Floats:
        """Ray parameters of the crossings within brackets of `_march`, by the rule of false position."""
        above, below, high, low = bracket
        for _ in range(NUM_REFINEMENTS):
            t = above + (below - above) * (high / (high - low))
            clearance = self._clearance_m(origin, directions, t)
            is_below = clearance < 0
            above, below = np.where(is_below, above, t), np.where(is_below, t, below)
            high, low = np.where(is_below, high, clearance), np.where(is_below, clearance, low)
        return above + (below - above) * (high / (high - low))

    def _clearance_m(self, origin: Floats, directions: Floats, t: Floats) -> Floats:
        """Heights over the ground at parameters of rays, (3, n) and (n,) give (n,)."""
        points = t * directions
        points += origin[:, None]
        points[1] -= self.height_m(points[0], points[2])
        return points[1]


@lru_cache(maxsize=NUM_VARIANTS)
def _heights(variant: int) -> Floats:
    """Heights 0..1 of one tileable map as patches, (SIDE * SIDE, 4)."""
    generator = np.random.default_rng(np.random.SeedSequence((SEED, variant)))
    frequency = np.fft.fftfreq(SIDE, 1 / SIDE)
    radius = np.hypot(frequency[:, None], frequency[None])
    radius[0, 0] = np.inf
    # Amplitudes of a landscape, cut off where a wave has fewer than eight cells: between cells it is linear.
    amplitude = np.where(radius < SIDE / 8, np.maximum(radius, 2.5) ** -2.2, 0.0)
    field = np.fft.ifft2(np.fft.fft2(generator.standard_normal((SIDE, SIDE))) * amplitude).real
    low, high = field.min(), field.max()
    return patches_of((field - low) / (high - low))
