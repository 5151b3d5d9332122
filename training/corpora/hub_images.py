"""Pictures of any data set on the Hub, streamed by `datasets`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from depth_anything.hub_retries import with_retries
from depth_anything.training.corpora.optional_library import optional_library
from depth_anything.training.corpora.reader import CorpusError, Item, Reader
from depth_anything.training.corpora.sample import Reason, SampleError

PURPOSE = "a corpus on the Hub"


class HubImagesReader(Reader):
    """One column of pictures of a data set that `datasets` can load, read row by row, never decoded by it.

    A stream has no places to jump to, so keys are the numbers of rows, and an item is cheap to load right after it was
    listed or in the listed order. Without a network, folders and files work too.

    Args:
        corpus: name of the corpus.
        root: what `datasets.load_dataset` takes: a Hub id, a folder, or a builder such as "webdataset" or "parquet".
        config: name of a configuration, where the data set has several.
        split: part of the data set.
        column: name of the column with the pictures; None takes the only one.
        data_files: files of a builder, as `load_dataset` takes them.
        revision: commit or tag; None takes the newest, which may change under a running job.

    Raises:
        CorpusError: there is no such data set or column, or it is not clear which column is meant.
    """

    looked_for = "rows"

    def __init__(
        self,
        corpus: str,
        root: str,
        *,
        config: str | None = None,
        split: str = "train",
        column: str | None = None,
        data_files: str | Sequence[str] | Mapping[str, Any] | None = None,
        revision: str | None = None,
    ) -> None:
        self.dataset = str(root)
        super().__init__(corpus, root)
        self._load_arguments = {
            "path": self.dataset,
            "name": config,
            "split": split,
            "data_files": data_files,
            "revision": revision,
        }
        self._column = column
        self._listed_last: tuple[int, object] | None = None
        self._rows: Iterator[object] = iter(())
        self._next_row = -1  # number of the row that `_rows` gives next; -1 before it is opened

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_listed_last": None, "_rows": iter(()), "_next_row": -1}

    def _check_root(self) -> None:
        if not self.dataset:
            raise CorpusError(f"corpus {self.corpus}: the data set's name is empty; pass a Hub id such as owner/name")

    def _listed(self) -> Iterator[Item]:
        for number, picture in enumerate(self._pictures(0)):
            self._listed_last = (number, picture)
            yield Item(key=f"{number:09d}", path=self.dataset, entry=str(number), is_sequential=True)

    def _image_bytes(self, item: Item) -> bytes:
        number = int(item.entry)
        if self._listed_last is not None and self._listed_last[0] == number:
            return self._bytes_of(self._listed_last[1], item)
        if not 0 <= self._next_row <= number:
            self._rows, self._next_row = self._pictures(number), number
        for picture in self._rows:
            self._next_row += 1
            if self._next_row == number + 1:
                return self._bytes_of(picture, item)
        self._next_row = -1
        raise SampleError(Reason.UNREADABLE_FILE, f"{self.dataset} has no row {number}")

    def _pictures(self, first: int) -> Iterator[object]:
        """What the column holds, encoded, from a row on; after a broken connection from the row where it broke."""
        number = first
        rows: Iterator[object] | None = None

        def read() -> list[object]:
            nonlocal rows
            if rows is None:
                rows = self._opened(number)
            try:
                return [*itertools.islice(rows, 1)]
            except Exception:
                rows = None  # a generator that has raised is at its end
                raise

        while row := with_retries(f"read of {self.dataset}", read):
            number += 1
            yield row[0]

    def _opened(self, first: int) -> Iterator[object]:
        library = optional_library("datasets", PURPOSE)
        try:
            stream = library.load_dataset(streaming=True, **self._load_arguments)
        except (FileNotFoundError, ValueError) as error:
            raise CorpusError(f"corpus {self.corpus}: {self.dataset} cannot be loaded: {error}") from error
        column = self._chosen_column(stream.features)
        stream = stream.cast_column(column, library.Image(decode=False)).select_columns([column])
        return (row[column] for row in (stream.skip(first) if first else stream))

    def _chosen_column(self, features: Mapping[str, object] | None) -> str:
        if self._column is not None and (features is None or self._column in features):
            return self._column
        if features is None:
            raise CorpusError(f"corpus {self.corpus}: {self.dataset} does not say what its columns hold; set column")
        pictures = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
        if self._column is None and len(pictures) == 1:
            return pictures[0]
        found = f"no column {self._column!r}" if self._column is not None else f"the columns of pictures {pictures}"
        raise CorpusError(f"corpus {self.corpus}: {self.dataset} has {found}; set column to one of {list(features)}")

    def _bytes_of(self, picture: object, item: Item) -> bytes:
        """The encoded picture, wherever the stream has it: in the row, or in a file that the row names."""
        if isinstance(picture, Mapping):
            if picture.get("bytes"):
                return bytes(picture["bytes"])
            if picture.get("path"):
                return self._read_named_file(str(picture["path"]))
        raise SampleError(Reason.UNREADABLE_FILE, f"{self.dataset}, row {item.entry}: no picture in it")

    def _read_named_file(self, path: str) -> bytes:
        try:
            with optional_library("fsspec", PURPOSE).open(path, "rb") as file:
                return bytes(file.read())
        except FileNotFoundError as error:
            raise SampleError(Reason.UNREADABLE_FILE, f"{path}: no such file") from error
