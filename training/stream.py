"""Batches of mixed corpora that begin again, in a new process, exactly where a saved state says.

Begin with `sample_order` (who reads what), `mixture` (from which corpus) and `sample_draws` (how a worker goes on);
this file is the training process' side.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader

from depth_anything.training.fault_counts import CorpusFaults, faults_from_state, total_faults
from depth_anything.training.sample_draws import Transform
from depth_anything.training.stream_settings import StreamSettings
from depth_anything.training.stream_workers import (
    Batch,
    Collate,
    ConsumerBatches,
    WorkerFailure,
    WorkerState,
    first_state,
    outlive_requests_to_stop,
)

STATE_FORMAT = 1

Given = TypeVar("Given")

logger = logging.getLogger(__name__)


class TrainingStream(Generic[Batch]):
    """An iterator over the batches of one rank.

    The rank and number of ranks are in the settings, and the stream splits itself: do not give it, or a loader around
    it, to `Accelerator.prepare`, which would split it a second time. `AllRanksState` saves it with Accelerate.

    Iterating goes on from the last batch, also after a `break`; a stream with a number of passes stays at its end.
    Workers start with the first batch and live until the end, `close`, or `load_state_dict`.

    Args:
        settings: what is mixed and who reads it.
        transform: from a sample as its source reads it, see `decode_sample`, and the seed of its randomness to
            tensors. The seed follows from the stream's seed, the pass, the corpus and the row alone. It may raise
            `SampleError`, which counts as a failed draw.
        collate: from the labelled and the unlabelled samples of a batch to the batch, such as
            `example_batches.stack_sides`.

    Attributes:
        num_batches: of this rank until the end, the same for every rank; None without end.

    With workers that are not forked, sources, transform and collate are pickled.
    """

    def __init__(self, settings: StreamSettings, *, transform: Transform, collate: Collate[Batch]) -> None:
        self.settings = settings
        per_consumer = settings.batches_per_consumer
        self.num_batches = None if per_consumer is None else per_consumer * settings.num_readers
        self._transform = transform
        self._collate = collate
        self._states = [first_state(settings) for _ in range(settings.num_readers)]
        self._num_given = 0
        self._given: Iterator[tuple[Batch, WorkerState] | WorkerFailure] | None = None

    @property
    def num_given(self) -> int:
        """Batches that this rank was given so far, resumed runs included."""
        return self._num_given

    @property
    def faults(self) -> dict[str, CorpusFaults]:
        """Draws and failures of each corpus by all workers of this rank, up to the last batch that was given."""
        return total_faults(faults_from_state(state["faults"]) for state in self._states)

    def __iter__(self) -> TrainingStream[Batch]:
        return self

    def __next__(self) -> Batch:
        if self.num_batches is not None and self._num_given >= self.num_batches:
            self.close()
            raise StopIteration
        if self._given is None:
            self._given = self._started()
        try:
            given = next(self._given, None)
            if given is None:
                raise RuntimeError(f"the workers ended after {self._num_given} batches, before the end of the stream")
            if isinstance(given, WorkerFailure):
                given.reraise()
        except BaseException:
            # What is left of the iterator would end silently, as if the data had.
            self.close()
            raise
        batch, self._states[self._num_given % self.settings.num_readers] = given
        self._num_given += 1
        if self._num_given == self.num_batches:
            self._log_end()
        return batch

    def __enter__(self) -> TrainingStream[Batch]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers; batches that they have prepared are made again when the stream is iterated further."""
        self._given = None  # torch stops workers when their iterator goes

    def state_dict(self) -> dict[str, object]:
        """The place after the last batch that was given, as plain values that JSON can hold too."""
        return {
            "format": STATE_FORMAT,
            "settings": self.settings.fingerprint,
            "rank": self.settings.rank,
            "num_given": self._num_given,
            "workers": list(self._states),  # a worker's state is replaced, never changed
        }

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on after the batch at which the state was saved, bit for bit.

        Raises:
            ValueError: the state is of other corpora, of another seed, batch or rank, or of other numbers of ranks or
                workers.
        """
        saved, workers, num_given = state.get("settings"), state.get("workers"), state.get("num_given")
        if state.get("format") != STATE_FORMAT or not isinstance(saved, Mapping) or not isinstance(workers, list):
            raise ValueError(
                f"this is no state of format {STATE_FORMAT} of a TrainingStream: it has {', '.join(state)}"
            )
        self.settings.check_fingerprint(saved)
        if state.get("rank") != self.settings.rank or not isinstance(num_given, int):
            raise ValueError(
                f"the state is of rank {state.get('rank')}, this stream of rank {self.settings.rank}; "
                "load each rank's own state"
            )
        self.close()
        self._states = list(workers)
        self._num_given = num_given

    def _started(self) -> Iterator[tuple[Batch, WorkerState] | WorkerFailure]:
        settings = self.settings
        self._log_start()
        loader = DataLoader(
            ConsumerBatches(settings, self._transform, self._collate, list(self._states), self._num_given),
            batch_size=None,  # workers give whole batches
            collate_fn=_unchanged,
            num_workers=settings.num_workers,
            worker_init_fn=outlive_requests_to_stop,
            prefetch_factor=settings.prefetch_batches if settings.num_workers else None,
            multiprocessing_context=settings.start_method if settings.num_workers else None,
            pin_memory=settings.pin_memory,
            generator=torch.Generator(),  # torch draws a seed for its workers, from the global generator otherwise
        )
        return iter(loader)

    def _log_start(self) -> None:
        settings = self.settings
        if settings.passes is None or settings.batches_per_consumer is None or settings.rank or self._num_given:
            return
        per_batch = settings.sides[-1][1]
        num_rows = settings.passes * settings.counted_rows
        num_left = num_rows - settings.batches_per_consumer * settings.num_consumers * per_batch
        if num_left:
            logger.info(
                "%d of %d samples are left out, because they give no further batch of %d to every one of %d workers",
                num_left,
                num_rows,
                per_batch,
                settings.num_consumers,
            )

    def _log_end(self) -> None:
        num_again = 0
        for state in self._states:
            pass_number, offset = state["sides"][-1]["places"][0]
            num_again += offset if pass_number >= (self.settings.passes or 0) else 0
        if num_again:
            logger.warning(
                "%d samples were read once more in the place of samples that failed, to keep the number of batches",
                num_again,
            )


def _unchanged(given: Given) -> Given:
    return given
