"""What metrics are called and which way is better, of pixels and of point pairs alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from depth_anything.training.evaluation.metrics import METRICS
from depth_anything.training.evaluation.scoring_rule import ErrorSpace


def is_higher_better(name: str) -> bool:
    """Whether a larger value of the metric is the better one."""
    return METRICS[name].higher_is_better


def title_of(name: str) -> str:
    """What people call the metric."""
    return METRICS[name].title


def unit_of(name: str, protocol: Mapping[str, Any]) -> str:
    """The unit of the metric's values by the record of a protocol; "" for a plain number."""
    rule = protocol.get("rule")
    space = ErrorSpace(rule["error_space"]) if isinstance(rule, Mapping) else ErrorSpace.DEPTH
    return METRICS[name].unit_in(space)
