"""Pictures read from disk, whole or with the reason why not."""

import hashlib
import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from .image_input import CHANNEL_COUNTS
from .output_records import SourceFile, printable

ORIENTATION_TAG = 0x0112  # of EXIF
IMAGE_SUFFIXES = frozenset(
    ".avif .bmp .gif .jfif .jp2 .jpeg .jpg .pbm .pgm .png .pnm .ppm .tga .tif .tiff .webp".split()  # noqa: SIM905
)
VIDEO_SUFFIXES = frozenset(".avi .flv .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ts .webm .wmv".split())  # noqa: SIM905
# Pictures of other programs, which Pillow does not read; told of, because whoever has them expects them to count.
UNREAD_IMAGE_SUFFIXES = frozenset(
    ".arw .cr2 .cr3 .dng .exr .hdr .heic .heif .jxl .nef .orf .psd .raf .raw .rw2 .svg".split()  # noqa: SIM905
)


class UnreadableImageError(ValueError):
    """A file is missing, damaged or no picture; the message is the reason without the path."""


def read_image(path: str | os.PathLike[str]) -> Image.Image:
    """The picture, decoded to the last row and turned upright by its EXIF orientation.

    Raises:
        UnreadableImageError: the file is missing, damaged or no picture.
    """
    return _decode(_read_bytes(Path(path)))


def read_image_and_source(path: Path) -> tuple[Image.Image, SourceFile]:
    """The picture as `read_image` gives it, and what identifies its file.

    Raises:
        UnreadableImageError: the file is missing, damaged or no picture.
    """
    data = _read_bytes(path)
    source = SourceFile(printable(path), len(data), path.stat().st_mtime_ns, hashlib.sha256(data).hexdigest())
    return _decode(data), source


def opened_image(image: object) -> Image.Image | NDArray[np.generic] | Tensor:
    """The picture of a path, a PIL image turned upright by EXIF, or the array or tensor itself.

    Raises:
        UnreadableImageError: the file is missing, damaged or no picture; the message has its path.
        ValueError: something else, or a batch.
    """
    if isinstance(image, str | os.PathLike):
        try:
            return read_image(image)
        except UnreadableImageError as error:
            raise UnreadableImageError(f"{os.fspath(image)}: {error}") from None
    if isinstance(image, Image.Image):
        return ImageOps.exif_transpose(image) if ORIENTATION_TAG in image.getexif() else image
    if not isinstance(image, np.ndarray | Tensor):
        raise ValueError(f"a {type(image).__name__} is no image; pass a path, a PIL image, an array or a tensor")
    if image.ndim == 4:
        raise ValueError("a batch inside a list; pass its images one by one")
    return image


def height_and_width(image: Image.Image | NDArray[np.generic] | Tensor) -> tuple[int, int]:
    """Size of an upright image that the processor has taken, which it does where the axis of channels is clear."""
    if isinstance(image, Image.Image):
        return image.height, image.width
    is_channels_first = image.ndim == 3 and image.shape[0] in CHANNEL_COUNTS
    height, width = image.shape[1:] if is_channels_first else image.shape[:2]
    return int(height), int(width)


def to_rgb_array(image: Image.Image) -> NDArray[np.uint8]:
    """The picture for showing, RGB, (H, W, 3); 16-bit greys keep their upper eight bits, floats are 0..1."""
    if image.mode == "F":
        image = Image.fromarray(np.rint(np.asarray(image).clip(0, 1) * 255).astype(np.uint8))
    if image.mode.startswith("I;16") or image.mode == "I":
        levels = np.asarray(image).clip(0, 65535).astype(np.uint16) >> 8
        image = Image.fromarray(levels.astype(np.uint8))
    return np.asarray(image.convert("RGB"))


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(error.strerror or str(error)) from None


def _decode(data: bytes) -> Image.Image:
    if not data:
        raise UnreadableImageError("the file is empty")
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)  # without a copy where it is upright already
        return image
    except UnidentifiedImageError:
        raise UnreadableImageError("not a picture that Pillow can read") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # Pillow's ways to say damaged
        raise UnreadableImageError(str(error)) from None
