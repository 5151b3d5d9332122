"""Which rendered scenes serve which purpose: one table, so that nothing is evaluated on scenes it was trained on.

Scenes of other seeds have nothing in common, and neither have other numbers of one seed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SceneRange:
    """The scenes `first` to `first + count - 1` of one seed, in some domains of the rendered corpus."""

    seed: int
    domains: tuple[str, ...]
    count: int
    first: int = 0

    def index(self, position: int) -> int:
        """The number of the scene at a position of this range, from 0.

        Raises:
            IndexError: the range ends before.
        """
        if not 0 <= position < self.count:
            raise IndexError(f"position {position} is outside of the {self.count} scenes of seed {self.seed}")
        return self.first + position

    def overlaps(self, other: SceneRange) -> bool:
        """Whether any scene is in both."""
        shares_numbers = max(self.first, other.first) < min(self.first + self.count, other.first + other.count)
        return self.seed == other.seed and bool(set(self.domains) & set(other.domains)) and shares_numbers


NANO_TRAINING = SceneRange(seed=101, domains=("labelled", "unlabelled"), count=1_000_000)
NANO_CHECK = SceneRange(seed=102, domains=("labelled", "unlabelled"), count=1_000)
TOY_TRAINING = SceneRange(seed=201, domains=("labelled", "unlabelled"), count=1_000_000)
TOY_EVALUATION = SceneRange(seed=202, domains=("labelled", "unlabelled"), count=1_000)
ABLATION_TRAINING = SceneRange(seed=301, domains=("labelled", "unlabelled"), count=1_000_000)
ABLATION_EVALUATION = SceneRange(seed=302, domains=("unlabelled", "held-out"), count=1_000)

PURPOSES = {
    "nano: training": NANO_TRAINING,
    "nano: check of what it learned": NANO_CHECK,
    "toy: training": TOY_TRAINING,
    "toy: evaluation": TOY_EVALUATION,
    "ablation: training": ABLATION_TRAINING,
    "ablation: evaluation": ABLATION_EVALUATION,
}
