"""The test halves of DIML/CVL RGB-D's sample sets, as ZoeDepth evaluates on them: all depth counts, sure or not."""

from __future__ import annotations

from pathlib import Path

from depth_anything.training.corpora.diml import HIGH_RESOLUTION, LABEL_FOLDERS, LOW_RESOLUTION, METRES_PER_LEVEL
from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, joined
from depth_anything.training.corpora.label_files import read_grey
from depth_anything.training.corpora.reader import CorpusError, Item, Label
from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.evaluation.data_options import first_folder, one_of
from depth_anything.training.evaluation.frames import FrameSource, ReaderFrames

COLOR = "color"


class DimlIndoorTestReader(LabelledTree):
    """`<scene>/color/<n>_c.png` with `<scene>/depth_filled/<n>_depth_filled.png`; millimetres, holes filled."""

    kind = LabelKind.METRIC_DEPTH
    looked_for = "<scene>/color/*_c.png beside <scene>/depth_filled/*_depth_filled.png"

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        scene, _, last = folder.rpartition("/")
        if last != COLOR or not name.endswith("_c.png"):
            return None
        return Partners(joined(scene, LABEL_FOLDERS[COLOR], f"{name.removesuffix('_c.png')}_depth_filled.png"))

    def _label(self, item: Item) -> Label:
        return _millimetres(self.root / item.label_path)


class DimlOutdoorTestReader(LabelledTree):
    """`outleft/<n>.png` with `depthmap/<n>.png`, millimetres; the confidence beside them is not looked at."""

    kind = LabelKind.METRIC_DEPTH
    looked_for = "outleft/*.png beside depthmap/*.png"

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        return Partners(f"depthmap/{name}") if folder == "outleft" and name.endswith(".png") else None

    def _label(self, item: Item) -> Label:
        return _millimetres(self.root / item.label_path)


def _millimetres(path: Path) -> Label:
    levels = read_grey(path)
    return Label(values=levels * METRES_PER_LEVEL, valid=levels > 0)


def open_diml_frames(root: Path, part: str = "outdoor", resolution: str = LOW_RESOLUTION) -> FrameSource:
    """DIML's test frames.

    Args:
        root: holds indoor/ and outdoor/, each with test/LR and test/HR; indoors sample/testset/LR too.
        part: "indoor" or "outdoor".
        resolution: "LR" or "HR".

    Raises:
        CorpusError: there is no such part or folder.
    """
    one_of("part", part, ("indoor", "outdoor"))
    one_of("resolution", resolution, (LOW_RESOLUTION, HIGH_RESOLUTION))
    frames = first_folder(root / part, f"test/{resolution}", f"sample/testset/{resolution}")
    if frames == root / part:
        raise CorpusError(f"there is no {root / part / 'test' / resolution}")
    reader = DimlIndoorTestReader if part == "indoor" else DimlOutdoorTestReader
    return ReaderFrames(reader("diml", frames))
