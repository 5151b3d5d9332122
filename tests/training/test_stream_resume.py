"""A stream that is saved and loaded goes on bit for bit; a state of another stream is refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from torch import Tensor

from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.mixture import Mixture
from depth_anything.training.stream import TrainingStream

Numbered = Callable[..., BlockSource]
NumberedStream = Callable[..., TrainingStream[dict[str, dict[str, Tensor]]]]
Take = Callable[..., list[tuple[list[int], list[int]]]]


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_a_resumed_stream_gives_the_same_batches_on_the_first_second_and_third_resume(
    num_workers: int, numbered_stream: NumberedStream, take: Take
) -> None:
    with numbered_stream(num_workers=num_workers) as stream:
        whole = take(stream, 150)
        whole_faults = stream.faults
    resumed, state = [], None
    for count in (7, 44, 1, 98):  # no multiples of the workers; into the second pass and the next 1024 draws
        with numbered_stream(num_workers=num_workers) as stream:
            if state is not None:
                stream.load_state_dict(json.loads(json.dumps(state)))
            resumed += take(stream, count)
            state, faults = stream.state_dict(), stream.faults
    assert resumed == whole
    assert faults == whole_faults
    assert sum(sum(counts.num_failed.values()) for counts in faults.values()) > 3


def test_a_state_may_be_saved_after_any_batch(numbered_stream: NumberedStream, take: Take) -> None:
    with numbered_stream(num_workers=2) as stream:
        states, batches = [], []
        for _ in range(12):
            states.append(stream.state_dict())
            batches += take(stream, 1)
    for number in (0, 1, 5, 10):
        with numbered_stream(num_workers=2) as stream:
            stream.load_state_dict(states[number])
            assert take(stream, 2) == batches[number : number + 2]


def test_every_rank_resumes_its_own_part(numbered_stream: NumberedStream, take: Take) -> None:
    for rank in range(2):
        stream = numbered_stream(rank=rank, world_size=2)
        take(stream, 30)
        state = stream.state_dict()
        expected = take(stream, 30)
        resumed = numbered_stream(rank=rank, world_size=2)
        resumed.load_state_dict(state)
        assert take(resumed, 30) == expected


def test_loading_also_turns_a_running_stream_back(numbered_stream: NumberedStream, take: Take) -> None:
    with numbered_stream(num_workers=2) as stream:
        take(stream, 3)
        state = stream.state_dict()
        expected = take(stream, 6)
        stream.load_state_dict(state)
        assert take(stream, 6) == expected


def test_iterating_goes_on_after_a_break_and_after_closing(numbered_stream: NumberedStream, take: Take) -> None:
    whole = take(numbered_stream(num_workers=0), 9)
    with numbered_stream(num_workers=1) as stream:
        parts = take(stream, 2)
        for _ in stream:
            break
        parts += take(stream, 3)
        stream.close()
        parts += take(stream, 3)
    assert parts == whole[:2] + whole[3:]


def test_all_workers_read_and_resume_although_they_are_more_than_the_blocks(
    numbered: Numbered, numbered_stream: NumberedStream, take: Take
) -> None:
    settings = {
        "unlabelled": Mixture(sources=(numbered("a", (40, 24)),)),
        "num_unlabelled": 4,
        "num_workers": 4,
        "passes": 2,
    }
    with numbered_stream(**settings) as stream:
        whole = take(stream, 13)
        state = stream.state_dict()
        whole += take(stream, 19)
        assert list(stream) == []
    assert all(worker["sides"][0]["places"] == [[1, 16]] for worker in stream.state_dict()["workers"])  # type: ignore
    numbers = [number for batch, _ in whole for number in batch]
    assert sorted(numbers) == sorted([*range(64), *range(64)])
    with numbered_stream(**settings) as stream:
        stream.load_state_dict(state)
        assert take(stream, 19) == whole[13:]
        assert list(stream) == []


def test_a_finished_stream_resumes_as_finished(
    numbered: Numbered, numbered_stream: NumberedStream, take: Take
) -> None:
    settings = {"unlabelled": Mixture(sources=(numbered(),)), "num_unlabelled": 10, "passes": 1}
    stream = numbered_stream(**settings)
    take(stream, 10)
    resumed = numbered_stream(**settings)
    resumed.load_state_dict(stream.state_dict())
    assert list(resumed) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed 0, this stream has 1"),
        ({"world_size": 2}, "world_size 1, this stream has 2"),
        ({"num_workers": 3}, "num_workers 2, this stream has 3"),
        ({"num_labelled": 3}, "num_labelled 2, this stream has 3"),
        ({"num_unlabelled": 5}, "num_unlabelled 4, this stream has 5"),
        ({"blocks_per_window": 2}, "blocks_per_window 8, this stream has 2"),
    ],
)
def test_a_state_of_other_settings_is_refused(
    change: dict[str, int], named: str, numbered_stream: NumberedStream
) -> None:
    state = numbered_stream(num_workers=2).state_dict()
    stream = numbered_stream(**{"num_workers": 2, **change})
    name = named.partition(" ")[0]
    with pytest.raises(ValueError, match=f"saved with {named}; an exact resume needs the same {name}. Set it back"):
        stream.load_state_dict(state)


def test_a_state_of_other_corpora_sizes_or_weights_is_refused(
    numbered: Numbered, numbered_stream: NumberedStream
) -> None:
    def stream_of(*sources: BlockSource, weights: dict[str, float] | None = None) -> TrainingStream:
        return numbered_stream(unlabelled=Mixture(sources=sources, weights=weights), num_unlabelled=1)

    a, b = numbered("a"), numbered("b")
    state = stream_of(a, b).state_dict()
    for other, message in [
        (stream_of(b, a), r"unlabelled corpora \['a', 'b'\], this stream has \['b', 'a'\]"),
        (stream_of(a), r"unlabelled corpora \['a', 'b'\], this stream has \['a'\]"),
        (stream_of(a, b, weights={"a": 1, "b": 3}), r"unlabelled weights None, this stream has \[256, 768\]"),
        (stream_of(a, numbered("b", (11,) * 10)), "samples of b 100, this stream has 110"),
        (stream_of(a, numbered("b", (20,) * 5)), r"block sizes of b \(checksum\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            other.load_state_dict(state)


def test_what_is_no_state_and_another_ranks_state_are_refused(numbered_stream: NumberedStream) -> None:
    stream = numbered_stream(world_size=2)
    with pytest.raises(ValueError, match="this is no state of format 1 of a TrainingStream: it has model, step"):
        stream.load_state_dict({"model": 1, "step": 2})
    with pytest.raises(ValueError, match="the state is of rank 1, this stream of rank 0; load each rank's own state"):
        stream.load_state_dict(numbered_stream(world_size=2, rank=1).state_dict())


def test_reading_without_and_with_one_worker_is_the_same_stream(numbered_stream: NumberedStream, take: Take) -> None:
    stream = numbered_stream(num_workers=0)
    take(stream, 5)
    with numbered_stream(num_workers=1) as other:
        other.load_state_dict(stream.state_dict())
        assert take(other, 5) == take(stream, 5)
