import os
import pickle
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from depth_anything.training.corpora.lsun import LsunReader
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import Reason, Sample

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]


@pytest.fixture
def pictures(encoded: Encode) -> dict[str, bytes]:
    """Values under 40-digit keys, WebP and JPEG mixed, as the databases have them."""
    return {
        f"{number * 7919:040x}": encoded(number, "WEBP" if number % 2 else "JPEG", (64, 64)) for number in range(4)
    }


def write_database(folder: Path, pictures: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 22) as database, database.begin(write=True) as transaction:
        for key, value in pictures.items():
            transaction.put(key.encode(), value)


def test_values_are_decoded_by_content_in_the_order_of_keys(
    tmp_path: Path, pictures: dict[str, bytes], samples_of: Callable
) -> None:
    write_database(tmp_path / "tower_train_lmdb", pictures)
    write_database(tmp_path / "bridge_train_lmdb", pictures)
    write_database(tmp_path / "bridge_val_lmdb", pictures)
    reader = LsunReader("lsun", tmp_path)
    samples = samples_of(reader)
    assert list(samples) == [
        f"{folder}/{key}" for folder in ("bridge_train_lmdb", "tower_train_lmdb") for key in sorted(pictures)
    ]
    assert all(isinstance(sample, Sample) and sample.image.shape == (64, 64, 3) for sample in samples.values())
    for item in reversed(list(reader.items())):
        assert reader.load(item).image_bytes == pictures[item.key.rpartition("/")[2]]


def test_the_root_may_be_one_database(tmp_path: Path, pictures: dict[str, bytes]) -> None:
    write_database(tmp_path / "tower_train_lmdb", pictures)
    reader = LsunReader("lsun", tmp_path / "tower_train_lmdb")
    assert {item.key: reader.load(item).image_bytes for item in reader.items()} == pictures


def test_the_exported_tree_is_read(tmp_path: Path, write: Write, pictures: dict[str, bytes]) -> None:
    for key, data in pictures.items():
        write(f"tower/{'/'.join(key[:6])}/{key}.webp", data)
    assert len(list(LsunReader("lsun", tmp_path).items())) == 4


def test_loading_goes_on_while_listing_does_and_in_other_processes(tmp_path: Path, pictures: dict[str, bytes]) -> None:
    write_database(tmp_path / "tower_train_lmdb", pictures)
    reader = LsunReader("lsun", tmp_path)
    items = []
    for item in reader.items():
        assert reader.load(item).image_bytes == pictures[item.key.rpartition("/")[2]]
        items.append(item)
    copy = pickle.loads(pickle.dumps(reader))
    assert copy.load(items[1]).image_bytes == reader.load(items[1]).image_bytes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*")
def test_a_forked_worker_reads_the_database_that_its_parent_opened(tmp_path: Path, pictures: dict[str, bytes]) -> None:
    write_database(tmp_path / "tower_train_lmdb", pictures)
    reader = LsunReader("lsun", tmp_path)
    items = list(reader.items())
    reader.load(items[0])
    child = os.fork()
    if child == 0:
        is_equal = reader.load(items[2]).image_bytes == pictures[items[2].key.rpartition("/")[2]]
        os._exit(0 if is_equal else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_database_that_is_cut_off_or_none_is_told_and_does_not_kill_the_process(
    tmp_path: Path, pictures: dict[str, bytes], write: Write, samples_of: Callable
) -> None:
    write_database(tmp_path / "whole_lmdb", pictures)
    data = (tmp_path / "whole_lmdb" / "data.mdb").read_bytes()
    write("corpus/cut_train_lmdb/data.mdb", data[: len(data) // 2 // 4096 * 4096])
    write("corpus/junk_train_lmdb/data.mdb", b"<html>404</html>" * 1000)
    write_database(tmp_path / "corpus" / "whole_train_lmdb", pictures)
    cut, junk, *sound = samples_of(LsunReader("lsun", tmp_path / "corpus")).values()
    assert cut.reason is junk.reason is Reason.DAMAGED_ARCHIVE
    assert "so cut off" in cut.detail
    assert len(sound) == 4
    assert all(isinstance(sample, Sample) for sample in sound)


def test_a_folder_without_databases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"looked for \*_train_lmdb/data\.mdb"):
        next(LsunReader("lsun", tmp_path).items())
