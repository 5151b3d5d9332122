"""A folder that is there whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder beside the target to write into, which becomes the target when the block ends without an error.

    Args:
        target: does not exist, or is an empty folder.

    Raises:
        FileExistsError: the target holds something; nothing is ever overwritten.
    """
    refuse_existing(target)
    if target.resolve() == Path.cwd():
        raise FileExistsError("the working folder itself cannot become the target; name a folder in it")
    with parents_of(target):
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        try:
            yield partial
            _open_to_others(partial)
            refuse_existing(target)  # somebody else may have been faster
            partial.replace(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def parents_of(target: Path) -> Iterator[None]:
    """Makes the folders above the target, and takes those that it made away again where the block ends in an error."""
    missing = [folder for folder in target.absolute().parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):  # somebody else has put something in
                folder.rmdir()
        raise


def refuse_existing(target: Path) -> None:
    """Lets only a path pass at which nothing would be lost.

    Raises:
        FileExistsError: there is a file, or a folder with something in it.
    """
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.exists() or target.is_symlink():
        raise FileExistsError(f"{target} exists and is not overwritten; name another target, or remove it first")


def _open_to_others(folder: Path) -> None:
    """Gives the modes that new files have here: those of mkdtemp and of safetensors are for their owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    folder.chmod(0o777 & ~mask)
    for path in folder.rglob("*"):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)
