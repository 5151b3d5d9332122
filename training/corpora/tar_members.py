"""Pictures in tar files: where each lies, so that one read gets it without unpacking."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tarfile import EOFHeaderError, HeaderError, ReadError  # type: ignore[attr-defined]
from typing import IO, Any, Literal, NamedTuple

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
OPENERS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}  # by the first bytes of a file
# What a cut-off or damaged archive raises, compressed or not.
DAMAGED = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError)


class TarMember(NamedTuple):
    """A file in an archive."""

    name: str  # of an archive in the archive: `<inner archive>/<name>`, without the endings of archives
    offset: int  # first byte of the content, in the decompressed archive
    size: int


class _StrictTarInfo(tarfile.TarInfo):
    """Takes only the block of zeros for the end: tarfile alone also ends quietly at a damaged header or a cut."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _StrictTarInfo:
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:
            raise
        except HeaderError as error:
            raise ReadError(f"no sound header at byte {tarfile.offset}: {error}") from None


def is_archive(name: str) -> bool:
    """True for names of tar files, compressed or not."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def without_archive_suffix(name: str) -> str:
    """`images_000` of `images_000.tar`."""
    suffix = max((known for known in ARCHIVE_SUFFIXES if name.lower().endswith(known)), key=len, default="")
    return name[: len(name) - len(suffix)]


def is_compressed(path: Path) -> bool:
    """True for a file that is compressed whatever its name says: some mirrors serve `.tar` wrapped in gzip.

    Raises:
        OSError: the file cannot be read.
    """
    return _opener(path) is not None


def open_decompressed(path: Path) -> IO[bytes]:
    """The tar itself, decompressed while it is read.

    Raises:
        OSError: the file cannot be read.
    """
    opener = _opener(path)
    return path.open("rb") if opener is None else opener(path, "rb")


def list_members(path: Path) -> Iterator[TarMember]:
    """The files in a tar and in the uncompressed tars in it, in the order in which they lie.

    Raises:
        tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError: the archive is damaged or cut off from here
            on; what was listed before is sound.
    """
    with open_decompressed(path) as stream:
        # Streamed, tarfile never seeks back, which would decompress everything again; a plain file it reads by jumps.
        yield from _list_tar(stream, "r|" if is_compressed(path) else "r:", 0, "")


def _list_tar(stream: IO[bytes], mode: Literal["r|", "r:"], start: int, above: str) -> Iterator[TarMember]:
    """Members of the tar that the stream holds.

    Args:
        stream: the tar; of an archive in an archive, tarfile's view of it.
        mode: of tarfile.
        start: offset of this tar in the outermost one.
        above: name of the archive that holds this one.
    """
    with tarfile.open(fileobj=stream, mode=mode, tarinfo=_StrictTarInfo) as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined] # tarfile would remember every one of millions
            if not member.isfile():
                continue
            name = member.name.removeprefix("./")
            if is_archive(name):
                inner = archive.extractfile(member)
                assert inner is not None  # it is a file
                inner_name = above + without_archive_suffix(name) + "/"
                yield from _list_tar(inner, mode, start + member.offset_data, inner_name)
            else:
                yield TarMember(above + name, start + member.offset_data, member.size)


def _opener(path: Path) -> Callable[..., IO[bytes]] | None:
    with path.open("rb") as file:
        first = file.read(8)
    return next((opener for magic, opener in OPENERS.items() if first.startswith(magic)), None)
