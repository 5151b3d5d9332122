"""Which images a command line names, and where the output of each goes."""

import glob
import hashlib
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from .command_errors import UsageError
from .depth_writers import possible_names
from .image_files import IMAGE_SUFFIXES, UNREAD_IMAGE_SUFFIXES, VIDEO_SUFFIXES
from .output_records import is_earlier_output

VIDEO_SENTENCE = "videos are not read yet; extract the frames as images and give their folder"


@dataclass(frozen=True)
class InputImage:
    """One image to predict.

    Attributes:
        path: the file.
        output_stem: where its output goes, below the output folder and without the endings of the kinds of output.
    """

    path: Path
    output_stem: PurePosixPath


@dataclass(frozen=True)
class Discovery:
    """Everything that a command line names.

    Attributes:
        images: in the order of the arguments, files of a folder sorted; each file once.
        skipped_videos: videos that lie in a folder beside images; videos are not read.
        skipped_pictures: pictures there that are of a kind that is not read.
    """

    images: tuple[InputImage, ...]
    skipped_videos: tuple[Path, ...] = ()
    skipped_pictures: tuple[Path, ...] = ()


@dataclass
class _Group:
    """Files of one argument, `base` being the folder below which their paths are kept."""

    base: Path
    paths: list[Path] = field(default_factory=list)


def discover_inputs(arguments: Sequence[str], outdir: Path) -> Discovery:
    """The images that files, folders, globs and `.txt` lists stand for, with outputs that never share a name.

    Folders are read with their sub-folders, and both they and globs keep sub-folders in the output; what an earlier
    run wrote, in `outdir` or with a record beside it, is not read again. Files named one by one, on the command line
    or in a list, go flat into the output, or keep their folders below the common one when two have the same name.
    Several folders are told apart by their names. Names that would still collide keep the whole file name, and a
    digest of the path where even that is not enough. All of this follows from the inputs alone, not from what is
    there already.

    Args:
        arguments: as the user gave them. A list holds one path per line, relative to the list's folder or else to
            the working directory; blank lines and lines that begin with # do not count.
        outdir: folder of the outputs.

    Raises:
        UsageError: an argument that does not exist, is a video, or stands for no image.
    """
    named_one_by_one: list[Path] = []
    groups: list[_Group] = []
    skipped: list[Path] = []
    for argument in arguments:
        path = Path(argument).expanduser()
        if not argument:
            raise UsageError("an input is an empty string; name a file, a folder, a glob or a .txt list")
        if path.is_dir():
            groups.append(_folder_group(path, outdir, skipped))
        elif path.suffix.lower() == ".txt" and path.is_file():
            named_one_by_one += _read_list(path)
        elif path.is_file():
            _refuse_video(path)
            named_one_by_one.append(path)
        elif glob.has_magic(argument):
            groups.append(_glob_group(str(path), outdir, skipped))
        else:
            _refuse_video(path)
            raise UsageError(f"{argument}: no such file or folder, and no file matches it")
    inputs = _name_flat(named_one_by_one) + _name_groups(groups)
    return Discovery(
        tuple(_told_apart(_each_once(inputs))),
        tuple(path for path in skipped if path.suffix.lower() in VIDEO_SUFFIXES),
        tuple(path for path in skipped if path.suffix.lower() in UNREAD_IMAGE_SUFFIXES),
    )


def _refuse_video(path: Path) -> None:
    if path.suffix.lower() in VIDEO_SUFFIXES:
        raise UsageError(f"{path}: {VIDEO_SENTENCE}")


def _refuse_unreadable(error: OSError) -> None:
    raise UsageError(f"{error.filename}: the folder cannot be read: {error.strerror}")


def _folder_group(folder: Path, outdir: Path, skipped: list[Path]) -> _Group:
    real_outdir = Path(os.path.realpath(outdir))
    if Path(os.path.realpath(folder)) == real_outdir:
        raise UsageError(f"{folder}: the input folder is the output folder too; choose another --outdir")
    found = []
    for parent, folders, names in os.walk(folder, onerror=_refuse_unreadable):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and Path(os.path.realpath(Path(parent, name))) != real_outdir
        )
        found += [Path(parent, name) for name in sorted(names) if not name.startswith(".")]
    return _Group(folder, _images_among(found, str(folder), skipped))


