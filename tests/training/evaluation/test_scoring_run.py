from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from depth_anything.training.evaluation.processes import Processes
from depth_anything.training.evaluation.results_file import ImageRow
from depth_anything.training.evaluation.scoring_run import OtherRunError, RunPlan, first_difference, run_blocks

SCRIPT = Path(__file__).with_name("resumable_scoring.py")
ALONE = Processes(rank=0, world_size=1, device=torch.device("cpu"))


class CountingScorer:
    """Remembers what it was asked for; images in `failing` cannot be read."""

    def __init__(self, failing: Sequence[int] = ()) -> None:
        self.failing = failing
        self.blocks: list[list[int]] = []

    def load(self, indices: Sequence[int]) -> list[int]:
        return list(indices)

    def score(self, indices: list[int]) -> list[ImageRow]:
        self.blocks.append(list(indices))
        return [
            ImageRow(index=index, key=f"{index}", fault="no such file")
            if index in self.failing
            else ImageRow(index=index, key=f"{index}", metrics={"rmse": index / 7}, num_valid=3)
            for index in indices
        ]


@pytest.fixture
def plan(tmp_path: Path) -> RunPlan:
    keys = [str(index) for index in range(10)]
    return RunPlan(title="test", keys=keys, block_size=4, folder=tmp_path / "run", identity={"model": {"dtype": "a"}})


@pytest.fixture
def scored(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `resumable_scoring.py` with one thread in each of its processes."""

    def run(folder: str, num_processes: int = 1, num_until_death: int = 0) -> subprocess.CompletedProcess[str]:
        launcher = [sys.executable]
        if num_processes > 1:
            launcher += ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(num_processes)]
        words = [str(SCRIPT), str(tmp_path / folder), "11", "3", str(num_until_death)]
        return subprocess.run(
            [*launcher, *words],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    return run


def test_every_image_is_scored_once_in_blocks_of_the_list(plan: RunPlan) -> None:
    scorer = CountingScorer()
    rows = run_blocks(plan, scorer, ALONE)
    assert scorer.blocks == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [(row.index, row.metrics) for row in rows] == [(index, {"rmse": index / 7}) for index in range(10)]


def test_a_second_run_scores_only_what_is_not_there(plan: RunPlan) -> None:
    first = run_blocks(plan, CountingScorer(), ALONE)
    scorer = CountingScorer()
    assert run_blocks(plan, scorer, ALONE) == first
    assert scorer.blocks == []
    plan.part_path(range(4, 8)).unlink()
    plan.part_path(range(8, 10)).write_text('{"rows": [{"index"')
    assert run_blocks(plan, scorer, ALONE) == first
    assert scorer.blocks == [[4, 5, 6, 7], [8, 9]]


def test_a_block_with_an_image_that_failed_is_tried_again(plan: RunPlan) -> None:
    rows = run_blocks(plan, CountingScorer(failing=[5]), ALONE)
    assert [row.fault for row in rows if row.fault] == ["no such file"]
    scorer = CountingScorer()
    assert not any(row.fault for row in run_blocks(plan, scorer, ALONE))
    assert scorer.blocks == [[4, 5, 6, 7]]


def test_another_evaluation_in_the_folder_is_refused_unless_it_is_begun_again(plan: RunPlan) -> None:
    run_blocks(plan, CountingScorer(), ALONE)
    others = [
        (replace(plan, identity={"model": {"dtype": "b"}}), r"model\.dtype: 'a', not 'b'"),
        (replace(plan, block_size=5), "block_size: 4, not 5"),
        (replace(plan, keys=[*plan.keys[:-1], "other"]), "images_sha256"),
    ]
    for other, difference in others:
        with pytest.raises(OtherRunError, match=difference):
            run_blocks(other, CountingScorer(), ALONE)
    scorer = CountingScorer()
    run_blocks(replace(others[0][0], is_begun_again=True), scorer, ALONE)
    assert len(scorer.blocks) == 3


def test_the_first_difference_is_told_by_its_path() -> None:
    first = {"a": 1, "b": {"c": [1, 2], "d": None}}
    assert first_difference("", first, first) is None
    assert first_difference("", first, {"a": 1, "b": {"c": [1, 3], "d": None}}) == "b.c: [1, 2], not [1, 3]"
    assert first_difference("", first, {**first, "e": 2}) == "e: None, not 2"


@pytest.mark.slow
def test_a_killed_run_goes_on_in_two_processes_to_the_bits_of_one(
    scored: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    expected = scored("whole")
    killed = scored("killed", num_until_death=8)
    assert killed.returncode == -signal.SIGKILL
    finished = scored("killed", num_processes=2)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == json.loads(expected.stdout)
    shares = [json.loads((tmp_path / f"killed/scored-{rank}-of-2.json").read_text()) for rank in range(2)]
    assert sorted([*shares[0], *shares[1]]) == [6, 7, 8, 9, 10], "what was not finished, once"
    assert all(shares)


@pytest.mark.slow
def test_a_refusal_ends_all_processes(scored: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/run.json").write_text('{"images": 3}')
    refused = scored("other", num_processes=2)
    assert refused.returncode != 0
    assert refused.stderr.count("OtherRunError") >= 2
    assert "images: 3, not 11" in refused.stderr
