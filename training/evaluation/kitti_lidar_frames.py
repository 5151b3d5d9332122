"""KITTI with the points of its LiDAR as truth, one sweep a frame, as codes before the annotated depth had it."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.label_files import read_bytes
from depth_anything.training.corpora.reader import CorpusError, Fault, Item, Label
from depth_anything.training.corpora.sample import Reason, SampleError
from depth_anything.training.corpora.split_lists import KittiEigenReader

PICTURE = re.compile(r"([^/]+)/([^/]+)/image_02/data/(\d+)\.png")
DRIVE = re.compile(r"[^/]+/[^/]+_sync")
CAMERAS_FILE, LIDAR_FILE = "calib_cam_to_cam.txt", "calib_velo_to_cam.txt"
POINT_BYTES = 16  # forward, left, up and reflectance, float32


class LidarCalibration(NamedTuple):
    """Where a point of the LiDAR lies in the picture of the left colour camera.

    Attributes:
        to_pixels: of homogeneous points in metres; pixels count from 1; (3, 4).
        size: of the rectified picture, (H, W).
    """

    to_pixels: NDArray[np.float64]
    size: tuple[int, int]


class KittiLidarReader(KittiEigenReader):
    """KITTI's raw data: `<date>/<drive>/image_02/data/*.png`, `.../velodyne_points/data/*.bin`, `<date>/calib_*.txt`.

    The depth that a list names does not count, so lines with `None` are frames too. Lists of monodepth2's kind, lines
    `<date>/<drive> <number> l`, are read as well; the picture is the left one.
    """

    def _item(self, path: str, listed_depth: str) -> Item:
        if DRIVE.fullmatch(path) and listed_depth.isdecimal():
            path = f"{path}/image_02/data/{int(listed_depth):010d}.png"
        found = PICTURE.fullmatch(path)
        if found is None:
            detail = f"{path}: is not <date>/<drive>/image_02/data/<number>.png, to which a LiDAR sweep belongs"
            return Item(key=path, path=path, fault=Fault(Reason.MISSING_LABEL, detail))
        date, drive, number = found.groups()
        points = f"{date}/{drive}/velodyne_points/data/{number}.bin"
        if not (self.root / points).is_file():
            detail = f"{path}: in {self.root} there is no {points}"
            return Item(key=path, path=path, fault=Fault(Reason.MISSING_LABEL, detail))
        read_calibration(self.root / date)  # an error of all frames is told before the first
        return Item(key=path, path=path, label_path=points)

    def _label(self, item: Item) -> Label:
        depth_m = projected_sweep(read_sweep(self.root / item.label_path), self._calibration_of(item))
        return Label(values=depth_m, valid=depth_m > 0)

    def _calibration_of(self, item: Item) -> LidarCalibration:
        return read_calibration(self.root / item.path.partition("/")[0])


def projected_sweep(points_m: NDArray[np.float32], calibration: LidarCalibration) -> NDArray[np.float32]:
    """How far ahead of the LiDAR the point in each pixel lies, of several the nearest, 0 without one; (H, W).

    Points beside and behind the LiDAR do not count, nor is the way from it to the camera taken off.

    Args:
        points_m: forward, left, up; (N, 3).
        calibration: of the day.

    Source: monodepth2, `kitti_utils.py`, `generate_depth_map` with `cam=2, vel_depth=True`. Differs: there the last
    pixel of a row and the first of the next are taken for one where points meet; no box of a protocol holds either.
    """
    height, width = calibration.size
    ahead = points_m[points_m[:, 0] >= 0].astype(np.float64)
    across, down, scale = calibration.to_pixels @ np.concatenate([ahead, np.ones((len(ahead), 1))], axis=1).T
    with np.errstate(divide="ignore", invalid="ignore"):  # points in the camera's own plane are nowhere
        column, row = np.round(across / scale) - 1, np.round(down / scale) - 1
    is_inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    nearest_m = np.full((height, width), np.inf)
    places = row[is_inside].astype(np.int64), column[is_inside].astype(np.int64)
    np.minimum.at(nearest_m, places, ahead[is_inside, 0])
    return np.where(np.isfinite(nearest_m), nearest_m, 0).astype(np.float32)


def read_sweep(path: Path) -> NDArray[np.float32]:
    """The points of a file, forward, left, up in metres; (N, 3).

    Raises:
        SampleError: the file is missing or damaged.
    """
    data = read_bytes(path)
    if not data or len(data) % POINT_BYTES:
        raise SampleError(
            Reason.DAMAGED_LABEL, f"{path}: {len(data)} bytes are no points of {POINT_BYTES} bytes, float32 each"
        )
    return np.frombuffer(data, "<f4").reshape(-1, 4)[:, :3].astype(np.float32)


@functools.lru_cache(maxsize=8)
def read_calibration(folder: Path) -> LidarCalibration:
    """The calibration of a day's drives.

    Args:
        folder: of the day, such as `2011_09_26`.

    Raises:
        CorpusError: a file is missing, or has not the numbers.
    """
    cameras, lidar = _numbers(folder / CAMERAS_FILE), _numbers(folder / LIDAR_FILE)
    try:
        to_camera, rectified = np.eye(4), np.eye(4)
        to_camera[:3] = np.column_stack([lidar["R"].reshape(3, 3), lidar["T"]])
        rectified[:3, :3] = cameras["R_rect_00"].reshape(3, 3)
        to_pixels = cameras["P_rect_02"].reshape(3, 4) @ rectified @ to_camera
        width, height = (int(side) for side in cameras["S_rect_02"])
    except (KeyError, ValueError) as error:
        raise CorpusError(
            f"{folder}: {CAMERAS_FILE} and {LIDAR_FILE} are not those of KITTI's raw data: "
            f"{type(error).__name__} {error}"
        ) from error
    return LidarCalibration(to_pixels, (height, width))


def _numbers(path: Path) -> dict[str, NDArray[np.float64]]:
    """The lines `<name>: <number> <number> ...` of a calibration file; other lines are left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: {error}; unpack the day's calibration of KITTI's raw data there") from error
    numbers = {}
    for line in lines:
        name, _, values = line.partition(":")
        try:
            numbers[name] = np.array([float(value) for value in values.split()])
        except ValueError:
            continue  # such as the time of the calibration
    return numbers
