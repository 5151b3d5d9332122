import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from depth_anything.training.corpora.label_files import (
    read_exr,
    read_grey,
    read_hdf5,
    read_label_file,
    read_npy,
    read_pfm,
    read_unit_grey,
)
from depth_anything.training.corpora.optional_library import MissingLibraryError, optional_library
from depth_anything.training.corpora.sample import Reason, SampleError

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
Ramp = NDArray[np.float32]


@pytest.mark.parametrize(
    "header",
    [
        "Pf\n{w} {h}\n-1.000000\n",
        "Pf \n{w} {h} \n-1.0\n",  # RAFT-3D's files, which OpenCV refuses
        "Pf\r\n{w} {h}\r\n-1\r\n",
        "Pf\n{w}  {h}\n-0.5\n",
    ],
)
def test_a_pfm_is_read_top_row_first_whatever_blanks_its_header_has(
    write: Write, pfm: Encode, ramp: Ramp, header: str
) -> None:
    np.testing.assert_array_equal(read_pfm(write("a.pfm", pfm(ramp, header))), ramp)


def test_a_positive_scale_means_big_endian(write: Write, pfm: Encode, ramp: Ramp) -> None:
    path = write("a.pfm", pfm(ramp, "Pf\n{w} {h}\n1.0\n", ">"))
    np.testing.assert_array_equal(read_pfm(path), ramp)
    assert read_pfm(path).dtype == np.dtype("=f4")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "need 3072"),
        (lambda data: b"PF" + data[2:], "its first line is b'PF'"),
        (lambda data: b"", "first three lines"),
        (lambda data: b"Pf\n32\n-1\n" + data, "first three lines"),
        (lambda data: b"Pf\n0 24\n-1\n", "says 0x24"),
        (lambda data: b"Pf\n32 24\n0\n" + data, "scale 0"),
        (lambda data: b"Pf\n32 24\nnan\n" + data, "scale nan"),
    ],
)
def test_a_damaged_pfm_is_refused(
    write: Write, pfm: Encode, ramp: Ramp, damage: Callable[[bytes], bytes], message: str
) -> None:
    with pytest.raises(SampleError, match=message) as caught:
        read_pfm(write("a.pfm", damage(pfm(ramp))))
    assert caught.value.reason is Reason.DAMAGED_LABEL
    assert "a.pfm" in caught.value.detail


def test_a_real_pfm_with_blanks_in_its_header_is_upright(shared_dir: Path) -> None:
    folder = shared_dir / "rgbd" / "raft3d_flyingthings"
    data = (folder / "disp1.pfm").read_bytes()
    flipped = np.frombuffer(data[-4 * 960 * 540 :], "<f4").reshape(540, 960)
    disparity = read_pfm(folder / "disp1.pfm")
    for row in (0, 17, 539):
        np.testing.assert_array_equal(disparity[row], flipped[539 - row])


def test_npy_of_any_real_type_is_float32(write: Write, tmp_path: Path, ramp: Ramp) -> None:
    for number, dtype in enumerate([np.float16, np.float64, np.uint16, ">f4"]):
        np.save(tmp_path / f"{number}.npy", ramp.astype(dtype))
        read = read_npy(tmp_path / f"{number}.npy")
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, ramp.astype(dtype).astype(np.float32))


def test_npy_that_would_run_code_or_is_no_map_is_refused(write: Write, tmp_path: Path, ramp: Ramp) -> None:
    np.save(tmp_path / "object.npy", np.array([{}], object), allow_pickle=True)
    np.save(tmp_path / "three.npy", np.zeros((4, 5, 3)))
    np.save(tmp_path / "none.npy", np.zeros((0, 5)))
    np.save(tmp_path / "cut.npy", ramp)
    write("cut.npy", (tmp_path / "cut.npy").read_bytes()[:-10])
    for name in ("object", "three", "none", "cut"):
        with pytest.raises(SampleError, match=f"damaged_label: .*{name}.npy"):
            read_npy(tmp_path / f"{name}.npy")


