"""Fixtures that several test folders share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from depth_anything import demonstration
from depth_anything.configuration_depth_anything import DepthAnythingConfig
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation

pytest_plugins = ["hub_server"]

SHARED_DIR = Path(__file__).parents[2] / "shared"

# Layers that the decoder reads, other fields of the configuration, and the agreement that golden/README.md states.
GOLDENS: dict[str, tuple[list[int], dict[str, Any], float]] = {
    "v1_tiny": ([3, 4, 5, 6], {}, 1e-4),
    "v2_tiny": ([2, 3, 5, 6], {}, 1e-4),
    "v2_metric_tiny": ([2, 3, 5, 6], {"depth_estimation_type": "metric", "max_depth": 20}, 1e-3),
}


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


@pytest.fixture(params=GOLDENS)
def golden_name(request: pytest.FixtureRequest) -> str:
    """Name of a file of the official code with recorded outputs; a test that uses it runs for each of them."""
    return request.param


@pytest.fixture
def golden_file(shared_dir: Path, golden_name: str) -> Path:
    """The file `golden_name`, in the official format."""
    return shared_dir / "golden" / f"{golden_name}.pth"


@pytest.fixture
def golden_config(golden_name: str) -> DepthAnythingConfig:
    """The network of `golden_name`."""
    out_indices, kind, _ = GOLDENS[golden_name]
    return DepthAnythingConfig(
        backbone_config={
            "image_size": 518,
            "hidden_size": 64,
            "num_hidden_layers": 6,
            "num_attention_heads": 4,
            "out_indices": out_indices,
            "reshape_hidden_states": False,
        },
        reassemble_hidden_size=64,
        neck_hidden_sizes=[8, 16, 32, 32],
        fusion_hidden_size=16,
        **kind,
    )


@pytest.fixture
def assert_golden_outputs(shared_dir: Path, golden_name: str) -> Callable[[nn.Module], None]:
    """Asserts that a model gives the recorded outputs of the official code at every recorded size."""

    def check(model: nn.Module) -> None:
        outputs = load_file(shared_dir / "golden" / f"{golden_name}_outputs.safetensors")
        assert len(outputs) == 5
        for key, expected in outputs.items():
            height, width = (int(side) for side in key.removeprefix("depth_").split("x"))
            noise = np.random.RandomState(height * 1000 + width).standard_normal((len(expected), 3, height, width))
            with torch.no_grad():
                actual = model(torch.from_numpy(noise.astype("float32"))).predicted_depth
            torch.testing.assert_close(actual, expected, atol=GOLDENS[golden_name][2], rtol=0)

    return check
