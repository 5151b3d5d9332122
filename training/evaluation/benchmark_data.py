"""The data sets of the benchmarks: where each lies below the data root, where it comes from, and what reads it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.evaluation.folder_frames import open_folder_frames
from depth_anything.training.evaluation.frames import FrameSource
from depth_anything.training.evaluation.pair_frames import PairSource

Source = TypeVar("Source", FrameSource, PairSource)


class BenchmarkDataError(ValueError):
    """A benchmark's files are not as its protocol expects; the message says what is, what should be and what to do."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkData(Generic[Source]):
    """One data set.

    Attributes:
        name: what protocols call it.
        title: what people call it.
        folder: below the data root; "" is the data root itself.
        layout: the files that are read, below the folder.
        obtained: where to get them.
        open: what reads them: from the folder, and from options by name, text each.
    """

    name: str
    title: str
    folder: str
    layout: str
    obtained: str
    open: Callable[..., Source]

    def source(self, data_root: str | os.PathLike[str], options: Mapping[str, str]) -> Source:
        """The frames or pairs below a data root.

        Raises:
            BenchmarkDataError: the files are not there, or there is no such option.
        """
        known = list(inspect.signature(self.open).parameters)[1:]
        unknown = sorted(set(options) - set(known))
        if unknown:
            its_options = ", ".join(known) or "none"
            raise BenchmarkDataError(
                f"data set {self.name} has no option {', '.join(unknown)}; its options are {its_options}"
            )
        root = Path(data_root).expanduser() / self.folder
        if not root.exists():
            raise BenchmarkDataError(f"{self.title}: there is no {root}; {self.expectation}")
        try:
            return self.open(root, **options)
        except CorpusError as error:
            raise BenchmarkDataError(f"{self.title}: {error}; {self.expectation}") from error

    @property
    def expectation(self) -> str:
        """What has to lie where, and where it comes from, in words."""
        where = f"<data root>/{self.folder}" if self.folder else "the data root"
        return f"{where} holds {self.layout} (from {self.obtained})"


_WITH_DEPTH = (
    BenchmarkData(
        name="folder",
        title="your own frames",
        folder="",
        layout="images/**/NAME.jpg and depth/**/NAME.png, or is a text file with lines `<picture> <depth> [<scale>]`",
        obtained="your disk",
        open=open_folder_frames,
    ),
)

_WITH_PAIRS: tuple[BenchmarkData[PairSource], ...] = ()

BENCHMARK_DATA: Mapping[str, BenchmarkData[FrameSource]] = MappingProxyType({data.name: data for data in _WITH_DEPTH})
PAIR_DATA: Mapping[str, BenchmarkData[PairSource]] = MappingProxyType({data.name: data for data in _WITH_PAIRS})
