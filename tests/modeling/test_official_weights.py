"""The table of names between the official checkpoints and ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation
from depth_anything.official_weights import from_official_state_dict, to_official_state_dict


@pytest.mark.parametrize(("size", "version"), [("small", 1), ("base", 1), ("large", 1), ("small", 2), ("giant", 2)])
def test_every_official_tensor_has_its_place_and_shape_in_ours(shared_dir: Path, size: str, version: int) -> None:
    shapes = json.loads((shared_dir / "golden" / "official_state_dict_shapes.json").read_text())
    official = {name: torch.empty(shape, device="meta") for name, shape in shapes[f"v{version}_vit{size[0]}"].items()}
    with torch.device("meta"):
        model = DepthAnythingForDepthEstimation(DepthAnythingConfig.from_size(size, version=version))  # type: ignore[arg-type]
    ours = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert {name: tensor.shape for name, tensor in from_official_state_dict(official).items()} == ours
    back = to_official_state_dict(model.state_dict())
    assert {name: tensor.shape for name, tensor in back.items()} == {n: t.shape for n, t in official.items()}


@pytest.mark.parametrize("name", ["v1_tiny", "v2_tiny", "v2_metric_tiny"])
def test_official_to_ours_to_official_gives_every_bit_back(shared_dir: Path, name: str) -> None:
    official = torch.load(shared_dir / "golden" / f"{name}.pth", weights_only=True)
    back = to_official_state_dict(from_official_state_dict(official))
    assert back.keys() == official.keys()
    for key, tensor in official.items():
        assert back[key].dtype == tensor.dtype
        assert back[key].equal(tensor), key


def test_a_block_without_its_query_is_refused_and_not_dropped(tiny_model: DepthAnythingForDepthEstimation) -> None:
    tensors = tiny_model.state_dict()
    del tensors["backbone.encoder.layer.1.attention.attention.query.weight"]
    with pytest.raises(ValueError, match=r"go together; absent: backbone\.encoder\.layer\.1\..*query\.weight"):
        to_official_state_dict(tensors)


def test_names_that_no_checkpoint_has_are_refused_and_listed(
    tiny_model: DepthAnythingForDepthEstimation,
) -> None:
    with pytest.raises(ValueError, match=r"1 of 1 tensor names .* conv1\.weight"):
        from_official_state_dict({"conv1.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="belong to no Depth Anything checkpoint"):
        to_official_state_dict({**tiny_model.state_dict(), "extra.weight": torch.zeros(1)})
