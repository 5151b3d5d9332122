from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from depth_anything import image_input
from depth_anything.image_input import list_images, read_image, read_maps


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def read(image: Any, convert_rgb: bool = True, input_data_format: str | None = None, is_scaled: bool = False) -> Any:
    return read_image(image, "images[0]", convert_rgb, input_data_format, is_scaled)


def levels(image: Any, **options: Any) -> np.ndarray:
    """The image on the scale of 0..255, (C, H, W)."""
    pixels, grey_levels_per_step = read(image, **options)
    return pixels.numpy() * np.float64(grey_levels_per_step)


def test_arrays_and_tensors_of_either_channel_order_read_alike(rgb: np.ndarray) -> None:
    expected = rgb.transpose(2, 0, 1)
    for image in (rgb, expected, torch.from_numpy(rgb), torch.from_numpy(expected.copy()), Image.fromarray(rgb)):
        np.testing.assert_array_equal(levels(image), expected)


def test_a_stated_channel_order_settles_an_ambiguous_shape() -> None:
    image = np.arange(3 * 4 * 3, dtype=np.uint8).reshape(3, 4, 3)
    with pytest.raises(ValueError, match=r"images\[0\] has shape \(3, 4, 3\).*pass input_data_format"):
        read(image)
    np.testing.assert_array_equal(levels(image, input_data_format="channels_first"), image)
    np.testing.assert_array_equal(levels(image, input_data_format="channels_last"), image.transpose(2, 0, 1))


def test_grey_of_any_shape_is_one_channel(rgb: np.ndarray) -> None:
    grey = rgb[..., 0]
    for image in (grey, grey[..., None], grey[None], Image.fromarray(grey)):
        np.testing.assert_array_equal(levels(image), grey[None])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "CMYK", "1", "YCbCr"])
def test_pillow_modes_give_what_pillow_converts_to_rgb(rgb: np.ndarray, mode: str) -> None:
    image = Image.fromarray(rgb).convert(mode)
    expected = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(np.broadcast_to(levels(image), expected.shape), expected)


def test_alpha_is_dropped_and_not_blended(rgb: np.ndarray) -> None:
    transparent = np.dstack([rgb, np.zeros(rgb.shape[:2], np.uint8)])
    for image in (transparent, Image.fromarray(transparent), transparent.transpose(2, 0, 1)):
        np.testing.assert_array_equal(levels(image), rgb.transpose(2, 0, 1))


def test_without_conversion_four_channels_stay_four(rgb: np.ndarray) -> None:
    four = np.dstack([rgb, rgb[..., :1]])
    np.testing.assert_array_equal(levels(four, convert_rgb=False), four.transpose(2, 0, 1))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64, ">u2"])
