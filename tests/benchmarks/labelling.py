"""Images per second of labelling a corpus, against the bare forwards that it makes, in the same run.

    python tests/benchmarks/labelling.py [--size small] [--short-side 518] [--images 16] [--batch 4] [--repeats 5]

Labelling is the whole way: JPEG files of 1024x768 pixels read, decoded and resized, through the networks, maps in 16
bits as PNG into Parquet shards with their checksums. Bare is the networks alone on the same batches, which lie on the
device already: one forward, two with confidence, and SegFormer's with sky. Weights are random, which costs as much.

Both take turns (A B A B ...), so a drift of the machine hits both; printed are both medians and the median of the
ratios with their range. 1.00 is a labelling that costs nothing beside its forwards; the aim is 0.90.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation
from depth_anything.training.corpora.registry import CORPORA
from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.corpora.shard_rows import shard_schema
from depth_anything.training.corpora.shard_writing import write_rows
from depth_anything.training.label_maker import LabelMaker
from depth_anything.training.label_pipeline import LabelPipeline
from depth_anything.training.label_plan import Span
from depth_anything.training.label_source import LabelSource, raw_source
from depth_anything.training.network_identity import NetworkIdentity
from depth_anything.training.pseudo_labels import PRECISIONS, Teacher
from depth_anything.training.sky_segmentation import SkySegmenter

HEIGHT, WIDTH = 768, 1024
NUM_SKY_CLASSES = 150  # of ADE20K
SHARED_PHOTOS = Path(__file__).parents[3] / "shared" / "photos"
NOBODY = NetworkIdentity(name="random", revision=None, weights_sha256="")


def main() -> int:
    """Times the four kinds of labels."""
    arguments = parse_arguments()
    device = torch.device(arguments.device)
    network = DepthAnythingForDepthEstimation(DepthAnythingConfig.from_size(arguments.size, version=2))
    names = {number: "sky" if number == 2 else f"class {number}" for number in range(NUM_SKY_CLASSES)}
    segmenter = SegformerForSemanticSegmentation(
        SegformerConfig(id2label=names, label2id={name: number for number, name in names.items()})
    )
    num_threads = arguments.workers or (1 if device.type == "cpu" else 16)
    print(f"{arguments.size} network at {arguments.short_side}, {arguments.precision}, {device}; {arguments.images} "
          f"images, batches of {arguments.batch}; {num_threads} threads beside {torch.get_num_threads()} of torch; "
          f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder) / "pictures", arguments.images)
        source = raw_source(CORPORA["image_folder"], CORPORA["image_folder"].open(Path(folder) / "pictures"), {}, None)
        for has_confidence, has_sky in itertools.product((False, True), repeat=2):
            teacher = Teacher(
                network,
                identity=NOBODY,
                sky=SkySegmenter(segmenter, identity=NOBODY, device=device) if has_sky else None,
                has_confidence=has_confidence,
                precision=arguments.precision,
                max_batch=arguments.batch,
                device=device,
            )
            maker = LabelMaker.of(teacher, arguments.short_side)
            name = " + ".join(["disparity", *["confidence"] * has_confidence, *["sky"] * has_sky])
            pipeline = LabelPipeline(source, teacher, maker, num_threads)
            shapes = batch_shapes(pipeline, source)
            compare(
                name,
                lambda teacher=teacher, shapes=shapes: bare_forwards(teacher, shapes),
                lambda pipeline=pipeline, out=Path(folder): labelling(pipeline, source, out),
                arguments.images,
                arguments.repeats,
            )
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="small", help="small, base, large or giant")
    parser.add_argument("--short-side", type=int, default=518)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--precision", choices=list(PRECISIONS), default="float32")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def write_pictures(folder: Path, num_pictures: int) -> None:
    """JPEG files: photographs where there are some, else noise of several grains, with as many bytes."""
    folder.mkdir()
    paths, generator = sorted(SHARED_PHOTOS.glob("*.jpg")), np.random.default_rng(0)
    for number in range(num_pictures):
        if paths:
            picture = Image.open(paths[number % len(paths)]).convert("RGB")
            picture = picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        else:
            layers = [generator.integers(0, 256, (3 * grain, 4 * grain, 3), np.uint8) for grain in (4, 16, 64, 256)]
            resized = [Image.fromarray(layer).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC) for layer in layers]
            picture = Image.fromarray(np.mean([np.asarray(one) for one in resized], axis=0).astype(np.uint8))
        picture.save(folder / f"{number:05d}.jpg", quality=95)


def batch_shapes(pipeline: LabelPipeline, source: LabelSource) -> list[tuple[int, ...]]:
    """Shapes of the batches that labelling runs: the forwards of one pass are noted and undone."""
    shapes: list[tuple[int, ...]] = []
    hook = pipeline._teacher.network.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
    pipeline.run([Span("", 0, source.num_rows)], lambda _, rows: [None for _ in rows] and None)
    hook.remove()
    return shapes[:: 1 + pipeline._teacher.has_confidence]


@torch.no_grad()
def bare_forwards(teacher: Teacher, shapes: list[tuple[int, ...]]) -> None:
    """The networks on batches of these shapes, and nothing else."""
    for shape in shapes:
        pixels = torch.zeros(shape, device=teacher.device)
        with teacher._autocast():
            for _ in range(1 + teacher.has_confidence):
                outputs = teacher.network(pixels).predicted_depth
            if teacher.sky is not None:
                outputs = teacher.sky.network(pixels).logits
    outputs.flatten()[0].item()  # waits for the device


def labelling(pipeline: LabelPipeline, source: LabelSource, folder: Path) -> None:
    """The whole way to a shard."""
    schema = shard_schema(LabelKind.PSEUDO_LABEL)
    path = folder / "train-00000.parquet"
    spans = [Span(path.name, 0, source.num_rows)]
    pipeline.run(spans, lambda span, rows: write_rows(rows, path, span.name, schema) and None)


def compare(name: str, bare: Callable[[], None], whole: Callable[[], None], num_images: int, repeats: int) -> None:
    """Prints images per second of both and what labelling reaches of the bare forwards."""
    times: dict[str, list[float]] = {"bare": [], "whole": []}
    for turn in tqdm(range(repeats + 1), desc=name, leave=False):
        for way, run in (("bare", bare), ("whole", whole)):
            start = time.perf_counter()
            run()
            if turn:  # the first one warms up
                times[way].append(time.perf_counter() - start)
    ratios = sorted(one / other for one, other in zip(times["bare"], times["whole"], strict=True))
    rates = {way: num_images / statistics.median(seconds) for way, seconds in times.items()}
    print(f"{name:<30} bare {rates['bare']:8.2f}/s  labelling {rates['whole']:8.2f}/s  "
          f"ratio {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
