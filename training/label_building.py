"""A corpus' pseudo labels in shards: finished ones kept, the others shared out, and in the end the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.corpora.shard_building import MIN_JUDGED
from depth_anything.training.corpora.shard_card import CARD_NAME, dataset_card
from depth_anything.training.corpora.shard_failures import require_few_failures
from depth_anything.training.corpora.shard_manifest import MANIFEST_NAME, Manifest, ShardRecord, manifest_of
from depth_anything.training.corpora.shard_plan import PLAN_NAME
from depth_anything.training.corpora.shard_rows import Quantity, shard_schema
from depth_anything.training.corpora.shard_stores import ShardStore
from depth_anything.training.corpora.shard_writing import write_rows
from depth_anything.training.evaluation.processes import Processes
from depth_anything.training.label_pipeline import KeyedRow, LabelPipeline
from depth_anything.training.label_plan import LabelPlan, LabelRequest, Span, make_label_plan, resumed_label_plan
from depth_anything.training.label_source import LabelSource
from depth_anything.training.pseudo_labels import Teacher


class LabelBuilding:
    """One run of labelling, as every process has it.

    Args:
        source: what to label.
        request: what was asked for.
        processes: who shares the work.
        max_failures: share of the samples that may be skipped.
    """

    def __init__(self, source: LabelSource, request: LabelRequest, processes: Processes, max_failures: float) -> None:
        self._source = source
        self._request = request
        self._processes = processes
        self._max_failures = max_failures

    def begin(self, store: ShardStore) -> tuple[LabelPlan, dict[str, ShardRecord]]:
        """The plan, and the records of the shards that are there; called by the main process alone.

        Raises:
            CorpusError: the store holds other labels, such as those of another teacher.
        """
        begun = store.read(PLAN_NAME)
        if begun is not None:
            plan = resumed_label_plan(begun, self._request, store.is_public, store.where)
            return plan, store.records()
        plan = make_label_plan(self._source, self._request)
        store.put_texts({PLAN_NAME: plan.to_json(self._request, store.is_public)})
        return plan, {}

    def label_missing(
        self, store: ShardStore, teacher: Teacher, missing: list[Span], num_threads: int
    ) -> list[ShardRecord]:
        """Labels this process' part of the missing shards, and returns their records.

        Args:
            store: where to put them.
            teacher: who labels.
            missing: of all processes; of n processes each takes every n-th.
            num_threads: that decode, resize and encode.

        Raises:
            CommandFailedError: too many samples failed, or source or store cannot be used.
        """
        own = missing[self._processes.rank :: self._processes.world_size]
        records: list[ShardRecord] = []
        schema = shard_schema(LabelKind.PSEUDO_LABEL)
        description = self._source.name + (
            f", 1 of {self._processes.world_size} processes" if self._processes.world_size > 1 else ""
        )
        bar = tqdm(
            total=sum(span.num_rows for span in own),
            unit=" images",
            desc=description,
            disable=None if self._processes.is_main else True,
        )

        def write(span: Span, rows: Iterator[KeyedRow]) -> None:
            path = store.partial_path(span.name)
            record = write_rows(rows, path, span.name, schema, bar.update)
            self._commit(store, path, record, records)

        with bar:
            LabelPipeline(self._source, teacher, self._request.maker, num_threads).run(own, write)
        return records

    def finish(self, store: ShardStore, records: dict[str, ShardRecord]) -> Manifest:
        """The manifest of all shards, which is in the store then; called by the main process alone.

        Raises:
            CommandFailedError: too many samples failed.
        """
        in_order = [records[name] for name in sorted(records, key=lambda name: (len(name), name))]
        require_few_failures(self._source.name, in_order, [], self._max_failures, store.remove)
        manifest = manifest_of(
            self._source, LabelKind.PSEUDO_LABEL, Quantity.DISPARITY, in_order, self._request.maker.record()
        )
        texts = {MANIFEST_NAME: manifest.to_json(), CARD_NAME: dataset_card(manifest)}
        if any(store.read(name) != text for name, text in texts.items()):
            store.put_texts(texts)
        return manifest

    def _commit(self, store: ShardStore, path: Path, record: ShardRecord, records: list[ShardRecord]) -> None:
        try:
            if sum(one.num_items for one in [*records, record]) >= MIN_JUDGED:
                require_few_failures(self._source.name, records, [record], self._max_failures, store.remove)
            store.put_shard(path, record)
            records.append(record)
        finally:
            path.unlink(missing_ok=True)
