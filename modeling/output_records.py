"""The JSON file beside the outputs of an image: what the numbers mean, and whether the image is done."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .depth_writers import KIND_ENDINGS, RECORD_ENDING, Encoding, possible_names, with_ending

RECORD_FORMAT = "depth-anything prediction 1"
Record = dict[str, Any]


class OutputConflictError(RuntimeError):
    """Something is in the place of an output that must not be replaced; the message says what."""


@dataclass(frozen=True)
class SourceFile:
    """What identifies an input in a record.

    Attributes:
        path: as the user gave it, `printable`.
        sha256: of the bytes; None while they have not been read.
    """

    path: str
    size_bytes: int
    modified_ns: int
    sha256: str | None = None

    def is_described_by(self, recorded: Mapping[str, Any], read_sha256: Callable[[], str]) -> bool:
        """Whether a record was made from this file; the bytes are read only where the time of change differs."""
        if Path(self.path).name != Path(str(recorded.get("file"))).name:
            return False
        if self.size_bytes != recorded.get("size_bytes"):
            return False
        return self.modified_ns == recorded.get("modified_ns") or read_sha256() == recorded.get("sha256")


@dataclass(frozen=True)
class PlannedFile:
    """One output to write.

    Attributes:
        path: where.
        kind: a key of `KIND_ENDINGS`.
        colormap: of pictures; "gray", or a name of `COLORMAP_NAMES`.
    """

    path: Path
    kind: str
    colormap: str | None = None

    def describe(self) -> Encoding:
        """What a record says of the file before it is written; equal for equal requests."""
        description: Encoding = {"kind": self.kind}
        return description | {"colormap": self.colormap} if self.colormap else description


@dataclass(frozen=True)
class OutputPlan:
    """What is left to do for an image.

    Attributes:
        record_path: the record, written last.
        missing: files to write; none where the image is done.
        kept: entries of the record for files that stay.
        obsolete: files of an overwritten record that nothing would describe any more.
    """

    record_path: Path
    missing: tuple[PlannedFile, ...]
    kept: Mapping[str, Encoding]
    obsolete: tuple[Path, ...] = ()


def printable(path: str | os.PathLike[str]) -> str:
    """The path as text that every file in UTF-8 can hold; other bytes of a name are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_earlier_output(path: Path) -> bool:
    """Whether a record beside the file describes it."""
    for ending in KIND_ENDINGS.values():
        record_path = path.with_name(path.name.removesuffix(ending) + RECORD_ENDING)
        if path.name.endswith(ending) and record_path.exists():
            with contextlib.suppress(OutputConflictError):
                if printable(path.name) in _read_record(record_path)["files"]:
                    return True
    return False


def record_path_of(stem: Path) -> Path:
    """Path of the record of the outputs with this stem."""
    return with_ending(stem, RECORD_ENDING)


def plan_outputs(
    stem: Path,
    wanted: tuple[PlannedFile, ...],
    identity: Mapping[str, Any],
    is_same_source: Callable[[Mapping[str, Any]], bool],
) -> OutputPlan:
    """What to write so that all wanted files exist, with nothing replaced.

    Files that the record describes and that are still there are kept, so a second run with another kind of output
    adds it. A file of another size than the record states, such as one that was cut short, is written again.

    Args:
        stem: path of the outputs without their endings.
        wanted: files to have in the end.
        identity: parts of the record that fix the numbers; they must equal those of a record that is there.
        is_same_source: whether the "source" of a record is this input.

    Raises:
        OutputConflictError: the place of an output is taken by something else.
    """
    record_path = record_path_of(stem)
    recorded: dict[str, Encoding] = {}
    if record_path.exists():
        record = _read_record(record_path)
        if not is_same_source(record.get("source", {})):
            raise OutputConflictError(f"{record_path} describes another input, or this one before it was changed")
        for name, value in identity.items():
            if record.get(name) != value:
                raise OutputConflictError(f"{record_path} was made with {_difference(name, record.get(name), value)}")
        recorded = record["files"]
    missing = []
    for file in wanted:
        entry = recorded.get(printable(file.path.name))
        if entry is None and file.path.exists():
            raise OutputConflictError(f"{file.path} exists, and no record says that it is the same output")
        if entry is not None and not file.describe().items() <= entry.items():
            raise OutputConflictError(
                f"{file.path} holds another picture ({entry.get('kind')}, {entry.get('colormap')})"
            )
        if entry is None or not _is_whole(file.path, entry):
            missing.append(file)
    kept = {
        printable(path.name): recorded[printable(path.name)]
        for path in possible_names(stem)
        if _is_whole(path, recorded.get(printable(path.name), {}))
    }
    return OutputPlan(record_path, tuple(missing), kept)