def test_sixteen_bits_span_the_same_range_as_eight(dtype: Any) -> None:
    image = np.array([[0, 257], [65535, 514]]).astype(dtype)
    np.testing.assert_allclose(levels(image), [[[0, 1], [255, 2]]], rtol=1e-6)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_sixteen_bit_pillow_images_keep_their_precision(mode: str, tmp_path: Path) -> None:
    values = np.array([[0, 257], [65535, 258]], np.uint16)
    if mode == "I":
        image = Image.fromarray(values.astype(np.int32))
    else:
        image = Image.frombytes(mode, (2, 2), values.astype(">u2" if mode.endswith("B") else "<u2").tobytes())
    assert image.mode == mode
    np.testing.assert_allclose(levels(image), [[[0, 1], [255, 258 / 257]]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floats_are_zero_to_one(dtype: torch.dtype) -> None:
    np.testing.assert_array_equal(
        levels(torch.tensor([[0.0, 0.5], [1.0, 0.25]], dtype=dtype)), [[[0, 127.5], [255, 63.75]]]
    )


def test_a_float_image_of_pillow_follows_the_rule_for_floats() -> None:
    np.testing.assert_array_equal(levels(Image.fromarray(np.float32([[0.5, 1]]))), [[[127.5, 255]]])


@pytest.mark.parametrize(("low", "high"), [(0, 255.0), (0, 1.01), (-0.5, 1)])
def test_floats_outside_zero_to_one_are_refused_unless_they_are_final(low: float, high: float) -> None:
    image = np.float32([[low, high]])
    with pytest.raises(ValueError, match=r"float images hold 0\.\.1.*do_rescale=False"):
        read(image)
    np.testing.assert_array_equal(read(image, is_scaled=True).pixels, image[None])


def test_wide_integers_that_could_have_eight_bits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"int64 values 0\.\.200.*convert it to uint8 .* or uint16"):
        read(np.array([[0, 200]]))
    assert not read(np.zeros((2, 2), np.int32)).pixels.any()  # black is black in both


@pytest.mark.parametrize("value", [-1, 65536])
def test_wide_integers_beyond_sixteen_bits_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match=r"16-bit images hold 0\.\.65535"):
        read(np.array([[300, value]]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    for is_scaled in (False, True):
        with pytest.raises(ValueError, match=r"images\[0\] has NaN or infinite values"):
            read(np.array([[0.5, bad]]), is_scaled=is_scaled)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 4, 3), np.uint8), r"no pixels: its shape is \(0, 4, 3\)"),
        (np.zeros((5, 7, 2), np.uint8), "neither end has 1, 3 or 4 channels"),
        (np.zeros((5, 7, 5, 3), np.uint8), "it has to be"),
        (np.zeros(5, np.uint8), "it has to be"),
        (np.zeros((5, 7), bool), "values of type torch.bool; pass uint8"),
        (np.zeros((5, 7), np.int8), "values of type torch.int8; pass uint8"),
        (np.zeros((5, 7), complex), "values of type complex128; pass uint8"),
        (np.array([["a"]]), "values of type <U1; pass uint8"),
        pytest.param(
            np.zeros((5, 7), np.longdouble),
            r"images\[0\] has values of type \w+; pass uint8",
            marks=pytest.mark.skipif(np.dtype(np.longdouble) == np.float64, reason="long double is double here"),
        ),
    ],
)
def test_an_array_that_is_no_image_is_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(image)


def test_a_stated_order_with_a_wrong_number_of_channels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has 5 channels .* it needs 1, 3 or 4"):
        read(np.zeros((5, 7, 3), np.uint8), input_data_format="channels_first")


def test_arrays_that_torch_cannot_wrap_are_read_without_a_warning(rgb: np.ndarray) -> None:
    read_only = rgb.copy()
    read_only.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(levels(read_only), rgb.transpose(2, 0, 1))
        np.testing.assert_array_equal(levels(rgb[:, ::-1]), rgb[:, ::-1].transpose(2, 0, 1))


