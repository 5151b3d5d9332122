"""What `open_frames` and `open_pairs` say about files that are missing, too few, or the user's own."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from depth_anything.training.evaluation.benchmark_data import BENCHMARK_DATA, PAIR_DATA, BenchmarkDataError
from depth_anything.training.evaluation.frames import FrameSource
from depth_anything.training.evaluation.protocol import PairProtocol, Protocol
from depth_anything.training.evaluation.protocol_table import PROTOCOLS, find_protocol, open_frames, open_pairs

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
FRAMES = {name: protocol for name, protocol in PROTOCOLS.items() if isinstance(protocol, Protocol)}


def opened(name: str, root: Path, options: dict[str, str] | None = None, **settings: bool) -> FrameSource:
    protocol = find_protocol(name)
    assert isinstance(protocol, Protocol)
    return open_frames(protocol, root, options, **settings)


@pytest.mark.parametrize("name", [name for name, protocol in FRAMES.items() if protocol.data != "folder"])
def test_without_its_data_a_benchmark_says_what_lies_where_and_where_it_comes_from(name: str, tmp_path: Path) -> None:
    data = BENCHMARK_DATA[FRAMES[name].data]
    expected = (
        f"there is no {tmp_path / data.folder}; <data root>/{data.folder} holds {data.layout} (from {data.obtained})"
    )
    with pytest.raises(BenchmarkDataError, match=re.escape(expected)):
        opened(name, tmp_path)


@pytest.mark.parametrize("name", [name for name, protocol in FRAMES.items() if protocol.data != "folder"])
def test_an_empty_folder_is_one_error_with_the_layout(name: str, tmp_path: Path) -> None:
    data = BENCHMARK_DATA[FRAMES[name].data]
    (tmp_path / data.folder).mkdir()
    with pytest.raises(BenchmarkDataError, match=re.escape(data.layout)) as caught:
        opened(name, tmp_path)
    assert "\n" not in str(caught.value)


def write_eth3d(write: Write, encoded: Encode, num_views: int) -> None:
    for number in range(num_views):
        write(f"eth3d/pipes/images/dslr_images/DSC_{number:04d}.JPG", encoded(number, "JPEG"))
        depth_m = np.full((24, 32), 2 + number, "<f4")
        write(f"eth3d/pipes/ground_truth_depth/dslr_images/DSC_{number:04d}.JPG", depth_m.tobytes())
    write("eth3d/pipes/images/dslr_images/DSC_9999.JPG", encoded(9, "JPEG"))


def test_another_number_of_images_is_refused_unless_allowed(
    tmp_path: Path, write: Write, encoded: Encode, caplog: pytest.LogCaptureFixture
) -> None:
    write_eth3d(write, encoded, 3)
    with pytest.raises(
        BenchmarkDataError, match="eth3d_relative is for 454 images and 3 are there; 1 were left out"
    ) as e:
        opened("eth3d_relative", tmp_path)
    assert "DSC_9999.JPG has no pipes/ground_truth_depth/dslr_images/DSC_9999.JPG" in str(e.value)
    with caplog.at_level(logging.WARNING):
        frames = opened("eth3d_relative", tmp_path, is_count_checked=False)
    assert "numbers of the whole benchmark do not compare" in caplog.text
    assert len(frames) == 3
    assert [float(frames.read(index).depth_m.max()) for index in range(3)] == [2, 3, 4]


def test_listing_opens_no_picture(tmp_path: Path, write: Write, encoded: Encode) -> None:
    write_eth3d(write, encoded, 2)
    for file in tmp_path.rglob("*.JPG"):
        file.write_bytes(b"")
    frames = opened("eth3d_relative", tmp_path, is_count_checked=False)
    assert [frames.key(index) for index in range(2)] == [f"pipes/images/dslr_images/DSC_000{n}.JPG" for n in (0, 1)]


def test_an_option_that_a_data_set_does_not_have_is_refused(tmp_path: Path, write: Write, encoded: Encode) -> None:
    write_eth3d(write, encoded, 1)
    with pytest.raises(BenchmarkDataError, match="eth3d has no option split_file; its options are none"):
        opened("eth3d_relative", tmp_path, {"split_file": "x.txt"})
    with pytest.raises(BenchmarkDataError, match="kitti has no option cap; its options are split_file, truth"):
        opened("kitti_relative", tmp_path, {"cap": "80"})


def test_the_masks_protocol_reaches_the_reader(tmp_path: Path, write: Write, encoded: Encode) -> None:
    stem = "diode/val/outdoor/scene_00022/scan_00193/00022_00193_outdoor_000_010"
    write(f"{stem}.png", encoded(0, "PNG", (1024, 768)))
    np.save(write(f"{stem}_depth.npy", b""), np.full((768, 1024, 1), 3, np.float32))
    mask = np.ones((768, 1024), np.float32)
    mask[:400] = 0
    np.save(write(f"{stem}_depth_mask.npy", b""), mask)
    plain = opened("diode_outdoor_metric", tmp_path, is_count_checked=False).read(0)
    masked = opened("diode_outdoor_metric_masked", tmp_path, is_count_checked=False).read(0)
    assert plain.valid.sum() == (761 - 313) * (987 - 36)
    assert masked.valid.sum() == (761 - 400) * (987 - 36)
    assert plain.image.shape == (480, 640, 3)


def test_point_pairs_are_opened_and_counted(tmp_path: Path, write: Write, encoded: Encode) -> None:
    write("da_2k/images/indoor/a.jpg", encoded(0, "JPEG", (64, 48)))
    entry = {"point1": [1, 2], "point2": [3, 4], "closer_point": "point1"}
    write("da_2k/annotations.json", json.dumps({"images/indoor/a.jpg": [entry]}).encode())
    da_2k, diw = find_protocol("da_2k"), find_protocol("diw")
    assert isinstance(da_2k, PairProtocol)
    assert isinstance(diw, PairProtocol)
    assert open_pairs(da_2k, tmp_path).num_pairs == 1
    with pytest.raises(BenchmarkDataError, match=re.escape(PAIR_DATA["diw"].layout)):
        open_pairs(diw, tmp_path)
    write("diw/a.thumb", encoded(0, "JPEG", (64, 48)))
    write("diw/DIW_Annotations/DIW_test.csv", b"a.thumb\n1,2,3,4,<,64,48\n")
    with pytest.raises(BenchmarkDataError, match="diw is for 74,441 images and 1 are there"):
        open_pairs(diw, tmp_path)
    assert len(open_pairs(diw, tmp_path, is_count_checked=False)) == 1


def test_the_users_folder_is_judged_without_what_lacks_depth(
    depth_tree: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    root = depth_tree(3)
    (root / "depth/0/0001.npy").unlink()
    with caplog.at_level(logging.WARNING):
        frames = opened("folder_relative", root)
    assert [frames.key(index) for index in range(2)] == ["0/0000.jpg", "0/0002.jpg"]
    assert "1 were left out, the first: images/0/0001.jpg has none in depth/0" in caplog.text
    depth_m = np.load(root / "depth/0/0002.npy")
    frame = frames.read(1)
    np.testing.assert_array_equal(frame.valid, (depth_m > 1e-3) & (depth_m < 80))
    np.testing.assert_array_equal(frame.depth_m, depth_m)


def test_the_users_folder_takes_a_scale_and_no_other_kind_than_depth(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode
) -> None:
    write("images/a.jpg", encoded(0, "JPEG"))
    write("depth/a.png", png16(np.full((24, 32), 2500)))
    with pytest.raises(BenchmarkDataError, match="numbers without a unit; set depth_scale"):
        opened("folder_metric", tmp_path)
    assert opened("folder_metric", tmp_path, {"depth_scale": "0.001"}).read(0).depth_m.max() == pytest.approx(2.5)
    with pytest.raises(BenchmarkDataError, match="depth_scale is 'mm'; it is a number"):
        opened("folder_metric", tmp_path, {"depth_scale": "mm"})
    with pytest.raises(BenchmarkDataError, match="metric_depth or depth_up_to_scale"):
        opened("folder_relative", tmp_path, {"depth_scale": "1", "kind": "disparity_affine"})
    with pytest.raises(BenchmarkDataError, match=r"your own frames: there is no .*/none"):
        opened("folder_metric", tmp_path / "none")


def test_real_frames_in_a_list_are_judged_by_any_protocol(shared_dir: Path, tmp_path: Path) -> None:
    folder = shared_dir / "rgbd" / "open3d_redwood"
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("".join(f"{folder}/color/{n:05d}.jpg {folder}/depth/{n:05d}.png 0.001\n" for n in range(5)))
    frames = opened("folder:nyuv2_metric", pairs)
    assert len(frames) == 5
    for index in range(5):
        stored = np.asarray(Image.open(folder / "depth" / f"{index:05d}.png").convert("I"), np.float64) / 1000
        counted = stored[45:471, 41:601]
        counted = counted[(counted > 0.001) & (counted < 10)]
        frame = frames.read(index)
        np.testing.assert_allclose(frame.depth_m[frame.valid], counted, rtol=1e-6)
