from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_anything import demonstration
from depth_anything.modeling_depth_anything import DepthAnythingBackbone, DepthAnythingForDepthEstimation
from depth_anything.training.augmentation import TeacherView, TrainingTransform, TransformSettings
from depth_anything.training.corpora.sample import LabelKind, Sample
from depth_anything.training.crop_geometry import CropGeometry
from depth_anything.training.cutmix import CutMixSettings
from depth_anything.training.example_batches import stack_sides
from depth_anything.training.loss_settings import AlignmentView
from depth_anything.training.pseudo_labels import PseudoLabel
from depth_anything.training.pseudo_targets import LiveTargets
from depth_anything.training.student_preparation import ReferenceEncoder, StudentPreparation
from depth_anything.training.training_batch import TrainingBatch

SIZE = 56
MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


class BrightnessTeacher:
    """Takes what is bright for near; an image that is dark all over has no label."""

    def label(self, images: Sequence[Tensor] | Tensor) -> list[PseudoLabel]:
        labels = []
        for image in images:
            disparity = image.float().mean(0)
            labels.append(PseudoLabel(disparity if disparity.max() > -1.5 else torch.full_like(disparity, torch.nan)))
        return labels


def raw_batch(as_uint8: bool = False, num_images: int = 4) -> dict[str, dict[str, Tensor]]:
    generator = np.random.default_rng(0)
    depth_m = generator.uniform(1, 9, (70, 100)).astype(np.float32)
    transform = TrainingTransform(
        TransformSettings(crop_size=SIZE, as_uint8=as_uint8, cutmix=CutMixSettings(probability=0.7))
    )
    pictures = generator.integers(0, 256, (num_images, 70, 100, 3), np.uint8)
    unlabelled = [Sample(image=picture, kind=LabelKind.NONE, corpus="test", key="0") for picture in pictures]
    labelled = Sample(
        image=pictures[0], label=depth_m, valid=depth_m > 2, kind=LabelKind.METRIC_DEPTH, corpus="test", key="1"
    )
    return stack_sides([transform(labelled, 9)], [transform(sample, seed) for seed, sample in enumerate(unlabelled)])


def mixed_by_loop(values: Tensor, boxes: Tensor) -> Tensor:
    expected = values.clone()
    for index, (top, left, height, width) in enumerate(boxes.tolist()):
        rows, columns = slice(top, top + height), slice(left, left + width)
        expected[index, ..., rows, columns] = values[index ^ 1, ..., rows, columns]
    return expected


def test_everything_of_the_unlabelled_side_is_mixed_by_the_same_boxes() -> None:
    raw = raw_batch()
    batch = StudentPreparation(LiveTargets(BrightnessTeacher(), view=TeacherView.CROP))(raw)
    side = raw["unlabelled"]
    assert side["mix_box"].any(1).tolist().count(True) in (1, 2, 3)
    assert torch.equal(batch.student_pixels, mixed_by_loop(side["strong_pixel_values"], side["mix_box"]))
    assert torch.equal(batch.targets, mixed_by_loop(side["pixel_values"].mean(1), side["mix_box"]))
    assert batch.targets_valid.all()
    zeros = torch.arange(4.0)[:, None, None].expand(4, SIZE, SIZE)
    assert torch.equal(batch.inside, mixed_by_loop(zeros, side["mix_box"]) != zeros)
    assert batch.reference_features is None


def test_labelled_examples_pass_as_they_are() -> None:
    raw = raw_batch()
    batch = StudentPreparation(LiveTargets(BrightnessTeacher(), view=TeacherView.CROP))(raw)
    assert torch.equal(batch.labelled_pixels, raw["labelled"]["pixel_values"])
    assert torch.equal(batch.labels, raw["labelled"]["labels"])
    assert torch.equal(batch.labels_valid, raw["labelled"]["valid_mask"])
    alone = StudentPreparation()({"labelled": raw["labelled"]})
    assert alone.student_pixels is None
    assert alone.num_images == 1


def test_a_map_without_a_label_is_not_valid_where_it_is_mixed_in() -> None:
    raw = raw_batch()
    side = raw["unlabelled"]
    side["pixel_values"][1] = -2.0
    batch = StudentPreparation(LiveTargets(BrightnessTeacher(), view=TeacherView.CROP))(raw)
    has_label = torch.ones(4, SIZE, SIZE, dtype=torch.bool)
    has_label[1] = False
    assert torch.equal(batch.targets_valid, mixed_by_loop(has_label, side["mix_box"]))


def test_maps_of_whole_images_are_cut_as_the_examples_were() -> None:
    raw = raw_batch()
    side = raw["unlabelled"]
    whole = []
    for index in range(4):
        height, width, top, left, size, is_flipped = CropGeometry.from_tensor(side["geometry"][index])
        image = torch.randn(3, height, width)
        crop = side["pixel_values"][index]
        image[:, top : top + size, left : left + size] = crop.flip(-1) if is_flipped else crop
        whole.append(image)
    of_crops = StudentPreparation(LiveTargets(BrightnessTeacher(), view=TeacherView.CROP))(raw)
    raw["unlabelled"] = {**side, "whole_pixel_values": whole}  # a list: images have sizes of their own
    of_whole = StudentPreparation(LiveTargets(BrightnessTeacher()))(raw)
    assert torch.equal(of_whole.targets, of_crops.targets)


