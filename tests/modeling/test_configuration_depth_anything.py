"""DepthAnythingConfig: released sizes, native files in and out, and messages for what cannot work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from depth_anything import DepthAnythingConfig

# As the Hub holds it for depth-anything/Depth-Anything-V2-Small-hf, older interface fields included.
HUB_V2_SMALL: dict[str, Any] = {
    "_commit_hash": None,
    "architectures": ["DepthAnythingForDepthEstimation"],
    "backbone": None,
    "backbone_config": {
        "architectures": ["Dinov2Model"],
        "hidden_size": 384,
        "image_size": 518,
        "model_type": "dinov2",
        "num_attention_heads": 6,
        "out_features": ["stage3", "stage6", "stage9", "stage12"],
        "out_indices": [3, 6, 9, 12],
        "patch_size": 14,
        "reshape_hidden_states": False,
        "torch_dtype": "float32",
    },
    "depth_estimation_type": "relative",
    "fusion_hidden_size": 64,
    "head_hidden_size": 32,
    "head_in_index": -1,
    "initializer_range": 0.02,
    "max_depth": 1,
    "model_type": "depth_anything",
    "neck_hidden_sizes": [48, 96, 192, 384],
    "patch_size": 14,
    "reassemble_factors": [4, 2, 1, 0.5],
    "reassemble_hidden_size": 384,
    "torch_dtype": "float32",
    "transformers_version": None,
    "use_pretrained_backbone": False,
}


@pytest.mark.parametrize(
    ("size", "version", "blocks"),
    [
        ("small", 1, [8, 9, 10, 11]),
        ("base", 1, [8, 9, 10, 11]),
        ("large", 1, [20, 21, 22, 23]),
        ("small", 2, [2, 5, 8, 11]),
        ("base", 2, [2, 5, 8, 11]),
        ("large", 2, [4, 11, 17, 23]),
        ("giant", 2, [9, 19, 29, 39]),
    ],
)
def test_a_released_size_reads_the_blocks_that_its_code_reads(size: Any, version: Any, blocks: list[int]) -> None:
    config = DepthAnythingConfig.from_size(size, version=version)
    assert config.backbone_config.out_indices == [block + 1 for block in blocks]


def test_overrides_replace_fields_of_the_model_and_of_its_encoder() -> None:
    config = DepthAnythingConfig.from_size(
        "base",
        depth_estimation_type="metric",
        max_depth=80.0,
        backbone_config={"drop_path_rate": 0.1},
    )
    assert (config.max_depth, config.backbone_config.drop_path_rate) == (80, 0.1)
    assert config.backbone_config.hidden_size == 768


def test_a_config_file_of_the_hub_gives_the_released_small_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(HUB_V2_SMALL))
    config = DepthAnythingConfig.from_pretrained(tmp_path)
    expected = DepthAnythingConfig.from_size("small", version=2)
    for field in ("neck_hidden_sizes", "fusion_hidden_size", "max_depth", "depth_estimation_type"):
        assert getattr(config, field) == getattr(expected, field)
    assert config.backbone_config.out_indices == expected.backbone_config.out_indices


def test_every_field_of_the_native_class_is_ours_too() -> None:
    native = transformers.DepthAnythingConfig()
    ours = DepthAnythingConfig()
    assert set(native.to_dict()) <= set(ours.to_dict())


@pytest.mark.parametrize("kind", [{}, {"depth_estimation_type": "metric", "max_depth": 80.0}])
def test_what_we_save_is_read_by_the_native_class_with_the_same_fields(tmp_path: Path, kind: dict[str, Any]) -> None:
    ours = DepthAnythingConfig.from_size("large", **kind)
    ours.save_pretrained(tmp_path)
    native = transformers.DepthAnythingConfig.from_pretrained(tmp_path)
    for field in ("patch_size", "reassemble_hidden_size", "fusion_hidden_size", "max_depth", "depth_estimation_type"):
        assert getattr(native, field) == ours.to_dict()[field]
    assert native.backbone_config.to_dict() == ours.backbone_config.to_dict()


def test_saving_and_loading_keeps_every_field(tmp_path: Path) -> None:
    config = DepthAnythingConfig.from_size("small", position_interpolation="native", gradient_weight=0.5)
    config.save_pretrained(tmp_path)
    assert DepthAnythingConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()


def test_encoder_fields_without_a_model_type_are_dinov2s() -> None:
    backbone = {"num_hidden_layers": 4, "out_indices": [1, 2, 3, 4], "reshape_hidden_states": False}
    config = DepthAnythingConfig(backbone_config={**backbone, "hidden_size": 384, "num_attention_heads": 6})
    assert isinstance(config.backbone_config, transformers.Dinov2Config)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"depth_estimation_type": "both"}, "choose one of relative, metric"),
        ({"position_interpolation": "linear"}, "choose one of official, native"),
        ({"gradient_weight": -1.0}, "gradient_weight must be a finite number >= 0"),
        ({"depth_estimation_type": "metric"}, "a metric model needs max_depth in metres"),
        ({"depth_estimation_type": "metric", "max_depth": 0}, "a metric model needs max_depth in metres"),
        ({"patch_size": 16}, "must be the same positive integer"),
        ({"reassemble_hidden_size": 768}, "must equal backbone_config.hidden_size 384"),
        ({"neck_hidden_sizes": [48, 96, 192]}, "give as many of one as of the other"),
        ({"reassemble_factors": [4, 2, 1]}, "a positive factor for each of the 4"),
        ({"reassemble_factors": [4, 2, 1, 0.3]}, "whole numbers or 1 over a whole number"),
        ({"fusion_hidden_size": 63}, "fusion_hidden_size must be even"),
        ({"head_in_index": 4}, "head_in_index 4 is outside"),
        ({"backbone_config": {"image_size": 500}}, "must be square and a multiple of patch_size 14"),
        ({"backbone_config": {"reshape_hidden_states": True}}, "reshape_hidden_states must be False"),
        ({"backbone_config": {"num_attention_heads": 5}}, "must be a multiple of its num_attention_heads 5"),
        ({"backbone_config": {"model_type": "resnet"}}, "has a DINOv2 encoder"),
        ({"backbone_config": {"num_attention_heads": 0}}, "num_attention_heads must be at least 1"),
        ({"backbone_config": {"hidden_act": "nope"}}, "no activation of transformers"),
        ({"neck_hidden_sizes": [], "backbone_config": {"out_indices": []}}, "at least one map"),
        ({"use_timm_backbone": True}, "give the encoder's fields as backbone_config"),
        ({"backbone": "facebook/dinov2-small"}, "give the encoder's fields as backbone_config"),
    ],
)
def test_fields_that_cannot_work_are_refused_with_what_to_do(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DepthAnythingConfig.from_size("small", **fields)


def test_a_relative_model_ignores_the_max_depth_of_a_native_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**HUB_V2_SMALL, "max_depth": 20}))
    config = DepthAnythingConfig.from_pretrained(tmp_path)
    assert config.max_depth is None
    assert config.to_dict()["max_depth"] == 1  # natively the output would be multiplied by it


def test_an_encoder_may_name_its_layers_and_give_its_patch_as_a_pair() -> None:
    encoder = {"out_features": ["stage1", "stage2", "stage5", "stage12"], "patch_size": [14, 14]}
    config = DepthAnythingConfig.from_size("small", backbone_config=encoder)
    assert config.backbone_config.out_indices == [1, 2, 5, 12]
    assert config.patch_size == config.backbone_config.patch_size == 14


def test_an_unknown_size_or_version_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="small, base, large, giant"):
        DepthAnythingConfig.from_size("tiny")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="choose 1"):
        DepthAnythingConfig.from_size("small", version=3)  # type: ignore[arg-type]
