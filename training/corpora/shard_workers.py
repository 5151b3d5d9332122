"""Processes that write shards side by side."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from depth_anything.command_errors import CommandFailedError
from depth_anything.training.corpora.reader import Item, Reader
from depth_anything.training.corpora.shard_manifest import ShardRecord
from depth_anything.training.corpora.shard_writing import RowSettings, write_shard

NUM_WAITING = 2  # runs of items beyond one for each worker, so that none waits for the next
POLL_S = 0.5


class Written(NamedTuple):
    """A shard under its temporary name."""

    path: Path
    record: ShardRecord


class _Stopped(Exception):  # noqa: N818 # no error: the main process wants no more
    pass


class _Duty(NamedTuple):
    """What every worker gets once."""

    reader: Reader
    settings: RowSettings
    stop: Event
    num_done: Synchronized[int]


_duty: _Duty | None = None


class ShardWorkers:
    """Writes runs of items as shards in processes of its own, begun with the first run; a context that ends with them.

    Args:
        reader: of the corpus; each process gets a copy.
        settings: what becomes of a sample.
        num_workers: processes.
    """

    def __init__(self, reader: Reader, settings: RowSettings, num_workers: int) -> None:
        # A copy of this process would inherit the threads' locks of its libraries, and a fresh Python loads torch
        # again for each worker; a server does that once.
        has_server = "forkserver" in multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if has_server else "spawn")
        if has_server:
            context.set_forkserver_preload([__name__])
        self.num_workers = num_workers
        self._stop = context.Event()
        self._num_done: Synchronized[int] = context.Value("q", 0)
        self._pool = ProcessPoolExecutor(
            num_workers, context, _begin, (_Duty(reader, settings, self._stop, self._num_done),)
        )
        self._num_at_once = num_workers + NUM_WAITING
        self._running: dict[Future[ShardRecord], Path] = {}

    def __enter__(self) -> ShardWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
        for path in self._running.values():
            path.unlink(missing_ok=True)

    @property
    def num_done(self) -> int:
        """Items that all workers together are done with."""
        return self._num_done.value

    @property
    def is_idle(self) -> bool:
        """True if no shard is being written."""
        return not self._running

    @property
    def is_full(self) -> bool:
        """True if another run would only wait."""
        return len(self._running) >= self._num_at_once

    def submit(self, items: list[Item], path: Path, name: str) -> None:
        """Begin a shard; arguments as for `write_shard`."""
        self._running[self._pool.submit(_write, items, path, name)] = path

    def finished(self) -> Iterator[Written]:
        """Shards that are written; none if that takes longer than half a second.

        Raises:
            CommandFailedError: a worker has died.
        """
        done, _ = wait(self._running, timeout=POLL_S, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                record = future.result()
            except BrokenProcessPool as error:
                raise CommandFailedError(
                    "a worker was killed, mostly for want of memory; the same command with fewer --workers goes on "
                    "from the finished shards"
                ) from error
            yield Written(self._running.pop(future), record)


def _begin(duty: _Duty) -> None:
    global _duty
    _duty = duty
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the main process tells its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Workers of a killed process would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a worker
    connection.wait([parent.sentinel])
    os._exit(1)


def _write(items: list[Item], path: Path, name: str) -> ShardRecord:
    duty = _duty
    assert duty is not None  # `_begin` has run

    def advance() -> None:
        if duty.stop.is_set():
            raise _Stopped
        with duty.num_done.get_lock():
            duty.num_done.value += 1

    return write_shard(duty.reader, items, path, name, duty.settings, advance)
