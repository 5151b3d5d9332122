"""Building into a repository of the Hub, by its own client to a server on this machine that can fail on order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch
from huggingface_hub import hf_hub_download

from depth_anything.training import build_corpus
from depth_anything.training.augmentation import TrainingTransform, TransformSettings
from depth_anything.training.corpora.shard_blocks import ParquetBlocks
from depth_anything.training.example_batches import stack_sides
from depth_anything.training.mixture import Mixture
from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_settings import StreamSettings

REPOSITORY = "ada/rooms"
KEY = f"datasets/{REPOSITORY}"
COMMIT_CALL = f"POST /api/datasets/{REPOSITORY}/commit"
NUM_SHARDS = 3


@pytest.fixture
def root(depth_tree: Callable[..., Path]) -> Path:
    return depth_tree(70)


def build(root: Path, out: Path | str = f"hub:{REPOSITORY}") -> int:
    words = ["image_depth_tree", "--root", str(root), "--out", str(out), "--shard-size", "0.05", "--workers", "1"]
    return build_corpus.main(words)


def batches_of(location: Path | str, num_workers: int) -> list[dict[str, Any]]:
    settings = StreamSettings(
        labelled=Mixture(sources=(ParquetBlocks(location),)),
        num_labelled=4,
        passes=1,
        num_workers=num_workers,
        start_method="fork",  # so that workers have what lies in memory:// too
    )
    transform = TrainingTransform(TransformSettings(crop_size=28, student_view=None))
    with TrainingStream(settings, transform=transform, collate=stack_sides) as stream:
        return list(stream)


def test_a_build_that_broke_off_goes_on_and_has_what_a_build_into_a_folder_has(
    hub: Any, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.order("PUT /storage", "cut")  # the upload of the first shard, which is tried again
    hub.order(COMMIT_CALL, "status", times=1000, after=2)  # the plan and a shard pass, and then nothing
    assert build(root) == 1
    assert "train-00001.parquet failed" in (message := capsys.readouterr().err)
    assert "the same command goes on from where it was" in message
    repository = hub.repositories[KEY]
    assert repository.private
    assert {name for name in repository.files if name.endswith(".parquet")} == {"train-00000.parquet"}

    hub.faults.clear()
    assert build(root) == 0
    messages = [commit.message for commit in repository.commits[1:]]
    shards = [f"Add train-{number:05d}.parquet" for number in range(NUM_SHARDS)]
    assert messages == ["Add plan.json", *shards, "Add manifest.json, README.md"]
    assert build(root, tmp_path / "local") == 0
    for path in [*sorted((tmp_path / "local").glob("train-*")), tmp_path / "local/manifest.json"]:
        assert repository.files[path.name] == path.read_bytes(), path.name
    num_commits = len(repository.commits)
    assert build(root) == 0
    assert len(repository.commits) == num_commits, "a finished build changes nothing"


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_hub_streams_what_the_folder_streams(hub: Any, root: Path, tmp_path: Path, num_workers: int) -> None:
    assert build(root) == 0
    assert build(root, tmp_path / "local") == 0
    hub.order(f"GET /{KEY}/resolve", "status")
    assert ParquetBlocks(f"hub:{REPOSITORY}").verify() == []
    from_hub, from_folder = batches_of(f"hub:{REPOSITORY}", num_workers), batches_of(tmp_path / "local", num_workers)
    assert len(from_hub) == len(from_folder) > 10
    for one, other in zip(from_hub, from_folder, strict=True):
        for name, values in other["labelled"].items():
            assert torch.equal(one["labelled"][name], values), name


@pytest.mark.parametrize("num_workers", [0, 2])
def test_object_storage_streams_what_the_folder_streams(root: Path, tmp_path: Path, num_workers: int) -> None:
    assert build(root, tmp_path / "local") == 0
    fsspec.filesystem("memory").put(f"{tmp_path / 'local'}/", f"bucket/{tmp_path.name}/", recursive=True)
    from_url = batches_of(f"memory://bucket/{tmp_path.name}", num_workers)
    from_folder = batches_of(tmp_path / "local", num_workers)
    assert len(from_url) == len(from_folder) > 10
    for one, other in zip(from_url, from_folder, strict=True):
        for name, values in other["labelled"].items():
            assert torch.equal(one["labelled"][name], values), name


def test_a_commit_is_read_by_its_name_and_has_a_card(hub: Any, root: Path) -> None:
    assert build(root) == 0
    revision = hub.repositories[KEY].commits[-1].oid
    assert ParquetBlocks(f"hub:{REPOSITORY}@{revision}").manifest == ParquetBlocks(f"hub:{REPOSITORY}").manifest
    card = hf_hub_download(REPOSITORY, "README.md", repo_type="dataset")
    assert "image_depth_tree" in Path(card).read_text()


def test_a_token_that_the_hub_refuses_is_told_with_what_to_do(
    hub: Any, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert build(root) == 1
    assert "log in by `hf auth login`, or set HF_TOKEN" in capsys.readouterr().err
