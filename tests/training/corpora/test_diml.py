from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depth_anything.training.corpora.diml import DimlIndoorReader, DimlOutdoorReader
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import Reason, Sample, SampleError

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
MILLIMETRES = (np.arange(24 * 32).reshape(24, 32) * 85).astype(np.uint16)  # 0 to 65195
MILLIMETRES[-1, -1] = 65535


def write_indoor(write: Write, encoded: Encode, png16: Encode, folder: str, name: str, ending: str = "ud") -> None:
    """One picture with its three depth maps, of which the filled one alone is right."""
    write(f"{folder}/col/{name}_c.png", encoded())
    write(f"{folder}/up_png/{name}_{ending}.png", png16(MILLIMETRES))
    write(f"{folder}/raw_png/{name}_rd.png", png16(MILLIMETRES // 2))
    write(f"{folder}/warp_png/{name}_wd.png", png16(MILLIMETRES // 3))


def test_indoor_pictures_are_found_at_any_depth_of_the_irregular_tree(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, samples_of: Callable
) -> None:
    write_indoor(write, encoded, png16, "1/16.02.25/1", "in_k_03_160225_000001")
    write_indoor(write, encoded, png16, "12_livingroom_2/3", "in_k_12_160401_000007")  # no date
    write_indoor(write, encoded, png16, "04. Church", "in_k_04_160101_000002")  # no date, no batch
    write_indoor(write, encoded, png16, "5/16.03.01/2", "in_k_05_160301_000001", ending="d")
    samples = samples_of(DimlIndoorReader("diml_indoor", tmp_path))
    assert list(samples) == [
        "04. Church/col/in_k_04_160101_000002_c.png",
        "1/16.02.25/1/col/in_k_03_160225_000001_c.png",
        "12_livingroom_2/3/col/in_k_12_160401_000007_c.png",
        "5/16.03.01/2/col/in_k_05_160301_000001_c.png",
    ]
    for sample in samples.values():
        assert isinstance(sample, Sample)
        np.testing.assert_allclose(sample.label, MILLIMETRES.astype(np.float64) / 1000, rtol=1e-6)
        assert sample.label.max() == pytest.approx(65.535)
        assert not sample.valid[0, 0]
        assert sample.valid.sum() == MILLIMETRES.size - 1


def test_an_indoor_picture_without_its_own_depth_is_told(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, samples_of: Callable
) -> None:
    write_indoor(write, encoded, png16, "1/1", "in_k_03_160225_000001")
    write("1/1/col/in_k_03_160225_000002_c.png", encoded())
    write("2/col/a_c.png", encoded())
    errors = list(samples_of(DimlIndoorReader("diml_indoor", tmp_path)).values())[1:]
    assert [error.reason for error in errors] == [Reason.MISSING_LABEL] * 2
    assert "1/1/up_png/in_k_03_160225_000002_ud.png" in errors[0].detail
    assert "2/up_png/a_ud.png" in errors[1].detail


def test_the_indoor_sample_set_is_read_once_in_its_high_resolution_and_without_its_test_half(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, samples_of: Callable
) -> None:
    for half in ("train", "test"):
        for resolution in ("HR", "LR"):
            folder = f"indoor/{half}/{resolution}/scene_1"
            write(f"{folder}/color/7_c.png", encoded())
            write(f"{folder}/depth_filled/7_depth_filled.png", png16(MILLIMETRES))
            write(f"{folder}/depth_raw/7_depth_raw.png", png16(MILLIMETRES // 2))
    samples = samples_of(DimlIndoorReader("diml_indoor", tmp_path))
    assert list(samples) == ["indoor/train/HR/scene_1/color/7_c.png"]
    sample = samples.popitem()[1]
    assert isinstance(sample, Sample)
    assert sample.label[5, 5] == pytest.approx(MILLIMETRES[5, 5] / 1000)


def test_the_low_resolution_is_read_where_it_is_all_there_is(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode
) -> None:
    write("train/LR/scene_1/color/7_c.png", encoded())
    write("train/LR/scene_1/depth_filled/7_depth_filled.png", png16(MILLIMETRES))
    assert len(list(DimlIndoorReader("diml_indoor", tmp_path).items())) == 1


@pytest.fixture
def confidence(png8: Encode) -> bytes:
    """100 of 255 on the left, 153 (0.6 exactly) in the middle, 200 on the right."""
    levels = np.full((24, 32), 100)
    levels[:, 10:20] = 153
    levels[:, 20:] = 200
    return png8(levels)


def test_outdoor_depth_counts_where_its_confidence_is_above_the_threshold(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, confidence: bytes, samples_of: Callable
) -> None:
    for folder in ("160625_C1/A", "160627_C1/A"):
        write(f"{folder}/left/out_zed_000001_left.png", encoded())
        write(f"{folder}/right/out_zed_000001_right.png", encoded())
        write(f"{folder}/depth/out_zed_000001_depth.png", png16(MILLIMETRES))
        write(f"{folder}/conf/out_zed_000001_conf.png", confidence)
    write("160625_C1/out_zed_160625_campara.mat", b"MATLAB 5.0")
    samples = samples_of(DimlOutdoorReader("diml_outdoor", tmp_path))
    assert list(samples) == ["160625_C1/A/left/out_zed_000001_left.png"], "160627_C1 has another structure"
    sample = samples.popitem()[1]
    assert not sample.valid[:, :20].any()
    assert sample.valid[:, 20:].all()
    assert sample.label[3, 30] == pytest.approx(MILLIMETRES[3, 30] / 1000)
    lower = DimlOutdoorReader("diml_outdoor", tmp_path, min_confidence=0.3)
    assert lower.load(next(lower.items())).valid.sum() == MILLIMETRES.size - 1, "the depth of 0 is no label"


def test_the_outdoor_sample_set_is_read(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, confidence: bytes, samples_of: Callable
) -> None:
    for resolution in ("HR", "LR"):
        write(f"outdoor/train/{resolution}/outleft/12.png", encoded())
        write(f"outdoor/train/{resolution}/outright/12.png", encoded())
        write(f"outdoor/train/{resolution}/depthmap/12.png", png16(MILLIMETRES))
        write(f"outdoor/train/{resolution}/confidencemap/12.png", confidence)
    samples = samples_of(DimlOutdoorReader("diml_outdoor", tmp_path))
    assert list(samples) == ["outdoor/train/HR/outleft/12.png"]
    assert samples.popitem()[1].valid.sum() == 24 * 12


def test_outdoor_depth_without_confidence_or_with_one_of_another_size_is_refused(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, png8: Encode, samples_of: Callable
) -> None:
    for name in ("a", "b"):
        write(f"A/left/{name}_left.png", encoded())
        write(f"A/depth/{name}_depth.png", png16(MILLIMETRES))
    write("A/conf/b_conf.png", png8(np.full((12, 16), 255)))
    missing, other_size = samples_of(DimlOutdoorReader("diml_outdoor", tmp_path)).values()
    assert isinstance(missing, SampleError)
    assert (missing.reason, missing.detail) == (Reason.MISSING_LABEL, "A/left/a_left.png has no A/conf/a_conf.png")
    assert "A/conf/b_conf.png has 16x12 pixels and the label 32x24" in str(other_size)


def test_a_confidence_out_of_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="min_confidence is 153; it lies from 0 to below 1"):
        DimlOutdoorReader("diml_outdoor", tmp_path, min_confidence=153)
