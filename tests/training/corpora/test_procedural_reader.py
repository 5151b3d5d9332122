from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from depth_anything.training import build_corpus
from depth_anything.training.corpora.procedural_blocks import ProceduralBlocks
from depth_anything.training.corpora.sample import LabelKind, RawSample
from depth_anything.training.corpora.sample_decoding import decode_sample
from depth_anything.training.corpora.shard_blocks import ParquetBlocks

SIZE = (28, 42)


def build(corpus: str, out: Path, *more: str) -> int:
    size = f"size={json.dumps(SIZE)}"
    return build_corpus.main([corpus, "--out", str(out), "--option", size, "--option", "num_scenes=5", *more])


@pytest.mark.parametrize("domain", ["labelled", "unlabelled", "held-out"])
def test_shards_hold_the_scenes_that_the_stream_renders(domain: str, tmp_path: Path) -> None:
    corpus = f"procedural:{domain}"
    assert build(corpus, tmp_path, "--option", "seed=3") == 0
    shards, rendered = ParquetBlocks(tmp_path), ProceduralBlocks(domain, num_scenes=5, size=SIZE, seed=3)
    assert (shards.corpus, shards.kind) == (corpus, rendered.kind)
    assert sum(shards.rows_per_block) == 5
    for stored, scene in zip(shards.read_block(0, range(5)), rendered.read_block(0, range(5)), strict=True):
        assert isinstance(stored, RawSample)
        found = decode_sample(stored)
        assert (found.key, found.corpus, found.kind) == (scene.key, scene.corpus, scene.kind)
        np.testing.assert_array_equal(found.image, scene.image)
        assert Image.open(io.BytesIO(stored.image_bytes)).format == "PNG"
        if scene.kind is LabelKind.NONE:
            assert (found.label, found.valid, found.sky) == (None, None, None)
            continue
        np.testing.assert_array_equal(found.valid, scene.valid)
        np.testing.assert_array_equal(found.sky, scene.sky)
        expected, read = (1 / sample.label[scene.valid].astype(np.float64) for sample in (scene, found))
        assert np.abs(expected - read).max() <= np.ptp(expected) / 131070 * 1.01


def test_a_build_of_rendered_scenes_goes_on_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "shards"
    assert build("procedural:unlabelled", out) == 0
    manifest = (out / "manifest.json").read_text()
    monkeypatch.chdir(tmp_path)
    assert build("procedural:unlabelled", out, "--workers", "2") == 0
    assert (out / "manifest.json").read_text() == manifest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["procedural"], "has no end; say how many scenes by --option num_scenes=100000"),
        (
            ["procedural:space", "--option", "num_scenes=2"],
            "no corpus 'procedural:space'; there are procedural:",
        ),
        (["procedural:labelled", "--option", "num_scenes=0"], "num_scenes is 0; it is a whole number from 1 on"),
        (["procedural:labelled", "--option", "num_scenes=1.5"], "num_scenes is 1.5; it is a whole number"),
        (["procedural", "--option", "num_scenes=2", "--option", "seed=-1"], "seed is -1; it is a whole number from 0"),
        (
            ["procedural", "--option", "num_scenes=2", "--option", "size=[4,4]"],
            "size is [4, 4]; it is [height,",
        ),
        (["procedural", "--option", "num_scenes=2", "--option", "size=224"], "size is 224; it is [height, width]"),
        (["procedural", "--option", "scenes=2"], "has no option scenes; its options are num_scenes, size, seed"),
        (["procedural", "--root", "/data"], "is rendered and has no --root; leave it out"),
        (["irs"], "corpus irs needs --root, where its data set lies"),
    ],
)
def test_what_cannot_be_rendered_is_one_line_and_builds_nothing(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build_corpus.main([*words, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()
