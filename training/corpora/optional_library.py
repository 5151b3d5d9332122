"""Libraries that only some corpora need, imported when they do."""

from __future__ import annotations

import importlib
from types import ModuleType


class MissingLibraryError(ImportError):
    """A library of the extra `train` is not installed; the message says how to get it."""


def optional_library(name: str, purpose: str) -> ModuleType:
    """The imported library.

    Args:
        name: what `import` calls it.
        purpose: what needs it, for the error.

    Raises:
        MissingLibraryError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise  # it is there, and what it needs itself is not
        raise MissingLibraryError(f"{purpose} needs {name}: pip install 'depth-anything[train]'") from None
