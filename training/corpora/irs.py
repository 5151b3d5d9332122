"""IRS, the Indoor Robotics Stereo data set: rendered rooms with the disparity of a stereo camera in pixels."""

from __future__ import annotations

import re

import numpy as np

from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, joined
from depth_anything.training.corpora.label_files import read_exr
from depth_anything.training.corpora.reader import Item, Label
from depth_anything.training.corpora.sample import LabelKind

LEFT_IMAGE = re.compile(r"l_(\d+)\.png", re.IGNORECASE)


class IrsReader(LabelledTree):
    """`<place>/<scene>/l_00001.png` with `d_00001.exr` beside, and the first release's names without zeros.

    Depth is 48 / disparity metres (480 pixels of focal length, 0.1 m between the cameras) in most of the scenes but
    not all, so the label stays disparity. Some files have another size than their picture and are refused when
    decoded, as the authors of the data set advise in issue 3 of their repository.
    """

    kind = LabelKind.DISPARITY_AFFINE
    looked_for = "<place>/<scene>/l_*.png beside d_*.exr"

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        matched = LEFT_IMAGE.fullmatch(name)
        return Partners(joined(folder, f"d_{matched[1]}.exr")) if matched else None

    def _label(self, item: Item) -> Label:
        disparity_px = read_exr(self.root / item.label_path)
        return Label(values=disparity_px, valid=np.isfinite(disparity_px) & (disparity_px > 0))
