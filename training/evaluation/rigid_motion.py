"""Poses as DGP's files have them: a unit quaternion and a translation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Pose:
    """From a sensor's coordinates to the world's.

    Attributes:
        quaternion: (w, x, y, z).
        translation_m: of the sensor in the world.
    """

    quaternion: tuple[float, float, float, float]
    translation_m: tuple[float, float, float]

    @classmethod
    def from_record(cls, record: Mapping[str, Mapping[str, float]]) -> Pose:
        """The pose of `{"rotation": {"qw": ...}, "translation": {"x": ...}}`, in which zeros may be left out."""
        rotation, translation = record["rotation"], record["translation"]
        w, x, y, z = (float(rotation.get(name, 0.0)) for name in ("qw", "qx", "qy", "qz"))
        return cls(
            quaternion=(w, x, y, z),
            translation_m=(
                float(translation.get("x", 0.0)),
                float(translation.get("y", 0.0)),
                float(translation.get("z", 0.0)),
            ),
        )

    @property
    def rotation(self) -> NDArray[np.float64]:
        """The matrix of the quaternion, brought to length 1; (3, 3)."""
        w, x, y, z = np.asarray(self.quaternion, np.float64) / np.linalg.norm(self.quaternion)
        return np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )

    def to_world(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the sensor in the world; (N, 3)."""
        return points_m @ self.rotation.T + np.asarray(self.translation_m)

    def from_world(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the world in the sensor's coordinates; (N, 3)."""
        return (points_m - np.asarray(self.translation_m)) @ self.rotation
