"""Corpora in blocks, whatever they lie in: what a sampler deals out to ranks and workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.reader import Reader
from depth_anything.training.corpora.sample import LabelKind, RawSample, Sample, SampleError

ROWS_PER_BLOCK = 32


class BlockSource(ABC):
    """Samples in blocks, the smallest piece that is read at once. Picklable; each process opens its own files.

    Attributes:
        corpus: name of the corpus.
        kind: what its labels mean.
        rows_per_block: int64, (num_blocks,); known when the source is opened, from a manifest or a listing.
    """

    corpus: str
    kind: LabelKind
    rows_per_block: NDArray[np.int64]

    @abstractmethod
    def read_block(self, block: int, rows: Sequence[int]) -> Iterator[RawSample | Sample | SampleError]:
        """For each of the rows of the block, in the order asked for: the sample, or why it cannot be had.

        Args:
            block: number of the block.
            rows: numbers within the block, in any order.
        """


class RawBlocks(BlockSource):
    """A corpus as it was downloaded: its items, listed once, are the list of files that stays in memory.

    Args:
        reader: of the corpus.
        rows_per_block: consecutive items that make a block.

    Raises:
        CorpusError: the corpus is empty or cannot be listed.
    """

    def __init__(self, reader: Reader, rows_per_block: int = ROWS_PER_BLOCK) -> None:
        self.corpus = reader.corpus
        self.kind = reader.kind
        self._reader = reader
        self._items = list(reader.items())
        self._block_size = rows_per_block
        starts = np.arange(0, len(self._items), rows_per_block, dtype=np.int64)
        self.rows_per_block = np.minimum(rows_per_block, len(self._items) - starts)

    def read_block(self, block: int, rows: Sequence[int]) -> Iterator[RawSample | SampleError]:
        """See `BlockSource.read_block`."""
        for row in rows:
            try:
                yield self._reader.load(self._items[block * self._block_size + row])
            except SampleError as error:
                yield error
