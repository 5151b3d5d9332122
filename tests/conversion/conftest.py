"""Fixtures of the conversion's tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from depth_anything.cli import main
from depth_anything.configuration_depth_anything import DepthAnythingConfig
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the working directory."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def convert(workplace: Path) -> Callable[..., int]:
    """The command in `workplace`; gives its exit code."""

    def run(*arguments: str | Path) -> int:
        return main(["convert", *map(str, arguments)])

    return run


@pytest.fixture
def tiny_config_file(tiny_config: DepthAnythingConfig, workplace: Path) -> Path:
    """`tiny_config` as a file."""
    tiny_config.save_pretrained(workplace / "tiny")
    return workplace / "tiny" / "config.json"


@pytest.fixture
def tiny_official(tiny_model: DepthAnythingForDepthEstimation, workplace: Path) -> Path:
    """`tiny_model` as the official code saves it, under a name that says nothing."""
    tiny_model.save_official(workplace / "mine.pth")
    return workplace / "mine.pth"


@pytest.fixture(scope="session")
def small_official(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT-S file with the names and shapes of the authors' and random numbers."""
    shapes = json.loads((shared_dir / "golden" / "official_state_dict_shapes.json").read_text())["v2_vits"]
    generator = torch.Generator().manual_seed(0)
    path = tmp_path_factory.mktemp("small") / "random.pth"
    torch.save({name: torch.randn(shape, generator=generator) * 0.02 for name, shape in shapes.items()}, path)
    return path
