"""Files in the layouts of the data sets, written byte by byte where that is the point."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from depth_anything.training.corpora.reader import Item, Reader
from depth_anything.training.corpora.sample import Sample, SampleError

HEIGHT, WIDTH = 24, 32


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
