"""Rows of a source through a teacher into shards, with everything but the networks done beside them.

    one thread      reads encoded pictures, in order
    many threads    decode and resize them; later, encode the maps
    this thread     runs the networks on groups of equal size
    one thread      writes the rows of each shard, in order

Which images run together follows from their order alone, so that any number of threads or processes gives the same.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from depth_anything.output_records import printable
from depth_anything.training.augmentation import TrainingTransform, TransformSettings
from depth_anything.training.corpora.sample import TOP_CONFIDENCE, LabelKind, RawSample, Reason, SampleError
from depth_anything.training.corpora.sample_decoding import decode_picture
from depth_anything.training.corpora.shard_manifest import Skipped
from depth_anything.training.corpora.shard_rows import Row, encode_pseudo_row
from depth_anything.training.label_maker import LabelMaker
from depth_anything.training.label_plan import Span
from depth_anything.training.label_source import FoundRow, LabelSource
from depth_anything.training.pseudo_labels import PseudoLabel, Teacher
from depth_anything.training.read_ahead import read_ahead

# Rows that an image waits for others of its size, which bounds the memory; a whole number of full batches.
MAX_ROWS_WAITED = 256
MAX_SHARDS_AT_ONCE = 2  # one being written while the next is labelled

KeyedRow: TypeAlias = tuple[str, Row | Skipped]
WriteSpan: TypeAlias = Callable[[Span, Iterator[KeyedRow]], None]


class _Stopped(Exception):  # noqa: N818 # no error: the labelling has ended before this row was made
    pass


class _Prepared(NamedTuple):
    """A picture on its way."""

    key: str
    image_bytes: bytes
    pixels: Tensor  # (3, h, w)


class _Waiting(NamedTuple):
    """A picture that waits for others of its size, and where its row goes."""

    number: int  # in its shard
    prepared: _Prepared
    slot: Future[KeyedRow]


class LabelPipeline:
    """Labels spans of a source.

    Args:
        source: the corpus.
        teacher: on its device.
        maker: what its labels say of it.
        num_threads: that decode, resize and encode.
    """

    def __init__(self, source: LabelSource, teacher: Teacher, maker: LabelMaker, num_threads: int) -> None:
        self._source = source
        self._teacher = teacher
        self._maker_text = maker.to_text()
        self._transform = TrainingTransform(TransformSettings(crop_size=maker.short_side))
        self._num_threads = num_threads
        self._num_ahead = 2 * (num_threads + teacher.max_batch)  # pictures
        self._open_slots: set[Future[KeyedRow]] = set()
        self._encoding: deque[Future[None]] = deque()
        self._writing: deque[Future[None]] = deque()

    def run(self, spans: Sequence[Span], write: WriteSpan) -> None:
        """Labels the spans, one after the other.

        Args:
            spans: what to label.
            write: called in a thread of its own for each span, in order, with the rows in order; what it raises ends
                the labelling. Rows that are never made raise when they are taken.

        Raises:
            CommandFailedError: the source cannot be read.
            Exception: what the networks or `write` raised.
        """
        num_torch_threads = torch.get_num_threads()
        with (
            ThreadPoolExecutor(self._num_threads, "labels", torch.set_num_threads, (1,)) as pool,
            ThreadPoolExecutor(1, "shards") as writer,
            contextlib.closing(self._prepared(spans, pool)) as prepared,
        ):
            try:
                for span in spans:
                    while len(self._writing) >= MAX_SHARDS_AT_ONCE:
                        self._writing.popleft().result()
                    slots: list[Future[KeyedRow]] = [Future() for _ in range(span.num_rows)]
                    self._open_slots.update(slots)
                    self._writing.append(writer.submit(write, span, self._in_order(slots)))
                    self._label_span(prepared, slots, pool)
                while self._writing:
                    self._writing.popleft().result()
            except BaseException:  # an interrupt too
                for future in self._encoding:
                    future.cancel()
                for slot in self._open_slots.copy():
                    with contextlib.suppress(Exception):  # made in this very moment
                        slot.set_exception(_Stopped())
                raise
            finally:
                torch.set_num_threads(num_torch_threads)

    def _in_order(self, slots: list[Future[KeyedRow]]) -> Iterator[KeyedRow]:
        """The rows, each forgotten when it was taken."""
        waiting = deque(slots)
        while waiting:
            slot = waiting.popleft()
            yield slot.result()
            self._open_slots.discard(slot)

    def _read(self, spans: Sequence[Span]) -> Iterator[FoundRow]:
        for span in spans:
            yield from self._source.read(span.first, span.end)

    def _prepared(self, spans: Sequence[Span], pool: ThreadPoolExecutor) -> Generator[_Prepared | Skipped, None, None]:
        """The rows of all spans in order, decoded and resized."""
        futures: deque[Future[_Prepared | Skipped]] = deque()
        with contextlib.closing(read_ahead(self._read(spans), self._num_ahead)) as found_rows:
            for found in found_rows:
                futures.append(pool.submit(self._prepare, found))
                if len(futures) >= self._num_ahead:
                    yield futures.popleft().result()
            while futures:
                yield futures.popleft().result()

    def _prepare(self, found: FoundRow) -> _Prepared | Skipped:
        sample = found.sample
        try:
            if isinstance(sample, SampleError):
                raise sample
            pixels = self._transform.whole_view(decode_picture(sample))
        except SampleError as error:
            return Skipped(found.key, error.reason.value, printable(error.detail))
        # A device copies from pinned memory without waiting.
        return _Prepared(
            found.key, sample.image_bytes, pixels.pin_memory() if self._teacher.device.type == "cuda" else pixels
        )

    def _label_span(
        self, prepared: Iterator[_Prepared | Skipped], slots: list[Future[KeyedRow]], pool: ThreadPoolExecutor
    ) -> None:
        groups: dict[torch.Size, list[_Waiting]] = defaultdict(list)
        for number, slot in enumerate(slots):
            for shape in [shape for shape, group in groups.items() if number - group[0].number >= MAX_ROWS_WAITED]:
                self._label_group(groups.pop(shape), pool)
            ready = next(prepared)
            if isinstance(ready, Skipped):
                slot.set_result((ready.key, ready))
                continue
            group = groups[ready.pixels.shape]
            group.append(_Waiting(number, ready, slot))
            if len(group) == self._teacher.max_batch:
                self._label_group(groups.pop(ready.pixels.shape), pool)
        for group in groups.values():
            self._label_group(group, pool)

    def _label_group(self, group: Sequence[_Waiting], pool: ThreadPoolExecutor) -> None:
        while self._writing and self._writing[0].done():
            self._writing.popleft().result()  # raises what went wrong
        labels = self._teacher.label([waiting.prepared.pixels for waiting in group])
        for waiting, label in zip(group, labels, strict=True):
            self._encoding.append(pool.submit(self._encode, waiting, label))
        # Maps that wait for a thread lie on the device.
        while len(self._encoding) > 2 * (self._num_threads + self._teacher.max_batch):
            self._encoding.popleft().result()

    def _encode(self, waiting: _Waiting, label: PseudoLabel) -> None:
        try:
            row = self._row(waiting.prepared, label)
        except Exception as error:  # whatever it is, it belongs to who waits for the row
            waiting.slot.set_exception(error)
        else:
            waiting.slot.set_result((waiting.prepared.key, row))

    def _row(self, prepared: _Prepared, label: PseudoLabel) -> Row | Skipped:
        disparity = label.disparity.cpu().numpy()
        if not np.isfinite(disparity[0, 0]):  # all of a map are not finite, or none
            return Skipped(
                prepared.key, Reason.NON_FINITE_PREDICTION.value, "the teacher's output has values that are not finite"
            )
        sky = None if label.sky is None else label.sky.cpu().numpy()
        confidence = None if label.confidence is None else label.confidence.mul(TOP_CONFIDENCE).round().byte()
        raw = RawSample(
            image_bytes=prepared.image_bytes,
            label=disparity,
            valid=np.ones(disparity.shape, np.bool_) if sky is None else ~sky,
            sky=sky,
            confidence=None if confidence is None else confidence.cpu().numpy(),
            kind=LabelKind.PSEUDO_LABEL,
            corpus=self._source.name,
            key=prepared.key,
        )
        return encode_pseudo_row(raw, self._maker_text)
