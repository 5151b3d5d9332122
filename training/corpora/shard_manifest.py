"""What is written about shards: a record for each, and the manifest of the whole."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.corpus_spec import DescribedCorpus
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind, Reason
from depth_anything.training.corpora.shard_rows import ROWS_PER_GROUP, Quantity

MANIFEST_NAME = "manifest.json"
MANIFEST_FORMAT = "depth-anything shards 1"


class Skipped(NamedTuple):
    """A sample that is in no shard."""

    key: str
    reason: str  # a value of `Reason`
    detail: str

    @property
    def is_failure(self) -> bool:
        """False for the holes that the data set documents."""
        return not Reason(self.reason).is_documented


@dataclass(frozen=True, kw_only=True)
class ShardRecord:
    """One shard.

    Attributes:
        name: of the file.
        num_items: samples that the corpus lists for it.
        num_rows: those that are in it; with none there is no file.
        num_bytes, sha256: of the file; 0 and "" if there is none.
        keys_sha256: of the listed keys, to know them again.
        skipped: the samples that are not in it.
    """

    name: str
    num_items: int
    num_rows: int
    num_bytes: int
    sha256: str
    keys_sha256: str
    skipped: tuple[Skipped, ...]

    @property
    def num_failures(self) -> int:
        """Skipped samples that are no documented hole."""
        return sum(skipped.is_failure for skipped in self.skipped)

    def to_json(self) -> str:
        """The record as a file."""
        return json_text(asdict(self))

    @staticmethod
    def from_json(text: str) -> ShardRecord:
        """The record of a file."""
        fields = json.loads(text)
        return ShardRecord(**{**fields, "skipped": tuple(Skipped(*skipped) for skipped in fields["skipped"])})


@dataclass(frozen=True, kw_only=True)
class ShardEntry:
    """A shard that has rows, as the manifest lists it."""

    name: str
    num_rows: int
    num_bytes: int
    sha256: str

    @property
    def rows_per_group(self) -> list[int]:
        """Rows of each row group: all are full but the last."""
        num_full, rest = divmod(self.num_rows, ROWS_PER_GROUP)
        return [ROWS_PER_GROUP] * num_full + [rest] * (rest > 0)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A corpus in shards.

    Attributes:
        corpus, title, use, terms, source: as in `CorpusSpec`.
        kind: of its labels.
        quantity: that the labels are stored in; None without labels.
        shards: those with rows, in the order of the corpus.
        skipped: samples that are in no shard.
        teacher: who made pseudo labels, and how, as every row says it too; None for other labels.
    """

    corpus: str
    title: str
    use: str
    terms: str
    source: str
    kind: LabelKind
    quantity: Quantity | None
    shards: tuple[ShardEntry, ...]
    skipped: tuple[Skipped, ...]
    teacher: Mapping[str, Any] | None = None

    @property
    def num_samples(self) -> int:
        """Samples in all shards."""
        return sum(shard.num_rows for shard in self.shards)

    @property
    def num_bytes(self) -> int:
        """Bytes of all shards."""
        return sum(shard.num_bytes for shard in self.shards)

    @property
    def num_skipped_by_reason(self) -> dict[str, int]:
        """How many samples were skipped for each reason, the most frequent first."""
        return dict(Counter(skipped.reason for skipped in self.skipped).most_common())

    def summary(self) -> str:
        """The totals in one line."""
        skipped = ", ".join(f"{count} {reason}" for reason, count in self.num_skipped_by_reason.items())
        shards = "1 shard" if len(self.shards) == 1 else f"{len(self.shards)} shards"
        samples = "1 sample" if self.num_samples == 1 else f"{self.num_samples} samples"
        text = f"{samples} in {shards}, {self.num_bytes / 1e6:,.1f} MB"
        return f"{text}; {len(self.skipped)} skipped ({skipped})" if skipped else text

    def rows_per_block(self) -> NDArray[np.int64]:
        """Rows of every row group, shard after shard; int64, (num_blocks,)."""
        return np.array([rows for shard in self.shards for rows in shard.rows_per_group], np.int64)

    def to_json(self) -> str:
        """The manifest as a file; equal for equal shards."""
        totals = {
            "num_samples": self.num_samples,
            "num_bytes": self.num_bytes,
            "num_skipped": len(self.skipped),
            "num_skipped_by_reason": self.num_skipped_by_reason,
        }
        head = {"format": MANIFEST_FORMAT, "rows_per_group": ROWS_PER_GROUP, **totals}
        fields = asdict(self)
        teacher = fields.pop("teacher")
        return json_text({**head, **({"teacher": teacher} if teacher else {}), **fields})

    @staticmethod
    def from_json(text: str, where: str) -> Manifest:
        """The manifest of a file.

        Args:
            text: of the file.
            where: it lies, for errors.

        Raises:
            CorpusError: it is no manifest, or one of another version.
        """
        try:
            stored = json.loads(text)
            if (stored["format"], stored["rows_per_group"]) != (MANIFEST_FORMAT, ROWS_PER_GROUP):
                raise CorpusError(
                    f"{where} has the format {stored['format']!r} with row groups of {stored['rows_per_group']}; "
                    f"this version reads {MANIFEST_FORMAT!r} with {ROWS_PER_GROUP}. Build the shards anew"
                )
            return Manifest(
                **{name: stored[name] for name in ("corpus", "title", "use", "terms", "source")},
                kind=LabelKind(stored["kind"]),
                quantity=None if stored["quantity"] is None else Quantity(stored["quantity"]),
                shards=tuple(ShardEntry(**entry) for entry in stored["shards"]),
                skipped=tuple(Skipped(*skipped) for skipped in stored["skipped"]),
                teacher=stored.get("teacher"),
            )
        except CorpusError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(f"{where} is no manifest of shards ({error!r}); build the corpus again") from error


def manifest_of(
    spec: DescribedCorpus,
    kind: LabelKind,
    quantity: Quantity | None,
    records: Iterable[ShardRecord],
    teacher: Mapping[str, Any] | None = None,
) -> Manifest:
    """The manifest of shards that are all there, from their records in order."""
    records = list(records)
    return Manifest(
        corpus=spec.name,
        title=spec.title,
        use=spec.use,
        terms=spec.terms,
        source=spec.source,
        kind=kind,
        quantity=quantity,
        shards=tuple(
            ShardEntry(name=record.name, num_rows=record.num_rows, num_bytes=record.num_bytes, sha256=record.sha256)
            for record in records
            if record.num_rows
        ),
        skipped=tuple(skipped for record in records for skipped in record.skipped),
        teacher=teacher,
    )


def keys_digest(keys: Iterable[str]) -> str:
    """SHA-256 of the keys in their order."""
    digest = hashlib.sha256()
    for key in keys:
        digest.update(key.encode() + b"\n")
    return digest.hexdigest()


def json_text(fields: Mapping[str, Any]) -> str:
    """The fields as JSON that people can read: one line for each field, and for each entry of a list."""
    lines = []
    for name, value in fields.items():
        if isinstance(value, list | tuple) and value:
            entries = ",\n  ".join(json.dumps(entry, ensure_ascii=False) for entry in value)
            lines.append(f" {json.dumps(name)}: [\n  {entries}\n ]")
        else:
            lines.append(f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
