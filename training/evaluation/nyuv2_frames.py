"""NYU Depth v2's 654 test frames: the official .mat files, or the pictures of BTS and ZoeDepth with their list."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from depth_anything.training.corpora.optional_library import optional_library
from depth_anything.training.corpora.reader import CorpusError, LastOpened
from depth_anything.training.corpora.sample import Reason, SampleError
from depth_anything.training.corpora.split_lists import NyuV2Reader
from depth_anything.training.evaluation.data_options import first_folder, one_of
from depth_anything.training.evaluation.frames import Frame, FrameSource, ReaderFrames
from depth_anything.training.evaluation.matlab_file import read_matlab_vectors

LABELED_FILE, SPLITS_FILE = "nyu_depth_v2_labeled.mat", "splits.mat"
TEST_LIST = "nyudepthv2_test_files_with_gt.txt"
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"  # at 0, or behind MATLAB's own 512 bytes


class _NyuTestReader(NyuV2Reader):
    list_advice = f"take {TEST_LIST} of ZoeDepth's train_test_inputs/"


class NyuLabeledFrames(FrameSource):
    """Frames of `nyu_depth_v2_labeled.mat`, which is HDF5 with reversed axes.

    Args:
        root: holds the file, and `splits.mat` whose `testNdxs` count from 1.
        depths: "rawDepths" as the sensor saw, with holes; or "depths" with holes filled in.

    Raises:
        CorpusError: a file is missing or is not what it should be.
        MissingLibraryError: h5py is not installed.
    """

    def __init__(self, root: Path, depths: str = "rawDepths") -> None:
        self.path = root / LABELED_FILE
        self.depths = one_of("depths", depths, ("rawDepths", "depths"))
        self.numbers = _test_numbers(root / SPLITS_FILE)
        self._opened: LastOpened[Any] = LastOpened(_open_hdf5, _close)
        if not self.path.is_file():
            raise CorpusError(f"there is no {self.path}")
        try:
            num_frames = len(self._opened.get(str(self.path))[self.depths])
        except (OSError, KeyError) as error:
            raise CorpusError(f"{self.path}: no HDF5 file with images and {self.depths}: {error}") from error
        if max(self.numbers) >= num_frames:
            raise CorpusError(f"{root / SPLITS_FILE} names frame {max(self.numbers) + 1} of {num_frames}")

    def __len__(self) -> int:
        return len(self.numbers)

    def key(self, index: int) -> str:
        """Name of a frame: its number in the file, from 1."""
        return f"{self.numbers[index] + 1:04d}"

    def read(self, index: int) -> Frame:
        """The frame; errors as of `FrameSource.read`."""
        number = self.numbers[index]
        try:
            opened = self._opened.get(str(self.path))
            image, depth_m = opened["images"][number], opened[self.depths][number]  # (3, W, H), (W, H)
        except OSError as error:
            raise SampleError(Reason.UNREADABLE_FILE, f"{self.path}, frame {number + 1}: {error}") from error
        depth_m = np.ascontiguousarray(depth_m.T, np.float32)
        valid = np.isfinite(depth_m) & (depth_m > 0)
        return Frame(
            image=np.ascontiguousarray(image.transpose(2, 1, 0), np.uint8),
            depth_m=np.where(valid, depth_m, np.float32(0)),
            valid=valid,
            key=self.key(index),
        )


def open_nyuv2_frames(
    root: Path, files: str = "png", split_file: str = TEST_LIST, depths: str = "rawDepths"
) -> FrameSource:
    """NYU's test frames.

    Args:
        root: holds the files of either form.
        files: "png" for the pictures that a list names, their borders black and their colours JPEG's; or "mat".
        split_file: the list, below root or absolute.
        depths: of the "mat" files; see `NyuLabeledFrames`.

    Raises:
        CorpusError: files are missing.
    """
    if one_of("files", files, ("png", "mat")) == "mat":
        return NyuLabeledFrames(root, depths)
    pictures = first_folder(root, "official_splits/test", "test")
    return ReaderFrames(_NyuTestReader("nyuv2", pictures, split_file=root / split_file))


def _test_numbers(path: Path) -> tuple[int, ...]:
    """The test frames' numbers from 0, of a file of either of MATLAB's formats."""
    try:
        with path.open("rb") as file:
            head = file.read(520)
        if HDF5_SIGNATURE in (head[:8], head[512:520]):
            numbers = np.asarray(_open_hdf5(str(path))["testNdxs"], np.float64).ravel()
        else:
            numbers = read_matlab_vectors(path)["testNdxs"]
    except (OSError, KeyError, SampleError) as error:
        raise CorpusError(f"{path}: no list of NYU's test frames, testNdxs: {error}") from error
    if not len(numbers) or numbers.min() < 1:
        raise CorpusError(f"{path}: testNdxs holds no numbers from 1 on")
    return tuple(int(number) - 1 for number in numbers)


def _h5py() -> ModuleType:
    return optional_library("h5py", "nyu_depth_v2_labeled.mat")


def _open_hdf5(path: str) -> Any:
    return _h5py().File(path, "r")


def _close(opened: Any) -> None:
    opened.close()
