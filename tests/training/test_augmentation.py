from __future__ import annotations

import hashlib
import io
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from depth_anything.training.augmentation import VALIDATION, TargetKind, TrainingTransform, TransformSettings
from depth_anything.training.corpora.sample import (
    LabelKind,
    RawSample,
    Reason,
    Sample,
    SampleError,
    metric_target,
    training_target,
)
from depth_anything.training.corpora.sample_decoding import decode_sample
from depth_anything.training.corpora.stored_label import StoredLabel
from depth_anything.training.crop_geometry import CropGeometry, cut_label, cut_map
from depth_anything.training.student_view import StudentViewSettings

SIZE = 56
MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
PLAIN = TransformSettings(crop_size=SIZE, student_view=None)
SEEDS_APART = """
import hashlib, sys
import numpy as np
from depth_anything.training.augmentation import TrainingTransform, TransformSettings
from depth_anything.training.corpora.sample import LabelKind, Sample
image = np.random.default_rng(5).integers(0, 256, (70, 100, 3), np.uint8)
sample = Sample(image=image, kind=LabelKind.NONE, corpus="test", key="0")
transform = TrainingTransform(TransformSettings(crop_size=56))
digest = hashlib.sha256()
for seed in range(12):
    for values in transform(sample, seed).values():
        digest.update(values.numpy().tobytes())
sys.stdout.write(digest.hexdigest())
"""


def unlabelled(height: int = 70, width: int = 100) -> Sample:
    image = np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)
    return Sample(image=image, kind=LabelKind.NONE, corpus="test", key="0")


def labelled(kind: LabelKind = LabelKind.METRIC_DEPTH) -> Sample:
    """Depth from 1 to 9 m with holes, and sky above."""
    generator = np.random.default_rng(6)
    label = (1 + 8 * generator.random((70, 100))).astype(np.float32)
    valid = generator.random((70, 100)) > 0.3
    sky = np.zeros((70, 100), bool)
    sky[:9] = True
    valid &= ~sky
    return replace(unlabelled(), label=label * valid, valid=valid, sky=sky, kind=kind)


def geometry_of(example: dict[str, torch.Tensor]) -> CropGeometry:
    return CropGeometry.from_tensor(example["geometry"])


def test_an_unlabelled_sample_becomes_two_views_of_one_geometry() -> None:
    nothing = StudentViewSettings(jitter_probability=0, grey_probability=0, blur_probability=0)
    example = TrainingTransform(replace(PLAIN, student_view=nothing))(unlabelled(), seed=3)
    assert {name: (values.dtype, tuple(values.shape)) for name, values in example.items()} == {
        "pixel_values": (torch.float32, (3, SIZE, SIZE)),
        "strong_pixel_values": (torch.float32, (3, SIZE, SIZE)),
        "geometry": (torch.int32, (6,)),
        "mix_box": (torch.int32, (4,)),
    }
    # The strong view is cut off at black and white, which bicubic resizing passes.
    within = (example["pixel_values"] * STD + MEAN).clamp(0, 1)
    torch.testing.assert_close(example["strong_pixel_values"] * STD + MEAN, within, rtol=0, atol=1e-6)


def test_pixels_are_those_of_the_image_processor() -> None:
    from depth_anything import DepthAnythingImageProcessor

    sample = unlabelled()
    example = TrainingTransform(PLAIN)(sample, seed=3)
    geometry = geometry_of(example)
    processor = DepthAnythingImageProcessor(size={"height": SIZE, "width": SIZE})
    whole = processor(sample.image, return_tensors="pt")["pixel_values"][0]
    crop = whole[:, geometry.top : geometry.top + SIZE, geometry.left : geometry.left + SIZE]
    crop = crop.flip(-1) if geometry.is_flipped else crop
    torch.testing.assert_close(example["pixel_values"], crop, rtol=0, atol=1e-5)


def test_the_strong_view_does_not_move_the_crop_and_leaves_the_clean_view() -> None:
    for seed in range(5):
        with_view = TrainingTransform(TransformSettings(crop_size=SIZE))(unlabelled(), seed)
        without = TrainingTransform(PLAIN)(unlabelled(), seed)
        assert geometry_of(with_view) == geometry_of(without)
        torch.testing.assert_close(with_view["pixel_values"], without["pixel_values"], rtol=0, atol=1e-6)


