"""KITTI's LiDAR sweeps in the picture, against a loop over points that numbers pixels from 1."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.evaluation.crops import EvaluatedBox
from depth_anything.training.evaluation.kitti_lidar_frames import (
    LidarCalibration,
    projected_sweep,
    read_calibration,
    read_sweep,
)
from depth_anything.training.evaluation.listed_frames import KITTI_LIST, open_kitti_frames
from depth_anything.training.evaluation.protocol import Protocol
from depth_anything.training.evaluation.protocol_table import find_protocol, open_frames

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
HEIGHT, WIDTH = 24, 32
DATE, DRIVE = "2011_09_26", "2011_09_26_drive_0002_sync"
FOCAL, CENTRE = 20.0, (16.0, 12.0)
# Forward, left, up of the LiDAR are z, -x and -y of the camera, which stands 0.25 m before it.
TO_CAMERA = np.array([[0, -1, 0, 0.0], [0, 0, -1, -0.125], [1, 0, 0, -0.25]])


def spelled(values: np.ndarray) -> str:
    return " ".join(f"{value:.6e}" for value in np.asarray(values, np.float64).ravel())


def write_calibration(write: Write, date: str = DATE, to_camera: np.ndarray = TO_CAMERA) -> None:
    projection = np.array([[FOCAL, 0, CENTRE[0], 0], [0, FOCAL, CENTRE[1], 0], [0, 0, 1, 0]])
    cameras = [
        "calib_time: 09-Jan-2012 13:57:47",
        "corner_dist: 9.950000e-02",
        f"S_rect_00: {spelled(np.array([99, 98]))}",
        f"R_rect_00: {spelled(np.eye(3))}",
        f"R_rect_02: {spelled(5 * np.eye(3))}",
        f"P_rect_00: {spelled(np.zeros((3, 4)))}",
        f"S_rect_02: {spelled(np.array([WIDTH, HEIGHT]))}",
        f"P_rect_02: {spelled(projection)}",
    ]
    lidar = [f"R: {spelled(to_camera[:, :3])}", f"T: {spelled(to_camera[:, 3])}", "delta_f: 0 0"]
    write(f"kitti/raw_data/{date}/calib_cam_to_cam.txt", "\n".join(cameras).encode())
    write(f"kitti/raw_data/{date}/calib_velo_to_cam.txt", "\n".join(lidar).encode())


def sweep(points: list[list[float]]) -> bytes:
    return np.array([[*point, 0.5] for point in points], "<f4").tobytes()


def by_a_loop(points: np.ndarray, to_pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    depth = np.zeros((height, width))
    for forward, left, up in points.astype(np.float64):
        if forward < 0:
            continue
        across, down, scale = (float(row @ [forward, left, up, 1]) for row in to_pixels)
        column, row = round(across / scale) - 1, round(down / scale) - 1  # halves to the even number, as NumPy's
        if 0 <= column < width and 0 <= row < height and not 0 < depth[row, column] <= forward:
            depth[row, column] = forward
    return depth


def test_points_fall_where_a_loop_puts_them_and_the_nearest_stays() -> None:
    noise = np.random.default_rng(0)
    points = noise.uniform([-20, -15, -12], [40, 15, 12], (6000, 3)).astype(np.float32)
    turn = np.linalg.qr(noise.normal(size=(3, 3)))[0] * 0.05 + np.eye(3)
    to_pixels = np.array([[FOCAL, 0, 16, 3], [0, FOCAL, 12, -2], [0, 0, 1, 0.01]]) @ np.vstack(
        [turn @ TO_CAMERA, [0, 0, 0, 1]]
    )
    found = projected_sweep(points, LidarCalibration(to_pixels, (HEIGHT, WIDTH)))
    expected = by_a_loop(points, to_pixels, HEIGHT, WIDTH)
    assert 300 < np.count_nonzero(expected) < HEIGHT * WIDTH
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(found, projected_sweep(points[::-1], LidarCalibration(to_pixels, (HEIGHT, WIDTH))))


def test_depth_is_forward_of_the_lidar_and_pixels_count_from_one() -> None:
    plain = LidarCalibration(
        np.array([[FOCAL, 0, 16, 0], [0, FOCAL, 12, 0], [0, 0, 1, 0]]) @ np.vstack([TO_CAMERA, [0, 0, 0, 1]]),
        (HEIGHT, WIDTH),
    )

    def at(column: float, row: float, camera_z: float) -> list[float]:
        """The point that the camera sees at a pixel counted from 1."""
        return [camera_z + 0.25, (16 - column) / FOCAL * camera_z, (12 - row) / FOCAL * camera_z - 0.125]

    points = [at(16, 12, 5), at(1.4, 1.4, 6), at(0.4, 5, 6), at(32.4, 24.4, 7), at(33.4, 5, 7), at(16, 12, 9)]
    depth = projected_sweep(np.array(points, np.float32), plain)
    assert np.argwhere(depth > 0).tolist() == [[0, 0], [11, 15], [23, 31]]
    assert depth[depth > 0] == pytest.approx([6.25, 5.25, 7.25], rel=1e-6)


def test_points_beside_the_lidar_or_in_the_cameras_plane_are_nowhere() -> None:
    to_pixels = np.array([[FOCAL, 0, 16, 0], [0, FOCAL, 12, 0], [0, 0, 1, 0]]) @ np.vstack([TO_CAMERA, [0, 0, 0, 1]])
    points = np.array([[-5, 0, 0], [0.25, 0, -0.125], [0.25, 1, 1]], np.float32)
    assert not projected_sweep(points, LidarCalibration(to_pixels, (HEIGHT, WIDTH))).any()


def write_frames(write: Write, encoded: Encode, listed: str) -> None:
    write_calibration(write)
    for number in (69, 75):
        frame = f"kitti/raw_data/{DATE}/{DRIVE}/{{}}/data/{number:010d}"
        write(frame.format("image_02") + ".png", encoded(number))
        write(frame.format("velodyne_points") + ".bin", sweep([[number / 10, 0, 0], [9, 0, 0]]))
    write(f"kitti/{KITTI_LIST}", listed.encode())


@pytest.mark.parametrize(
    "listed",
    [
        "{0}/{1}/image_02/data/0000000069.png {1}/proj_depth/groundtruth/image_02/0000000069.png 721.5377\n"
        "{0}/{1}/image_02/data/0000000075.png None 721.5377\n",
        "{0}/{1} 0000000069 l\n{0}/{1} 0000000075 l\n",
    ],
    ids=["ZoeDepth's list", "monodepth2's list"],
)
def test_lines_without_annotated_depth_are_frames_too(
    tmp_path: Path, write: Write, encoded: Encode, listed: str
) -> None:
    write_frames(write, encoded, listed.format(DATE, DRIVE))
    frames = open_kitti_frames(tmp_path / "kitti", truth="lidar")
    assert (len(frames), frames.left_out) == (2, ())
    assert [frames.key(index)[-14:] for index in range(2)] == ["0000000069.png", "0000000075.png"]
    frames = pickle.loads(pickle.dumps(frames))
    for index, metres in enumerate((6.9, 7.5)):
        frame = frames.read(index)
        assert frame.depth_m[frame.valid] == pytest.approx([metres], rel=1e-6)
        assert frame.image.shape == (HEIGHT, WIDTH, 3)


def test_what_is_missing_is_told(tmp_path: Path, write: Write, encoded: Encode) -> None:
    listed = f"{DATE}/{DRIVE} 69 l\n{DATE}/{DRIVE} 99 l\nelsewhere/a.png None 1\n"
    write_frames(write, encoded, listed)
    root = tmp_path / "kitti"
    frames = open_kitti_frames(root, truth="lidar")
    assert len(frames) == 1
    assert (
        "there is no 2011_09_26/2011_09_26_drive_0002_sync/velodyne_points/data/0000000099.bin" in frames.left_out[0]
    )
    assert "elsewhere/a.png: is not <date>/<drive>/image_02/data/<number>.png" in frames.left_out[1]
    with pytest.raises(CorpusError, match="truth is 'velodyne'; it is one of annotated, lidar"):
        open_kitti_frames(root, truth="velodyne")


def test_a_calibration_that_is_missing_or_another_one_is_refused_before_the_first_frame(
    tmp_path: Path, write: Write, encoded: Encode
) -> None:
    write_frames(write, encoded, f"{DATE}/{DRIVE} 69 l\n")
    path = tmp_path / f"kitti/raw_data/{DATE}/calib_velo_to_cam.txt"
    path.write_text("R: 1 0 0 0 1 0 0 0 1\n")
    with pytest.raises(CorpusError, match=r"are not those of KITTI's raw data: KeyError 'T'"):
        open_kitti_frames(tmp_path / "kitti", truth="lidar")
    path.unlink()
    with pytest.raises(CorpusError, match=r"calib_velo_to_cam.txt: .*; unpack the day's calibration"):
        open_kitti_frames(tmp_path / "kitti", truth="lidar")


def test_a_damaged_sweep_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"123456789"):
        (tmp_path / "a.bin").write_bytes(data)
        with pytest.raises(SampleError, match=f"a.bin: {len(data)} bytes are no points of 16 bytes"):
            read_sweep(tmp_path / "a.bin")


def test_real_sweeps_are_judged_within_the_garg_box_of_the_frame(
    shared_dir: Path, tmp_path: Path, write: Write
) -> None:
    folder = shared_dir / "rgbd" / "kitti_object" / "training"
    lines = []
    for number in range(3):
        # The object benchmark has the same numbers under other names, one calibration a frame.
        text = (folder / f"calib/{number:06d}.txt").read_text().splitlines()
        calibration = {line.split(":")[0]: line.split(":")[1] for line in text if line}
        to_camera = np.array(calibration["Tr_velo_to_cam"].split(), np.float64).reshape(3, 4)
        date, drive = f"2011_09_0{number}", f"2011_09_0{number}_drive_0001_sync"
        picture = folder / f"image_2/{number:06d}.png"
        with Image.open(picture) as opened:
            size = f"{opened.width} {opened.height}"
        cameras = f"R_rect_00:{calibration['R0_rect']}\nP_rect_02:{calibration['P2']}\nS_rect_02: {size}\n"
        write(f"kitti/raw_data/{date}/calib_cam_to_cam.txt", cameras.encode())
        lidar = f"R: {spelled(to_camera[:, :3])}\nT: {spelled(to_camera[:, 3])}\n"
        write(f"kitti/raw_data/{date}/calib_velo_to_cam.txt", lidar.encode())
        write(f"kitti/raw_data/{date}/{drive}/image_02/data/0000000001.png", picture.read_bytes())
        points = (folder / f"velodyne/{number:06d}.bin").read_bytes()
        write(f"kitti/raw_data/{date}/{drive}/velodyne_points/data/0000000001.bin", points)
        lines.append(f"{date}/{drive} 1 l")
    write(f"kitti/{KITTI_LIST}", "\n".join(lines).encode())
    protocol = find_protocol("kitti_median_raw_lidar")
    assert isinstance(protocol, Protocol)
    frames = open_frames(protocol, tmp_path, is_count_checked=False)
    for index in range(3):
        frame = frames.read(index)
        calibration_read = read_calibration(tmp_path / "kitti/raw_data" / f"2011_09_0{index}")
        points = np.fromfile(folder / f"velodyne/{index:06d}.bin", "<f4").reshape(-1, 4)[:, :3]
        whole = by_a_loop(points, calibration_read.to_pixels, *frame.depth_m.shape)
        top, bottom, left, right = EvaluatedBox.GARG.pixels(*frame.depth_m.shape)
        counted = whole[top:bottom, left:right]
        counted = counted[(counted > 1e-3) & (counted < 80)]
        assert len(counted) > 8000
        assert math.isclose(counted.min(), frame.depth_m[frame.valid].min(), rel_tol=1e-6)
        np.testing.assert_allclose(frame.depth_m[frame.valid], counted, rtol=1e-6)
