"""Benchmarks on data sets that training has readers of: KITTI, Virtual KITTI 2 and Hypersim, their test parts."""

from __future__ import annotations

import os
import re
from pathlib import Path

from depth_anything.training.corpora.folder_tree import NamesOfFolders, Partners, joined
from depth_anything.training.corpora.hypersim import CAMERA_TABLES, HypersimReader
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.split_lists import KittiEigenReader
from depth_anything.training.corpora.virtual_kitti import VirtualKitti2Reader
from depth_anything.training.evaluation.data_options import first_folder, one_of
from depth_anything.training.evaluation.frames import FrameSource, ReaderFrames
from depth_anything.training.evaluation.kitti_lidar_frames import KittiLidarReader

KITTI_LIST = "kitti_eigen_test_files_with_gt.txt"
VIRTUAL_KITTI_TRAIN_LIST = "train.txt"
HYPERSIM_SPLIT_TABLE = "metadata_images_split_scene_v1.csv"
LISTED_STREET = re.compile(r"Scene\d+/[^/]+/frames/rgb/Camera_0/rgb_\d+\.jpg")


KITTI_ADVICE = f"take {KITTI_LIST} of ZoeDepth's train_test_inputs/"


class _KittiTestReader(KittiEigenReader):
    list_advice = KITTI_ADVICE


class _KittiLidarTestReader(KittiLidarReader):
    list_advice = KITTI_ADVICE


def open_kitti_frames(root: Path, split_file: str = KITTI_LIST, truth: str = "annotated") -> FrameSource:
    """KITTI's frames that a list names.

    Args:
        root: holds raw_data/, the list, and for annotated depth data_depth_annotated/.
        split_file: the list, below root or absolute.
        truth: the "annotated" depth, without lines whose depth is `None`, or the "lidar" points of all lines.

    Raises:
        CorpusError: as of `KittiEigenReader`, or the calibration is missing.
    """
    images, split = first_folder(root, "raw_data"), root / split_file
    if one_of("truth", truth, ("annotated", "lidar")) == "lidar":
        return ReaderFrames(_KittiLidarTestReader("kitti", images, split_file=split))
    depth_root = first_folder(root, "data_depth_annotated", "data_depth_annotated_zoedepth")
    return ReaderFrames(_KittiTestReader("kitti", images, split_file=split, depth_root=depth_root))


class _UnlistedStreets(VirtualKitti2Reader):
    """The frames of the left camera that a list of training frames does not name."""

    def __init__(self, corpus: str, root: str | os.PathLike[str], listed: frozenset[str]) -> None:
        super().__init__(corpus, root)
        self._listed_for_training = listed

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        found = LISTED_STREET.search(joined(folder, name))
        if found is None or found[0] in self._listed_for_training:
            return None
        return super()._partners(folder, name, names)


def open_virtual_kitti_frames(root: Path, train_list: str = VIRTUAL_KITTI_TRAIN_LIST) -> FrameSource:
    """The frames of Virtual KITTI 2 that were not trained on.

    Args:
        root: holds the data set as unpacked, and the list.
        train_list: names the training frames, whatever folder it says they lie in; below root or absolute.

    Raises:
        CorpusError: there is no such list, or nothing in it is a frame.
    """
    path = root / train_list
    try:
        listed = frozenset(LISTED_STREET.findall(path.read_text(encoding="utf-8", errors="replace")))
    except OSError as error:
        raise CorpusError(f"there is no list of training frames {path}: {error.strerror}") from error
    if not listed:
        raise CorpusError(f"{path} names no frame such as Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg")
    return ReaderFrames(_UnlistedStreets("virtual_kitti_2", root, listed))


def open_hypersim_frames(
    root: Path, partition: str = "test", split_table: str = HYPERSIM_SPLIT_TABLE, cameras: str = "one_focal_length"
) -> FrameSource:
    """Hypersim's frames, distance turned into z.

    Args:
        root: holds the scenes and the table.
        partition: train, val, test, or all for every frame below root.
        split_table: says which frames are of which partition; below root or absolute.
        cameras: "one_focal_length" for all scenes as the published codes have it, or each scene's own from the
            "table" of cameras in root.

    Raises:
        CorpusError: there is no such table, or it has no such partition.
    """
    one_of("partition", partition, ("train", "val", "test", "all"))
    has_one_focal_length = one_of("cameras", cameras, ("one_focal_length", "table")) == "one_focal_length"
    if not has_one_focal_length and not any(root.glob(CAMERA_TABLES)):
        raise CorpusError(f"cameras is 'table', and there is no {CAMERA_TABLES} in {root}")
    reader = HypersimReader(
        "hypersim",
        root,
        split_table=None if partition == "all" else root / split_table,
        partition="test" if partition == "all" else partition,
        has_one_focal_length=has_one_focal_length,
    )
    return ReaderFrames(reader)
