"""Calls to the Hub that survive a dropped connection or a busy server."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError

# Beyond what huggingface_hub retries itself: it gives up on a request, this starts the whole step again. What the Hub
# holds already is not sent a second time.
WAITS_S = (1.0, 2.0, 4.0, 8.0)
TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
HTTP_LIBRARIES = ("httpx", "httpx2")  # huggingface_hub 1 is built on the first, 2 on the second

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


def with_retries(step: str, task: Callable[[], Result]) -> Result:
    """The task's result, after as many tries as it takes, five at the most.

    Args:
        step: what the task does, for the log.
        task: can be done again from its beginning.

    Raises:
        Exception: what the task raised in the last try, or at once where another try would not help.
    """
    for wait_s in WAITS_S:
        try:
            return task()
        except Exception as error:
            if not is_transient(error):
                raise
            logger.warning("%s failed (%s); next try in %g s", step, first_line(error), wait_s)
        time.sleep(wait_s)
    return task()


def is_transient(error: BaseException) -> bool:
    """Whether the same call may well succeed a moment later: no answer from the Hub, or one that says so."""
    chain = list(_chain(error))
    statuses = [cause.response.status_code for cause in chain if isinstance(cause, HfHubHTTPError)]
    if statuses:
        return all(status in TRANSIENT_STATUSES for status in statuses)
    # hf_xet, the Hub's newer storage, raises Python's own classes, and fsspec the timeout of asyncio, which is another
    # class than Python's before 3.11.
    return any(
        isinstance(cause, ConnectionError | TimeoutError | asyncio.TimeoutError | RuntimeError)
        or type(cause).__module__.split(".")[0] in HTTP_LIBRARIES
        for cause in chain
    )


def first_line(error: BaseException) -> str:
    """The error in one line: that of its root, which says more than what was wrapped around it."""
    root = list(_chain(error))[-1]
    return (str(root).strip() or type(root).__name__).splitlines()[0]


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__
