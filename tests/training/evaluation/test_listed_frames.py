"""KITTI, Virtual KITTI 2, Hypersim and NYUv2's pictures: the test parts of data sets that training reads too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.evaluation.listed_frames import (
    HYPERSIM_SPLIT_TABLE,
    KITTI_LIST,
    open_hypersim_frames,
    open_kitti_frames,
    open_virtual_kitti_frames,
)
from depth_anything.training.evaluation.nyuv2_frames import TEST_LIST, open_nyuv2_frames

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
HEIGHT, WIDTH = 24, 32
DRIVE = "2011_09_26_drive_{:04d}_sync"


@pytest.fixture
def levels() -> np.ndarray:
    values = np.linspace(300, 20000, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
    values[::2] = 0
    return values


def test_kittis_lines_without_depth_are_left_out_and_both_parts_are_looked_into(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, levels: np.ndarray
) -> None:
    lines = []
    for number, part in ((2, "val"), (9, "None"), (13, "train")):
        drive, path = DRIVE.format(number), "proj_depth/groundtruth/image_02/0000000069.png"
        write(f"raw_data/2011_09_26/{drive}/image_02/data/0000000069.png", encoded(number))
        if part != "None":
            write(f"data_depth_annotated/{part}/{drive}/{path}", png16(levels))
        depth = "None" if part == "None" else f"{drive}/{path}"
        lines.append(f"2011_09_26/{drive}/image_02/data/0000000069.png {depth} 721.5377")
    write(KITTI_LIST, "\n".join(lines).encode())
    frames = open_kitti_frames(tmp_path)
    assert len(frames) == 2
    assert [reason.endswith("the list says None") for reason in frames.left_out] == [True]
    np.testing.assert_allclose(frames.read(1).depth_m, levels / 256, rtol=1e-6)
    np.testing.assert_array_equal(frames.read(1).valid, levels > 0)


def test_kitti_without_its_list_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"no split file .*; take {KITTI_LIST} of ZoeDepth's train_test_inputs/"):
        open_kitti_frames(tmp_path)


def test_virtual_kittis_test_part_is_what_the_training_list_leaves(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, levels: np.ndarray
) -> None:
    listed = []
    for scene in ("Scene01/clone", "Scene20/15-deg-left"):
        for camera in (0, 1):
            for number in range(3):
                picture = f"{scene}/frames/rgb/Camera_{camera}/rgb_{number:05d}.jpg"
                depth = f"{scene}/frames/depth/Camera_{camera}/depth_{number:05d}.png"
                write(picture, encoded(number, "JPEG"))
                write(depth, png16(levels))
                if camera == 0 and number != 1:
                    listed.append(f"/somewhere/else/vKitti2/{picture} /somewhere/else/vKitti2/{depth}")
    write("train.txt", "\n".join(listed).encode())
    frames = open_virtual_kitti_frames(tmp_path)
    assert [frames.key(index) for index in range(len(frames))] == [
        f"{scene}/frames/rgb/Camera_0/rgb_00001.jpg" for scene in ("Scene01/clone", "Scene20/15-deg-left")
    ]
    np.testing.assert_allclose(frames.read(0).depth_m, levels / 100, rtol=1e-6)


def test_a_list_that_names_no_street_is_refused(tmp_path: Path, write: Write) -> None:
    with pytest.raises(CorpusError, match=r"no list of training frames .*train.txt: No such file"):
        open_virtual_kitti_frames(tmp_path)
    write("train.txt", b"nothing of the kind\n")
    with pytest.raises(CorpusError, match=r"train.txt names no frame such as Scene01/clone"):
        open_virtual_kitti_frames(tmp_path)


@pytest.fixture
def hypersim(tmp_path: Path, write: Write, encoded: Encode) -> Path:
    """Three scenes of one frame, one of each partition; every point 5 m from the camera."""
    rows = ["scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name"]
    for number, partition in ((1, "train"), (2, "val"), (3, "test")):
        scene = f"ai_001_{number:03d}"
        write(f"{scene}/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg", encoded(0, "JPEG", (1024, 768)))
        path = tmp_path / f"{scene}/images/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5"
        path.parent.mkdir(parents=True)
        distance = np.full((768, 1024), 5, np.float16)
        distance[0, 0] = np.nan
        with h5py.File(path, "w") as file:
            file.create_dataset("dataset", data=distance, compression="gzip", chunks=(96, 128))
        rows.append(f"{scene},cam_00,0,True,,{partition}")
    write(HYPERSIM_SPLIT_TABLE, "\n".join(rows).encode())
    return tmp_path


def test_hypersims_distance_becomes_z_by_the_one_focal_length_of_the_published_codes(hypersim: Path) -> None:
    frames = open_hypersim_frames(hypersim)
    assert [frames.key(0)[:10], len(frames)] == ["ai_001_003", 1]
    frame = frames.read(0)
    # The formula of ZoeDepth's loader, pixel by pixel.
    for row, column in ((0, 1), (100, 900), (383, 511), (767, 1023)):
        x, y = column - 1023 / 2, row - 767 / 2
        expected = 5 * 886.81 / np.sqrt(x * x + y * y + 886.81**2)
        assert frame.depth_m[row, column] == pytest.approx(expected, rel=1e-6)
    assert not frame.valid[0, 0]
    assert frame.valid.sum() == 768 * 1024 - 1


def test_hypersims_table_of_cameras_is_used_only_when_asked_for(hypersim: Path, write: Write) -> None:
    with pytest.raises(CorpusError, match=r"cameras is 'table', and there is no metadata_camera_parameters"):
        open_hypersim_frames(hypersim, cameras="table")
    published = open_hypersim_frames(hypersim).read(0).depth_m
    projection = {f"M_proj_{i}{j}": 0.0 for i in range(4) for j in range(4)}
    projection |= {"M_proj_00": 2.0, "M_proj_11": 8 / 3, "M_proj_32": -1.0}  # focal length 1024
    rows = [["scene_name", *projection], *([f"ai_001_{n:03d}", *projection.values()] for n in (1, 2, 3))]
    write("metadata_camera_parameters.csv", "\n".join(",".join(map(str, row)) for row in rows).encode())
    np.testing.assert_array_equal(open_hypersim_frames(hypersim).read(0).depth_m, published)
    exact = open_hypersim_frames(hypersim, cameras="table").read(0).depth_m
    assert exact[767, 1023] == pytest.approx(5 * 1024 / np.sqrt(511.5**2 + 383.5**2 + 1024**2), rel=1e-6)


def test_hypersims_partitions_are_those_of_its_table(hypersim: Path) -> None:
    assert open_hypersim_frames(hypersim, "val").key(0).startswith("ai_001_002")
    assert len(open_hypersim_frames(hypersim, "all")) == 3
    (hypersim / HYPERSIM_SPLIT_TABLE).unlink()
    with pytest.raises(CorpusError, match="the split table cannot be read"):
        open_hypersim_frames(hypersim)


@pytest.mark.parametrize("folder", ["", "official_splits/test/"])
def test_nyus_pictures_are_found_where_bts_and_zoe_put_them(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, levels: np.ndarray, folder: str
) -> None:
    lines = []
    for number in (45, 46):
        write(f"{folder}bathroom/rgb_{number:05d}.jpg", encoded(number, "JPEG"))
        write(f"{folder}bathroom/sync_depth_{number:05d}.png", png16(levels))
        lines.append(f"bathroom/rgb_{number:05d}.jpg bathroom/sync_depth_{number:05d}.png 518.8579")
    write(TEST_LIST, "\n".join(lines).encode())
    frames = open_nyuv2_frames(tmp_path)
    assert [frames.key(index) for index in range(len(frames))] == ["bathroom/rgb_00045.jpg", "bathroom/rgb_00046.jpg"]
    np.testing.assert_allclose(frames.read(0).depth_m, levels / 1000, rtol=1e-6)


def test_real_kitti_frames_are_judged_within_the_garg_box_of_the_crop(shared_dir: Path, tmp_path: Path) -> None:
    from depth_anything.training.evaluation.judged_frames import JudgedFrames
    from depth_anything.training.evaluation.protocol import Protocol
    from depth_anything.training.evaluation.protocol_table import find_protocol

    folder = shared_dir / "rgbd" / "metric3d_kitti"
    split = tmp_path / "list.txt"
    split.write_text("".join(f"rgb/{n:010d}.png depth/{n:010d}.png 707.0493\n" for n in (5, 50, 100)))
    source = open_kitti_frames(folder, str(split))
    protocol = find_protocol("kitti_metric")
    assert isinstance(protocol, Protocol)
    frames = JudgedFrames(source, protocol)
    assert len(frames) == 3
    for index in range(3):
        whole, seen = source.read(index), frames.read(index)
        height, width = whole.depth_m.shape
        top, left = height - 352, int((width - 1216) / 2)
        counted = whole.depth_m[top + 143 : top + 349, left + 43 : left + 1172]
        counted = counted[(counted > 1e-3) & (counted < 80)]
        np.testing.assert_array_equal(seen.depth_m[seen.valid], counted)
        assert seen.image.shape == (352, 1216, 3)
        assert len(counted) > 10000