def test_stored_labels_are_mixed_in_place_of_a_teachers() -> None:
    raw = raw_batch()
    side = raw["unlabelled"]
    side["labels"], side["valid_mask"] = torch.rand(4, SIZE, SIZE), torch.rand(4, SIZE, SIZE) > 0.2
    batch = StudentPreparation()(raw)
    assert torch.equal(batch.targets, mixed_by_loop(side["labels"], side["mix_box"]))
    assert torch.equal(batch.targets_valid, mixed_by_loop(side["valid_mask"], side["mix_box"]))


def test_without_boxes_and_strong_views_the_clean_pixels_are_the_students() -> None:
    raw = raw_batch(num_images=3)
    side = raw["unlabelled"]
    del side["mix_box"], side["strong_pixel_values"]
    batch = StudentPreparation(LiveTargets(BrightnessTeacher(), view=TeacherView.CROP))(raw)
    assert batch.inside is None
    assert torch.equal(batch.student_pixels, side["pixel_values"])


def test_whole_grey_levels_are_normalised() -> None:
    raw = raw_batch(as_uint8=True)
    batch = StudentPreparation(LiveTargets(BrightnessTeacher(), view=TeacherView.CROP))(raw)
    levels = mixed_by_loop(raw["unlabelled"]["strong_pixel_values"], raw["unlabelled"]["mix_box"])
    torch.testing.assert_close(batch.student_pixels, (levels / 255 - MEAN) / STD, rtol=0, atol=1e-5)


@pytest.mark.parametrize("view", AlignmentView)
def test_the_frozen_encoder_sees_the_mixed_picture(
    tiny_model: DepthAnythingForDepthEstimation, view: AlignmentView
) -> None:
    raw = raw_batch()
    side = raw["unlabelled"]
    reference = ReferenceEncoder(tiny_model.backbone)
    targets = LiveTargets(BrightnessTeacher(), view=TeacherView.CROP)
    batch = StudentPreparation(targets, reference, alignment_view=view)(raw)
    seen = side["pixel_values" if view is AlignmentView.CLEAN else "strong_pixel_values"]
    with torch.no_grad():
        tokens = tiny_model.backbone(mixed_by_loop(seen, side["mix_box"])).feature_maps[-1]
    torch.testing.assert_close(batch.reference_features, tokens[:, 1:])
    assert batch.reference_features.shape == (4, 16, reference.width)


def test_nothing_of_a_batch_asks_for_a_gradient(tiny_model: DepthAnythingForDepthEstimation) -> None:
    class WithGradients(BrightnessTeacher):
        def label(self, images: Sequence[Tensor] | Tensor) -> list[PseudoLabel]:
            return [PseudoLabel(disparity) for disparity in tiny_model(images).predicted_depth]

    reference = ReferenceEncoder(demonstration.random_model().backbone)
    batch = StudentPreparation(LiveTargets(WithGradients(), view=TeacherView.CROP), reference)(raw_batch())
    assert isinstance(batch, TrainingBatch)
    assert not any(values.requires_grad for values in vars(batch).values() if values is not None)


def test_the_frozen_encoder_is_frozen_and_may_run_in_16_bits(tiny_model: DepthAnythingForDepthEstimation) -> None:
    tiny_model.train()
    pixels = torch.randn(2, 3, 28, 28)
    exact = ReferenceEncoder(tiny_model.backbone).features(pixels)
    assert not tiny_model.backbone.training
    assert not any(parameter.requires_grad for parameter in tiny_model.backbone.parameters())
    rounded = ReferenceEncoder(tiny_model.backbone, precision="bfloat16").features(pixels)
    assert not torch.equal(rounded, exact)
    torch.testing.assert_close(rounded.float(), exact, rtol=0.05, atol=0.05)


def test_an_encoder_without_its_last_layer_and_other_precisions_are_refused(
    tiny_model: DepthAnythingForDepthEstimation,
) -> None:
    with pytest.raises(ValueError, match="precision is 'int8', must be one of float32, bfloat16"):
        ReferenceEncoder(tiny_model.backbone, precision="int8")
    config = demonstration.tiny_config().backbone_config
    config.set_output_features_output_indices(None, [1, 2])
    with pytest.raises(ValueError, match=r"gives the layers \[1, 2\] of 4"):
        ReferenceEncoder(DepthAnythingBackbone(config))


def test_without_a_teacher_labels_have_to_be_stored() -> None:
    with pytest.raises(ValueError, match=r"no labels, only .*give a live teacher"):
        StudentPreparation()(raw_batch())
