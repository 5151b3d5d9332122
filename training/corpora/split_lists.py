"""NYU Depth v2 and KITTI as their split files list them: one line for each picture, depth and focal length."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from depth_anything.training.corpora.label_files import read_grey
from depth_anything.training.corpora.reader import CorpusError, Fault, Item, Label, Reader
from depth_anything.training.corpora.sample import LabelKind, Reason

NO_DEPTH = "None"


class _SplitListReader(Reader):
    """A data set whose text file names the pairs; the order is the file's.

    Args:
        corpus: name of the corpus.
        root: folder of the pictures.
        split_file: lines `<picture> <depth> <focal length>`; further fields do not count.
        depth_root: folder of the depth; None is that of the pictures.

    Raises:
        CorpusError: no split file is given, or a folder or the file does not exist.
    """

    kind = LabelKind.METRIC_DEPTH
    metres_per_level = np.float32(1)
    looked_for = "pairs in a split file"
    list_advice = ""

    def __init__(
        self,
        corpus: str,
        root: str | os.PathLike[str],
        *,
        split_file: str | os.PathLike[str] | None = None,
        depth_root: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(corpus, root)
        if split_file is None:
            raise CorpusError(f"corpus {corpus} needs split_file; {self.list_advice}")
        self.split_file = Path(split_file).expanduser()
        self.depth_root = self.root if depth_root is None else Path(depth_root).expanduser()
        if not self.split_file.is_file():
            raise CorpusError(f"corpus {corpus}: there is no split file {self.split_file}; {self.list_advice}")
        if not self.depth_root.is_dir():
            raise CorpusError(
                f"corpus {corpus}: there is no folder {self.depth_root}; depth_root holds the depth maps"
            )
        self.looked_for = f"the pairs that {self.split_file} lists"

    def _listed(self) -> Iterator[Item]:
        with self.split_file.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                fields = line.split()
                if not fields:
                    continue
                if len(fields) < 2:
                    raise CorpusError(
                        f"{self.split_file}, line {number}: {line.strip()!r} has one field; "
                        "each line names a picture, its depth and a focal length"
                    )
                # NYU's training lines begin with a slash that is not the root of the disk.
                yield self._item(fields[0].lstrip("/"), fields[1].lstrip("/"))

    def _item(self, path: str, listed_depth: str) -> Item:
        if listed_depth == NO_DEPTH:
            return Item(key=path, path=path, fault=Fault(Reason.MISSING_LABEL, f"{path}: the list says None"))
        candidates = self._depth_candidates(listed_depth)
        found = next((candidate for candidate in candidates if (self.depth_root / candidate).is_file()), None)
        if found is None:
            detail = f"{path}: in {self.depth_root} there is no {' and no '.join(candidates)}"
            return Item(key=path, path=path, fault=Fault(Reason.MISSING_LABEL, detail))
        return Item(key=path, path=path, label_path=found)

    def _depth_candidates(self, listed_depth: str) -> list[str]:
        return [listed_depth]

    def _label(self, item: Item) -> Label:
        levels = read_grey(self.depth_root / item.label_path)
        return Label(values=levels * self.metres_per_level, valid=levels > 0)


class NyuV2Reader(_SplitListReader):
    """NYU Depth v2 in the layout of BTS and ZoeDepth: `<scene>/rgb_00045.jpg`, `<scene>/sync_depth_00045.png`."""

    metres_per_level = np.float32(0.001)
    list_advice = "take nyudepthv2_train_files_with_gt.txt of ZoeDepth's train_test_inputs/"


class KittiEigenReader(_SplitListReader):
    """KITTI with the annotated depth: `<date>/<drive>/image_02/data/*.png`, `{train,val}/<drive>/proj_depth/...`.

    The lists leave out whether a drive lies in the train or the val folder of the annotated depth, so both are tried.
    Lines with `None` for the depth, 45 of the 697 of Eigen's test list, are refused one by one.
    """

    metres_per_level = np.float32(1 / 256)
    list_advice = "take kitti_eigen_train_files_with_gt.txt of ZoeDepth's train_test_inputs/"

    def _depth_candidates(self, listed_depth: str) -> list[str]:
        above = ["", "train/", "val/", "data_depth_annotated/train/", "data_depth_annotated/val/"]
        return [folder + listed_depth for folder in above]
