"""Which corpus the next draw comes from: by size, or by weights that every 1024 draws keep exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.sample_order import Purpose, permutation

SCHEDULE_LENGTH = 1024


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Sources and how they are mixed.

    Sources are read in groups, each in an order of its own. Without weights all sources are one group: every pass
    gives every row of all of them once, so that each corpus counts by its size. With weights each source is a group:
    the weights are kept, and small corpora begin their next pass while large ones are in their first.

    Attributes:
        sources: corpora, each with a name of its own.
        weights: share of each corpus by its name, of any sum; None mixes by size.

    Raises:
        ValueError: weights that are not positive, not for these sources, or too small to be drawn.
        CorpusError: a source without samples.
    """

    sources: Sequence[BlockSource]
    weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        if not self.sources:
            raise ValueError("a mixture needs at least one source; leave the mixture out to have none")
        for source in self.sources:
            if not source.rows_per_block.sum():
                raise CorpusError(f"corpus {source.corpus} has no samples; leave it out or prepare it anew")
        if self.weights is not None:
            object.__setattr__(self, "weights", dict(self.weights))
            self._check_weights(self.weights)

    @property
    def groups(self) -> tuple[tuple[BlockSource, ...], ...]:
        """Sources that are read in one order."""
        sources = tuple(self.sources)
        return (sources,) if self.weights is None else tuple((source,) for source in sources)

    @property
    def draws_of_groups(self) -> tuple[int, ...]:
        """Draws of each group among 1024."""
        if self.weights is None:
            return (SCHEDULE_LENGTH,)
        return largest_remainders([self.weights[source.corpus] for source in self.sources], SCHEDULE_LENGTH)

    def _check_weights(self, weights: Mapping[str, float]) -> None:
        names = [source.corpus for source in self.sources]
        if set(weights) != set(names):
            raise ValueError(
                f"weights are for {', '.join(weights)}, the sources are {', '.join(names)}; name each once"
            )
        for name, weight in weights.items():
            if not (math.isfinite(weight) and weight > 0):
                raise ValueError(f"the weight of {name} is {weight}, must be above 0; leave the source out instead")
        for name, count in zip(names, self.draws_of_groups, strict=True):
            if not count:
                share = weights[name] / sum(weights.values())
                raise ValueError(
                    f"the weight of {name} is a share of {share:.2g}, less than one draw of {SCHEDULE_LENGTH}, and "
                    "would never be drawn; raise it, or mix by size"
                )


def largest_remainders(weights: Sequence[float], total: int) -> tuple[int, ...]:
    """Whole numbers of this total that are nearest to the weights; where remainders are equal, earlier ones win."""
    exact = np.asarray(weights, np.float64) / math.fsum(weights) * total
    counts = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(counts - exact, kind="stable")
    counts[by_remainder[: total - int(counts.sum())]] += 1
    return tuple(counts.tolist())


def schedule(draws_of_groups: Sequence[int], number: int, seed: int, *place: int) -> NDArray[np.int64]:
    """The group of each of the draws from 1024 * number on; (1024,).

    Args:
        draws_of_groups: of each group, 1024 together.
        number: of the block of draws.
        seed: another one shuffles otherwise.
        *place: so does another place.
    """
    groups = np.repeat(np.arange(len(draws_of_groups)), draws_of_groups)
    return groups[permutation(len(groups), seed, Purpose.SCHEDULE, *place, number)]
