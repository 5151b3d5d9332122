"""Samples per second of one worker on the way from encoded files to a batch, against two peers in the same run.

    python tests/benchmarks/streaming.py [--repeats 15] [--samples 20000] [--batch 8]

unlabelled: 1024x768 JPEG, decode, geometry (518 crop), normalise, collate; against the straightforward loop of Pillow
    and float64 NumPy: decode, resize the whole image with the official code's bicubic taps, flip, crop, normalise,
    stack. The strong view is timed beside it, for that loop has none.
labelled: JPEG, 16-bit PNG label and mask as a shard keeps them, to pixels, disparity and valid mask; against the three
    bare decodes alone, by Pillow, of the same pixels in the PNG files that Pillow writes, as somebody without shards
    has them. Shards write labels without PNG filters where that makes them smaller (`level_png`), which Pillow too
    reads faster: the time of the bare decodes of the shard's own files is printed beside it.
memory: resident size over many samples, of both kinds in turns, with strong views.

One thread. Both sides take turns (A B A B ...), so a drift of the machine hits both; each row prints both medians and
the median of the ratios with their range. Run it under `taskset -c 0` where others use the machine.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from depth_anything.filter_taps import opencv_taps
from depth_anything.training.augmentation import TrainingTransform, TransformSettings
from depth_anything.training.corpora.label_files import read_hdf5
from depth_anything.training.corpora.level_png import EFFORT
from depth_anything.training.corpora.optional_library import MissingLibraryError
from depth_anything.training.corpora.sample import LabelKind, RawSample
from depth_anything.training.corpora.shard_rows import Quantity, Row, decode_row, encode_row
from depth_anything.training.example_batches import stack_sides

HEIGHT, WIDTH, CROP = 768, 1024, 518
RESIZED = (518, 686)  # by the official size rule
JPEG_QUALITY = 95
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
SHARED_DIR = Path(__file__).parents[3] / "shared"
NUM_PICTURES = 8
Step = Callable[[], object]


class Files(NamedTuple):
    """One labelled picture, encoded."""

    image: bytes  # JPEG
    label: bytes  # 16-bit PNG of disparity, as Pillow writes it
    mask: bytes  # 1-bit PNG, likewise
    row: Row  # all of it, as a shard holds it


def main() -> int:
    """Runs the three parts."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    pictures, pictures_from = photographs_or_noise()
    depth_m, label_from = measured_or_drawn_depth()
    files = [encoded(picture, np.roll(depth_m, 128 * place, axis=1)) for place, picture in enumerate(pictures)]
    print(f"pictures: {pictures_from}; labels: {label_from}; torch {torch.__version__}, Pillow {Image.__version__}, "
          f"one thread, batches of {arguments.batch}, median of {arguments.repeats}")  # fmt: skip
    batch = [files[place % len(files)] for place in range(arguments.batch)]
    plain = TrainingTransform(TransformSettings(student_view=None))
    with_view = TrainingTransform(TransformSettings())
    compare("unlabelled", "PIL and float64 NumPy", lambda: straightforward_batch(batch),
            lambda: our_batch(batch, plain, unlabelled), len(batch), arguments.repeats)  # fmt: skip
    compare("unlabelled, with strong view", "PIL and float64 NumPy without", lambda: straightforward_batch(batch),
            lambda: our_batch(batch, with_view, unlabelled), len(batch), arguments.repeats)  # fmt: skip
    levels = TrainingTransform(TransformSettings(student_view=None, as_uint8=True))
    stored = [Files(each.image, each.row["label"], each.row["mask"], each.row) for each in batch]
    for name, transform in (("labelled, float32 pixels", plain), ("labelled, uint8 pixels", levels)):
        for peer, files_of_peer in (("the three bare decodes", batch), ("those of the shard's own files", stored)):
            compare(name, peer, lambda files_of_peer=files_of_peer: [bare_decodes(each) for each in files_of_peer],
                    lambda transform=transform: our_batch(batch, transform, labelled),
                    len(batch), arguments.repeats)  # fmt: skip
    if arguments.samples:
        print_memory(files, with_view, arguments.samples, arguments.batch)
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--samples", type=int, default=20_000, help="of the memory part; 0 leaves it out")
    parser.add_argument("--batch", type=int, default=8)
    return parser.parse_args()


def our_batch(
    batch: Sequence[Files], transform: TrainingTransform, opened: Callable[[Files], RawSample]
) -> dict[str, torch.Tensor]:
    """The package's way."""
    examples = [transform(opened(files), seed) for seed, files in enumerate(batch)]
    (side,) = stack_sides(*(([], examples) if opened is unlabelled else (examples, []))).values()
    return side


def unlabelled(files: Files) -> RawSample:
    """The picture alone."""
    return RawSample(image_bytes=files.image, kind=LabelKind.NONE, corpus="benchmark", key="0")


def labelled(files: Files) -> RawSample:
    """The picture with its label, as a row of a shard gives it."""
    return decode_row(files.row)


def bare_decodes(files: Files) -> list[np.ndarray]:
    """The pixels of the three files and nothing more."""
    return [decoded(data) for data in (files.image, files.label, files.mask)]


def decoded(data: bytes) -> np.ndarray:
    """The pixels of a file as Pillow gives them."""
    return np.asarray(Image.open(io.BytesIO(data)))


