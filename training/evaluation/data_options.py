"""Options of the benchmarks' readers, which come as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from depth_anything.training.corpora.reader import CorpusError


def one_of(option: str, value: str, allowed: Sequence[str]) -> str:
    """The value of an option that has a few.

    Raises:
        CorpusError: it is none of them.
    """
    if value not in allowed:
        raise CorpusError(f"{option} is {value!r}; it is one of {', '.join(allowed)}")
    return value


def first_folder(root: Path, *names: str) -> Path:
    """The first of the folders below root that is there, root itself if none is: archives unpack into either."""
    return next((root / name for name in names if (root / name).is_dir()), root)
