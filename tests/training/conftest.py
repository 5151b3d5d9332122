"""Small files, a small corpus, and sources whose samples are numbers, so that each row of a stream can be followed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.sample import LabelKind, Reason, Sample, SampleError
from depth_anything.training.example_batches import stack_sides
from depth_anything.training.mixture import Mixture
from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_settings import StreamSettings

PICTURE = np.zeros((2, 2, 3), np.uint8)

Numbered = Callable[..., BlockSource]
NumberedStream = Callable[..., TrainingStream[dict[str, dict[str, Tensor]]]]


class NumberedBlocks(BlockSource):
    """Samples named by their numbers, from `first` on; those in `failing` cannot be had."""

    def __init__(
        self, corpus: str, sizes: Sequence[int], kind: LabelKind, first: int, failing: Mapping[int, Reason]
    ) -> None:
        self.corpus = corpus
        self.kind = kind
        self.rows_per_block = np.asarray(sizes, np.int64)
        self.starts = first + np.cumsum([0, *sizes])
        self.failing = failing

    def read_block(self, block: int, rows: Sequence[int]) -> Iterator[Sample | SampleError]:
        for row in rows:
            number = int(self.starts[block]) + row
            if number in self.failing:
                yield SampleError(self.failing[number], f"number {number}")
            else:
                yield Sample(image=PICTURE, kind=self.kind, corpus=self.corpus, key=str(number))


def number_and_seed(sample: Sample, rng_seed: int) -> dict[str, Tensor]:
    return {"number": torch.tensor(int(sample.key)), "seed": torch.tensor(rng_seed)}


@pytest.fixture(autouse=True)
def no_accelerator_of_another_test() -> None:
    """Accelerate keeps the first Accelerator's settings for the whole process, and refuses others."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


@pytest.fixture
def numbered() -> Numbered:
    """A source of numbers: `numbered(corpus, sizes, first=0, is_labelled=False, failing={})`."""

    def build(
        corpus: str = "numbers",
        sizes: Sequence[int] = (10,) * 10,
        first: int = 0,
        is_labelled: bool = False,
        failing: Mapping[int, Reason] | None = None,
    ) -> BlockSource:
        kind = LabelKind.METRIC_DEPTH if is_labelled else LabelKind.NONE
        return NumberedBlocks(corpus, sizes, kind, first, failing or {})

    return build


@pytest.fixture
def numbered_stream(numbered: Numbered) -> NumberedStream:
    """A stream of numbers and seeds; without corpora, of two labelled ones with weights and two unlabelled by size.

    Labelled numbers begin at 1000 and 2000, unlabelled ones at 0 and 500. Workers are forked: classes of test files
    cannot be imported by others.
    """

    def build(
        transform: Callable[[Sample, int], dict[str, Tensor]] = number_and_seed, **settings: object
    ) -> TrainingStream[dict[str, dict[str, Tensor]]]:
        if "labelled" not in settings and "unlabelled" not in settings:
            tens = numbered("tens", (10, 10, 3), first=1000, is_labelled=True, failing={1004: Reason.EMPTY_LABEL})
            fives = numbered("fives", (5,) * 8, first=2000, is_labelled=True)
            few = numbered("few", (40, 40), failing={3: Reason.DAMAGED_IMAGE, 50: Reason.DAMAGED_IMAGE})
            many = numbered("many", (7,) * 20, first=500)
            settings["labelled"] = Mixture(sources=(tens, fives), weights={"tens": 1, "fives": 3})
            settings["unlabelled"] = Mixture(sources=(few, many))
            settings = {"num_labelled": 2, "num_unlabelled": 4, **settings}
        return TrainingStream(
            StreamSettings(**{"start_method": "fork", "max_failed_share": 0.5, **settings}),  # type: ignore[arg-type]
            transform=transform,
            collate=stack_sides,
        )

    return build


def numbers_of(batch: dict[str, dict[str, Tensor]]) -> list[int]:
    return [number for side in batch.values() for number in side["number"].tolist()]


@pytest.fixture
def take() -> Callable[..., list[tuple[list[int], list[int]]]]:
    """The next batches of a stream as lists: `take(stream, count)`, of numbers and of seeds."""

    def take_batches(stream: Iterator[dict[str, dict[str, Tensor]]], count: int) -> list[tuple[list[int], list[int]]]:
        batches = [next(stream) for _ in range(count)]
        return [(numbers_of(b), [seed for side in b.values() for seed in side["seed"].tolist()]) for b in batches]

    return take_batches


DEPTH_TREE_SIZE = (24, 32)


@pytest.fixture
def depth_tree(tmp_path: Path) -> Callable[..., Path]:
    """`depth_tree(num_samples)` writes images/ and depth/ with seeded noise, in folders of 100, and gives the root."""

    def write(num_samples: int, name: str = "tree") -> Path:
        root = tmp_path / name
        noise = np.random.default_rng(0)
        for number in range(num_samples):
            stem = f"{number // 100}/{number:04d}"
            for folder in ("images", "depth"):
                (root / folder / stem).parent.mkdir(parents=True, exist_ok=True)
            file = io.BytesIO()
            Image.fromarray(noise.integers(0, 256, (*DEPTH_TREE_SIZE, 3), np.uint8)).save(file, "JPEG")
            (root / f"images/{stem}.jpg").write_bytes(file.getvalue())
            depth = noise.uniform(0.5, 80, DEPTH_TREE_SIZE).astype(np.float32)
            depth[noise.random(DEPTH_TREE_SIZE) < 0.1] = 0
            np.save(root / f"depth/{stem}.npy", depth)
        return root

    return write


HEIGHT, WIDTH = 24, 32  # of small pictures

Encode = Callable[..., bytes]
Write = Callable[[str, bytes], Path]


@pytest.fixture
def encoded() -> Encode:
    """A picture of seeded noise as a file: `encoded(seed, file_format, size, mode)`."""

    def encode(
        seed: int = 0, file_format: str = "PNG", size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "RGB"
    ) -> bytes:
        noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).convert(mode).save(file, file_format)
        return file.getvalue()

    return encode


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file at a path below the test's folder."""

    def write_file(path: str, data: bytes) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    return write_file


@pytest.fixture
def png16() -> Callable[[NDArray[np.generic]], bytes]:
    """A 16-bit grey PNG of whole numbers."""

    def encode(levels: NDArray[np.generic]) -> bytes:
        file = io.BytesIO()
        Image.fromarray(levels.astype(np.uint16)).save(file, "PNG")
        return file.getvalue()

    return encode


@pytest.fixture
def png8() -> Callable[[NDArray[np.generic]], bytes]:
    """An 8-bit grey PNG of whole numbers."""

    def encode(levels: NDArray[np.generic]) -> bytes:
        file = io.BytesIO()
        Image.fromarray(levels.astype(np.uint8)).save(file, "PNG")
        return file.getvalue()

    return encode


@pytest.fixture
def sky_checkpoint(tmp_path: Path) -> Path:
    """A random SegFormer of two classes, which calls about half of every picture sky."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    torch.manual_seed(1)
    config = SegformerConfig(
        num_encoder_blocks=1, depths=[1], sr_ratios=[1], hidden_sizes=[8], patch_sizes=[7], strides=[4],
        num_attention_heads=[1], mlp_ratios=[2], decoder_hidden_size=8, id2label={0: "ground", 1: "sky"},
        label2id={"ground": 0, "sky": 1},
    )  # fmt: skip
    model = SegformerForSemanticSegmentation(config)
    for module in model.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight, std=0.5)
    model.save_pretrained(tmp_path / "segformer")
    return tmp_path / "segformer"
