"""Rendered scenes in blocks, on a renderer of one colour for each scene."""

from __future__ import annotations

import pickle
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from depth_anything.training.corpora.procedural_blocks import ProceduralBlocks
from depth_anything.training.corpora.sample import LabelKind


@pytest.fixture(autouse=True)
def _flat_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index as colour and depth, sky in the upper row."""

    def render_scene(domain: str, index: int, *, size: tuple[int, int], seed: int) -> SimpleNamespace:
        sky = np.zeros(size, bool)
        sky[0] = True
        return SimpleNamespace(
            image=np.full((*size, 3), index + seed, np.uint8),
            depth_m=np.where(sky, np.float32(np.inf), np.float32(1 + index)),
            sky=sky,
            object_class=np.zeros(size, np.uint8),
        )

    module = ModuleType("depth_anything.training.corpora.procedural")
    module.render_scene = render_scene  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(sys.modules["depth_anything.training.corpora"], "procedural", module, raising=False)


@pytest.mark.parametrize("domain", ["labelled", "held-out"])
def test_labelled_scenes_have_metric_depth_and_sky_that_is_not_valid(domain: str) -> None:
    blocks = ProceduralBlocks(domain, num_scenes=10, size=(4, 6), rows_per_block=4)
    assert blocks.rows_per_block.tolist() == [4, 4, 2]
    assert (blocks.corpus, blocks.kind) == (f"procedural:{domain}", LabelKind.METRIC_DEPTH)
    second, first = blocks.read_block(2, [1, 0])
    assert (first.key, second.key) == ("0000008", "0000009")
    assert first.image.shape == (4, 6, 3)
    assert first.label is not None
    assert first.valid is not None
    assert first.sky is not None
    assert first.label.dtype == np.float32
    assert first.label.tolist() == [[0] * 6] + [[9] * 6] * 3
    assert (first.valid == ~first.sky).all()
    assert first.sky.sum() == 6


def test_unlabelled_scenes_are_pictures_alone_and_follow_the_seed() -> None:
    (sample,) = ProceduralBlocks("unlabelled", num_scenes=3, size=(4, 6), seed=7).read_block(0, [2])
    assert (sample.kind, sample.label, sample.valid, sample.sky) == (LabelKind.NONE, None, None, None)
    assert (sample.image == 9).all()


def test_blocks_can_be_sent_to_a_worker() -> None:
    blocks = pickle.loads(pickle.dumps(ProceduralBlocks("unlabelled", num_scenes=40, size=(4, 6))))
    assert [sample.key for sample in blocks.read_block(1, [7])] == ["0000039"]


def test_no_scenes_are_refused() -> None:
    with pytest.raises(ValueError, match="num_scenes is 0, must be 1 or more"):
        ProceduralBlocks("labelled", num_scenes=0)
