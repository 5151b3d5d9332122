from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind, Reason, Sample, SampleError
from depth_anything.training.corpora.split_lists import KittiEigenReader, NyuV2Reader

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]


@pytest.fixture
def levels() -> np.ndarray:
    values = np.linspace(300, 20000, 24 * 32).reshape(24, 32).astype(np.uint16)
    values[::2] = 0
    return values


def test_nyu_lines_begin_with_a_slash_below_root_and_hold_millimetres(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, samples_of: Callable, levels: np.ndarray
) -> None:
    for scene in ("kitchen_0028b", "bathroom_0001"):
        write(f"sync/{scene}/rgb_00045.jpg", encoded(0, "JPEG"))
        write(f"sync/{scene}/sync_depth_00045.png", png16(levels))
    lines = [
        f"/{scene}/rgb_00045.jpg /{scene}/sync_depth_00045.png 518.8579"
        for scene in ("kitchen_0028b", "bathroom_0001")
    ]
    split = write("train.txt", "\n".join(lines).encode())
    samples = samples_of(NyuV2Reader("nyuv2", tmp_path / "sync", split_file=split))
    assert list(samples) == ["kitchen_0028b/rgb_00045.jpg", "bathroom_0001/rgb_00045.jpg"], "the order of the list"
    for sample in samples.values():
        assert isinstance(sample, Sample)
        assert sample.kind is LabelKind.METRIC_DEPTH
        np.testing.assert_array_equal(sample.valid, levels > 0)
        np.testing.assert_allclose(sample.label, levels / 1000.0, rtol=1e-6)


DRIVE = "2011_09_26_drive_{:04d}_sync"


@pytest.fixture
def kitti(tmp_path: Path, write: Write, encoded: Encode, png16: Encode, levels: np.ndarray) -> Path:
    """Raw data and annotated depth of four drives: in train, in val, without depth, with a lost file."""
    for number, part in ((1, "train"), (2, "val"), (9, ""), (57, "")):
        write(f"raw/2011_09_26/{DRIVE.format(number)}/image_02/data/0000000116.png", encoded(number))
        if part:
            folder = f"annotated/{part}/{DRIVE.format(number)}/proj_depth/groundtruth/image_02"
            write(f"{folder}/0000000116.png", png16(levels))
    lines = [
        f"2011_09_26/{DRIVE.format(number)}/image_02/data/0000000116.png {depth} 721.5377"
        for number, depth in (
            (1, f"{DRIVE.format(1)}/proj_depth/groundtruth/image_02/0000000116.png"),
            (2, f"{DRIVE.format(2)}/proj_depth/groundtruth/image_02/0000000116.png"),
            (9, "None"),
            (57, f"{DRIVE.format(57)}/proj_depth/groundtruth/image_02/0000000116.png"),
        )
    ]
    lines[0] += " right.png right_depth.png"
    write("split.txt", "\n".join(lines).encode())  # without a last newline
    return tmp_path


def test_kitti_depth_is_found_in_train_and_in_val_and_the_last_line_counts(
    kitti: Path, samples_of: Callable, levels: np.ndarray
) -> None:
    reader = KittiEigenReader("kitti", kitti / "raw", split_file=kitti / "split.txt", depth_root=kitti / "annotated")
    samples = list(samples_of(reader).values())
    assert len(samples) == 4
    for sample in samples[:2]:
        assert isinstance(sample, Sample)
        np.testing.assert_allclose(sample.label, levels / 256.0, rtol=1e-6)
        np.testing.assert_array_equal(sample.valid, levels > 0)


def test_kitti_lines_with_none_and_lost_depth_are_told_apart_by_their_detail(
    kitti: Path, samples_of: Callable
) -> None:
    reader = KittiEigenReader("kitti", kitti / "raw", split_file=kitti / "split.txt", depth_root=kitti / "annotated")
    none, lost = list(samples_of(reader).values())[2:]
    assert isinstance(none, SampleError)
    assert none.reason is lost.reason is Reason.MISSING_LABEL
    assert "the list says None" in none.detail
    assert f"and no train/{DRIVE.format(57)}" in lost.detail


def test_what_is_missing_is_named_with_what_to_do(tmp_path: Path, write: Write) -> None:
    with pytest.raises(CorpusError, match="corpus nyuv2 needs split_file; take nyudepthv2_train_files_with_gt"):
        NyuV2Reader("nyuv2", tmp_path)
    with pytest.raises(CorpusError, match=r"there is no split file .*none\.txt; take kitti_eigen_train_files"):
        KittiEigenReader("kitti", tmp_path, split_file=tmp_path / "none.txt")
    split = write("split.txt", b"a.png b.png 1\n\nc.png\n")
    with pytest.raises(CorpusError, match="depth_root holds the depth maps"):
        KittiEigenReader("kitti", tmp_path, split_file=split, depth_root=tmp_path / "none")
    with pytest.raises(CorpusError, match=r"split\.txt, line 3: 'c\.png' has one field"):
        list(KittiEigenReader("kitti", tmp_path, split_file=split).items())
    with pytest.raises(CorpusError, match=r"looked for the pairs that .*empty"):
        list(NyuV2Reader("nyuv2", tmp_path, split_file=write("empty.txt", b"\n")).items())


def test_real_kitti_frames_give_the_depth_that_another_decoder_gives(
    shared_dir: Path, tmp_path: Path, samples_of: Callable
) -> None:
    folder = shared_dir / "rgbd" / "metric3d_kitti"
    names = ["0000000005.png", "0000000050.png", "0000000100.png"]
    split = tmp_path / "split.txt"
    split.write_text("\n".join(f"rgb/{name} depth/{name} 707.0493" for name in names))
    samples = samples_of(KittiEigenReader("kitti", folder, split_file=split))
    assert len(samples) == 3
    for name, sample in zip(names, samples.values(), strict=True):
        # Pillow's 32-bit path instead of its 16-bit one.
        stored = np.asarray(Image.open(folder / "depth" / name).convert("I"), np.float64)
        np.testing.assert_allclose(sample.label, stored / 256, rtol=1e-6)
        assert sample.valid.mean() == pytest.approx((stored > 0).mean())
        assert 0.1 < sample.valid.mean() < 0.3
        assert sample.image.shape[:2] == stored.shape


def test_real_frames_in_nyus_form_give_metres(shared_dir: Path, tmp_path: Path, samples_of: Callable) -> None:
    folder = shared_dir / "rgbd" / "open3d_redwood"
    split = tmp_path / "split.txt"
    split.write_text("".join(f"/color/{n:05d}.jpg /depth/{n:05d}.png 525\n" for n in range(5)))
    samples = samples_of(NyuV2Reader("nyuv2", folder, split_file=split))
    assert len(samples) == 5
    for number, sample in enumerate(samples.values()):
        stored = np.asarray(Image.open(folder / "depth" / f"{number:05d}.png").convert("I"), np.float64)
        np.testing.assert_allclose(sample.label, stored / 1000, rtol=1e-6)
        assert 0.3 < sample.label[sample.valid].min() < sample.label.max() < 10
