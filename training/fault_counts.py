"""How many draws of each corpus failed and why, and when that is too many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import Reason

# Draws after which the older ones begin to count half: a disk that goes missing after a million good draws must show.
JUDGED_DRAWS = 8192


@dataclass
class CorpusFaults:
    """Counts of one corpus.

    Attributes:
        num_draws: rows that were tried.
        num_failed: those that gave no sample, by the value of their `Reason`.
        recent_draws, recent_failures: what a worker is judged by. Holes that sound downloads have too are no failures
            here, and older draws count less.
    """

    num_draws: int = 0
    num_failed: dict[str, int] = field(default_factory=dict)
    recent_draws: int = 0
    recent_failures: int = 0

    def count_draw(self) -> None:
        """Count one more."""
        self.num_draws += 1
        if self.recent_draws == JUDGED_DRAWS:
            self.recent_draws //= 2
            self.recent_failures //= 2
        self.recent_draws += 1

    def count_failure(self, reason: Reason) -> None:
        """Count the last draw as failed."""
        self.num_failed[reason.value] = self.num_failed.get(reason.value, 0) + 1
        self.recent_failures += not reason.is_documented

    def check(self, corpus: str, max_share: float, min_draws: int) -> None:
        """Stop a run whose corpus is broken.

        Args:
            corpus: its name.
            max_share: failures that are still acceptable, among the recent draws.
            min_draws: draws before which nothing is judged.

        Raises:
            CorpusError: too many draws failed.
        """
        share = self.recent_failures / max(1, self.recent_draws)
        if self.recent_draws < min_draws or share <= max_share:
            return
        failures = {reason: n for reason, n in self.num_failed.items() if not Reason(reason).is_documented}
        reason = max(failures, key=lambda reason: failures[reason])
        raise CorpusError(
            f"corpus {corpus}: {share:.1%} of its last {self.recent_draws} draws by one worker failed, and "
            f"max_failed_share allows {max_share:.1%}; the commonest reason is {reason}, {failures[reason]} times. "
            "Mend the corpus, leave it out, or raise max_failed_share"
        )


class FaultsState(TypedDict):
    """The counts of one corpus as plain values."""

    num_draws: int
    num_failed: dict[str, int]
    recent_draws: int
    recent_failures: int


def faults_to_state(faults: Mapping[str, CorpusFaults]) -> dict[str, FaultsState]:
    """The counts as plain values, copied."""
    return {
        name: {
            "num_draws": counts.num_draws,
            "num_failed": dict(counts.num_failed),
            "recent_draws": counts.recent_draws,
            "recent_failures": counts.recent_failures,
        }
        for name, counts in faults.items()
    }


def faults_from_state(state: Mapping[str, FaultsState]) -> dict[str, CorpusFaults]:
    """The counts that `faults_to_state` gave, copied."""
    faults = {name: CorpusFaults(**counts) for name, counts in state.items()}
    for counts in faults.values():
        counts.num_failed = dict(counts.num_failed)
    return faults


def total_faults(workers: Iterable[Mapping[str, CorpusFaults]]) -> dict[str, CorpusFaults]:
    """The counts of all workers together; each is judged by itself, so nothing is recent here."""
    total: dict[str, CorpusFaults] = {}
    for worker in workers:
        for name, counts in worker.items():
            into = total.setdefault(name, CorpusFaults())
            into.num_draws += counts.num_draws
            for reason, num_failed in counts.num_failed.items():
                into.num_failed[reason] = into.num_failed.get(reason, 0) + num_failed
    return total
