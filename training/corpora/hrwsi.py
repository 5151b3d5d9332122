"""HR-WSI: web stereo pictures with the disparity of an optical flow network, of unknown scale and shift."""

from __future__ import annotations

from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, beside, joined, stem_of
from depth_anything.training.corpora.label_files import read_unit_grey, require_same_size
from depth_anything.training.corpora.reader import Item, Label
from depth_anything.training.corpora.sample import LabelKind


class HrwsiReader(LabelledTree):
    """`imgs/<name>.jpg` with `gts/<name>.png` and `valid_masks/<name>.png`; the `val` half is left out.

    Larger is nearer. The mask holds what flow forward and backward agree on; without it occlusions are wrong.
    """

    kind = LabelKind.DISPARITY_AFFINE
    looked_for = "train/imgs/*.jpg beside train/gts/*.png and train/valid_masks/*.png"
    skipped_folders = frozenset({"val"})

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        if folder.rpartition("/")[2] != "imgs" or not name.lower().endswith((".jpg", ".jpeg", ".png")):
            return None
        label_name = stem_of(name) + ".png"
        return Partners(joined(beside(folder, "gts"), label_name), joined(beside(folder, "valid_masks"), label_name))

    def _label(self, item: Item) -> Label:
        disparity = read_unit_grey(self.root / item.label_path)
        mask = read_unit_grey(self.root / item.mask_path)
        require_same_size(disparity, mask, item.mask_path)
        return Label(values=disparity, valid=mask > 0)
