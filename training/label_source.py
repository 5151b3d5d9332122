"""What a teacher labels: any unlabelled corpus, from its reader or in shards, as numbered rows that never change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from depth_anything.command_errors import CommandFailedError, UsageError
from depth_anything.training.corpora.blocks import BlockSource, RawBlocks
from depth_anything.training.corpora.corpus_spec import CorpusSpec
from depth_anything.training.corpora.reader import Reader
from depth_anything.training.corpora.sample import LabelKind, RawSample, Reason, Sample, SampleError
from depth_anything.training.corpora.shard_blocks import ParquetBlocks
from depth_anything.training.corpora.shard_manifest import keys_digest
from depth_anything.training.corpora.shard_writing import without_folders


class FoundRow(NamedTuple):
    """A row of a source: its key, and the sample or why there is none."""

    key: str
    sample: RawSample | SampleError


@dataclass(frozen=True, kw_only=True)
class LabelSource:
    """A corpus to be labelled.

    Attributes:
        blocks: where its samples come from.
        name, title, use, terms, source: for the manifest of its labels, as in `CorpusSpec`.
        place: where it lies and how it is read, which may name folders of this machine.
        contents_sha256: of what it lists: another one is another corpus.
        limit: the first so many samples only; None takes all.
    """

    blocks: BlockSource
    name: str
    title: str
    terms: str
    source: str
    place: Mapping[str, Any]
    contents_sha256: str
    limit: int | None
    use: str = "pseudo labels"

    @property
    def num_rows(self) -> int:
        """Samples to be labelled."""
        total = int(self.blocks.rows_per_block.sum())
        return total if self.limit is None else min(total, self.limit)

    def read(self, first: int, end: int) -> Iterator[FoundRow]:
        """The rows from `first` up to `end`, block after block.

        Raises:
            CommandFailedError: a shard cannot be read, which is no fault of a sample.
        """
        starts = np.cumsum([0, *self.blocks.rows_per_block])
        while first < end:
            block = int(np.searchsorted(starts, first, side="right")) - 1
            start, stop = int(starts[block]), min(int(starts[block + 1]), end)
            rows = range(first - start, stop - start)
            for row, found in zip(rows, self.blocks.read_block(block, rows), strict=True):
                yield self._found(start + row, found)
            first = stop

    def _found(self, number: int, found: RawSample | Sample | SampleError) -> FoundRow:
        assert not isinstance(found, Sample)  # readers and shards give pictures as files
        if isinstance(found, RawSample):
            return FoundRow(found.key, found)
        if isinstance(self.blocks, RawBlocks):
            detail = without_folders(found.detail, self.blocks.reader)
            return FoundRow(self.blocks.items[number].key, SampleError(found.reason, detail))
        if found.reason is Reason.UNREADABLE_FILE:
            raise CommandFailedError(f"{found.detail}; the same command goes on from the finished shards")
        return FoundRow(f"row {number}", found)


def raw_source(spec: CorpusSpec, reader: Reader, options: Mapping[str, Any], limit: int | None) -> LabelSource:
    """A corpus as it was downloaded, or rendered; it is listed here.

    Raises:
        CorpusError: the reader finds nothing.
        UsageError: the corpus has labels.
    """
    _require_no_labels(spec.name, reader.kind)
    blocks = RawBlocks(reader, limit=limit)
    root = reader.root.absolute() if reader.root.exists() else reader.root
    return LabelSource(
        blocks=blocks,
        name=spec.name,
        title=spec.title,
        terms=spec.terms,
        source=spec.source,
        place={"root": str(root), "options": dict(options)},
        contents_sha256=keys_digest(item.key for item in blocks.items),
        limit=limit,
    )


def shard_source(location: str, limit: int | None) -> LabelSource:
    """A corpus that `build_corpus` made.

    Raises:
        CorpusError: there is no manifest, or one that cannot be read.
        UsageError: the corpus has labels.
    """
    blocks = ParquetBlocks(location)
    _require_no_labels(blocks.corpus, blocks.kind)
    manifest = blocks.manifest
    return LabelSource(
        blocks=blocks,
        name=blocks.corpus,
        title=manifest.title,
        terms=manifest.terms,
        source=manifest.source,
        place={"shards": location},
        contents_sha256=keys_digest(shard.sha256 for shard in manifest.shards),
        limit=limit,
    )


def _require_no_labels(corpus: str, kind: LabelKind) -> None:
    if kind is LabelKind.PSEUDO_LABEL:
        raise UsageError(f"corpus {corpus} was labelled by a teacher already; give the corpus that it was made from")
    if kind is not LabelKind.NONE:
        raise UsageError(f"corpus {corpus} has labels of kind {kind.value}; pseudo labels are for unlabelled corpora")
