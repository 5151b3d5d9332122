from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil
from transformers.utils import is_torchvision_available

from depth_anything.image_processing_depth_anything import DepthAnythingImageProcessor
from depth_anything.resize_geometry import RESIZE_METHODS

PHOTOS = [
    "demo01.jpg",
    "demo04.jpg",
    "demo08.jpg",
    "demo1.png",
    "demo11.jpg",
    "demo12.jpg",
    "demo17.jpg",
    "demo18.jpg",
]
# As on the Hub in LiheYoung/depth-anything-small-hf.
NATIVE_FILE = {
    "do_normalize": True,
    "do_pad": False,
    "do_rescale": True,
    "do_resize": True,
    "ensure_multiple_of": 14,
    "image_mean": [0.485, 0.456, 0.406],
    "image_processor_type": "DPTImageProcessor",
    "image_std": [0.229, 0.224, 0.225],
    "keep_aspect_ratio": True,
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 518, "width": 518},
    "size_divisor": None,
}
GREY_LEVEL = 1 / 255 / 0.224
SMALL = {"height": 56, "width": 56}


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)


@pytest.fixture
def small() -> DepthAnythingImageProcessor:
    return DepthAnythingImageProcessor(size=SMALL)


def outputs_of(depth: torch.Tensor) -> Any:
    return SimpleNamespace(predicted_depth=depth)


@pytest.mark.parametrize("photo", PHOTOS)
def test_default_pixel_values_are_those_of_the_official_code(shared_dir: Path, photo: str) -> None:
    golden = load_file(shared_dir / "golden" / "official_preprocessing.safetensors")
    shape = json.loads((shared_dir / "golden" / "official_preprocessing.json").read_text())[photo]["input_chw"]
    pixel_values = DepthAnythingImageProcessor()(shared_dir / "photos" / photo, return_tensors="pt").pixel_values[0]
    assert list(pixel_values.shape) == shape
    channel, row, column = golden[f"{photo}.index"].long().unbind(-1)
    expected = golden[f"{photo}.value"]
    torch.testing.assert_close(pixel_values[channel, row, column], expected, atol=1e-5, rtol=0)


def test_a_plain_image_is_rescaled_and_normalised_exactly() -> None:
    image = np.full((30, 40, 3), (10, 20, 30), np.uint8)
    found = DepthAnythingImageProcessor()(image, return_tensors="pt").pixel_values
    assert found.shape == (1, 3, 518, 686)
    for channel, (level, mean, std) in enumerate([(10, 0.485, 0.229), (20, 0.456, 0.224), (30, 0.406, 0.225)]):
        expected = torch.full((518, 686), (level / 255 - mean) / std)
        torch.testing.assert_close(found[0, channel], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(600, 800), (90, 60), (700, 530), (200, 900)])
def test_minimal_is_within_a_grey_level_of_the_native_processor(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    native = DPTImageProcessorPil(
        **{key: value for key, value in NATIVE_FILE.items() if key != "image_processor_type"}
    )
    expected = native(image, return_tensors="pt").pixel_values
    found = DepthAnythingImageProcessor(resize_method="minimal")(image, return_tensors="pt").pixel_values
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= GREY_LEVEL * 1.01


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({"resize_method": "lower_bound"}, (56, 84)),
        ({"resize_method": "upper_bound"}, (42, 56)),
        ({"resize_method": "fixed"}, (56, 56)),
        ({"resize_method": "pad"}, (70, 98)),
        ({"do_resize": False}, (60, 90)),
    ],
)
def test_each_method_gives_its_size(rgb: np.ndarray, settings: dict[str, Any], size: tuple[int, int]) -> None:
    processor = DepthAnythingImageProcessor(size=SMALL, **settings)
    assert processor(rgb, return_tensors="pt").pixel_values.shape == (1, 3, *size)


def test_padding_leaves_the_pixels_of_the_image_as_they_are(rgb: np.ndarray) -> None:
    padded = DepthAnythingImageProcessor(resize_method="pad")(rgb, return_tensors="pt").pixel_values
    plain = DepthAnythingImageProcessor(do_resize=False)(rgb, return_tensors="pt").pixel_values
    assert torch.equal(padded[:, :, 5:65, 4:94], plain)


