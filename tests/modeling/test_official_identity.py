"""Which network a file of bare tensors is of: names, shapes, statements, and what nobody can know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation
from depth_anything.checkpoint_lookup import CheckpointError
from depth_anything.official_identity import (
    Release,
    Statement,
    architecture_of,
    identified_config,
    named_release,
    size_by_shapes,
)
from depth_anything.official_weights import from_official_state_dict

# The authors' files and Hub repositories: size, version, range in metres.
RELEASED_NAMES: dict[str, tuple[str, int, float | None]] = {
    "depth_anything_vits14": ("small", 1, None),
    "depth_anything_vitb14": ("base", 1, None),
    "depth_anything_vitl14": ("large", 1, None),
    "depth_anything_v2_vits": ("small", 2, None),
    "depth_anything_v2_vitb": ("base", 2, None),
    "depth_anything_v2_vitl": ("large", 2, None),
    "depth_anything_v2_vitg": ("giant", 2, None),
    "depth_anything_v2_metric_hypersim_vits": ("small", 2, 20),
    "depth_anything_v2_metric_hypersim_vitb": ("base", 2, 20),
    "depth_anything_v2_metric_hypersim_vitl": ("large", 2, 20),
    "depth_anything_v2_metric_vkitti_vits": ("small", 2, 80),
    "depth_anything_v2_metric_vkitti_vitb": ("base", 2, 80),
    "depth_anything_v2_metric_vkitti_vitl": ("large", 2, 80),
    "Depth-Anything-V2-Small": ("small", 2, None),
    "Depth-Anything-V2-Base": ("base", 2, None),
    "Depth-Anything-V2-Large": ("large", 2, None),
    "Depth-Anything-V2-Giant": ("giant", 2, None),
    "Depth-Anything-V2-Metric-Hypersim-Small": ("small", 2, 20),
    "Depth-Anything-V2-Metric-Hypersim-Base": ("base", 2, 20),
    "Depth-Anything-V2-Metric-Hypersim-Large": ("large", 2, 20),
    "Depth-Anything-V2-Metric-VKITTI-Small": ("small", 2, 80),
    "Depth-Anything-V2-Metric-VKITTI-Base": ("base", 2, 80),
    "Depth-Anything-V2-Metric-VKITTI-Large": ("large", 2, 80),
}

# Ids in transformers' format, as the Hub has them.
CHECKPOINTS: dict[str, tuple[str, int, float | None]] = {
    "LiheYoung/depth-anything-small-hf": ("small", 1, None),
    "LiheYoung/depth-anything-base-hf": ("base", 1, None),
    "LiheYoung/depth-anything-large-hf": ("large", 1, None),
    "depth-anything/Depth-Anything-V2-Small-hf": ("small", 2, None),
    "depth-anything/Depth-Anything-V2-Base-hf": ("base", 2, None),
    "depth-anything/Depth-Anything-V2-Large-hf": ("large", 2, None),
    "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf": ("small", 2, 20),
    "depth-anything/Depth-Anything-V2-Metric-Indoor-Base-hf": ("base", 2, 20),
    "depth-anything/Depth-Anything-V2-Metric-Indoor-Large-hf": ("large", 2, 20),
    "depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf": ("small", 2, 80),
    "depth-anything/Depth-Anything-V2-Metric-Outdoor-Base-hf": ("base", 2, 80),
    "depth-anything/Depth-Anything-V2-Metric-Outdoor-Large-hf": ("large", 2, 80),
}

V2_SMALL = Release(size="small", version=2)


@pytest.fixture(scope="module")
def small_tensors() -> dict[str, Tensor]:
    """Every tensor of a ViT-S network under our names, without memory."""
    with torch.device("meta"):
        return DepthAnythingForDepthEstimation(DepthAnythingConfig.from_size("small")).state_dict()


@pytest.mark.parametrize("name", RELEASED_NAMES)
@pytest.mark.parametrize("precision", ["", "_fp16", "_fp32", "_bf16", "-FP16"])
def test_the_name_of_a_release_says_size_version_and_range(name: str, precision: str) -> None:
    size, version, max_depth_m = RELEASED_NAMES[name]
    assert named_release([name + precision]) == Release(size=size, version=version, max_depth_m=max_depth_m)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "latest",
        "depth_anything",
        "depth_anything_v2_vits_finetuned",
        "finetuned_depth_anything_v2_vits",
        "depth_anything_v2_vits (1)",
        "depth_anything_v2_vits14",
        "depth_anything_v2_vits_fp8",
        "depth_anything_v2_vitx",
        "depth_anything_v3_vits",
        "depth_anything_vits",  # not V1's name, and one underscore away from V2's
        "depth_anything_vitg14",
        "depth_anything_v2_metric_vits",
        "depth_anything_v2_metric_hypersim",
        "depth_anything_v2_metric_hypersim_vitg",
        "depth_anything_v2_metric_nyu_vits",
        "depth_anything_v2_vits_metric_hypersim",
        "depth_anything_metric_depth_indoor",  # the metric-bins model of V1
        "video_depth_anything_vits",
        "metric_video_depth_anything_vits",
        "dinov2_vits14_pretrain",
        "distill_any_depth_vits",
    ],
)
def test_a_name_that_is_only_like_a_releases_says_nothing(name: str) -> None:
    assert named_release([name]) is None


def test_the_first_telling_name_decides() -> None:
    names = ["pytorch_model", "depth_anything_v2_metric_vkitti_vitb", "depth_anything_vitl14"]
    assert named_release(names) == Release(size="base", version=2, max_depth_m=80)
    assert named_release([]) is None


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_each_release_knows_its_checkpoint_in_transformers_format(checkpoint: str) -> None:
    size, version, max_depth_m = CHECKPOINTS[checkpoint]
    release = Release(size=size, version=version, max_depth_m=max_depth_m)
    assert release.checkpoint == checkpoint
    assert release.depth_type == ("relative" if max_depth_m is None else "metric")


def test_v2_giant_was_never_released_in_transformers_format() -> None:
    assert Release(size="giant", version=2).checkpoint is None


@pytest.mark.parametrize("name", ["v1_vits", "v1_vitb", "v1_vitl", "v2_vits", "v2_vitb", "v2_vitl", "v2_vitg"])
def test_the_shapes_of_the_authors_files_say_the_size(shared_dir: Path, name: str) -> None:
    shapes = json.loads((shared_dir / "golden" / "official_state_dict_shapes.json").read_text())[name]
    official = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    size = {"s": "small", "b": "base", "l": "large", "g": "giant"}[name[-1]]
    tensors = from_official_state_dict(official)
    assert size_by_shapes(tensors) == size
    encoder = {name: tensor for name, tensor in tensors.items() if name.startswith("backbone.")}
    assert size_by_shapes(encoder) == size


def test_other_shapes_are_of_no_released_size(tiny_model: DepthAnythingForDepthEstimation) -> None:
    assert size_by_shapes(tiny_model.state_dict()) is None
    assert size_by_shapes({}) is None


def test_a_decoder_of_another_size_than_its_encoder_is_of_no_released_size(small_tensors: dict[str, Tensor]) -> None:
    wide = {"neck.convs.0.weight": torch.empty(128, 48, 3, 3, device="meta")}
    assert size_by_shapes({**small_tensors, **wide}) is None


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("size", ["small", "base", "large", "giant"])
def test_the_architecture_of_a_configuration_is_found_again(size: Any, version: Any) -> None:
    config = DepthAnythingConfig.from_size(size, version=version)
    assert architecture_of(config) == Release(size=size, version=version)
    metric = DepthAnythingConfig.from_size(size, version=version, depth_estimation_type="metric", max_depth=7)
    assert architecture_of(metric) == Release(size=size, version=version, max_depth_m=7)


@pytest.mark.parametrize(
    "overrides",
    [
        {"fusion_hidden_size": 32},
        {"neck_hidden_sizes": [48, 96, 192, 192]},
        {"backbone_config": {"num_attention_heads": 12}},
        {"backbone_config": {"out_indices": [1, 2, 3, 4]}},
        {"backbone_config": {"image_size": 224}},
    ],
)
def test_a_configuration_that_differs_in_one_field_is_no_released_architecture(overrides: dict[str, Any]) -> None:
    assert architecture_of(DepthAnythingConfig.from_size("small", **overrides)) is None


@pytest.mark.parametrize("name", RELEASED_NAMES)
def test_a_releases_name_and_shapes_give_its_whole_configuration(shared_dir: Path, name: str) -> None:
    size, version, max_depth_m = RELEASED_NAMES[name]
    shapes = json.loads((shared_dir / "golden" / "official_state_dict_shapes.json").read_text())[f"v2_vit{size[0]}"]
    official = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    config, release = identified_config(
        from_official_state_dict(official), Statement(), named_release([name]), f"{name}.pth"
    )
    blocks = {  # 0-based, as the authors' code prints them
        ("small", 1): [8, 9, 10, 11],
        ("small", 2): [2, 5, 8, 11],
        ("base", 1): [8, 9, 10, 11],
        ("base", 2): [2, 5, 8, 11],
        ("large", 1): [20, 21, 22, 23],
        ("large", 2): [4, 11, 17, 23],
        ("giant", 2): [9, 19, 29, 39],
    }
    heads = {"small": 6, "base": 12, "large": 16, "giant": 24}
    backbone: Any = config.backbone_config
    assert [index - 1 for index in backbone.out_indices] == blocks[size, version]
    assert backbone.num_attention_heads == heads[size]
    assert config.depth_estimation_type == ("relative" if max_depth_m is None else "metric")
    assert config.max_depth == max_depth_m
    assert release == Release(size=size, version=version, max_depth_m=max_depth_m)


@pytest.mark.parametrize(
    ("named", "stated", "expected"),
    [
        (V2_SMALL, Statement(version=1), Release(size="small", version=1)),
        (V2_SMALL, Statement(max_depth_m=35.5), Release(size="small", version=2, max_depth_m=35.5)),
        (
            Release(size="small", version=2, max_depth_m=20),
            Statement(max_depth_m=80),
            Release(size="small", version=2, max_depth_m=80),
        ),
        (Release(size="small", version=2, max_depth_m=20), Statement(depth_type="relative"), V2_SMALL),
        (Release(size="base", version=2), Statement(), V2_SMALL),
        (None, Statement(size="vits", version=2, depth_type="relative"), V2_SMALL),
        (
            None,
            Statement(version=1, depth_type="metric", max_depth_m=5),
            Release(size="small", version=1, max_depth_m=5),
        ),
    ],
    ids=["version", "range", "other range", "relative", "size by shapes, not name", "official size", "all"],
)
def test_a_statement_overrides_the_name_and_the_file_is_no_release_then(
    named: Release | None, stated: Statement, expected: Release, small_tensors: dict[str, Tensor]
) -> None:
    config, release = identified_config(small_tensors, stated, named, "it")
    assert architecture_of(config) == expected
    assert release is None


def test_a_statement_that_repeats_the_name_changes_nothing(small_tensors: dict[str, Tensor]) -> None:
    named = Release(size="small", version=2, max_depth_m=20)
    stated = Statement(size="small", version=2, depth_type="metric", max_depth_m=20.0)
    assert identified_config(small_tensors, stated, named, "it")[1] == named


@pytest.mark.parametrize(
    ("named", "stated", "message"),
    [
        (None, Statement(), r"say --version 1 or --version 2 \(in Python: version\)"),
        (None, Statement(depth_type="relative"), r"say --version 1 or --version 2"),
        (None, Statement(version=2), r"say --depth-type relative, or --depth-type metric and --max-depth \(in Py"),
        (None, Statement(version=2, depth_type="metric"), r"say --max-depth in metres, 20 .* 80 .*in Python: max_dep"),
        (V2_SMALL, Statement(depth_type="metric"), r"say --max-depth in metres"),
    ],
)
def test_what_nobody_says_is_an_error_that_names_the_flag_and_the_file(
    named: Release | None, stated: Statement, message: str, small_tensors: dict[str, Tensor]
) -> None:
    with pytest.raises(CheckpointError, match=message) as error:
        identified_config(small_tensors, stated, named, "'my.pth'")
    assert "'my.pth'" in str(error.value)


def test_another_size_is_described_and_its_configuration_asked_for(
    tiny_model: DepthAnythingForDepthEstimation,
) -> None:
    with pytest.raises(CheckpointError, match=r"hidden_size 32, num_layers 4, .* config\.json by --config \(in Pyth"):
        identified_config(tiny_model.state_dict(), Statement(), V2_SMALL, "'my.pth'")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": "huge"}, "size 'huge' is not known; choose small, base, large, giant, vits, vitb, vitl, vitg"),
        ({"version": 3}, r"version 3 is not known; choose 1 \(last four blocks\) or 2 \(spread blocks\)"),
        ({"depth_type": "disparity"}, "depth_type 'disparity' is not known; choose relative or metric"),
        ({"depth_type": "relative", "max_depth_m": 20}, "max_depth 20 is of a metric model, but depth_type is"),
    ],
)
def test_a_statement_that_cannot_be_true_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Statement(**fields)


@pytest.mark.parametrize("max_depth_m", [0, -5, float("nan"), float("inf")])
def test_a_range_that_is_none_is_refused_and_not_ignored(max_depth_m: float) -> None:
    with pytest.raises(ValueError, match="max_depth"):
        Statement(max_depth_m=max_depth_m)
