"""Where weights are found: files, folders and Hub repositories, in either format."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from depth_anything import weight_source
from depth_anything.checkpoint_lookup import CheckpointError, OtherFormatError
from depth_anything.weight_source import WeightSource, find_source


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_file_is_itself(tmp_path: Path) -> None:
    touch(tmp_path / "a.pth")
    assert find_source(tmp_path / "a.pth") == WeightSource(str(tmp_path / "a.pth"), file=tmp_path / "a.pth")


def test_a_folder_in_transformers_format_is_a_checkpoint(tiny_checkpoint: Path) -> None:
    source = find_source(tiny_checkpoint)
    assert source.file is None
    assert source.checkpoint is not None
    assert source.checkpoint.folder == tiny_checkpoint


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["a.pth"], "a.pth"),
        (["a.pth", "README.md"], "a.pth"),
        (["pytorch_model.bin", "model.safetensors"], "model.safetensors"),
        (["a.PTH"], "a.PTH"),
    ],
)
def test_the_one_weights_file_of_a_folder_is_taken(names: list[str], chosen: str, tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in names))
    assert find_source(tmp_path).file == tmp_path / chosen


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], r"has no weights file \(\.pth, \.pt, \.bin, \.ckpt, \.safetensors\)"),
        (["b.pth", "a.pth"], r"several weights files: a\.pth, b\.pth; name one by its path"),
        (["a.safetensors", "b.safetensors", "c.pth"], r"several weights files: a\.safe.*name one by its path"),
    ],
)
def test_a_choice_is_left_to_the_user(names: list[str], message: str, tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in names))
    with pytest.raises(CheckpointError, match=message):
        find_source(tmp_path)


def test_a_file_and_a_folder_that_are_not_there_are_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"weights file '.*gone\.pth' does not exist\."):
        find_source(tmp_path / "gone.pth")
    with pytest.raises(CheckpointError, match=r"folder '.*gone' does not exist, and that is no Hub id"):
        find_source(tmp_path / "gone")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_revision_of_what_lies_here_is_refused(kind: str, tmp_path: Path, tiny_checkpoint: Path) -> None:
    touch(tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"revision 'v1' is of a Hub .*, but"):
        find_source(tmp_path / "a.pth" if kind == "file" else tiny_checkpoint, "v1")


def test_file_and_folder_tell_of_the_release(tmp_path: Path) -> None:
    path = tmp_path / "depth_anything_vitl14" / "pytorch_model.bin"
    touch(path)
    assert find_source(path).telling_names()[:2] == ("pytorch_model", "depth_anything_vitl14")
    assert find_source(path.parent).telling_names()[:2] == ("pytorch_model", "depth_anything_vitl14")


def test_a_relative_path_tells_as_much_as_an_absolute_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "depth_anything_vitl14" / "pytorch_model.bin")
    monkeypatch.chdir(tmp_path)
    assert "depth_anything_vitl14" in find_source("depth_anything_vitl14/pytorch_model.bin").telling_names()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A Hub without transformers' format: the names of the files of each repository, to be filled in."""
    repositories: dict[str, list[str]] = {}

    def model_info(self: object, repo_id: str, *, revision: str | None = None) -> SimpleNamespace:
        if repo_id not in repositories:
            raise RuntimeError("404 Client Error\nRequest ID: 1")
        siblings = [SimpleNamespace(rfilename=name) for name in repositories[repo_id]]
        return SimpleNamespace(siblings=siblings, sha=f"sha of {revision}")

    def download(repo_id: str, name: str, *, revision: str) -> str:
        path = tmp_path / "snapshots" / revision / name
        touch(path)
        return str(path)

    def in_other_format(name: str, *_: object, **__: object) -> None:
        raise OtherFormatError(f"{name} has no config.json")

    monkeypatch.setattr(weight_source, "find_checkpoint", in_other_format)
    monkeypatch.setattr(weight_source.HfApi, "model_info", model_info)
    monkeypatch.setattr(weight_source, "hf_hub_download", download)
    return repositories


def test_the_one_weights_file_of_a_hub_repository_is_downloaded_at_its_commit(
    hub: dict[str, list[str]], tmp_path: Path
) -> None:
    hub["depth-anything/Depth-Anything-V2-Small"] = ["README.md", "depth_anything_v2_vits.pth"]
    source = find_source("depth-anything/Depth-Anything-V2-Small", "main")
    assert source.file == tmp_path / "snapshots" / "sha of main" / "depth_anything_v2_vits.pth"
    assert source.revision == "sha of main"
    assert source.telling_names() == ("depth_anything_v2_vits",)


def test_a_hub_repository_with_several_weights_or_none_is_described(hub: dict[str, list[str]]) -> None:
    hub["ada/several"] = ["a.pth", "sub/b.pth"]
    with pytest.raises(
        CheckpointError, match=r"Hub repository 'ada/several' has several weights files: a\.pth, sub/b"
    ):
        find_source("ada/several")
    hub["ada/none"] = ["README.md"]
    with pytest.raises(CheckpointError, match=r"Hub repository 'ada/none' has no weights file"):
        find_source("ada/none")


def test_an_error_of_the_hub_is_one_sentence(hub: dict[str, list[str]]) -> None:
    with pytest.raises(CheckpointError, match=r"did not deliver the weights of 'ada/gone': 404 Client Error$"):
        find_source("ada/gone")
