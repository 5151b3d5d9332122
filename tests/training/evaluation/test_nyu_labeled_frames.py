"""NYUv2 from its official .mat files: one is HDF5, the other MATLAB's own format, written here byte by byte."""

from __future__ import annotations

import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.evaluation.matlab_file import read_matlab_vectors
from depth_anything.training.evaluation.nyuv2_frames import NyuLabeledFrames, open_nyuv2_frames

Write = Callable[[str, bytes], Path]
CLASSES = {"f8": (6, 9), "u1": (9, 2), "u2": (11, 4), "i4": (12, 5)}  # of the array, of its numbers


def element(kind: int, content: bytes, order: str = "<") -> bytes:
    if 0 < len(content) <= 4:  # in eight bytes altogether
        return struct.pack(f"{order}I", len(content) << 16 | kind) + content.ljust(4, b"\0")
    return struct.pack(f"{order}II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(name: str, values: list[float], dtype: str, order: str = "<") -> bytes:
    array_class, number = CLASSES[dtype]
    parts = [
        element(6, struct.pack(f"{order}II", array_class, 0), order),
        element(5, struct.pack(f"{order}ii", len(values), 1), order),
        element(1, name.encode(), order),
        element(number, np.array(values, order + dtype).tobytes(), order),
    ]
    return element(14, b"".join(parts), order)


def mat5(*elements: bytes, order: str = "<") -> bytes:
    text = b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(124)
    return text + struct.pack(f"{order}H", 0x0100) + (b"IM" if order == "<" else b"MI") + b"".join(elements)


def test_vectors_of_every_storage_are_read(write: Write) -> None:
    compressed = zlib.compress(matrix("trainNdxs", [3, 4, 1449], "u2"))
    text = element(14, element(6, struct.pack("<II", 4, 0)) + element(5, struct.pack("<ii", 1, 2)) + element(1, b"t"))
    path = write(
        "splits.mat",
        mat5(
            matrix("testNdxs", [1, 2, 5, 1448], "f8"),
            struct.pack("<II", 15, len(compressed)) + compressed,
            text,
            matrix("few", [7], "u1"),
        ),
    )
    vectors = read_matlab_vectors(path)
    assert {name: vector.tolist() for name, vector in vectors.items()} == {
        "testNdxs": [1, 2, 5, 1448],
        "trainNdxs": [3, 4, 1449],
        "few": [7],
    }
    other_order = write("big.mat", mat5(matrix("testNdxs", [1, 70000], "i4", ">"), order=">"))
    assert read_matlab_vectors(other_order)["testNdxs"].tolist() == [1, 70000]


def test_a_damaged_file_is_refused(write: Write) -> None:
    good = mat5(matrix("testNdxs", [1, 2, 3], "f8"))
    with pytest.raises(SampleError, match="damaged MATLAB file: cut off"):
        read_matlab_vectors(write("cut.mat", good[:-8]))
    with pytest.raises(SampleError, match="no MATLAB file of version 5 to 7"):
        read_matlab_vectors(write("text.mat", b"testNdxs = 1 2 3"))
    broken = struct.pack("<II", 15, 8) + b"notzlib!"
    with pytest.raises(SampleError, match="damaged MATLAB file"):
        read_matlab_vectors(write("zlib.mat", mat5(broken)))


HEIGHT, WIDTH, NUM_FRAMES = 24, 32, 4


@pytest.fixture
def labeled(tmp_path: Path, write: Write) -> Path:
    """Four frames with axes reversed as MATLAB writes them; the first and the third are for testing."""
    noise = np.random.default_rng(0)
    raw = noise.uniform(1, 10, (NUM_FRAMES, WIDTH, HEIGHT)).astype(np.float32)
    raw[:, 3] = 0
    with h5py.File(tmp_path / "nyu_depth_v2_labeled.mat", "w", userblock_size=512) as file:
        file["images"] = noise.integers(0, 256, (NUM_FRAMES, 3, WIDTH, HEIGHT), np.uint8)
        file["rawDepths"] = raw
        file["depths"] = np.where(raw > 0, raw, 5).astype(np.float32)
    write("splits.mat", mat5(matrix("testNdxs", [1, 3], "f8"), matrix("trainNdxs", [2, 4], "f8")))
    return tmp_path


def test_test_frames_come_upright_with_raw_depth(labeled: Path) -> None:
    frames = open_nyuv2_frames(labeled, "mat")
    assert [frames.key(index) for index in range(len(frames))] == ["0001", "0003"]
    with h5py.File(labeled / "nyu_depth_v2_labeled.mat") as file:
        images, raw = file["images"][:], file["rawDepths"][:]
    frame = frames.read(1)
    assert frame.image.shape == (HEIGHT, WIDTH, 3)
    for row, column in ((0, 0), (5, 17), (23, 31)):
        assert frame.image[row, column].tolist() == images[2, :, column, row].tolist()
        assert frame.depth_m[row, column] == raw[2, column, row]
    assert not frame.valid[:, 3].any()
    assert frame.valid.sum() == HEIGHT * (WIDTH - 1)
    assert open_nyuv2_frames(labeled, "mat", depths="depths").read(1).valid.all()


def test_a_source_can_be_pickled_after_it_has_read(labeled: Path) -> None:
    frames = NyuLabeledFrames(labeled)
    expected = frames.read(0).depth_m
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(0).depth_m, expected)


def test_a_split_in_hdf5_is_read_too(labeled: Path) -> None:
    with h5py.File(labeled / "splits.mat", "w") as file:
        file["testNdxs"] = np.array([[2.0, 4.0]])
    assert [NyuLabeledFrames(labeled).key(index) for index in range(2)] == ["0002", "0004"]


def test_what_is_missing_is_named(labeled: Path, write: Write) -> None:
    write("splits.mat", mat5(matrix("testNdxs", [1, 9], "f8")))
    with pytest.raises(CorpusError, match=r"splits.mat names frame 9 of 4"):
        NyuLabeledFrames(labeled)
    write("splits.mat", mat5(matrix("trainNdxs", [1], "f8")))
    with pytest.raises(CorpusError, match=r"splits.mat: no list of NYU's test frames, testNdxs"):
        NyuLabeledFrames(labeled)
    (labeled / "splits.mat").unlink()
    with pytest.raises(CorpusError, match=r"splits.mat: no list of NYU's test frames"):
        NyuLabeledFrames(labeled)
    write("splits.mat", mat5(matrix("testNdxs", [1], "f8")))
    (labeled / "nyu_depth_v2_labeled.mat").unlink()
    with pytest.raises(CorpusError, match=r"there is no .*nyu_depth_v2_labeled.mat"):
        NyuLabeledFrames(labeled)
