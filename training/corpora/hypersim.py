"""Hypersim: photorealistic rooms whose depth files hold the distance to the camera's centre, not z."""

from __future__ import annotations

import csv
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, joined
from depth_anything.training.corpora.label_files import read_hdf5
from depth_anything.training.corpora.reader import CorpusError, Item, Label
from depth_anything.training.corpora.sample import LabelKind

logger = logging.getLogger(__name__)

DEFAULT_FOCAL_PER_WIDTH = 886.81 / 1024  # of most scenes; what the authors of V2 and ZoeDepth use for all
CAMERA_TABLES = "metadata_camera_parameters*.csv"
PROJECTION_COLUMNS = [[f"M_proj_{row}{column}" for column in range(3)] for row in (0, 1, 3)]
IMAGE_ENDING = ".tonemap.jpg"
IMAGE_PATH = re.compile(r"(ai_\d+_\d+)/images/scene_(cam_\d+)_final_preview/frame\.(\d+)\.tonemap\.jpg$")

Projection = NDArray[np.float64]  # (3, 3): from a camera-space point, y up and -z ahead, to u*w, v*w, w


class HypersimReader(LabelledTree):
    """`<scene>/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg` with `frame.0000.depth_meters.hdf5`.

    Distance becomes z with the camera of the scene where the data set's table of cameras is given, else with the focal
    length of most scenes. Some cameras are shifted or tilted against their picture; z is then counted along the normal
    of the picture's plane, for which alone a flat wall has a disparity that is linear in the picture.

    Args:
        corpus: name of the corpus.
        root: folder of the data set.
        camera_table: `metadata_camera_parameters.csv` of the data set's repository; None takes such a file in root,
            if there is one.
        split_table: `metadata_images_split_scene_v1.csv` of the same repository; None takes every frame that is there.
        partition: the part of the split table to read: train, val or test.
        has_one_focal_length: the focal length of most scenes stands for all, as in the published codes; no table of
            cameras is looked for.

    Raises:
        CorpusError: there is no such folder or table, a table lacks a column, or it has no frame of the partition.
    """

    kind = LabelKind.METRIC_DEPTH
    looked_for = "ai_*_*/images/scene_cam_*_final_preview/*.tonemap.jpg beside scene_cam_*_geometry_hdf5/*.hdf5"

    def __init__(
        self,
        corpus: str,
        root: str | os.PathLike[str],
        *,
        camera_table: str | os.PathLike[str] | None = None,
        split_table: str | os.PathLike[str] | None = None,
        partition: str = "train",
        has_one_focal_length: bool = False,
    ) -> None:
        super().__init__(corpus, root)
        self._frames = None if split_table is None else _read_frames(Path(split_table), partition)
        self._cameras: Mapping[str, Projection] = {}
        if has_one_focal_length:
            return
        found = sorted(self.root.glob(CAMERA_TABLES))
        table = Path(camera_table) if camera_table is not None else found[0] if found else None
        if table is None:
            logger.warning(
                "corpus %s: no %s in %s, so the focal length of most scenes stands for all and one in ten is wrong",
                corpus,
                CAMERA_TABLES,
                self.root,
            )
        else:
            self._cameras = _read_cameras(table)

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        if not folder.endswith("_final_preview") or not name.endswith(IMAGE_ENDING):
            return None
        if self._frames is not None and _scene_camera_and_frame(self.root / folder / name) not in self._frames:
            return None
        scene = _scene_camera_and_frame(self.root / folder / name)[0]
        if self._cameras and scene not in self._cameras:
            raise CorpusError(
                f"corpus {self.corpus}: the table of cameras has no scene {scene!r}; use the whole table"
            )
        label_folder = folder.removesuffix("_final_preview") + "_geometry_hdf5"
        return Partners(joined(label_folder, name.removesuffix(IMAGE_ENDING) + ".depth_meters.hdf5"))

    def _label(self, item: Item) -> Label:
        distance_m = read_hdf5(self.root / item.label_path, "dataset")
        height, width = distance_m.shape
        scene = _scene_camera_and_frame(self.root / item.path)[0]
        projection = self._cameras[scene] if self._cameras else _default_projection(height, width)
        ratio = z_per_distance(projection, height, width)
        valid = np.isfinite(distance_m) & (distance_m > 0)
        return Label(values=distance_m * ratio, valid=valid)


def z_per_distance(projection: Projection, height: int, width: int) -> NDArray[np.float32]:
    """What a distance to the camera's centre is multiplied with to give z, for each pixel; (H, W).

    Args:
        projection: rows 0, 1 and 3 and columns 0 to 2 of the scene's `M_proj`.
        height: of the picture.
        width: of the picture.
    """
    u = (np.arange(width) + 0.5) * 2 / width - 1
    v = 1 - (np.arange(height) + 0.5) * 2 / height  # the first row is the upper one
    # The ray to (u, v) at which w is 1; the point at a distance lies at distance / |ray| times it.
    per_u, per_v, centre = np.linalg.inv(projection).T
    # |ray|^2 term by term, so that only sums and one product have the size of the picture.
    along_u = u * u * (per_u @ per_u) + 2 * u * (per_u @ centre)
    along_v = v * v * (per_v @ per_v) + 2 * v * (per_v @ centre) + centre @ centre
    squared_length = along_u + along_v[:, None] + np.outer(2 * v * (per_u @ per_v), u)  # (H, W)
    z_of_ray = 1 / np.linalg.norm(projection[2])  # w is z times the length of this row
    return np.asarray(z_of_ray / np.sqrt(squared_length), np.float32)


def _default_projection(height: int, width: int) -> Projection:
    focal = DEFAULT_FOCAL_PER_WIDTH * width
    return np.array([[focal * 2 / width, 0, 0], [0, focal * 2 / height, 0], [0, 0, -1]])


def _scene_camera_and_frame(image: Path) -> tuple[str, str, int]:
    """What the tables call an image: ("ai_001_001", "cam_00", 0)."""
    matched = IMAGE_PATH.search(image.as_posix())
    return (matched[1], matched[2], int(matched[3])) if matched else ("", "", -1)


def _read_frames(table: Path, partition: str) -> frozenset[tuple[str, str, int]]:
    try:
        with table.open(newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if row["split_partition_name"] == partition]
            frames = frozenset((row["scene_name"], row["camera_name"], int(row["frame_id"])) for row in rows)
    except OSError as error:
        raise CorpusError(f"{table}: the split table cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise CorpusError(f"{table}: no split table of Hypersim, which has the columns scene_name and on") from error
    if not frames:
        raise CorpusError(f"{table}: no frame of the partition {partition!r}; the parts are train, val and test")
    return frames


def _read_cameras(table: Path) -> dict[str, Projection]:
    try:
        with table.open(newline="") as lines:
            rows = csv.reader(lines)
            header = next(rows, [])
            # Counted from the end: colours in the middle of a row hold commas that not every copy of the table quotes.
            places = [[header.index(column) - len(header) for column in columns] for columns in PROJECTION_COLUMNS]
            return {
                row[0]: np.array([[float(row[place]) for place in line] for line in places]) for row in rows if row
            }
    except OSError as error:
        raise CorpusError(f"{table}: the table of cameras cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise CorpusError(
            f"{table}: no table of Hypersim's cameras, which has the columns M_proj_00 and on"
        ) from error