def test_boxes_are_of_images_for_the_student_and_move_neither_crop_nor_view() -> None:
    with_boxes = TrainingTransform(TransformSettings(crop_size=SIZE))
    without = TrainingTransform(TransformSettings(crop_size=SIZE, cutmix=None))
    boxes = []
    for seed in range(20):
        example, same = with_boxes(unlabelled(), seed), without(unlabelled(), seed)
        boxes.append(example.pop("mix_box"))
        assert example.keys() == same.keys()
        for name, values in example.items():
            torch.testing.assert_close(values, same[name], rtol=0, atol=0)
    assert len({tuple(box.tolist()) for box in boxes}) > 5
    assert torch.equal(boxes[3], with_boxes(unlabelled(), 3)["mix_box"])
    assert "mix_box" not in with_boxes(labelled(), 0)
    assert "mix_box" in TrainingTransform(replace(with_boxes.settings, labelled_have_student_view=True))(labelled(), 0)


@pytest.mark.parametrize("kind", [LabelKind.METRIC_DEPTH, LabelKind.DISPARITY_AFFINE])
def test_disparity_is_normalised_over_the_map_and_then_cropped(kind: LabelKind) -> None:
    sample = labelled(kind)
    example = TrainingTransform(PLAIN)(sample, seed=1)
    whole = training_target(sample)
    geometry = geometry_of(example)
    np.testing.assert_array_equal(example["labels"], cut_label(whole.values, geometry))
    np.testing.assert_array_equal(example["valid_mask"], cut_label(whole.valid, geometry))
    assert example["labels"].dtype == torch.float32
    assert example["valid_mask"].dtype == torch.bool


def test_disparity_can_be_left_as_it_is() -> None:
    sample = labelled()
    example = TrainingTransform(replace(PLAIN, target=TargetKind.DISPARITY))(sample, seed=1)
    depth = cut_label(sample.label, geometry_of(example))
    valid = cut_label(sample.valid, geometry_of(example))
    np.testing.assert_allclose(example["labels"].numpy()[valid], 1 / depth[valid], rtol=1e-6)
    assert (example["labels"].numpy()[~valid] == 0).all()  # sky and holes


def test_metres_stay_metres_within_their_range() -> None:
    sample = labelled()
    settings = replace(PLAIN, target="metric_depth", min_depth_m=2.0, max_depth_m=6.0)
    example = TrainingTransform(settings)(sample, seed=1)
    whole = metric_target(sample, 2.0, 6.0)
    np.testing.assert_array_equal(example["labels"], cut_label(whole.values, geometry_of(example)))
    np.testing.assert_array_equal(example["valid_mask"], cut_label(whole.valid, geometry_of(example)))
    with pytest.raises(ValueError, match="not metres"):
        TrainingTransform(settings)(labelled(LabelKind.DISPARITY_AFFINE), seed=1)


def test_a_crop_without_a_valid_pixel_is_an_example_and_a_map_without_one_is_not() -> None:
    label = np.zeros((70, 100), np.float32)
    label[0, :2] = 1, 2  # left of the middle, which is cut out
    sample = replace(labelled(), label=label, valid=label > 0, sky=None)
    example = TrainingTransform(replace(VALIDATION, crop_size=SIZE))(sample, 0)
    assert not example["valid_mask"].any()
    assert (example["labels"] == 0).all()
    with pytest.raises(SampleError) as caught:
        TrainingTransform(PLAIN)(replace(sample, valid=label > 2), seed=0)
    assert caught.value.reason is Reason.EMPTY_LABEL


def test_labelled_samples_have_a_strong_view_where_they_are_to() -> None:
    assert "strong_pixel_values" not in TrainingTransform(TransformSettings(crop_size=SIZE))(labelled(), 0)
    settings = TransformSettings(crop_size=SIZE, labelled_have_student_view=True)
    assert "strong_pixel_values" in TrainingTransform(settings)(labelled(), 0)


def test_validation_is_the_same_whatever_the_seed() -> None:
    transform = TrainingTransform(replace(VALIDATION, crop_size=SIZE))
    first, second = transform(labelled(), 0), transform(labelled(), 1)
    for name, values in first.items():
        torch.testing.assert_close(second[name], values, rtol=0, atol=0)
    assert geometry_of(first) == CropGeometry(56, 84, 0, 14, SIZE, False)


