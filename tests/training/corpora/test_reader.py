import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from depth_anything.training.corpora.folder_tree import walk_folders
from depth_anything.training.corpora.pictures import PicturesReader
from depth_anything.training.corpora.reader import CorpusError, Fault, Item, Label, LastOpened, Reader
from depth_anything.training.corpora.sample import LabelKind, Reason, SampleError

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]


class OneItemReader(Reader):
    """A corpus of one picture with the label that the test gives."""

    kind = LabelKind.METRIC_DEPTH
    looked_for = "a.png"
    label: Label | None = None

    def _listed(self) -> Iterator[Item]:
        if (self.root / "a.png").exists():
            yield Item(key="a", path="a.png", label_path="a.npy")

    def _label(self, item: Item) -> Label | None:
        return self.label


def test_a_missing_root_stops_at_once(tmp_path: Path, write: Write) -> None:
    with pytest.raises(CorpusError, match=r"corpus mine: .*nowhere does not exist; pass the folder"):
        OneItemReader("mine", tmp_path / "nowhere")
    with pytest.raises(CorpusError, match=r"a\.txt is no folder"):
        OneItemReader("mine", write("a.txt", b""))


def test_an_empty_corpus_stops_at_once_and_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"corpus mine: nothing found in .*; looked for a\.png\. Pass the folder"):
        next(OneItemReader("mine", tmp_path).items())


def test_values_without_a_label_are_0_so_that_no_nan_leaves_a_reader(
    tmp_path: Path, write: Write, encoded: Encode
) -> None:
    write("a.png", encoded())
    reader = OneItemReader("mine", tmp_path)
    values = np.full((24, 32), np.nan, np.float32)
    values[0, 0] = 5
    reader.label = Label(values=values, valid=np.isfinite(values))
    raw = reader.load(next(reader.items()))
    assert raw.label is not None
    assert raw.label.sum() == 5
    assert raw.image_bytes == encoded()
    assert (raw.corpus, raw.key, raw.kind) == ("mine", "a", LabelKind.METRIC_DEPTH)


def test_a_sample_without_any_label_is_refused_unless_it_has_sky(
    tmp_path: Path, write: Write, encoded: Encode
) -> None:
    write("a.png", encoded())
    reader = OneItemReader("mine", tmp_path)
    nothing = np.zeros((24, 32), bool)
    reader.label = Label(values=np.zeros((24, 32), np.float32), valid=nothing)
    with pytest.raises(SampleError, match=r"empty_label: a\.npy: 0\.00% of its pixels have a label"):
        reader.load(next(reader.items()))
    reader.label = Label(values=np.zeros((24, 32), np.float32), valid=nothing, sky=~nothing)
    assert reader.load(next(reader.items())).sky is not None


def test_what_listing_found_wrong_is_raised_by_loading(tmp_path: Path) -> None:
    item = Item(key="a", path="a.png", fault=Fault(Reason.MISSING_LABEL, "a.png has no a.npy"))
    with pytest.raises(SampleError, match=r"missing_label: a\.png has no a\.npy"):
        OneItemReader("mine", tmp_path).load(item)


def test_a_picture_that_went_away_is_refused_and_not_fatal(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"unreadable_file: .*gone"):
        OneItemReader("mine", tmp_path).load(Item(key="a", path="gone.png"))


def test_items_and_readers_go_to_other_processes_and_are_small(tmp_path: Path) -> None:
    item = Item(key="a/b/0001", path="a/b/0001.png", label_path="a/b/0001.npy")
    assert pickle.loads(pickle.dumps(item)) == item
    assert len(pickle.dumps(item)) < 500
    assert pickle.loads(pickle.dumps(OneItemReader("mine", tmp_path))).root == tmp_path


def test_a_name_that_is_no_utf_8_gives_a_key_that_a_shard_can_hold_and_a_path_that_opens(
    tmp_path: Path, encoded: Encode
) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(encoded())
    except OSError:
        pytest.skip("the disk of this machine takes UTF-8 alone")
    (tmp_path / "\u00fc.png").write_bytes(encoded())
    reader = PicturesReader("mine", tmp_path)
    items = list(reader.items())
    assert [item.key for item in items] == ["caf\\xe9.png", "\u00fc.png"]
    assert reader.load(items[0]).image_bytes == encoded()


def test_folders_come_sorted_parents_first_without_hidden_and_skipped_ones(tmp_path: Path, write: Write) -> None:
    for path in ("b/2.png", "b/10.png", "a/z/1.png", "a/1.png", "0.png", ".hidden/1.png", "a/.x.png", "test/1.png"):
        write(path, b"")
    assert list(walk_folders(tmp_path, frozenset({"test"}))) == [
        ("", ["0.png"]),
        ("a", ["1.png"]),
        ("a/z", ["1.png"]),
        ("b", ["10.png", "2.png"]),
    ]


def test_links_are_followed_and_a_link_upwards_does_not_go_round_for_ever(tmp_path: Path, write: Write) -> None:
    write("disk/a/1.png", b"")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "disk", target_is_directory=True)
    (tmp_path / "disk" / "a" / "up").symlink_to(tmp_path / "disk", target_is_directory=True)
    (tmp_path / "root" / "broken.png").symlink_to(tmp_path / "nothing")
    assert list(walk_folders(tmp_path / "root")) == [
        ("", ["broken.png"]),
        ("linked", []),
        ("linked/a", ["1.png"]),
    ]


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(CorpusError, match="the folder cannot be read: Permission denied"):
        list(walk_folders(tmp_path))


def opened_name(path: str) -> list[str]:
    return [path]


def clear_name(handle: list[str]) -> None:
    handle.clear()


def test_one_file_stays_open_and_is_closed_for_the_next() -> None:
    last: LastOpened[list[str]] = LastOpened(opened_name, clear_name)
    first = last.get("a")
    assert last.get("a") is first
    assert last.get("b") == ["b"]
    assert first == []


def test_a_copy_for_another_process_opens_its_own_file() -> None:
    last: LastOpened[list[str]] = LastOpened(opened_name, clear_name)
    first = last.get("a")
    copy = pickle.loads(pickle.dumps(last))
    assert copy.get("a") is not first


def test_what_a_parent_process_opened_is_not_used_after_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    last: LastOpened[list[str]] = LastOpened(opened_name, clear_name)
    first = last.get("a")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert last.get("a") is not first
    assert first == ["a"], "the parent's file is the parent's to close"
