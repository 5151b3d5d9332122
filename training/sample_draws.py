"""One worker's side of the stream: from a place in the order to transformed samples, and failures counted."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypedDict

import numpy as np
from torch import Tensor

from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import RawSample, Sample, SampleError
from depth_anything.training.fault_counts import CorpusFaults
from depth_anything.training.mixture import SCHEDULE_LENGTH, Mixture, schedule
from depth_anything.training.sample_order import SampleOrder, sample_seed
from depth_anything.training.stream_settings import StreamSettings

# Sixteen windows of shuffled blocks without one usable sample: no chance, and no use in going on.
MAX_FAILURES_IN_A_ROW = 4096

# A `RawSample` as it is read: a transform that cuts a crop need not make numbers of the whole label first.
Transform = Callable[[RawSample | Sample, int], dict[str, Tensor]]

logger = logging.getLogger(__name__)


class Draw(NamedTuple):
    """One row, read."""

    source: BlockSource
    rng_seed: int
    sample: RawSample | Sample | SampleError


class SideState(TypedDict):
    """Where one consumer stands on one side; plain values."""

    num_draws: int  # samples given, which the schedule of weights counts
    places: list[list[int]]  # of each group: pass, offset in the consumer's span


class GroupDraws:
    """The rows of one group in the order of one consumer, from a place on, pass after pass without end.

    Attributes:
        pass_number, offset: the place of the next draw.
    """

    def __init__(
        self, sources: tuple[BlockSource, ...], order: SampleOrder, consumer: int, pass_number: int, offset: int
    ) -> None:
        self.pass_number = pass_number
        self.offset = offset
        self._sources = sources
        self._order = order
        self._consumer = consumer
        self._first_blocks = np.cumsum([0, *(len(source.rows_per_block) for source in sources)])
        self._names = [zlib.crc32(source.corpus.encode()) for source in sources]
        self._draws = self._read()

    def __next__(self) -> Draw:
        return next(self._draws)

    def _read(self) -> Iterator[Draw]:
        while True:
            span = self._order.span(self.pass_number, self._consumer)
            while self.offset < span.num_rows:
                window = span.window_at(self.offset)
                done = self.offset - window.offset
                for draw in self._read_rows(window.blocks[done:].tolist(), window.rows[done:].tolist()):
                    self.offset += 1
                    yield draw
            self.pass_number += 1
            self.offset = 0

    def _read_rows(self, blocks: list[int], rows: list[int]) -> Iterator[Draw]:
        """The rows in this order; each block is opened once, and all of them side by side."""
        rows_of_blocks: dict[int, list[int]] = {}
        for block, row in zip(blocks, rows, strict=True):
            rows_of_blocks.setdefault(block, []).append(row)
        opened: dict[int, Iterator[RawSample | Sample | SampleError]] = {}
        for block, row in zip(blocks, rows, strict=True):
            number = int(np.searchsorted(self._first_blocks, block, side="right")) - 1
            source, own_block = self._sources[number], block - int(self._first_blocks[number])
            if block not in opened:
                opened[block] = source.read_block(own_block, rows_of_blocks[block])
            sample = next(opened[block], None)
            if sample is None:
                raise CorpusError(f"corpus {source.corpus}: block {own_block} ended before row {row}; prepare it anew")
            place = (self._names[number], self.pass_number, own_block, row)
            yield Draw(source, sample_seed(self._order.seed, *place), sample)


class SideDraws:
    """Transformed samples of one mixture for one consumer.

    Args:
        mixture: the corpora.
        side: number of the mixture in the stream, for its randomness.
        first_group: number of its first group in the stream, likewise.
        settings: of the stream.
        transform: from a sample and a seed to tensors; a `SampleError` of it counts like one of reading. It decodes,
            see `decode_sample`.
        consumer: number of this worker among those of all ranks.
        state: where to begin.
        faults: counts of every corpus, which are added to.
    """

    def __init__(
        self,
        mixture: Mixture,
        *,
        side: int,
        first_group: int,
        settings: StreamSettings,
        transform: Transform,
        consumer: int,
        state: SideState,
        faults: Mapping[str, CorpusFaults],
    ) -> None:
        self._settings = settings
        self._transform = transform
        self._faults = faults
        self._schedule_place = (side, consumer)
        self._draws_of_groups = mixture.draws_of_groups
        self._num_draws = state["num_draws"]
        self._scheduled = (-1, np.zeros(0, np.int64))  # number of the block of draws, and the group of each
        self._groups = []
        for number, (sources, (pass_number, offset)) in enumerate(zip(mixture.groups, state["places"], strict=True)):
            order = SampleOrder(
                rows_per_block=np.concatenate([source.rows_per_block for source in sources]),
                seed=settings.seed,
                group=first_group + number,
                num_consumers=settings.num_consumers,
                blocks_per_window=settings.blocks_per_window,
            )
            self._groups.append(GroupDraws(sources, order, consumer, pass_number, offset))

    def state(self) -> SideState:
        """Where the next sample comes from."""
        return {"num_draws": self._num_draws, "places": [[group.pass_number, group.offset] for group in self._groups]}

    def next_tensors(self) -> dict[str, Tensor]:
        """The next sample; one that fails is counted, and the next row of its group takes its place.

        Raises:
            CorpusError: too many draws of a corpus failed.
        """
        group = self._groups[self._group_of_draw()]
        for _ in range(MAX_FAILURES_IN_A_ROW):
            draw = next(group)
            faults = self._faults[draw.source.corpus]
            faults.count_draw()
            try:
                tensors = self._transformed(draw)
            except SampleError as error:
                self._count_failure(draw, error)
                continue
            self._num_draws += 1
            return tensors
        commonest = max(faults.num_failed, key=lambda reason: faults.num_failed[reason])
        raise CorpusError(
            f"corpus {draw.source.corpus}: {MAX_FAILURES_IN_A_ROW} draws in a row gave no sample, mostly "
            f"for {commonest}. Is it the data set that it should be, with the options that it needs?"
        )

    def _transformed(self, draw: Draw) -> dict[str, Tensor]:
        if isinstance(draw.sample, SampleError):
            raise draw.sample
        return self._transform(draw.sample, draw.rng_seed)

    def _count_failure(self, draw: Draw, error: SampleError) -> None:
        corpus = draw.source.corpus
        faults = self._faults[corpus]
        if error.reason.value not in faults.num_failed:
            logger.warning("corpus %s: a first sample is left out: %s", corpus, error)
        faults.count_failure(error.reason)
        faults.check(corpus, self._settings.max_failed_share, self._settings.min_draws_to_judge)

    def _group_of_draw(self) -> int:
        if len(self._groups) == 1:
            return 0
        number, place = divmod(self._num_draws, SCHEDULE_LENGTH)
        if self._scheduled[0] != number:
            self._scheduled = (
                number,
                schedule(self._draws_of_groups, number, self._settings.seed, *self._schedule_place),
            )
        return int(self._scheduled[1][place])
