import pickle
from collections.abc import Callable
from pathlib import Path

from depth_anything.training.corpora.blocks import RawBlocks
from depth_anything.training.corpora.registry import open_corpus
from depth_anything.training.corpora.sample import RawSample, Reason, SampleError


def test_a_raw_corpus_is_blocks_of_consecutive_items(depth_tree: Callable[..., Path]) -> None:
    root = depth_tree(10)
    (root / "depth/0/0007.npy").unlink()
    source = pickle.loads(pickle.dumps(RawBlocks(open_corpus("image_depth_tree", root), rows_per_block=4)))
    assert source.rows_per_block.tolist() == [4, 4, 2]
    assert source.rows_per_block.dtype == "int64"
    found = list(source.read_block(1, [2, 3, 0]))
    assert [sample.key for sample in found if isinstance(sample, RawSample)] == ["0/0006.jpg", "0/0004.jpg"]
    assert isinstance(found[1], SampleError)
    assert found[1].reason is Reason.MISSING_LABEL
