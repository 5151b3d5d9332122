"""PNG files of label levels and masks: written without filters where that makes them smaller, and then read fast.

A PNG filter replaces values by differences to their neighbours. That makes smooth maps of full precision 2 to 6 times
smaller. But the levels of most data sets repeat a few thousand values (float16 metres, whole millimetres, a LiDAR's
1/256 m), which deflate finds, and finds worse in differences: without filters their labels are 10 to 30 % smaller,
written in half the time and read in an eighth of it: undoing filters takes Pillow longer than inflating does, and
zlib-ng inflates in two fifths of the time of zlib. zlib still writes them: their bytes depend on no new version.
"""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from depth_anything.training.corpora.optional_library import optional_library

PURPOSE = "a corpus with labels in 16 bits"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = struct.Struct(">I4sIIBBBBBI")  # IHDR: length, name, width, height, depth, colour, three methods, checksum
GREY_AS_IT_LIES = (0, 0, 0, 0)  # colour type grey, deflate, the one filter method, not interlaced
HEADER_LENGTH = 13  # of the content
NO_FILTER = b"\0"  # the first byte of a row names its filter
PEEKED = 4096  # bytes of compressed data: zlib's tables come first, and are far shorter
# Of zlib. On a Hypersim map Pillow's default, 6, takes twice as long (62 ms, not 31) for 9 % fewer bytes.
EFFORT = 4
# Of every 128 rows 16 are enough to tell which way is smaller; fewer would miss the repetitions between rows.
SAMPLED_EVERY, SAMPLED_ROWS = 128, 16


def png_bytes(pixels: NDArray[np.uint16] | NDArray[np.uint8] | NDArray[np.bool_]) -> bytes:
    """The pixels as a grey PNG of 16, 8 or 1 bits; (H, W)."""
    if pixels.dtype == np.uint8:  # confidences, which are smooth
        return _by_pillow(pixels)
    sampled = pixels[np.arange(len(pixels)) % SAMPLED_EVERY < SAMPLED_ROWS]
    is_smaller_unfiltered = len(_unfiltered(sampled)) <= len(_by_pillow(sampled))
    return _unfiltered(pixels) if is_smaller_unfiltered else _by_pillow(pixels)


def png_pixels(data: bytes) -> NDArray[Any]:
    """The pixels of a PNG: uint16 or bool of what `png_bytes` wrote, else as Pillow gives them.

    The bytes of 16-bit numbers may lie in the file's order, not in the machine's: a crop needs few of them turned.

    Raises:
        MissingLibraryError: zlib-ng is not installed.
        Exception: whatever zlib-ng or Pillow raise on a damaged file.
    """
    pixels = _read_unfiltered(data)
    if pixels is not None:
        return pixels
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def _by_pillow(pixels: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=EFFORT)
    return file.getvalue()


def _unfiltered(pixels: NDArray[Any]) -> bytes:
    height, width = pixels.shape
    is_mask = pixels.dtype == np.bool_
    packed = np.packbits(pixels, axis=1) if is_mask else pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    rows = np.pad(packed, ((0, 0), (1, 0)))  # `NO_FILTER` at the beginning of each
    header = struct.pack(">IIBBBBB", width, height, 1 if is_mask else 16, *GREY_AS_IT_LIES)
    content = zlib.compress(rows.tobytes(), EFFORT)
    return b"".join([SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", content), _chunk(b"IEND", b"")])


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _read_unfiltered(data: bytes) -> NDArray[np.uint16] | NDArray[np.bool_] | None:
    """The pixels; None of a file that is of another kind, or cut off: Pillow is to read it, or to say why not.

    Raises:
        zlib_ng.error, ValueError: damage, which Pillow, that checks no sums, does not see where values alone change.
    """
    content_at = len(SIGNATURE) + HEADER.size
    if not data.startswith(SIGNATURE) or len(data) < content_at:
        return None
    length, name, width, height, depth, *kind, checksum = HEADER.unpack_from(data, len(SIGNATURE))
    is_header = (length, name) == (HEADER_LENGTH, b"IHDR") and checksum == zlib.crc32(data[12 : content_at - 4])
    if not is_header or tuple(kind) != GREY_AS_IT_LIES or depth not in (1, 16) or not width or not height:
        return None
    row_bytes = 1 + (width * depth + 7) // 8
    inflated = _inflated(_image_data(data, content_at), row_bytes * height)
    if inflated is None:
        return None
    rows = np.frombuffer(inflated, np.uint8).reshape(height, row_bytes)
    if rows[:, 0].any():  # filtered
        return None
    if depth == 1:
        return np.unpackbits(rows[:, 1:], axis=1, count=width).view(np.bool_)
    return rows[:, 1:].view(">u2")


def _image_data(data: bytes, position: int) -> bytes:
    """The contents of the IDAT chunks that begin at a position, joined; empty if anything else comes before IEND."""
    parts: list[bytes] = []
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"IEND":
            return b"".join(parts)
        if name != b"IDAT":
            return b""
        parts.append(data[position + 8 : position + 8 + length])
        position += 12 + length
    return b""


def _inflated(compressed: bytes, size: int) -> bytes | None:
    """What was compressed; None if the first row has a filter.

    No more than a byte above the size is ever made, whatever the file says.
    """
    if _zlib_ng().decompressobj().decompress(compressed[:PEEKED], 1) != NO_FILTER:
        return None  # so that little time is lost on files that Pillow will have to read
    inflater = _zlib_ng().decompressobj()
    content = inflater.decompress(compressed, size + 1)
    if len(content) != size or not inflater.eof:
        raise ValueError(f"the image data end before or behind the {size} bytes that the size of the image asks for")
    return content


@cache
def _zlib_ng() -> ModuleType:
    optional_library("zlib_ng", PURPOSE)
    return optional_library("zlib_ng.zlib_ng", PURPOSE)
