"""How a corpus is cut into shards; written beside them, so that every run of a build makes the same ones."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from depth_anything.training.corpora.listing_survey import survey_items
from depth_anything.training.corpora.reader import CorpusError, Reader
from depth_anything.training.corpora.shard_manifest import Skipped
from depth_anything.training.corpora.shard_rows import ROWS_PER_GROUP, Quantity, Row
from depth_anything.training.corpora.shard_writing import RowSettings, make_row

PLAN_NAME = "plan.json"
NUM_WEIGHED = 48  # samples whose rows say how large the others will be
BYTES_BESIDE_CONTENT = 200  # of a row: key, numbers, lengths
DEFAULT_ROW_BYTES = 500_000  # where no sample could be weighed
PRIVATE_FIELDS = ("root", "options")  # may name folders of this machine


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What was asked for.

    Attributes:
        corpus: its name.
        root: of the data set, absolute.
        options: of the reader.
        quantity: that labels are stored in; None without labels.
        is_checked: pictures are decoded once, and what cannot be decoded is skipped.
        limit: build the first so many samples only; None builds all.
        shard_size_mb: about the size of a shard.
    """

    corpus: str
    root: str
    options: Mapping[str, Any]
    quantity: Quantity | None
    is_checked: bool
    limit: int | None
    shard_size_mb: float

    @property
    def row_settings(self) -> RowSettings:
        """What becomes of each sample."""
        return RowSettings(quantity=self.quantity, is_checked=self.is_checked)

    def record(self, is_public: bool) -> dict[str, Any]:
        """The request in JSON's types.

        Args:
            is_public: only a digest stands for what may name folders of this machine.
        """
        fields: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        if not is_public:
            return fields
        private = json.dumps({name: fields.pop(name) for name in PRIVATE_FIELDS}, sort_keys=True)
        return {**fields, "root_and_options_sha256": hashlib.sha256(private.encode()).hexdigest()}


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """The request and what follows from it.

    Attributes:
        request: what was asked for.
        num_items: that the corpus lists, up to the limit; None for a stream.
        items_per_shard: consecutive items that make a shard.
    """

    request: BuildRequest
    num_items: int | None
    items_per_shard: int

    def to_json(self, is_public: bool) -> str:
        """The plan as a file."""
        fields = {
            **self.request.record(is_public),
            "num_items": self.num_items,
            "items_per_shard": self.items_per_shard,
        }
        return json.dumps(fields, indent=1) + "\n"


def make_plan(reader: Reader, request: BuildRequest) -> BuildPlan:
    """The plan for a corpus that is listed once and weighed on a few samples.

    Raises:
        CorpusError: the corpus is empty or cannot be listed.
    """
    survey = survey_items(itertools.islice(reader.items(), request.limit), NUM_WEIGHED)
    rows = [make_row(reader, item, request.row_settings) for item in survey.spread]
    weights = [_num_bytes(row) for row in rows if not isinstance(row, Skipped)]
    items_per_shard = rows_per_shard(weights, request.shard_size_mb)
    return BuildPlan(request=request, num_items=survey.num_items, items_per_shard=items_per_shard)


def rows_per_shard(row_bytes: Sequence[float], shard_size_mb: float) -> int:
    """How many rows make a shard of about this size: whole groups, and at least one.

    Args:
        row_bytes: of those rows that could be weighed; without any, rows are taken to be large.
        shard_size_mb: about the size of a shard.
    """
    mean = sum(row_bytes) / len(row_bytes) if row_bytes else DEFAULT_ROW_BYTES
    return ROWS_PER_GROUP * max(1, int(shard_size_mb * 1_000_000 / mean / ROWS_PER_GROUP))


def resumed_plan(text: str, request: BuildRequest, is_public: bool, where: str) -> BuildPlan:
    """The plan that lies beside shards that were begun, if it is for the same request.

    Args:
        text: of the plan.
        request: of this run.
        is_public: how the plan was written.
        where: the shards lie, for errors.

    Raises:
        CorpusError: the plan is damaged or for another request.
    """
    wanted = request.record(is_public)
    try:
        stored = json.loads(text)
        plan = BuildPlan(
            request=request, num_items=stored.pop("num_items"), items_per_shard=int(stored.pop("items_per_shard"))
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorpusError(f"{where}: {PLAN_NAME} is damaged ({error!r}); build into an empty place") from error
    require_same_request(wanted, stored, where)
    return plan


def require_same_request(wanted: Mapping[str, Any], stored: Mapping[str, Any], where: str) -> None:
    """Refuses to go on with what another request began.

    Args:
        wanted: the record of this run's request.
        stored: that of the run which began.
        where: the shards lie, for errors.

    Raises:
        CorpusError: the requests differ; the first name that does is in the message.
    """
    for name in sorted({*wanted, *stored}):
        if wanted.get(name) != stored.get(name):
            raise CorpusError(
                f"{where} was begun with {name} {stored.get(name)!r}, and now it is {wanted.get(name)!r}; "
                "give the same arguments to go on, or build into an empty place"
            )


def _num_bytes(row: Row) -> int:
    maps = (row[name] for name in ("label", "mask", "sky"))
    return len(row["image"]["bytes"]) + sum(len(png) for png in maps if png) + BYTES_BESIDE_CONTENT