def test_reading_an_array_copies_nothing(rgb: np.ndarray) -> None:
    read_only = rgb.view()
    read_only.flags.writeable = False
    for image in (rgb, read_only):
        assert read(image).pixels.data_ptr() == rgb.ctypes.data


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(rgb: np.ndarray, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(rgb).save(tmp_path / "photo.png", exif=exif)
    # The standard's table: which sides of the picture row 0 and column 0 of the file are.
    expected = {
        1: rgb,
        2: rgb[:, ::-1],
        3: rgb[::-1, ::-1],
        4: rgb[::-1],
        5: rgb.swapaxes(0, 1),
        6: rgb[::-1].swapaxes(0, 1),
        7: rgb[::-1, ::-1].swapaxes(0, 1),
        8: rgb[:, ::-1].swapaxes(0, 1),
    }[orientation]
    np.testing.assert_array_equal(levels(tmp_path / "photo.png"), expected.transpose(2, 0, 1))


def test_paths_and_data_strings_are_opened(rgb: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(rgb).save(path)
    data = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    for source in (path, str(path), data):
        np.testing.assert_array_equal(levels(source), rgb.transpose(2, 0, 1))


def test_a_url_is_loaded_as_transformers_loads_it(rgb: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(image_input, "load_image", lambda url: asked.append(url) or Image.fromarray(rgb))
    np.testing.assert_array_equal(levels("https://host/photo.png"), rgb.transpose(2, 0, 1))
    assert asked == ["https://host/photo.png"]


def test_a_path_without_a_file_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match=r"images\[0\]: there is no file 'nowhere/photo.png'"):
        read("nowhere/photo.png")


@pytest.mark.parametrize("form", ["jpg", "png"])
def test_a_file_that_is_cut_off_is_refused_by_its_name(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"cut.{form}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for source in (path, str(path), Image.open(path)):
        with pytest.raises(ValueError, match=rf"images\[0\]: the image '.*cut\.{form}' cannot be decoded: .*trunc"):
            read(source)
    with pytest.raises(ValueError, match=r"depth_maps\[0\]: .* cannot be decoded"):
        read_maps(Image.open(path), "depth_maps", 1)


def test_a_file_that_is_no_image_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no image")
    with pytest.raises(ValueError, match=r"images\[0\]: '.*notes\.txt' cannot be read as an image: cannot identify"):
        read(path)
    with pytest.raises(ValueError, match=r"images\[0\]: 'data:image/png;base64,AAAA' cannot be read as an image"):
        read("data:image/png;base64,AAAA")


def test_a_picture_beyond_pillow_s_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (70, 70)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"images\[0\]: .* cannot be read as an image: Image size \(4900 pixels\)"):
        read(tmp_path / "large.png")


def test_an_error_of_the_connection_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(url: str) -> None:
        raise ConnectionError(url)

    monkeypatch.setattr(image_input, "load_image", unreachable)
    with pytest.raises(ConnectionError):
        read("https://host/photo.png")


def test_a_high_image_is_unpacked_whole() -> None:
    rgb = np.random.default_rng(0).integers(
        0, 256, (700, 301, 3), dtype=np.uint8
    )  # more than one strip, the last short
    assert 4 * rgb.shape[0] * rgb.shape[1] > image_input.STRIP_BYTES
    np.testing.assert_array_equal(levels(Image.fromarray(rgb)), rgb.transpose(2, 0, 1))


def test_a_batch_array_is_a_list_of_its_images(rgb: np.ndarray) -> None:
    listed = list_images(np.stack([rgb, rgb + 1]))
    assert len(listed) == 2
    np.testing.assert_array_equal(listed[1], rgb + 1)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "images is empty"),
        (np.zeros((0, 5, 7, 3), np.uint8), "images is empty"),
        ([[np.zeros((5, 7))]], r"images\[0\] is a list; pass one flat list"),
        ([None], r"images\[0\] is a NoneType; pass a path"),
        (io.BytesIO(), r"images\[0\] is a BytesIO; pass a path"),
    ],
)
def test_a_list_that_is_no_list_of_images_is_refused(images: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list_images(images)


def test_maps_come_one_by_one_in_a_batch_or_in_a_list() -> None:
    maps = np.arange(12.0).reshape(2, 2, 3)
    for given in (
        maps,
        list(maps),
        torch.from_numpy(maps),
        [Image.fromarray(single.astype(np.float32)) for single in maps],
    ):
        for single, expected in zip(read_maps(given, "depth_maps", 2), maps, strict=True):
            np.testing.assert_array_equal(single, expected)
    np.testing.assert_array_equal(read_maps(maps[0], "depth_maps", 1)[0], maps[0])


def test_another_number_of_maps_than_images_is_refused() -> None:
    with pytest.raises(ValueError, match="depth_maps holds 2 maps for 3 images"):
        read_maps(np.zeros((2, 4, 4)), "depth_maps", 3)


def test_a_map_with_channels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"depth_maps\[0\] has shape \(4, 4, 3\)"):
        read_maps([np.zeros((4, 4, 3))], "depth_maps", 1)
