"""Two results files side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from depth_anything.training.evaluation.comparison import (
    CONFIDENCE,
    METHOD,
    NUM_RESAMPLES,
    SEED,
    PairedDifference,
    paired_bootstrap,
)
from depth_anything.training.evaluation.metric_names import is_higher_better, title_of
from depth_anything.training.evaluation.results_file import BenchmarkResult, ImageRow, read_results
from depth_anything.training.evaluation.scoring_run import first_difference
from depth_anything.training.evaluation.text_table import text_table


class NotComparableError(ValueError):
    """Two results are not of the same images by the same protocol; the message says what differs."""


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """How the interval is drawn.

    Attributes:
        num_resamples: how often the images are drawn.
        confidence: share of the resamples that the interval holds.
        seed: of the draws.
    """

    num_resamples: int = NUM_RESAMPLES
    confidence: float = CONFIDENCE
    seed: int = SEED


def comparison_lines(first: Path, second: Path, resampling: Resampling) -> list[str]:
    """What is printed of two results files: each benchmark that both have, metric by metric.

    Raises:
        ResultsFileError: a file is no results file.
        NotComparableError: they have no benchmark in common, or one of them by another protocol or on other images.
    """
    sides = read_results(first), read_results(second)
    common = [name for name in sides[0] if name in sides[1]]
    if not common:
        raise NotComparableError(
            f"{first} has {', '.join(sides[0])} and {second} has {', '.join(sides[1])}: no benchmark in common"
        )
    lines = []
    for name in common:
        one, other = sides[0][name], sides[1][name]
        differences = compared(name, one, other, resampling)
        lines += [f"{name}: {len(_scored_in_both(one, other))} images", f"  A  {_title(one)}", f"  B  {_title(other)}"]
        lines += [f"  {line}" for line in text_table(_rows(differences, resampling))]
        lines.append("")
    for path, own, others in ((first, sides[0], sides[1]), (second, sides[1], sides[0])):
        if alone := [name for name in own if name not in others]:
            lines.append(f"only in {path}: {', '.join(alone)}")
    method = METHOD.format(resamples=resampling.num_resamples, seed=resampling.seed, confidence=resampling.confidence)
    return [*lines, f"Clearly better: the interval leaves out 0. Interval: {method}"]


def compared(
    name: str, first: BenchmarkResult, second: BenchmarkResult, resampling: Resampling
) -> dict[str, PairedDifference]:
    """The difference in each metric, over the images that were scored on both sides.

    Raises:
        NotComparableError: the protocols, the images, or those that could be scored are not the same.
    """
    difference = first_difference("", first.protocol, second.protocol)
    if difference is not None:
        raise NotComparableError(f"{name} was judged by two protocols ({difference}): their numbers do not compare")
    keys = [[row.key for row in side.rows] for side in (first, second)]
    if keys[0] != keys[1]:
        missing = sorted(set(keys[0]) ^ set(keys[1]))
        what = f"{len(missing)} are in one alone, such as {missing[0]}" if missing else "their order differs"
        raise NotComparableError(f"{name} has {len(keys[0])} and {len(keys[1])} images, of which {what}")
    for row, other in zip(first.rows, second.rows, strict=True):
        if row.counts != other.counts:
            failed = other if row.counts else row
            raise NotComparableError(
                f"{name}: {row.key} was scored on one side alone ({failed.fault or failed.left_out}): evaluate that "
                "side again"
            )
    pairs = _scored_in_both(first, second)
    if not pairs:
        raise NotComparableError(f"{name} has no image that was scored")
    return paired_bootstrap(
        {metric: [row.metrics[metric] for row, _ in pairs] for metric in pairs[0][0].metrics},
        {metric: [row.metrics[metric] for _, row in pairs] for metric in pairs[0][1].metrics},
        [row.weight for row, _ in pairs],
        num_resamples=resampling.num_resamples,
        confidence=resampling.confidence,
        seed=resampling.seed,
    )


def _scored_in_both(first: BenchmarkResult, second: BenchmarkResult) -> list[tuple[ImageRow, ImageRow]]:
    return [(row, other) for row, other in zip(first.rows, second.rows, strict=True) if row.counts]


def _rows(differences: dict[str, PairedDifference], resampling: Resampling) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [
        ("metric", "A", "B", "B - A", f"{resampling.confidence:.0%} interval", "clearly better")
    ]
    for name, found in differences.items():
        is_better = (found.difference > 0) is is_higher_better(name)
        verdict = ("B" if is_better else "A") if found.is_clear else ""
        interval = f"{found.low:+.4f} .. {found.high:+.4f}"
        numbers = f"{found.first:.4f}", f"{found.second:.4f}", f"{found.difference:+.4f}"
        rows.append((title_of(name), *numbers, interval, verdict))
    return rows


def _title(result: BenchmarkResult) -> str:
    model = result.model
    name = model.get("model") or model.get("predictions")
    revision = model.get("revision")
    return f"{name}{f' at {revision[:12]}' if revision else ''} ({model.get('predicts')})"
