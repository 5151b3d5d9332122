import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from depth_anything.training.corpora.sample import LabelKind, RawSample, Reason, SampleError
from depth_anything.training.corpora.sample_decoding import decode_image, decode_sample

Encode = Callable[..., bytes]
ORIENTATION = 0x0112


def with_orientation(pixels: np.ndarray, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", exif=exif)
    return file.getvalue()


def saved(image: Image.Image, file_format: str) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format)
    return file.getvalue()


def labelled(data: bytes, size: tuple[int, int]) -> RawSample:
    ones = np.ones(size, np.float32)
    return RawSample(image_bytes=data, label=ones, valid=ones > 0, kind=LabelKind.METRIC_DEPTH, corpus="test", key="0")


def reason_of(data: bytes) -> Reason:
    with pytest.raises(SampleError) as caught:
        decode_image(data)
    return caught.value.reason


@pytest.fixture
def corners() -> np.ndarray:
    """Red only in the upper left corner; (20, 30, 3)."""
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:3, :3, 0] = 255
    return pixels


def test_a_picture_is_rgb_as_pillow_alone_reads_it(encoded: Encode) -> None:
    data = encoded()
    np.testing.assert_array_equal(decode_image(data), np.asarray(Image.open(io.BytesIO(data))))


def test_grey_palette_and_one_bit_pictures_become_rgb(encoded: Encode) -> None:
    for mode in ("L", "P", "1", "LA"):
        assert decode_image(encoded(mode=mode)).shape == (24, 32, 3)
    grey = decode_image(encoded(mode="L"))
    assert (grey[..., 0] == grey[..., 2]).all()


def test_cmyk_becomes_rgb() -> None:
    # No ink is white, full cyan takes all red.
    cyan = np.zeros((16, 32), np.uint8)
    cyan[:, 16:] = 255
    none = Image.new("L", (32, 16))
    picture = decode_image(saved(Image.merge("CMYK", [Image.fromarray(cyan), none, none, none]), "TIFF"))
    assert picture[0, 0].tolist() == [255, 255, 255]
    assert picture[0, 31].tolist() == [0, 255, 255]


def test_alpha_is_dropped_and_not_blended() -> None:
    pixels = np.full((16, 16, 4), (200, 100, 50, 0), np.uint8)
    assert decode_image(saved(Image.fromarray(pixels), "PNG"))[5, 5].tolist() == [200, 100, 50]


def test_16_bit_values_keep_their_upper_eight_bits() -> None:
    levels = np.full((16, 16), 0xAB12, np.uint16)
    assert decode_image(saved(Image.fromarray(levels), "PNG"))[0, 0].tolist() == [0xAB] * 3


# Where the upper left corner of what is stored belongs: EXIF 2.3, tag 274, "0th row" and "0th column".
@pytest.mark.parametrize(
    ("orientation", "vertical", "horizontal", "is_turned"),
    [
        (1, "top", "left", False),
        (2, "top", "right", False),
        (3, "bottom", "right", False),
        (4, "bottom", "left", False),
        (5, "top", "left", True),
        (6, "top", "right", True),
        (7, "bottom", "right", True),
        (8, "bottom", "left", True),
    ],
)
def test_a_picture_without_label_is_turned_upright(
    corners: np.ndarray, orientation: int, vertical: str, horizontal: str, is_turned: bool
) -> None:
    upright = decode_image(with_orientation(corners, orientation))
    assert upright.shape == ((30, 20, 3) if is_turned else (20, 30, 3))
    row, column = {"top": 0, "bottom": -1}[vertical], {"left": 0, "right": -1}[horizontal]
    assert upright[row, column, 0] == 255
    assert (upright[..., 0] > 0).sum() == 9


def test_an_orientation_that_does_not_exist_is_upright(corners: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_image(with_orientation(corners, 9)), corners)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_exif_block_does_not_lose_the_picture(corners: np.ndarray) -> None:
    data = saved(Image.fromarray(corners), "JPEG")
    block = b"Exif\0\0II*\0" + b"\xff" * 20
    damaged = data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    np.testing.assert_array_equal(decode_image(damaged), decode_image(data))


def test_a_picture_with_a_label_stays_as_stored(corners: np.ndarray) -> None:
    data = with_orientation(corners, 6)
    np.testing.assert_array_equal(decode_sample(labelled(data, (20, 30))).image, corners)


def test_a_picture_is_turned_where_its_label_has_the_upright_size(corners: np.ndarray) -> None:
    sample = decode_sample(labelled(with_orientation(corners, 6), (30, 20)))
    assert sample.image.shape == (30, 20, 3)
    assert sample.image[0, -1, 0] == 255


def test_a_square_picture_with_a_label_stays_as_stored() -> None:
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[0, 0] = 255
    assert decode_sample(labelled(with_orientation(pixels, 6), (20, 20))).image[0, 0, 0] == 255


def test_a_label_of_another_size_is_refused_with_both_sizes(encoded: Encode) -> None:
    with pytest.raises(SampleError, match="label_size: the picture has 32x24 pixels and its label 16x12"):
        decode_sample(labelled(encoded(), (12, 16)))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_a_picture_that_is_cut_off_is_refused(encoded: Encode, file_format: str) -> None:
    data = encoded(file_format=file_format, size=(64, 64))
    assert reason_of(data[: len(data) * 2 // 3]) is Reason.DAMAGED_IMAGE


def test_empty_files_and_other_files_are_refused() -> None:
    assert reason_of(b"") is Reason.DAMAGED_IMAGE
    assert reason_of(b"<html>404</html>") is Reason.DAMAGED_IMAGE


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_whatever_damage_does_only_a_sample_error_comes_out(encoded: Encode, file_format: str) -> None:
    data = bytearray(encoded(file_format=file_format, size=(48, 48)))
    generator = np.random.default_rng(0)
    for _ in range(60):
        damaged = data.copy()
        for place in generator.integers(0, len(data), 8):
            damaged[place] = generator.integers(0, 256)
        try:
            picture = decode_image(bytes(damaged))
        except SampleError:
            continue
        assert picture.ndim == 3
        assert picture.dtype == np.uint8


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that says a size and holds nearly nothing: a decompression bomb."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_refused_from_pillows_limit_on_and_not_from_twice_it() -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    side = int((1.5 * Image.MAX_IMAGE_PIXELS) ** 0.5)
    assert reason_of(png_of_size(side, side)) is Reason.IMAGE_TOO_LARGE
    assert reason_of(png_of_size(60_000, 60_000)) is Reason.IMAGE_TOO_LARGE


def test_a_picture_smaller_than_a_patch_is_refused(encoded: Encode) -> None:
    assert reason_of(encoded(size=(1, 1))) is Reason.IMAGE_TOO_SMALL
    assert reason_of(encoded(size=(13, 500))) is Reason.IMAGE_TOO_SMALL
    assert decode_image(encoded(size=(14, 14))).shape == (14, 14, 3)
