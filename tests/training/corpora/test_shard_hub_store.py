import inspect
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from depth_anything import hub_retries
from depth_anything.training import build_corpus
from depth_anything.training.corpora import shard_hub_store
from depth_anything.training.corpora.shard_blocks import ParquetBlocks

DepthTree = Callable[..., Path]
NUM_SHARDS = 3


def response(status: int) -> Any:
    """What huggingface_hub's errors ask of a response, of whichever HTTP library it is built on."""
    return SimpleNamespace(status_code=status, headers={}, request=None)


class FakeHub:
    """The few calls of HfApi that a build makes, on a folder; with faults on order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.commits: list[list[str]] = []
        self.created: list[dict[str, Any]] = []
        self.faults: list[Exception] = []

    def dataset_info(self, repo_id: str) -> SimpleNamespace:
        if not self.folder.exists():
            raise RepositoryNotFoundError("404", response=response(404))
        paths = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return SimpleNamespace(
            siblings=[SimpleNamespace(rfilename=path.relative_to(self.folder).as_posix()) for path in paths]
        )

    def create_repo(self, repo_id: str, **options: Any) -> None:
        self.created.append({"repo_id": repo_id, **options})
        self.folder.mkdir()

    def snapshot_download(self, repo_id: str, *, repo_type: str, allow_patterns: Sequence[str]) -> str:
        cache = self.folder.with_name("cache")
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir()
        for pattern in allow_patterns:
            for path in self.folder.glob(pattern):
                copy = cache / path.relative_to(self.folder)
                copy.parent.mkdir(exist_ok=True)
                shutil.copy(path, copy)
        return str(cache)

    def create_commit(self, repo_id: str, operations: Sequence[Any], *, commit_message: str, repo_type: str) -> None:
        if self.faults:
            raise self.faults.pop(0)
        assert repo_type == "dataset"
        self.commits.append([operation.path_in_repo for operation in operations])
        for operation in operations:
            path = self.folder / operation.path_in_repo
            if isinstance(operation, CommitOperationDelete):
                path.unlink()
                continue
            assert isinstance(operation, CommitOperationAdd)
            path.parent.mkdir(exist_ok=True)
            with operation.as_file() as file:
                path.write_bytes(file.read())


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake = FakeHub(tmp_path / "hub")
    monkeypatch.setattr(shard_hub_store, "HfApi", lambda: fake)
    monkeypatch.setattr(hub_retries.time, "sleep", lambda _: None)
    return fake


def build(root: Path, *more: str, out: Path | str = "hub:owner/name") -> int:
    words = ["image_depth_tree", "--root", str(root), "--out", str(out), "--shard-size", "0.05", *more]
    return build_corpus.main(words)


def test_each_shard_arrives_with_its_record_and_the_manifest_comes_last(
    hub: FakeHub, depth_tree: DepthTree, tmp_path: Path
) -> None:
    root = depth_tree(70)
    assert build(root) == 0
    assert hub.created == [{"repo_id": "owner/name", "repo_type": "dataset", "private": True, "exist_ok": True}]
    shards = [[f"records/train-{number:05d}.json", f"train-{number:05d}.parquet"] for number in range(NUM_SHARDS)]
    assert hub.commits == [["plan.json"], *shards, ["manifest.json", "README.md"]]
    assert build(root, out=tmp_path / "local") == 0
    for path in [*sorted((tmp_path / "local").glob("train-*")), tmp_path / "local/manifest.json"]:
        assert (hub.folder / path.name).read_bytes() == path.read_bytes()
    assert ParquetBlocks(hub.folder).verify() == []
    assert build(root) == 0
    assert len(hub.commits) == NUM_SHARDS + 2, "a finished build changes nothing"


def test_what_others_may_see_names_no_folder_of_this_machine(
    hub: FakeHub, depth_tree: DepthTree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = depth_tree(3)
    (root / "depth/0/0001.npy").write_bytes(b"damaged")
    assert build(root, "--max-failures", "1") == 0
    for path in hub.folder.rglob("*"):
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes(), path
    assert build(depth_tree(3, "other")) == 2
    assert "hub:owner/name was begun with root_and_options_sha256 " in capsys.readouterr().err


def test_a_dropped_connection_is_tried_again_and_what_is_there_is_not_sent_twice(
    hub: FakeHub, depth_tree: DepthTree, capsys: pytest.CaptureFixture[str]
) -> None:
    root = depth_tree(70)
    hub.faults = [ConnectionError("reset"), HfHubHTTPError("busy", response=response(503))]
    assert build(root, "--workers", "1") == 0
    assert len(hub.commits) == NUM_SHARDS + 2
    hub.folder.joinpath("records/train-00001.json").unlink()
    hub.faults = [ConnectionError("reset")] * 5
    assert build(root) == 1
    assert "hub:owner/name: add train-00001.parquet failed: reset; the same command goes on" in capsys.readouterr().err
    hub.commits.clear()
    assert build(root) == 0
    assert hub.commits == [["records/train-00001.json", "train-00001.parquet"]]


def test_what_the_hub_refuses_is_told_with_what_to_do(
    hub: FakeHub, depth_tree: DepthTree, capsys: pytest.CaptureFixture[str]
) -> None:
    root = depth_tree(1)
    for status, advice in ((401, "log in by `hf auth login`, or set HF_TOKEN"), (403, "use a token with the right")):
        hub.faults = [HfHubHTTPError("no", response=response(status))]
        assert build(root) == 1
        assert f"hub:owner/name: add plan.json failed: no; {advice}" in capsys.readouterr().err


def test_shards_with_too_many_failures_leave_the_repository(hub: FakeHub, depth_tree: DepthTree) -> None:
    root = depth_tree(70)
    for path in sorted(root.glob("images/0/*"))[32:42]:
        path.write_bytes(b"damaged")
    assert build(root) == 1
    assert hub.commits[-1] == ["records/train-00001.json", "train-00001.parquet"]
    assert sorted(path.name for path in hub.folder.glob("*.*")) == [
        "plan.json", "train-00000.parquet", "train-00002.parquet",
    ]  # fmt: skip


def test_a_repository_whose_name_cannot_be_is_a_usage_error(
    depth_tree: DepthTree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(depth_tree(1), out="hub:a/b/c") == 2
    assert "hub:a/b/c: Repo id must be" in (message := capsys.readouterr().err)
    assert "; write hub:OWNER/NAME" in message


def test_a_repository_with_other_data_is_left_alone(
    hub: FakeHub, depth_tree: DepthTree, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.folder.mkdir()
    (hub.folder / "train-00000.parquet").write_bytes(b"another's")
    assert build(depth_tree(1)) == 2
    assert "hub:owner/name holds data without the plan.json of a build; name another" in capsys.readouterr().err
    assert not hub.commits


def test_the_fake_hub_takes_what_the_real_one_takes() -> None:
    for name in ("dataset_info", "create_repo", "snapshot_download", "create_commit"):
        real = set(inspect.signature(getattr(HfApi, name)).parameters) | {"options"}
        assert set(inspect.signature(getattr(FakeHub, name)).parameters) <= real, name


def test_the_plan_of_a_repository_is_json(hub: FakeHub, depth_tree: DepthTree) -> None:
    assert build(depth_tree(1)) == 0
    assert set(json.loads((hub.folder / "plan.json").read_text())) == {
        "corpus", "root_and_options_sha256", "quantity", "is_checked", "limit", "shard_size_mb", "num_items",
        "items_per_shard",
    }  # fmt: skip
