"""MPI Sintel: a rendered film in two passes, with depth in a format of its own."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, joined, stem_of
from depth_anything.training.corpora.label_files import read_bytes
from depth_anything.training.corpora.reader import CorpusError, Item, Label
from depth_anything.training.corpora.sample import LabelKind, Reason, SampleError
from depth_anything.training.evaluation.data_options import first_folder, one_of
from depth_anything.training.evaluation.frames import FrameSource, ReaderFrames

DPT_TAG = np.float32(202021.25)
DPT_HEADER = struct.Struct("<fii")  # tag, width, height
PASSES = ("final", "clean")


class SintelReader(LabelledTree):
    """`final/<scene>/frame_0001.png`, or clean/, with `depth/<scene>/frame_0001.dpt`; sky is 100,000 m away.

    Args:
        corpus: name of the corpus.
        root: holds the folders of the passes, and depth/.
        rendering_pass: "final" with blur and haze, or "clean" without.

    Raises:
        CorpusError: there is no such folder or pass.
    """

    kind = LabelKind.METRIC_DEPTH

    def __init__(self, corpus: str, root: str | os.PathLike[str], *, rendering_pass: str = "final") -> None:
        super().__init__(corpus, root)
        self.rendering_pass = one_of("rendering_pass", rendering_pass, PASSES)
        self.looked_for = f"{rendering_pass}/<scene>/frame_*.png beside depth/<scene>/frame_*.dpt"
        # Other passes and the flow are not walked through.
        self.skipped_folders = frozenset({"depth", *PASSES} - {rendering_pass})
        if not (self.root / "depth").is_dir():
            raise CorpusError(f"corpus {corpus}: {self.root} has no folder depth; looked for {self.looked_for}")

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        first, _, scene = folder.partition("/")
        if first != self.rendering_pass or not scene or not name.endswith(".png"):
            return None
        return Partners(joined("depth", scene, f"{stem_of(name)}.dpt"))

    def _label(self, item: Item) -> Label:
        depth_m = read_dpt(self.root / item.label_path)
        return Label(values=depth_m, valid=np.isfinite(depth_m) & (depth_m > 0))


def read_dpt(path: Path) -> NDArray[np.float32]:
    """The map of a .dpt file: a tag, width and height, then little-endian float32 rows from the top; (H, W).

    Raises:
        SampleError: the file is missing, or its header or length is not that of a .dpt.
    """
    data = read_bytes(path)
    if len(data) < DPT_HEADER.size:
        raise SampleError(Reason.DAMAGED_LABEL, f"{path}: {len(data)} bytes; the header alone takes {DPT_HEADER.size}")
    tag, width, height = DPT_HEADER.unpack_from(data)
    if tag != DPT_TAG:
        raise SampleError(Reason.DAMAGED_LABEL, f"{path}: its first number is {tag:g}; a .dpt begins with {DPT_TAG}")
    if width < 1 or height < 1 or len(data) != DPT_HEADER.size + 4 * width * height:
        raise SampleError(
            Reason.DAMAGED_LABEL, f"{path}: its header says {width}x{height}, and {len(data)} bytes are no such map"
        )
    return np.frombuffer(data, "<f4", offset=DPT_HEADER.size).reshape(height, width).astype(np.float32)


def open_sintel_frames(root: Path, rendering_pass: str = "final") -> FrameSource:
    """Sintel's training frames, as `SintelReader` has them."""
    return ReaderFrames(SintelReader("sintel", first_folder(root, "training"), rendering_pass=rendering_pass))
