"""TartanAir v1: a simulated drone's flights with rendered depth."""

from __future__ import annotations

import numpy as np

from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, joined
from depth_anything.training.corpora.label_files import read_npy
from depth_anything.training.corpora.reader import Item, Label
from depth_anything.training.corpora.sample import LabelKind

# Sky is rendered as a far dome, "e.g. 10000" in the data set's own words, and nothing else lies beyond a kilometre.
SKY_DEPTH_M = 1000


class TartanAirReader(LabelledTree):
    """`<env>/{Easy,Hard}/P000/image_left/000000_left.png` with `depth_left/000000_left_depth.npy`.

    Accepted in all three ways of unpacking: as above, with the environment's folder twice, and with a modality's
    folder above the flights too. Left out are the right camera, as in the paper's count, and the environment
    `amusement`, whose sky dome is wrong (issue 46 of the data set's repository).
    """

    kind = LabelKind.METRIC_DEPTH
    looked_for = "<environment>/{Easy,Hard}/P*/image_left/*_left.png beside depth_left/*_left_depth.npy"
    skipped_folders = frozenset({"amusement"})

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        parts = folder.split("/")
        if parts[-1] != "image_left" or not name.endswith("_left.png"):
            return None
        label_folder = joined(*("depth_left" if part == "image_left" else part for part in parts))
        return Partners(joined(label_folder, name.removesuffix(".png") + "_depth.npy"))

    def _label(self, item: Item) -> Label:
        depth_m = read_npy(self.root / item.label_path)
        is_measured = np.isfinite(depth_m) & (depth_m > 0)
        sky = is_measured & (depth_m >= SKY_DEPTH_M)
        return Label(values=depth_m, valid=is_measured & ~sky, sky=sky)
