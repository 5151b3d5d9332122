"""Reading of images, depth maps and masks of many kinds into tensors, with one clear error for what is refused."""

import math
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.image_utils import load_image

EXIF_ORIENTATION = 0x0112
STRIP_BYTES = 1 << 19  # Pillow pixels unpacked at a time: small enough to stay in cache and to reuse the same memory
CHANNEL_COUNTS = (1, 3, 4)
FLOAT_TOLERANCE = 1e-3  # how far a float image may pass 0 and 1, for rounding

# What Pillow's decoders raise for a file that is cut off, damaged, far too large, or no image.
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, struct.error, PIL.Image.DecompressionBombError)

GREY_LEVELS_PER_STEP_16_BIT = 255 / 65535
GREY_LEVELS_PER_STEP_FLOAT = 255.0


class ReadImage(NamedTuple):
    """One image, not yet resized."""

    pixels: Tensor  # (C, H, W), uint8 or float32; a view of the input's memory where that is possible
    grey_levels_per_step: float  # what 1 in `pixels` is worth on the scale of 0..255


def list_images(images: Any) -> list[Any]:
    """The images as a flat list of single images, not yet read.

    Args:
        images: a path, URL, PIL image or array; a 4-D array is a batch; or a list or tuple of single images.

    Raises:
        ValueError: for an empty list, a list inside the list, or something that is no image.
    """
    if isinstance(images, (list, tuple)) or (isinstance(images, (np.ndarray, Tensor)) and images.ndim == 4):
        listed = list(images)
    else:
        listed = [images]
    if not listed:
        raise ValueError("images is empty; pass at least one image")
    for position, image in enumerate(listed):
        if isinstance(image, (list, tuple)):
            raise ValueError(f"images[{position}] is a {type(image).__name__}; pass one flat list of images")
        if not isinstance(image, (str, Path, PIL.Image.Image, np.ndarray, Tensor)):
            raise ValueError(
                f"images[{position}] is a {type(image).__name__}; pass a path, URL, PIL image, NumPy array or tensor"
            )
    return listed


def read_image(image: Any, name: str, convert_rgb: bool, input_data_format: str | None, is_scaled: bool) -> ReadImage:
    """One image as a (C, H, W) tensor, upright, with what its values mean.

    The type alone says what the values mean: uint8 0..255; uint16, int32 and int64 0..65535; floats 0..1. An int32 or
    int64 image whose largest value lies in 1..255 could have 8 bits or 16 and is refused, and so is a float image
    outside 0..1.

    Args:
        image: path, URL, PIL image (EXIF orientation is applied), array or tensor with one, three or four channels.
        name: what errors call it, such as "images[0]".
        convert_rgb: drop alpha (as `cv2.imread` does, not blended) and turn other colour spaces into RGB; one channel
            of grey is left as one, to be written to all three later. Otherwise the channels stay as they are.
        input_data_format: "channels_first" or "channels_last"; None detects the axis of 1, 3 or 4 entries.
        is_scaled: the values are final, so floats may lie outside 0..1.

    Raises:
        ValueError: for a size of 0, a channel count or order that is not clear, an unknown type of values, values
            outside of what the type allows, NaN or infinity, or a file or string that is no image or a damaged one.
    """
    if isinstance(image, (str, Path)):
        image = _opened(image, name)
    if isinstance(image, PIL.Image.Image):
        image, input_data_format = _array_from_pil(_decoded(image, name), convert_rgb), "channels_last"
    pixels = _tensor(image, name)
    if pixels.numel() == 0:
        raise ValueError(f"{name} has no pixels: its shape is {tuple(pixels.shape)}")
    pixels = _channels_first(pixels, name, input_data_format)
    if convert_rgb and pixels.shape[0] == 4:
        pixels = pixels[:3]
    return _with_meaning(pixels, name, is_scaled)


