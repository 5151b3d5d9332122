import bz2
import gzip
import lzma
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depth_anything.training.corpora import tar_members
from depth_anything.training.corpora.pictures import PicturesReader
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind, Reason, Sample, SampleError
from depth_anything.training.corpora.tar_members import list_members

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
Pack = Callable[..., bytes]


def raw_bytes(reader: PicturesReader) -> dict[str, bytes]:
    return {item.key: reader.load(item).image_bytes for item in reader.items()}


def test_every_picture_in_every_folder_is_found_by_its_ending_and_nothing_else(
    tmp_path: Path, write: Write, encoded: Encode, samples_of: Callable
) -> None:
    files = [
        "n01440764/n01440764_1.JPEG",
        "patch16/objects365_v2_00908726.jpg",
        "a/b/c/0123456789abcdef.webp",
        "z.Png",
    ]
    for name in [*files, "list.txt", "a/notes.json", "a/._macos.jpg", ".cache/x.jpg", "clip.mp4"]:
        write(name, encoded())
    samples = samples_of(PicturesReader("mine", tmp_path))
    assert list(samples) == sorted(files, key=lambda name: ("/" in name, name)), "files before folders, all sorted"
    for sample in samples.values():
        assert isinstance(sample, Sample)
        assert sample.kind is LabelKind.NONE
        assert sample.label is sample.valid is sample.sky is None


def test_bytes_of_files_and_of_tar_members_are_untouched(
    tmp_path: Path, write: Write, encoded: Encode, tar: Pack
) -> None:
    loose, packed = encoded(1, "JPEG"), encoded(2, "JPEG")
    write("a.jpg", loose)
    write("b.tar", tar({"b.jpg": packed}))
    assert raw_bytes(PicturesReader("mine", tmp_path)) == {"a.jpg": loose, "b/b.jpg": packed}


def test_a_damaged_picture_is_refused_and_the_next_one_is_read(
    tmp_path: Path, write: Write, encoded: Encode, samples_of: Callable
) -> None:
    write("a.jpg", encoded(0, "JPEG")[:300])
    write("b.jpg", encoded(0, "JPEG"))
    damaged, sound = samples_of(PicturesReader("mine", tmp_path)).values()
    assert damaged.reason is Reason.DAMAGED_IMAGE
    assert isinstance(sound, Sample)


