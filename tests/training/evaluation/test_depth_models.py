from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import BeitConfig, DPTConfig, GLPNConfig, PreTrainedConfig, ZoeDepthConfig
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil
from transformers.models.glpn.image_processing_pil_glpn import GLPNImageProcessorPil
from transformers.models.zoedepth.image_processing_pil_zoedepth import ZoeDepthImageProcessorPil

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation, DepthAnythingImageProcessor
from depth_anything.checkpoint_lookup import CheckpointError, find_checkpoint
from depth_anything.training.evaluation.declared_kind import PredictionKindError, declared_kind
from depth_anything.training.evaluation.depth_models import DepthModel, ModelChoices, load_depth_model
from depth_anything.training.evaluation.scoring_rule import PredictionKind

CPU = torch.device("cpu")
DISPARITY, METRES = PredictionKind.RELATIVE_DISPARITY, PredictionKind.METRIC_DEPTH


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)


@pytest.fixture
def small_checkpoint(tiny_checkpoint: Path) -> Path:
    """The tiny network behind a processor of small pictures, of another size than its position grid."""
    DepthAnythingImageProcessor(size={"height": 84, "width": 84}).save_pretrained(tiny_checkpoint)
    return tiny_checkpoint


def zoedepth(folder: Path) -> None:
    encoder = BeitConfig(
        image_size=64,
        num_hidden_layers=4,
        hidden_size=32,
        intermediate_size=64,
        num_attention_heads=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
    )
    config = ZoeDepthConfig(
        backbone_config=encoder,
        neck_hidden_sizes=[8, 16, 16, 16],
        fusion_hidden_size=16,
        bottleneck_features=16,
        num_relative_features=8,
        bin_embedding_dim=8,
        num_patch_transformer_layers=1,
        patch_transformer_hidden_size=16,
        patch_transformer_intermediate_size=16,
        patch_transformer_num_attention_heads=2,
        num_attractors=[2, 2, 2, 2],
        bin_configurations=[{"n_bins": 8, "min_depth": 0.1, "max_depth": 10.0, "name": "nyu"}],
    )
    transformers.ZoeDepthForDepthEstimation(config).save_pretrained(folder)
    ZoeDepthImageProcessorPil(size={"height": 64, "width": 64}, ensure_multiple_of=32).save_pretrained(folder)


def dpt(folder: Path) -> None:
    config = DPTConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 16, 16, 16],
        fusion_hidden_size=16,
    )
    transformers.DPTForDepthEstimation(config).save_pretrained(folder)
    DPTImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)


def glpn(folder: Path) -> None:
    config = GLPNConfig(
        hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=16
    )
    transformers.GLPNForDepthEstimation(config).save_pretrained(folder)
    GLPNImageProcessorPil().save_pretrained(folder)


def load(folder: Path, **choices: Any) -> DepthModel:
    return load_depth_model(find_checkpoint(folder, model_type=None), ModelChoices(**choices), CPU)


@pytest.mark.parametrize(("save", "kind"), [(zoedepth, METRES), (dpt, DISPARITY), (glpn, METRES)])
def test_any_depth_network_of_transformers_runs_and_says_what_it_predicts(
    tmp_path: Path, picture: NDArray[np.uint8], save: Callable[[Path], None], kind: PredictionKind
) -> None:
    torch.manual_seed(0)
    save(tmp_path)
    model = load(tmp_path)
    assert model.kind is kind
    pixel_values = model.prepare(picture)[None]
    expected = transformers.AutoModelForDepthEstimation.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        torch.testing.assert_close(model.predict(pixel_values, False), expected(pixel_values).predicted_depth)


