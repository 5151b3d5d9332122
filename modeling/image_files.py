"""Pictures read from disk, whole or with the reason why not."""

import hashlib
import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

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


def upright(image: Image.Image) -> Image.Image:
    """The picture turned by its EXIF orientation, which it no longer has then; the same one where it has none."""
    return ImageOps.exif_transpose(image) if ORIENTATION_TAG in image.getexif() else image


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
