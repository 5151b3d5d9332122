"""Sintel, ETH3D, DIODE, SUN RGB-D and iBims-1 from small files in their own layouts."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.evaluation.diode_frames import open_diode_frames
from depth_anything.training.evaluation.eth3d_frames import open_eth3d_frames
from depth_anything.training.evaluation.ibims_frames import open_ibims_frames
from depth_anything.training.evaluation.sintel_frames import open_sintel_frames, read_dpt
from depth_anything.training.evaluation.sunrgbd_frames import decoded_depth, open_sunrgbd_frames

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
HEIGHT, WIDTH = 24, 32


@pytest.fixture
def depth_m() -> np.ndarray:
    """Rows and columns that all differ, so that a transpose or a flip shows."""
    return (1 + np.arange(HEIGHT)[:, None] + np.arange(WIDTH) / 100).astype(np.float32)


def dpt(depth_m: np.ndarray) -> bytes:
    height, width = depth_m.shape
    values = [float(value) for row in depth_m for value in row]
    return struct.pack(f"<fii{len(values)}f", 202021.25, width, height, *values)


def npy(array: np.ndarray) -> bytes:
    """As DIODE's files: version 1 of the format."""
    header = f"{{'descr': '{array.dtype.str}', 'fortran_order': False, 'shape': {array.shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + array.tobytes()


def test_sintel_has_two_passes_and_a_sky_with_depth(
    tmp_path: Path, write: Write, encoded: Encode, depth_m: np.ndarray
) -> None:
    depth_m[0] = 100000
    depth_m[1, :2] = [np.inf, 0]
    for seed, scene in enumerate(("alley_1", "sleeping_2")):
        for rendering_pass in ("final", "clean", "albedo"):
            write(f"sintel/training/{rendering_pass}/{scene}/frame_0001.png", encoded(seed))
        write(f"sintel/training/depth/{scene}/frame_0001.dpt", dpt(depth_m))
        write(f"sintel/training/camdata_left/{scene}/frame_0001.cam", b"camera")
    frames = open_sintel_frames(tmp_path / "sintel")
    assert [frames.key(index) for index in range(len(frames))] == [
        "final/alley_1/frame_0001.png",
        "final/sleeping_2/frame_0001.png",
    ]
    frame = frames.read(1)
    assert frame.depth_m.dtype == np.float32
    assert (frame.depth_m[0] == 100000).all()
    assert frame.valid[0].all()
    np.testing.assert_array_equal(frame.valid, np.isfinite(depth_m) & (depth_m > 0))
    np.testing.assert_array_equal(frame.depth_m[2:], depth_m[2:])
    picture = Image.open(tmp_path / "sintel/training/final/sleeping_2/frame_0001.png")
    np.testing.assert_array_equal(frame.image, np.asarray(picture))
    assert open_sintel_frames(tmp_path / "sintel/training", "clean").key(0) == "clean/alley_1/frame_0001.png"
    with pytest.raises(CorpusError, match="rendering_pass is 'albedo'; it is one of final, clean"):
        open_sintel_frames(tmp_path / "sintel", "albedo")


def test_a_dpt_that_is_none_says_what_is_wrong(write: Write, depth_m: np.ndarray) -> None:
    good = dpt(depth_m)
    np.testing.assert_array_equal(read_dpt(write("good.dpt", good)), depth_m)
    with pytest.raises(SampleError, match=r"first number is 1; a .dpt begins with 202021.25"):
        read_dpt(write("tag.dpt", struct.pack("<f", 1) + good[4:]))
    with pytest.raises(SampleError, match="header says 32x24, and 3083 bytes"):
        read_dpt(write("short.dpt", good[:-1]))
    with pytest.raises(SampleError, match="4 bytes; the header alone takes 12"):
        read_dpt(write("header.dpt", good[:4]))
    with pytest.raises(SampleError, match="header says -1x24"):
        read_dpt(write("negative.dpt", struct.pack("<fii", 202021.25, -1, 24) + good[12:]))


def test_sintel_without_depth_says_so(tmp_path: Path, write: Write, encoded: Encode) -> None:
    write("training/final/alley_1/frame_0001.png", encoded())
    with pytest.raises(CorpusError, match="has no folder depth; looked for final"):
        open_sintel_frames(tmp_path)


