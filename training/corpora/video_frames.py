"""Frames of videos at a stated rate, each encoded once as a picture."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from depth_anything.training.corpora.optional_library import optional_library
from depth_anything.training.corpora.sample import Reason, SampleError

# A frame has gone through a video encoder already; at this quality and with full colour resolution the second loss is
# about one grey level, and PNG would take four times the space.
JPEG_QUALITY = 95
JPEG_FULL_COLOUR = 0
PURPOSE = "a corpus of videos"


class OpenVideo:
    """A video that is read forward, and sought where the next frame lies behind or far ahead.

    Args:
        path: the file.

    Raises:
        MissingLibraryError: PyAV is not installed.
        SampleError: the file is missing, damaged or no video.
    """

    def __init__(self, path: Path) -> None:
        library = optional_library("av", PURPOSE)
        self.path = path
        self._errors = (library.FFmpegError, OSError, ValueError, IndexError, EOFError)
        try:
            self._container = library.open(str(path))
            self._stream = self._container.streams.video[0]
        except self._errors as error:
            raise self._damaged(error) from error
        self._stream.thread_type = "AUTO"
        self._start_s = float((self._stream.start_time or 0) * self._stream.time_base)
        self._frames: Iterator[Any] = iter(())
        self._time_s = float("inf")  # of the frame that was decoded last: everything lies behind it

    def duration_s(self) -> float:
        """Length as the header says."""
        if self._stream.duration is not None:
            return float(self._stream.duration * self._stream.time_base)
        if self._container.duration is not None:
            return self._container.duration / optional_library("av", PURPOSE).time_base
        raise SampleError(Reason.DAMAGED_VIDEO, f"{self.path}: its header says no length")

    def jpeg_at(self, time_s: float) -> bytes:
        """The frame nearest to the time, upright, as JPEG.

        Raises:
            SampleError: the video is damaged before it or ends before it.
        """
        try:
            frame = self._frame_at(time_s)
        except self._errors as error:
            raise self._damaged(error) from error
        pixels = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
        encoded = io.BytesIO()
        Image.fromarray(pixels).save(encoded, "JPEG", quality=JPEG_QUALITY, subsampling=JPEG_FULL_COLOUR)
        return encoded.getvalue()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _frame_at(self, time_s: float) -> Any:
        half_frame_s = 0.5 / float(self._stream.average_rate or 30)
        earliest_s = time_s - half_frame_s
        # Forward from the last frame if the wanted one lies behind it, but not too far: decoding 2 s costs about as
        # much as going to the key frame before it.
        if not 0 < earliest_s - self._time_s < 2:
            self._container.seek(int((time_s + self._start_s) / self._stream.time_base), stream=self._stream)
            self._frames = self._container.decode(self._stream)
        for frame in self._frames:
            self._time_s = float(frame.time or 0) - self._start_s
            if self._time_s >= earliest_s:
                return frame
        self._time_s = float("inf")
        raise EOFError(f"it ends before second {time_s:.3f}")

    def _damaged(self, error: Exception) -> SampleError:
        return SampleError(Reason.DAMAGED_VIDEO, f"{self.path}: {error}")


def frame_times(video: Path, frames_per_second: Fraction) -> Iterator[Fraction]:
    """When the frames lie, in seconds, from the first one on.

    Raises:
        SampleError: the file is missing, damaged or no video, or its header says no length.
    """
    opened = OpenVideo(video)
    try:
        duration_s = opened.duration_s()
    finally:
        opened.close()
    number = 0
    while number / frames_per_second < duration_s:
        yield number / frames_per_second
        number += 1
