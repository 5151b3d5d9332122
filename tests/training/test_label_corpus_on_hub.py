"""Labelling shards of the Hub into a repository of the Hub, and a student that reads them there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from depth_anything.training import build_corpus, label_corpus, train_student

PICTURES, LABELS = "ada/pictures", "ada/labels"
SIDE = 28
NUM_PICTURES = 40  # two shards


@pytest.fixture
def root(tmp_path: Path) -> Path:
    noise, folder = np.random.default_rng(0), tmp_path / "pictures"
    folder.mkdir()
    for number in range(NUM_PICTURES):
        Image.fromarray(noise.integers(0, 256, (30, 36, 3), np.uint8)).save(folder / f"{number:02d}.png")
    return folder


def label(teacher: Path, source: list[str], out: Path | str) -> int:
    words = ["--teacher", str(teacher), "--out", str(out), "--short-side", str(SIDE), "--device", "cpu"]
    return label_corpus.main([*source, *words, "--shard-size", "0.01"])


def test_labels_on_the_hub_are_those_of_a_folder_after_a_break_too_and_a_student_reads_them(
    hub: Any, root: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build_corpus.main(["image_folder", "--root", str(root), "--out", f"hub:{PICTURES}"]) == 0
    source = ["--shards", f"hub:{PICTURES}"]
    hub.order(f"POST /api/datasets/{LABELS}/commit", "status", times=1000, after=2)  # the plan and one shard pass
    assert label(tiny_checkpoint, source, f"hub:{LABELS}") == 1
    assert "the same command goes on from where it was" in capsys.readouterr().err
    hub.faults.clear()
    assert label(tiny_checkpoint, source, f"hub:{LABELS}") == 0
    repository = hub.repositories[f"datasets/{LABELS}"]
    assert [commit.message for commit in repository.commits[1:]] == [
        "Add plan.json", "Add train-00000.parquet", "Add train-00001.parquet", "Add manifest.json, README.md"
    ]  # fmt: skip
    assert label(tiny_checkpoint, source, tmp_path / "local") == 0
    for path in sorted((tmp_path / "local").glob("train-*")):
        assert repository.files[path.name] == path.read_bytes(), path.name

    settings = ["--recipe=v2-student-small", f"--start_from={tiny_checkpoint}", f"--out={tmp_path / 'run'}"]
    settings += f"--crop_size {SIDE} --num_unlabelled 4 --num_steps 1 --num_workers 0 --trackers none".split()
    assert train_student.main([*settings, f"--unlabelled=hub:{LABELS}", "--precision=float32"]) == 0
    assert (tmp_path / "run" / "last" / "model.safetensors").exists()
