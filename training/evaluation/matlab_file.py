"""Numeric arrays of small MATLAB files, versions 5 to 7, such as NYU's `splits.mat`; version 7.3 is HDF5.

Source: MathWorks, MAT-File Format, chapter 1, "Level 5 MAT-File Format".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.label_files import read_bytes
from depth_anything.training.corpora.sample import Reason, SampleError

HEADER_BYTES = 128
ORDERS = {b"IM": "<", b"MI": ">"}  # the last two bytes of the header: "MI" as the writing machine stores it
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
NUMERIC_CLASSES = range(6, 16)  # double, single and the integers; others are text, cells, structures


def read_matlab_vectors(path: Path) -> dict[str, NDArray[np.float64]]:
    """The real numeric arrays of the file by name, each as a vector in MATLAB's order (columns first).

    Raises:
        SampleError: the file is missing, damaged, or of another version.
    """
    data = read_bytes(path)
    order = ORDERS.get(data[HEADER_BYTES - 2 : HEADER_BYTES])
    if order is None:
        raise SampleError(Reason.DAMAGED_LABEL, f"{path}: no MATLAB file of version 5 to 7")
    vectors = {}
    try:
        for kind, content in _elements(data[HEADER_BYTES:], order):
            if kind == COMPRESSED:
                [(kind, content)] = _elements(zlib.decompress(content), order)
            if kind == MATRIX:
                vectors.update(_vector(content, order))
    except (struct.error, zlib.error, ValueError, KeyError) as error:
        raise SampleError(Reason.DAMAGED_LABEL, f"{path}: damaged MATLAB file: {error}") from error
    return vectors


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Type and content of each element; short ones have both in eight bytes, others begin at multiples of eight."""
    place = 0
    while place + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        if kind >> 16:  # a short one: its size is the upper half
            kind, size = kind & 0xFFFF, kind >> 16
            begin, place = place + 4, place + 8
        else:
            begin = place + 8
            padding = 0 if kind == COMPRESSED else -size % 8
            place = begin + size + padding
        if begin + size > len(data):
            raise ValueError("cut off")
        yield kind, data[begin : begin + size]


def _vector(matrix: bytes, order: str) -> dict[str, NDArray[np.float64]]:
    """The array of a matrix element by its name; none if it is not numeric."""
    parts = list(_elements(matrix, order))
    flags = struct.unpack(f"{order}II", parts[0][1])
    if flags[0] & 0xFF not in NUMERIC_CLASSES:
        return {}
    name = parts[2][1].decode("ascii")
    kind, content = parts[3]
    return {name: np.frombuffer(content, order + NUMBERS[kind]).astype(np.float64)}
