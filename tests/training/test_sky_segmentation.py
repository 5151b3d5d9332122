from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from transformers import SegformerConfig, SegformerForSemanticSegmentation
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

from depth_anything.checkpoint_lookup import CheckpointError
from depth_anything.training.sky_segmentation import SkySegmenter, sky_classes, with_sky
from depth_anything.training.teacher_loading import load_sky_segmenter, load_teacher


def segformer(names: list[str]) -> SegformerForSemanticSegmentation:
    torch.manual_seed(0)
    config = SegformerConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 16], patch_sizes=[7, 3],
        strides=[4, 2], num_attention_heads=[1, 2], mlp_ratios=[2, 2], decoder_hidden_size=16,
        id2label=dict(enumerate(names)), label2id={name: number for number, name in enumerate(names)},
    )  # fmt: skip
    model = SegformerForSemanticSegmentation(config).eval()
    for module in model.modules():  # outputs that differ from place to place, which small random weights do not give
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.normal_(module.weight, std=0.5)
    return model


def image(height: int = 70, width: int = 98) -> torch.Tensor:
    coarse = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(1))
    return F.interpolate(coarse, (height, width), mode="bicubic")


def test_sky_is_what_transformers_own_way_calls_sky_but_for_borders() -> None:
    names = ["wall", "sky", "tree", "road"]
    model = segformer(names)
    sky = SkySegmenter(model)(image())
    with torch.no_grad():
        logits = F.interpolate(model(image()).logits, (70, 98), mode="bilinear", align_corners=False)
    expected = logits.argmax(1) == 1
    assert sky.dtype == torch.bool
    assert sky.shape == (2, 70, 98)
    assert 0.02 < expected.float().mean() < 0.9
    assert not (sky & ~expected).any(), "no sky that transformers does not find"
    assert (expected & ~sky).float().mean() < 0.1 * expected.float().mean()


def test_every_class_called_sky_counts_and_a_skyscraper_does_not() -> None:
    assert sky_classes({0: "building", 1: "Sky", 2: "skyscraper", 3: "sky-other-merged"}) == [1, 3]
    with pytest.raises(
        ValueError, match=r"has 2 classes \(building, skyscraper\) and none beside others is called sky"
    ):
        sky_classes({0: "building", 1: "skyscraper"})
    with pytest.raises(ValueError, match="none beside others is called sky"):
        sky_classes({0: "sky"})
    with pytest.raises(ValueError, match="has 0 classes"):
        SkySegmenter(nn.Linear(1, 1))


def test_labelled_sky_keeps_its_label() -> None:
    disparity = torch.tensor([[0.5, 0.7, 0.0, 0.0]])
    valid = torch.tensor([[True, True, False, False]])
    sky = torch.tensor([[False, True, True, False]])
    labels, mask = with_sky(disparity, valid, sky)
    torch.testing.assert_close(labels, torch.tensor([[0.5, 0.7, 0.0, 0.0]]))
    assert mask.tolist() == [[True, True, True, False]]
    labels, _ = with_sky(torch.full((1, 4), 9.0), valid, sky)
    assert labels.tolist() == [[9, 9, 0, 9]]


def test_a_segmenter_is_loaded_with_its_own_normalisation_and_identity(tmp_path: Path) -> None:
    model = segformer(["wall", "sky", "tree"])
    model.save_pretrained(tmp_path / "segformer")
    SegformerImageProcessorPil(image_mean=[0.5, 0.5, 0.5], image_std=[0.25, 0.25, 0.25]).save_pretrained(
        tmp_path / "segformer"
    )
    loaded = load_sky_segmenter(str(tmp_path / "segformer"), device="cpu")
    assert loaded.normalisation.mean == (0.5, 0.5, 0.5)
    assert loaded.identity.name == "segformer"
    as_seen: list[torch.Tensor] = []
    loaded.network.register_forward_pre_hook(lambda _, arguments: as_seen.append(arguments[0]))
    levels = torch.full((1, 3, 28, 28), 255, dtype=torch.uint8)
    loaded(levels)
    torch.testing.assert_close(as_seen[0], torch.full((1, 3, 28, 28), 2.0))


def test_a_checkpoint_without_sky_or_of_another_task_is_refused(tmp_path: Path, tiny_checkpoint: Path) -> None:
    segformer(["wall", "tree"]).save_pretrained(tmp_path / "no-sky")
    with pytest.raises(CheckpointError, match=r"'.*no-sky' cannot find the sky: .* 2 classes \(wall, tree\)"):
        load_sky_segmenter(str(tmp_path / "no-sky"), device="cpu")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load_sky_segmenter(str(tiny_checkpoint), device="cpu")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load_teacher(str(tmp_path / "no-sky"), device="cpu")
    with pytest.raises(CheckpointError, match="does not exist"):
        load_teacher(str(tmp_path / "nowhere"), device="cpu")


def test_a_teacher_is_loaded_with_its_identity_and_a_metric_one_is_refused(tiny_checkpoint: Path) -> None:
    teacher = load_teacher(str(tiny_checkpoint), device="cpu", has_confidence=True, max_batch=4)
    assert teacher.identity.name == "tiny-checkpoint"
    assert teacher.max_batch == 4
    assert teacher.label([torch.zeros(3, 28, 28)])[0].confidence is not None
    config = tiny_checkpoint / "config.json"
    text = config.read_text().replace('"depth_estimation_type": "relative"', '"depth_estimation_type": "metric"')
    config.write_text(text.replace('"max_depth": null', '"max_depth": 20'))
    with pytest.raises(CheckpointError, match="predicts metres; a teacher has to predict disparity"):
        load_teacher(str(tiny_checkpoint), device="cpu")


def test_a_depth_model_that_predicts_depth_is_no_teacher(tmp_path: Path) -> None:
    from transformers import GLPNConfig, GLPNForDepthEstimation

    config = GLPNConfig(
        num_encoder_blocks=1, depths=[1], sr_ratios=[1], hidden_sizes=[8], patch_sizes=[7], strides=[4],
        num_attention_heads=[1], mlp_ratios=[2], decoder_hidden_size=8,
    )  # fmt: skip
    GLPNForDepthEstimation(config).save_pretrained(tmp_path / "glpn")
    with pytest.raises(CheckpointError, match=r"\(glpn\) is not known to predict relative disparity"):
        load_teacher(str(tmp_path / "glpn"), device="cpu")


def test_a_dpt_of_midas_is_a_teacher_at_its_own_square(tmp_path: Path) -> None:
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32, image_size=64, patch_size=16,
        backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, is_hybrid=False,
    )  # fmt: skip
    DPTForDepthEstimation(config).save_pretrained(tmp_path / "dpt")
    teacher = load_teacher(str(tmp_path / "dpt"), device="cpu")
    assert teacher.input_size == (64, 64)
    (label,) = teacher.label([torch.randn(3, 70, 98)])
    assert label.disparity.shape == (70, 98)
    assert label.disparity.isfinite().all()


def test_labels_of_levels_and_floats_are_alike_for_the_sky_too() -> None:
    network = nn.Module()
    network.config = SimpleNamespace(id2label={0: "ground", 1: "sky"})
    network.forward = lambda pixels: SimpleNamespace(logits=torch.stack([0 * pixels[:, 0], pixels[:, 0]], 1))
    levels = torch.randint(0, 256, (1, 3, 14, 14), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    mean, std = torch.tensor([0.485, 0.456, 0.406])[:, None, None], torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    sky = SkySegmenter(network)
    assert (sky(levels) == sky((levels / 255 - mean) / std)).all()
    assert (sky(levels) == (levels[:, 0] / 255 > 0.485)).all()
