import io
import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from depth_anything.training.corpora.bdd100k import VideosAndPicturesReader
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind, Reason, Sample
from depth_anything.training.corpora.video_frames import OpenVideo

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
FRAMES_PER_SECOND = 10
HEIGHT, WIDTH = 48, 80


def frame_pixels(number: int) -> np.ndarray:
    """Grey that says the frame's number, with a white upper left corner."""
    pixels = np.full((HEIGHT, WIDTH, 3), 20 + 5 * number, np.uint8)
    pixels[:16, :16] = 255
    return pixels


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip of 4 s with key frames far apart, so that reading a frame means decoding those before it."""
    path = tmp_path_factory.mktemp("clip") / "clip.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 15
        stream.options = {"crf": "4"}
        for number in range(40):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame_pixels(number), format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


def number_shown(sample: Sample) -> int:
    return round((float(sample.image[32:, 40:].mean()) - 20) / 5)


def test_frames_come_at_the_stated_rate_from_the_first_on(
    tmp_path: Path, write: Write, clip: bytes, samples_of: Callable
) -> None:
    write("videos/train/0000f77c-6257be58.mov", clip)
    samples = samples_of(VideosAndPicturesReader("bdd100k", tmp_path, frames_per_second=2))
    assert list(samples) == [f"videos/train/0000f77c-6257be58.mov/{number:06d}" for number in range(8)]
    assert [number_shown(sample) for sample in samples.values()] == [0, 5, 10, 15, 20, 25, 30, 35]
    assert {sample.kind for sample in samples.values()} == {LabelKind.NONE}


def test_a_rate_that_does_not_divide_the_videos_takes_the_nearest_frame(
    tmp_path: Path, write: Write, clip: bytes, samples_of: Callable
) -> None:
    write("a.mov", clip)
    samples = samples_of(VideosAndPicturesReader("mine", tmp_path, frames_per_second=4))
    # Times 0.25 and 0.75 lie between two frames, and the earlier one counts.
    assert [number_shown(sample) for sample in samples.values()][:5] == [0, 2, 5, 7, 10]
    assert len(samples) == 16


@pytest.mark.parametrize("rate", [2, 3, 16])  # 16 is faster than the video
def test_every_order_of_reading_gives_the_same_frames(tmp_path: Path, write: Write, clip: bytes, rate: float) -> None:
    write("a.mov", clip)
    write("b.mov", clip)
    reader = VideosAndPicturesReader("mine", tmp_path, frames_per_second=rate)
    items = list(reader.items())
    forward = [reader.load(item).image_bytes for item in items]
    for index in (9, 3, 15, 0, 7, 7, 8):
        assert reader.load(items[index]).image_bytes == forward[index]
    assert pickle.loads(pickle.dumps(reader)).load(items[5]).image_bytes == forward[5]


def test_encoding_costs_about_a_grey_level(tmp_path: Path, write: Write, clip: bytes) -> None:
    path = write("a.mov", clip)
    with av.open(str(path)) as container:
        expected = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    encoded = OpenVideo(path).jpeg_at(0)
    assert np.abs(np.asarray(Image.open(io.BytesIO(encoded))).astype(int) - expected).mean() < 1


def lying_on_its_side(clip: bytes) -> bytes:
    """The clip as a phone held upright writes it: the track's matrix says to turn it clockwise by 90 degrees."""
    one = 0x10000
    before = b"".join(entry.to_bytes(4, "big", signed=True) for entry in (one, 0, 0, 0, one, 0, 0, 0, 0x40000000))
    after = b"".join(entry.to_bytes(4, "big", signed=True) for entry in (0, one, 0, -one, 0, 0, 0, 0, 0x40000000))
    start = clip.index(b"tkhd")
    place = clip.index(before, start)
    return clip[:place] + after + clip[place + len(before) :]


def test_a_video_that_lies_on_its_side_is_turned_upright(
    tmp_path: Path, write: Write, clip: bytes, samples_of: Callable
) -> None:
    write("a.mov", lying_on_its_side(clip))
    sample = next(iter(samples_of(VideosAndPicturesReader("mine", tmp_path)).values()))
    assert sample.image.shape == (WIDTH, HEIGHT, 3)
    assert sample.image[5, -5].min() > 200, "turned clockwise, the upper left corner goes to the upper right"


def test_pictures_beside_the_videos_are_read_too(tmp_path: Path, write: Write, clip: bytes, encoded: Encode) -> None:
    write("videos/train/a.mov", clip)
    write("images/100k/train/b.jpg", encoded(0, "JPEG"))
    keys = [item.key for item in VideosAndPicturesReader("bdd100k", tmp_path, frames_per_second=0.5).items()]
    assert keys == ["videos/train/a.mov/000000", "videos/train/a.mov/000001", "images/100k/train/b.jpg"]


def test_damaged_videos_are_told_and_the_next_one_is_read(
    tmp_path: Path, write: Write, clip: bytes, samples_of: Callable
) -> None:
    write("a.mov", b"no video at all")
    write("b.mov", clip[: len(clip) // 2])  # its index stood at the end
    media = clip.index(b"mdat")
    write("c.mov", clip[: media + 4 + 800] + bytes(len(clip) // 3) + clip[media + 804 + len(clip) // 3 :])
    write("d.mov", clip)
    samples = samples_of(VideosAndPicturesReader("mine", tmp_path))
    assert samples["a.mov"].reason is samples["b.mov"].reason is Reason.DAMAGED_VIDEO
    assert all(isinstance(samples[f"d.mov/{number:06d}"], Sample) for number in range(8))
    damaged = [sample for key, sample in samples.items() if key.startswith("c.mov") and not isinstance(sample, Sample)]
    assert {error.reason for error in damaged} <= {Reason.DAMAGED_VIDEO}


def test_a_time_behind_the_end_is_refused(tmp_path: Path, write: Write, clip: bytes) -> None:
    with pytest.raises(ValueError, match=r"damaged_video: .*a\.mov: it ends before second 9\.000"):
        OpenVideo(write("a.mov", clip)).jpeg_at(9)


@pytest.mark.parametrize("rate", [0, -1, 1001])
def test_a_rate_that_cannot_be_is_refused(tmp_path: Path, rate: float) -> None:
    with pytest.raises(CorpusError, match=f"frames_per_second is {rate}; it lies above 0, up to 1000"):
        VideosAndPicturesReader("mine", tmp_path, frames_per_second=rate)


def test_rates_are_exact_fractions(tmp_path: Path) -> None:
    assert VideosAndPicturesReader("mine", tmp_path, frames_per_second=0.1).frames_per_second == Fraction(1, 10)