@pytest.mark.parametrize("wrap", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("prefix", ["", "./"])
def test_an_sa_1b_tar_is_read_wrapped_or_not_without_its_json(
    tmp_path: Path, write: Write, encoded: Encode, tar: Pack, wrap: Callable[[bytes], bytes], prefix: str
) -> None:
    pictures = {f"sa_{number}": encoded(number, "JPEG") for number in range(1, 5)}
    files = {}
    for name, data in pictures.items():
        files |= {f"{prefix}{name}.jpg": data, f"{prefix}{name}.json": b'{"image": {}}'}
    write("sa_000000.tar", wrap(tar(files)))
    reader = PicturesReader("sa_1b", tmp_path)
    items = list(reader.items())
    assert [item.key for item in items] == [f"sa_000000/{name}.jpg" for name in pictures]
    assert {item.is_sequential for item in items} == {wrap is not bytes}
    in_any_order = [items[index] for index in (2, 0, 3, 1, 1)]
    for item in in_any_order:
        assert reader.load(item).image_bytes == pictures[Path(item.key).stem]


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
def test_a_tar_of_tars_is_read_without_unpacking(
    tmp_path: Path, write: Write, encoded: Encode, tar: Pack, wrap: Callable[[bytes], bytes]
) -> None:
    pictures = {
        f"winter21_whole/n{synset:08d}/n{synset:08d}_{number}.JPEG": encoded(synset + number, "JPEG")
        for synset in (1440764, 1443537)
        for number in range(3)
    }
    inner = {
        f"winter21_whole/{synset}.tar": tar(
            {name.rpartition("/")[2]: data for name, data in pictures.items() if synset in name}
        )
        for synset in ("n01440764", "n01443537")
    }
    write("whole.tar.gz" if wrap is gzip.compress else "whole.tar", wrap(tar(inner)))
    assert raw_bytes(PicturesReader("imagenet_21k", tmp_path)) == {f"whole/{k}": v for k, v in pictures.items()}


def test_a_tar_that_is_cut_off_gives_what_lies_before_the_cut_and_says_so(
    tmp_path: Path, write: Write, encoded: Encode, tar: Pack, samples_of: Callable
) -> None:
    whole = tar({f"sa_{number}.jpg": encoded(number, "JPEG") for number in range(4)})
    members = list(list_members(write("whole/sa_000000.tar", whole)))
    # Within a picture, within a header, and between two members, where tarfile alone ends without a word.
    for cut in (members[2].offset + 100, members[2].offset - 100, members[2].offset - 512):
        write("cut/sa_000000.tar", whole[:cut])
        *read, last = samples_of(PicturesReader("sa_1b", tmp_path / "cut")).items()
        assert [key for key, _ in read][:2] == ["sa_000000/sa_0.jpg", "sa_000000/sa_1.jpg"]
        assert all(isinstance(sample, Sample) for _, sample in read[:2])
        assert last[0] == "sa_000000.tar"
        assert last[1].reason is Reason.DAMAGED_ARCHIVE
        assert "what lies behind the damage is not read" in last[1].detail


def test_a_damaged_header_in_the_middle_is_told(
    tmp_path: Path, write: Write, encoded: Encode, tar: Pack, samples_of: Callable
) -> None:
    data = bytearray(tar({f"{number}.jpg": encoded(number, "JPEG") for number in range(4)}))
    members = list(list_members(write("whole/a.tar", bytes(data))))
    start = members[2].offset - 512
    data[start : start + 512] = b"\xaa" * 512
    write("damaged/a.tar", bytes(data))
    samples = samples_of(PicturesReader("mine", tmp_path / "damaged"))
    assert list(samples) == ["a/0.jpg", "a/1.jpg", "a.tar"]
    assert samples["a.tar"].reason is Reason.DAMAGED_ARCHIVE


def test_a_compressed_tar_that_is_cut_off_gives_what_lies_before_the_cut(
    tmp_path: Path, write: Write, encoded: Encode, tar: Pack, samples_of: Callable
) -> None:
    data = gzip.compress(tar({f"{number}.jpg": encoded(number, "JPEG", (64, 64)) for number in range(8)}))
    write("a.tar.gz", data[: len(data) // 2])
    samples = samples_of(PicturesReader("mine", tmp_path))
    *read, last = samples.values()
    assert sum(isinstance(sample, Sample) for sample in read) >= 2
    assert last.reason is Reason.DAMAGED_ARCHIVE


def test_an_archive_that_shrank_after_listing_is_refused_when_it_is_read(
    tmp_path: Path, write: Write, encoded: Encode, tar: Pack
) -> None:
    data = tar({"a.jpg": encoded(0, "JPEG")})
    write("a.tar", data)
    reader = PicturesReader("mine", tmp_path)
    (item,) = reader.items()
    write("a.tar", data[:600])
    with pytest.raises(SampleError, match=r"damaged_archive: a\.tar: cut off within a/a\.jpg"):
        reader.load(item)


def test_keys_keep_the_folders_of_a_landmarks_tar(tmp_path: Path, write: Write, encoded: Encode, tar: Pack) -> None:
    name = "0/1/2/0123456789abcdef.jpg"
    write("train/images_000.tar", tar({name: encoded(0, "JPEG")}))
    assert [item.key for item in PicturesReader("mine", tmp_path).items()] == [f"train/images_000/{name}"]


def test_a_tar_beside_what_was_unpacked_from_it_is_refused(
    tmp_path: Path, write: Write, encoded: Encode, tar: Pack
) -> None:
    write("patch0.tar.gz", gzip.compress(tar({"a.jpg": encoded()})))
    write("patch0/a.jpg", encoded())
    with pytest.raises(CorpusError, match=r"both patch0\.tar\.gz and the folder patch0, so that its pictures would"):
        list(PicturesReader("mine", tmp_path).items())


def test_only_leaves_out_parts(tmp_path: Path, write: Write, encoded: Encode, tar: Pack) -> None:
    write("train/a.jpg", encoded())
    write("val/b.jpg", encoded())
    write("c.tar", tar({"val/c.jpg": encoded(), "train/d.jpg": encoded()}))
    keys = [item.key for item in PicturesReader("mine", tmp_path, only=r"(.*/)?train/").items()]
    assert keys == ["c/train/d.jpg", "train/a.jpg"]
    with pytest.raises(CorpusError, match=r"only is '\(', which is no regular expression"):
        PicturesReader("mine", tmp_path, only="(")
    with pytest.raises(CorpusError, match=r"looked for files that end in .* whose path matches nothing"):
        next(PicturesReader("mine", tmp_path, only="nothing").items())


def test_a_reader_with_an_open_archive_goes_to_another_process(
    tmp_path: Path, write: Write, encoded: Encode, tar: Pack
) -> None:
    write("a.tar", gzip.compress(tar({f"{number}.jpg": encoded(number) for number in range(3)})))
    reader = PicturesReader("mine", tmp_path)
    items = list(reader.items())
    reader.load(items[0])
    copy = pickle.loads(pickle.dumps(reader))
    assert copy.load(items[2]).image_bytes == encoded(2)
    assert reader.load(items[1]).image_bytes == encoded(1)


def test_listing_a_long_tar_takes_no_memory_for_what_was_listed(
    tmp_path: Path, write: Write, encoded: Encode, tar: Pack
) -> None:
    write("a.tar", tar({f"{number:06d}.jpg": b"" for number in range(2500)}))
    listing = PicturesReader("mine", tmp_path).items()
    for _ in range(200):
        next(listing)
    tracemalloc.start()
    num_left = sum(1 for _ in listing)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_left == 2300
    assert peak < 200_000, "tarfile's own list alone would take more than a megabyte"


def test_a_plain_tar_is_listed_by_jumps_and_not_by_reading_it(
    tmp_path: Path, write: Write, tar: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("a.tar", tar({f"{number}.jpg": bytes(300_000) for number in range(5)}))
    num_read = 0

    class CountingFile:
        def __init__(self) -> None:
            self.file = path.open("rb")

        def read(self, size: int = -1) -> bytes:
            nonlocal num_read
            data = self.file.read(size)
            num_read += len(data)
            return data

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

        def __enter__(self) -> "CountingFile":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

    monkeypatch.setattr(tar_members, "open_decompressed", lambda _: CountingFile())
    assert len(list(list_members(path))) == 5
    assert num_read < 20_000


def test_pictures_look_the_same_however_they_are_packed(
    tmp_path: Path, write: Write, encoded: Encode, tar: Pack, samples_of: Callable
) -> None:
    pictures = {f"{number}.jpg": encoded(number, "JPEG") for number in range(3)}
    for name, data in pictures.items():
        write(f"loose/{name}", data)
    write("packed/x.tar", tar(pictures))
    write("wrapped/x.tgz", gzip.compress(tar({"y.tar": tar({"z.json": b"{}", "z.tar": tar(pictures)})})))
    loose, packed, wrapped = (
        [sample.image for sample in samples_of(PicturesReader("mine", tmp_path / folder)).values()]
        for folder in ("loose", "packed", "wrapped")
    )
    np.testing.assert_array_equal(loose, packed)
    np.testing.assert_array_equal(loose, wrapped)
