"""DDAD's validation frames: LiDAR points projected into a camera, or depth maps that a list names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.label_files import read_bytes
from depth_anything.training.corpora.own_pairs import PairListReader
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind, RawSample, Reason, SampleError
from depth_anything.training.corpora.sample_decoding import decode_sample
from depth_anything.training.evaluation.data_options import first_folder, one_of
from depth_anything.training.evaluation.frames import Frame, FrameSource, ReaderFrames, frame_of
from depth_anything.training.evaluation.rigid_motion import Pose

INDEX_FILE, LIST_FILE = "ddad.json", "val.txt"
VALIDATION = "1"  # DGP's number of the split
LIDAR = "LIDAR"


class Intrinsics(NamedTuple):
    """Of a pinhole camera, in pixels; the centre of the first pixel is at 0."""

    fx: float
    fy: float
    cx: float
    cy: float


class Shot(NamedTuple):
    """A picture, the points of the same moment, and where both sensors were."""

    image: str
    points: str
    size: tuple[int, int]  # (H, W)
    intrinsics: Intrinsics
    camera: Pose
    lidar: Pose


class DdadLidarFrames(FrameSource):
    """Frames of one camera of the data set as it was unpacked, in DGP's layout.

    Args:
        root: holds `ddad.json`, which names the scenes, and the scenes' folders.
        camera: such as CAMERA_01, the front one.

    Raises:
        CorpusError: a file is missing or is not what it should be, or there is no such camera.
    """

    def __init__(self, root: Path, camera: str = "CAMERA_01") -> None:
        self.root = root
        self.camera = camera
        try:
            index = json.loads((root / INDEX_FILE).read_text(encoding="utf-8"))
            scenes = index["scene_splits"][VALIDATION]["filenames"]
            self._shots = [shot for scene in scenes for shot in _shots(root, scene, camera)]
        except OSError as error:
            raise CorpusError(f"{error.filename}: {error.strerror}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(f"{root}: no files of DGP's layout: {type(error).__name__} {error}") from error
        if not self._shots:
            raise CorpusError(
                f"{root / INDEX_FILE}: no picture of {camera} with {LIDAR} points in the validation part"
            )

    def __len__(self) -> int:
        return len(self._shots)

    def key(self, index: int) -> str:
        """Name of a frame: the path of its picture."""
        return self._shots[index].image

    def read(self, index: int) -> Frame:
        """The frame; errors as of `FrameSource.read`."""
        shot = self._shots[index]
        depth_m = projected_depth(_read_points(self.root / shot.points), shot)
        raw = RawSample(
            image_bytes=read_bytes(self.root / shot.image),
            label=depth_m,
            valid=depth_m > 0,
            kind=LabelKind.METRIC_DEPTH,
            corpus="ddad",
            key=shot.image,
        )
        return frame_of(decode_sample(raw))


def projected_depth(points_m: NDArray[np.float64], shot: Shot) -> NDArray[np.float32]:
    """Z of the points that fall into the picture, 0 elsewhere; of several in one pixel the last; (H, W).

    Args:
        points_m: in the LiDAR's coordinates; (N, 3).
        shot: the two poses, the camera and the picture's size.

    Source: TRI-ML/dgp, `dgp/utils/camera.py`, `generate_depth_map`.
    """
    height, width = shot.size
    x, y, z = shot.camera.from_world(shot.lidar.to_world(points_m)).T
    is_ahead = z > 0
    x, y, z = x[is_ahead], y[is_ahead], z[is_ahead]
    # Towards zero, as DGP's cast does, so that points up to a pixel outside of the first row and column count.
    column = np.trunc(shot.intrinsics.fx * x / z + shot.intrinsics.cx)
    row = np.trunc(shot.intrinsics.fy * y / z + shot.intrinsics.cy)
    is_inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    depth_m = np.zeros((height, width), np.float32)
    depth_m[row[is_inside].astype(np.int64), column[is_inside].astype(np.int64)] = z[is_inside]
    return depth_m


def open_ddad_frames(
    root: Path, files: str = "dgp", camera: str = "CAMERA_01", split_file: str = LIST_FILE
) -> FrameSource:
    """DDAD's validation frames.

    Args:
        root: the data set as unpacked, or what the list's paths are relative to.
        files: "dgp" for the data set's own layout, or "list" for pictures with `*_depth.npy` in metres.
        camera: of "dgp".
        split_file: of "list": lines `<picture> <depth>`, below root or absolute.

    Raises:
        CorpusError: files are missing.
    """
    if one_of("files", files, ("dgp", "list")) == "list":
        return ReaderFrames(PairListReader("ddad", root / split_file))
    return DdadLidarFrames(first_folder(root, "ddad_train_val"), camera)


def _shots(root: Path, scene: str, camera: str) -> Iterator[Shot]:
    record = json.loads((root / scene).read_text(encoding="utf-8"))
    folder = scene.rpartition("/")[0]
    by_key = {datum["key"]: datum for datum in record["data"]}
    calibrations: dict[str, Intrinsics] = {}
    for sample in record["samples"]:
        by_name = {by_key[key]["id"]["name"].upper(): by_key[key]["datum"] for key in sample["datum_keys"]}
        if camera not in by_name or LIDAR not in by_name:
            continue
        calibration = sample["calibration_key"]
        if calibration not in calibrations:
            calibrations[calibration] = _read_intrinsics(root / folder / f"calibration/{calibration}.json", camera)
        picture, points = by_name[camera]["image"], by_name[LIDAR]["point_cloud"]
        yield Shot(
            image=f"{folder}/{picture['filename']}",
            points=f"{folder}/{points['filename']}",
            size=(int(picture["height"]), int(picture["width"])),
            intrinsics=calibrations[calibration],
            camera=Pose.from_record(picture["pose"]),
            lidar=Pose.from_record(points["pose"]),
        )


def _read_intrinsics(path: Path, camera: str) -> Intrinsics:
    calibration: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    intrinsics = calibration["intrinsics"][[name.upper() for name in calibration["names"]].index(camera)]
    return Intrinsics(*(float(intrinsics[name]) for name in Intrinsics._fields))


def _read_points(path: Path) -> NDArray[np.float64]:
    """x, y and z of the points, in metres; (N, 3)."""
    if not path.is_file():
        raise SampleError(Reason.UNREADABLE_FILE, f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            name = "data" if "data" in arrays.files else arrays.files[0]
            return np.asarray(arrays[name][:, :3], np.float64)
    except Exception as error:  # as for label files, damaged bytes raise nearly anything
        raise SampleError(Reason.DAMAGED_LABEL, f"{path}: {error or type(error).__name__}") from error
