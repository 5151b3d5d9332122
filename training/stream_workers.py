"""What runs in the workers of a stream: whole batches of one consumer, each with the consumer's place after it."""

from __future__ import annotations

import itertools
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import NoReturn, TypedDict, TypeVar

from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from depth_anything.training.fault_counts import CorpusFaults, FaultsState, faults_from_state, faults_to_state
from depth_anything.training.sample_draws import SideDraws, SideState, Transform
from depth_anything.training.stream_settings import StreamSettings

Batch = TypeVar("Batch")
Collate = Callable[[list[dict[str, Tensor]], list[dict[str, Tensor]]], Batch]


class WorkerState(TypedDict):
    """Where one consumer stands; plain values."""

    sides: list[SideState]
    faults: dict[str, FaultsState]


class WorkerTraceback(Exception):  # noqa: N818 - it is the cause of an error, not one of its own
    """Where in a worker an error arose, as text."""

    def __str__(self) -> str:
        return f"in a worker of the stream:\n{self.args[0]}"


class WorkerFailure:
    """An error of a worker on its way to the training process, where torch's own way would change its message."""

    def __init__(self, error: Exception) -> None:
        self.text = traceback.format_exc()
        try:
            pickle.loads(pickle.dumps(error))
            self.error = error
        except Exception:  # whatever a foreign class raises, the text of its error still arrives
            self.error = RuntimeError(f"{type(error).__name__}: {error}")

    def reraise(self) -> NoReturn:
        """Raise the error as itself, with the worker's traceback as its cause."""
        raise self.error from WorkerTraceback(self.text)


def first_state(settings: StreamSettings) -> WorkerState:
    """The state of a consumer that has given nothing."""
    names = [source.corpus for mixture, _ in settings.sides for source in mixture.sources]
    return {
        "sides": [{"num_draws": 0, "places": [[0, 0] for _ in mixture.groups]} for mixture, _ in settings.sides],
        "faults": faults_to_state({name: CorpusFaults() for name in names}),
    }


def outlive_requests_to_stop(worker: int) -> None:
    """Lets a worker go on when all processes of a run are told to stop, for the training needs it until it has saved.

    Ctrl-C in a terminal reaches all processes, and torchrun sends SIGTERM to all. A second SIGTERM ends the worker:
    torch sends one to those that do not end by themselves.

    Args:
        worker: its number, which torch gives.
    """

    def stay_once(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stay_once)


class ConsumerBatches(IterableDataset[tuple[Batch, WorkerState] | WorkerFailure]):
    """Batches of the consumer whose worker iterates over it, each with the consumer's state after it.

    Args:
        settings, transform, collate: as for `TrainingStream`.
        states: of each consumer of this rank.
        num_given: batches that this rank has given; torch asks its workers in turns, beginning with its first, so the
            worker whose turn it is becomes torch's first.
    """

    def __init__(
        self,
        settings: StreamSettings,
        transform: Transform,
        collate: Collate[Batch],
        states: Sequence[WorkerState],
        num_given: int,
    ) -> None:
        self.settings = settings
        self.transform = transform
        self.collate = collate
        self.states = states
        self.num_given = num_given

    def __iter__(self) -> Iterator[tuple[Batch, WorkerState] | WorkerFailure]:
        worker = get_worker_info()
        if worker is None:
            yield from self._batches(0)
            return
        try:
            yield from self._batches((worker.id + self.num_given) % self.settings.num_readers)
        except Exception as error:  # all of them: none may be lost on the way
            yield WorkerFailure(error)

    def _batches(self, reader: int) -> Iterator[tuple[Batch, WorkerState]]:
        settings, state = self.settings, self.states[reader]
        faults = faults_from_state(state["faults"])
        sides = self._sides(settings.rank * settings.num_readers + reader, state, faults)
        own_given = (self.num_given - reader + settings.num_readers - 1) // settings.num_readers
        last = settings.batches_per_consumer
        for _ in itertools.count(own_given) if last is None else range(own_given, last):
            labelled = [sides[0].next_tensors() for _ in range(settings.num_labelled)]
            unlabelled = [sides[-1].next_tensors() for _ in range(settings.num_unlabelled)]
            after: WorkerState = {"sides": [side.state() for side in sides], "faults": faults_to_state(faults)}
            yield self.collate(labelled, unlabelled), after

    def _sides(self, consumer: int, state: WorkerState, faults: Mapping[str, CorpusFaults]) -> list[SideDraws]:
        sides: list[SideDraws] = []
        first_group = 0
        for number, ((mixture, _), side_state) in enumerate(zip(self.settings.sides, state["sides"], strict=True)):
            sides.append(
                SideDraws(
                    mixture,
                    side=number,
                    first_group=first_group,
                    settings=self.settings,
                    transform=self.transform,
                    consumer=consumer,
                    state=side_state,
                    faults=faults,
                )
            )
            first_group += len(mixture.groups)
        return sides