def test_grey_files_keep_their_stored_levels(write: Write, tmp_path: Path, ramp: Ramp, png16: Encode) -> None:
    levels = (ramp * 2600).astype(np.uint16)
    np.testing.assert_array_equal(read_grey(write("16.png", png16(levels))), levels.astype(np.float32))
    Image.fromarray(levels).save(tmp_path / "16.tif")
    np.testing.assert_array_equal(read_grey(tmp_path / "16.tif"), levels.astype(np.float32))
    Image.fromarray(ramp).save(tmp_path / "float.tif")
    np.testing.assert_array_equal(read_grey(tmp_path / "float.tif"), ramp)
    Image.fromarray(levels.astype(np.uint8)).save(tmp_path / "8.png")
    np.testing.assert_array_equal(read_grey(tmp_path / "8.png"), levels.astype(np.uint8).astype(np.float32))


def test_the_whole_16_bit_range_survives_a_png(write: Write, png16: Encode) -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(read_grey(write("a.png", png16(levels))).astype(int), levels.astype(int))


def test_a_coloured_or_damaged_label_is_refused(write: Write, encoded: Encode) -> None:
    with pytest.raises(SampleError, match="it has the mode RGB; a label has one channel"):
        read_grey(write("rgb.png", encoded()))
    with pytest.raises(SampleError, match="it has the mode P"):
        read_grey(write("palette.png", encoded(mode="P")))
    with pytest.raises(SampleError, match="damaged_label"):
        read_grey(write("cut.png", encoded(mode="L")[:100]))


def test_levels_of_8_and_16_bits_and_of_three_equal_channels_run_from_0_to_1(
    write: Write, tmp_path: Path, png16: Encode
) -> None:
    levels = np.tile(np.arange(256, dtype=np.uint8), (3, 1))
    expected = levels / np.float32(255)
    Image.fromarray(levels).save(tmp_path / "8.png")
    Image.fromarray(np.stack([levels] * 3, -1)).save(tmp_path / "rgb.png")
    # 257 x makes 65535 of 255, so both depths mean the same.
    write("16.png", png16(levels.astype(np.uint16) * 257))
    for name in ("8.png", "rgb.png", "16.png"):
        np.testing.assert_allclose(read_unit_grey(tmp_path / name), expected, atol=1e-7)


def write_exr(path: Path, **channels: NDArray[np.generic]) -> None:
    library = optional_library("OpenEXR", "this test")
    header = {"compression": library.ZIP_COMPRESSION, "type": library.scanlineimage}
    library.File(header, channels).write(str(path))


def test_the_only_channel_of_an_exr_is_read_whatever_its_name(tmp_path: Path, ramp: Ramp) -> None:
    for name in ("G", "Y", "Z"):
        write_exr(tmp_path / "a.exr", **{name: ramp})
        np.testing.assert_array_equal(read_exr(tmp_path / "a.exr"), ramp)


def test_of_several_channels_of_an_exr_r_is_read(tmp_path: Path, ramp: Ramp) -> None:
    write_exr(tmp_path / "a.exr", B=ramp * 3, G=ramp * 2, R=ramp)
    np.testing.assert_array_equal(read_exr(tmp_path / "a.exr"), ramp)
    write_exr(tmp_path / "b.exr", G=ramp, Z=ramp)
    with pytest.raises(SampleError, match=r"it has the channels \['G', 'Z'\]"):
        read_exr(tmp_path / "b.exr")


def test_a_half_float_exr_is_float32(tmp_path: Path, ramp: Ramp) -> None:
    write_exr(tmp_path / "a.exr", G=ramp.astype(np.float16))
    assert read_exr(tmp_path / "a.exr").dtype == np.float32
    np.testing.assert_array_equal(read_exr(tmp_path / "a.exr"), ramp.astype(np.float16).astype(np.float32))


