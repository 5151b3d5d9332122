"""A folder that is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from depth_anything.new_folder import new_folder, refuse_existing


@pytest.fixture
def umask_022() -> Iterator[None]:
    """The modes that most machines give to new files, for the time of a test."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_the_folder_appears_with_its_content_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "target"
    with new_folder(target) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text("a")
        assert not target.exists()
        assert folder.parent == target.parent  # the same disk, or the last step would be a copy
    assert (target / "sub" / "a.txt").read_text() == "a"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt])
def test_after_an_error_there_is_nothing(error: type[BaseException], tmp_path: Path) -> None:
    def write_half() -> None:
        with new_folder(tmp_path / "target") as folder:
            (folder / "a.txt").write_text("half")
            raise error("stopped")

    with pytest.raises(error, match="stopped"):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    with new_folder(tmp_path / "target") as folder:
        (folder / "a.txt").touch()
    assert (tmp_path / "target" / "a.txt").exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "target"]


@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_what_is_there_is_neither_overwritten_nor_touched(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("precious")
    elif kind == "folder":
        target.mkdir()
        (target / "a.txt").write_text("precious")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match=r"target exists and is not overwritten; name another target, or remove"):
        refuse_existing(target)
    with pytest.raises(FileExistsError, match="target exists"), new_folder(target):
        pytest.fail("the block was entered")
    assert list(tmp_path.iterdir()) == [target]


def test_what_somebody_else_writes_in_the_meantime_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "target"

    def write_too_late() -> None:
        with new_folder(target) as folder:
            (folder / "a.txt").write_text("mine")
            target.mkdir()
            (target / "a.txt").write_text("theirs")

    with pytest.raises(FileExistsError, match="target exists"):
        write_too_late()
    assert (target / "a.txt").read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.usefixtures("umask_022")
def test_others_may_read_it_as_they_may_any_new_folder(tmp_path: Path) -> None:
    with new_folder(tmp_path / "target") as folder:
        (folder / "sub").mkdir(0o700)
        (folder / "sub" / "a.txt").touch(0o600)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "target", *sorted((tmp_path / "target").rglob("*")))]
    assert modes == [0o755, 0o755, 0o644]


def test_the_empty_working_folder_can_be_filled_by_its_name_dot_or_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    entered = False
    try:
        with new_folder(Path()) as folder:
            entered = True
            (folder / "a.txt").touch()
    except OSError:
        assert not entered
    else:
        assert (tmp_path / "a.txt").exists()


def test_after_an_error_the_parents_that_were_made_for_it_are_gone_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "new" / "target"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
