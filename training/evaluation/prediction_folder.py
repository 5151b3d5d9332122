"""Predictions that something else wrote to a folder, found by the names of a benchmark's images."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything.depth_writers import KIND_ENDINGS, RECORD_ENDING
from depth_anything.image_files import IMAGE_SUFFIXES
from depth_anything.output_records import RECORD_FORMAT, printable
from depth_anything.training.corpora.label_files import read_label_file
from depth_anything.training.evaluation.declared_kind import PredictionKindError, offered
from depth_anything.training.evaluation.scoring_rule import PredictionKind

# In the order of preference; a file of 16 bits is read only with its step.
ENDINGS = (KIND_ENDINGS["npy"], KIND_ENDINGS["tiff"], ".tif", KIND_ENDINGS["png16"], ".png")
PICTURE_KINDS = ("color", "side-by-side")  # written beside predictions; no numbers to score
KIND_BY_RECORD = {"disparity": PredictionKind.RELATIVE_DISPARITY, "depth": PredictionKind.METRIC_DEPTH}


class PredictionFolderError(ValueError):
    """The folder as a whole cannot be used; the message says why and what to do."""


class PredictionFileError(ValueError):
    """The prediction of one image is missing, damaged or unclear."""


@dataclass(frozen=True, kw_only=True)
class _File:
    path: Path
    scale: float | None  # None: the numbers are as they are
    offset: float


class PredictionFolder:
    """A prediction for each image: `.npy`, float `.tiff`, or 16-bit `.png` with its scale.

    An image named `indoor/0001` has `indoor/0001.npy`, or `0001.npy` where the folder is flat; the longest part of the
    names that any file has decides for all. Beside what `depth-anything predict` wrote lies a record that says what
    the numbers mean and how 16-bit levels are read; for other files the user says both.

    Args:
        folder: where they lie.
        keys: names of the benchmark's images; the ending of a picture is left off.
        predicts: what the numbers mean; None reads it off the records.
        png_scale: what one level of a 16-bit PNG without a record is worth.

    Attributes:
        kind: what the numbers mean.

    Raises:
        PredictionFolderError: there is no such folder, or no prediction of these images in it.
        PredictionKindError: nobody says what the numbers mean, or two disagree.
    """

    def __init__(
        self,
        folder: Path,
        keys: Sequence[str],
        *,
        predicts: PredictionKind | None = None,
        png_scale: float | None = None,
    ) -> None:
        if not folder.is_dir():
            raise PredictionFolderError(f"--predictions {folder} is no folder")
        self._folder = folder
        self._png_scale = png_scale
        self._stems = _stems_below(folder, keys)
        self._asked = predicts
        self.kind = self._declared_kind()

    def read(self, index: int) -> NDArray[np.float32]:
        """The prediction of the image at `index` of the keys, as `kind` says; (H, W).

        Raises:
            PredictionFileError: it is missing, damaged, or of another kind than the rest.
        """
        stem = self._stems[index]
        record = _record_of(stem)
        if record is not None and _kind_of(record) is not self.kind:
            raise PredictionFileError(
                f"{stem.name}{RECORD_ENDING} says {record.get('quantity')!r}, but the others are {self.kind.value}"
            )
        file = self._file_of(stem, record)
        try:
            levels = read_label_file(file.path)
        except ValueError as error:
            raise PredictionFileError(str(error)) from error
        if file.scale is None:
            return levels
        return (levels.astype(np.float64) * file.scale + file.offset).astype(np.float32)

    def identity(self) -> dict[str, Any]:
        """What tells this folder from another, or from itself before a file was changed."""
        digest = hashlib.sha256()
        for stem in self._stems:
            for ending in ENDINGS:
                path = _with_ending(stem, ending)
                if path.is_file():
                    status = path.stat()
                    digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
        return {
            "predictions": printable(self._folder),
            "files_sha256": digest.hexdigest(),
            "predicts": self.kind.value,
            "png_scale": self._png_scale,
        }

    def _declared_kind(self) -> PredictionKind:
        first = next((record for stem in self._stems if (record := _record_of(stem)) is not None), None)
        recorded = _kind_of(first) if first is not None else None
        if recorded is None and self._asked is None:
            raise PredictionKindError(
                f"{self._folder} has no records that say what its numbers mean: give --predicts "
                f"{offered(PredictionKind)}"
            )
        if recorded is not None and self._asked not in (None, recorded):
            raise PredictionKindError(
                f"--predicts is {self._asked.value if self._asked else ''}, but the records in {self._folder} say "
                f"{recorded.value}: leave --predicts out"
            )
        kind = self._asked or recorded
        assert kind is not None
        return kind

    def _file_of(self, stem: Path, record: dict[str, Any] | None) -> _File:
        for ending in ENDINGS:
            path = _with_ending(stem, ending)
            if not path.is_file():
                continue
            described = record["files"].get(printable(path.name), {}) if record is not None else {}
            if described.get("kind") in PICTURE_KINDS:
                continue
            if ending in (KIND_ENDINGS["npy"], KIND_ENDINGS["tiff"], ".tif"):
                return _File(path=path, scale=None, offset=0.0)
            scale = described.get("scale", self._png_scale)
            if scale is None:
                raise PredictionFileError(
                    f"{path} has levels without a scale: give --png-scale, what one level is worth"
                )
            return _File(path=path, scale=float(scale), offset=float(described.get("offset", 0.0)))
        raise PredictionFileError(f"no prediction {stem}{{{','.join(ENDINGS)}}}")


def _stems_below(folder: Path, keys: Sequence[str]) -> list[Path]:
    """The path without ending of each image's prediction."""
    names_of_keys = [_parts_without_ending(key) for key in keys]
    for num_parts in range(max(map(len, names_of_keys), default=0), 0, -1):
        names = [PurePosixPath(*parts[-num_parts:]) for parts in names_of_keys]
        stems = [folder / name for name in names]
        if not any(_with_ending(stem, ending).is_file() for stem in stems for ending in ENDINGS):
            continue
        double, count = Counter(names).most_common(1)[0]
        if count > 1:
            raise PredictionFolderError(
                f"{folder} names predictions {double}, which several images are called: keep their folders, "
                f"as in {keys[0]}.npy"
            )
        return stems
    raise PredictionFolderError(
        f"{folder} has no prediction of these images; the first would be "
        f"{keys[0] if keys else 'NAME'}{{{','.join(ENDINGS)}}}, with or without its folders"
    )


def _parts_without_ending(key: str) -> tuple[str, ...]:
    """Folders and name of an image, from whatever root; keys of lists are paths of files."""
    path = PurePosixPath(key.lstrip("/"))
    return (path.with_suffix("") if path.suffix.lower() in IMAGE_SUFFIXES else path).parts


def _with_ending(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


def _record_of(stem: Path) -> dict[str, Any] | None:
    path = _with_ending(stem, RECORD_ENDING)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise PredictionFileError(f"{path} cannot be read as JSON") from None
    is_ours = isinstance(record, dict) and record.get("format") == RECORD_FORMAT and isinstance(record["files"], dict)
    return record if is_ours else None


def _kind_of(record: dict[str, Any]) -> PredictionKind | None:
    return KIND_BY_RECORD.get(str(record.get("quantity")))