def test_a_damaged_exr_is_refused(tmp_path: Path, write: Write, ramp: Ramp) -> None:
    write_exr(tmp_path / "a.exr", G=ramp)
    write("cut.exr", (tmp_path / "a.exr").read_bytes()[:600])
    write("text.exr", b"no picture")
    for name in ("cut.exr", "text.exr"):
        with pytest.raises(SampleError, match=f"damaged_label: .*{name}"):
            read_exr(tmp_path / name)


def test_a_map_in_an_hdf5_file_is_found_by_name_or_alone(tmp_path: Path, ramp: Ramp) -> None:
    library = optional_library("h5py", "this test")
    with library.File(tmp_path / "one.h5", "w") as file:
        file["anything"] = ramp
    with library.File(tmp_path / "two.h5", "w") as file:
        file["depth"], file["mask"] = ramp, ramp > 3
    np.testing.assert_array_equal(read_hdf5(tmp_path / "one.h5"), ramp)
    np.testing.assert_array_equal(read_hdf5(tmp_path / "two.h5"), ramp)
    with pytest.raises(SampleError, match=r"it holds \['depth', 'mask'\] and not 'dataset'"):
        read_hdf5(tmp_path / "two.h5", "dataset")


def test_a_damaged_hdf5_file_is_refused(tmp_path: Path, write: Write, ramp: Ramp) -> None:
    library = optional_library("h5py", "this test")
    with library.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("depth", data=ramp, compression="gzip")
        file.create_group("folder")
    write("cut.h5", (tmp_path / "a.h5").read_bytes()[:-200])
    write("text.h5", b"no file of numbers")
    for name in ("cut.h5", "text.h5"):
        with pytest.raises(SampleError, match=f"damaged_label: .*{name}"):
            read_hdf5(tmp_path / name, "depth")
    with pytest.raises(SampleError, match="damaged_label"):
        read_hdf5(tmp_path / "a.h5", "folder")


@pytest.mark.filterwarnings("ignore")  # of the decoders, about the damage
@pytest.mark.parametrize("suffix", [".pfm", ".npy", ".h5", ".png", ".tif"])
def test_whatever_damage_does_only_a_sample_error_comes_out(
    tmp_path: Path, write: Write, pfm: Encode, png16: Encode, ramp: Ramp, suffix: str
) -> None:
    write("a.pfm", pfm(ramp))
    write("a.png", png16(ramp * 1000))
    np.save(tmp_path / "a.npy", ramp)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    with optional_library("h5py", "this test").File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("depth", data=ramp, compression="gzip")
    sound = (tmp_path / f"a{suffix}").read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(sound)
        for place in generator.integers(0, min(len(sound), 600), 6):
            damaged[place] = generator.integers(0, 256)
        path = write(f"damaged{suffix}", bytes(damaged))
        with contextlib.suppress(SampleError):
            assert read_label_file(path).ndim == 2


@pytest.mark.parametrize("suffix", [".pfm", ".npy", ".exr", ".h5", ".hdf5", ".png", ".tif"])
def test_a_missing_file_is_told_from_a_damaged_one(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(SampleError) as caught:
        read_label_file(tmp_path / f"none{suffix}")
    assert caught.value.reason is Reason.UNREADABLE_FILE


def test_the_ending_chooses_the_decoder_in_any_case(tmp_path: Path, write: Write, pfm: Encode, ramp: Ramp) -> None:
    np.testing.assert_array_equal(read_label_file(write("a.PFM", pfm(ramp))), ramp)
    with pytest.raises(SampleError, match=r"no label file; they end in \.exr"):
        read_label_file(tmp_path / "a.txt")


def test_a_library_that_is_not_installed_is_named_with_its_extra() -> None:
    with pytest.raises(
        MissingLibraryError, match=r"a label needs no_such_library: pip install 'depth-anything\[train\]'"
    ):
        optional_library("no_such_library", "a label")
