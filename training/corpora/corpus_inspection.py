"""What is in a corpus, from a few hundred of its samples."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.listing_survey import survey_items
from depth_anything.training.corpora.reader import Item, Reader
from depth_anything.training.corpora.sample import LabelKind, RawSample, Sample, SampleError, training_target
from depth_anything.training.corpora.sample_decoding import decode_sample

Found = RawSample | Sample | SampleError


class Selection(NamedTuple):
    """Samples from everywhere in a corpus.

    Attributes:
        corpus: its name.
        kind: of its labels.
        num_samples: in the whole corpus; None if it has no end, or would have to be read whole to be counted.
        listing_s: what counting took; None where nothing was listed.
        num_selected: samples that come, at the most.
        samples: read when they are asked for.
    """

    corpus: str
    kind: LabelKind
    num_samples: int | None
    listing_s: float | None
    num_selected: int
    samples: Iterator[Found]


@dataclass
class Inspection:
    """What the samples were like.

    Attributes:
        selection: where they came from.
        sizes: (height, width) of the pictures, and how many have it.
        least, medians, greatest: of each label's valid values, in the unit of its kind.
        valid_shares, sky_shares: of each label's pixels.
        skipped: samples that training would skip, by reason.
        reading_s, decoding_s: spent on all of them.
        shown: some of them, from everywhere.
    """

    selection: Selection
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    least: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    greatest: list[float] = field(default_factory=list)
    valid_shares: list[float] = field(default_factory=list)
    sky_shares: list[float] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    reading_s: float = 0.0
    decoding_s: float = 0.0
    shown: list[Sample] = field(default_factory=list)

    @property
    def num_good(self) -> int:
        """Samples that training can use."""
        return self.sizes.total()

    @property
    def num_read(self) -> int:
        """Samples that were asked for."""
        return self.num_good + self.skipped.total()


def select_from_reader(reader: Reader, num_selected: int) -> Selection:
    """Samples at even distances; of one long stream the first ones.

    Raises:
        CorpusError: the corpus is empty or cannot be listed.
    """
    began = time.perf_counter()
    survey = survey_items(reader.items(), num_selected)
    listing_s = time.perf_counter() - began
    items = [survey.spread[place] for place in _spread(len(survey.spread), num_selected)]
    samples = (_loaded(reader, item) for item in items)
    return Selection(reader.corpus, reader.kind, survey.num_items, listing_s, len(items), samples)


def select_from_blocks(source: BlockSource, num_selected: int) -> Selection:
    """Samples at even distances."""
    ends = np.cumsum(source.rows_per_block)
    num_samples = int(ends[-1]) if len(ends) else 0
    numbers = _spread(num_samples, num_selected)
    places = [(int(np.searchsorted(ends, number, side="right")), number) for number in numbers]

    def samples() -> Iterator[Found]:
        for block, in_block in itertools.groupby(places, key=lambda place: place[0]):
            first = int(ends[block] - source.rows_per_block[block])
            yield from source.read_block(block, [number - first for _, number in in_block])

    return Selection(source.corpus, source.kind, num_samples, None, len(numbers), samples())


def inspect_samples(selection: Selection, num_shown: int = 0) -> Inspection:
    """Reads, decodes and measures the selected samples.

    Args:
        selection: what to read.
        num_shown: samples to keep for a contact sheet.
    """
    inspection = Inspection(selection)
    stride = max(1, -(-selection.num_selected // max(1, num_shown)))
    clock = time.perf_counter
    began = clock()
    for found in selection.samples:
        inspection.reading_s += clock() - began
        began = clock()
        try:
            sample = _decoded(found)
            inspection.decoding_s += clock() - began
            _measure(inspection, sample)
            if num_shown and (inspection.num_good - 1) % stride == 0:
                inspection.shown.append(sample)
        except SampleError as error:
            inspection.skipped[error.reason.value] += 1
        began = clock()
    return inspection


def _loaded(reader: Reader, item: Item) -> Found:
    try:
        return reader.load(item)
    except SampleError as error:
        return error


def _decoded(found: Found) -> Sample:
    if isinstance(found, SampleError):
        raise found
    return decode_sample(found) if isinstance(found, RawSample) else found


def _measure(inspection: Inspection, sample: Sample) -> None:
    """Adds the sample's numbers; raises a `SampleError` for a label that gives no target."""
    if sample.label is not None and sample.valid is not None:
        training_target(sample)
        if sample.valid.any():
            values = sample.label[sample.valid]
            inspection.least.append(float(values.min()))
            inspection.medians.append(float(np.median(values)))
            inspection.greatest.append(float(values.max()))
        inspection.valid_shares.append(float(sample.valid.mean()))
        if sample.sky is not None:
            inspection.sky_shares.append(float(sample.sky.mean()))
    height, width = sample.image.shape[:2]
    inspection.sizes[height, width] += 1


def _spread(num_samples: int, num_selected: int) -> list[int]:
    """Numbers at even distances, in order, the first and the last among them."""
    places: Iterable[float] = np.linspace(0, num_samples - 1, min(num_samples, num_selected)) if num_samples else []
    return [round(place) for place in places]
