"""Workers: one thread each, errors that arrive as themselves, and no process left behind."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import pytest
import torch
from torch import Tensor

from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind, Sample
from depth_anything.training.mixture import Mixture
from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_workers import WorkerTraceback

Numbered = Callable[..., BlockSource]
NumberedStream = Callable[..., TrainingStream[dict[str, dict[str, Tensor]]]]


class ForeignError(Exception):
    """An error that cannot be sent from one process to another."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def raising(error: Exception) -> Callable[[Sample, int], dict[str, Tensor]]:
    def transform(sample: Sample, rng_seed: int) -> dict[str, Tensor]:
        raise error

    return transform


def test_each_worker_has_one_thread(numbered_stream: NumberedStream) -> None:
    def threads(sample: Sample, rng_seed: int) -> dict[str, Tensor]:
        return {"num_threads": torch.tensor(torch.get_num_threads())}

    with numbered_stream(transform=threads, num_workers=2) as stream:
        for batch in islice(stream, 4):
            assert batch["unlabelled"]["num_threads"].tolist() == [1] * 4


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("error", [CorpusError("corpus x: unmounted"), KeyError("colour"), OSError(5, "disk")])
def test_an_error_arrives_as_itself_and_ends_the_workers(
    num_workers: int, error: Exception, numbered_stream: NumberedStream
) -> None:
    stream = numbered_stream(transform=raising(error), num_workers=num_workers)
    with pytest.raises(type(error)) as raised:
        next(stream)
    assert raised.value.args == error.args
    if num_workers:
        assert isinstance(raised.value.__cause__, WorkerTraceback)
        assert "in transform" in str(raised.value.__cause__)
    assert not multiprocessing.active_children()


def test_an_error_that_cannot_be_sent_arrives_with_its_text(numbered_stream: NumberedStream) -> None:
    stream = numbered_stream(transform=raising(ForeignError("salt", "pepper")), num_workers=1)
    with pytest.raises(RuntimeError, match=r"^ForeignError: salt and pepper$"):
        next(stream)


def test_after_an_error_the_stream_tries_the_batch_again_and_never_ends_as_if_done(
    numbered_stream: NumberedStream,
) -> None:
    stream = numbered_stream(transform=raising(OSError("for a moment")))
    for _ in range(2):
        with pytest.raises(OSError, match="for a moment"):
            next(stream)
    assert stream.num_given == 0


def test_a_block_that_ends_early_is_an_error_of_its_corpus(
    numbered_stream: NumberedStream, numbered: Numbered
) -> None:
    class Short(type(numbered())):  # type: ignore[misc]
        def read_block(self, block: int, rows: Sequence[int]) -> Iterator[Sample]:
            return islice(super().read_block(block, rows), 2)

    source = Short("cut", (10,), LabelKind.NONE, 0, {})
    stream = numbered_stream(unlabelled=Mixture(sources=(source,)), num_unlabelled=5)
    with pytest.raises(CorpusError, match=r"corpus cut: block 0 ended before row \d; prepare it anew"):
        next(stream)


def test_closing_leaves_no_process_behind(numbered_stream: NumberedStream) -> None:
    with numbered_stream(num_workers=2) as stream:
        next(stream)
        assert len(multiprocessing.active_children()) == 2
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_a_killed_worker_is_an_error_and_no_end() -> None:
    # In a process of its own: torch raises from its handler of the signal, wherever the main thread is by then.
    code = """
import multiprocessing, numpy, torch
from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.sample import LabelKind, Sample
from depth_anything.training.mixture import Mixture
from depth_anything.training.example_batches import stack_sides
from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_settings import StreamSettings

class Pictures(BlockSource):
    corpus, kind, rows_per_block = "pictures", LabelKind.NONE, numpy.array([10] * 10)
    def read_block(self, block, rows):
        for row in rows:
            yield Sample(image=numpy.zeros((2, 2, 3), numpy.uint8), kind=self.kind, corpus=self.corpus, key=str(row))

settings = StreamSettings(unlabelled=Mixture(sources=[Pictures()]), num_unlabelled=2, num_labelled=0, num_workers=2)
transform = lambda sample, seed: {"seed": torch.tensor(seed)}
with TrainingStream(settings, transform=transform, collate=stack_sides) as stream:
    next(stream)
    for worker in multiprocessing.active_children():
        worker.kill()
    for _ in stream:
        pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "worker" in done.stderr.strip().splitlines()[-1]


def test_each_block_of_a_window_is_opened_once(numbered: Numbered, numbered_stream: NumberedStream) -> None:
    source = numbered("a", (10,) * 16)
    opened: list[int] = []
    read = source.read_block
    source.read_block = lambda block, rows: opened.append(block) or read(block, rows)  # type: ignore
    stream = numbered_stream(unlabelled=Mixture(sources=(source,)), num_unlabelled=10, passes=1)
    assert len(list(stream)) == 16
    assert sorted(opened) == list(range(16))