def _glob_group(pattern: str, outdir: Path, skipped: list[Path]) -> _Group:
    fixed_parts: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed_parts.append(part)
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    found = [Path(match) for match in matches if Path(match).is_file()]
    base = Path(*fixed_parts)
    real_outdir = Path(os.path.realpath(outdir))
    if Path(os.path.realpath(base)) != real_outdir:
        # The parent's, because a link to a file is an input wherever it leads.
        found = [path for path in found if real_outdir not in Path(os.path.realpath(path.parent), path.name).parents]
    return _Group(base, _images_among(found, pattern, skipped))


def _images_among(paths: list[Path], argument: str, skipped: list[Path]) -> list[Path]:
    images = [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES and not is_earlier_output(path)]
    skipped += [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES | UNREAD_IMAGE_SUFFIXES]
    if images:
        return images
    if any(path.suffix.lower() in VIDEO_SUFFIXES for path in paths):
        raise UsageError(f"{argument}: no image in it, and {VIDEO_SENTENCE}")
    raise UsageError(f"{argument}: no image in it; read are files that end in {' '.join(sorted(IMAGE_SUFFIXES))}")


def _read_list(list_path: Path) -> list[Path]:
    """Paths of a list; one that does not exist stays, to be reported when its turn comes."""
    try:
        lines = [line.strip() for line in list_path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise UsageError(f"{list_path}: not a text file in UTF-8, so no list of images") from None
    entries = [Path(line).expanduser() for line in lines if line and not line.startswith("#")]
    if not entries:
        raise UsageError(f"{list_path}: the list names no file")
    for entry in entries:
        _refuse_video(entry)
    beside_list = [list_path.parent / entry for entry in entries]
    return [
        entry if not beside.exists() and entry.exists() else beside
        for entry, beside in zip(entries, beside_list, strict=True)
    ]


def _name_flat(paths: list[Path]) -> list[InputImage]:
    paths = list({_absolute(path): path for path in reversed(paths)}.values())[::-1]
    names = {path.name.casefold() for path in paths}
    drives = {_absolute(path).drive for path in paths}
    if len(names) == len(paths) or len(drives) > 1:
        return [InputImage(path, PurePosixPath(path.stem)) for path in paths]
    common = Path(os.path.commonpath([_absolute(path).parent for path in paths]))
    return [InputImage(path, _below(common, path)) for path in paths]


def _name_groups(groups: list[_Group]) -> list[InputImage]:
    labels = _labels([_absolute(group.base) for group in groups])
    return [
        InputImage(path, labels[_absolute(group.base)] / _below(group.base, path))
        for group in groups
        for path in group.paths
    ]


def _labels(bases: list[Path]) -> dict[Path, PurePosixPath]:
    """A prefix for each folder: none for a single one, else the last parts of its path that tell it from the rest."""
    distinct = list(dict.fromkeys(bases))
    if len(distinct) < 2:
        return dict.fromkeys(distinct, PurePosixPath())
    num_parts = 1
    while True:
        labels = {base: PurePosixPath(*(base.parts[1:] or ("root",))[-num_parts:]) for base in distinct}
        if len({str(label).casefold() for label in labels.values()}) == len(distinct):
            return labels
        if num_parts > max(len(base.parts) for base in distinct):
            return labels  # folders that differ in case alone; their files are told apart one by one
        num_parts += 1


def _each_once(inputs: list[InputImage]) -> list[InputImage]:
    first: dict[Path, InputImage] = {}
    for image in inputs:
        first.setdefault(_absolute(image.path), image)
    return list(first.values())


def _told_apart(inputs: list[InputImage]) -> list[InputImage]:
    """The inputs with longer names where any two of their possible outputs are the same, letter case aside."""
    for longer_name in (_with_file_name, _with_digest):
        owners = defaultdict(set)
        for index, image in enumerate(inputs):
            for name in possible_names(image.output_stem):
                owners[str(name).casefold()].add(index)
        colliding = {index for indices in owners.values() if len(indices) > 1 for index in indices}
        inputs = [longer_name(image) if index in colliding else image for index, image in enumerate(inputs)]
    return inputs


def _with_file_name(image: InputImage) -> InputImage:
    return replace(image, output_stem=image.output_stem.with_name(image.path.name))


def _with_digest(image: InputImage) -> InputImage:
    digest = hashlib.sha256(os.fsencode(_absolute(image.path))).hexdigest()[:8]
    return replace(image, output_stem=image.output_stem.with_name(f"{image.path.name}-{digest}"))


def _below(base: Path, path: Path) -> PurePosixPath:
    relative = _absolute(path).relative_to(_absolute(base))
    return PurePosixPath(*relative.parent.parts, relative.stem)


def _absolute(path: Path) -> Path:
    """The path without `..` and the like; links stay, because two links are two inputs."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps `..`