def test_paths_pictures_arrays_and_tensors_give_the_same(
    rgb: np.ndarray, small: DepthAnythingImageProcessor, tmp_path: Path
) -> None:
    Image.fromarray(rgb).save(tmp_path / "photo.png")
    images = [tmp_path / "photo.png", str(tmp_path / "photo.png"), Image.fromarray(rgb), rgb, torch.from_numpy(rgb)]
    images.append(rgb.transpose(2, 0, 1))
    found = small(images, return_tensors="pt").pixel_values
    assert torch.equal(found, found[:1].expand_as(found))


LAYOUTS: dict[str, Any] = {
    "dense": lambda image: image,
    "cropped": lambda image: np.pad(image, ((3, 4), (5, 6), (0, 0)))[3:-4, 5:-6],
    "channels first": lambda image: np.ascontiguousarray(image.transpose(2, 0, 1)),
    "columns first": lambda image: np.ascontiguousarray(image.swapaxes(0, 1)).swapaxes(0, 1),
    "every second": lambda image: image.repeat(2, axis=0).repeat(2, axis=1)[::2, ::2],
    "mirrored": lambda image: np.ascontiguousarray(image[::-1, ::-1])[::-1, ::-1],
    "four channels": lambda image: np.dstack([image, image[..., :1]]),
}


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("width", [1, 90])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_in_memory_does_not_change_a_bit(
    rgb: np.ndarray, layout: str, width: int, dtype: type, antialias: bool
) -> None:
    values = np.ascontiguousarray(rgb[:, :width])
    image = values if dtype is np.uint8 else (values * 257.0 / (1 if dtype is np.uint16 else 65535)).astype(dtype)
    processor = DepthAnythingImageProcessor(size=28, resize_method="fixed", antialias=antialias)
    tensor = torch.from_numpy(LAYOUTS[layout](image).copy() if layout == "mirrored" else LAYOUTS[layout](image))
    order = "channels_first" if layout == "channels first" else "channels_last"
    found = processor([LAYOUTS[layout](image), tensor], input_data_format=order, return_tensors="pt").pixel_values
    expected = processor(image, return_tensors="pt").pixel_values
    assert torch.equal(found, expected.expand_as(found))
    from_eight_bits = processor(values, return_tensors="pt").pixel_values  # antialiased in whole grey levels
    tolerance = 1.5 * GREY_LEVEL if antialias else 5e-6
    torch.testing.assert_close(expected, from_eight_bits, atol=tolerance, rtol=0)


def test_eight_bits_sixteen_bits_and_floats_give_the_same(rgb: np.ndarray, small: DepthAnythingImageProcessor) -> None:
    expected = small(rgb, return_tensors="pt").pixel_values
    for image in (rgb.astype(np.uint16) * 257, rgb.astype(np.int32) * 257, rgb / 255, np.float32(rgb / 255)):
        torch.testing.assert_close(small(image, return_tensors="pt").pixel_values, expected, atol=2e-6, rtol=0)


def test_grey_is_repeated_into_three_channels(rgb: np.ndarray, small: DepthAnythingImageProcessor) -> None:
    grey = rgb[..., 0]
    expected = small(np.stack([grey] * 3, axis=-1), return_tensors="pt").pixel_values
    for image in (grey, grey[..., None], Image.fromarray(grey)):
        assert torch.equal(small(image, return_tensors="pt").pixel_values, expected)


def test_without_rescaling_values_are_taken_as_final(small: DepthAnythingImageProcessor) -> None:
    image = np.full((30, 40, 3), -7.5)
    found = small(image, do_rescale=False, do_normalize=False, return_tensors="pt").pixel_values
    torch.testing.assert_close(found, torch.full_like(found, -7.5))


def test_images_of_mixed_sizes_are_processed_as_one_by_one(
    rgb: np.ndarray, small: DepthAnythingImageProcessor
) -> None:
    images = [rgb, rgb[:, :60], rgb[:40]]
    found = small(images).pixel_values
    assert [tuple(single.shape) for single in found] == [(3, 56, 84), (3, 56, 56), (3, 56, 126)]
    for single, image in zip(found, images, strict=True):
        assert torch.equal(single, small(image, return_tensors="pt").pixel_values[0])


def test_mixed_sizes_cannot_be_stacked_and_the_error_says_what_to_do(
    rgb: np.ndarray, small: DepthAnythingImageProcessor
) -> None:
    for form in ("pt", "np"):
        with pytest.raises(
            ValueError, match=r"pixel_values cannot be stacked.*set resize_method='fixed', or leave out"
        ):
            small([rgb, rgb[:, :60]], return_tensors=form)