def read_maps(maps: Any, name: str, num_images: int) -> list[Tensor]:
    """Depth maps or masks as a list of (H, W) tensors of their own type, one per image.

    Args:
        maps: one (H, W) array, tensor or single-channel PIL image; a (B, H, W) batch; or a list of such maps. They are
            taken as they are given: an EXIF orientation of the image is not applied to them.
        name: what errors call them.
        num_images: how many are needed.

    Raises:
        ValueError: for another number of maps or another number of axes, or a file that cannot be decoded.
    """
    if isinstance(maps, (list, tuple)) or (isinstance(maps, (np.ndarray, Tensor)) and maps.ndim == 3):
        listed = list(maps)
    else:
        listed = [maps]
    if len(listed) != num_images:
        raise ValueError(f"{name} holds {len(listed)} maps for {num_images} images; pass one for each image")
    read = []
    for position, single in enumerate(listed):
        single_name = f"{name}[{position}]"
        if isinstance(single, PIL.Image.Image):
            single = np.array(_decoded(single, single_name))
        tensor = _tensor(single, single_name)
        if tensor.ndim != 2:
            raise ValueError(f"{single_name} has shape {tuple(tensor.shape)}; it has to be (height, width)")
        read.append(tensor)
    return read


def _opened(source: str | Path, name: str) -> PIL.Image.Image:
    shown = repr(str(source)[:200])
    is_file = Path(source).is_file()
    if not is_file and not (isinstance(source, str) and source.startswith(("http://", "https://", "data:image/"))):
        raise ValueError(f"{name}: there is no file {shown}; pass a path, a URL or a data:image/ string")
    # The errors of a connection stay what they are, for callers that try again.
    unreadable = UNREADABLE if is_file else (PIL.UnidentifiedImageError, ValueError)
    try:
        opened: PIL.Image.Image = PIL.Image.open(source) if is_file else load_image(source)
    except unreadable as reason:
        raise ValueError(f"{name}: {shown} cannot be read as an image: {reason}") from reason
    return opened


def _decoded(image: PIL.Image.Image, name: str) -> PIL.Image.Image:
    """The same image with its pixels in memory: Pillow decodes a file only when they are asked for."""
    try:
        image.load()
        image.getexif()
    except UNREADABLE as reason:
        shown = repr(str(getattr(image, "filename", ""))[:200])
        raise ValueError(f"{name}: the image {shown} cannot be decoded: {reason}") from reason
    return image


def _array_from_pil(image: PIL.Image.Image, convert_rgb: bool) -> NDArray[Any]:
    """The upright image as (H, W) or (H, W, C): grey in its own depth, anything else as RGB if `convert_rgb`."""
    if image.getexif().get(EXIF_ORIENTATION, 1) != 1:
        image = PIL.ImageOps.exif_transpose(image)
    if image.mode == "1" or (convert_rgb and image.mode in ("LA", "La")):
        image = image.convert("L")
    elif convert_rgb and image.mode not in ("L", "I", "F", "RGB") and not image.mode.startswith("I;16"):
        image = image.convert("RGB")
    if image.mode != "RGB":
        return np.array(image)
    width, height = image.size
    array = np.empty((height, width, 3), np.uint8)
    # By strips, because unpacking 12 megapixels at once takes 2.5 times as long, in page faults.
    step = max(STRIP_BYTES // max(4 * width, 1), 1)
    for top in range(0, height, step):
        array[top : top + step] = np.asarray(image.crop((0, top, width, min(top + step, height))))
    return array


def _tensor(image: Any, name: str) -> Tensor:
    """A tensor that shares memory with the array where its strides and byte order allow."""
    if isinstance(image, Tensor):
        return image.detach()
    if not isinstance(image, np.ndarray):
        raise ValueError(f"{name} is a {type(image).__name__}; pass a NumPy array, a tensor or a PIL image")
    if image.dtype.kind not in "buif":
        raise ValueError(f"{name} has values of type {image.dtype}; pass uint8, uint16 or float32")
    if any(stride < 0 for stride in image.strides) or not image.dtype.isnative:
        image = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("="))
    try:
        return torch.from_numpy(image if image.flags.writeable else np.asarray(_Unlocked(image)))
    except TypeError as reason:  # a type that PyTorch does not have, such as long double
        raise ValueError(f"{name} has values of type {image.dtype}; pass uint8, uint16 or float32") from reason


