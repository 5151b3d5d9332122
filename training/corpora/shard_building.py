"""A corpus turned into shards: finished ones kept, the others made, side by side, and in the end the manifest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from depth_anything.training.corpora.corpus_spec import CorpusSpec
from depth_anything.training.corpora.reader import CorpusError, Item, Reader
from depth_anything.training.corpora.shard_card import CARD_NAME, dataset_card
from depth_anything.training.corpora.shard_failures import require_few_failures
from depth_anything.training.corpora.shard_manifest import (
    MANIFEST_NAME,
    Manifest,
    ShardRecord,
    keys_digest,
    manifest_of,
)
from depth_anything.training.corpora.shard_plan import PLAN_NAME, BuildPlan, BuildRequest, make_plan, resumed_plan
from depth_anything.training.corpora.shard_stores import ShardStore
from depth_anything.training.corpora.shard_workers import ShardWorkers
from depth_anything.training.corpora.shard_writing import write_shard

MIN_JUDGED = 1000  # samples, before a share of failures says anything about the corpus


def build_shards(
    spec: CorpusSpec,
    reader: Reader,
    request: BuildRequest,
    store: ShardStore,
    *,
    num_workers: int = 1,
    max_failures: float = 0.05,
    has_progress_bar: bool = False,
) -> Manifest:
    """Builds what is missing of a corpus' shards, and returns the manifest, which is in the store then.

    Args:
        spec: of the corpus.
        reader: of the corpus, as the request says.
        request: what to build.
        store: where to put it.
        num_workers: processes; with 1 everything is done in this one.
        max_failures: share of the samples that may be skipped without being a documented hole of the data set.
        has_progress_bar: show one if this is a terminal.

    Raises:
        CorpusError: the corpus is empty, cannot be listed, has changed, or the store holds another build.
        CommandFailedError: too many samples failed, a worker died, or the store refuses.
        MissingLibraryError: a format needs a library that is not installed.
    """
    begun = store.read(PLAN_NAME)
    if begun is None:
        plan = make_plan(reader, request)
        store.put_texts({PLAN_NAME: plan.to_json(store.is_public)})
    else:
        plan = resumed_plan(begun, request, store.is_public, store.where)
    finished = store.records()
    bar = tqdm(total=plan.num_items, unit=" samples", desc=spec.name, disable=None if has_progress_bar else True)
    build = _Build(reader, plan, store, finished, max_failures, bar)
    with bar, ShardWorkers(reader, request.row_settings, num_workers) as workers:
        build.run(workers)
    records = [build.records[name] for name in sorted(build.records, key=lambda name: (len(name), name))]
    manifest = manifest_of(spec, reader.kind, request.quantity, records)
    texts = {MANIFEST_NAME: manifest.to_json(), CARD_NAME: dataset_card(manifest)}
    if any(store.read(name) != text for name, text in texts.items()):
        store.put_texts(texts)
    return manifest


class _Build:
    """One run of a build.

    Attributes:
        records: of the shards that are there.
    """

    def __init__(
        self,
        reader: Reader,
        plan: BuildPlan,
        store: ShardStore,
        finished: dict[str, ShardRecord],
        max_failures: float,
        bar: tqdm[None],
    ) -> None:
        self.records: dict[str, ShardRecord] = {}
        self._reader = reader
        self._plan = plan
        self._store = store
        self._finished = finished
        self._max_failures = max_failures
        self._bar = bar
        self._num_judged = 0  # samples
        self._num_done_here = 0  # samples that no worker did in this run

    def run(self, workers: ShardWorkers) -> None:
        """Makes every shard that is not finished."""
        settings = self._plan.request.row_settings
        for number, (first, items) in enumerate(self._runs()):
            name = f"train-{number:05d}.parquet"
            path = self._store.partial_path(name)
            if name in self._finished:
                self._keep(self._finished[name], items)
            elif workers.num_workers == 1 or first.is_sequential:
                # Taken one by one: an item of a stream is cheap to load only right after it was listed.
                self._commit(path, write_shard(self._reader, items, path, name, settings, self._advance))
            else:
                while workers.is_full:
                    self._collect(workers)
                workers.submit(list(items), path, name)
        while not workers.is_idle:
            self._collect(workers)
        if left_over := sorted(set(self._finished) - set(self.records)):
            raise self._changed(f"it no longer reaches {left_over[0]}")
        self._require_few_failures([])

    def _runs(self) -> Iterator[tuple[Item, Iterator[Item]]]:
        """Shard after shard its first item, and all of its items, to be taken before the next run is."""
        items = itertools.islice(self._reader.items(), self._plan.request.limit)
        for first in items:
            yield first, itertools.chain([first], itertools.islice(items, self._plan.items_per_shard - 1))

    def _keep(self, record: ShardRecord, items: Iterator[Item]) -> None:
        if keys_digest(item.key for item in items) != record.keys_sha256:
            raise self._changed(f"{record.name} was made from other files")
        self._count(record)
        self.records[record.name] = record
        self._num_done_here += record.num_items
        self._bar.update(record.num_items)

    def _collect(self, workers: ShardWorkers) -> None:
        for written in workers.finished():
            self._commit(written.path, written.record)
        self._bar.update(self._num_done_here + workers.num_done - self._bar.n)

    def _commit(self, path: Path, record: ShardRecord) -> None:
        try:
            self._count(record)
            if self._num_judged >= MIN_JUDGED:
                self._require_few_failures([record])
            self._store.put_shard(path, record)
            self.records[record.name] = record
        finally:
            path.unlink(missing_ok=True)

    def _count(self, record: ShardRecord) -> None:
        self._num_judged += record.num_items

    def _require_few_failures(self, newest: list[ShardRecord]) -> None:
        require_few_failures(
            self._reader.corpus, list(self.records.values()), newest, self._max_failures, self._store.remove
        )

    def _changed(self, how: str) -> CorpusError:
        return CorpusError(
            f"corpus {self._reader.corpus} has changed since {self._store.where} was begun: {how}; "
            "build into an empty place"
        )

    def _advance(self) -> None:
        self._num_done_here += 1
        self._bar.update()
