"""MegaDepth v1: internet pictures of landmarks with multi-view stereo depth, each scene in a unit of its own."""

from __future__ import annotations

import numpy as np

from depth_anything.image_files import IMAGE_SUFFIXES
from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, beside, joined, stem_of
from depth_anything.training.corpora.label_files import read_hdf5
from depth_anything.training.corpora.reader import Item, Label
from depth_anything.training.corpora.sample import LabelKind, Reason, SampleError

KEPT_PERCENTILES = (1, 98)  # of the positive depths; outside lie the outliers, as in the authors' own loader


class MegaDepthReader(LabelledTree):
    """`<scene>/dense<k>/imgs/<name>.jpg` with `<scene>/dense<k>/depths/<name>.h5`, below any number of folders.

    Some files hold an order of nearer and farther instead of a depth, known by negative values; they are refused.
    """

    kind = LabelKind.DEPTH_UP_TO_SCALE
    looked_for = "<scene>/dense*/imgs/* beside <scene>/dense*/depths/*.h5"

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        stem = stem_of(name)
        if folder.rpartition("/")[2] != "imgs" or name[len(stem) :].lower() not in IMAGE_SUFFIXES:
            return None
        return Partners(joined(beside(folder, "depths"), stem + ".h5"))

    def _label(self, item: Item) -> Label:
        depth = read_hdf5(self.root / item.label_path, "depth")
        if (depth < 0).any():
            raise SampleError(Reason.ORDINAL_LABEL, f"{item.label_path}: negative values, so an order and no depth")
        valid = np.isfinite(depth) & (depth > 0)
        if valid.any():
            low, high = np.percentile(depth[valid], KEPT_PERCENTILES)
            valid &= (depth >= low) & (depth <= high)
        return Label(values=depth, valid=valid)
