"""The order of rows, by brute force: every row once, fairly split, shuffled, and enterable anywhere."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from depth_anything.training.sample_order import Purpose, SampleOrder, permutation, sample_seed

BLOCK_SIZES = (
    [1],
    [5],
    [3, 1, 4, 1, 5, 9, 2, 6],
    [32] * 7 + [11],
    [0, 4, 0, 0, 7, 0],
    [100, 1, 1, 1, 1, 1, 1, 1, 1, 1],
)

Row = tuple[int, int]  # block, row in it


def rows_of(order: SampleOrder, pass_number: int, consumer: int) -> list[Row]:
    span = order.span(pass_number, consumer)
    rows: list[Row] = []
    while len(rows) < span.num_rows:
        window = span.window_at(len(rows))
        assert window.offset == len(rows)
        rows += zip(window.blocks.tolist(), window.rows.tolist(), strict=True)
    return rows


def order_of(sizes: list[int], num_consumers: int = 1, blocks_per_window: int = 8, seed: int = 0) -> SampleOrder:
    return SampleOrder(
        rows_per_block=np.asarray(sizes),
        seed=seed,
        group=0,
        num_consumers=num_consumers,
        blocks_per_window=blocks_per_window,
    )


@pytest.mark.parametrize("sizes", BLOCK_SIZES, ids=str)
@pytest.mark.parametrize("num_consumers", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("blocks_per_window", [1, 2, 8])
def test_a_pass_gives_every_row_once_and_consumers_differ_by_one_row_at_most(
    sizes: list[int], num_consumers: int, blocks_per_window: int
) -> None:
    order = order_of(sizes, num_consumers, blocks_per_window)
    for pass_number in (0, 1, 5):
        parts = [rows_of(order, pass_number, consumer) for consumer in range(num_consumers)]
        every = [(block, row) for block, size in enumerate(sizes) for row in range(size)]
        assert sorted(itertools.chain(*parts)) == every
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_every_consumer_reads_although_there_are_fewer_blocks_than_consumers() -> None:
    order = order_of([64, 64], num_consumers=8)
    assert [order.span(0, consumer).num_rows for consumer in range(8)] == [16] * 8


def test_a_window_can_be_entered_at_any_offset() -> None:
    span = order_of([3, 1, 4, 1, 5, 9, 2, 6], num_consumers=2, blocks_per_window=2).span(3, 1)
    for offset in range(span.num_rows):
        window = span.window_at(offset)
        assert window.offset <= offset < window.offset + len(window.rows)
        again = span.window_at(window.offset)
        assert np.array_equal(window.rows, again.rows)
        assert np.array_equal(window.blocks, again.blocks)


def test_a_window_holds_no_more_blocks_than_it_may() -> None:
    span = order_of([5] * 40, num_consumers=3, blocks_per_window=4).span(0, 1)
    for offset in range(span.num_rows):
        assert len(set(span.window_at(offset).blocks.tolist())) <= 4


def test_passes_seeds_groups_and_consumers_all_shuffle_in_their_own_way() -> None:
    order = order_of([8] * 20)
    first = rows_of(order, 0, 0)
    assert first != rows_of(order, 1, 0)
    assert first != rows_of(order_of([8] * 20, seed=1), 0, 0)
    other_group = SampleOrder(rows_per_block=order.rows_per_block, seed=0, group=1, num_consumers=1)
    assert first != rows_of(other_group, 0, 0)
    assert first == rows_of(order_of([8] * 20), 0, 0)


def test_the_shuffle_is_global() -> None:
    # 9600 rows. Of a uniform shuffle the place in the pass says nothing about the place on disk: their correlation is
    # 0 +- 1/sqrt(number of blocks) = 0.06, and rows move by a third of the length on average. Windows of 8 blocks of
    # 32 rows put rows of all 8 blocks into nearly every batch of 32 (expected 7.9).
    rows = rows_of(order_of([32] * 300), 0, 0)
    on_disk = np.asarray([block * 32 + row for block, row in rows])
    place = np.arange(len(rows))
    assert abs(np.corrcoef(on_disk, place)[0, 1]) < 0.18
    assert np.abs(on_disk - place).mean() / len(rows) == pytest.approx(1 / 3, abs=0.05)
    blocks = np.asarray([block for block, _ in rows]).reshape(-1, 32)
    assert np.mean([len(set(batch)) for batch in blocks.tolist()]) > 7


def test_row_order_within_a_window_is_uniform() -> None:
    # Chi-square of where the first row of the first block comes to stand among 8 places, over 4000 passes of one
    # window: 7 degrees of freedom, 24.3 is exceeded once in a thousand.
    order = order_of([8], blocks_per_window=1)
    places = [rows_of(order, pass_number, 0).index((0, 0)) for pass_number in range(4000)]
    counts = np.bincount(places, minlength=8)
    assert ((counts - 500) ** 2 / 500).sum() < 24.3


def test_random_numbers_are_those_that_saved_states_were_made_with() -> None:
    # Written down once: a change of any of these breaks the exact resume of every state saved before it.
    assert permutation(8, 1, Purpose.BLOCKS_OF_PASS, 0, 0).tolist() == [3, 0, 5, 1, 2, 4, 7, 6]
    assert sample_seed(1, 2, 3, 4, 5) == 5122593308409887139


def test_seeds_of_samples_differ_by_every_part_and_fit_a_torch_generator() -> None:
    seeds = {sample_seed(*place) for place in itertools.product(range(3), repeat=5)}
    assert len(seeds) == 3**5
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_pass_over_two_million_blocks_opens_at_once() -> None:
    order = order_of([32] * 2_000_000, num_consumers=64)
    start = time.perf_counter()
    span = order.span(0, 5)
    span.window_at(span.num_rows - 1)
    assert time.perf_counter() - start < 4  # 0.3 s on a machine with nothing else to do
    assert len(span.blocks) <= 2_000_000 // 64 + 2
    assert span.blocks.base is None  # no view that keeps the whole pass
