import numpy as np
import pytest

from depth_anything.training.corpora.procedural import render_scene
from depth_anything.training.corpora.sample import LabelKind, Sample
from depth_anything.training.scene_seeds import SceneRange
from depth_anything.training.scene_sets import SceneBlocks, SceneFrames, SceneSet, render_scene_set

RANGE = SceneRange(seed=77, domains=("labelled", "unlabelled"), first=5, count=50)


@pytest.fixture(scope="module")
def scenes() -> SceneSet:
    return render_scene_set(RANGE, "unlabelled", 40, first=3, size=28, num_workers=0)


def sample_of(source: SceneBlocks, block: int, row: int) -> Sample:
    return next(iter(source.read_block(block, [row])))


def test_a_set_holds_the_scenes_of_its_range(scenes: SceneSet) -> None:
    assert len(scenes) == 40
    assert scenes.keys[:2] == ("0000008", "0000009")
    assert scenes.sky.any()
    for position in (0, 39):
        scene = render_scene("unlabelled", 5 + 3 + position, size=(28, 28), seed=77)
        np.testing.assert_array_equal(scenes.images[position], scene.image)
        np.testing.assert_array_equal(scenes.sky[position], ~np.isfinite(scene.depth_m))
        np.testing.assert_array_equal(scenes.depth_m[position], np.nan_to_num(scene.depth_m, posinf=0))


def test_disparity_is_the_inverse_of_depth_and_nought_in_the_sky(scenes: SceneSet) -> None:
    with np.errstate(divide="ignore"):
        expected = 1 / scenes.depth_m
    np.testing.assert_array_equal(scenes.disparity, np.where(np.isinf(expected), 0, expected))


def test_processes_render_the_same_scenes(scenes: SceneSet) -> None:
    again = render_scene_set(RANGE, "unlabelled", 4, first=3, size=28, num_workers=2)
    np.testing.assert_array_equal(again.images, scenes.images[:4])
    np.testing.assert_array_equal(again.depth_m, scenes.depth_m[:4])


def test_scenes_for_another_purpose_are_refused() -> None:
    with pytest.raises(ValueError, match="domain is 'held-out'; these scenes are for labelled and unlabelled"):
        render_scene_set(RANGE, "held-out", 1, size=28, num_workers=0)
    with pytest.raises(IndexError, match="position 50 is outside"):
        render_scene_set(RANGE, "labelled", 3, first=48, size=28, num_workers=0)


def test_frames_count_what_is_neither_sky_nor_far(scenes: SceneSet) -> None:
    frames = SceneFrames(scenes, max_depth_m=10.0)
    assert len(frames) == 40
    for index in range(40):
        frame = frames.read(index)
        with np.errstate(invalid="ignore"):
            expected = (frame.depth_m > 0) & (frame.depth_m <= 10)
        np.testing.assert_array_equal(frame.valid, expected)
        assert frame.key == scenes.keys[index]


def test_labelled_blocks_give_every_scene_once_with_its_depth(scenes: SceneSet) -> None:
    source = SceneBlocks(scenes)
    assert source.rows_per_block.tolist() == [32, 8]
    assert source.kind is LabelKind.METRIC_DEPTH
    keys = [sample_of(source, block, row).key for block, rows in enumerate([32, 8]) for row in range(rows)]
    assert keys == list(scenes.keys)
    sample = sample_of(source, 1, 2)
    np.testing.assert_array_equal(sample.label, scenes.depth_m[34])
    np.testing.assert_array_equal(sample.sky, scenes.sky[34])
    np.testing.assert_array_equal(sample.valid, ~scenes.sky[34])


def test_pseudo_labelled_blocks_never_look_at_the_depth(scenes: SceneSet) -> None:
    unknown = np.full_like(scenes.depth_m, np.nan)
    blind = SceneSet(domain="unlabelled", keys=scenes.keys, images=scenes.images, depth_m=unknown, sky=scenes.sky)
    labels = np.random.default_rng(0).random(scenes.depth_m.shape, np.float32)
    labels[3, 0, 0] = np.nan
    source = SceneBlocks(blind, labels)
    assert source.kind is LabelKind.PSEUDO_LABEL
    sample = sample_of(source, 0, 3)
    np.testing.assert_array_equal(sample.label, labels[3])
    assert sample.valid is not None
    assert np.argwhere(~sample.valid).tolist() == [[0, 0]]
    assert sample.sky is None
    with pytest.raises(ValueError, match="give one for each"):
        SceneBlocks(scenes, labels[:3])
