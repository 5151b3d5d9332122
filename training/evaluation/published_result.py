"""A number that somebody printed, and the protocols that it may be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple


class Source(NamedTuple):
    """Where it is printed."""

    title: str
    table: str
    url: str


@dataclass(frozen=True, kw_only=True)
class PublishedResult:
    """One model on one benchmark, as printed.

    Attributes:
        source: where.
        model: as the source calls it.
        release: (version, size) of the released relative checkpoint that it is, such as (2, "small"); None for others.
        data: the column's heading.
        values: by metric name; shares from 0 to 1 even where the source prints per cent.
        protocols: names of those that the source, as far as it says, may have used; none where no protocol here has
            its rules or its images.
        group: the part of the benchmark, such as a scene type of DA-2K; "" for all of it.
        note: what to know before comparing.
    """

    source: Source
    model: str
    release: tuple[int, str] | None = None
    data: str
    values: Mapping[str, float]
    protocols: tuple[str, ...] = ()
    group: str = ""
    note: str = ""


class Column(NamedTuple):
    """A benchmark of a table: its heading, the protocols that fit, and what to know."""

    data: str
    protocols: tuple[str, ...] = ()
    note: str = ""


Cell = Sequence[float] | None


def results_of_table(
    source: Source, metrics: Sequence[str], columns: Sequence[Column], rows: Mapping[str, Sequence[Cell]]
) -> Iterator[PublishedResult]:
    """The cells of a table whose rows are models and whose columns are benchmarks.

    Args:
        source: of all cells.
        metrics: of the numbers in each cell; a cell may leave out the last ones.
        columns: in the order of each row's cells.
        rows: cells by model; None where the table has no number.
    """
    for model, cells in rows.items():
        for column, cell in zip(columns, cells, strict=True):
            if cell is not None:
                yield PublishedResult(
                    source=source,
                    model=model,
                    data=column.data,
                    values=dict(zip(metrics, cell, strict=False)),
                    protocols=column.protocols,
                    note=column.note,
                )


def released(result: PublishedResult, releases: Mapping[str, tuple[int, str]]) -> PublishedResult:
    """The result with the checkpoint that its model is, if it is one of these by name."""
    return replace(result, release=releases.get(result.model))
