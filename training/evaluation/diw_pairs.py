"""DIW: one pair of points in each of 74,441 photographs, and which of them people saw nearer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from depth_anything.training.corpora.label_files import read_bytes
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import Reason, SampleError
from depth_anything.training.corpora.sample_decoding import decode_image
from depth_anything.training.evaluation.data_options import one_of
from depth_anything.training.evaluation.pair_frames import PairSource, PointPairs, require_inside

ANNOTATIONS = "DIW_Annotations/DIW_test.csv"
EXPECTED_LINE = "row_A,column_A,row_B,column_B,relation,width,height"
ORDERS = ("rows_first", "columns_first")


class _Annotated(NamedTuple):
    path: str
    first: tuple[int, int]  # (row, column), from 0
    second: tuple[int, int]
    is_first_nearer: bool
    size: tuple[int, int] | None  # (H, W); None is not checked


class DiwPairs(PairSource):
    """The pairs of `DIW_test.csv`: alternating lines with a picture and its annotation, pixels counted from 1.

    Rows come before columns, and `>` says that the first point is farther.

    Args:
        root: holds `DIW_Annotations/` and the pictures at the paths of the csv.
        order: of the two numbers of a point. "columns_first" is believed to be wrong: points then come to lie outside
            of their pictures, which are refused. Width and height would be exchanged too, so that they tell nothing.

    Raises:
        CorpusError: there is no such csv or order, or a line is not as it should be.

    Source: princeton-vl/relative_depth, `src/experiment/test_model_on_DIW.lua`, which takes rows first.
    """

    def __init__(self, root: Path, *, order: str = "rows_first") -> None:
        self.root = root
        self.order = one_of("order", order, ORDERS)
        path = root / ANNOTATIONS
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                self._images = list(_annotated(path, lines, has_rows_first=order == "rows_first"))
        except OSError as error:
            raise CorpusError(f"{path}: {error.strerror}") from error
        if not self._images:
            raise CorpusError(f"{path} is empty")

    @property
    def num_pairs(self) -> int:
        """Pairs of all images: one of each."""
        return len(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def key(self, index: int) -> str:
        """Name of an image: its path in the csv."""
        return self._images[index].path

    def read(self, index: int) -> PointPairs:
        """The image with its pair; errors as of `PairSource.read`."""
        annotated = self._images[index]
        image = decode_image(read_bytes(self.root / annotated.path))
        if annotated.size not in (None, image.shape[:2]):
            raise SampleError(
                Reason.LABEL_SIZE,
                f"{annotated.path} has (height, width) {image.shape[:2]} and its annotation {annotated.size}",
            )
        points = np.array([[annotated.first, annotated.second]], np.int64)
        require_inside(points, image, annotated.path)
        return PointPairs(
            image=image,
            points=points,
            is_first_nearer=np.array([annotated.is_first_nearer], np.bool_),
            scene="",
            key=annotated.path,
        )


def open_diw_pairs(root: Path, order: str = "rows_first") -> PairSource:
    """The pairs of DIW's test part, as `DiwPairs` has them."""
    return DiwPairs(root, order=order)


def _annotated(path: Path, lines: Iterator[str], *, has_rows_first: bool) -> Iterator[_Annotated]:
    stripped = (line.strip() for line in lines)
    for number, (name, annotation) in enumerate(zip_longest(*[stripped] * 2, fillvalue="")):
        if not name and not annotation:
            continue
        fields = annotation.split(",")
        try:
            point_a, point_b = [(int(first) - 1, int(second) - 1) for first, second in (fields[:2], fields[2:4])]
            relation, width, height = fields[4].strip(), int(fields[5]), int(fields[6])
            if relation not in "<>" or not relation:
                raise ValueError(relation)
        except (IndexError, ValueError):
            raise CorpusError(
                f"{path}, line {2 * number + 2}: {annotation!r} is not {EXPECTED_LINE} with < or > as relation"
            ) from None
        yield _Annotated(
            path=name.removeprefix("./"),
            first=point_a if has_rows_first else point_a[::-1],
            second=point_b if has_rows_first else point_b[::-1],
            is_first_nearer=relation == "<",
            size=(height, width) if has_rows_first else None,
        )
