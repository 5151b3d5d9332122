"""DA-2K: pairs of points in photographs of eight kinds of scenes, from the data set's own annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from depth_anything.training.corpora.label_files import read_bytes
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample_decoding import decode_image
from depth_anything.training.evaluation.data_options import first_folder
from depth_anything.training.evaluation.pair_frames import PairSource, PointPairs, require_inside

ANNOTATIONS = "annotations.json"
EXPECTED_ENTRY = '{"point1": [row, column], "point2": [row, column], "closer_point": "point1"}'

Pair = tuple[tuple[int, int], tuple[int, int], bool]  # first and second point, whether the first is nearer


class _Annotated(NamedTuple):
    path: str
    pairs: tuple[Pair, ...]


class Da2kPairs(PairSource):
    """The pairs of `annotations.json`; a scene is the folder that the picture lies in.

    Args:
        root: holds `annotations.json`, and the pictures at the paths that it names.

    Raises:
        CorpusError: there are no such annotations, or an entry is not as DA-2K's.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        path = root / ANNOTATIONS
        try:
            annotations = json.loads(path.read_text(encoding="utf-8"))
            images = [_Annotated(name, tuple(map(_pair, entries))) for name, entries in annotations.items()]
        except OSError as error:
            raise CorpusError(f"{path}: {error.strerror}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CorpusError(f"{path}: an entry is not {EXPECTED_ENTRY}: {type(error).__name__} {error}") from error
        self._images = [image for image in images if (root / image.path).is_file()]
        self.left_out = tuple(
            f"{image.path}: no such file in {root}" for image in images if not (root / image.path).is_file()
        )

    @property
    def num_pairs(self) -> int:
        """Pairs of all images."""
        return sum(len(image.pairs) for image in self._images)

    def __len__(self) -> int:
        return len(self._images)

    def key(self, index: int) -> str:
        """Name of an image: its path in the annotations."""
        return self._images[index].path

    def read(self, index: int) -> PointPairs:
        """The image with its pairs; errors as of `PairSource.read`."""
        path, pairs = self._images[index]
        image = decode_image(read_bytes(self.root / path))
        points = np.array([pair[:2] for pair in pairs], np.int64).reshape(-1, 2, 2)
        require_inside(points, image, path)
        return PointPairs(
            image=image,
            points=points,
            is_first_nearer=np.array([pair[2] for pair in pairs], np.bool_),
            scene=Path(path).parent.name,
            key=path,
        )


def open_da_2k_pairs(root: Path) -> PairSource:
    """The pairs of DA-2K."""
    return Da2kPairs(first_folder(root, "DA-2K"))


def _pair(entry: Any) -> Pair:
    nearer = entry["closer_point"]
    if nearer not in ("point1", "point2"):
        raise ValueError(f"closer_point is {nearer!r}")
    (first_row, first_column), (second_row, second_column) = entry["point1"], entry["point2"]
    return (int(first_row), int(first_column)), (int(second_row), int(second_column)), nearer == "point1"
