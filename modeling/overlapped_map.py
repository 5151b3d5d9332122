"""Slow work on files beside the work of the network, with bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def overlapped_map(
    function: Callable[[Item], Result], items: Iterable[Item], num_threads: int
) -> Iterator[tuple[Item, Result]]:
    """Each item with the function's result, in order; up to `num_threads` calls run ahead of the reader.

    Items are taken in the reader's own thread. What was begun is ended before this generator is, also after an error
    or an interrupt.

    Args:
        function: called in another thread.
        items: may be endless.
        num_threads: also how many items and results are held at most.
    """
    with ThreadPoolExecutor(num_threads) as threads:
        running: deque[tuple[Item, Future[Result]]] = deque()
        for item in items:
            running.append((item, threads.submit(function, item)))
            if len(running) == num_threads:
                first, future = running.popleft()
                yield first, future.result()
        while running:
            first, future = running.popleft()
            yield first, future.result()
