"""Folders walked in a fixed order without a list of everything in them."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from depth_anything.training.corpora.reader import CorpusError, Fault, Item, Reader
from depth_anything.training.corpora.sample import Reason

MAX_REMEMBERED_FOLDERS = 8  # those of one scene: pictures, labels, masks


class Partners(NamedTuple):
    """The files that belong to a picture, below the root; an empty mask means that the data set has none."""

    label: str
    mask: str = ""


def walk_folders(root: Path, skipped: frozenset[str] = frozenset()) -> Iterator[tuple[str, list[str]]]:
    """Each folder with its files: (path below root with slashes, "" for the root itself; sorted names).

    A folder comes before the folders in it, those in sorted order. Links are followed, except to a folder that they
    lie in; hidden files and folders and those named in `skipped` do not count.

    Raises:
        CorpusError: a folder cannot be read.
    """
    pending = [""]
    while pending:
        folder = pending.pop()
        names, sub_folders = [], []
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name in skipped:
                        continue
                    if not entry.is_dir():
                        names.append(entry.name)
                    elif not (entry.is_symlink() and _leads_up(entry.path)):
                        sub_folders.append(entry.name)
        except OSError as error:
            raise CorpusError(f"{root / folder}: the folder cannot be read: {error.strerror}") from error
        yield folder, sorted(names)
        pending += [joined(folder, name) for name in sorted(sub_folders, reverse=True)]


def joined(*parts: str) -> str:
    """The parts as a path with slashes; empty ones do not count."""
    return "/".join(part for part in parts if part)


def stem_of(name: str) -> str:
    """The file name without its last ending."""
    return name.rpartition(".")[0] or name


def beside(folder: str, name: str) -> str:
    """The path of the folder `name` that lies where `folder` does."""
    return joined(folder.rpartition("/")[0], name)


class NamesOfFolders:
    """File names of the few folders that were asked for last, so that a partner costs no look at the disk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: dict[str, frozenset[str]] = {}

    def of(self, folder: str) -> frozenset[str]:
        """Names in the folder below root; none if there is no such folder."""
        if folder not in self._names:
            if len(self._names) >= MAX_REMEMBERED_FOLDERS:
                self._names.clear()
            try:
                self._names[folder] = frozenset(path.name for path in (self._root / folder).iterdir())
            except (FileNotFoundError, NotADirectoryError):
                self._names[folder] = frozenset()
        return self._names[folder]

    def has(self, path: str) -> bool:
        """True if there is a file of this path below root."""
        folder, _, name = path.rpartition("/")
        return name in self.of(folder)


class LabelledTree(Reader):
    """A data set whose label lies in a file of its own, at a path that follows from the picture's."""

    skipped_folders: frozenset[str] = frozenset()

    def _listed(self) -> Iterator[Item]:
        names_of_folders = NamesOfFolders(self.root)
        for folder, names in walk_folders(self.root, self.skipped_folders):
            for name in names:
                partners = self._partners(folder, name, names_of_folders)
                if partners is None:
                    continue
                path = joined(folder, name)
                missing = [partner for partner in partners if partner and not names_of_folders.has(partner)]
                fault = Fault(Reason.MISSING_LABEL, f"{path} has no {' and no '.join(missing)}") if missing else None
                yield Item(key=path, path=path, label_path=partners.label, mask_path=partners.mask, fault=fault)

    @abstractmethod
    def _partners(self, folder: str, name: str, names: NamesOfFolders) -> Partners | None:
        """Where the label of this file should lie; None if the file is no picture of the corpus."""


def _leads_up(link: str) -> bool:
    """True for a link to a folder that it lies in: everything there is listed already, without end."""
    target = os.path.realpath(link)
    return (os.path.realpath(os.path.dirname(link)) + os.sep).startswith(target.rstrip(os.sep) + os.sep)  # noqa: PTH120
