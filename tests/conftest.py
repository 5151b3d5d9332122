"""Fixtures that several test folders share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from depth_anything import demonstration
from depth_anything.configuration_depth_anything import DepthAnythingConfig
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation

SHARED_DIR = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of reference numbers and real input beside the repository; tests that need it skip where it is absent."""
    if not SHARED_DIR.is_dir():
        pytest.skip("the folder `shared` with official outputs and real input is not beside the repository")
    return SHARED_DIR


@pytest.fixture
def tiny_config() -> DepthAnythingConfig:
    """The smallest network with every part of the real ones: four blocks, four maps, a 5x5 position grid."""
    return demonstration.tiny_config()


@pytest.fixture
def tiny_model(tiny_config: DepthAnythingConfig) -> DepthAnythingForDepthEstimation:
    """A model of `tiny_config` with fixed random weights, in eval mode."""
    torch.manual_seed(0)
    return DepthAnythingForDepthEstimation(tiny_config).eval()


@pytest.fixture
def tiny_checkpoint(tiny_model: DepthAnythingForDepthEstimation, tmp_path: Path) -> Path:
    """A folder with `tiny_model` and its image processor, as `save_pretrained` writes them."""
    from depth_anything.image_processing_depth_anything import DepthAnythingImageProcessor

    folder = tmp_path / "tiny-checkpoint"
    tiny_model.save_pretrained(folder)
    DepthAnythingImageProcessor().save_pretrained(folder)
    return folder
