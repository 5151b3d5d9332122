"""Virtual KITTI 2: rendered streets in six weathers and four turns of the camera."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import numpy as np

from depth_anything.training.corpora.folder_tree import LabelledTree, NamesOfFolders, Partners, joined
from depth_anything.training.corpora.label_files import read_grey
from depth_anything.training.corpora.reader import CorpusError, Item, Label
from depth_anything.training.corpora.sample import LabelKind

METRES_PER_LEVEL = np.float32(0.01)
SKY_LEVEL = 65535
IMAGE = re.compile(r"rgb_(\d+)\.jpg")
CAMERA_FOLDER = re.compile(r"(?:.*/)?frames/rgb/Camera_([01])")


class VirtualKitti2Reader(LabelledTree):
    """`Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg` with `frames/depth/Camera_0/depth_00000.png`.

    Both archives may be unpacked in one place, or beside each other in folders whose names differ by rgb and depth.

    Args:
        corpus: name of the corpus.
        root: folder of the data set.
        cameras: 0 is the left camera, the one that the paper's count holds; 1 the right.

    Raises:
        CorpusError: there is no such folder, or a camera that the data set does not have.
    """

    kind = LabelKind.METRIC_DEPTH
    looked_for = "Scene*/*/frames/rgb/Camera_*/rgb_*.jpg with frames/depth/Camera_*/depth_*.png"

    def __init__(self, corpus: str, root: str | os.PathLike[str], *, cameras: Sequence[int] = (0,)) -> None:
        super().__init__(corpus, root)
        if not cameras or not set(cameras) <= {0, 1}:
            raise CorpusError(f"corpus {corpus}: cameras is {tuple(cameras)}; the data set has 0 and 1")
        self.cameras = frozenset(cameras)

    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        camera, image = CAMERA_FOLDER.fullmatch(folder), IMAGE.fullmatch(name)
        if camera is None or image is None or int(camera[1]) not in self.cameras:
            return None
        label_name = f"depth_{image[1]}.png"
        together = folder.replace("frames/rgb/", "frames/depth/")
        apart = folder.replace("rgb", "depth")
        return Partners(joined(together if names.has(joined(together, label_name)) else apart, label_name))

    def _label(self, item: Item) -> Label:
        levels = read_grey(self.root / item.label_path)
        sky = levels == SKY_LEVEL
        return Label(values=levels * METRES_PER_LEVEL, valid=(levels > 0) & ~sky, sky=sky)
