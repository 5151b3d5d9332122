from __future__ import annotations

from typing import Any

import pytest
from PIL import Image
from transformers.image_utils import SizeDict

from depth_anything.processor_settings import (
    SWITCHES,
    check_settings,
    completed_settings,
    contradicts,
    native_fields,
    own_settings,
    refuse_unknown,
)
from depth_anything.resize_geometry import RESIZE_METHODS

NATIVE = {"image_processor_type": "DPTImageProcessor", "do_resize": True, "do_pad": False, "keep_aspect_ratio": True}


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({}, "lower_bound"),
        ({"keep_aspect_ratio": False}, "fixed"),
        ({"do_resize": False, "do_pad": True, "size_divisor": 14}, "pad"),
        ({"do_resize": False}, "lower_bound"),
        ({"do_pad": True}, "lower_bound"),
        ({"resize_method": "minimal", "keep_aspect_ratio": False}, "minimal"),
    ],
)
def test_the_method_of_a_native_file_is_inferred(changes: dict[str, Any], method: str) -> None:
    assert completed_settings(NATIVE | changes)["resize_method"] == method


def test_what_a_native_file_leaves_out_is_the_native_default() -> None:
    completed = completed_settings({"image_processor_type": "DPTImageProcessorFast"})
    assert completed["resize_method"] == "fixed"
    assert completed["size"] == {"height": 384, "width": 384}
    assert completed["ensure_multiple_of"] == 1
    assert completed["image_mean"] == [0.5, 0.5, 0.5]


def test_without_a_native_type_nothing_is_filled_in() -> None:
    assert "size" not in completed_settings({})
    assert completed_settings({})["resize_method"] == "lower_bound"


def test_a_native_fixed_size_is_rounded_as_the_native_processor_rounds_it() -> None:
    settings = NATIVE | {"keep_aspect_ratio": False, "size": {"height": 384, "width": 518}, "ensure_multiple_of": 14}
    assert completed_settings(settings)["size"] == {"height": 378, "width": 518}


def test_the_multiple_of_native_padding_is_its_divisor() -> None:
    settings = NATIVE | {"do_resize": False, "do_pad": True, "size_divisor": 32, "ensure_multiple_of": 1}
    assert completed_settings(settings)["ensure_multiple_of"] == 32


def test_native_padding_after_resizing_is_refused_where_it_would_change_the_size() -> None:
    with pytest.raises(ValueError, match="set do_pad=False and ensure_multiple_of=32"):
        completed_settings(NATIVE | {"do_pad": True, "size_divisor": 32, "ensure_multiple_of": 14})


@pytest.mark.parametrize("method", RESIZE_METHODS)
def test_the_native_fields_of_each_method_lead_back_to_one_that_writes_the_same(method: str) -> None:
    fields = native_fields(method, 14)
    inferred = completed_settings(NATIVE | {"ensure_multiple_of": 14} | fields)["resize_method"]
    assert native_fields(inferred, 14) == fields


@pytest.mark.parametrize(
    ("changes", "method", "expected"),
    [
        ({}, "minimal", False),
        ({"keep_aspect_ratio": True}, "minimal", False),
        ({"keep_aspect_ratio": False}, "minimal", True),
        ({"keep_aspect_ratio": True}, "fixed", True),
        ({"do_pad": True}, "lower_bound", True),
        ({"do_pad": False}, "pad", True),
        ({"resize_method": "pad", "keep_aspect_ratio": False}, "minimal", False),
    ],
)
def test_native_changes_contradict_a_method_that_would_not_write_them(
    changes: dict[str, Any], method: str, expected: bool
) -> None:
    assert contradicts(changes, method) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resize_method": "nearest"}, r"resize_method is 'nearest'; it has to be one of \('lower_bound'"),
        ({"ensure_multiple_of": 0}, "ensure_multiple_of is 0"),
        ({"ensure_multiple_of": None}, "ensure_multiple_of is None"),
        ({"ensure_multiple_of": True}, "ensure_multiple_of is True"),
        ({"size_divisor": 0}, "size_divisor is 0"),
        ({"resample": 1}, "resample is 1"),
        ({"resample": "bicubic"}, "resample is 'bicubic'; it has to be one of {0: 'NEAREST'"),
        ({"resample": True}, "resample is True"),
        ({"rescale_factor": "1/255"}, "rescale_factor is '1/255'"),
        ({"size": {"height": 14.5, "width": 14}}, "size is {'height': 14.5, 'width': 14}"),
        ({"size": -1}, "size is -1"),
        ({"size": [14, 14, 14]}, r"size is \[14, 14, 14\]"),
        ({"size": {"height": 14}}, "size is {'height': 14}"),
        ({"image_mean": [0.5, 0.5]}, "image_mean has 2 values"),
        ({"image_mean": [0.5] * 4, "do_convert_rgb": True}, "image_mean has 4 values"),
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 4}, "image_mean has 3 values and image_std 4"),
        ({"image_mean": "half"}, "image_mean is 'half'; it has to hold finite numbers"),
        ({"image_mean": float("nan")}, "image_mean is nan"),
        ({"image_std": 0.0}, "image_std is 0.0; pixels are divided by it"),
        *(({name: 1}, f"{name} is 1; it has to be True or False") for name in SWITCHES),
        ({"do_resize": True, "size": SizeDict(shortest_edge=518)}, "size is {'shortest_edge': 518}"),
        ({"do_center_crop": True}, "do_center_crop is True, which is not offered"),
        ({"data_format": "channels_last"}, "data_format is 'channels_last'"),
    ],
)
def test_a_setting_that_cannot_be_carried_out_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_settings(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"size": 518},
        {"size": (14, 28)},
        {"size": SizeDict(height=14, width=28)},
        {"image_mean": 0.5, "image_std": [0.5] * 3},
        {"image_mean": [0.5] * 4, "image_std": (0.5,) * 4, "do_convert_rgb": False},
        {"antialias": None, "resample": Image.Resampling.BILINEAR, "rescale_factor": 1},
    ],
)
def test_every_supported_form_of_a_setting_is_accepted(settings: dict[str, Any]) -> None:
    check_settings(settings)


def test_unknown_settings_are_refused_unless_a_class_wrote_them() -> None:
    with pytest.raises(TypeError, match="no setting foo; it has antialias, size"):
        refuse_unknown({"foo": 3, "size": 14}, {"size", "antialias"})
    refuse_unknown(NATIVE | {"foo": 3}, {"size"})
    assert own_settings(NATIVE | {"foo": 3, "auto_map": {}}, NATIVE) == NATIVE