@pytest.mark.parametrize("method", RESIZE_METHODS)
def test_everything_is_done_on_the_device_asked_for(method: str, rgb: np.ndarray) -> None:
    # The meta device refuses any step elsewhere, as it holds no values to take there.
    processor = DepthAnythingImageProcessor(resize_method=method, size=SMALL)
    depth = np.ones((60, 90))
    on_device = processor(rgb, depth_maps=depth, valid_masks=depth > 0, device="meta", return_tensors="pt")
    on_cpu = processor(rgb, depth_maps=depth, valid_masks=depth > 0, return_tensors="pt")
    for name, value in on_device.items():
        assert value.device.type == "meta"
        assert value.shape == on_cpu[name].shape
        assert value.dtype == on_cpu[name].dtype


def test_numpy_arrays_are_returned_on_request(rgb: np.ndarray, small: DepthAnythingImageProcessor) -> None:
    found = small([rgb, rgb], return_tensors="np").pixel_values
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found[1], small(rgb)["pixel_values"][0])


def test_other_frameworks_are_refused(rgb: np.ndarray, small: DepthAnythingImageProcessor) -> None:
    with pytest.raises(ValueError, match="return_tensors is 'mlx'; it has to be 'pt', 'np' or None"):
        small(rgb, return_tensors="mlx")


def test_a_strip_that_would_fill_the_memory_is_refused(small: DepthAnythingImageProcessor) -> None:
    strip = np.zeros((20000, 1, 3), np.uint8)
    with pytest.raises(ValueError, match=r"\(20000, 1\) .* resized to \(10360000, 518\).* or crop the image"):
        DepthAnythingImageProcessor()(strip)
    assert small(strip, resize_method="upper_bound").pixel_values[0].shape == (3, 56, 14)


def test_an_unknown_keyword_is_refused(rgb: np.ndarray, small: DepthAnythingImageProcessor) -> None:
    with pytest.raises(TypeError, match="resize_metod"):
        small(rgb, resize_metod="pad")


def test_a_keyword_of_the_wrong_type_is_refused(rgb: np.ndarray, small: DepthAnythingImageProcessor) -> None:
    with pytest.raises(Exception, match="antialias"):
        small(rgb, antialias="yes")


def test_another_number_of_means_than_channels_is_refused(rgb: np.ndarray, small: DepthAnythingImageProcessor) -> None:
    with pytest.raises(ValueError, match=r"have 4 values, but images\[0\] has 3 channels"):
        small(rgb, do_convert_rgb=False, image_mean=[0.5] * 4, image_std=[1.0] * 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resize_method": "bigger"}, "resize_method is 'bigger'"),
        ({"size": {"shortest_edge": 518}}, r"size is {'shortest_edge': 518}; it has to be {\"height\": pixels"),
        ({"size": 518, "default_to_square": False}, "size is {'shortest_edge': 518}"),
        ({"size": {"height": 0, "width": 518}}, "size is {'height': 0, 'width': 518}"),
        ({"image_std": [1.0, 0.0, 1.0]}, r"image_std is \[1.0, 0.0, 1.0\]"),
        ({"image_mean": [0.5] * 4, "image_std": [0.5] * 4}, "image_mean has 4 values"),
        ({"align_corners": "no"}, "align_corners is 'no'; it has to be True or False"),
        ({"antialias": "yes"}, "antialias is 'yes'"),
        ({"ensure_multiple_of": True}, "ensure_multiple_of is True"),
        ({"ensure_multiple_of": 0, "keep_aspect_ratio": False, "size": {"height": 14, "width": 14}}, "of is 0"),
        ({"resample": "bicubic"}, "resample is 'bicubic'; it has to be one of"),
    ],
)
def test_a_setting_is_refused_where_it_is_made(settings: dict[str, Any], message: str, rgb: np.ndarray) -> None:
    with pytest.raises(ValueError, match=message):
        DepthAnythingImageProcessor(**settings)
    with pytest.raises(ValueError, match=message):
        DepthAnythingImageProcessor()(rgb, **settings)


def test_an_unknown_setting_is_refused_in_code(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="has no setting foo, bar; it has align_corners, antialias"):
        DepthAnythingImageProcessor(foo=3, bar=None, size=SMALL)
    processor = DepthAnythingImageProcessor(size=SMALL)
    assert DepthAnythingImageProcessor(**processor.to_dict()).to_dict() == processor.to_dict()


