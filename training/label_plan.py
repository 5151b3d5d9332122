"""How a corpus' pseudo labels are cut into shards; written beside them, so that all runs and ranks make the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.corpora.sample_decoding import decode_picture
from depth_anything.training.corpora.shard_plan import PLAN_NAME, require_same_request, rows_per_shard
from depth_anything.training.crop_geometry import whole_size
from depth_anything.training.label_maker import LabelMaker
from depth_anything.training.label_source import LabelSource

NUM_WEIGHED = 16  # pictures whose sizes say how large the rows will be
# Of a 16-bit PNG of a teacher's smooth map, and of the 8-bit one of its confidence.
BYTES_PER_LABEL_PIXEL, BYTES_PER_CONFIDENCE_PIXEL = 1.3, 0.5
BYTES_BESIDE_CONTENT = 800  # of a row: key, numbers, the teacher


class Span(NamedTuple):
    """Consecutive rows of a source that make a shard."""

    name: str
    first: int
    end: int

    @property
    def num_rows(self) -> int:
        """Rows in it."""
        return self.end - self.first


@dataclass(frozen=True, kw_only=True)
class LabelRequest:
    """What was asked for.

    Attributes:
        corpus: its name.
        place: where it lies and how it is read.
        contents_sha256: of what it lists.
        maker: who labels, and how.
        limit: label the first so many samples only; None labels all.
        shard_size_mb: about the size of a shard.
    """

    corpus: str
    place: Mapping[str, Any]
    contents_sha256: str
    maker: LabelMaker
    limit: int | None
    shard_size_mb: float

    @classmethod
    def of(cls, source: LabelSource, maker: LabelMaker, shard_size_mb: float) -> LabelRequest:
        """The request to label a source."""
        return cls(
            corpus=source.name,
            place=source.place,
            contents_sha256=source.contents_sha256,
            maker=maker,
            limit=source.limit,
            shard_size_mb=shard_size_mb,
        )

    def record(self, is_public: bool) -> dict[str, Any]:
        """The request in JSON's types.

        Args:
            is_public: only a digest stands for what may name folders of this machine.
        """
        fields: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        fields |= fields.pop("maker")
        if is_public:
            place = json.dumps(fields.pop("place"), sort_keys=True)
            fields["place_sha256"] = hashlib.sha256(place.encode()).hexdigest()
        return fields


@dataclass(frozen=True, kw_only=True)
class LabelPlan:
    """What follows from a request.

    Attributes:
        num_rows: samples to label.
        rows_per_shard: consecutive ones that make a shard.
    """

    num_rows: int
    rows_per_shard: int

    def spans(self) -> list[Span]:
        """All shards, in the order of the corpus."""
        return [
            Span(f"train-{number:05d}.parquet", first, min(first + self.rows_per_shard, self.num_rows))
            for number, first in enumerate(range(0, self.num_rows, self.rows_per_shard))
        ]

    def to_json(self, request: LabelRequest, is_public: bool) -> str:
        """The plan as a file, with the request that it is for."""
        return json.dumps({**request.record(is_public), **asdict(self)}, indent=1) + "\n"


def make_label_plan(source: LabelSource, request: LabelRequest) -> LabelPlan:
    """The plan for a source, of which a few pictures are weighed."""
    numbers = np.linspace(0, source.num_rows - 1, min(NUM_WEIGHED, source.num_rows)).round().astype(int).tolist()
    weights = [weight for number in numbers for weight in _weights(source, number, request.maker)]
    return LabelPlan(num_rows=source.num_rows, rows_per_shard=rows_per_shard(weights, request.shard_size_mb))


def resumed_label_plan(text: str, request: LabelRequest, is_public: bool, where: str) -> LabelPlan:
    """The plan that lies beside labels that were begun, if it is for the same request.

    Args:
        text: of the plan.
        request: of this run.
        is_public: how the plan was written.
        where: the shards lie, for errors.

    Raises:
        CorpusError: the plan is damaged or for another request, such as one with another teacher.
    """
    try:
        stored = json.loads(text)
        plan = LabelPlan(num_rows=int(stored.pop("num_rows")), rows_per_shard=int(stored.pop("rows_per_shard")))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorpusError(
            f"{where}: {PLAN_NAME} is damaged or of other shards ({error!r}); label into an empty place"
        ) from error
    wanted = request.record(is_public)
    require_same_request({**wanted, "contents_sha256": stored.get("contents_sha256")}, stored, where)
    if wanted["contents_sha256"] != stored.get("contents_sha256"):
        raise CorpusError(
            f"corpus {request.corpus} lists other samples than when {where} was begun; label into an empty place"
        )
    return plan


def _weights(source: LabelSource, number: int, maker: LabelMaker) -> list[float]:
    """About the bytes of a row; none where the sample fails."""
    (found,) = source.read(number, number + 1)
    try:
        if isinstance(found.sample, SampleError):
            return []
        image = decode_picture(found.sample)
        height, width = whole_size((image.shape[0], image.shape[1]), maker.short_side)
    except SampleError:
        return []
    per_pixel = BYTES_PER_LABEL_PIXEL + BYTES_PER_CONFIDENCE_PIXEL * maker.has_confidence
    return [len(found.sample.image_bytes) + per_pixel * height * width + BYTES_BESIDE_CONTENT]
