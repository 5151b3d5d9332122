"""Users' own pictures with depth: two folders, or a text list of pairs."""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from depth_anything.image_files import IMAGE_SUFFIXES
from depth_anything.training.corpora.folder_tree import NamesOfFolders, joined, stem_of, walk_folders
from depth_anything.training.corpora.label_files import LABEL_SUFFIXES, read_bytes, read_label_file
from depth_anything.training.corpora.numbers_in_text import number_in
from depth_anything.training.corpora.reader import CorpusError, Fault, Item, Label, Reader
from depth_anything.training.corpora.sample import LabelKind, Reason

FLOAT_SUFFIXES = (".exr", ".h5", ".hdf5", ".npy", ".pfm")  # hold their unit themselves
SCALE_ADVICE = "0.001 for millimetres, 1/256 for KITTI's files, 1 if the numbers need no scale"


class _OwnPairsReader(Reader):
    """What both forms share: any format of labels, a scale, and 0, negative and infinite values for none.

    Args:
        corpus: name of the corpus.
        root: where the pairs lie.
        depth_scale: what one unit of the label files is worth, in metres for metric depth. None is 1 and is refused
            for PNG and TIFF files, whose integers need a scale.
        kind: what the labels mean.

    Raises:
        CorpusError: root does not exist, or an option cannot be.
    """

    kind = LabelKind.METRIC_DEPTH

    def __init__(
        self,
        corpus: str,
        root: str | os.PathLike[str],
        *,
        depth_scale: float | None = None,
        kind: LabelKind | str = LabelKind.METRIC_DEPTH,
    ) -> None:
        super().__init__(corpus, root)
        labelled = [known.value for known in LabelKind if not known.is_unlabelled]
        if kind not in labelled:
            raise CorpusError(f"corpus {corpus}: kind is {kind!r}; the kinds of labels are {', '.join(labelled)}")
        if depth_scale is not None and not (math.isfinite(depth_scale) and depth_scale > 0):
            raise CorpusError(f"corpus {corpus}: depth_scale is {depth_scale}; it is positive: {SCALE_ADVICE}")
        self.kind = LabelKind(kind)
        self.depth_scale = depth_scale

    def _label(self, item: Item) -> Label:
        scale = self.depth_scale if item.label_scale is None else item.label_scale
        values = read_label_file(self._label_file(item)) * np.float32(1 if scale is None else scale)
        return Label(values=values, valid=np.isfinite(values) & (values > 0))

    def _require_scale(self, label_path: str, scale: float | None) -> None:
        if scale is None and self.depth_scale is None and not label_path.lower().endswith(FLOAT_SUFFIXES):
            raise CorpusError(
                f"corpus {self.corpus}: {label_path} holds numbers without a unit; set depth_scale: {SCALE_ADVICE}"
            )

    @abstractmethod
    def _label_file(self, item: Item) -> Path:
        """The file with the label."""


class ImageDepthTreeReader(_OwnPairsReader):
    """`images/<any folders>/<name>.jpg` with `depth/<the same folders>/<name>.png`, or .npy, .pfm, .exr, .h5, .tif."""

    looked_for = "images/**/* beside depth/**/*"

    def _check_root(self) -> None:
        super()._check_root()
        for folder in ("images", "depth"):
            if not (self.root / folder).is_dir():
                raise CorpusError(
                    f"corpus {self.corpus}: {self.root} has no folder {folder}; looked for {self.looked_for}"
                )

    def _listed(self) -> Iterator[Item]:
        names_of_folders = NamesOfFolders(self.root)
        for folder, names in walk_folders(self.root / "images"):
            label_folder = joined("depth", folder)
            by_stem: dict[str, list[str]] = {}
            for label in sorted(names_of_folders.of(label_folder)):
                if label[len(stem_of(label)) :].lower() in LABEL_SUFFIXES:
                    by_stem.setdefault(stem_of(label), []).append(label)
            for name in names:
                if name[len(stem_of(name)) :].lower() in IMAGE_SUFFIXES:
                    yield self._item(joined(folder, name), label_folder, by_stem.get(stem_of(name), []))

    def _item(self, key: str, label_folder: str, labels: list[str]) -> Item:
        path = joined("images", key)
        if len(labels) > 1:
            raise CorpusError(f"corpus {self.corpus}: {path} has the labels {', '.join(labels)}; keep one of them")
        if not labels:
            return Item(key=key, path=path, fault=Fault(Reason.MISSING_LABEL, f"{path} has none in {label_folder}"))
        self._require_scale(labels[0], None)
        return Item(key=key, path=path, label_path=joined(label_folder, labels[0]))

    def _label_file(self, item: Item) -> Path:
        return self.root / item.label_path


class PairListReader(_OwnPairsReader):
    """A text file with lines `<picture> <depth> [<scale>]`, in its order.

    Fields are separated by tabs where a line has one, so that names may have blanks, else by blanks; lines that begin
    with # do not count. Paths are absolute or relative to the list's folder, and the optional scale goes before
    `depth_scale`.
    """

    looked_for = "lines with a picture, its depth and an optional scale"

    def _check_root(self) -> None:
        if not self.root.is_file():
            raise CorpusError(f"corpus {self.corpus}: {self.root} is no file; pass a text file of pairs")

    def _listed(self) -> Iterator[Item]:
        with self.root.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip() or line.startswith("#"):
                    continue
                fields = line.rstrip("\r\n").split("\t") if "\t" in line.strip() else line.split()
                yield self._item([field.strip() for field in fields if field.strip()], f"{self.root}, line {number}")

    def _item(self, fields: list[str], where: str) -> Item:
        if len(fields) not in (2, 3):
            raise CorpusError(
                f"{where}: {len(fields)} fields; a line has a picture, its depth and an optional scale, "
                "separated by tabs if a name has blanks"
            )
        scale = _scale(fields[2], where) if len(fields) == 3 else None
        self._require_scale(fields[1], scale)
        return Item(key=fields[0], path=fields[0], label_path=fields[1], label_scale=scale)

    def _image_bytes(self, item: Item) -> bytes:
        return read_bytes(self.root.parent / item.path)

    def _label_file(self, item: Item) -> Path:
        return self.root.parent / item.label_path


def _scale(text: str, where: str) -> float:
    scale = number_in(text)
    if not (math.isfinite(scale) and scale > 0):
        raise CorpusError(f"{where}: the scale is {text!r}; it is a positive number: {SCALE_ADVICE}")
    return scale
