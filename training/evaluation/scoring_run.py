"""A benchmark scored block by block, by one process or several, on from where an earlier run was stopped.

A block is a run of consecutive images of the benchmark, cut from its whole list and scored as one. So what is computed
together never depends on how many processes there are, and neither does any bit of the result where each of them has
the same number of threads. No image is scored twice to fill a batch up.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tqdm import tqdm

from depth_anything.overlapped_map import overlapped_map
from depth_anything.training.evaluation.processes import Processes
from depth_anything.training.evaluation.results_file import ImageRow, row_from_json, row_to_json, write_json

RUN_NAME = "run.json"
PARTS_NAME = "parts"
NUM_BLOCKS_AHEAD = 2  # read while others are scored; a block of ETH3D's frames takes 1.5 GB

Loaded = TypeVar("Loaded")


class OtherRunError(ValueError):
    """The output folder holds another evaluation; the message says what differs and what to do."""


class IncompleteRunError(RuntimeError):
    """Blocks that should be there are not."""


class Scorer(Protocol[Loaded]):
    """Scores images of one benchmark."""

    def load(self, indices: Sequence[int]) -> Loaded:
        """The images from their files; called in another thread, ahead of `score`."""

    def score(self, loaded: Loaded) -> list[ImageRow]:
        """A row for each of the images, in their order; one that cannot be scored says why."""


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What is scored, and where its parts are kept.

    Attributes:
        title: of the progress bar.
        keys: of all images of the benchmark, in its order.
        block_size: images that are scored as one.
        folder: of this model on this benchmark.
        identity: what has to be the same for a later run to go on here, as JSON.
        is_begun_again: throw away what an earlier run left.
    """

    title: str
    keys: Sequence[str]
    block_size: int
    folder: Path
    identity: dict[str, Any]
    is_begun_again: bool = False

    def blocks(self) -> list[range]:
        """The images of each block."""
        return [range(first, min(first + self.block_size, len(self.keys))) for first in self._starts()]

    def part_path(self, block: range) -> Path:
        """The file with the rows of a block."""
        return self.folder / PARTS_NAME / f"{block.start:07d}.json"

    def record(self) -> dict[str, Any]:
        """What `RUN_NAME` holds."""
        names = hashlib.sha256("\n".join(self.keys).encode()).hexdigest()
        return {"images": len(self.keys), "images_sha256": names, "block_size": self.block_size} | self.identity

    def _starts(self) -> range:
        return range(0, len(self.keys), self.block_size)


def run_blocks(plan: RunPlan, scorer: Scorer[Loaded], processes: Processes) -> tuple[ImageRow, ...]:
    """The rows of all images, in their order, in every process.

    Blocks of an earlier run of the same plan are kept, unless an image in them could not be scored; it may be there
    now. Every process has to see `plan.folder`.

    Raises:
        OtherRunError: the folder holds another evaluation.
        IncompleteRunError: parts that another process wrote are not to be seen.
    """
    missing = processes.decided_by_main(lambda: _prepare(plan))
    own = missing[processes.rank :: processes.world_size]
    with tqdm(
        total=sum(map(len, own)),
        desc=plan.title if processes.world_size == 1 else f"{plan.title} (share of 1 of {processes.world_size})",
        unit="image",
        disable=None if processes.is_main else True,  # None: no bar in a log file
        file=sys.stderr,
    ) as progress:
        for block, loaded in overlapped_map(scorer.load, own, NUM_BLOCKS_AHEAD):
            rows = scorer.score(loaded)
            write_json(plan.part_path(block), {"rows": [row_to_json(row) for row in rows]})
            progress.update(len(block))
    processes.wait()
    rows_of_blocks = [_read_part(plan, block) for block in plan.blocks()]
    lacking = sum(rows is None for rows in rows_of_blocks)
    if lacking:
        raise IncompleteRunError(
            f"{lacking} parts are not in {plan.folder / PARTS_NAME}: all processes have to see the same --output"
        )
    return tuple(row for rows in rows_of_blocks for row in rows or ())


def first_difference(name: str, first: Any, second: Any) -> str | None:
    """Where two JSON records differ: the first field in words, such as `model.dtype: 'float32', not 'bfloat16'`."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in [*first, *(key for key in second if key not in first)]:
            inner = first_difference(f"{name}.{key}" if name else str(key), first.get(key), second.get(key))
            if inner is not None:
                return inner
        return None
    return None if first == second else f"{name}: {first!r}, not {second!r}"


def _prepare(plan: RunPlan) -> list[range]:
    """The blocks that are left to score, after the folder has been made ready."""
    path = plan.folder / RUN_NAME
    record = json.loads(json.dumps(plan.record()))  # as it is read again: no tuples
    if path.exists() and not plan.is_begun_again:
        difference = first_difference("", _read_json(path), record)
        if difference is not None:
            raise OtherRunError(
                f"{plan.folder} holds another evaluation ({difference}): choose another --output, or --overwrite "
                "begins again"
            )
    elif path.exists():
        path.unlink()
        for part in (plan.folder / PARTS_NAME).glob("*.json"):
            part.unlink()
    (plan.folder / PARTS_NAME).mkdir(parents=True, exist_ok=True)
    for partial in (plan.folder / PARTS_NAME).glob(".*.partial"):  # of a run that was killed
        partial.unlink()
    if not path.exists():
        write_json(path, record)
    return [block for block in plan.blocks() if not _is_finished(_read_part(plan, block))]


def _is_finished(rows: list[ImageRow] | None) -> bool:
    return rows is not None and not any(row.fault for row in rows)


def _read_part(plan: RunPlan, block: range) -> list[ImageRow] | None:
    """The rows of a block; None where its file is absent or was not written by this plan."""
    recorded = _read_json(plan.part_path(block))
    try:
        rows = [row_from_json(row) for row in recorded["rows"]]
    except (KeyError, TypeError):
        return None
    expected = [(index, plan.keys[index]) for index in block]
    return rows if [(row.index, row.key) for row in rows] == expected else None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