def test_zoedepth_is_prepared_without_its_mirrored_border(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    zoedepth(tmp_path)
    processor = ZoeDepthImageProcessorPil.from_pretrained(tmp_path)
    assert processor.do_pad
    plain = processor(picture, return_tensors="pt", do_pad=False)["pixel_values"][0]
    model = load(tmp_path)
    torch.testing.assert_close(model.prepare(picture), plain, atol=0, rtol=0)
    assert model.identity["preprocessing"]["do_pad"] is False


@pytest.mark.parametrize("size", [(84, 112), (70, 98)])
def test_transformers_own_network_and_ours_with_its_interpolation_are_equal(
    small_checkpoint: Path, size: tuple[int, int]
) -> None:
    pixel_values = torch.randn((2, 3, *size), generator=torch.Generator().manual_seed(0))
    ours, official = (load(small_checkpoint, position_interpolation=name) for name in ("native", "official"))
    native = load(small_checkpoint, is_native_model=True)
    assert type(native.network) is transformers.DepthAnythingForDepthEstimation
    assert type(ours.network) is DepthAnythingForDepthEstimation
    expected = native.predict(pixel_values, True)
    torch.testing.assert_close(ours.predict(pixel_values, True), expected, atol=1e-6, rtol=1e-6)
    assert (official.predict(pixel_values, True) - expected).abs().max() > 1e-5, "sizes that tell the two apart"


def test_the_native_processor_is_transformers_own(small_checkpoint: Path, picture: NDArray[np.uint8]) -> None:
    model = load(small_checkpoint, is_native_processor=True)
    assert type(model.processor) is DPTImageProcessorPil
    expected = DPTImageProcessorPil.from_pretrained(small_checkpoint)(picture, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(model.prepare(picture), expected[0])


def test_a_mirrored_prediction_is_turned_back_and_averaged() -> None:
    class FirstColumns(nn.Module):
        """Predicts the picture's red channel, and 1 more in the left half of what it sees."""

        config = SimpleNamespace(model_type="zoedepth")
        device, dtype = CPU, torch.float32

        def forward(self, pixel_values: Tensor) -> Any:
            left = torch.arange(pixel_values.shape[-1]) < pixel_values.shape[-1] // 2
            return SimpleNamespace(predicted_depth=pixel_values[:, 0] + left.float())

    pixel_values = torch.rand((1, 3, 4, 6), generator=torch.Generator().manual_seed(0))
    model = DepthModel(FirstColumns(), None, METRES, {})  # type: ignore[arg-type]
    torch.testing.assert_close(model.predict(pixel_values, True), pixel_values[:, 0] + 0.5)


def test_depth_pro_is_brought_to_metres_by_its_field_of_view() -> None:
    class Canonical(nn.Module):
        config = SimpleNamespace(model_type="depth_pro")
        device, dtype = CPU, torch.float32

        def forward(self, pixel_values: Tensor) -> Any:
            return SimpleNamespace(predicted_depth=pixel_values[:, 0], field_of_view=torch.tensor([60.0, 90.0]))

    inverse = torch.rand((2, 3, 4, 6), generator=torch.Generator().manual_seed(0)) + 0.1
    found = DepthModel(Canonical(), None, METRES, {}).predict(inverse, False)  # type: ignore[arg-type]
    for image, degrees in enumerate((60.0, 90.0)):
        focal_per_width = 0.5 / np.tan(np.deg2rad(degrees) / 2)
        torch.testing.assert_close(found[image], focal_per_width / inverse[image, 0])


def test_a_processor_that_pads_is_cut_off(tiny_checkpoint: Path, picture: NDArray[np.uint8]) -> None:
    DepthAnythingImageProcessor(resize_method="pad").save_pretrained(tiny_checkpoint)
    model = load(tiny_checkpoint)
    pixel_values = model.prepare(picture)
    assert pixel_values.shape == (3, 98, 140)
    assert model.without_border(pixel_values[0], (96, 128)).shape == (96, 128)
    torch.testing.assert_close(model.without_border(pixel_values[0], (96, 128)), pixel_values[0, 1:97, 6:134])
    with pytest.raises(CheckpointError, match="leave out --native-processor"):
        load(tiny_checkpoint, is_native_processor=True)


def test_the_input_size_is_that_of_the_choice(small_checkpoint: Path, picture: NDArray[np.uint8]) -> None:
    assert load(small_checkpoint).prepare(picture).shape == (3, 84, 112)
    assert load(small_checkpoint, input_size=56).prepare(picture).shape == (3, 56, 70)


def test_depth_anything_states_its_kind_in_its_configuration() -> None:
    assert declared_kind(DepthAnythingConfig(), None) is DISPARITY
    metric = DepthAnythingConfig(depth_estimation_type="metric", max_depth=20)
    assert declared_kind(metric, METRES) is METRES
    native = transformers.DepthAnythingConfig(depth_estimation_type="metric", max_depth=20)
    assert declared_kind(native, None) is METRES
    with pytest.raises(PredictionKindError, match=r"--predicts is relative_disparity, but .* says metric_depth"):
        declared_kind(metric, DISPARITY)


def test_a_silent_configuration_needs_the_users_word() -> None:
    class SilentConfig(PreTrainedConfig):
        model_type = "silent"

    with pytest.raises(PredictionKindError, match="type 'silent' does not say what it predicts: give --predicts rel"):
        declared_kind(SilentConfig(), None)
    assert declared_kind(SilentConfig(), METRES) is METRES
    assert declared_kind(DPTConfig(), METRES) is METRES, "DPT's kind is a custom, which a user may overrule"


def test_what_is_no_depth_network_is_refused(tmp_path: Path, small_checkpoint: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="model_type 'bert', which predicts no depth; transformers has"):
        load(tmp_path)
    dpt(tmp_path)
    with pytest.raises(ValueError, match="--native-model are of Depth Anything"):
        load(tmp_path, is_native_model=True)
    (small_checkpoint / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load(small_checkpoint)


def test_choices_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="position_interpolation 'official' is of our network"):
        ModelChoices(is_native_model=True, position_interpolation="official")
    with pytest.raises(ValueError, match="input_size 56 is of our image processor"):
        ModelChoices(is_native_processor=True, input_size=56)
