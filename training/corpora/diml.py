"""DIML/CVL RGB-D: indoor depth of a Kinect with its holes filled, outdoor depth of a stereo camera with confidence."""

from __future__ import annotations

import os

import numpy as np

from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, beside, joined, stem_of
from depth_anything.training.corpora.label_files import read_grey, require_same_size
from depth_anything.training.corpora.reader import CorpusError, Item, Label
from depth_anything.training.corpora.sample import LabelKind

METRES_PER_LEVEL = np.float32(0.001)
LABEL_FOLDERS = {"col": "up_png", "color": "depth_filled"}  # indoor, full and sample set
LOW_RESOLUTION = "LR"  # the sample set has every picture twice, this one smaller than the other, in `HR`
HIGH_RESOLUTION = "HR"
TEST_FOLDER = "test"  # of the sample set; depth models are evaluated on it


class _DimlReader(LabelledTree):
    """What both halves share: millimetres in 16 bits, 0 for none, and the sample set's two resolutions."""

    kind = LabelKind.METRIC_DEPTH

    def _is_repeated(self, folder: str) -> bool:
        """True in the small half of a sample set whose large half is there."""
        head, found, _ = f"/{folder}/".partition(f"/{LOW_RESOLUTION}/")
        return bool(found) and (self.root / head.strip("/") / HIGH_RESOLUTION).is_dir()


class DimlIndoorReader(_DimlReader):
    """`.../col/<name>_c.png` with `.../up_png/<name>_ud.png`, however many folders lie above.

    The archives differ: some have no folder for the scene, some none for the date. The sample set has
    `color/<n>_c.png` with `depth_filled/<n>_depth_filled.png`; its `test` half is left out.
    """

    looked_for = "**/col/*_c.png beside **/up_png/*_ud.png, or the sample set's color/ beside depth_filled/"
    skipped_folders = frozenset({TEST_FOLDER})

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        label_folder = LABEL_FOLDERS.get(folder.rpartition("/")[2])
        if label_folder is None or not name.endswith("_c.png") or self._is_repeated(folder):
            return None
        stem = name.removesuffix("_c.png")
        label_folder = beside(folder, label_folder)
        # The ending differs between archives, so it is taken from the files that are there.
        suffix = next((_suffix_of(label) for label in sorted(names.of(label_folder)) if label.endswith(".png")), "_ud")
        return Partners(joined(label_folder, stem + suffix + ".png"))

    def _label(self, item: Item) -> Label:
        levels = read_grey(self.root / item.label_path)
        return Label(values=levels * METRES_PER_LEVEL, valid=levels > 0)


class DimlOutdoorReader(_DimlReader):
    """`.../left/<name>_left.png` with `depth/<name>_depth.png` and `conf/<name>_conf.png` beside.

    The sample set has `outleft/<n>.png`, `depthmap/<n>.png` and `confidencemap/<n>.png`; its `test` half is left out,
    and so is the full set's folder 160627_C1, whose structure is another one.

    Args:
        corpus: name of the corpus.
        root: folder of the data set.
        min_confidence: stereo matches of this confidence (0 to 1) or less have no label; the data set's report
            advises 0.9.

    Raises:
        CorpusError: there is no such folder, or `min_confidence` is not from 0 to below 1.
    """

    looked_for = "**/left/*_left.png beside **/depth/*_depth.png and **/conf/*_conf.png, or the sample set's outleft/"
    skipped_folders = frozenset({TEST_FOLDER, "160627_C1"})

    def __init__(self, corpus: str, root: str | os.PathLike[str], *, min_confidence: float = 0.6) -> None:
        super().__init__(corpus, root)
        if not 0 <= min_confidence < 1:
            raise CorpusError(f"corpus {corpus}: min_confidence is {min_confidence}; it lies from 0 to below 1")
        self.min_confidence = min_confidence

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        last = folder.rpartition("/")[2]
        if not name.endswith(".png") or self._is_repeated(folder):
            return None
        if last == "left" and name.endswith("_left.png"):
            stem = name.removesuffix("_left.png")
            return Partners(
                joined(beside(folder, "depth"), stem + "_depth.png"),
                joined(beside(folder, "conf"), stem + "_conf.png"),
            )
        if last == "outleft":
            return Partners(joined(beside(folder, "depthmap"), name), joined(beside(folder, "confidencemap"), name))
        return None

    def _label(self, item: Item) -> Label:
        levels = read_grey(self.root / item.label_path)
        confidence = read_grey(self.root / item.mask_path) / np.float32(255)
        require_same_size(levels, confidence, item.mask_path)
        return Label(values=levels * METRES_PER_LEVEL, valid=(levels > 0) & (confidence > self.min_confidence))


def _suffix_of(label_name: str) -> str:
    """`_ud` of `in_k_03_160225_000001_ud.png`, `_depth_filled` of `7_depth_filled.png`."""
    stem = stem_of(label_name)
    return "_depth_filled" if stem.endswith("_depth_filled") else "_" + stem.rpartition("_")[2]
