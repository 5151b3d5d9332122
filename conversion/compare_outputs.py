"""Proof of a conversion: `python conversion/compare_outputs.py OFFICIAL CONVERTED` runs both through our network.

The last line of defence is the negative control: one tensor of the converted weights is deliberately swapped with its
neighbour, and the comparison has to notice, or its agreement would mean nothing.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm
from transformers.utils.logging import disable_progress_bar

from depth_anything import DepthAnythingForDepthEstimation
from depth_anything.checkpoint_loading import load_model
from depth_anything.checkpoint_lookup import CheckpointError, find_checkpoint
from depth_anything.command_errors import EXIT_FAILED, EXIT_GOOD

# Height and width in pixels: where the encoder was trained, wide, tall, and the smallest that spans several patches.
DEFAULT_SIZES = ((518, 518), (392, 686), (700, 350), (70, 98))
BATCH_SIZE = 1
PATCH_SIZE = 14  # pixels, of every official network
# Both sides run the same float32 operations, so equal weights give equal bits; the bound leaves room for other orders
# of addition, of which threads may choose different ones.
MAX_RELATIVE_DIFFERENCE = 1e-5


@dataclass(frozen=True)
class Comparison:
    """The outputs of one input size.

    Attributes:
        size: height and width in pixels.
        depth_difference: largest, of the predicted disparity or metres.
        logit_difference: largest, before the last activation, which hides differences wherever it clips.
        logit_range: largest less smallest value of the official weights' output before that activation.
    """

    size: tuple[int, int]
    depth_difference: float
    logit_difference: float
    logit_range: float

    @property
    def agrees(self) -> bool:
        """Whether the logits' difference is within the bound; flat ones and NaN never agree."""
        return self.logit_range > 0 and self.logit_difference <= MAX_RELATIVE_DIFFERENCE * self.logit_range


def compare_outputs(
    official: DepthAnythingForDepthEstimation,
    converted: DepthAnythingForDepthEstimation,
    sizes: tuple[tuple[int, int], ...] = DEFAULT_SIZES,
) -> list[Comparison]:
    """The largest difference of the two networks' outputs at each size, on the same noise."""
    return [_compared(official, converted, size) for size in tqdm(sizes, desc="Comparing", leave=False, delay=1)]


@contextmanager
def swapped_tensor(model: DepthAnythingForDepthEstimation) -> Iterator[str]:
    """The model with one tensor swapped for another of its shape while the block runs; gives the two names.

    Raises:
        ValueError: all pairs of tensors of one shape are equal, so that no swap would be one.
    """
    # From the output backwards: what is near it shows in every network, even in one with random weights.
    tensors = [(name, tensor) for name, tensor in model.named_parameters() if tensor.ndim > 1][::-1]
    pairs = itertools.combinations(tensors, 2)
    swaps = ((one, other) for one, other in pairs if one[1].shape == other[1].shape and not one[1].equal(other[1]))
    if (swap := next(swaps, None)) is None:
        raise ValueError("the network has no two different tensors of one shape to swap")
    (name, tensor), (other_name, other_tensor) = swap
    kept = tensor.detach().clone()
    with torch.no_grad():
        tensor.copy_(other_tensor)
    try:
        yield f"{name} taken from {other_name}"
    finally:
        with torch.no_grad():
            tensor.copy_(kept)


def main(argv: list[str] | None = None) -> int:
    """Compares, prints, and returns 0 where the outputs agree and the negative control is noticed, else 1."""
    parser = argparse.ArgumentParser(prog="compare_outputs.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("official", metavar="OFFICIAL", type=Path, help="weights file of the official code")
    parser.add_argument("converted", metavar="CONVERTED", help="folder or Hub id that came of it")
    parser.add_argument(
        "--sizes", nargs="+", type=_size, default=DEFAULT_SIZES, metavar="HxW", help="input sizes, multiples of 14"
    )
    arguments = parser.parse_args(argv)
    disable_progress_bar()  # of loading weights, which takes a moment
    try:
        converted = load_model(find_checkpoint(arguments.converted), torch.float32)
        # The file does not say what it is of; the converted configuration does, and must fit its tensors.
        official = DepthAnythingForDepthEstimation.from_official(arguments.official, config=converted.config).float()
    except CheckpointError as error:
        print(f"compare_outputs.py: {error}", file=sys.stderr)
        return EXIT_FAILED
    sizes = tuple(arguments.sizes)
    results = compare_outputs(official, converted, sizes)
    for result in results:
        print(_line(result))
    try:
        with swapped_tensor(converted) as swap:
            control = compare_outputs(official, converted, sizes[:1])[0]
    except ValueError as error:
        print(f"FAILED: no negative control: {error}")
        return EXIT_FAILED
    print(f"negative control, {swap}: {_line(control)}")
    if control.agrees:
        print("FAILED: the negative control was not noticed, so agreement means nothing here")
        return EXIT_FAILED
    if not all(result.agrees for result in results):
        print("FAILED: the outputs differ")
        return EXIT_FAILED
    print("equal outputs, and the negative control was noticed")
    return EXIT_GOOD


@torch.inference_mode()
def _compared(
    official: DepthAnythingForDepthEstimation, converted: DepthAnythingForDepthEstimation, size: tuple[int, int]
) -> Comparison:
    generator = torch.Generator().manual_seed(size[0] * 1000 + size[1])
    pixel_values = torch.randn((BATCH_SIZE, 3, *size), generator=generator)
    expected_depth, expected = _depth_and_logits(official, pixel_values)
    found_depth, found = _depth_and_logits(converted, pixel_values)
    return Comparison(
        size,
        depth_difference=float((expected_depth - found_depth).abs().max()),
        logit_difference=float((expected - found).abs().max()),
        logit_range=float(expected.max() - expected.min()),
    )


def _depth_and_logits(model: DepthAnythingForDepthEstimation, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
    logits: list[Tensor] = []
    hook = model.head.conv3.register_forward_hook(lambda _module, _inputs, output: logits.append(output))
    try:
        depth = model(pixel_values).predicted_depth
    finally:
        hook.remove()
    return depth, logits[0]


def _line(result: Comparison) -> str:
    height, width = result.size
    return (
        f"{height}x{width}: largest difference {result.depth_difference:.3g}; before the last activation "
        f"{result.logit_difference:.3g} of a range of {result.logit_range:.3g}: "
        f"{'agrees' if result.agrees else 'DIFFERS'}"
    )


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    sides = (height, width)
    if not all(side.isdecimal() and int(side) > 0 and int(side) % PATCH_SIZE == 0 for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 518x686, multiples of {PATCH_SIZE}")
    return int(height), int(width)


if __name__ == "__main__":
    sys.exit(main())