def plan_overwriting(stem: Path, wanted: tuple[PlannedFile, ...], removable_names: set[str]) -> OutputPlan:
    """Everything anew, and the files of an earlier record of ours removed.

    Args:
        stem: path of the outputs without their endings.
        wanted: files to have in the end.
        removable_names: the only names that may be removed.
    """
    record_path = record_path_of(stem)
    obsolete: list[Path] = []
    if record_path.exists():
        with contextlib.suppress(OutputConflictError):
            recorded = _read_record(record_path)["files"]
            names = sorted(removable_names - {file.path.name for file in wanted})
            obsolete = [record_path.with_name(name) for name in names if printable(name) in recorded]
    return OutputPlan(record_path, wanted, {}, tuple(obsolete))


def write_outputs(plan: OutputPlan, write: Callable[[PlannedFile, Path], Encoding], record: Record) -> None:
    """Writes the missing files and then the record, each complete or not at all.

    Args:
        plan: what `plan_outputs` or `plan_overwriting` found.
        write: creates the file at the path that it is given and returns its encoding.
        record: all but "files", which is added.

    Raises:
        OSError: a file cannot be written; nothing new is left behind.
    """
    plan.record_path.parent.mkdir(parents=True, exist_ok=True)
    entries: dict[str, Encoding] = dict(plan.kept)
    partial_paths: list[Path] = []
    with contextlib.ExitStack() as stack:
        for file in plan.missing:
            partial_paths.append(stack.enter_context(_partial_path(file.path)))
            encoding = file.describe() | write(file, partial_paths[-1])
            entries[printable(file.path.name)] = encoding | {"size_bytes": partial_paths[-1].stat().st_size}
        partial_record = stack.enter_context(_partial_path(plan.record_path))
        text = json.dumps(record | {"files": entries}, indent=2, ensure_ascii=False, allow_nan=False)
        partial_record.write_text(text + "\n", encoding="utf-8")
        _move_into_place(plan, partial_paths, partial_record)


def _move_into_place(plan: OutputPlan, partial_paths: list[Path], partial_record: Path) -> None:
    replaced = {file.path for file in plan.missing if file.path.exists()}
    if replaced or plan.obsolete:
        # Until the new record is there, none may describe files that are being replaced.
        plan.record_path.unlink(missing_ok=True)
    moved: list[Path] = []
    try:
        for path in plan.obsolete:
            path.unlink(missing_ok=True)
        for file, partial_path in zip(plan.missing, partial_paths, strict=True):
            partial_path.replace(file.path)
            moved.append(file.path)
        partial_record.replace(plan.record_path)
    except BaseException:  # an interrupt too: files without a record would stop the next run
        for path in moved:
            if path not in replaced:
                path.unlink(missing_ok=True)
        raise


def _difference(name: str, recorded: object, wanted: object) -> str:
    if isinstance(recorded, dict) and isinstance(wanted, dict):
        keys = [key for key in wanted if recorded.get(key) != wanted[key]]
        if keys:
            return _difference(f"{name}.{keys[0]}", recorded.get(keys[0]), wanted[keys[0]])
    return f"another {name} ({recorded!r} instead of {wanted!r})"


@contextlib.contextmanager
def _partial_path(path: Path) -> Iterator[Path]:
    """A path beside the real one that is gone afterwards, whatever happens; hidden, so no folder scan reads it.

    Its name is short, for file names near the limit, and the same in every run, so that what a killed one left is
    replaced.
    """
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    partial_path = path.with_name(f".{digest}.partial")
    try:
        yield partial_path
    finally:
        partial_path.unlink(missing_ok=True)


def _is_whole(path: Path, entry: Encoding) -> bool:
    return path.exists() and path.stat().st_size == entry.get("size_bytes")


def _read_record(path: Path) -> Record:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] == RECORD_FORMAT and isinstance(record["files"], dict):
            return dict(record)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise OutputConflictError(f"{path} is not a record of this program")
