"""Which size an image is resized or padded to: the size rules of the official code and of transformers."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESIZE_METHODS = ("lower_bound", "minimal", "upper_bound", "fixed", "pad")
MAX_RESIZED_PIXELS = (
    2**27
)  # 11585 x 11585, 1.5 GiB as three channels of float32; a longer strip would ask for all memory


class Padding(NamedTuple):
    """Pixels added at each side."""

    top: int
    bottom: int
    left: int
    right: int


class Geometry(NamedTuple):
    """How the pixels of one image come to lie in the network's input: resized, or padded."""

    image_size: tuple[int, int]  # (H, W)
    output_size: tuple[int, int]  # (h, w)
    padding: Padding | None  # None: resized


def planned_geometry(
    image_size: tuple[int, int], resize_method: str, do_resize: bool, size: tuple[int, int], multiple: int
) -> Geometry:
    """The geometry of one image; see `resized_size` for the arguments. Only "pad" changes a size without `do_resize`.

    Raises:
        ValueError: see `resized_size`; and for more than `MAX_RESIZED_PIXELS` after resizing.
    """
    if resize_method == "pad":
        padding = padding_to_multiple(image_size, multiple)
        height, width = image_size
        padded_size = height + padding.top + padding.bottom, width + padding.left + padding.right
        return Geometry(image_size, padded_size, padding)
    if not do_resize:
        return Geometry(image_size, image_size, None)
    output_size = resized_size(image_size, resize_method, size, multiple)
    if output_size[0] * output_size[1] > MAX_RESIZED_PIXELS:
        raise ValueError(
            f"an image of {image_size} (height, width) would be resized to {output_size} by size={size} and "
            f"resize_method={resize_method!r}, more than {MAX_RESIZED_PIXELS} pixels; set a smaller size or "
            "resize_method='upper_bound', or crop the image"
        )
    return Geometry(image_size, output_size, None)


def resized_size(
    image_size: tuple[int, int], resize_method: str, size: tuple[int, int], multiple: int
) -> tuple[int, int]:
    """The (height, width) that an image is resized to.

    Args:
        image_size: (height, width) of the image, each at least 1.
        resize_method: one of
            "lower_bound": both sides at least `size`, aspect kept, each side the nearest multiple, rounded up where
                the nearest lies below `size` (the official rule);
            "minimal": scaled as little as possible so that one side meets `size`, aspect kept, each side the nearest
                multiple (the rule of transformers' DPT processor);
            "upper_bound": both sides at most `size`, aspect kept, each side the nearest multiple, rounded down where
                the nearest lies above `size`;
            "fixed": exactly `size`, which has to consist of multiples.
        size: (height, width) that the rule refers to.
        multiple: what both sides come out a multiple of, at least 1.

    Raises:
        ValueError: "fixed" with a size that is no multiple, "upper_bound" with one below the multiple, or a method
            that is not listed here.

    Source: github.com/DepthAnything/Depth-Anything-V2, util/transform.py, `Resize.get_size`.
    Differs: a side never becomes 0; very long images get one multiple on the short side.
    """
    if resize_method == "fixed":
        return _checked_fixed_size(size, multiple)
    if resize_method not in ("lower_bound", "minimal", "upper_bound"):
        raise ValueError(f"resize_method is {resize_method!r}; resizing needs one of {RESIZE_METHODS[:-1]}")
    if resize_method == "upper_bound" and min(size) < multiple:
        raise ValueError(
            f"size {size} leaves no room for a multiple of {multiple} with resize_method='upper_bound'; "
            f"set size to at least {multiple}"
        )
    scales = size[0] / image_size[0], size[1] / image_size[1]
    if resize_method == "lower_bound":
        scale = max(scales)
    elif resize_method == "upper_bound":
        scale = min(scales)
    else:  # fit the width only where its scale is nearer to 1
        scale = scales[1] if abs(1 - scales[1]) < abs(1 - scales[0]) else scales[0]
    height, width = (
        _nearest_multiple(scale * side, multiple, bound, resize_method)
        for side, bound in zip(image_size, size, strict=True)
    )
    return height, width


def padding_to_multiple(image_size: tuple[int, int], multiple: int) -> Padding:
    """The padding that brings (height, width) to the next multiples, half of it before, the odd pixel after.

    Source: the placement of transformers' `DPTImageProcessor.pad_image`.
    """
    rows, columns = (-side % multiple for side in image_size)
    return Padding(rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)


def reflected_indices(num_samples: int, before: int, after: int) -> NDArray[np.int64]:
    """Where padded samples are read from: a mirror at the first and the last sample, which are not repeated.

    Args:
        num_samples: samples along the axis; may be fewer than the padding, the mirrored signal goes on and on.
        before: samples to add before the first.
        after: samples to add after the last.

    Returns:
        Index of the sample at each position, int64, (before + num_samples + after,).
    """
    period = max(2 * (num_samples - 1), 1)
    positions = np.arange(-before, num_samples + after, dtype=np.int64) % period
    return np.minimum(positions, period - positions) if num_samples > 1 else positions


def _checked_fixed_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    if size[0] % multiple or size[1] % multiple:
        nearest = tuple(max(round(side / multiple), 1) * multiple for side in size)
        raise ValueError(
            f"size {size} with resize_method='fixed' is no multiple of ensure_multiple_of={multiple}; "
            f"set size to {nearest} or ensure_multiple_of to 1"
        )
    return size


def _nearest_multiple(length: float, multiple: int, bound: int, resize_method: str) -> int:
    nearest = round(length / multiple) * multiple  # halves go to the even multiple, as NumPy's `round` does
    if resize_method == "upper_bound" and nearest > bound:
        nearest = math.floor(length / multiple) * multiple
    if resize_method == "lower_bound" and nearest < bound:
        nearest = math.ceil(length / multiple) * multiple
    return max(nearest, multiple)
