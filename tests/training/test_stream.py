"""What batches hold: the ratio, every row once in a pass, equal numbers on all ranks, and counted failures."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from itertools import chain, islice

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import Reason, Sample, SampleError
from depth_anything.training.example_batches import stack_sides
from depth_anything.training.fault_counts import JUDGED_DRAWS, CorpusFaults
from depth_anything.training.mixture import Mixture
from depth_anything.training.sample_draws import MAX_FAILURES_IN_A_ROW
from depth_anything.training.stream import TrainingStream

Numbered = Callable[..., BlockSource]
Batch = dict[str, dict[str, Tensor]]
NumberedStream = Callable[..., TrainingStream[Batch]]
Take = Callable[..., list[tuple[list[int], list[int]]]]


def unlabelled_numbers(stream: TrainingStream[Batch]) -> list[list[int]]:
    with stream:
        return [batch["unlabelled"]["number"].tolist() for batch in stream]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_every_batch_holds_the_labelled_and_unlabelled_samples_that_it_should(
    num_workers: int, numbered_stream: NumberedStream
) -> None:
    with numbered_stream(num_workers=num_workers) as stream:
        for batch in islice(stream, 60):
            assert len(batch["labelled"]["number"]) == 2
            assert len(batch["unlabelled"]["number"]) == 4
            assert all(number >= 1000 for number in batch["labelled"]["number"])
            assert all(number < 1000 for number in batch["unlabelled"]["number"])


@pytest.mark.parametrize(("world_size", "num_workers"), [(1, 0), (1, 3), (2, 0), (3, 2)])
def test_one_pass_gives_equal_numbers_of_batches_and_every_row_once_where_counts_allow(
    world_size: int, num_workers: int, numbered: Numbered, numbered_stream: NumberedStream
) -> None:
    sizes = (11, 1, 20, 5, 23)  # 60 rows, which 2 divides for each of 1, 2, 3 and 6 consumers
    mixture = Mixture(sources=(numbered("a", sizes),))
    ranks = [
        unlabelled_numbers(
            numbered_stream(
                unlabelled=mixture,
                num_unlabelled=2,
                rank=rank,
                world_size=world_size,
                num_workers=num_workers,
                passes=1,
            )
        )
        for rank in range(world_size)
    ]
    assert {len(batches) for batches in ranks} == {30 // world_size}
    assert sorted(number for batches in ranks for batch in batches for number in batch) == list(range(60))


def test_rows_that_fill_no_batch_for_everybody_are_left_out_and_said_once(
    numbered: Numbered, numbered_stream: NumberedStream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mixture = Mixture(sources=(numbered("a", (7,) * 10),))
    ranks = [
        unlabelled_numbers(numbered_stream(unlabelled=mixture, num_unlabelled=4, rank=rank, world_size=3, passes=1))
        for rank in range(3)
    ]
    assert [len(batches) for batches in ranks] == [5, 5, 5]
    numbers = [number for batches in ranks for batch in batches for number in batch]
    assert len(set(numbers)) == len(numbers) == 60
    said = [record.getMessage() for record in caplog.records]
    assert said == ["10 of 70 samples are left out, because they give no further batch of 4 to every one of 3 workers"]


def test_a_failing_row_in_the_last_pass_keeps_the_number_of_batches_and_says_what_is_read_again(
    numbered: Numbered, numbered_stream: NumberedStream, caplog: pytest.LogCaptureFixture
) -> None:
    mixture = Mixture(sources=(numbered("a", (5,) * 4, failing={3: Reason.DAMAGED_IMAGE}),))
    batches = unlabelled_numbers(numbered_stream(unlabelled=mixture, num_unlabelled=5, passes=1))
    numbers = Counter(number for batch in batches for number in batch)
    assert [len(batch) for batch in batches] == [5] * 4
    assert set(numbers) == set(range(20)) - {3}
    assert sorted(numbers.values()) == [1] * 18 + [2]
    assert "1 samples were read once more in the place of samples that failed" in caplog.text


def test_passes_follow_each_other_in_new_orders_and_then_the_stream_stays_at_its_end(
    numbered: Numbered, numbered_stream: NumberedStream
) -> None:
    mixture = Mixture(sources=(numbered("a", (5,) * 8),))
    stream = numbered_stream(unlabelled=mixture, num_unlabelled=10, passes=2)
    batches = unlabelled_numbers(stream)
    assert stream.num_batches == stream.num_given == len(batches) == 8
    first, second = list(chain(*batches[:4])), list(chain(*batches[4:]))
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second
    assert list(stream) == []


def test_without_end_every_pass_gives_every_row_once(numbered: Numbered, numbered_stream: NumberedStream) -> None:
    stream = numbered_stream(unlabelled=Mixture(sources=(numbered("a", (5,) * 8),)), num_unlabelled=10)
    numbers = [number for batch in islice(stream, 40) for number in batch["unlabelled"]["number"].tolist()]
    assert stream.num_batches is None
    assert all(sorted(numbers[start : start + 40]) == list(range(40)) for start in range(0, 400, 40))


def test_a_sample_has_the_same_seed_on_every_layout_of_workers_and_another_in_every_pass(
    numbered_stream: NumberedStream, take: Take
) -> None:
    def seeds_of(**settings: int) -> dict[int, set[int]]:
        seeds: dict[int, set[int]] = {}
        with numbered_stream(**settings) as stream:
            for numbers, rng_seeds in take(stream, 36):  # 144 unlabelled of 218 good ones: all are of the first pass
                for number, seed in zip(numbers, rng_seeds, strict=True):
                    seeds.setdefault(number, set()).add(seed)
        return seeds

    alone, together = seeds_of(), seeds_of(num_workers=3)
    both = [number for number in alone if number < 1000 and number in together]
    assert len(both) > 60
    assert all(alone[number] == together[number] for number in both)
    labelled = [number for number in alone if number >= 1000]
    assert max(len(alone[number]) for number in labelled) > 1  # small corpora have begun their second pass


def test_failures_are_counted_by_corpus_and_reason_over_all_workers(
    numbered: Numbered, numbered_stream: NumberedStream, take: Take, caplog: pytest.LogCaptureFixture
) -> None:
    failing = {5: Reason.DAMAGED_IMAGE, 25: Reason.DAMAGED_IMAGE, 31: Reason.MISSING_LABEL}
    mixture = Mixture(sources=(numbered("a", (10,) * 4, failing=failing), numbered("b", (10,) * 4, first=100)))
    with numbered_stream(unlabelled=mixture, num_unlabelled=4, num_workers=2) as stream:
        numbers = [number for batch, _ in take(stream, 19) for number in batch]
        faults = stream.faults
    assert set(numbers).isdisjoint(failing)
    assert faults["a"].num_failed == {"damaged_image": 2, "missing_label": 1}
    assert faults["b"].num_failed == {}
    assert faults["a"].num_draws + faults["b"].num_draws == 19 * 4 + 3


def test_a_transform_that_refuses_a_sample_counts_like_a_reader(numbered_stream: NumberedStream, take: Take) -> None:
    def even_ones(sample: Sample, rng_seed: int) -> dict[str, Tensor]:
        if int(sample.key) % 10 == 1:
            raise SampleError(Reason.EMPTY_LABEL, "one")
        return {"number": torch.tensor(int(sample.key)), "seed": torch.tensor(rng_seed)}

    stream = numbered_stream(transform=even_ones)
    numbers = [number for batch, _ in take(stream, 40) for number in batch]
    assert not [number for number in numbers if number % 10 == 1]
    assert stream.faults["many"].num_failed["empty_label"] > 0


@pytest.mark.parametrize("num_workers", [0, 2])
def test_too_many_failures_of_one_corpus_stop_the_run_and_name_it(
    num_workers: int, numbered: Numbered, numbered_stream: NumberedStream
) -> None:
    bad = numbered("bad", (20,) * 10, failing=dict.fromkeys(range(0, 200, 4), Reason.DAMAGED_IMAGE))
    mixture = Mixture(sources=(bad, numbered("good", (20,) * 10, first=1000)))
    stream = numbered_stream(
        unlabelled=mixture,
        num_unlabelled=4,
        num_workers=num_workers,
        max_failed_share=0.1,
        min_draws_to_judge=40,
    )
    with stream, pytest.raises(CorpusError, match=r"^corpus bad: \d+\.\d% of its last \d+ draws.* is damaged_image, "):
        list(islice(stream, 200))


def test_documented_holes_do_not_stop_a_run(numbered: Numbered, numbered_stream: NumberedStream, take: Take) -> None:
    holes = dict.fromkeys(range(0, 100, 2), Reason.ORDINAL_LABEL)
    stream = numbered_stream(
        labelled=Mixture(sources=(numbered("a", failing=holes, is_labelled=True),)),
        num_labelled=4,
        max_failed_share=0.0,
        min_draws_to_judge=1,
    )
    take(stream, 100)
    assert stream.faults["a"].num_failed["ordinal_label"] > 300


def test_a_corpus_of_holes_alone_stops_instead_of_searching_for_ever(
    numbered: Numbered, numbered_stream: NumberedStream
) -> None:
    holes = dict.fromkeys(range(100), Reason.MISSING_LABEL)
    mixture = Mixture(sources=(numbered("holes", failing=holes, is_labelled=True),))
    stream = numbered_stream(labelled=mixture, num_labelled=1)
    with pytest.raises(CorpusError, match=f"corpus holes: {MAX_FAILURES_IN_A_ROW} draws in a row .* missing_label"):
        next(stream)


def test_a_corpus_that_breaks_after_many_good_draws_is_found() -> None:
    faults = CorpusFaults()
    for _ in range(1_000_000):
        faults.count_draw()
    for _ in range(JUDGED_DRAWS):
        faults.count_draw()
        faults.count_failure(Reason.UNREADABLE_FILE)
        if faults.recent_failures / faults.recent_draws > 0.05:
            break
    assert faults.num_failed["unreadable_file"] < 500
    with pytest.raises(CorpusError, match="unreadable_file"):
        faults.check("gone", 0.05, 256)


def test_the_global_random_state_is_left_alone(numbered_stream: NumberedStream, take: Take) -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    with numbered_stream(num_workers=1) as stream:
        take(stream, 3)
    take(numbered_stream(), 3)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_sides_are_stacked_by_name() -> None:
    one, two = {"x": torch.zeros(3), "y": torch.ones(())}, {"x": torch.ones(3), "y": torch.ones(())}
    stacked = stack_sides([one, two], [])
    assert list(stacked) == ["labelled"]
    assert stacked["labelled"]["x"].tolist() == [[0, 0, 0], [1, 1, 1]]
    assert stacked["labelled"]["y"].shape == (2,)
