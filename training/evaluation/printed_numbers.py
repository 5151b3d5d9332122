"""The numbers that papers print for a benchmark, beside those of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from depth_anything.released_cards import RELEASES
from depth_anything.training.evaluation.metric_names import title_of
from depth_anything.training.evaluation.published import published_results
from depth_anything.training.evaluation.published_result import PublishedResult

HEADING = "printed (this run less that)"


def release_of(model: str) -> tuple[int, str] | None:
    """Version and size of the released relative checkpoint that a model is by its name; None for any other."""
    name = model.rstrip("/").rsplit("/", 1)[-1].lower()
    for release in RELEASES:
        if release.depth_type == "relative" and str(release.checkpoint).rsplit("/", 1)[-1].lower() == name:
            return release.version, release.size
    return None


def printed_results(protocol_name: str, model: str, group: str = "") -> tuple[PublishedResult, ...]:
    """What was printed for this very checkpoint if it is a released one, else for every model; none if nothing was."""
    results = published_results(protocol_name, group)
    release = release_of(model)
    of_release = tuple(result for result in results if result.release is not None and result.release == release)
    return of_release or results


def printed_table(means: Mapping[str, float], results: Sequence[PublishedResult]) -> list[Sequence[str]]:
    """Rows of printed numbers, each with the run's difference from it; none where no metric is common.

    Args:
        means: of the run, by metric.
        results: what was printed.
    """
    names = [name for name in means if any(name in result.values for result in results)]
    if not names:
        return []
    rows: list[Sequence[str]] = [(HEADING, *(title_of(name) for name in names))]
    for result in results:
        cells = [_cell(result.values.get(name), means[name]) for name in names]
        if any(cells):
            rows.append((f"{result.model} ({result.source.title}, {result.source.table})", *cells))
    return rows


def notes_of(results: Sequence[PublishedResult]) -> list[str]:
    """What to know before comparing, each note once."""
    return list(dict.fromkeys(result.note for result in results if result.note))


def printed_of_part(protocol_name: str, model: str, part: str, means: Mapping[str, float]) -> list[str]:
    """What was printed for a part of a benchmark, by metric; nothing for a checkpoint that is not a released one."""
    release = release_of(model)
    printed = [one for one in published_results(protocol_name, part) if release is not None and one.release == release]
    return [_cell(printed[0].values.get(name) if printed else None, value) for name, value in means.items()]


def _cell(printed: float | None, measured: float) -> str:
    return "" if printed is None else f"{printed:.3f} ({measured - printed:+.4f})"
