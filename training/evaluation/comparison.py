"""Two evaluations of one benchmark, image by image: is the difference more than chance in the choice of images?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_RESAMPLES = 10_000
CONFIDENCE = 0.95
SEED = 0
MAX_DRAWS_AT_ONCE = 1 << 22  # indices held at a time, 32 MiB

METHOD = (
    "paired percentile bootstrap over images: {resamples:,} resamples of the benchmark's images with replacement, "
    "the same ones for both sides and all metrics, seed {seed}; the interval holds the middle {confidence:.0%} of the "
    "differences. It covers the choice of images, not that of training runs."
)


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """One metric on both sides.

    Attributes:
        first, second: means over the images.
        difference: second - first.
        low, high: ends of the interval of the difference.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def paired_bootstrap(
    first: Mapping[str, Sequence[float]],
    second: Mapping[str, Sequence[float]],
    weights: Sequence[float],
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = SEED,
) -> dict[str, PairedDifference]:
    """The difference of each metric that both sides have, with its interval.

    Args:
        first: values of each metric, one per image.
        second: the same of the other side, in the same order of images.
        weights: of the images in the mean; 1 for errors over pixels, the number of pairs for accuracies over pairs.
        num_resamples: how often the images are drawn.
        confidence: share of the resamples that the interval holds.
        seed: of NumPy's default generator.

    Raises:
        ValueError: no image, a side that lacks a value, or a share that is none.
    """
    if not 0 < confidence < 1 or num_resamples < 1:
        raise ValueError(
            f"confidence is {confidence} and num_resamples {num_resamples}; 0..1 and at least 1 are allowed"
        )
    names = [name for name in first if name in second]
    weight = np.asarray(weights, np.float64)
    sides = [np.array([side[name] for name in names], np.float64).reshape(len(names), -1) for side in (first, second)]
    if not names or weight.size == 0 or any(side.shape[1] != weight.size for side in sides):
        raise ValueError(f"there is nothing to compare: {len(names)} metrics of {weight.size} images")
    means = [(side * weight).sum(axis=1) / weight.sum() for side in sides]
    drawn = _resampled_differences((sides[1] - sides[0]) * weight, weight, num_resamples, seed)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return {
        name: PairedDifference(
            first=float(means[0][position]),
            second=float(means[1][position]),
            difference=float(means[1][position] - means[0][position]),
            low=float(low[position]),
            high=float(high[position]),
        )
        for position, name in enumerate(names)
    }


def _resampled_differences(
    weighted: NDArray[np.float64], weight: NDArray[np.float64], num_resamples: int, seed: int
) -> NDArray[np.float64]:
    """The weighted mean of the differences (M, N) in each resample; (R, M)."""
    generator = np.random.default_rng(seed)
    num_images = weight.size
    step = max(1, MAX_DRAWS_AT_ONCE // num_images)
    means = []
    for start in range(0, num_resamples, step):
        drawn = generator.integers(0, num_images, (min(step, num_resamples - start), num_images))  # (r, N)
        total = weight[drawn].sum(axis=1)
        means.append(np.stack([row[drawn].sum(axis=1) / total for row in weighted], axis=1))  # (r, M)
    return np.concatenate(means)
