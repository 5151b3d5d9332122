"""Files in the layouts of the data sets, written byte by byte where that is the point."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from depth_anything.training.corpora.reader import Item, Reader
from depth_anything.training.corpora.sample import Sample, SampleError

HEIGHT, WIDTH = 24, 32

Encode = Callable[..., bytes]
Write = Callable[[str, bytes], Path]


@pytest.fixture
def encoded() -> Encode:
    """A picture of seeded noise as a file: `encoded(seed, file_format, size, mode)`."""

    def encode(
        seed: int = 0, file_format: str = "PNG", size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "RGB"
    ) -> bytes:
        noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).convert(mode).save(file, file_format)
        return file.getvalue()

    return encode


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file at a path below the test's folder."""

    def write_file(path: str, data: bytes) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    return write_file


@pytest.fixture
def ramp() -> NDArray[np.float32]:
    """A map whose rows and columns all differ, so that a flip or a transpose shows; values 1 to 24.31; (24, 32)."""
    return (1 + np.arange(HEIGHT)[:, None] + np.arange(WIDTH) / 100).astype(np.float32)


@pytest.fixture
def pfm() -> Callable[..., bytes]:
    """A PFM file of a map: rows from the bottom up, one number at a time."""

    def encode(values: NDArray[np.float32], header: str = "Pf\n{w} {h}\n-1.000000\n", order: str = "<") -> bytes:
        height, width = values.shape
        rows = [float(values[row, column]) for row in range(height - 1, -1, -1) for column in range(width)]
        return header.format(w=width, h=height).encode() + struct.pack(f"{order}{len(rows)}f", *rows)

    return encode


@pytest.fixture
def png16() -> Callable[[NDArray[np.generic]], bytes]:
    """A 16-bit grey PNG of whole numbers."""

    def encode(levels: NDArray[np.generic]) -> bytes:
        file = io.BytesIO()
        Image.fromarray(levels.astype(np.uint16)).save(file, "PNG")
        return file.getvalue()

    return encode


@pytest.fixture
def png8() -> Callable[[NDArray[np.generic]], bytes]:
    """An 8-bit grey PNG of whole numbers."""

    def encode(levels: NDArray[np.generic]) -> bytes:
        file = io.BytesIO()
        Image.fromarray(levels.astype(np.uint8)).save(file, "PNG")
        return file.getvalue()

    return encode


@pytest.fixture
def tar() -> Callable[..., bytes]:
    """A tar file of named contents."""

    def pack(files: Mapping[str, bytes]) -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return file.getvalue()

    return pack


@pytest.fixture
def samples_of() -> Callable[[Reader], dict[str, Sample | SampleError]]:
    """What a reader gives for every item, by key: the decoded sample, or why there is none."""

    def read(reader: Reader) -> dict[str, Sample | SampleError]:
        return {item.key: _read(reader, item) for item in reader.items()}

    return read


def _read(reader: Reader, item: Item) -> Sample | SampleError:
    try:
        return reader.decode(reader.load(item))
    except SampleError as error:
        return error
