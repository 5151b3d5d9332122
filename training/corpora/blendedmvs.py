"""BlendedMVS, BlendedMVS+ and BlendedMVS++: rendered depth of reconstructed scenes, each in a unit of its own."""

from __future__ import annotations

import numpy as np

from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, beside, joined, stem_of
from depth_anything.training.corpora.label_files import read_pfm
from depth_anything.training.corpora.reader import Item, Label
from depth_anything.training.corpora.sample import LabelKind


class BlendedMvsReader(LabelledTree):
    """`<scene>/blended_images/00000000.jpg` with `<scene>/rendered_depth_maps/00000000.pfm`.

    The `_masked.jpg` beside each picture shows the same view and is left out. Depth is 0 where the mesh has no
    surface; some maps are empty altogether, so that a hundredth of the pixels has to have a label.
    """

    kind = LabelKind.DEPTH_UP_TO_SCALE
    looked_for = "<scene>/blended_images/*.jpg beside <scene>/rendered_depth_maps/*.pfm"
    min_valid_share = 0.01

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        is_image = folder.rpartition("/")[2] == "blended_images" and name.lower().endswith(".jpg")
        if not is_image or "masked" in name:
            return None
        return Partners(joined(beside(folder, "rendered_depth_maps"), stem_of(name) + ".pfm"))

    def _label(self, item: Item) -> Label:
        depth = read_pfm(self.root / item.label_path)
        return Label(values=depth, valid=np.isfinite(depth) & (depth > 0))
