"""The frames of a benchmark as its protocol judges them: cropped, and with only the pixels valid that count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from depth_anything.training.corpora.sample import Reason, SampleError
from depth_anything.training.evaluation.crops import benchmark_crop
from depth_anything.training.evaluation.frames import Frame, FrameSource
from depth_anything.training.evaluation.protocol import Protocol


class JudgedFrames(FrameSource):
    """Frames of a source under a protocol.

    Args:
        source: of the data set.
        protocol: whose crops, range and size of pictures are applied.
    """

    def __init__(self, source: FrameSource, protocol: Protocol) -> None:
        self.source = source
        self.protocol = protocol
        self.left_out = source.left_out

    def __len__(self) -> int:
        return len(self.source)

    def key(self, index: int) -> str:
        """Name of a frame."""
        return self.source.key(index)

    def read(self, index: int) -> Frame:
        """The frame as `judged` has it; errors as of `FrameSource.read`."""
        return judged(self.source.read(index), self.protocol)


def judged(frame: Frame, protocol: Protocol) -> Frame:
    """The frame with what the protocol does to it before a model sees the picture.

    Raises:
        SampleError: fewer pixels count than the protocol wants, or the frame is too small for the benchmark crop.
    """
    full_height, full_width = frame.depth_m.shape
    box = protocol.box.pixels(full_height, full_width)
    if protocol.is_benchmark_cropped:
        try:
            window = benchmark_crop(full_height, full_width)
        except ValueError as error:
            raise SampleError(Reason.LABEL_SIZE, f"{frame.key}: {error}") from error
        frame = replace(
            frame,
            image=frame.image[window.slices],
            depth_m=frame.depth_m[window.slices],
            valid=frame.valid[window.slices],
        )
        box = box.within(window) if protocol.is_box_of_full_frame else protocol.box.pixels(*frame.depth_m.shape)
    counts = np.zeros(frame.depth_m.shape, np.bool_)
    counts[box.slices] = True
    valid = frame.valid & counts & protocol.truth.contains(frame.depth_m)
    num_valid = int(np.count_nonzero(valid))
    if num_valid < protocol.min_valid_pixels:
        raise SampleError(
            Reason.EMPTY_LABEL,
            f"{frame.key}: {num_valid} pixels count within {protocol.truth} and the box {protocol.box.value}; "
            f"protocol {protocol.name} wants {protocol.min_valid_pixels}",
        )
    return replace(frame, image=_resized(frame.image, protocol.loader_size), valid=valid)


def _resized(image: NDArray[np.uint8], size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """The picture at the (height, width) of the loader; bilinear and antialiased, as torchvision resizes pictures."""
    if size is None or image.shape[:2] == size:
        return image
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
