from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from zlib_ng import zlib_ng

from depth_anything.training.corpora import level_png
from depth_anything.training.corpora.level_png import png_bytes, png_pixels

SIZES = [(1, 1), (7, 9), (33, 40), (200, 31)]


def repeating(size: tuple[int, int]) -> np.ndarray:
    """A slanted, rough surface in whole millimetres, as disparity: a few hundred levels, unevenly spaced."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    depth_mm = 1000 + (rows + 2 * columns) // 3 + np.random.default_rng(0).integers(0, 6, size)
    return (65535 * (1 / depth_mm - 1 / 3000) / (1 / 1000 - 1 / 3000)).astype(np.uint16)


def smooth(size: tuple[int, int]) -> np.ndarray:
    rows, columns = np.mgrid[: size[0], : size[1]]
    return (37 * rows + 91 * columns + rows * columns).astype(np.uint16)


def by_pillow(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def counts_pillow(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    opened: list[bytes] = []
    original = Image.open

    def count(file: io.BytesIO) -> Image.Image:
        opened.append(file.getvalue())
        return original(file)

    monkeypatch.setattr(level_png.Image, "open", count)
    return opened


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["repeating", "smooth", "mask", "full mask", "confidence"])
def test_pillow_and_the_module_read_the_same_pixels_of_every_file_written(size: tuple[int, int], kind: str) -> None:
    noise = np.random.default_rng(1)
    pixels = {
        "repeating": repeating(size),
        "smooth": smooth(size),
        "mask": noise.random(size) < 0.5,
        "full mask": np.ones(size, np.bool_),
        "confidence": noise.integers(0, 256, size, np.uint8),
    }[kind]
    data = png_bytes(pixels)
    found = png_pixels(data)
    assert found.dtype.newbyteorder("=") == pixels.dtype
    np.testing.assert_array_equal(found, pixels)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)
    np.testing.assert_array_equal(png_pixels(by_pillow(pixels)), pixels)


def test_levels_that_repeat_are_written_without_filters_and_read_without_pillow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = png_bytes(repeating((200, 300)))
    assert len(data) < 0.9 * len(level_png._by_pillow(repeating((200, 300))))
    opened = counts_pillow(monkeypatch)
    png_pixels(data)
    assert opened == []


def test_smooth_levels_are_filtered_where_that_makes_them_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    data = png_bytes(smooth((300, 300)))
    assert len(data) < 0.5 * len(level_png._unfiltered(smooth((300, 300))))
    opened = counts_pillow(monkeypatch)
    np.testing.assert_array_equal(png_pixels(data), smooth((300, 300)))
    assert opened == [data]


def test_image_data_in_many_chunks_is_read_as_in_one() -> None:
    pixels = repeating((50, 60))
    data = png_bytes(pixels)
    content = level_png._image_data(data, 33)
    chunks = [level_png._chunk(b"IDAT", content[at : at + 100]) for at in range(0, len(content), 100)]
    assert len(chunks) > 2
    np.testing.assert_array_equal(png_pixels(b"".join([data[:33], *chunks, data[-12:]])), pixels)


def test_damage_to_any_pixel_is_an_error_and_never_other_levels() -> None:
    data = png_bytes(repeating((60, 70)))
    end = len(data) - 12 - 4  # of the image data, before its chunk's checksum
    for place in range(33 + 8 + 150, end, 3):  # behind zlib's tables, by which it reads the first byte
        damaged = bytearray(data)
        damaged[place] ^= 0x41
        with pytest.raises((zlib_ng.error, ValueError, OSError)):
            png_pixels(bytes(damaged))


def test_a_file_cut_off_anywhere_in_its_pixels_is_refused() -> None:
    data = png_bytes(repeating((20, 30)))
    for length in range(0, len(data) - 24, 7):
        with pytest.raises((OSError, SyntaxError)):
            png_pixels(data[:length])


def test_a_file_that_inflates_to_more_than_its_size_is_refused_before_it_does() -> None:
    header = struct.pack(">IIBBBBB", 4, 4, 16, 0, 0, 0, 0)
    content = zlib.compress(bytes(10_000_000))
    data = b"".join(
        [
            level_png.SIGNATURE,
            level_png._chunk(b"IHDR", header),
            level_png._chunk(b"IDAT", content),
            level_png._chunk(b"IEND", b""),
        ]
    )
    with pytest.raises(ValueError, match="the 36 bytes that the size of the image asks for"):
        png_pixels(data)
