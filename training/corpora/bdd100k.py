"""BDD100K: driving in the United States, as pictures and as videos."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction

from depth_anything.image_files import VIDEO_SUFFIXES
from depth_anything.training.corpora.folder_tree import joined, stem_of, walk_folders
from depth_anything.training.corpora.pictures import PicturesReader
from depth_anything.training.corpora.reader import CorpusError, Fault, Item, LastOpened
from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.corpora.video_frames import OpenVideo, frame_times


class VideosAndPicturesReader(PicturesReader):
    """Pictures as `PicturesReader` finds them, and frames of the videos beside them at a steady rate.

    The first frame of a video lies at second 0, and for each time the nearest frame is taken. A frame is
    encoded as JPEG of quality 95 with full colour resolution, and turned upright if the video says that it lies.

    Args:
        corpus: name of the corpus.
        root: folder of the data set.
        frames_per_second: taken from each video; 2 gives about the paper's 8.2 million of BDD100K's 100,000 clips of
            40 s.
        only: as for `PicturesReader`; for BDD100K this leaves out everything but `train`.

    Raises:
        CorpusError: there is no such folder, `only` is no regular expression, or the rate is not positive.
    """

    looked_for = f"pictures, and videos that end in {' '.join(sorted(VIDEO_SUFFIXES))}"

    def __init__(
        self, corpus: str, root: str | os.PathLike[str], *, frames_per_second: float = 2, only: str = ""
    ) -> None:
        super().__init__(corpus, root, only=only)
        if not 0 < frames_per_second <= 1000:
            raise CorpusError(
                f"corpus {corpus}: frames_per_second is {frames_per_second}; it lies above 0, up to 1000"
            )
        self.frames_per_second = Fraction(frames_per_second).limit_denominator(1000)
        self._video: LastOpened[OpenVideo] = LastOpened(self._open_video, OpenVideo.close)

    def _listed(self) -> Iterator[Item]:
        for folder, names in walk_folders(self.root):
            for name in names:
                path = joined(folder, name)
                if name[len(stem_of(name)) :].lower() in VIDEO_SUFFIXES and self._only.match(path):
                    yield from self._frames(path)
        yield from super()._listed()

    def _frames(self, path: str) -> Iterator[Item]:
        try:
            for number, _ in enumerate(frame_times(self.root / path, self.frames_per_second)):
                yield Item(key=f"{path}/{number:06d}", path=path, entry=str(number), is_sequential=True)
        except SampleError as error:
            yield Item(key=path, path=path, fault=Fault(error.reason, error.detail))

    def _image_bytes(self, item: Item) -> bytes:
        if not item.entry:
            return super()._image_bytes(item)
        return self._video.get(item.path).jpeg_at(float(int(item.entry) / self.frames_per_second))

    def _open_video(self, path: str) -> OpenVideo:
        return OpenVideo(self.root / path)
