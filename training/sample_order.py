"""Which rows a worker reads, in which order: arithmetic alone, so that any place can be entered at once.

    all blocks, permuted -> one line of N rows -> a span of it for each consumer -> windows of 8 blocks, rows permuted

A consumer is one worker of one rank. Every row lies in one span, spans differ by one row at most, and they are cut
inside blocks where need be, so that every worker has work however few blocks there are. The place of a consumer is two
integers, the pass and the offset in its span; nothing is held back in a buffer that a saved state would have to keep.

Random numbers are the raw bits of PCG64 seeded by SeedSequence, both of which NumPy promises never to change: a state
can be resumed under another NumPy. `Generator.permutation` has no such promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Purpose(IntEnum):
    """What random numbers are for; each purpose has its own, and the values are part of every saved state."""

    BLOCKS_OF_PASS = 0
    ROWS_OF_WINDOW = 1
    SCHEDULE = 2
    SAMPLE = 3


def permutation(length: int, seed: int, purpose: Purpose, *place: int) -> NDArray[np.int64]:
    """The numbers below `length` in the order that belongs to this seed, purpose and place; (length,)."""
    sequence = np.random.SeedSequence(seed, spawn_key=(purpose, *place))
    return np.argsort(np.random.PCG64(sequence).random_raw(length), kind="stable")


def sample_seed(seed: int, corpus_number: int, pass_number: int, block: int, row: int) -> int:
    """Seed of everything random that is done to one sample, from 0 to 2^63 - 1; the same in whichever worker."""
    sequence = np.random.SeedSequence(seed, spawn_key=(Purpose.SAMPLE, corpus_number, pass_number, block, row))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


class Window(NamedTuple):
    """Rows of a few blocks, in the order to read them."""

    offset: int  # in the span, of the first row
    blocks: NDArray[np.int64]  # (R,), the block of each row
    rows: NDArray[np.int64]  # (R,), its row in the block


@dataclass(frozen=True, kw_only=True, eq=False)
class Span:
    """The rows of one consumer in one pass.

    Attributes:
        blocks: those that the span touches, in order; (P,).
        starts, ends: offsets in the span where each block begins and ends; (P,). The first block may begin before the
            span and the last may end after it, because other consumers read the rest of them.
        num_rows: length of the span.
        blocks_per_window: blocks whose rows are mixed.
        seed, place: of the random numbers.
    """

    blocks: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    num_rows: int
    blocks_per_window: int
    seed: int
    place: tuple[int, int, int]  # group, pass, consumer

    def window_at(self, offset: int) -> Window:
        """The window that holds this offset."""
        number = int(np.searchsorted(self.ends, offset, side="right")) // self.blocks_per_window
        low = number * self.blocks_per_window
        ends = self.ends[low : low + self.blocks_per_window]
        first, stop = max(0, int(self.starts[low])), min(int(ends[-1]), self.num_rows)
        offsets = first + permutation(stop - first, self.seed, Purpose.ROWS_OF_WINDOW, *self.place, number)
        pieces = low + np.searchsorted(ends, offsets, side="right")
        return Window(first, self.blocks[pieces], offsets - self.starts[pieces])


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleOrder:
    """The order of a group of blocks for every pass and consumer; holds nothing but these settings.

    Attributes:
        rows_per_block: of all sources of the group, one after the other; int64, (num_blocks,).
        seed: another seed gives another order.
        group: number of the group in its stream; each has its own order.
        num_consumers: workers of all ranks.
        blocks_per_window: blocks whose rows are mixed, and that a worker holds open at once.
    """

    rows_per_block: NDArray[np.int64]
    seed: int
    group: int
    num_consumers: int
    blocks_per_window: int = 8

    @cached_property
    def num_rows(self) -> int:
        """Rows of one pass of all consumers."""
        return int(self.rows_per_block.sum())

    def span(self, pass_number: int, consumer: int) -> Span:
        """The consumer's part of a pass; 0.3 s for two million blocks, nearly all of it the sorting."""
        blocks = permutation(len(self.rows_per_block), self.seed, Purpose.BLOCKS_OF_PASS, self.group, pass_number)
        ends = np.cumsum(self.rows_per_block[blocks])
        first = consumer * self.num_rows // self.num_consumers
        stop = (consumer + 1) * self.num_rows // self.num_consumers
        low = int(np.searchsorted(ends, first, side="right"))
        high = int(np.searchsorted(ends, stop, side="left")) + 1
        touched = blocks[low:high].copy()  # a view would keep the whole pass in memory
        own_ends = ends[low:high] - first
        return Span(
            blocks=touched,
            starts=own_ends - self.rows_per_block[touched],
            ends=own_ends,
            num_rows=stop - first,
            blocks_per_window=self.blocks_per_window,
            seed=self.seed,
            place=(self.group, pass_number, consumer),
        )
