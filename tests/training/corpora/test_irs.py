from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from depth_anything.training.corpora.irs import IrsReader
from depth_anything.training.corpora.optional_library import optional_library
from depth_anything.training.corpora.sample import LabelKind, Reason, Sample

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]


@pytest.fixture
def write_disparity(tmp_path: Path) -> Callable[[str, NDArray[np.float32]], None]:
    """An EXR with a single channel named G, as the data set has it."""
    library = optional_library("OpenEXR", "this test")

    def write(path: str, values: NDArray[np.float32]) -> None:
        header = {"compression": library.ZIP_COMPRESSION, "type": library.scanlineimage}
        library.File(header, {"G": values}).write(str(tmp_path / path))

    return write


def write_frame(write: Write, encoded: Encode, scene: str, number: str) -> None:
    write(f"{scene}/l_{number}.png", encoded())
    write(f"{scene}/r_{number}.png", encoded(1))
    write(f"{scene}/n_{number}.exr", b"normals, not read")


def test_disparity_is_read_as_it_is_in_both_namings(
    tmp_path: Path, write: Write, encoded: Encode, write_disparity: Callable, samples_of: Callable,
    ramp: NDArray[np.float32],
) -> None:  # fmt: skip
    write_frame(write, encoded, "IRSDataset/Home/Bedroom_Dark", "00001")
    write_frame(write, encoded, "IRSDataset/Store/Shop_T1", "1960")
    holes = ramp.copy()
    holes[0, :4] = [0, -3, np.nan, np.inf]
    write_disparity("IRSDataset/Home/Bedroom_Dark/d_00001.exr", holes)
    write_disparity("IRSDataset/Store/Shop_T1/d_1960.exr", ramp)
    samples = samples_of(IrsReader("irs", tmp_path))
    assert list(samples) == ["IRSDataset/Home/Bedroom_Dark/l_00001.png", "IRSDataset/Store/Shop_T1/l_1960.png"]
    with_holes, whole = samples.values()
    assert isinstance(whole, Sample)
    assert whole.kind is LabelKind.DISPARITY_AFFINE
    np.testing.assert_array_equal(whole.label, ramp)
    assert np.flatnonzero(~with_holes.valid).tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(with_holes.label[1:], ramp[1:])


def test_a_file_of_the_wrong_size_is_refused(
    tmp_path: Path, write: Write, encoded: Encode, write_disparity: Callable, samples_of: Callable,
    ramp: NDArray[np.float32],
) -> None:  # fmt: skip
    write_frame(write, encoded, "Restaurant/SCLRestaurant001_NightFall", "377")
    write_disparity("Restaurant/SCLRestaurant001_NightFall/d_377.exr", ramp[:12, :16].copy())
    error = samples_of(IrsReader("irs", tmp_path)).popitem()[1]
    assert error.reason is Reason.LABEL_SIZE


def test_a_lost_disparity_is_told(tmp_path: Path, write: Write, encoded: Encode, samples_of: Callable) -> None:
    write_frame(write, encoded, "Home/A", "00001")
    assert samples_of(IrsReader("irs", tmp_path)).popitem()[1].reason is Reason.MISSING_LABEL
