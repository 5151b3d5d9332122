from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import Sample, metric_target, training_target
from depth_anything.training.corpora.virtual_kitti import VirtualKitti2Reader

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]


@pytest.fixture
def centimetres() -> np.ndarray:
    levels = np.linspace(150, 60000, 24 * 32).reshape(24, 32).round().astype(np.uint16)
    levels[0] = 65535
    levels[1, :3] = [8000, 8001, 65534]
    return levels


@pytest.fixture
def add(write: Write, encoded: Encode, png16: Encode, centimetres: np.ndarray) -> Callable[..., None]:
    def add_frame(rgb_root: str = "", depth_root: str = "", scene: str = "Scene01/clone", camera: int = 0) -> None:
        write(f"{rgb_root}{scene}/frames/rgb/Camera_{camera}/rgb_00007.jpg", encoded(0, "JPEG"))
        write(f"{depth_root}{scene}/frames/depth/Camera_{camera}/depth_00007.png", png16(centimetres))

    return add_frame


@pytest.mark.parametrize(
    "roots", [("", ""), ("my_rgbd/", "my_rgbd/"), ("rgb/", "depth/"), ("vkitti_2.0.3_rgb/", "vkitti_2.0.3_depth/")]
)
def test_archives_unpacked_together_and_beside_each_other_are_read(
    tmp_path: Path, add: Callable[..., None], samples_of: Callable, roots: tuple[str, str], centimetres: np.ndarray
) -> None:
    add(*roots)
    add(*roots, scene="Scene20/15-deg-left")
    samples = samples_of(VirtualKitti2Reader("virtual_kitti_2", tmp_path))
    assert list(samples) == [
        f"{roots[0]}Scene01/clone/frames/rgb/Camera_0/rgb_00007.jpg",
        f"{roots[0]}Scene20/15-deg-left/frames/rgb/Camera_0/rgb_00007.jpg",
    ]
    for sample in samples.values():
        assert isinstance(sample, Sample)
        np.testing.assert_allclose(sample.label[1:], centimetres[1:] / 100.0, rtol=1e-6)


def test_the_farthest_level_alone_is_sky(tmp_path: Path, add: Callable[..., None], samples_of: Callable) -> None:
    add()
    sample = samples_of(VirtualKitti2Reader("virtual_kitti_2", tmp_path)).popitem()[1]
    assert sample.sky[0].all()
    assert sample.sky.sum() == 32
    np.testing.assert_array_equal(sample.valid, ~sample.sky)
    assert (training_target(sample).values[0] == 0).all()


def test_beyond_80_m_nothing_counts_for_a_metric_model(
    tmp_path: Path, add: Callable[..., None], samples_of: Callable
) -> None:
    add()
    target = metric_target(samples_of(VirtualKitti2Reader("v", tmp_path)).popitem()[1], max_depth_m=80)
    assert target.valid[1, :3].tolist() == [True, False, False]
    assert not target.valid[0].any()


def test_the_right_camera_is_read_when_asked_for(tmp_path: Path, add: Callable[..., None]) -> None:
    add()
    add(camera=1)
    assert len(list(VirtualKitti2Reader("v", tmp_path).items())) == 1
    assert [item.key[-27:] for item in VirtualKitti2Reader("v", tmp_path, cameras=(0, 1)).items()] == [
        "s/rgb/Camera_0/rgb_00007.jpg"[-27:],
        "s/rgb/Camera_1/rgb_00007.jpg"[-27:],
    ]
    with pytest.raises(CorpusError, match=r"cameras is \(2,\); the data set has 0 and 1"):
        VirtualKitti2Reader("v", tmp_path, cameras=(2,))
