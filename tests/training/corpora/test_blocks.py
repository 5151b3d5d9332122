"""Raw corpora in blocks."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from depth_anything.training.corpora.blocks import RawBlocks
from depth_anything.training.corpora.pictures import PicturesReader
from depth_anything.training.corpora.reader import CorpusError, Item, Reader
from depth_anything.training.corpora.sample import RawSample, Reason, SampleError

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]


class SequentialReader(Reader):
    def _listed(self) -> Iterator[Item]:
        yield Item(key="a", path="a.tar.gz", is_sequential=True)


@pytest.fixture
def folder(tmp_path: Path, write: Write, encoded: Encode) -> Path:
    """Seven pictures."""
    for number in range(7):
        write(f"pictures/{number}.png", encoded(number))
    return tmp_path / "pictures"


def test_blocks_are_neighbours_in_the_listing_and_the_last_holds_the_rest(folder: Path) -> None:
    blocks = RawBlocks(PicturesReader("mine", folder), rows_per_block=3)
    assert blocks.rows_per_block.tolist() == [3, 3, 1]
    assert (blocks.corpus, blocks.kind) == ("mine", blocks.reader.kind)
    keys = [[sample.key for sample in blocks.read_block(block, range(size))] for block, size in enumerate([3, 3, 1])]  # type: ignore[union-attr]
    assert keys == [["0.png", "1.png", "2.png"], ["3.png", "4.png", "5.png"], ["6.png"]]


def test_rows_come_in_the_order_asked_for_with_the_files_own_bytes(folder: Path) -> None:
    blocks = RawBlocks(PicturesReader("mine", folder), rows_per_block=4)
    samples = list(blocks.read_block(1, [2, 0]))
    assert all(isinstance(sample, RawSample) for sample in samples)
    assert [sample.image_bytes for sample in samples] == [  # type: ignore[union-attr]
        (folder / "6.png").read_bytes(),
        (folder / "4.png").read_bytes(),
    ]


def test_what_cannot_be_had_is_given_and_not_raised(folder: Path) -> None:
    blocks = RawBlocks(PicturesReader("mine", folder))
    (folder / "3.png").unlink()
    gone, there = blocks.read_block(0, [3, 4])
    assert isinstance(gone, SampleError)
    assert gone.reason is Reason.UNREADABLE_FILE
    assert isinstance(there, RawSample)


def test_blocks_can_be_sent_to_a_worker(folder: Path) -> None:
    blocks = pickle.loads(pickle.dumps(RawBlocks(PicturesReader("mine", folder), rows_per_block=3)))
    assert [sample.key for sample in blocks.read_block(2, [0])] == ["6.png"]


def test_an_empty_corpus_and_empty_blocks_are_refused(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="nothing found"):
        RawBlocks(PicturesReader("mine", tmp_path / "empty"))
    with pytest.raises(ValueError, match="rows_per_block is 0, must be 1 or more"):
        RawBlocks(PicturesReader("mine", folder), rows_per_block=0)


def test_compressed_archives_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    RawBlocks(SequentialReader("packed", tmp_path))
    assert "corpus packed lies in compressed archives, which are slow to read in any other order" in caplog.text