def test_what_else_a_native_file_says_is_left_out(tmp_path: Path) -> None:
    extra = {"do_reduce_labels": False, "_valid_processor_keys": ["images"], "crop_size": None, "auto_map": {"a": "b"}}
    extra |= {"processor_class": "DPTProcessor", "device": None}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(NATIVE_FILE | extra))
    expected = DepthAnythingImageProcessor().to_dict()
    assert DepthAnythingImageProcessor.from_pretrained(tmp_path).to_dict() == expected
    assert DepthAnythingImageProcessor.from_json_file(tmp_path / "preprocessor_config.json").to_dict() == expected
    named_by_nobody = {key: value for key, value in (NATIVE_FILE | extra).items() if key != "image_processor_type"}
    assert DepthAnythingImageProcessor.from_dict(named_by_nobody).to_dict() == expected
    loaded, unused = DepthAnythingImageProcessor.from_pretrained(tmp_path, foo=3, size=56, return_unused_kwargs=True)
    assert loaded.size == SMALL
    assert unused["foo"] == 3


@pytest.mark.parametrize(
    ("start", "change", "size"),
    [
        ("lower_bound", {"resize_method": "pad"}, (70, 98)),
        ("pad", {"resize_method": "fixed"}, (56, 56)),
        ("lower_bound", {"keep_aspect_ratio": False}, (56, 56)),
        ("fixed", {"keep_aspect_ratio": True}, (56, 84)),
        ("upper_bound", {"keep_aspect_ratio": True}, (42, 56)),
        ("lower_bound", {"do_resize": False, "do_pad": True, "size_divisor": 8}, (64, 96)),
        ("lower_bound", {"size": 112}, (112, 168)),
        ("lower_bound", {"ensure_multiple_of": 8}, (56, 80)),
    ],
)
def test_a_call_can_change_the_geometry(
    rgb: np.ndarray, start: str, change: dict[str, Any], size: tuple[int, int]
) -> None:
    processor = DepthAnythingImageProcessor(size=SMALL, resize_method=start)
    before = processor.to_dict()
    assert processor(rgb, return_tensors="pt", **change).pixel_values.shape[2:] == size
    assert processor.to_dict() == before


def test_labels_and_masks_move_with_their_image(rgb: np.ndarray, small: DepthAnythingImageProcessor) -> None:
    depth = rgb[..., 0].astype(np.float64)
    moved = small([rgb, rgb], depth_maps=[depth, depth], valid_masks=[depth > 9, depth > 99], return_tensors="pt")
    assert moved.labels.dtype == torch.float32
    assert moved.valid_mask.dtype == torch.bool
    assert moved.labels.shape == moved.valid_mask.shape == (2, 56, 84)
    assert torch.equal(moved.valid_mask[0], moved.labels[0] > 9)
    assert torch.equal(moved.valid_mask[1], moved.labels[1] > 99)
    nearest = small(
        rgb, resample=Image.NEAREST, do_rescale=False, do_normalize=False, return_tensors="pt"
    ).pixel_values
    assert torch.equal(moved.labels[0], nearest[0, 0])


def test_only_what_is_given_is_returned(rgb: np.ndarray, small: DepthAnythingImageProcessor) -> None:
    depth = np.ones((60, 90))
    assert set(small(rgb)) == {"pixel_values"}
    assert set(small(rgb, depth_maps=depth)) == {"pixel_values", "labels"}
    assert set(small(rgb, valid_masks=depth > 0)) == {"pixel_values", "valid_mask"}


def test_padding_of_labels_is_nan_and_that_of_masks_false(rgb: np.ndarray) -> None:
    processor = DepthAnythingImageProcessor(resize_method="pad")
    depth = np.ones((60, 90), np.float32)
    expected = torch.zeros(70, 98, dtype=torch.bool)
    expected[5:65, 4:94] = True
    moved = processor(rgb, depth_maps=depth, return_tensors="pt")
    assert set(moved) == {"pixel_values", "labels"}  # a mask would switch off the model's own rule
    assert torch.equal(moved.labels[0, 5:65, 4:94], torch.from_numpy(depth))
    assert torch.equal(moved.labels[0].isfinite(), expected)
    moved = processor(rgb, depth_maps=depth, valid_masks=depth > 0, return_tensors="pt")
    assert torch.equal(moved.valid_mask[0], expected)
    mask = depth > 2
    assert not processor(rgb, depth_maps=depth, valid_masks=mask, return_tensors="pt").valid_mask.any()