def straightforward_batch(batch: Sequence[Files]) -> torch.Tensor:
    """The peer of unlabelled samples: decode, resize whole, flip, crop and normalise, all in float64 as published."""
    pictures = []
    for seed, files in enumerate(batch):
        generator = np.random.default_rng(seed)
        image = np.array(Image.open(io.BytesIO(files.image)).convert("RGB")) / 255.0
        for axis, num_out in enumerate(RESIZED):
            indices, weights = opencv_taps(image.shape[axis], num_out, "cubic")
            shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
            image = sum(image.take(indices[:, tap], axis) * weights[:, tap].reshape(shape) for tap in range(4))
        if generator.random() < 0.5:
            image = image[:, ::-1]
        left = generator.integers(RESIZED[1] - CROP + 1)
        image = (image[:CROP, left : left + CROP] - MEAN) / STD
        pictures.append(np.ascontiguousarray(image.transpose(2, 0, 1), np.float32))
    return torch.from_numpy(np.stack(pictures))


def photographs_or_noise() -> tuple[list[np.ndarray], str]:
    """Pictures, (768, 1024, 3), and where they come from."""
    paths = sorted((SHARED_DIR / "photos").glob("*.jpg"))[:NUM_PICTURES]
    if paths:
        opened = [Image.open(path).convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS) for path in paths]
        return [np.asarray(picture) for picture in opened], f"{len(paths)} photographs"
    # Noise of several grains: as many bytes as a photograph has.
    generator, drawn = np.random.default_rng(0), []
    for _ in range(NUM_PICTURES):
        layers = [generator.integers(0, 256, (3 * grain, 4 * grain, 3), np.uint8) for grain in (4, 16, 64, 256)]
        resized = [Image.fromarray(layer).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC) for layer in layers]
        shares = (0.5, 0.3, 0.15, 0.05)
        mixed = sum(share * np.asarray(layer, np.float32) for share, layer in zip(shares, resized, strict=True))
        drawn.append(mixed.astype(np.uint8))
    return drawn, f"{NUM_PICTURES} textures of noise (no photographs beside the repository)"


def measured_or_drawn_depth() -> tuple[np.ndarray, str]:
    """Depth in metres with an invalid part, (768, 1024), and where it comes from."""
    for path in sorted((SHARED_DIR / "rgbd").rglob("*depth_meters.hdf5")):
        try:
            depth_m = read_hdf5(path)
        except MissingLibraryError:
            break
        if depth_m.shape == (HEIGHT, WIDTH):
            return np.where(np.isfinite(depth_m), depth_m, 0), "a frame of Hypersim"
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    walls = np.minimum.reduce([3 + columns, 5 - 2 * columns + rows, 1.2 / (rows + 0.1)])
    relief = 0.02 * np.sin(90 * rows) * np.sin(70 * columns)
    holes = (rows - 0.3) ** 2 + (columns - 0.9) ** 2 < 0.03
    return np.where(holes, 0, walls + relief).astype(np.float32), "drawn walls with relief and a hole"


def encoded(picture: np.ndarray, depth_m: np.ndarray) -> Files:
    """The picture and its label as files."""
    image = io.BytesIO()
    Image.fromarray(picture).save(image, "JPEG", quality=JPEG_QUALITY)
    raw = RawSample(
        image_bytes=image.getvalue(),
        label=depth_m.astype(np.float32),
        valid=depth_m > 0,
        kind=LabelKind.METRIC_DEPTH,
        corpus="benchmark",
        key="0",
    )
    row = encode_row(raw, Quantity.DISPARITY)
    label, mask = (by_pillow(decoded(row[name])) for name in ("label", "mask"))
    return Files(raw.image_bytes, label, mask, row)


def by_pillow(pixels: np.ndarray) -> bytes:
    """A PNG file as Pillow writes it, with the effort that shards take too."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=EFFORT)
    return file.getvalue()


def compare(name: str, peer: str, theirs: Step, ours: Step, num_samples: int, repeats: int) -> None:
    """Prints one row: time and speed per sample of both, measured in turns after one warm-up of each."""
    theirs(), ours()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in tqdm(range(repeats), desc=name, leave=False):
        for step, measured in zip((theirs, ours), times, strict=True):
            start = time.perf_counter()
            step()
            measured.append((time.perf_counter() - start) / num_samples)
    ratios = [a / b for a, b in zip(*times, strict=True)]
    median = statistics.median(ratios)
    speeds = [1 / statistics.median(measured) for measured in times]
    print(f"{name:<29} ours {1000 / speeds[1]:6.2f} ms, {speeds[1]:4.0f} samples/s   "
          f"{peer} {1000 / speeds[0]:6.2f} ms, {speeds[0]:4.0f} samples/s   ours is {median:5.2f} "
          f"times as fast ({min(ratios):.2f}..{max(ratios):.2f}), takes {1 / median:.2f} of the time")  # fmt: skip


def print_memory(files: Sequence[Files], transform: TrainingTransform, num_samples: int, batch_size: int) -> None:
    """Prints the resident size at the start and its highest value in each quarter.

    Single readings differ by whole batches of pixels, according to what the allocator has just given back.
    """
    our_batch(files[:batch_size], transform, labelled)  # what is kept for good is there from the first batch
    start, highest = resident_mib(), [0.0] * 4
    num_batches = max(num_samples // batch_size, 4)
    for number in tqdm(range(num_batches), desc="memory", leave=False):
        chosen = [files[(number + place) % len(files)] for place in range(batch_size)]
        our_batch(chosen, transform, labelled if number % 2 else unlabelled)
        quarter = 4 * number // num_batches
        highest[quarter] = max(highest[quarter], resident_mib())
    print(f"resident MiB over {num_batches * batch_size} samples: start {start:.1f}, "
          f"highest in each quarter {', '.join(f'{size:.1f}' for size in highest)}")  # fmt: skip


def resident_mib() -> float:
    """Resident size of this process, of Linux alone."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmRSS; leave the memory part out with --samples 0")


if __name__ == "__main__":
    sys.exit(main())
