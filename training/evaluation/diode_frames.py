"""DIODE's validation frames, indoors and outdoors, from a laser scanner."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, joined, stem_of
from depth_anything.training.corpora.label_files import read_npy, require_same_size
from depth_anything.training.corpora.reader import Item, Label
from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.evaluation.data_options import first_folder, one_of
from depth_anything.training.evaluation.frames import FrameSource, ReaderFrames
from depth_anything.training.evaluation.protocol import MaskRule

PARTS = ("all", "indoors", "outdoor")


class DiodeReader(LabelledTree):
    """`{indoors,outdoor}/<scene>/<scan>/NAME.png` with `NAME_depth.npy` and `NAME_depth_mask.npy`.

    Args:
        corpus: name of the corpus.
        root: holds indoors/ and outdoor/.
        part: one of them, or all.
        mask: whether pixels outside of the mask file have a depth too.

    Raises:
        CorpusError: there is no such folder or part.
    """

    kind = LabelKind.METRIC_DEPTH

    def __init__(
        self,
        corpus: str,
        root: str | os.PathLike[str],
        *,
        part: str = "all",
        mask: MaskRule = MaskRule.DATA_MASK,
    ) -> None:
        super().__init__(corpus, root)
        self.part = one_of("part", part, PARTS)
        self.mask = mask
        self.looked_for = f"{'*' if part == 'all' else part}/scene_*/scan_*/*.png with *_depth.npy, *_depth_mask.npy"

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        part = folder.partition("/")[0]
        if not name.endswith(".png") or part not in PARTS or self.part not in ("all", part):
            return None
        stem = joined(folder, stem_of(name))
        is_masked = self.mask is MaskRule.DATA_MASK
        return Partners(f"{stem}_depth.npy", f"{stem}_depth_mask.npy" if is_masked else "")

    def _label(self, item: Item) -> Label:
        depth_m = read_npy(self.root / item.label_path)
        valid = np.isfinite(depth_m) & (depth_m > 0)
        if item.mask_path:
            mask = read_npy(self.root / item.mask_path)
            require_same_size(depth_m, mask, item.mask_path)
            valid &= mask > 0
        return Label(values=depth_m, valid=valid)


def open_diode_frames(root: Path, part: str = "all", mask: str = MaskRule.DATA_MASK.value) -> FrameSource:
    """DIODE's validation frames, as `DiodeReader` has them."""
    folder = first_folder(root, "val")
    return ReaderFrames(DiodeReader("diode", folder, part=part, mask=MaskRule(mask)))