def test_labels_belong_to_the_upright_image(tmp_path: Path, small: DepthAnythingImageProcessor) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (90, 60)).save(tmp_path / "turned.png", exif=exif)
    moved = small(tmp_path / "turned.png", depth_maps=np.ones((90, 60)), return_tensors="pt")
    assert moved.labels.shape == moved.pixel_values.shape[:1] + moved.pixel_values.shape[2:] == (1, 84, 56)
    with pytest.raises(ValueError, match=r"depth_maps\[0\] is \(60, 90\), but images\[0\] is \(90, 60\)"):
        small(tmp_path / "turned.png", depth_maps=np.ones((60, 90)))


def test_a_mask_that_is_not_bool_is_refused(rgb: np.ndarray, small: DepthAnythingImageProcessor) -> None:
    with pytest.raises(ValueError, match=r"valid_masks\[0\] has values of type torch.uint8; pass bool"):
        small(rgb, valid_masks=np.ones((60, 90), np.uint8))


def test_a_depth_map_of_bool_is_refused(rgb: np.ndarray, small: DepthAnythingImageProcessor) -> None:
    with pytest.raises(ValueError, match=r"depth_maps\[0\] has values of type torch.bool; pass numbers"):
        small(rgb, depth_maps=np.ones((60, 90), bool))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("align_corners", [True, False])
def test_maps_are_upsampled_bilinearly_in_float32(dtype: torch.dtype, align_corners: bool) -> None:
    depth = torch.rand(2, 14, 28).to(dtype)
    processor = DepthAnythingImageProcessor(align_corners=align_corners)
    found = processor.post_process_depth_estimation(outputs_of(depth), [(30, 50), (20, 21)])
    for single, one, size in zip(depth, found, [(30, 50), (20, 21)], strict=True):
        expected = torch.nn.functional.interpolate(
            single.float()[None, None], size=size, mode="bilinear", align_corners=align_corners
        )[0, 0]
        assert one["predicted_depth"].dtype == torch.float32
        torch.testing.assert_close(one["predicted_depth"], expected)


def test_by_default_corners_are_aligned_as_in_the_official_v2_code() -> None:
    depth = torch.rand(1, 14, 28)
    (found,) = DepthAnythingImageProcessor().post_process_depth_estimation(outputs_of(depth), [(31, 50)])
    torch.testing.assert_close(found["predicted_depth"][::30, ::49], depth[0, ::13, ::27])


def test_target_sizes_are_pairs_or_a_tensor_and_outputs_may_be_a_mapping(small: DepthAnythingImageProcessor) -> None:
    depth = torch.rand(2, 14, 28)
    expected = small.post_process_depth_estimation(outputs_of(depth), [(30, 50), (30, 50)])
    found = small.post_process_depth_estimation({"predicted_depth": depth}, torch.tensor([[30, 50], [30, 50]]))
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one["predicted_depth"], other["predicted_depth"])


def test_without_target_sizes_maps_keep_theirs(small: DepthAnythingImageProcessor) -> None:
    depth = torch.rand(2, 1, 28)
    found = small.post_process_depth_estimation(outputs_of(depth))
    assert torch.equal(torch.stack([one["predicted_depth"] for one in found]), depth)


def test_one_pixel_high_targets_keep_two_axes(small: DepthAnythingImageProcessor) -> None:
    found = small.post_process_depth_estimation(outputs_of(torch.rand(1, 14, 14)), [(1, 5)])
    assert found[0]["predicted_depth"].shape == (1, 5)


def test_bicubic_never_falls_below_the_map(small: DepthAnythingImageProcessor) -> None:
    depth = torch.zeros(1, 14, 14)
    depth[0, 7:] = 1
    (found,) = small.post_process_depth_estimation(outputs_of(depth), [(60, 60)], mode="bicubic")
    assert found["predicted_depth"].min() == 0
    assert found["predicted_depth"].max() == 1


