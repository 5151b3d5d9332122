import json
import multiprocessing
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import fsspec
import fsspec.exceptions
import numpy as np
import pytest

from depth_anything import hub_retries
from depth_anything.training import build_corpus
from depth_anything.training.corpora import shard_blocks
from depth_anything.training.corpora.blocks import BlockSource, RawBlocks
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.registry import open_corpus
from depth_anything.training.corpora.sample import RawSample, Reason, SampleError
from depth_anything.training.corpora.sample_decoding import decode_sample
from depth_anything.training.corpora.shard_blocks import ParquetBlocks

NUM_SAMPLES = 80
ROWS_PER_SHARD = 32


@pytest.fixture
def shards(depth_tree: Callable[..., Path], tmp_path: Path) -> Path:
    """80 samples in shards of 32, 32 and 16."""
    out = tmp_path / "shards"
    arguments = ["image_depth_tree", "--root", str(depth_tree(NUM_SAMPLES)), "--out", str(out), "--shard-size", "0.1"]
    assert build_corpus.main(arguments) == 0
    return out


def samples_of(source: BlockSource) -> list[RawSample]:
    samples = []
    for block, num_rows in enumerate(source.rows_per_block):
        for sample in source.read_block(block, range(num_rows)):
            assert isinstance(sample, RawSample), sample
            samples.append(sample)
    return samples


def test_raw_folder_and_shards_give_the_same_samples(shards: Path, tmp_path: Path) -> None:
    raw = samples_of(RawBlocks(open_corpus("image_depth_tree", tmp_path / "tree")))
    stored = samples_of(ParquetBlocks(shards))
    assert len(raw) == len(stored) == NUM_SAMPLES
    for one, other in zip(raw, stored, strict=True):
        assert (one.key, one.corpus, one.kind) == (other.key, other.corpus, other.kind)
        assert one.image_bytes == other.image_bytes
        np.testing.assert_array_equal(one.valid, other.valid)
        assert (one.sky, other.sky) == (None, None)
        labels = (decode_sample(sample).label for sample in (one, other))
        expected, found = (1 / label[one.valid].astype(np.float64) for label in labels)
        assert np.abs(expected - found).max() <= np.ptp(expected) / 131070 * 1.01
        np.testing.assert_array_equal(decode_sample(one).image, decode_sample(other).image)


def test_shards_can_go_by_another_name(shards: Path) -> None:
    source = ParquetBlocks(shards, corpus="my rooms")
    assert source.corpus == "my rooms"
    assert {sample.corpus for sample in samples_of(source)} == {"my rooms"}


def test_rows_come_in_the_order_asked_for_also_after_pickling(shards: Path) -> None:
    source = ParquetBlocks(shards)
    assert source.rows_per_block.tolist() == [32, 32, 16]
    keys = [sample.key for sample in samples_of(source)]
    copy = pickle.loads(pickle.dumps(source))
    assert len(pickle.dumps(source)) < 10_000, "what was read does not travel"
    assert [sample.key for sample in copy.read_block(2, [15, 0, 7])] == [keys[79], keys[64], keys[71]]


def test_a_forked_process_opens_its_own_files(shards: Path) -> None:
    source = ParquetBlocks(shards, num_cached_blocks=1)
    next(source.read_block(0, [0]))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        keys = pool.map(_KeysOf(source), [0, 1, 2] * 4)
    assert keys == [[f"0/{32 * block:04d}.jpg"] for block in [0, 1, 2] * 4]


class _KeysOf:
    def __init__(self, source: ParquetBlocks) -> None:
        self.source = source

    def __call__(self, block: int) -> list[str]:
        return [sample.key for sample in self.source.read_block(block, [0])]


def test_the_last_row_groups_are_read_once(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ParquetBlocks(shards, num_cached_blocks=2)
    read: list[int] = []
    read_group = ParquetBlocks._read_group
    monkeypatch.setattr(
        ParquetBlocks, "_read_group", lambda self, block: read.append(block) or read_group(self, block)
    )
    for block in [0, 1, 0, 1, 2, 1, 0]:
        next(source.read_block(block, [0]))
    assert read == [0, 1, 2, 0]


def test_a_url_is_read_as_a_folder_is(shards: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(f"{shards}/", "bucket/shards/", recursive=True)
    source = ParquetBlocks("memory://bucket/shards/")
    assert [sample.image_bytes for sample in samples_of(source)] == [
        sample.image_bytes for sample in samples_of(ParquetBlocks(shards))
    ]
    assert source.verify() == []


def test_a_repository_is_read_through_the_file_system_of_the_hub() -> None:
    file_system, path = shard_blocks._file_system("hub:owner/name")
    assert type(file_system).__name__ == "HfFileSystem"
    assert path == "datasets/owner/name"


def test_a_broken_connection_is_tried_again_from_a_new_file(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ParquetBlocks(shards)
    opened: list[str] = []
    open_shard = ParquetBlocks._open

    def breaking(self: ParquetBlocks, shard: shard_blocks.ShardEntry) -> object:
        opened.append(shard.name)
        if len(opened) < 3:
            raise ConnectionError("reset by peer")
        return open_shard(self, shard)

    monkeypatch.setattr(hub_retries.time, "sleep", lambda _: None)
    monkeypatch.setattr(ParquetBlocks, "_open", breaking)
    assert isinstance(next(source.read_block(1, [3])), RawSample)
    assert opened == ["train-00001.parquet"] * 3


@pytest.mark.parametrize("fault", ["missing", "cut off", "overwritten"])
def test_a_bad_shard_is_an_error_for_each_of_its_samples(shards: Path, fault: str) -> None:
    bad = shards / "train-00001.parquet"
    content = bad.read_bytes()
    if fault == "missing":
        bad.unlink()
    else:
        bad.write_bytes(
            content[:-100] if fault == "cut off" else content[: len(content) // 2].ljust(len(content), b"x")
        )
    source = ParquetBlocks(shards)
    errors = list(source.read_block(1, [4, 2]))
    assert [type(error) for error in errors] == [SampleError, SampleError]
    assert all(error.reason is Reason.UNREADABLE_FILE and "train-00001.parquet" in error.detail for error in errors)
    assert isinstance(next(source.read_block(2, [0])), RawSample)
    assert [problem.split(":")[0] for problem in source.verify()] == ["train-00001.parquet"]


def test_a_folder_without_a_manifest_or_with_another_is_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"tree has no manifest\.json; build_corpus writes it when all shards"):
        ParquetBlocks(tmp_path / "tree")
    manifest = shards / "manifest.json"
    stored = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**stored, "format": "depth-anything shards 9"}))
    with pytest.raises(CorpusError, match="has the format 'depth-anything shards 9' with row groups of 32; this vers"):
        ParquetBlocks(shards)
    manifest.write_text("{}")
    with pytest.raises(CorpusError, match=r"is no manifest of shards \(KeyError\('format'\)\); build the corpus"):
        ParquetBlocks(os.fspath(shards))


def test_a_timeout_of_fsspec_is_tried_again() -> None:
    # Before Python 3.11 it is asyncio's class, and not Python's.
    assert hub_retries.is_transient(fsspec.exceptions.FSTimeoutError())
