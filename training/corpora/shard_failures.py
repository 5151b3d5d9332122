"""When so many samples fail that a build stops, because something is wrong with the data set as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from depth_anything.command_errors import CommandFailedError
from depth_anything.training.corpora.shard_manifest import ShardRecord


def require_few_failures(
    corpus: str,
    kept: Sequence[ShardRecord],
    newest: Sequence[ShardRecord],
    max_failures: float,
    remove: Callable[[Iterable[ShardRecord]], None],
) -> None:
    """Stops a build with too many failures; the shards that have them will be made again.

    Args:
        corpus: its name, for the error.
        kept: records of shards that are in the store.
        newest: records of shards that are not there yet.
        max_failures: share of all samples that may fail without being a documented hole of the data set.
        remove: takes shards of `kept` out of the store.

    Raises:
        CommandFailedError: more have failed.
    """
    records = [*kept, *newest]
    num_failures, num_judged = (sum(getattr(one, name) for one in records) for name in ("num_failures", "num_items"))
    if num_failures <= max_failures * num_judged:
        return
    remove(record for record in kept if record.num_failures > max_failures * record.num_items)
    failures = [skipped for record in records for skipped in record.skipped if skipped.is_failure]
    reason, count = Counter(failure.reason for failure in failures).most_common(1)[0]
    example = next(failure for failure in failures if failure.reason == reason)
    raise CommandFailedError(
        f"corpus {corpus}: {num_failures} of {num_judged} samples failed, more than the share of {max_failures:g} "
        f"that --max-failures allows; {count} times {reason}, as {example.key}: {example.detail}. Mend the data set; "
        "the same command makes the shards with these failures again"
    )
