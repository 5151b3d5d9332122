"""DA-2K and DIW from files in their own formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.evaluation.da_2k_pairs import open_da_2k_pairs
from depth_anything.training.evaluation.diw_pairs import open_diw_pairs

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]


def annotated(*pairs: tuple[list[float], list[float], str]) -> list[dict[str, object]]:
    return [{"point1": first, "point2": second, "closer_point": nearer} for first, second, nearer in pairs]


def test_da_2ks_points_are_row_and_column_and_scenes_are_folders(
    tmp_path: Path, write: Write, encoded: Encode
) -> None:
    write("DA-2K/images/indoor/a.jpg", encoded(0, "JPEG", (64, 48)))
    write("DA-2K/images/underwater/b.png", encoded(1, "PNG", (20, 30)))
    annotations = {
        "images/indoor/a.jpg": annotated(([47, 63], [0, 5], "point1"), ([3, 40], [30, 2], "point2")),
        "images/underwater/b.png": annotated(([29.7, 19.2], [1, 2], "point1")),
        "images/object/lost.jpg": annotated(([1, 1], [2, 2], "point1")),
    }
    write("DA-2K/annotations.json", json.dumps(annotations).encode())
    pairs = open_da_2k_pairs(tmp_path)
    assert (len(pairs), pairs.num_pairs) == (2, 3)
    assert pairs.left_out == (f"images/object/lost.jpg: no such file in {tmp_path / 'DA-2K'}",)
    first = pairs.read(0)
    assert (first.key, first.scene, first.image.shape) == ("images/indoor/a.jpg", "indoor", (48, 64, 3))
    assert first.points.tolist() == [[[47, 63], [0, 5]], [[3, 40], [30, 2]]]
    assert first.is_first_nearer.tolist() == [True, False]
    second = pairs.read(1)
    assert second.points.tolist() == [[[29, 19], [1, 2]]], "cut, as the evaluator that reaches the paper's number does"
    assert second.scene == "underwater"


def test_a_point_outside_of_its_picture_is_refused(tmp_path: Path, write: Write, encoded: Encode) -> None:
    write("images/indoor/a.jpg", encoded(0, "JPEG", (64, 48)))
    write(
        "annotations.json",
        json.dumps({"images/indoor/a.jpg": annotated(([63, 47], [0, 5], "point1"))}).encode(),
    )
    with pytest.raises(SampleError, match=r"\[\[\[63, 47\], \[0, 5\]\]\] \(row, column\) are not all in 64x48 pixels"):
        open_da_2k_pairs(tmp_path).read(0)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"a.jpg": [{"point1": [1, 2], "point2": [3, 4]}]}',
        '{"a.jpg": [{"point1": [1, 2], "point2": [3, 4], "closer_point": "both"}]}',
        '{"a.jpg": [{"point1": [1], "point2": [3, 4], "closer_point": "point1"}]}',
        "{",
    ],
)
def test_annotations_of_another_form_are_refused(tmp_path: Path, write: Write, text: str) -> None:
    write("annotations.json", text.encode())
    with pytest.raises(CorpusError, match=r'an entry is not {"point1": \[row, column\]'):
        open_da_2k_pairs(tmp_path)


def test_without_annotations_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"annotations.json: No such file"):
        open_da_2k_pairs(tmp_path)
    with pytest.raises(CorpusError, match=r"DIW_test.csv: No such file"):
        open_diw_pairs(tmp_path)


def diw(write: Write, *lines: str) -> None:
    write("DIW_Annotations/DIW_test.csv", "\n".join(lines).encode())


def test_diws_rows_come_before_columns_from_1_and_greater_is_farther(
    tmp_path: Path, write: Write, encoded: Encode
) -> None:
    write("DIW_test/a.thumb", encoded(0, "JPEG", (64, 48)))
    write("DIW_test/b.thumb", encoded(1, "JPEG", (48, 64)))
    diw(write, "./DIW_test/a.thumb", "48,64,1,2,>,64,48", "./DIW_test/b.thumb", "60,3,10,40,<,48,64")
    pairs = open_diw_pairs(tmp_path)
    assert (len(pairs), pairs.num_pairs) == (2, 2)
    first, second = pairs.read(0), pairs.read(1)
    assert (first.key, first.scene) == ("DIW_test/a.thumb", "")
    assert first.points.tolist() == [[[47, 63], [0, 1]]]
    assert second.points.tolist() == [[[59, 2], [9, 39]]]
    assert (first.is_first_nearer.tolist(), second.is_first_nearer.tolist()) == ([False], [True])


def test_diws_other_reading_exchanges_rows_and_columns_and_does_not_trust_the_size(
    tmp_path: Path, write: Write, encoded: Encode
) -> None:
    write("DIW_test/a.thumb", encoded(0, "JPEG", (64, 48)))
    write("DIW_test/b.thumb", encoded(1, "JPEG", (64, 48)))
    diw(write, "DIW_test/a.thumb", "40,20,1,2,>,48,64", "DIW_test/b.thumb", "40,60,1,2,<,64,48")
    pairs = open_diw_pairs(tmp_path, order="columns_first")
    assert pairs.read(0).points.tolist() == [[[19, 39], [1, 0]]]
    assert pairs.read(0).is_first_nearer.tolist() == [False]
    with pytest.raises(SampleError, match=r"\[\[\[59, 39\], \[1, 0\]\]\] .* are not all in 64x48 pixels"):
        pairs.read(1)
    assert open_diw_pairs(tmp_path).read(1).points.tolist() == [[[39, 59], [0, 1]]]
    with pytest.raises(CorpusError, match="order is 'xy'; it is one of rows_first, columns_first"):
        open_diw_pairs(tmp_path, order="xy")


def test_a_diw_pixel_before_the_first_is_refused(tmp_path: Path, write: Write, encoded: Encode) -> None:
    write("DIW_test/a.thumb", encoded(0, "JPEG", (64, 48)))
    diw(write, "./DIW_test/a.thumb", "10,0,1,2,>,64,48")
    with pytest.raises(SampleError, match=r"\[\[\[9, -1\], \[0, 1\]\]\] .* are not all in 64x48 pixels"):
        open_diw_pairs(tmp_path).read(0)


def test_a_diw_picture_of_another_size_than_its_annotation_is_refused(
    tmp_path: Path, write: Write, encoded: Encode
) -> None:
    write("DIW_test/a.thumb", encoded(0, "JPEG", (64, 48)))
    diw(write, "./DIW_test/a.thumb", "10,10,1,2,>,48,64")
    with pytest.raises(SampleError, match=r"has \(height, width\) \(48, 64\) and its annotation \(64, 48\)"):
        open_diw_pairs(tmp_path).read(0)


@pytest.mark.parametrize("annotation", ["1,2,3,4,=,64,48", "1,2,3,4,>,64", "a,2,3,4,>,64,48", ""])
def test_a_diw_line_of_another_form_is_refused_with_its_number(tmp_path: Path, write: Write, annotation: str) -> None:
    diw(write, "./DIW_test/a.thumb", "1,2,3,4,>,64,48", "./DIW_test/b.thumb", annotation)
    with pytest.raises(CorpusError, match=r"DIW_test.csv, line 4: .* is not row_A,column_A"):
        open_diw_pairs(tmp_path)


def test_values_not_order_decide_so_a_constant_map_orders_nothing(
    tmp_path: Path, write: Write, encoded: Encode
) -> None:
    write("images/indoor/a.jpg", encoded(0, "JPEG", (64, 48)))
    write("annotations.json", json.dumps({"images/indoor/a.jpg": annotated(([1, 2], [3, 4], "point1"))}).encode())
    pairs = open_da_2k_pairs(tmp_path).read(0)
    disparity = np.zeros(pairs.image.shape[:2])
    rows, columns = pairs.points[..., 0], pairs.points[..., 1]
    values = disparity[rows, columns]
    assert not (values[:, 0] > values[:, 1]).any(), "the first point is the nearer one, and a tie is no answer"
