from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depth_anything.training.corpora.hrwsi import HrwsiReader
from depth_anything.training.corpora.sample import LabelKind, Reason, Sample, training_target

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]


@pytest.fixture
def disparity() -> np.ndarray:
    return (np.arange(24 * 32).reshape(24, 32) % 256).astype(np.uint8)


@pytest.fixture
def mask() -> np.ndarray:
    levels = np.zeros((24, 32), np.uint8)
    levels[4:, :] = 255
    return levels


@pytest.fixture
def root(tmp_path: Path, write: Write, encoded: Encode, png8: Encode, disparity: np.ndarray, mask: np.ndarray) -> Path:
    for half in ("train", "val"):
        write(f"HR-WSI/{half}/imgs/00001.jpg", encoded(0, "JPEG"))
        write(f"HR-WSI/{half}/gts/00001.png", png8(disparity))
        write(f"HR-WSI/{half}/valid_masks/00001.png", png8(mask))
        write(f"HR-WSI/{half}/instance_masks/00001.png", png8(mask))
    return tmp_path


def test_disparity_stays_disparity_within_its_mask(
    root: Path, samples_of: Callable, disparity: np.ndarray, mask: np.ndarray
) -> None:
    samples = samples_of(HrwsiReader("hrwsi", root))
    assert list(samples) == ["HR-WSI/train/imgs/00001.jpg"], "the val half and the instance masks are no samples"
    sample = samples.popitem()[1]
    assert isinstance(sample, Sample)
    assert sample.kind is LabelKind.DISPARITY_AFFINE
    np.testing.assert_array_equal(sample.valid, mask > 0)
    np.testing.assert_allclose(sample.label[4:], disparity[4:] / 255, atol=1e-7)
    target = training_target(sample)
    brightest = np.unravel_index(np.argmax(np.where(mask > 0, disparity, 0)), disparity.shape)
    assert target.values[brightest] == 1, "larger is nearer"


def test_a_disparity_of_0_counts_where_the_mask_says_so(
    root: Path, samples_of: Callable, disparity: np.ndarray
) -> None:
    sample = samples_of(HrwsiReader("hrwsi", root)).popitem()[1]
    assert sample.valid[disparity == 0].any()


def test_16_bit_files_mean_the_same(
    root: Path, write: Write, png16: Encode, samples_of: Callable, disparity: np.ndarray
) -> None:
    eight = samples_of(HrwsiReader("hrwsi", root)).popitem()[1]
    write("HR-WSI/train/gts/00001.png", png16(disparity.astype(np.uint16) * 257))
    sixteen = samples_of(HrwsiReader("hrwsi", root)).popitem()[1]
    np.testing.assert_allclose(eight.label, sixteen.label, atol=1e-7)


def test_a_picture_without_its_mask_is_refused_because_occlusions_would_be_wrong(
    root: Path, samples_of: Callable
) -> None:
    (root / "HR-WSI/train/valid_masks/00001.png").unlink()
    error = samples_of(HrwsiReader("hrwsi", root)).popitem()[1]
    assert error.reason is Reason.MISSING_LABEL
    assert error.detail == "HR-WSI/train/imgs/00001.jpg has no HR-WSI/train/valid_masks/00001.png"
