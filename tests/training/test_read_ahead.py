from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from depth_anything.training.read_ahead import read_ahead


def test_values_come_in_order_from_another_thread_that_stays_ahead_by_no_more_than_it_may() -> None:
    made: list[tuple[int, int]] = []

    def numbers() -> Iterator[int]:
        for number in range(20):
            made.append((number, threading.get_ident()))
            yield number

    values = read_ahead(numbers(), 3)
    assert next(values) == 0
    deadline = time.monotonic() + 5
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(made) == 5, "one was taken, three wait, one is at the door"
    assert list(values) == list(range(1, 20))
    assert threading.get_ident() not in {thread for _, thread in made}


def test_an_error_comes_after_the_values_before_it() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise OSError("no disk")

    values = read_ahead(numbers(), 3)
    assert next(values) == 1
    with pytest.raises(OSError, match="no disk"):
        next(values)


def test_closing_ends_the_thread() -> None:
    num_threads = threading.active_count()
    values = read_ahead(iter(range(1000)), 2)
    next(values)
    assert threading.active_count() == num_threads + 1
    values.close()
    assert threading.active_count() == num_threads
