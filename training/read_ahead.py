"""An iterator that a thread of its own runs ahead of whoever reads it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import NamedTuple, TypeVar

Value = TypeVar("Value")
POLL_S = 0.1


class _Failure(NamedTuple):
    error: BaseException


class _End(NamedTuple):
    pass


def read_ahead(values: Iterable[Value], num_ahead: int) -> Generator[Value, None, None]:
    """The same values, made in a thread up to `num_ahead` before they are asked for; its errors are raised here.

    Closing the iterator ends the thread after the value that it is making.

    Args:
        values: touched by that thread alone.
        num_ahead: values that wait at most.
    """
    made: queue.Queue[Value | _Failure | _End] = queue.Queue(num_ahead)
    is_closed = threading.Event()

    def put(value: Value | _Failure | _End) -> None:
        while not is_closed.is_set():
            try:
                made.put(value, timeout=POLL_S)
                return
            except queue.Full:
                continue

    def make() -> None:
        try:
            for value in values:
                put(value)
                if is_closed.is_set():
                    return
        except BaseException as error:
            put(_Failure(error))
        else:
            put(_End())

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while not isinstance(value := made.get(), _End):
            if isinstance(value, _Failure):
                raise value.error
            yield value
    finally:
        is_closed.set()
        thread.join()
