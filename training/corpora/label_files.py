"""The formats of depth and disparity files, each decoded to a float32 map of the numbers that the file holds."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from depth_anything.training.corpora.optional_library import optional_library
from depth_anything.training.corpora.sample import Reason, SampleError

LABEL_SUFFIXES = frozenset({".exr", ".h5", ".hdf5", ".npy", ".pfm", ".png", ".tif", ".tiff"})
GREY_MODES = frozenset({"1", "L", "I", "F"})  # and I;16 in its byte orders
PFM_HEADER_BYTES = 200  # far more than three short lines take


def read_label_file(path: Path) -> NDArray[np.float32]:
    """The map of a file of any of the kinds, by its ending; (H, W).

    An HDF5 file has to hold a single map, or one named `depth`.

    Raises:
        SampleError: the file is missing or damaged, is no single map, or has another ending.
    """
    suffix = path.suffix.lower()
    if suffix == ".pfm":
        return read_pfm(path)
    if suffix == ".npy":
        return read_npy(path)
    if suffix == ".exr":
        return read_exr(path)
    if suffix in (".h5", ".hdf5"):
        return read_hdf5(path)
    if suffix in (".png", ".tif", ".tiff"):
        return read_grey(path)
    raise SampleError(Reason.DAMAGED_LABEL, f"{path}: no label file; they end in {' '.join(sorted(LABEL_SUFFIXES))}")


def read_pfm(path: Path) -> NDArray[np.float32]:
    """The map of a one-channel PFM, turned top row first; (H, W).

    Writers disagree about blanks in the three lines of the header, so lines are stripped and split.

    Raises:
        SampleError: the file is missing or damaged.
    """
    data = read_bytes(path)
    lines = data[:PFM_HEADER_BYTES].split(b"\n", 3)
    try:
        kind = lines[0].strip()
        width, height = (int(side) for side in lines[1].split())
        scale = float(lines[2].strip())
    except (IndexError, ValueError):
        raise _damaged(path, "its first three lines are not those of a PFM") from None
    if kind != b"Pf":
        raise _damaged(path, f"its first line is {kind[:20]!r}; a map of one channel has b'Pf'")
    if width < 1 or height < 1 or scale == 0 or not math.isfinite(scale):
        raise _damaged(path, f"its header says {width}x{height} and scale {scale}")
    start = sum(len(line) + 1 for line in lines[:3])
    num_bytes = 4 * width * height
    if len(data) - start < num_bytes:
        raise _damaged(path, f"{len(data) - start} bytes follow the header, and {width}x{height} need {num_bytes}")
    stored = np.frombuffer(data, "<f4" if scale < 0 else ">f4", width * height, start)
    return np.ascontiguousarray(stored.reshape(height, width)[::-1], np.float32)


def read_npy(path: Path) -> NDArray[np.float32]:
    """The map of a NumPy file; (H, W).

    Raises:
        SampleError: the file is missing or damaged, or holds something else than one real map.
    """
    with _decoding(path):
        stored = np.load(path, allow_pickle=False)
        if not isinstance(stored, np.ndarray):
            raise _damaged(path, "it holds several arrays")
        return _as_map(path, stored)


def read_grey(path: Path) -> NDArray[np.float32]:
    """The stored levels of an 8- or 16-bit or float PNG or TIFF of one channel, not scaled; (H, W).

    Raises:
        SampleError: the file is missing or damaged, or has several channels or a palette.
    """
    image = _opened_picture(path)
    if image.mode not in GREY_MODES and not image.mode.startswith("I;16"):
        raise _damaged(path, f"it has the mode {image.mode}; a label has one channel of numbers")
    return _as_map(path, np.asarray(image))


def read_unit_grey(path: Path) -> NDArray[np.float32]:
    """The levels of an 8- or 16-bit picture from 0 to 1; of several equal channels the first; (H, W).

    Raises:
        SampleError: the file is missing or damaged.
    """
    image = _opened_picture(path)
    if image.mode in ("1", "P", "PA"):
        image = image.convert("L")
    stored = np.asarray(image)
    if stored.ndim == 3:
        stored = stored[..., 0]
    levels = 255 if stored.dtype == np.uint8 else 65535
    return _as_map(path, stored) / np.float32(levels)


def read_exr(path: Path) -> NDArray[np.float32]:
    """The map of an OpenEXR file: its only channel whatever its name, or R of several; top row first; (H, W).

    Raises:
        MissingLibraryError: OpenEXR is not installed.
        SampleError: the file is missing or damaged, or has several channels without R.
    """
    library = optional_library("OpenEXR", "a label in an .exr file")
    with _decoding(path), library.File(str(path), separate_channels=True) as opened:
        channels = {name: np.asarray(channel.pixels) for name, channel in opened.channels().items()}
    if len(channels) != 1 and "R" not in channels:
        raise _damaged(path, f"it has the channels {sorted(channels)}; a label has one, or R")
    pixels = channels["R"] if "R" in channels else next(iter(channels.values()))
    return _as_map(path, pixels)


def read_hdf5(path: Path, name: str | None = None) -> NDArray[np.float32]:
    """A map in an HDF5 file; (H, W).

    Args:
        path: the file.
        name: of the map; None takes `depth`, or the only one.

    Raises:
        MissingLibraryError: h5py is not installed.
        SampleError: the file is missing or damaged, or has no such map.
    """
    library = optional_library("h5py", "a label in an HDF5 file")
    with _decoding(path), library.File(path, "r") as opened:
        names = sorted(opened)
        chosen = name or ("depth" if "depth" in names or len(names) != 1 else names[0])
        if chosen not in names:
            raise _damaged(path, f"it holds {names} and not {chosen!r}")
        return _as_map(path, np.asarray(opened[chosen]))


def require_same_size(label: NDArray[np.float32], mask: NDArray[np.float32], mask_path: str) -> None:
    """Refuse a mask that is not of its label's size.

    Raises:
        SampleError: they differ.
    """
    if label.shape != mask.shape:
        (height, width), (mask_height, mask_width) = label.shape, mask.shape
        raise SampleError(
            Reason.LABEL_SIZE, f"{mask_path} has {mask_width}x{mask_height} pixels and the label {width}x{height}"
        )


def read_bytes(path: Path) -> bytes:
    """Everything in the file.

    Raises:
        SampleError: the file is missing or the disk cannot read it.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


@contextlib.contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Turns what a decoder raises into a `SampleError`: on damaged bytes they raise nearly anything."""
    if not path.is_file():
        raise _unreadable(path, "no such file")
    try:
        yield
    except SampleError:
        raise
    except Exception as error:
        raise _damaged(path, str(error) or type(error).__name__) from error


def _opened_picture(path: Path) -> Image.Image:
    with _decoding(path):
        image: Image.Image = Image.open(path)
        image.load()
    return image


def _as_map(path: Path, stored: NDArray[np.generic]) -> NDArray[np.float32]:
    if stored.ndim == 3 and stored.shape[-1] == 1:
        stored = stored[..., 0]
    if stored.ndim != 2 or stored.dtype.kind not in "buif":
        raise _damaged(path, f"it holds {stored.dtype} of shape {stored.shape}; a label is (height, width), real")
    if 0 in stored.shape:
        raise _damaged(path, f"its shape is {stored.shape}")
    return np.ascontiguousarray(stored, np.float32)


def _damaged(path: Path, detail: str) -> SampleError:
    return SampleError(Reason.DAMAGED_LABEL, f"{path}: {detail}")


def _unreadable(path: Path, detail: str) -> SampleError:
    return SampleError(Reason.UNREADABLE_FILE, f"{path}: {detail}")
