import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import datasets
import pytest

from depth_anything import hub_retries
from depth_anything.training.corpora.hub_images import HubImagesReader
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import Reason, Sample, SampleError

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
Pack = Callable[..., bytes]


@pytest.fixture(autouse=True)
def quiet_and_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No progress bars, and no cache but the test's."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


@pytest.fixture
def parquet(tmp_path: Path, encoded: Encode) -> str:
    """Five rows with a picture, a second picture and a number; the third picture is damaged, the fourth missing."""
    pictures = [{"bytes": encoded(number), "path": None} for number in range(5)]
    pictures[2] = {"bytes": b"\xff\xd8 no picture", "path": None}
    rows = {"photo": [*pictures[:3], None, pictures[4]], "mask": pictures, "label": list(range(5))}
    table = datasets.Dataset.from_dict(rows)
    table = table.cast_column("photo", datasets.Image(decode=False)).cast_column("mask", datasets.Image(decode=False))
    table.to_parquet(str(tmp_path / "train.parquet"))
    return str(tmp_path / "train.parquet")


def reader_of(parquet: str, column: str | None = "photo") -> HubImagesReader:
    return HubImagesReader("hub", "parquet", data_files=parquet, column=column)


def test_rows_are_read_by_number_and_a_bad_one_does_not_end_the_stream(parquet: str, samples_of: Callable) -> None:
    samples = samples_of(reader_of(parquet))
    assert list(samples) == [f"{number:09d}" for number in range(5)]
    assert [isinstance(sample, Sample) for sample in samples.values()] == [True, True, False, False, True]
    assert samples["000000002"].reason is Reason.DAMAGED_IMAGE
    assert samples["000000003"].reason is Reason.UNREADABLE_FILE


def test_bytes_are_untouched_in_any_order_and_in_another_process(parquet: str, encoded: Encode) -> None:
    reader = reader_of(parquet)
    items = list(reader.items())
    for number in (4, 0, 1, 0, 4):
        assert reader.load(items[number]).image_bytes == encoded(number)
    assert pickle.loads(pickle.dumps(reader)).load(items[1]).image_bytes == encoded(1)


def test_a_broken_connection_goes_on_at_the_row_where_it_broke(
    parquet: str, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = {0: [ConnectionError("reset")], 4: [TimeoutError("slow"), ConnectionError("reset")]}
    waits_s: list[float] = []
    opened = HubImagesReader._opened

    def breaking(self: HubImagesReader, first: int) -> Iterator[object]:
        for number, picture in enumerate(opened(self, first), start=first):
            if faults.get(number):
                raise faults[number].pop()
            yield picture

    monkeypatch.setattr(hub_retries.time, "sleep", waits_s.append)
    monkeypatch.setattr(HubImagesReader, "_opened", breaking)
    reader = reader_of(parquet)
    items = list(reader.items())
    assert [item.entry for item in items] == list("01234")
    assert waits_s == [1, 1, 2]
    assert reader.load(items[4]).image_bytes == encoded(4)


def test_loading_in_the_listed_order_reads_the_stream_once(parquet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    load_dataset = datasets.load_dataset

    def counting(*arguments: object, **options: object) -> object:
        opened.append(options)
        return load_dataset(*arguments, **options)

    monkeypatch.setattr(datasets, "load_dataset", counting)
    reader = reader_of(parquet)
    items = []
    for item in reader.items():
        items.append(item)
        if item.entry in "014":
            reader.load(item)
    assert len(opened) == 1
    copy = pickle.loads(pickle.dumps(reader))
    for number in (0, 1, 4):
        copy.load(items[number])
    assert len(opened) == 2


def test_the_only_column_of_pictures_is_found_and_two_are_not_guessed_among(
    tmp_path: Path, parquet: str, write: Write, encoded: Encode
) -> None:
    with pytest.raises(CorpusError, match=r"has the columns of pictures \['photo', 'mask'\]; set column to one of"):
        next(reader_of(parquet, column=None).items())
    with pytest.raises(CorpusError, match="parquet has no column 'image'; set column to one of"):
        next(reader_of(parquet, column="image").items())
    write("folder/a.png", encoded(1))
    reader = HubImagesReader("hub", str(tmp_path / "folder"))
    assert [reader.load(item).image_bytes for item in reader.items()] == [encoded(1)]


def test_a_webdataset_is_streamed_too(write: Write, encoded: Encode, tar: Pack) -> None:
    files = {
        f"a/{number}.{ending}": data
        for number in range(3)
        for ending, data in (("jpg", encoded(number, "JPEG")), ("json", b"{}"))
    }
    reader = HubImagesReader("hub", "webdataset", data_files=str(write("w.tar", tar(files))))
    assert [reader.load(item).image_bytes for item in reader.items()] == [encoded(n, "JPEG") for n in range(3)]


def test_what_does_not_exist_is_named(tmp_path: Path, parquet: str) -> None:
    with pytest.raises(CorpusError, match=r"none\.parquet"):
        next(reader_of(str(tmp_path / "none.parquet")).items())
    with pytest.raises(CorpusError, match=r"cannot be loaded: .*val"):
        next(HubImagesReader("hub", "parquet", data_files=parquet, split="val", column="photo").items())
    with pytest.raises(CorpusError, match="the data set's name is empty"):
        HubImagesReader("hub", "")
    reader = reader_of(parquet)
    last = list(reader.items())[-1]
    Path(parquet).unlink()
    datasets.Dataset.from_dict({"photo": [], "mask": [], "label": []})
    with pytest.raises((SampleError, CorpusError)):
        pickle.loads(pickle.dumps(reader)).load(last)
