"""The table of names between the official checkpoints and ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor

from depth_anything import DepthAnythingBackbone, DepthAnythingConfig, DepthAnythingForDepthEstimation
from depth_anything.official_weights import (
    WeightLayout,
    from_official_state_dict,
    from_our_state_dict,
    to_official_state_dict,
    to_our_state_dict,
    weight_layout,
)

Shapes = dict[str, list[int]]


def official_shapes(shared_dir: Path) -> dict[str, Shapes]:
    """Shape of every tensor of the authors' files by its name, under `v1_vits` to `v2_vitg`."""
    return json.loads((shared_dir / "golden" / "official_state_dict_shapes.json").read_text())


def on_meta(shapes: Shapes) -> dict[str, Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def assert_same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].equal(tensor), name


def encoder_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors below a prefix, without it: what a file with the encoder alone holds."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


@pytest.fixture(params=[False, True], ids=["mlp", "swiglu"])
def dinov2(request: pytest.FixtureRequest) -> transformers.Dinov2Model:
    """A tiny encoder of transformers' own class with random weights; the giant's feed-forward layers are SwiGLU."""
    torch.manual_seed(0)
    config = transformers.Dinov2Config(
        image_size=70,
        patch_size=14,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        use_swiglu_ffn=request.param,
        layerscale_value=0.5,
        reshape_hidden_states=False,
    )
    return transformers.Dinov2Model(config).eval()


@pytest.fixture
def dinov2_file(dinov2: transformers.Dinov2Model, tmp_path: Path) -> dict[str, Tensor]:
    """What transformers' own `save_pretrained` writes of `dinov2`."""
    dinov2.save_pretrained(tmp_path)
    return load_file(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "size", "version"),
    [
        ("v1_vits", "small", 1),
        ("v1_vitb", "base", 1),
        ("v1_vitl", "large", 1),
        ("v2_vits", "small", 2),
        ("v2_vitb", "base", 2),
        ("v2_vitl", "large", 2),
        ("v2_vitg", "giant", 2),
    ],
)
@pytest.mark.parametrize("kind", [{}, {"depth_estimation_type": "metric", "max_depth": 80}])
def test_every_official_tensor_has_its_place_and_shape_in_ours(
    shared_dir: Path, name: str, size: str, version: int, kind: dict[str, object]
) -> None:
    official = on_meta(official_shapes(shared_dir)[name])
    with torch.device("meta"):
        model = DepthAnythingForDepthEstimation(DepthAnythingConfig.from_size(size, version=version, **kind))  # type: ignore[arg-type]
    assert weight_layout(official) is WeightLayout.OFFICIAL
    assert shapes_of(from_official_state_dict(official)) == shapes_of(model.state_dict())
    assert shapes_of(to_official_state_dict(model.state_dict())) == shapes_of(official)


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


@pytest.mark.parametrize("layout", [WeightLayout.OFFICIAL, WeightLayout.TRANSFORMERS])
def test_every_layout_of_the_whole_network_is_recognised_and_undone(
    layout: WeightLayout, tiny_model: DepthAnythingForDepthEstimation
) -> None:
    ours = tiny_model.state_dict()
    theirs = from_our_state_dict(ours, layout)
    assert weight_layout(theirs) is layout
    assert_same(to_our_state_dict(theirs, layout), ours)


@pytest.mark.parametrize("layout", [WeightLayout.OFFICIAL_DINOV2, WeightLayout.TRANSFORMERS_DINOV2])
def test_every_layout_of_an_encoder_alone_is_recognised_and_undone(
    layout: WeightLayout, tiny_model: DepthAnythingForDepthEstimation
) -> None:
    ours = {name: tensor for name, tensor in tiny_model.state_dict().items() if name.startswith("backbone.")}
    theirs = from_our_state_dict(ours, layout)
    assert weight_layout(theirs) is layout
    assert layout.is_encoder_alone
    assert_same(to_our_state_dict(theirs, layout), ours)


def test_each_tensor_of_ours_comes_from_one_official_tensor_and_no_two_from_the_same_part(shared_dir: Path) -> None:
    official = on_meta(official_shapes(shared_dir)["v2_vitg"])
    found = [ours for name in official for ours in from_official_state_dict({name: official[name]})]
    assert len(found) == len(set(found))
    num_blocks = 40
    assert len(found) == len(official) + num_blocks * 2 * 2  # qkv.weight and qkv.bias become three each


def test_query_key_and_value_are_thirds_of_the_official_matrix_in_this_order() -> None:
    official = {"pretrained.blocks.7.attn.qkv.weight": torch.arange(12.0).view(6, 2)}
    prefix = "backbone.encoder.layer.7.attention.attention"
    assert_same(
        from_official_state_dict(official),
        {
            f"{prefix}.query.weight": torch.tensor([[0.0, 1.0], [2.0, 3.0]]),
            f"{prefix}.key.weight": torch.tensor([[4.0, 5.0], [6.0, 7.0]]),
            f"{prefix}.value.weight": torch.tensor([[8.0, 9.0], [10.0, 11.0]]),
        },
    )


