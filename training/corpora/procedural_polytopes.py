"""Shapes with flat faces: boxes, roofs, pyramids, the ground, and the inside of a room."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.procedural_rays import Floats, Point, Rays, Vectors, Window

BOX_NORMALS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=np.float64)
BOX_TANGENTS = np.array([[0, 0, 1], [0, 0, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]], dtype=np.float64)
BOX_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
UP = np.array([0.0, 1.0, 0.0])
MIN_DISTANCE_M = 1e-6  # a plane through the eye is seen as a line: any side will do


def turned(yaw: float) -> Vectors:
    """The rotation about the vertical that takes z towards x by `yaw` radians, to be applied to rows of points."""
    cosine, sine = math.cos(yaw), math.sin(yaw)
    return np.array([[cosine, 0.0, -sine], [0.0, 1.0, 0.0], [sine, 0.0, cosine]])


@dataclass(frozen=True, kw_only=True)
class Polytope:
    """What lies behind all of its F planes. With one plane it is the ground."""

    normals: Vectors  # (F, 3), outwards
    offsets: Vectors  # (F,), normal . point of the plane
    tangents: Vectors  # (F, 3), the direction across each face's texture
    center: Vectors  # (3,), where textures start
    corners: Vectors = field(default_factory=lambda: np.zeros((0, 3)))  # (8, 3); none if it has no end

    @classmethod
    def box(cls, base: Point, size: Point, yaw: float = 0.0) -> Polytope:
        """A box that stands on `base`: six faces in the order right, left, top, bottom, far, near."""
        rotation, half = turned(yaw), np.array(size) / 2
        center = np.array(base) + half[1] * UP
        normals = BOX_NORMALS @ rotation
        return cls(
            normals=normals,
            offsets=normals @ center + half.repeat(2),
            tangents=BOX_TANGENTS @ rotation,
            center=center,
            corners=(BOX_CORNERS * half) @ rotation + center,
        )

    @classmethod
    def tapered(cls, base: Point, size: Point, top_share: float, yaw: float = 0.0) -> Polytope:
        """A box whose top has `top_share` of the sides of its foot, faces in the order of `box`."""
        rotation, foot, height = turned(yaw), np.array(base), size[1]
        lean = np.array([size[0], size[0], 0.0, 0.0, size[2], size[2]]) / 2 * (1 - top_share) / height
        normals = BOX_NORMALS + lean[:, None] * UP
        length = np.sqrt(1 + lean**2)
        normals = (normals / length[:, None]) @ rotation
        reach = np.array([size[0] / 2, size[0] / 2, height, 0.0, size[2] / 2, size[2] / 2]) / length
        return cls(
            normals=normals,
            offsets=normals @ foot + reach,
            tangents=BOX_TANGENTS @ rotation,
            center=foot + height / 2 * UP,
            corners=(BOX_CORNERS * np.array(size) / 2) @ rotation + foot + height / 2 * UP,
        )

    @classmethod
    def gable(cls, base: Point, size: Point, yaw: float = 0.0) -> Polytope:
        """A roof with its ridge along its own z: two slopes, the bottom, two gables."""
        rotation = turned(yaw)
        width, height, length = size
        slope = np.array([height, width / 2, 0.0]) / math.hypot(height, width / 2)
        local = np.array([slope, slope * [-1, 1, 1], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
        normals, foot = local @ rotation, np.array(base)
        reach = np.array([slope[1] * height, slope[1] * height, 0.0, length / 2, length / 2])
        return cls(
            normals=normals,
            offsets=normals @ foot + reach,
            tangents=np.array([[0, 0, 1], [0, 0, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0]]) @ rotation,
            center=foot,
            corners=((BOX_CORNERS + UP) * [width / 2, height / 2, length / 2]) @ rotation + foot,
        )

    @classmethod
    def pyramid(cls, base: Point, radius: float, height: float, num_sides: int = 7) -> Polytope:
        """A steep cone with flat sides, its bottom last."""
        angles = 2 * np.pi / num_sides * np.arange(num_sides)
        outward = np.stack([np.cos(angles), np.full(num_sides, radius / height), np.sin(angles)], axis=1)
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        normals, foot = np.concatenate([outward, -UP[None]]), np.array(base)
        across = np.stack([-np.sin(angles), np.zeros(num_sides), np.cos(angles)], axis=1)
        side = radius / math.cos(math.pi / num_sides)  # the planes touch the circle, the corners stand out
        return cls(
            normals=normals,
            offsets=normals @ foot + np.append(np.full(num_sides, outward[0, 0] * radius), 0.0),
            tangents=np.concatenate([across, [[1.0, 0.0, 0.0]]]),
            center=foot,
            corners=(BOX_CORNERS + UP) * [side, height / 2, side] + foot,
        )

    @classmethod
    def ground(cls, slope_x: float = 0.0, slope_z: float = 0.0) -> Polytope:
        """Everything under a plane through the origin, with its rise per metre along x and z."""
        normal = np.array([[-slope_x, 1.0, -slope_z]]) / math.hypot(slope_x, 1.0, slope_z)
        along = np.array([[1.0, slope_x, 0.0]]) / math.hypot(1.0, slope_x)
        return cls(normals=normal, offsets=np.zeros(1), tangents=along, center=np.zeros(3))

    @classmethod
    def strip(cls, left_m: float, right_m: float, top_m: float) -> Polytope:
        """A raised strip of ground along z without end: its top, its right and its left side."""
        return cls(
            normals=BOX_NORMALS[[2, 0, 1]],
            offsets=np.array([top_m, right_m, -left_m]),
            tangents=BOX_TANGENTS[[2, 0, 1]],
            center=np.array([(left_m + right_m) / 2, top_m, 0.0]),
        )

    def inverse_distance(self, rays: Rays, window: Window) -> Floats:
        """Where rays enter, (h, w)."""
        planes, faces, num_front = self._planes(rays, window)
        if not num_front:
            return np.zeros((1, 1), np.float32)  # the rays start inside
        enter = np.minimum.reduce(planes[:num_front])
        if num_front < len(faces):
            enter *= np.maximum.reduce(planes[num_front:]) < enter
        return enter

    def inverse_distance_and_face(self, rays: Rays, window: Window) -> tuple[Floats, NDArray[np.int16]]:
        """Where rays enter and through which face, both (h, w)."""
        planes, faces, num_front = self._planes(rays, window)
        face = np.full(planes.shape[1:], faces[0], np.int16)
        if not num_front:
            return np.zeros((1, 1), np.float32), face
        enter = planes[0]
        for number in range(1, num_front):
            np.copyto(face, faces[number], where=planes[number] < enter)
            np.minimum(enter, planes[number], out=enter)
        if num_front < len(faces):
            enter *= np.maximum.reduce(planes[num_front:]) < enter
        return enter, face

    def _planes(self, rays: Rays, window: Window) -> tuple[Floats, list[int], int]:
        """1 / t of every plane, (F, h, w), their faces, and how many of them, first, have the origin outside.

        The ray is inside once it has passed all of the planes in front, that is at the smallest 1 / t of them, unless
        it has left through another by then. Planes that are met backwards have 1 / t below 0 and drop out by
        themselves.
        """
        distance = self.normals @ rays.origin - self.offsets
        is_back = distance <= 0
        faces = is_back.argsort(kind="stable")
        distance[np.abs(distance) < MIN_DISTANCE_M] = MIN_DISTANCE_M
        axes = (self.normals / -distance[:, None]).take(faces, axis=0)
        return rays.along(axes, window), faces.tolist(), len(faces) - int(np.count_nonzero(is_back))


@dataclass(frozen=True, kw_only=True)
class Enclosure(Polytope):
    """A polytope seen from inside: a room. Its faces are met where rays leave it."""

    def inverse_distance_and_face(self, rays: Rays, window: Window) -> tuple[Floats, NDArray[np.int16]]:
        """Where rays leave and through which face, both (h, w)."""
        planes, faces, _ = self._planes(rays, window)
        face = np.full(planes.shape[1:], faces[0], np.int16)
        leave = planes[0]
        for number in range(1, len(planes)):
            np.copyto(face, faces[number], where=planes[number] > leave)
            np.maximum(leave, planes[number], out=leave)
        return leave, face
