"""Many images through one predictor: what is done is left alone, what fails is reported, the rest goes on."""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from .depth_writers import (
    KIND_ENDINGS,
    PICTURE_ENDING,
    PICTURE_KINDS,
    Encoding,
    possible_names,
    with_ending,
    write_color,
    write_npy,
    write_png16,
    write_side_by_side,
    write_tiff,
)
from .image_files import read_image_and_source, to_rgb_array
from .input_discovery import InputImage
from .output_records import (
    OutputConflictError,
    OutputPlan,
    PlannedFile,
    SourceFile,
    plan_outputs,
    plan_overwriting,
    printable,
    write_outputs,
)
from .overlapped_map import overlapped_map
from .predict_arguments import PredictSettings
from .prediction_record import IDENTITY_FIELDS, ModelDescription, image_record, model_record
from .predictor import DepthPredictor, DepthResult

GRAY = "gray"
# Decoding and PNG compression take longer than a GPU's forward pass; each thread holds one image and one map.
NUM_FILE_THREADS = min(4, os.cpu_count() or 1)


@dataclass
class JobReport:
    """How many images were predicted, were finished before, or failed."""

    num_predicted: int = 0
    num_finished_before: int = 0
    num_failed: int = 0


@dataclass(frozen=True)
class _Task:
    image: InputImage
    plan: OutputPlan
    source: SourceFile
    photo: NDArray[np.uint8] | None = field(repr=False)  # held only where a picture shows it


_Planned: TypeAlias = tuple[InputImage, OutputPlan]
_Read: TypeAlias = tuple[_Task, Image.Image]


class PredictionJob:
    """Plans, predicts and writes.

    Args:
        predictor: the loaded model.
        description: of its weights.
        settings: kinds and place of the outputs.
    """

    def __init__(self, predictor: DepthPredictor, description: ModelDescription, settings: PredictSettings) -> None:
        self.report = JobReport()
        self._predictor = predictor
        self._settings = settings
        self._record = model_record(predictor, description)
        self._identity = {name: self._record[name] for name in IDENTITY_FIELDS}
        spectral = "Spectral" if predictor.quantity == "depth_m" else "Spectral_r"  # near is red in both
        self._colormap = GRAY if settings.is_grayscale else spectral
        self._inputs: set[str] = set()

    def run(self, images: Sequence[InputImage]) -> None:
        """Predicts every image whose outputs are not all there; `report` counts along."""
        self._inputs = {os.path.realpath(image.path) for image in images}
        todo = [(image, plan) for image in images if (plan := self._plan(image)) is not None]
        # None: no bar in a log file.
        with tqdm(total=len(todo), unit="image", disable=None, file=sys.stderr) as progress:
            self._predict(self._readable(overlapped_map(_read, todo, NUM_FILE_THREADS), progress), progress)

    def run_in_memory(self, picture: Image.Image, name: str) -> None:
        """Predicts a picture that has no file; its outputs are named `name`."""
        image = InputImage(Path(name), PurePosixPath(name))
        photo = to_rgb_array(picture)
        source = SourceFile(name, photo.nbytes, 0, hashlib.sha256(photo.tobytes()).hexdigest())
        plan = self._plan(image, source)
        if plan is not None:
            with tqdm(disable=True) as progress:
                self._predict([(_Task(image, plan, source, photo), picture)], progress)

    def _predict(self, pictures: Iterable[_Read], progress: "tqdm[Any]") -> None:
        def fail(task: _Task, error: Exception) -> None:
            self._fail(task.image, error)
            progress.update()

        results = self._predictor.stream(pictures, on_error=fail)
        for (task, _), error in overlapped_map(self._try_to_write, results, NUM_FILE_THREADS):
            if error is None:
                self.report.num_predicted += 1
                progress.update()
            else:
                fail(task, error)

    def _plan(self, image: InputImage, source: SourceFile | None = None) -> OutputPlan | None:
        """What to write for an image; None where there is nothing to do, which is counted."""
        stem = self._settings.outdir / image.output_stem
        wanted = tuple(self._planned_file(stem, kind) for kind in self._settings.kinds)
        names = {
            path.name
            for path in possible_names(image.output_stem)
            if os.path.realpath(stem.with_name(path.name)) not in self._inputs
        }
        try:
            for file in wanted:
                if os.path.realpath(file.path) in self._inputs:
                    raise OutputConflictError(f"{file.path} is an input, and outputs replace none")
            if self._settings.overwrite:
                return plan_overwriting(stem, wanted, names)
            found = source or _source_on_disk(image.path)
            plan = plan_outputs(
                stem,
                wanted,
                self._identity,
                lambda recorded: found.is_described_by(recorded, lambda: _digest(image.path)),
            )
        except OutputConflictError as error:
            self._fail(image, f"{error}; choose another --outdir, or let --overwrite replace earlier outputs")
            return None
        except OSError as error:
            self._fail(image, error)
            return None
        if not plan.missing:
            self.report.num_finished_before += 1
            return None
        return plan

    def _planned_file(self, stem: Path, kind: str) -> PlannedFile:
        is_official_picture = self._settings.is_pred_only and kind == "color"
        ending = PICTURE_ENDING if is_official_picture else KIND_ENDINGS[kind]
        return PlannedFile(with_ending(stem, ending), kind, self._colormap if kind in PICTURE_KINDS else None)

    def _readable(self, read: Iterable[tuple[_Planned, _Read | Exception]], progress: "tqdm[Any]") -> Iterator[_Read]:
        for (image, _), outcome in read:
            if isinstance(outcome, Exception):
                self._fail(image, outcome)
                progress.update()
            else:
                yield outcome

    def _try_to_write(self, task_and_result: tuple[_Task, DepthResult]) -> Exception | None:
        try:
            self._write(*task_and_result)
        except (OSError, ValueError, MemoryError) as error:
            return error
        return None

    def _write(self, task: _Task, result: DepthResult) -> None:
        def write(file: PlannedFile, path: Path) -> Encoding:
            colormap = None if file.colormap == GRAY else file.colormap
            if file.kind == "npy":
                return write_npy(path, result.values)
            if file.kind == "tiff":
                return write_tiff(path, result.values)
            if file.kind == "png16":
                return write_png16(path, result.values, self._predictor.max_depth_m)
            if task.photo is not None and file.kind == "side-by-side":
                return write_side_by_side(path, result.values, colormap, task.photo)
            return write_color(path, result.values, colormap)

        write_outputs(task.plan, write, self._record | image_record(task.source, result))

    def _fail(self, image: InputImage, reason: object) -> None:
        self.report.num_failed += 1
        tqdm.write(f"{image.path}: {str(reason) or type(reason).__name__}", file=sys.stderr)


def _read(planned: _Planned) -> _Read | Exception:
    image, plan = planned
    is_shown = any(file.kind == "side-by-side" for file in plan.missing)
    try:
        picture, source = read_image_and_source(image.path)
        return _Task(image, plan, source, to_rgb_array(picture) if is_shown else None), picture
    except (ValueError, MemoryError) as error:  # unreadable, too large, or in a colour space that has no way to RGB
        return error


def _source_on_disk(path: Path) -> SourceFile:
    try:
        status = path.stat()
    except OSError as error:
        raise OSError(error.strerror) from None  # the path is said beside it
    return SourceFile(printable(path), status.st_size, status.st_mtime_ns)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
