"""Corpora cut into blocks, the form in which the stream reads all of them: raw folders, shards, rendered scenes."""

from __future__ import annotations

import itertools
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.reader import Reader
from depth_anything.training.corpora.sample import LabelKind, RawSample, Sample, SampleError

logger = logging.getLogger(__name__)


class BlockSource(ABC):
    """Samples in blocks, the smallest piece that is read at once.

    A source can be pickled at any time, and each process opens its own files. What a block and a row of it are never
    changes, so that a stream can come back to them.

    Attributes:
        corpus: name of the corpus, for samples, counts and errors.
        kind: what its labels mean.
        rows_per_block: samples in each block; int64, (num_blocks,). Known when the source is opened.
    """

    corpus: str
    kind: LabelKind
    rows_per_block: NDArray[np.int64]

    @abstractmethod
    def read_block(self, block: int, rows: Sequence[int]) -> Iterator[RawSample | Sample | SampleError]:
        """For each of the rows, in the order asked for: the sample, or why it cannot be had, which is never raised.

        Several blocks are read in turns, so nothing may be held that another call takes away.
        """


class RawBlocks(BlockSource):
    """A corpus as it was downloaded; its items are listed once and kept, which is all the memory it needs.

    Args:
        reader: of the corpus.
        rows_per_block: items in a block. They lie side by side on the disk and differ little from each other.
        limit: take the first so many items only.

    Raises:
        CorpusError: the reader finds nothing.
    """

    def __init__(self, reader: Reader, rows_per_block: int = 32, limit: int | None = None) -> None:
        if rows_per_block < 1:
            raise ValueError(f"rows_per_block is {rows_per_block}, must be 1 or more, such as 32")
        self.reader = reader
        self.corpus = reader.corpus
        self.kind = reader.kind
        self.items = list(itertools.islice(reader.items(), limit))
        self._block_starts = range(0, len(self.items), rows_per_block)
        self.rows_per_block = np.diff([*self._block_starts, len(self.items)]).astype(np.int64)
        if any(item.is_sequential for item in self.items):
            logger.warning(
                "corpus %s lies in compressed archives, which are slow to read in any other order than their own; "
                "build shards of it first",
                self.corpus,
            )

    def read_block(self, block: int, rows: Sequence[int]) -> Iterator[RawSample | SampleError]:
        """The samples with their pictures still encoded."""
        for row in rows:
            try:
                yield self.reader.load(self.items[self._block_starts[block] + row])
            except SampleError as error:
                yield error
