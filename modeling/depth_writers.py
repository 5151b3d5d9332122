"""Files that hold one depth map: three lossless or measured encodings, two pictures.

Every writer takes a path to create and returns, for the record beside the files, how its numbers are to be read.
Values are float32, finite, (H, W).
"""

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .colormaps import to_colors, to_gray_levels

# What `--save` offers, and how each ends behind the stem of its image.
KIND_ENDINGS: Mapping[str, str] = {
    "npy": ".npy",
    "png16": "_16bit.png",
    "tiff": ".tiff",
    "color": "_color.png",
    "side-by-side": ".png",
}
PICTURE_KINDS = ("color", "side-by-side")
PICTURE_ENDING = ".png"  # the official scripts' name of their one picture
RECORD_ENDING = ".json"

STRIP_WIDTH_PX = 50  # between input and depth, as in the official scripts
PNG16_LEVELS = 65535
PNG_COMPRESSION = 3  # of 9: half the time of Pillow's 6 for a twelfth more bytes on a photo

# Metres of one step, where the model's range fits: millimetres as in NYU and TUM files, 1/256 m as in KITTI's.
METRIC_STEPS_M = (0.001, 1 / 256)

Encoding = dict[str, str | float | list[float] | None]
AnyPath = TypeVar("AnyPath", bound=PurePath)


def with_ending(stem: AnyPath, ending: str) -> AnyPath:
    """The path of an output; unlike `with_suffix` it leaves dots in the stem alone."""
    return stem.with_name(stem.name + ending)


def possible_names(stem: AnyPath) -> tuple[AnyPath, ...]:
    """Every path that an image with this stem may be written to, whatever the settings."""
    return tuple(with_ending(stem, ending) for ending in (*KIND_ENDINGS.values(), RECORD_ENDING))


def write_npy(path: Path, values: NDArray[np.float32]) -> Encoding:
    """Writes the array as it is."""
    with path.open("wb") as file:  # a path would get a second .npy behind a temporary name
        np.save(file, values)
    return {"encoding": "NumPy array, float32, height x width"}


def write_tiff(path: Path, values: NDArray[np.float32]) -> Encoding:
    """Writes the array as one 32-bit float channel, uncompressed."""
    Image.fromarray(values).save(path, format="TIFF")
    return {"encoding": "TIFF, one channel of 32-bit floats"}


def write_png16(path: Path, values: NDArray[np.float32], max_depth_m: float | None) -> Encoding:
    """Writes 16-bit grey levels; value = level x scale + offset, to half a step.

    Args:
        path: file to create.
        values: disparity, or metres where `max_depth_m` is given.
        max_depth_m: the model's range. Its maps all share one step, so frames compare; disparity, which has no unit,
            is spread over all levels by each map's own minimum and maximum.
    """
    if max_depth_m is None:
        low, high = float(values.min()), float(values.max())
        offset, scale = low, (high - low) / PNG16_LEVELS or 1.0  # 1 for a flat map, whose levels are all 0
    else:
        fitting = (step for step in METRIC_STEPS_M if max(max_depth_m, float(values.max())) <= step * PNG16_LEVELS)
        offset, scale = 0.0, next(fitting, max_depth_m / PNG16_LEVELS)
    levels = np.rint((values.astype(np.float64) - offset) / scale)
    Image.fromarray(levels.clip(0, PNG16_LEVELS).astype(np.uint16)).save(
        path, format="PNG", compress_level=PNG_COMPRESSION
    )
    return {"encoding": "PNG, 16-bit grey: value = level * scale + offset", "scale": scale, "offset": offset}


def write_color(path: Path, values: NDArray[np.float32], colormap: str | None) -> Encoding:
    """Writes the map in colours, or in grey where `colormap` is None, stretched to its own range."""
    Image.fromarray(_rgb(values, colormap)).save(path, format="PNG", compress_level=PNG_COMPRESSION)
    return _picture_encoding("PNG, 8-bit RGB", values)


def write_side_by_side(
    path: Path, values: NDArray[np.float32], colormap: str | None, photo: NDArray[np.uint8]
) -> Encoding:
    """Writes input, a white strip and the picture of `write_color` in one row.

    Args:
        path: file to create.
        values: the map.
        colormap: a name of `COLORMAP_NAMES`; None is grey.
        photo: the input in RGB, (H, W, 3).
    """
    strip = np.full((photo.shape[0], STRIP_WIDTH_PX, 3), 255, dtype=np.uint8)
    Image.fromarray(np.hstack([photo, strip, _rgb(values, colormap)])).save(
        path, format="PNG", compress_level=PNG_COMPRESSION
    )
    return _picture_encoding(f"PNG, 8-bit RGB: input, {STRIP_WIDTH_PX} white columns, depth", values)


def _rgb(values: NDArray[np.float32], colormap: str | None) -> NDArray[np.uint8]:
    if colormap is None:
        return np.repeat(to_gray_levels(values)[..., np.newaxis], 3, axis=-1)
    return to_colors(values, colormap)


def _picture_encoding(encoding: str, values: NDArray[np.float32]) -> Encoding:
    return {"encoding": encoding, "shown_range": [float(values.min()), float(values.max())]}
