"""SUN RGB-D's test frames, in the three ways in which people read their depth."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, joined
from depth_anything.training.corpora.label_files import read_grey
from depth_anything.training.corpora.reader import Item, Label
from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.evaluation.data_options import one_of
from depth_anything.training.evaluation.frames import FrameSource, ReaderFrames

NUMBERED = re.compile(r"img-(\d+)\.jpg")
ENCODINGS = ("tenths", "millimetres", "rotated")


class SunRgbdReader(LabelledTree):
    """`rgb/img-000001.jpg` with `depth/1.png`, or `rgb/rgb/NAME.jpg` with `gt/gt/NAME.png`.

    Args:
        corpus: name of the corpus.
        root: holds rgb/, and depth/ or gt/.
        encoding: of the 16-bit depth: "tenths" of a millimetre, "millimetres", or millimetres "rotated" by three bits
            as the data set's own files are.

    Raises:
        CorpusError: there is no such folder or encoding.
    """

    kind = LabelKind.METRIC_DEPTH
    looked_for = "rgb/img-*.jpg beside depth/*.png, or rgb/rgb/*.jpg beside gt/gt/*.png"

    def __init__(self, corpus: str, root: str | os.PathLike[str], *, encoding: str = "tenths") -> None:
        super().__init__(corpus, root)
        self.encoding = one_of("encoding", encoding, ENCODINGS)

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        numbered = NUMBERED.fullmatch(name)
        if folder == "rgb" and numbered is not None:
            return Partners(f"depth/{int(numbered[1])}.png")
        if folder == "rgb/rgb" and name.endswith(".jpg"):
            return Partners(joined("gt/gt", name.removesuffix(".jpg") + ".png"))
        return None

    def _label(self, item: Item) -> Label:
        depth_m = decoded_depth(read_grey(self.root / item.label_path), self.encoding)
        return Label(values=depth_m, valid=depth_m > 0)


def decoded_depth(levels: NDArray[np.float32], encoding: str) -> NDArray[np.float32]:
    """Metres of the 16-bit levels in one of `ENCODINGS`; of the shape of the levels."""
    if encoding == "rotated":
        stored = levels.astype(np.uint16)
        levels = ((stored >> 3) | (stored << 13)).astype(np.float32)
    return levels / np.float32(10000 if encoding == "tenths" else 1000)


def open_sunrgbd_frames(root: Path, encoding: str = "tenths") -> FrameSource:
    """SUN RGB-D's frames, as `SunRgbdReader` has them."""
    return ReaderFrames(SunRgbdReader("sunrgbd", root, encoding=encoding))
