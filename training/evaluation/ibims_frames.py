"""iBims-1: a hundred indoor frames from a laser scanner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from depth_anything.training.corpora.label_files import read_grey, require_same_size
from depth_anything.training.corpora.reader import CorpusError, Fault, Item, Label, Reader
from depth_anything.training.corpora.sample import LabelKind, Reason
from depth_anything.training.evaluation.data_options import first_folder
from depth_anything.training.evaluation.frames import FrameSource, ReaderFrames

METRES_PER_LEVEL = np.float32(50 / 65535)
FOLDERS = ("rgb", "depth", "mask_invalid", "mask_transp")


class IbimsReader(Reader):
    """`{rgb,depth,mask_invalid,mask_transp}/NAME.png` of the names in `imagelist.txt`.

    Pixels count that neither mask marks with 0: those without depth, and glass.
    """

    kind = LabelKind.METRIC_DEPTH
    looked_for = f"names in imagelist.txt, and for each {', '.join(f'{folder}/NAME.png' for folder in FOLDERS)}"

    def _listed(self) -> Iterator[Item]:
        path = self.root / "imagelist.txt"
        try:
            names = path.read_text(encoding="utf-8", errors="replace").split()
        except OSError as error:
            raise CorpusError(
                f"corpus {self.corpus}: {path}: {error.strerror}; looked for {self.looked_for}"
            ) from error
        for name in names:
            missing = [folder for folder in FOLDERS if not (self.root / folder / f"{name}.png").is_file()]
            fault = Fault(Reason.MISSING_LABEL, f"{name}.png is not in {' and '.join(missing)}") if missing else None
            yield Item(key=name, path=f"rgb/{name}.png", label_path=f"depth/{name}.png", fault=fault)

    def _label(self, item: Item) -> Label:
        levels = read_grey(self.root / item.label_path)
        valid = levels > 0
        for folder in ("mask_invalid", "mask_transp"):
            mask_path = f"{folder}/{item.key}.png"
            mask = read_grey(self.root / mask_path)
            require_same_size(levels, mask, mask_path)
            valid &= mask > 0
        return Label(values=levels * METRES_PER_LEVEL, valid=valid)


def open_ibims_frames(root: Path) -> FrameSource:
    """The frames of iBims-1."""
    return ReaderFrames(IbimsReader("ibims1", first_folder(root, "ibims1_core_raw")))
