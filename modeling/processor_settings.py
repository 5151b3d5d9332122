"""The settings of the image processor: what is allowed, and how transformers' `DPTImageProcessor` writes the same.

The native processor knows no `resize_method`; its size rule follows from `do_resize`, `keep_aspect_ratio`, `do_pad`
and `size_divisor`. Our files hold both, so that a process without this package reads them too and does its nearest.
"""

import math
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from transformers.image_utils import SizeDict

from .geometry_transfer import ALLOWED_RESAMPLE
from .image_input import CHANNEL_COUNTS
from .resize_geometry import RESIZE_METHODS

WRITERS = ("image_processor_type", "feature_extractor_type")  # by either a file names the class that wrote it
FILE_KEYS = (*WRITERS, "processor_class", "auto_map")  # what any class's file may hold besides its fields
SWITCHES = (
    "do_resize",
    "do_rescale",
    "do_normalize",
    "do_convert_rgb",
    "do_pad",
    "do_center_crop",
    "default_to_square",
    "keep_aspect_ratio",
    "antialias",
    "align_corners",
)

# What the native class assumes where its file is silent, as far as that differs from ours.
NATIVE_DEFAULTS: Mapping[str, Any] = {
    "ensure_multiple_of": 1,
    "keep_aspect_ratio": False,
    "size": {"height": 384, "width": 384},
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def completed_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings with `resize_method` set, and with the native fields brought in line with it.

    Args:
        settings: a processor's file or keyword arguments, native or ours. Where `resize_method` is absent it is
            inferred from the native fields; where it is given, do_pad, size_divisor and keep_aspect_ratio follow it.

    Raises:
        ValueError: for native settings that pad after resizing, which is not offered.
    """
    completed = dict(settings)
    written_by = completed.pop("image_processor_type", None) or completed.pop("feature_extractor_type", None)
    if completed.get("resize_method") is None:
        if written_by is not None:
            completed = {**NATIVE_DEFAULTS, **completed}
        completed["resize_method"] = _inferred_resize_method(completed)
        if completed["resize_method"] == "pad":
            completed["ensure_multiple_of"] = completed["size_divisor"]
        elif completed["resize_method"] == "fixed" and "size" in completed:
            completed["size"] = _rounded_size(completed["size"], completed.get("ensure_multiple_of"))
    is_padding = completed["resize_method"] == "pad"
    if is_padding or (completed.get("do_pad") and completed.get("do_resize") is False):
        completed["do_resize"] = True  # False is only what a file has to say to make the native processor pad
    completed.update(
        do_pad=is_padding,
        size_divisor=completed.get("ensure_multiple_of") if is_padding else None,
        keep_aspect_ratio=completed["resize_method"] != "fixed",
    )
    return completed


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuses settings that cannot be carried out; absent ones are not looked at.

    Raises:
        ValueError: naming the setting, its value, and what is allowed.
    """
    for switch in SWITCHES:
        if settings.get(switch) is not None and not isinstance(settings[switch], bool):
            raise ValueError(f"{switch} is {settings[switch]!r}; it has to be True or False")
    method = settings.get("resize_method", RESIZE_METHODS[0])
    if method not in RESIZE_METHODS:
        raise ValueError(f"resize_method is {method!r}; it has to be one of {RESIZE_METHODS}")
    if not _is_count(settings.get("ensure_multiple_of", 1)):
        multiple = settings["ensure_multiple_of"]
        raise ValueError(f"ensure_multiple_of is {multiple!r}; it has to be a whole number of pixels, at least 1")
    if settings.get("size_divisor") is not None and not _is_count(settings["size_divisor"]):
        divisor = settings["size_divisor"]
        raise ValueError(f"size_divisor is {divisor!r}; it has to be a whole number of pixels, at least 1")
    resample = settings.get("resample")
    if resample is not None and not (_is_number(resample, Integral) and int(resample) in ALLOWED_RESAMPLE):
        raise ValueError(f"resample is {resample!r}; it has to be one of {ALLOWED_RESAMPLE}, as PIL.Image.Resampling")
    factor = settings.get("rescale_factor")
    if factor is not None and not (_is_number(factor, Real) and math.isfinite(factor)):
        raise ValueError(f"rescale_factor is {factor!r}; it has to be a finite number, such as 1 / 255")
    _check_size(settings.get("size"))
    _check_channel_values(settings)
    for unused in ("do_center_crop", "pad_size"):
        if settings.get(unused):
            raise ValueError(f"{unused} is {settings[unused]!r}, which is not offered; leave it out")
    data_format = settings.get("data_format")
    if getattr(data_format, "value", data_format) not in (None, "channels_first"):
        raise ValueError(f"data_format is {data_format!r}; the network's input is always channels_first")


def own_settings(settings: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """What a file says that this class can use: its fields, and by which class the file was written."""
    return {key: value for key, value in settings.items() if key in fields or key in WRITERS}


def refuse_unknown(settings: Mapping[str, Any], fields: Collection[str]) -> None:
    """Refuses keyword arguments that are no fields, unless they come from a file that names its class.

    Raises:
        TypeError: naming them and the fields.
    """
    unknown = [key for key in settings if key not in fields and key not in FILE_KEYS and not key.startswith("_")]
    if unknown and not any(writer in settings for writer in WRITERS):
        raise TypeError(f"the image processor has no setting {', '.join(unknown)}; it has {', '.join(sorted(fields))}")


def native_fields(resize_method: str, ensure_multiple_of: int) -> dict[str, Any]:
    """The fields by which a file makes the native processor do the nearest thing to `resize_method`.

    The nearest is the same sizes for "minimal" and "fixed", the same sizes and placement but zeros instead of a mirror
    for "pad", and "minimal" for "lower_bound" and "upper_bound".
    """
    fields: dict[str, Any] = {"keep_aspect_ratio": resize_method != "fixed", "do_pad": resize_method == "pad"}
    if resize_method == "pad":
        fields.update(do_resize=False, size_divisor=ensure_multiple_of)
    return fields


def contradicts(changes: Mapping[str, Any], resize_method: str) -> bool:
    """Whether changes to native fields, with no word on `resize_method`, ask for another method than this one."""
    if changes.get("resize_method") is not None:
        return False
    keep_aspect_ratio, do_pad = changes.get("keep_aspect_ratio"), changes.get("do_pad")
    return (keep_aspect_ratio is not None and keep_aspect_ratio != (resize_method != "fixed")) or (
        do_pad is not None and do_pad != (resize_method == "pad")
    )


def _inferred_resize_method(settings: Mapping[str, Any]) -> str:
    do_resize, do_pad = settings.get("do_resize", True), settings.get("do_pad", False)
    size_divisor, multiple = settings.get("size_divisor") or 1, settings.get("ensure_multiple_of") or 1
    if do_pad and not do_resize and size_divisor > 1:
        return "pad"
    if do_pad and do_resize and multiple % size_divisor:
        raise ValueError(
            f"do_pad=True with do_resize=True pads to a multiple of size_divisor={size_divisor} after resizing, which "
            f"is not offered; set do_pad=False and ensure_multiple_of={size_divisor}, or do_resize=False"
        )
    return "lower_bound" if settings.get("keep_aspect_ratio", True) else "fixed"


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _check_size(size: Any) -> None:
    """Accepts a side of a square, (height, width), or a mapping of just these two."""
    if size is None or _is_count(size):
        return
    sides: Any = None
    if isinstance(size, (Mapping, SizeDict)):
        size = dict(size)
        named = {name: side for name, side in size.items() if side is not None}
        sides = list(named.values()) if set(named) == {"height", "width"} else None
    elif isinstance(size, (list, tuple)) and len(size) == 2:
        sides = size
    if sides is None or not all(_is_count(side) for side in sides):
        raise ValueError(f'size is {size!r}; it has to be {{"height": pixels, "width": pixels}}, each at least 1')


def _check_channel_values(settings: Mapping[str, Any]) -> None:
    counts = (1, 3) if settings.get("do_convert_rgb") else CHANNEL_COUNTS
    lengths = {1}
    for name in ("image_mean", "image_std"):
        if settings.get(name) is None:
            continue
        value = settings[name]
        is_listed = isinstance(value, (list, tuple, np.ndarray))
        numbers = list(value) if is_listed else [value]
        if len(numbers) not in counts:
            raise ValueError(f"{name} has {len(numbers)} values; give one number, or one per channel: one of {counts}")
        if not all(_is_number(number, Real) and math.isfinite(number) for number in numbers):
            raise ValueError(f"{name} is {value!r}; it has to hold finite numbers")
        if name == "image_std" and min(numbers) <= 0:
            raise ValueError(f"image_std is {value!r}; pixels are divided by it, so each value has to be above 0")
        lengths.add(len(numbers))
    if len(lengths) > 2:
        raise ValueError(
            f"image_mean has {len(settings['image_mean'])} values and image_std {len(settings['image_std'])}; "
            "give both one per channel"
        )


def _rounded_size(size: Any, multiple: int | None) -> Any:
    """A {"height", "width"} size rounded to multiples, as the native processor does at every call; others as is."""
    if not isinstance(size, Mapping) or multiple is None or not {"height", "width"} <= set(size):
        return size
    return {side: max(round(size[side] / multiple), 1) * multiple for side in ("height", "width")}
