"""Images per second and memory of the student's step against a plain loop of equal arithmetic, in the same run.

    python tests/benchmarks/training.py [--size small] [--labelled 1] [--unlabelled 2] [--repeats 5] [--version 1]
    python tests/benchmarks/training.py --device cuda --size base --labelled 8 --unlabelled 16 --compile

data: examples of 1024x768 pictures in memory, with strong views; one process, no overlap with the step.
teacher: a live one of the same size as the student, on whole images.
student: frozen encoder's features, CutMix, forward, losses, backward and AdamW, from the teacher's maps on.
losses: all three alone, forward and backward, on given predictions and features.

The plain loop is transformers' own network with the same weights and images, whose losses go image by image and region
by region with boolean indexing; it never compiles, and keeps its weights as they are where ours has channels last on a
CPU, as the loop of training does. That both compute the same is checked before: the losses are
printed. Both take turns (A B A B ...); each row prints both medians and the median of the ratios with their range.
"""

from __future__ import annotations

import argparse
import sys

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode
from training_examples import make_examples, on_device
from training_steps import both_sides
from training_timing import compare, device_name, peak_mib, timed

from depth_anything.training.loss_settings import V1_LOSSES, V2_LOSSES

CROP = 518


def main() -> int:
    """Runs all rows."""
    arguments = parse_arguments()
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    losses = V1_LOSSES if arguments.version == 1 else V2_LOSSES
    examples = make_examples(arguments.labelled, arguments.unlabelled)
    raw = on_device(examples(), device)
    ours, theirs, describe = both_sides(arguments, raw, losses, device)
    print(f"ViT-{arguments.size}, V{arguments.version} losses, {arguments.labelled} labelled + {arguments.unlabelled} "
          f"unlabelled images at {CROP}, {device_name(device)}, {torch.get_num_threads()} threads, "
          f"{arguments.precision}, torch {torch.__version__}, transformers {transformers.__version__}")  # fmt: skip
    print(describe())
    num_images = arguments.labelled + arguments.unlabelled
    step = timed(examples, 3, device)
    print(f"{'data':<9} ours {step / num_images * 1000:8.1f} ms per image")
    seconds = {}
    for name in ("teacher", "student", "losses"):
        count = arguments.unlabelled if name == "teacher" else num_images
        repeats = arguments.repeats * (4 if name == "losses" else 1)
        seconds[name] = compare(name, getattr(theirs, name), getattr(ours, name), count, repeats, device)
    print(f"the losses take {seconds['losses'] / seconds['student']:.2%} of the student's step")
    for name, side in (("ours", ours), ("plain loop", theirs)):
        print(f"peak memory of the student's step, {name}: {peak_mib(side.student, device):.0f} MiB")
    if arguments.peak_tflops:
        with FlopCounterMode(display=False) as counter:
            ours.student()
        share = counter.get_total_flops() / seconds["student"] / (arguments.peak_tflops * 1e12)
        print(f"the student's step reaches {share:.1%} of {arguments.peak_tflops:g} TFLOP/s")
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("small", "base", "large"), default="small")
    parser.add_argument("--version", type=int, choices=(1, 2), default=1, help="whose losses")
    parser.add_argument("--labelled", type=int, default=1)
    parser.add_argument("--unlabelled", type=int, default=2, help="even")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="default: bfloat16 on a GPU")
    parser.add_argument("--compile", action="store_true", help="compile our task; the plain loop never is")
    parser.add_argument("--peak_tflops", type=float, help="of the device and precision: 989 for an H100 in bfloat16")
    arguments = parser.parse_args()
    arguments.precision = arguments.precision or ("float32" if arguments.device == "cpu" else "bfloat16")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