def test_padding_is_removed_exactly(rgb: np.ndarray) -> None:
    processor = DepthAnythingImageProcessor(resize_method="pad", do_rescale=False, do_normalize=False)
    images = [rgb, rgb[:6, :5], rgb[:56, :70]]
    maps = [single[0] for single in processor(images).pixel_values]
    for image, single in zip(images, maps, strict=True):
        (found,) = processor.post_process_depth_estimation(outputs_of(single[None]), [image.shape[:2]])
        np.testing.assert_array_equal(found["predicted_depth"], image[..., 0])


@pytest.mark.parametrize(
    ("depth", "sizes", "mode", "message"),
    [
        (torch.rand(2, 4, 4), [(8, 8)], "bilinear", "target_sizes holds 1 sizes for 2 maps"),
        (torch.rand(2, 4, 4), (60, 80), "bilinear", r"target_sizes\[0\] is 60; pass one \(height, width\) in pixels"),
        (torch.rand(2, 4, 4), torch.tensor([60, 80]), "bilinear", r"target_sizes\[0\] is tensor\(60\)"),
        (torch.rand(1, 4, 4), [None], "bilinear", r"target_sizes\[0\] is None"),
        (torch.rand(1, 4, 4), 60, "bilinear", "target_sizes is 60"),
        (torch.rand(1, 4, 4), [(60, 80, 3)], "bilinear", r"target_sizes\[0\] is \(60, 80, 3\)"),
        (torch.rand(1, 4, 4), [(0, 80)], "bilinear", r"target_sizes\[0\] is \(0, 80\); each side .* at least 1"),
        (torch.rand(2, 4, 4), None, "area", "mode is 'area'; it has to be one of"),
        (torch.rand(4, 4), None, "bilinear", r"predicted_depth is \(4, 4\); it has to be a tensor \(B, h, w\)"),
        (None, None, "bilinear", "predicted_depth is NoneType"),
    ],
)
def test_post_processing_says_what_it_refuses(
    small: DepthAnythingImageProcessor, depth: Any, sizes: Any, mode: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        small.post_process_depth_estimation(outputs_of(depth), sizes, mode)


def native_classes() -> list[type]:
    classes = [DPTImageProcessorPil]
    if is_torchvision_available():
        from transformers import DPTImageProcessor

        classes.append(DPTImageProcessor)
    return classes


def written_file(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "preprocessor_config.json").read_text())


@pytest.mark.parametrize("method", RESIZE_METHODS)
def test_saving_and_loading_loses_nothing(method: str, tmp_path: Path) -> None:
    processor = DepthAnythingImageProcessor(
        resize_method=method, size={"height": 28, "width": 42}, antialias=True, align_corners=False, resample=2
    )
    processor.save_pretrained(tmp_path)
    loaded = DepthAnythingImageProcessor.from_pretrained(tmp_path)
    assert loaded.to_dict() == processor.to_dict()
    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    assert torch.equal(loaded(image).pixel_values[0], processor(image).pixel_values[0])


def test_a_field_set_later_is_saved_with_its_native_fields(tmp_path: Path) -> None:
    processor = DepthAnythingImageProcessor()
    processor.resize_method = "pad"
    processor.save_pretrained(tmp_path)
    assert written_file(tmp_path)["size_divisor"] == 14
    assert DepthAnythingImageProcessor.from_pretrained(tmp_path).resize_method == "pad"


def test_our_file_names_no_class(tmp_path: Path) -> None:
    DepthAnythingImageProcessor().save_pretrained(tmp_path)
    assert "image_processor_type" not in written_file(tmp_path)


def test_a_file_of_the_hub_gets_the_official_rule(tmp_path: Path, rgb: np.ndarray) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(NATIVE_FILE))
    loaded = DepthAnythingImageProcessor.from_pretrained(tmp_path)
    assert loaded.resize_method == "lower_bound"
    assert torch.equal(loaded(rgb).pixel_values[0], DepthAnythingImageProcessor()(rgb).pixel_values[0])


@pytest.mark.parametrize(
    ("settings", "method"),
    [
        ({"keep_aspect_ratio": False, "size": {"height": 60, "width": 99}, "ensure_multiple_of": 14}, "fixed"),
        ({"do_resize": False, "do_pad": True, "size_divisor": 14}, "pad"),
    ],
)
def test_a_native_folder_gives_the_native_size(
    settings: dict[str, Any], method: str, tmp_path: Path, rgb: np.ndarray
) -> None:
    native = DPTImageProcessorPil(**settings)
    native.save_pretrained(tmp_path)
    loaded = DepthAnythingImageProcessor.from_pretrained(tmp_path)
    assert loaded.resize_method == method
    assert loaded(rgb).pixel_values[0].shape == native(rgb).pixel_values[0].shape