def test_eth3ds_depth_is_bare_floats_in_a_file_that_is_named_as_a_picture(
    tmp_path: Path, write: Write, encoded: Encode, depth_m: np.ndarray
) -> None:
    depth_m[3, 4:6] = np.inf
    write("courtyard/images/dslr_images/DSC_0286.JPG", encoded(0, "JPEG"))
    write("courtyard/ground_truth_depth/dslr_images/DSC_0286.JPG", depth_m.astype("<f4").tobytes())
    write("courtyard/dslr_calibration_jpg/images.txt", b"")
    frames = open_eth3d_frames(tmp_path)
    assert [frames.key(index) for index in range(len(frames))] == ["courtyard/images/dslr_images/DSC_0286.JPG"]
    frame = frames.read(0)
    np.testing.assert_array_equal(frame.valid, np.isfinite(depth_m))
    np.testing.assert_array_equal(frame.depth_m, np.where(np.isfinite(depth_m), depth_m, 0))


def test_eth3ds_depth_of_another_size_is_refused(
    tmp_path: Path, write: Write, encoded: Encode, depth_m: np.ndarray
) -> None:
    write("relief/images/dslr_images/DSC_0427.JPG", encoded(0, "JPEG"))
    write("relief/ground_truth_depth/dslr_images/DSC_0427.JPG", depth_m[:-1].tobytes())
    with pytest.raises(SampleError, match="2944 bytes; float32 of the picture's 32x24 pixels are 3072"):
        open_eth3d_frames(tmp_path).read(0)


@pytest.fixture
def diode(tmp_path: Path, write: Write, encoded: Encode, depth_m: np.ndarray) -> Path:
    """One frame indoors and two outdoors; the mask leaves out column 5, and row 7 has no return."""
    depth_m[7] = 0
    mask = np.ones((HEIGHT, WIDTH), np.float32)
    mask[:, 5] = 0
    for folder, name in (
        ("indoors/scene_00019/scan_00183", "00019_00183_indoors_000_010"),
        ("outdoor/scene_00022/scan_00193", "00022_00193_outdoor_000_010"),
        ("outdoor/scene_00022/scan_00194", "00022_00194_outdoor_010_020"),
    ):
        write(f"val/{folder}/{name}.png", encoded())
        write(f"val/{folder}/{name}_depth.npy", npy(depth_m[..., None]))  # (H, W, 1)
        write(f"val/{folder}/{name}_depth_mask.npy", npy(mask))
    return tmp_path


def test_diodes_parts_are_read_alone_or_together(diode: Path) -> None:
    assert [len(open_diode_frames(diode, part)) for part in ("all", "indoors", "outdoor")] == [3, 1, 2]
    assert len(open_diode_frames(diode / "val")) == 3
    assert open_diode_frames(diode, "outdoor").key(0).startswith("outdoor/scene_00022/scan_00193/")
    with pytest.raises(CorpusError, match="part is 'outdoors'; it is one of all, indoors, outdoor"):
        open_diode_frames(diode, "outdoors")


def test_diodes_mask_counts_where_the_protocol_applies_it(diode: Path, depth_m: np.ndarray) -> None:
    masked = open_diode_frames(diode).read(0)
    expected = depth_m > 0
    np.testing.assert_array_equal(open_diode_frames(diode, mask="depth").read(0).valid, expected)
    expected[:, 5] = False
    np.testing.assert_array_equal(masked.valid, expected)
    np.testing.assert_array_equal(masked.depth_m, np.where(expected, depth_m, 0))


def test_diodes_mask_file_is_needed_only_where_it_counts(diode: Path) -> None:
    for mask in diode.rglob("*_depth_mask.npy"):
        mask.unlink()
    assert len(open_diode_frames(diode, mask="depth")) == 3
    without = open_diode_frames(diode)
    assert len(without) == 0
    assert len(without.left_out) == 3
    assert without.left_out[0].endswith("/00019_00183_indoors_000_010_depth_mask.npy")


def test_sun_rgbds_levels_mean_three_things_to_three_codes() -> None:
    # 1.2345 m in millimetres, turned left by three bits as the toolbox turns right.
    millimetres = 1234
    turned = (millimetres << 3 | millimetres >> 13) & 0xFFFF
    levels = np.array([[turned]], np.float32)
    assert decoded_depth(levels, "rotated")[0, 0] == pytest.approx(1.234)
    assert decoded_depth(levels, "tenths")[0, 0] == pytest.approx(0.8 * 1.234), "which is 0.8 of the depth"
    assert decoded_depth(levels, "millimetres")[0, 0] == pytest.approx(8 * 1.234)
    every_level = np.arange(65536, dtype=np.float32).reshape(256, 256)
    slow = [int(f"{v:016b}"[13:] + f"{v:016b}"[:13], 2) / 1000 for v in range(65536)]
    np.testing.assert_allclose(decoded_depth(every_level, "rotated").ravel(), slow, rtol=1e-6)