@pytest.mark.parametrize("name", ["v2_vits", "v2_vitb", "v2_vitl", "v2_vitg"])
def test_an_official_dinov2_encoder_of_every_size_has_its_place_in_ours(shared_dir: Path, name: str) -> None:
    size = {"s": "small", "b": "base", "l": "large", "g": "giant"}[name[-1]]
    dinov2 = encoder_of(on_meta(official_shapes(shared_dir)[name]), "pretrained.")
    with torch.device("meta"):
        model = DepthAnythingForDepthEstimation(DepthAnythingConfig.from_size(size))  # type: ignore[arg-type]
    encoder = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("backbone.")}
    assert weight_layout(dinov2) is WeightLayout.OFFICIAL_DINOV2
    assert shapes_of(to_our_state_dict(dinov2, WeightLayout.OFFICIAL_DINOV2)) == shapes_of(encoder)
    assert shapes_of(from_our_state_dict(encoder, WeightLayout.OFFICIAL_DINOV2)) == shapes_of(dinov2)


def test_transformers_own_dinov2_file_is_our_encoder_and_gives_its_tokens(
    dinov2: transformers.Dinov2Model, dinov2_file: dict[str, Tensor]
) -> None:
    layout = weight_layout(dinov2_file)
    assert layout is WeightLayout.TRANSFORMERS_DINOV2
    ours = to_our_state_dict(dinov2_file, layout)
    assert_same(from_our_state_dict(ours, layout), dinov2_file)
    config = transformers.Dinov2Config.from_dict({**dinov2.config.to_dict(), "out_features": None, "out_indices": [3]})
    backbone = DepthAnythingBackbone(config).eval()
    backbone.load_state_dict(encoder_of(ours, "backbone."))
    # At the size that the encoder was trained at nothing is interpolated, on which the two classes differ.
    pixel_values = torch.randn(2, 3, 70, 70, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = dinov2(pixel_values).last_hidden_state
        (tokens,) = backbone(pixel_values).feature_maps
    torch.testing.assert_close(tokens, expected, atol=1e-5, rtol=1e-5)


def test_the_two_dinov2_formats_turn_into_each_other(dinov2_file: dict[str, Tensor]) -> None:
    ours = to_our_state_dict(dinov2_file, WeightLayout.TRANSFORMERS_DINOV2)
    official = from_our_state_dict(ours, WeightLayout.OFFICIAL_DINOV2)
    query, key, value = (
        dinov2_file[f"encoder.layer.2.attention.attention.{part}.weight"] for part in ("query", "key", "value")
    )
    assert official["blocks.2.attn.qkv.weight"].equal(torch.cat([query, key, value]))
    assert weight_layout(official) is WeightLayout.OFFICIAL_DINOV2
    assert_same(to_our_state_dict(official, WeightLayout.OFFICIAL_DINOV2), ours)


@pytest.mark.parametrize("layout", [WeightLayout.OFFICIAL_DINOV2, WeightLayout.TRANSFORMERS_DINOV2])
def test_a_decoder_has_no_place_in_an_encoders_file(
    layout: WeightLayout, tiny_model: DepthAnythingForDepthEstimation
) -> None:
    with pytest.raises(ValueError, match=r"DINOv2 encoder.* has no place for head\.conv1\.bias, .*, \.\.\."):
        from_our_state_dict(tiny_model.state_dict(), layout)


def test_the_metric_bins_checkpoint_of_v1_is_recognised_and_its_model_asked_for(
    tiny_model: DepthAnythingForDepthEstimation,
) -> None:
    # Names of depth_anything_metric_depth_indoor.pt: the whole relative network inside ZoeDepth's.
    core = {f"core.core.{name}": tensor for name, tensor in to_official_state_dict(tiny_model.state_dict()).items()}
    zoe = ("conv2.weight", "seed_bin_regressor._net.0.weight", "projectors.0._net.0.weight")
    zoe += ("attractors.0._net.0.weight", "conditional_log_binomial.mlp.0.weight")
    tensors = {**core, **{name: torch.zeros(1) for name in zoe}}
    layout = weight_layout(tensors)
    assert layout is WeightLayout.METRIC_BINS
    with pytest.raises(
        ValueError, match=r"ZoeDepth's metric-bins head: it needs the metric-bins model.* V2 .* do conv"
    ):
        to_our_state_dict(tensors, layout)
    with pytest.raises(ValueError, match="needs the metric-bins model"):
        from_our_state_dict(tiny_model.state_dict(), layout)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["layer1.0.conv1.weight", "fc.weight"], id="ResNet"),
        pytest.param([], id="nothing"),
        pytest.param(["patch_embed.proj.weight", "layers.0.blocks.0.attn.qkv.weight"], id="Swin"),
    ],
)
def test_another_network_is_no_layout_and_its_first_names_are_listed(names: list[str]) -> None:
    with pytest.raises(ValueError, match="neither Depth Anything nor DINOv2") as error:
        weight_layout(names)
    assert f"{', '.join(sorted(names))} ({len(names)} in all)" in str(error.value)


def test_the_register_tokens_of_the_other_dinov2_are_named_as_the_file_names_them(
    tiny_model: DepthAnythingForDepthEstimation,
) -> None:
    encoder = encoder_of(to_official_state_dict(tiny_model.state_dict()), "pretrained.")
    encoder["register_tokens"] = torch.zeros(1, 4, 32)
    with pytest.raises(ValueError, match=r": register_tokens"):
        to_our_state_dict(encoder, weight_layout(encoder))


@pytest.mark.parametrize("shape", [(), (1,), (2, 32)])
def test_a_qkv_that_cannot_be_split_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"pretrained\.blocks\.0\.attn\.qkv\.weight"):
        from_official_state_dict({"pretrained.blocks.0.attn.qkv.weight": torch.zeros(shape)})