class _Unlocked:
    """Lends a read-only array's memory as writable: it is only read, but PyTorch warns of read-only arrays."""

    def __init__(self, array: NDArray[Any]) -> None:
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface
        self.array = array  # keeps the memory alive


def _channels_first(pixels: Tensor, name: str, input_data_format: str | None) -> Tensor:
    """The (C, H, W) view of an image of shape (H, W), (C, H, W) or (H, W, C)."""
    if pixels.ndim == 2:
        return pixels[None]
    shape = tuple(pixels.shape)
    if pixels.ndim != 3:
        raise ValueError(f"{name} has shape {shape}; it has to be (H, W), (H, W, C) or (C, H, W)")
    if input_data_format is None:
        first, last = shape[0] in CHANNEL_COUNTS, shape[-1] in CHANNEL_COUNTS
        if first and last:
            raise ValueError(
                f"{name} has shape {shape}, whose channels could come first or last; "
                'pass input_data_format="channels_first" or "channels_last"'
            )
        if not first and not last:
            raise ValueError(
                f"{name} has shape {shape}, and neither end has 1, 3 or 4 channels; "
                "pass an RGB or grey image, or a list of (H, W) arrays"
            )
        input_data_format = "channels_first" if first else "channels_last"
    channels_last = str(getattr(input_data_format, "value", input_data_format)) == "channels_last"
    pixels = pixels.permute(2, 0, 1) if channels_last else pixels
    if pixels.shape[0] not in CHANNEL_COUNTS:
        raise ValueError(f"{name} has {pixels.shape[0]} channels (shape {shape}); it needs 1, 3 or 4")
    return pixels


def _with_meaning(pixels: Tensor, name: str, is_scaled: bool) -> ReadImage:
    if pixels.dtype == torch.uint8:
        return ReadImage(pixels, 1.0)
    if pixels.dtype == torch.uint16:
        return ReadImage(pixels.to(torch.int32).float(), GREY_LEVELS_PER_STEP_16_BIT)
    if pixels.dtype in (torch.int32, torch.int64):
        smallest, largest = (int(bound) for bound in pixels.aminmax())
        if smallest < 0 or largest > 65535:
            raise ValueError(f"{name} has {pixels.dtype} values {smallest}..{largest}; 16-bit images hold 0..65535")
        if 0 < largest <= 255 and not is_scaled:
            raise ValueError(
                f"{name} has {pixels.dtype} values {smallest}..{largest}, which could be 8 or 16 bit; "
                "convert it to uint8 (0..255) or uint16 (0..65535)"
            )
        return ReadImage(pixels.float(), GREY_LEVELS_PER_STEP_16_BIT)
    if not pixels.is_floating_point():
        raise ValueError(
            f"{name} has values of type {pixels.dtype}; pass uint8 (0..255), uint16 (0..65535) or float (0..1)"
        )
    pixels = pixels.float()
    low, high = (float(bound) for bound in pixels.aminmax())  # NaN if any value is
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{name} has NaN or infinite values; replace them before")
    if not is_scaled and (low < -FLOAT_TOLERANCE or high > 1 + FLOAT_TOLERANCE):
        raise ValueError(
            f"{name} has float values {low:.6g}..{high:.6g}; float images hold 0..1: divide by their white level, "
            "clip what overshoots, convert to uint8, or pass do_rescale=False if they are scaled already"
        )
    return ReadImage(pixels, GREY_LEVELS_PER_STEP_FLOAT)
