"""Users' own pictures with depth as a benchmark: the folders images/ and depth/, or a text list of pairs."""

from __future__ import annotations

from pathlib import Path

from depth_anything.training.corpora.own_pairs import ImageDepthTreeReader, PairListReader
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.evaluation.frames import FrameSource, ReaderFrames


def open_folder_frames(root: Path, depth_scale: str | None = None, kind: str = "metric_depth") -> FrameSource:
    """The frames of a folder or list.

    Args:
        root: the folder, or the list.
        depth_scale: metres of one unit of the depth files; needed for PNG and TIFF.
        kind: metric_depth, or depth_up_to_scale for relative protocols.

    Raises:
        CorpusError: as of `ImageDepthTreeReader` and `PairListReader`, or depth of another kind.
    """
    depths = [known.value for known in LabelKind if known.is_depth]
    if kind not in depths:
        raise CorpusError(f"kind is {kind!r}; the ground truth of a benchmark is {' or '.join(depths)}")
    try:
        scale = None if depth_scale is None else float(depth_scale)
    except ValueError:
        raise CorpusError(f"depth_scale is {depth_scale!r}; it is a number, such as 0.001 for millimetres") from None
    reader = ImageDepthTreeReader if root.is_dir() else PairListReader
    return ReaderFrames(reader("folder", root, depth_scale=scale, kind=kind))