@pytest.mark.slow  # the other process imports everything
def test_a_seed_gives_the_same_bits_in_every_process_and_others_give_others() -> None:
    transform = pickle.loads(pickle.dumps(TrainingTransform(TransformSettings(crop_size=SIZE))))
    np.random.seed(0)  # noqa: NPY002 - no global generator may matter
    torch.manual_seed(0)
    digest, views = hashlib.sha256(), []
    for seed in range(12):
        example = transform(unlabelled(), seed)
        views.append(example["strong_pixel_values"])
        for values in example.values():
            digest.update(values.numpy().tobytes())
    apart = subprocess.run([sys.executable, "-c", SEEDS_APART], capture_output=True, text=True, check=True).stdout
    assert apart == digest.hexdigest()
    assert not any(torch.equal(views[0], view) for view in views[1:])


def test_whole_grey_levels_are_the_clean_pixels_rounded() -> None:
    settings = TransformSettings(crop_size=SIZE)
    exact = TrainingTransform(settings)(unlabelled(), seed=2)
    levels = TrainingTransform(replace(settings, as_uint8=True))(unlabelled(), seed=2)
    for name in ("pixel_values", "strong_pixel_values"):
        assert levels[name].dtype == torch.uint8
        expected = ((exact[name] * STD + MEAN) * 255).clamp(0, 255)
        torch.testing.assert_close(levels[name].float(), expected, rtol=0, atol=0.501)


def test_a_stored_label_gives_the_example_of_its_decoded_sample() -> None:
    file = io.BytesIO()
    Image.fromarray(unlabelled().image).save(file, "PNG")
    levels = np.random.default_rng(7).integers(1, 65535, (70, 100), np.uint16)
    levels[20, 30:32] = 0, 65535
    valid = levels % 5 > 0
    valid[20, 30:32] = True
    raw = RawSample(
        image_bytes=file.getvalue(),
        label=StoredLabel(levels=levels, scale=1e-5, offset=0.1, is_inverted=True),
        valid=valid,
        kind=LabelKind.METRIC_DEPTH,
        corpus="test",
        key="0",
    )
    for target in TargetKind:
        transform = TrainingTransform(replace(PLAIN, target=target))
        decoded = transform(decode_sample(raw), seed=3)
        # From its levels, a stretched label is as near to the exact one as by way of depth, and not by the same sums.
        atol = 5e-7 if target is TargetKind.MAP_NORMALISED_DISPARITY else 0
        for name, values in transform(raw, seed=3).items():
            torch.testing.assert_close(values, decoded[name], rtol=0, atol=atol)


def test_grey_levels_of_a_labelled_sample_are_its_pixels_rounded() -> None:
    exact = TrainingTransform(PLAIN)(labelled(), seed=2)["pixel_values"]
    levels = TrainingTransform(replace(PLAIN, as_uint8=True))(labelled(), seed=2)["pixel_values"]
    torch.testing.assert_close(levels.float(), ((exact * STD + MEAN) * 255).clamp(0, 255), rtol=0, atol=0.501)


@pytest.mark.parametrize("as_uint8", [False, True])
@pytest.mark.parametrize("student_view", [None, StudentViewSettings()])
def test_the_whole_view_is_the_image_that_the_crop_is_cut_out_of(
    as_uint8: bool, student_view: StudentViewSettings | None
) -> None:
    from depth_anything import DepthAnythingImageProcessor

    sample = unlabelled()
    settings = replace(PLAIN, as_uint8=as_uint8, student_view=student_view)
    without = TrainingTransform(settings)(sample, seed=3)
    example = TrainingTransform(replace(settings, teacher_view="whole"))(sample, seed=3)
    whole = example.pop("whole_pixel_values")
    assert (whole.dtype, tuple(whole.shape)) == (torch.float32, (3, *geometry_of(example)[:2]))
    assert example.keys() == without.keys()
    for name, values in without.items():
        torch.testing.assert_close(example[name], values, rtol=0, atol=0)
    processor = DepthAnythingImageProcessor(size={"height": SIZE, "width": SIZE})
    expected = processor(sample.image, return_tensors="pt")["pixel_values"][0]
    torch.testing.assert_close(whole, expected, rtol=0, atol=1e-5)
    if not as_uint8 and student_view is None:
        torch.testing.assert_close(cut_map(whole, example["geometry"]), example["pixel_values"], rtol=0, atol=0)


def test_only_a_live_teacher_that_sees_the_whole_of_an_unlabelled_sample_has_a_whole_view() -> None:
    whole, crop = (TrainingTransform(replace(PLAIN, teacher_view=view)) for view in ("whole", "crop"))
    assert "whole_pixel_values" not in whole(labelled(), 0)
    assert "whole_pixel_values" not in whole(pseudo_labelled(), 0)
    assert "whole_pixel_values" not in crop(unlabelled(), 0)


