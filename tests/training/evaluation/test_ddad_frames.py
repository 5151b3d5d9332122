"""DDAD in DGP's layout: LiDAR points in the camera, against a loop over points and homogeneous matrices."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.evaluation.ddad_frames import (
    DdadLidarFrames,
    Intrinsics,
    Shot,
    open_ddad_frames,
    projected_depth,
)
from depth_anything.training.evaluation.rigid_motion import Pose

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
HEIGHT, WIDTH = 24, 32
LIDAR_POSE = Pose(quaternion=(0.28545, -0.00454, -0.00759, 0.95835), translation_m=(400.86, -259.61, 12.5))
CAMERA_POSE = Pose(quaternion=(0.61311, -0.62164, -0.34867, 0.34072), translation_m=(399.32, -258.93, 13.84))


def record(pose: Pose) -> dict[str, dict[str, float]]:
    return {
        "rotation": dict(zip(("qw", "qx", "qy", "qz"), pose.quaternion, strict=True)),
        "translation": dict(zip("xyz", pose.translation_m, strict=True)),
    }


def matrix_of(pose: Pose) -> np.ndarray:
    """(4, 4), column by column: a quaternion turns each axis by q v q*."""

    def product(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        vector = p[0] * q[1:] + q[0] * p[1:] + np.cross(p[1:], q[1:])
        return np.concatenate([[p[0] * q[0] - p[1:] @ q[1:]], vector])

    q = np.array(pose.quaternion) / np.linalg.norm(pose.quaternion)
    matrix = np.eye(4)
    for axis in range(3):
        turned = product(product(q, np.concatenate([[0], np.eye(3)[axis]])), q * [1, -1, -1, -1])
        matrix[:3, axis] = turned[1:]
    matrix[:3, 3] = pose.translation_m
    return matrix


def in_lidar(camera_points: np.ndarray) -> np.ndarray:
    """Points given in the camera's coordinates as the LiDAR would have measured them."""
    homogeneous = np.concatenate([camera_points, np.ones((len(camera_points), 1))], axis=1)
    return (np.linalg.inv(matrix_of(LIDAR_POSE)) @ matrix_of(CAMERA_POSE) @ homogeneous.T).T[:, :3]


INTRINSICS = Intrinsics(40.0, 41.0, 15.5, 11.5)
SHOT = Shot("image.png", "points.npz", (HEIGHT, WIDTH), INTRINSICS, CAMERA_POSE, LIDAR_POSE)


def pixel(u: float, v: float, z: float) -> list[float]:
    """The point at depth z that falls on (u, v)."""
    return [(u - INTRINSICS.cx) / INTRINSICS.fx * z, (v - INTRINSICS.cy) / INTRINSICS.fy * z, z]


def test_points_fall_where_a_loop_over_matrices_puts_them() -> None:
    noise = np.random.default_rng(0)
    points = noise.uniform(-60, 60, (4000, 3))
    to_camera = np.linalg.inv(matrix_of(CAMERA_POSE)) @ matrix_of(LIDAR_POSE)
    expected = np.zeros((HEIGHT, WIDTH))
    for point in points:
        x, y, z, _ = to_camera @ [*point, 1]
        if z <= 0:
            continue
        u, v = int(40 * x / z + 15.5), int(41 * y / z + 11.5)
        if 0 <= u < WIDTH and 0 <= v < HEIGHT:
            expected[v, u] = z
    assert np.count_nonzero(expected) > 50
    np.testing.assert_allclose(projected_depth(points, SHOT), expected, rtol=1e-5)


def test_pixels_are_cut_towards_zero_and_the_last_point_stays() -> None:
    points = [
        pixel(10.99, 3.99, 5),
        pixel(-0.9, 7.5, 6),
        pixel(-1.1, 8.5, 6),
        pixel(20.1, 20.1, 9),
        pixel(20.2, 20.2, 30),
    ]
    points += [pixel(31.99, 23.99, 4), pixel(32.01, 5.5, 4)]
    depth_m = projected_depth(in_lidar(np.array(points)), SHOT)
    assert depth_m[3, 10] == pytest.approx(5, abs=1e-4)
    assert depth_m[7, 0] == pytest.approx(6, abs=1e-4)
    assert depth_m[20, 20] == pytest.approx(30, abs=1e-4), "of two points the later one, not the nearer"
    assert depth_m[23, 31] == pytest.approx(4, abs=1e-4)
    assert np.count_nonzero(depth_m) == 4


def test_what_lies_behind_the_camera_is_not_seen() -> None:
    assert not projected_depth(in_lidar(np.array([[0.0, 0, -5]])), SHOT).any()


def npz(points: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, data=np.concatenate([points, np.ones((len(points), 1))], axis=1).astype(np.float32))
    return file.getvalue()


