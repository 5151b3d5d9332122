"""ETH3D's high-resolution training views with depth rendered from laser scans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, joined
from depth_anything.training.corpora.label_files import read_bytes
from depth_anything.training.corpora.reader import Item, Label
from depth_anything.training.corpora.sample import LabelKind, Reason, SampleError
from depth_anything.training.evaluation.frames import FrameSource, ReaderFrames

IMAGES = "images/dslr_images"
DEPTHS = "ground_truth_depth/dslr_images"


class Eth3dReader(LabelledTree):
    """`<scene>/images/dslr_images/DSC_0259.JPG` with `<scene>/ground_truth_depth/dslr_images/DSC_0259.JPG`.

    The depth file is no picture whatever its name says: float32 rows without a header, of the picture's size;
    infinite where the scan has nothing.
    """

    kind = LabelKind.METRIC_DEPTH
    looked_for = f"<scene>/{IMAGES}/*.JPG beside <scene>/{DEPTHS}/*.JPG"

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        if not folder.endswith(IMAGES) or not name.lower().endswith((".jpg", ".png")):
            return None
        return Partners(joined(folder.removesuffix(IMAGES) + DEPTHS, name))

    def _label(self, item: Item) -> Label:
        stored = np.frombuffer(read_bytes(self.root / item.label_path), np.uint8)
        try:
            with Image.open(self.root / item.path) as picture:  # the header alone
                width, height = picture.size
        except (OSError, Image.DecompressionBombError) as error:
            raise SampleError(Reason.DAMAGED_IMAGE, f"{item.path}: {error}") from error
        if len(stored) != 4 * width * height:
            raise SampleError(
                Reason.LABEL_SIZE,
                f"{item.label_path}: {len(stored)} bytes; float32 of the picture's {width}x{height} pixels are "
                f"{4 * width * height}",
            )
        depth_m = stored.view("<f4").reshape(height, width).astype(np.float32)
        valid = np.isfinite(depth_m) & (depth_m > 0)
        return Label(values=np.where(valid, depth_m, np.float32(0)), valid=valid)


def open_eth3d_frames(root: Path) -> FrameSource:
    """ETH3D's training views."""
    return ReaderFrames(Eth3dReader("eth3d", root))