def pseudo_labelled() -> Sample:
    """A teacher's disparity at its own size, sky above, and a confidence that grows to the right."""
    label = (3 + np.random.default_rng(6).random((56, 84))).astype(np.float32)
    sky = np.zeros((56, 84), bool)
    sky[:9] = True
    confidence = np.broadcast_to(np.arange(84, dtype=np.uint8) * 3, (56, 84))
    sample = replace(unlabelled(), label=label * ~sky, valid=~sky, sky=sky, confidence=confidence)
    return replace(sample, kind=LabelKind.PSEUDO_LABEL)


@pytest.mark.parametrize("target", ["map_normalised_disparity", "disparity"])
def test_a_pseudo_label_of_its_own_size_is_cut_and_not_scaled_and_its_sky_is_0(target: str) -> None:
    sample = pseudo_labelled()
    example = TrainingTransform(TransformSettings(crop_size=SIZE, target=target))(sample, seed=4)
    assert set(example) == {"pixel_values", "strong_pixel_values", "labels", "valid_mask", "geometry", "mix_box"}
    label = cut_map(torch.from_numpy(sample.label), example["geometry"])
    torch.testing.assert_close(example["labels"], label, rtol=0, atol=0)
    assert example["valid_mask"].all()
    assert (example["labels"][:9] == 0).all()
    assert (example["labels"][9:] >= 3).all()


def test_pixels_of_a_pseudo_label_with_little_confidence_do_not_count_where_that_is_asked_for() -> None:
    sample = pseudo_labelled()
    example = TrainingTransform(replace(PLAIN, min_confidence=0.5))(sample, seed=4)
    kept = cut_map(torch.from_numpy(sample.confidence.copy()), example["geometry"]) / 255 >= 0.5
    assert (example["valid_mask"] == kept).all()
    assert 0.2 < kept.float().mean() < 0.8
    assert (example["labels"][~kept] == 0).all()
    whole = TrainingTransform(replace(PLAIN, min_confidence=0.5))(replace(sample, confidence=None), seed=4)
    assert whole["valid_mask"].all(), "a label without confidence keeps all of its pixels"


def test_a_flat_pseudo_label_is_a_target_as_it_is_for_a_live_teacher() -> None:
    sample = replace(pseudo_labelled(), label=np.zeros((56, 84), np.float32))
    assert (TrainingTransform(PLAIN)(sample, seed=0)["labels"] == 0).all()
    with pytest.raises(ValueError, match="not metres"):
        TrainingTransform(replace(PLAIN, target="metric_depth"))(sample, seed=0)


@pytest.mark.parametrize("mode", ["L", "CMYK", "P"])
def test_pictures_of_other_colour_spaces_pass(mode: str) -> None:
    file = io.BytesIO()
    Image.fromarray(unlabelled().image).convert(mode).save(file, "TIFF")
    raw = RawSample(image_bytes=file.getvalue(), kind=LabelKind.NONE, corpus="test", key="0")
    assert TrainingTransform(PLAIN)(raw, seed=0)["pixel_values"].isfinite().all()


def test_a_turned_picture_is_cropped_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    file = io.BytesIO()
    Image.fromarray(unlabelled(70, 100).image).save(file, "PNG", exif=exif)
    raw = RawSample(image_bytes=file.getvalue(), kind=LabelKind.NONE, corpus="test", key="0")
    assert geometry_of(TrainingTransform(PLAIN)(raw, seed=0))[:2] == (84, 56)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_size": 520}, "crop_size is 520, no multiple of 14; set it to 518"),
        ({"crop_size": 0}, "set it to 14"),
        ({"flip_probability": 2.0}, "flip_probability is 2.0"),
        ({"min_depth_m": 5.0, "max_depth_m": 5.0}, "min_depth_m is 5.0 and max_depth_m 5.0"),
        ({"target": "depth"}, "'depth' is not a valid TargetKind"),
        ({"min_confidence": 1.5}, "min_confidence is 1.5"),
        ({"teacher_view": "half"}, "'half' is not a valid TeacherView"),
        ({"labelled_have_student_view": True, "student_view": None}, "set student_view"),
    ],
)
def test_settings_that_cannot_be_carried_out_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransformSettings(**changes)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        TrainingTransform(PLAIN)(unlabelled(), seed=-1)
