"""Settings of a training stream: what is mixed, how batches are made up, and who reads which part."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.mixture import Mixture


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """What decides the batches of a stream, and how they are read.

    Attributes:
        labelled, unlabelled: corpora of either side; None where there is none. Unlabelled are pictures alone, or those
            that a teacher has labelled, and not both in one stream.
        num_labelled, num_unlabelled: samples of either side in every batch of one rank; the paper has 1:2.
        seed: of the order and of every sample's own randomness.
        rank, world_size: this process among those that train together; each reads its own part.
        num_workers: processes that read for this rank; 0 reads in the training process itself.
        passes: passes over the unlabelled side, or over the labelled one if there is no other; None has no end.
        blocks_per_window: blocks whose rows are mixed, and that each worker holds open at once.
        max_failed_share: share of a corpus' draws that may fail before the run stops.
        min_draws_to_judge: draws of a corpus by one worker before its share of failures counts.
        prefetch_batches: batches that each worker prepares ahead.
        pin_memory: whether batches come in memory that a GPU copies faster from.
        start_method: of the workers: fork, spawn or forkserver; None is the platform's own.

    Raises:
        ValueError: a setting out of its range, or two that contradict each other.
        CorpusError: a corpus on the wrong side, twice, or with fewer samples than there are workers.
    """

    labelled: Mixture | None = None
    unlabelled: Mixture | None = None
    num_labelled: int = 0
    num_unlabelled: int = 0
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    num_workers: int = 0
    passes: int | None = None
    blocks_per_window: int = 8
    max_failed_share: float = 0.05
    min_draws_to_judge: int = 256
    prefetch_batches: int = 2
    pin_memory: bool = False
    start_method: str | None = None

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_sides()
        self._check_passes()

    @property
    def num_readers(self) -> int:
        """Consumers of this rank: its workers, or itself."""
        return max(1, self.num_workers)

    @property
    def num_consumers(self) -> int:
        """Consumers of all ranks."""
        return self.world_size * self.num_readers

    @property
    def sides(self) -> tuple[tuple[Mixture, int], ...]:
        """The mixtures in use, each with its samples in a batch; labelled first."""
        both = ((self.labelled, self.num_labelled), (self.unlabelled, self.num_unlabelled))
        return tuple((mixture, count) for mixture, count in both if mixture is not None)

    @property
    def counted_rows(self) -> int:
        """Rows in one pass of the side that passes are counted on."""
        mixture, _ = self.sides[-1]
        return sum(int(source.rows_per_block.sum()) for source in mixture.sources)

    @property
    def batches_per_consumer(self) -> int | None:
        """Batches of each worker until the stream ends, the same for all; None without end."""
        if self.passes is None:
            return None
        return self.passes * (self.counted_rows // self.num_consumers) // self.sides[-1][1]

    @property
    def fingerprint(self) -> dict[str, object]:
        """What must be equal for a saved state to mean the same batches; plain values by what people call them."""
        values: dict[str, object] = {
            "seed": self.seed,
            "world_size": self.world_size,
            "num_workers": self.num_readers,
            "num_labelled": self.num_labelled,
            "num_unlabelled": self.num_unlabelled,
            "blocks_per_window": self.blocks_per_window,
        }
        for side, mixture in (("labelled", self.labelled), ("unlabelled", self.unlabelled)):
            sources = () if mixture is None else tuple(mixture.sources)
            values[f"{side} corpora"] = [source.corpus for source in sources]
            is_weighted = mixture is not None and mixture.weights is not None
            values[f"{side} weights"] = list(mixture.draws_of_groups) if mixture and is_weighted else None
            for source in sources:
                values[f"samples of {source.corpus}"] = int(source.rows_per_block.sum())
                blocks = source.rows_per_block.astype("<i8").tobytes()
                values[f"block sizes of {source.corpus} (checksum)"] = zlib.crc32(blocks)
        return values

    def check_fingerprint(self, saved: Mapping[str, object]) -> None:
        """Refuse the state of another stream.

        Raises:
            ValueError: naming the first setting that differs.
        """
        own = self.fingerprint
        for name in [*own, *(name for name in saved if name not in own)]:
            if saved.get(name) != own.get(name):
                raise ValueError(
                    f"the state was saved with {name} {saved.get(name)}, this stream has {own.get(name)}; an exact "
                    f"resume needs the same {name}. Set it back, or start the stream anew without the state"
                )

    def _check_numbers(self) -> None:
        smallest = {"num_labelled": 0, "num_unlabelled": 0, "seed": 0, "rank": 0, "world_size": 1, "num_workers": 0}
        smallest |= {"blocks_per_window": 1, "min_draws_to_judge": 1, "prefetch_batches": 1}
        for name, least in smallest.items():
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name} is {value}, must be a whole number of {least} or more")
        if self.rank >= self.world_size:
            raise ValueError(f"rank is {self.rank}, must be below world_size, which is {self.world_size}")
        if not 0 <= self.max_failed_share <= 1:
            raise ValueError(f"max_failed_share is {self.max_failed_share}, must lie in 0..1, such as 0.05")
        if self.start_method not in (None, "fork", "spawn", "forkserver"):
            raise ValueError(f"start_method is {self.start_method!r}, must be fork, spawn, forkserver or None")

    def _check_sides(self) -> None:
        for side, mixture in (("labelled", self.labelled), ("unlabelled", self.unlabelled)):
            count = getattr(self, f"num_{side}")
            if (mixture is None) != (count == 0):
                what = "no corpora" if mixture is None else "corpora"
                raise ValueError(f"num_{side} is {count} and {side} has {what}; give both, or neither")
        if not self.sides:
            raise ValueError("a stream needs corpora: set labelled and num_labelled, unlabelled and num_unlabelled")
        names: set[str] = set()
        for mixture, _ in self.sides:
            for source in mixture.sources:
                if source.corpus in names:
                    raise CorpusError(f"two sources have the name {source.corpus}; give one of them another")
                names.add(source.corpus)
                if source.kind.is_unlabelled != (mixture is self.unlabelled):
                    has = {LabelKind.NONE: "no labels", LabelKind.PSEUDO_LABEL: "pseudo labels"}
                    belongs = "unlabelled" if source.kind.is_unlabelled else "labelled"
                    raise CorpusError(
                        f"corpus {source.corpus} has {has.get(source.kind, 'labels')}; give it as {belongs}"
                    )
            self._check_one_kind(mixture)
            for group in mixture.groups:
                num_rows = sum(int(source.rows_per_block.sum()) for source in group)
                if num_rows < self.num_consumers:
                    raise CorpusError(
                        f"{', '.join(source.corpus for source in group)}: {num_rows} samples are fewer than the "
                        f"{self.num_consumers} workers of all ranks; use fewer workers, or mix by size"
                    )

    def _check_one_kind(self, mixture: Mixture) -> None:
        with_labels = [source.corpus for source in mixture.sources if source.kind is LabelKind.PSEUDO_LABEL]
        without = [source.corpus for source in mixture.sources if source.kind is LabelKind.NONE]
        if with_labels and without:
            raise CorpusError(
                f"{', '.join(with_labels)} has pseudo labels and {', '.join(without)} has none, so no batch can have "
                "both; label the latter too (label_corpus), or stream the former without its labels from its source"
            )

    def _check_passes(self) -> None:
        if self.passes is None:
            return
        if not isinstance(self.passes, int) or self.passes < 1:
            raise ValueError(f"passes is {self.passes}, must be 1 or more, or None for a stream without end")
        mixture, count = self.sides[-1]
        if mixture.weights is not None:
            raise ValueError(
                f"passes is {self.passes}, and the side that passes are counted on has weights, which repeat small "
                "corpora; leave its weights out, or set passes to None"
            )
        if not self.batches_per_consumer:
            raise ValueError(
                f"{self.counted_rows} samples give not one batch of {count} to each of {self.num_consumers} workers "
                f"in {self.passes} passes; use fewer workers or smaller batches"
            )