@pytest.mark.parametrize(
    ("method", "change", "size"),
    [
        ("pad", {"resize_method": "lower_bound"}, (56, 84)),
        ("pad", {"ensure_multiple_of": 8}, (64, 96)),
        ("upper_bound", {"keep_aspect_ratio": True}, (42, 56)),
        ("upper_bound", {"keep_aspect_ratio": False}, (56, 56)),
    ],
)
def test_arguments_of_from_pretrained_replace_what_the_file_says(
    method: str, change: dict[str, Any], size: tuple[int, int], tmp_path: Path
) -> None:
    DepthAnythingImageProcessor(resize_method=method, size=SMALL).save_pretrained(tmp_path)
    loaded = DepthAnythingImageProcessor.from_pretrained(tmp_path, **change)
    image = np.zeros((60, 90, 3), np.uint8)
    assert loaded(image).pixel_values[0].shape[1:] == size


@pytest.mark.parametrize("method", RESIZE_METHODS)
def test_the_native_processor_reads_our_file_and_does_its_nearest(
    method: str, tmp_path: Path, rgb: np.ndarray
) -> None:
    ours = DepthAnythingImageProcessor(resize_method=method, size={"height": 56, "width": 56})
    ours.save_pretrained(tmp_path)
    # The native rule for both bounds is the smallest change of scale, as in "minimal".
    nearest = {"lower_bound": "minimal", "upper_bound": "minimal"}.get(method, method)
    expected = ours(rgb, resize_method=nearest, antialias=True, return_tensors="pt").pixel_values
    for native_class in native_classes():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            native = native_class.from_pretrained(tmp_path)
            found = native(rgb, return_tensors="pt").pixel_values
        assert found.shape == expected.shape
        inside = (..., slice(5, 51), slice(5, 51)) if method == "pad" else ...
        assert (found - expected)[inside].abs().max() <= GREY_LEVEL * 1.01


@pytest.mark.parametrize("method", RESIZE_METHODS)
def test_our_settings_survive_a_native_process(method: str, tmp_path: Path) -> None:
    ours = DepthAnythingImageProcessor(resize_method=method, antialias=False, align_corners=False, size=SMALL)
    ours.save_pretrained(tmp_path / "ours")
    DPTImageProcessorPil.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "native")
    assert written_file(tmp_path / "native")["image_processor_type"] == "DPTImageProcessor"
    again = DepthAnythingImageProcessor.from_pretrained(tmp_path / "native").to_dict()
    assert {key: again[key] for key in ours.to_dict()} == ours.to_dict()


def test_a_folder_for_remote_code_holds_every_file_that_its_files_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rgb: np.ndarray
) -> None:
    import transformers.dynamic_module_utils as dynamic

    monkeypatch.setattr(DepthAnythingImageProcessor, "_auto_class", None)
    DepthAnythingImageProcessor.register_for_auto_class("AutoImageProcessor")
    DepthAnythingImageProcessor().save_pretrained(tmp_path / "model")
    reference = written_file(tmp_path / "model")["auto_map"]["AutoImageProcessor"]
    assert reference == "image_processing_depth_anything.DepthAnythingImageProcessor"
    sources = {path.name: path.read_text() for path in (tmp_path / "model").glob("*.py")}
    for name, text in sources.items():
        assert "depth_anything import" not in re.sub(r"^from \.\w+ import", "", text, flags=re.MULTILINE), name
        assert {f"{module}.py" for module in re.findall(r"^from \.(\w+) import", text, re.MULTILINE)} <= set(sources)

    monkeypatch.setattr(dynamic, "HF_MODULES_CACHE", str(tmp_path / "cache"))
    remote_class = dynamic.get_class_from_dynamic_module(reference, str(tmp_path / "model"))
    assert remote_class.__module__.startswith("transformers_modules")
    remote = remote_class.from_pretrained(tmp_path / "model")
    assert torch.equal(remote(rgb).pixel_values[0], DepthAnythingImageProcessor()(rgb).pixel_values[0])


def test_processors_do_not_share_what_can_be_changed() -> None:
    changed, other = DepthAnythingImageProcessor(), DepthAnythingImageProcessor()
    changed.size["height"] = 1
    assert other.size == {"height": 518, "width": 518}