def datum(key: str, name: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"key": key, "id": {"name": name, "timestamp": "2019-05-15T00:38:58Z"}, "datum": {kind: content}}


@pytest.fixture
def ddad(tmp_path: Path, write: Write, encoded: Encode) -> Path:
    """A scene of two samples in each part; in the second one of validation the cameras' names are in lower case."""
    points = in_lidar(np.array([pixel(4.5, 5.5, 10), pixel(6.5, 7.5, 20)]))
    for scene in ("000001", "000150"):
        data, samples = [], []
        for number in (1, 2):
            for camera in ("CAMERA_01", "CAMERA_05"):
                path = f"rgb/{camera}/{number}.png"
                write(f"ddad_train_val/{scene}/{path}", encoded(number))
                content = {"filename": path, "height": HEIGHT, "width": WIDTH, "pose": record(CAMERA_POSE)}
                name = camera.lower() if number == 2 else camera
                data.append(datum(f"{camera}{number}", name, "image", content))
            write(f"ddad_train_val/{scene}/point_cloud/LIDAR/{number}.npz", npz(points))
            content = {"filename": f"point_cloud/LIDAR/{number}.npz", "pose": record(LIDAR_POSE)}
            data.append(datum(f"LIDAR{number}", "LIDAR", "point_cloud", content))
            keys = [f"{name}{number}" for name in ("LIDAR", "CAMERA_01", "CAMERA_05")]
            samples.append({"calibration_key": "c0e1", "datum_keys": keys})
        scene_file = json.dumps({"data": data, "samples": samples})
        write(f"ddad_train_val/{scene}/scene_ab.json", scene_file.encode())
        intrinsics = [dict.fromkeys(("fx", "fy", "cx", "cy", "skew"), 0.0)] * 2 + [INTRINSICS._asdict()]
        calibration = {"names": ["LIDAR", "CAMERA_05", "CAMERA_01"], "intrinsics": intrinsics, "extrinsics": []}
        write(f"ddad_train_val/{scene}/calibration/c0e1.json", json.dumps(calibration).encode())
    splits = {"0": {"filenames": ["000001/scene_ab.json"]}, "1": {"filenames": ["000150/scene_ab.json"]}}
    write("ddad_train_val/ddad.json", json.dumps({"scene_splits": splits}).encode())
    return tmp_path


def test_the_validation_scenes_give_the_front_cameras_frames(ddad: Path) -> None:
    frames = open_ddad_frames(ddad)
    assert [frames.key(index) for index in range(len(frames))] == [f"000150/rgb/CAMERA_01/{n}.png" for n in (1, 2)]
    frame = frames.read(1)
    assert frame.image.shape == (HEIGHT, WIDTH, 3)
    assert np.count_nonzero(frame.valid) == 2
    assert frame.depth_m[5, 4] == pytest.approx(10, abs=1e-3)
    assert frame.depth_m[7, 6] == pytest.approx(20, abs=1e-3)


def test_another_camera_is_named_when_it_is_not_there(ddad: Path) -> None:
    with pytest.raises(CorpusError, match=r"ddad.json: no picture of CAMERA_09 with LIDAR points"):
        open_ddad_frames(ddad, camera="CAMERA_09")


def test_damaged_files_are_told_apart(ddad: Path) -> None:
    frames = DdadLidarFrames(ddad / "ddad_train_val")
    (ddad / "ddad_train_val/000150/point_cloud/LIDAR/1.npz").write_bytes(b"no zip")
    (ddad / "ddad_train_val/000150/point_cloud/LIDAR/2.npz").unlink()
    with pytest.raises(SampleError, match=r"damaged_label: .*1.npz"):
        frames.read(0)
    with pytest.raises(SampleError, match=r"unreadable_file: .*2.npz: no such file"):
        frames.read(1)
    (ddad / "ddad_train_val/000150/calibration/c0e1.json").write_text("{}")
    with pytest.raises(CorpusError, match=r"no files of DGP's layout: KeyError 'names'|KeyError 'intrinsics'"):
        open_ddad_frames(ddad)
    (ddad / "ddad_train_val/ddad.json").unlink()
    with pytest.raises(CorpusError, match=r"ddad.json: No such file"):
        open_ddad_frames(ddad)


def test_a_list_of_pictures_and_depth_in_metres_is_read_too(tmp_path: Path, write: Write, encoded: Encode) -> None:
    depth_m = np.linspace(0, 90, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.float32)
    write("a_rgb.png", encoded(0))
    np.save(tmp_path / "a_depth.npy", depth_m)
    write("val.txt", b"a_rgb.png a_depth.npy\n")
    frame = open_ddad_frames(tmp_path, "list").read(0)
    np.testing.assert_array_equal(frame.depth_m, depth_m)
    np.testing.assert_array_equal(frame.valid, depth_m > 0)