def test_sun_rgbd_is_read_in_both_layouts(tmp_path: Path, write: Write, encoded: Encode, png16: Encode) -> None:
    levels = np.linspace(0, 60000, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).round()
    for number in (1, 12, 5050):
        write(f"meta/rgb/img-{number:06d}.jpg", encoded(number, "JPEG"))
        write(f"meta/depth/{number}.png", png16(levels))
        write(f"zoe/rgb/rgb/{number}.jpg", encoded(number, "JPEG"))
        write(f"zoe/gt/gt/{number}.png", png16(levels))
    frames = open_sunrgbd_frames(tmp_path / "meta")
    assert [frames.key(index) for index in range(3)] == [f"rgb/img-{n:06d}.jpg" for n in (1, 12, 5050)]
    np.testing.assert_allclose(frames.read(2).depth_m, levels / 10000, rtol=1e-6)
    np.testing.assert_array_equal(frames.read(2).valid, levels > 0)
    frames = open_sunrgbd_frames(tmp_path / "zoe", "millimetres")
    assert len(frames) == 3
    np.testing.assert_allclose(frames.read(0).depth_m, levels / 1000, rtol=1e-6)


def test_a_real_sun_frame_has_the_depth_of_a_room_only_when_rotated(shared_dir: Path, tmp_path: Path) -> None:
    for name, target in (("SUN_color.jpg", "rgb/img-000001.jpg"), ("SUN_depth.png", "depth/1.png")):
        (tmp_path / target).parent.mkdir()
        (tmp_path / target).symlink_to(shared_dir / "rgbd" / "open3d_sun" / name)
    depths = {
        encoding: open_sunrgbd_frames(tmp_path, encoding).read(0) for encoding in ("rotated", "tenths", "millimetres")
    }
    assert 1 < np.median(depths["rotated"].depth_m[depths["rotated"].valid]) < 8
    near = depths["rotated"].valid & (depths["rotated"].depth_m < 65.535 / 8)  # whose three lowest bits are 0
    assert near.mean() > 0.5
    np.testing.assert_allclose(depths["tenths"].depth_m[near], 0.8 * depths["rotated"].depth_m[near], rtol=1e-6)
    assert np.median(depths["millimetres"].depth_m[near]) > 8


def test_ibims_counts_what_neither_mask_marks(tmp_path: Path, write: Write, png16: Encode, png8: Encode) -> None:
    levels = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) * 80
    invalid, transparent = np.ones((2, HEIGHT, WIDTH), np.uint8)
    invalid[2], transparent[:, 3] = 0, 0
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for name in ("corridor_01", "auditorium_02"):
        write(f"ibims1_core_raw/depth/{name}.png", png16(levels))
        write(f"ibims1_core_raw/mask_invalid/{name}.png", png8(invalid))
        write(f"ibims1_core_raw/mask_transp/{name}.png", png8(transparent))
        (tmp_path / "ibims1_core_raw/rgb").mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / f"ibims1_core_raw/rgb/{name}.png")
    write("ibims1_core_raw/imagelist.txt", b"corridor_01\nauditorium_02\nlost_03\n")
    frames = open_ibims_frames(tmp_path)
    assert [frames.key(index) for index in range(len(frames))] == ["corridor_01", "auditorium_02"]
    assert frames.left_out == ("lost_03.png is not in rgb and depth and mask_invalid and mask_transp",)
    frame = frames.read(0)
    expected = (levels > 0) & (invalid > 0) & (transparent > 0)
    np.testing.assert_array_equal(frame.valid, expected)
    np.testing.assert_allclose(frame.depth_m, np.where(expected, levels * 50 / 65535, 0), rtol=1e-6)
    (tmp_path / "ibims1_core_raw/imagelist.txt").unlink()
    with pytest.raises(CorpusError, match=r"imagelist.txt: No such file .* names in imagelist.txt"):
        open_ibims_frames(tmp_path)
