"""What the papers and others printed, to stand beside what was measured."""

from __future__ import annotations

from depth_anything.training.evaluation.published_metric import METRIC_RESULTS
from depth_anything.training.evaluation.published_relative import RELATIVE_RESULTS
from depth_anything.training.evaluation.published_result import PublishedResult

PUBLISHED: tuple[PublishedResult, ...] = (*RELATIVE_RESULTS, *METRIC_RESULTS)


def published_results(protocol_name: str, group: str = "") -> tuple[PublishedResult, ...]:
    """The printed numbers that may be compared with a protocol's; none where nobody printed any.

    Args:
        protocol_name: as in `PROTOCOLS`.
        group: part of the benchmark, such as a scene type of DA-2K; "" for all of it.
    """
    return tuple(result for result in PUBLISHED if protocol_name in result.protocols and result.group == group)
