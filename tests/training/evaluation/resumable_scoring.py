"""A benchmark of numbers, scored by as many processes as start this file; prints what main has in the end.

Arguments: the output folder, the number of images, the size of a block, and after how many images to die (0: never).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from depth_anything.training.evaluation.processes import joined_processes
from depth_anything.training.evaluation.results_file import ImageRow, row_to_json
from depth_anything.training.evaluation.scoring_run import RunPlan, run_blocks


class NumberScorer:
    """Scores an image by sums whose bits depend on what is computed together."""

    def __init__(self, num_until_death: int) -> None:
        self.num_left = num_until_death
        self.scored: list[int] = []

    def load(self, indices: Sequence[int]) -> list[int]:
        return list(indices)

    def score(self, indices: list[int]) -> list[ImageRow]:
        rows = []
        batch = torch.stack([torch.sin(torch.arange(4096.0) * (index + 1)) for index in indices])
        together = (batch @ batch.T).sum(dim=1) / len(indices)
        for index, value in zip(indices, together.tolist(), strict=True):
            self.scored.append(index)
            rows.append(ImageRow(index=index, key=f"image {index}", metrics={"rmse": value}, num_valid=1))
            self.num_left -= 1
            if self.num_left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return rows


def main() -> None:
    folder, num_images, block_size, num_until_death = Path(sys.argv[1]), *map(int, sys.argv[2:])
    scorer = NumberScorer(num_until_death)
    processes = joined_processes(is_on_cpu=True)
    plan = RunPlan(
        title="numbers",
        keys=[f"image {index}" for index in range(num_images)],
        block_size=block_size,
        folder=folder,
        identity={"model": {"name": "numbers"}},
    )
    rows = run_blocks(plan, scorer, processes)
    (folder / f"scored-{processes.rank}-of-{processes.world_size}.json").write_text(json.dumps(scorer.scored))
    processes.wait()
    if processes.is_main:
        print(json.dumps([row_to_json(row) for row in rows]))


if __name__ == "__main__":
    main()
