from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depth_anything.training.corpora.sample import LabelKind, Sample, training_target
from depth_anything.training.corpora.tartanair import TartanAirReader

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]


@pytest.fixture
def depth() -> np.ndarray:
    """Float16 numbers stored as float32, as in the data set, with sky and every kind of hole."""
    values = np.linspace(1, 200, 24 * 32).reshape(24, 32).astype(np.float16).astype(np.float32)
    values[0] = 10000
    values[1, 0], values[1, 1] = 1000, 999
    values[2, :4] = [0, -1, np.nan, np.inf]
    return values


@pytest.fixture
def add(tmp_path: Path, write: Write, encoded: Encode, depth: np.ndarray) -> Callable[..., None]:
    def add_frame(image_folder: str, depth_folder: str) -> None:
        write(f"{image_folder}/000000_left.png", encoded())
        (tmp_path / depth_folder).mkdir(parents=True)
        np.save(tmp_path / depth_folder / "000000_left_depth.npy", depth)

    return add_frame


@pytest.mark.parametrize(
    ("image_folder", "depth_folder"),
    [
        ("office/Easy/P000/image_left", "office/Easy/P000/depth_left"),
        ("office/office/Hard/P001/image_left", "office/office/Hard/P001/depth_left"),
        ("office/Easy/image_left/P000/image_left", "office/Easy/depth_left/P000/depth_left"),
    ],
)
def test_every_way_of_unpacking_is_read(
    tmp_path: Path, add: Callable[..., None], samples_of: Callable, image_folder: str, depth_folder: str
) -> None:
    add(image_folder, depth_folder)
    samples = samples_of(TartanAirReader("tartanair", tmp_path))
    assert list(samples) == [f"{image_folder}/000000_left.png"]
    assert isinstance(samples.popitem()[1], Sample)


def test_sky_is_known_and_holes_are_not_sky(
    tmp_path: Path, add: Callable[..., None], samples_of: Callable, depth: np.ndarray
) -> None:
    add("office/Easy/P000/image_left", "office/Easy/P000/depth_left")
    sample = samples_of(TartanAirReader("tartanair", tmp_path)).popitem()[1]
    assert sample.kind is LabelKind.METRIC_DEPTH
    assert sample.sky[0].all()
    assert sample.sky.sum() == 33, "the row of sky and the pixel at a kilometre"
    assert not (sample.valid & sample.sky).any()
    assert np.argwhere(~sample.valid & ~sample.sky).tolist() == [[2, 0], [2, 1], [2, 2], [2, 3]]
    assert sample.label[1, 1] == 999
    target = training_target(sample)
    assert (target.values[0] == 0).all()
    assert target.valid[0].all()
    assert not target.valid[2, :4].any()


def test_the_right_camera_and_amusement_are_left_out(
    tmp_path: Path, add: Callable[..., None], write: Write, encoded: Encode
) -> None:
    add("amusement/Easy/P000/image_left", "amusement/Easy/P000/depth_left")
    add("amusement/amusement/Easy/P000/image_left", "amusement/amusement/Easy/P000/depth_left")
    add("ocean/Easy/P000/image_left", "ocean/Easy/P000/depth_left")
    write("ocean/Easy/P000/image_right/000000_right.png", encoded())
    write("ocean/Easy/P000/seg_left/000000_left_seg.npy", b"")
    assert [item.key for item in TartanAirReader("tartanair", tmp_path).items()] == [
        "ocean/Easy/P000/image_left/000000_left.png"
    ]


def test_a_real_frame_gives_the_disparity_of_its_depth_file(shared_dir: Path, samples_of: Callable) -> None:
    root = shared_dir / "rgbd" / "nndepth_tartanair"
    samples = samples_of(TartanAirReader("tartanair", root))
    key = "abandonedfactory/abandonedfactory/Easy/P000/image_left/000000_left.png"
    assert list(samples) == [key]
    sample = samples[key]
    assert sample.image.shape == (480, 640, 3)
    # Past NumPy's own reader: the numbers follow the header, whose length stands in bytes 8 and 9.
    data = (root / key.replace("image_left", "depth_left").replace("_left.png", "_left_depth.npy")).read_bytes()
    stored = np.frombuffer(data[10 + int.from_bytes(data[8:10], "little") :], "<f4").reshape(480, 640).astype(float)
    is_sky = stored >= 1000
    np.testing.assert_array_equal(sample.sky, is_sky)
    disparity = np.where(is_sky, 0, 1 / stored)
    expected = (disparity - disparity.min()) / (disparity.max() - disparity.min())
    np.testing.assert_allclose(training_target(sample).values, expected, atol=1e-6)
