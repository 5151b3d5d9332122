"""Time to score 1,000 images of 480x640, against a loop of NumPy over the images in the same run.

    python tests/benchmarks/evaluation.py [--images 1000] [--batch 8] [--rounds 5] [--threads 2]

Both align each image by least squares with scale and shift in disparity, invert, floor at 1/80 and take the nine
metrics in float64. The loop is the straightforward one: numpy.linalg.lstsq on the valid pixels, then one expression
per metric. Ours runs compiled, and, timed beside it, as it stands without a compiler.

The images are split into rounds in which the three take turns, so a drift of the machine hits all of them; printed are
the whole times and the median of the rounds' ratios with their range. The first call of each is left out of the times
and printed: it compiles. Beside them stands processor time, of all threads together: on a machine that others use,
threads wait for one another, and `--threads 1` with its ratio of processor times is what can be trusted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from tqdm import tqdm

from depth_anything.training.evaluation.row_sums import RowPass
from depth_anything.training.evaluation.scoring import score_images
from depth_anything.training.evaluation.scoring_rule import Alignment, PredictionKind, ScoringRule

HEIGHT, WIDTH = 480, 640
CAP_M = 80.0
RULE = ScoringRule(alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=CAP_M, clips_prediction=False)
METRIC_NAMES = ("abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "delta1", "delta2", "delta3")
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Values = dict[str, np.ndarray]


def main() -> int:
    """Checks that all ways agree, then times them."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    batch = drawn_batch(arguments.batch)
    ways: dict[str, Callable[[], Values]] = {
        "NumPy loop": lambda: numpy_values(batch),
        "eager": lambda: our_values(batch, RowPass.EAGER),
        "compiled": lambda: our_values(batch, RowPass.COMPILED),
    }
    print(f"torch {torch.__version__}, NumPy {np.__version__}, {arguments.threads} threads, batches of "
          f"{arguments.batch}; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")  # fmt: skip
    first: dict[str, Values] = {}
    for name, way in ways.items():
        start = time.perf_counter()
        first[name] = way()
        print(f"first call, {name:<10} {time.perf_counter() - start:7.2f} s")
    for name in ("eager", "compiled"):
        for metric in METRIC_NAMES:
            np.testing.assert_allclose(first[name][metric], first["NumPy loop"][metric], rtol=1e-9)
    num_batches = max(arguments.images // arguments.batch // arguments.rounds, 1)
    num_images = num_batches * arguments.rounds * arguments.batch
    for clock, times in zip(("wall", "processor"), timed_rounds(ways, num_batches, arguments.rounds), strict=True):
        for name, seconds in times.items():
            ratios = [theirs / ours for theirs, ours in zip(times["NumPy loop"], seconds, strict=True)]
            print(f"{clock:<9} {name:<10} {sum(seconds):8.2f} s for {num_images} images, "
                  f"{1000 * sum(seconds) / num_images:7.2f} ms each; {statistics.median(ratios):6.2f} times as fast "
                  f"as the loop ({min(ratios):.2f}..{max(ratios):.2f})")  # fmt: skip
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


Times = dict[str, list[float]]


def timed_rounds(ways: dict[str, Callable[[], Values]], num_batches: int, num_rounds: int) -> tuple[Times, Times]:
    """Seconds per round of each way, in turns: on the wall and of the processor."""
    wall: Times = {name: [] for name in ways}
    processor: Times = {name: [] for name in ways}
    for _ in tqdm(range(num_rounds), desc="rounds", leave=False):
        for name, way in ways.items():
            start = time.perf_counter(), time.process_time()
            for _ in range(num_batches):
                way()
            wall[name].append(time.perf_counter() - start[0])
            processor[name].append(time.process_time() - start[1])
    return wall, processor


def drawn_batch(num_images: int) -> Batch:
    """Prediction in float32, true depth in float32 and a mask of four fifths of the pixels; (B, 480, 640) each."""
    generator = torch.Generator().manual_seed(0)
    shape = (num_images, HEIGHT, WIDTH)
    depth_m = 1 + 9 * torch.rand(shape, generator=generator)
    prediction = 3 * (1 / depth_m + 0.02 * torch.randn(shape, generator=generator)) + 2
    return prediction, depth_m, torch.rand(shape, generator=generator) < 0.8


def our_values(batch: Batch, row_pass: RowPass) -> Values:
    """The package's way."""
    scores = score_images(*batch, PredictionKind.RELATIVE_DISPARITY, RULE, row_pass=row_pass)
    return {name: scores.values[name].numpy() for name in METRIC_NAMES}


def numpy_values(batch: Batch) -> Values:
    """The peer: an image at a time, a metric at a time."""
    images = [numpy_image(*(maps.numpy() for maps in image)) for image in zip(*batch, strict=True)]
    return {name: np.array([values[name] for values in images]) for name in METRIC_NAMES}


def numpy_image(prediction: np.ndarray, depth_m: np.ndarray, valid: np.ndarray) -> dict[str, float]:
    """The nine metrics of one image after numpy.linalg.lstsq in disparity."""
    p, g = prediction[valid].astype(np.float64), depth_m[valid].astype(np.float64)
    scale, shift = np.linalg.lstsq(np.stack([p, np.ones_like(p)], 1), 1 / g, rcond=None)[0]
    d = 1 / np.maximum(scale * p + shift, 1 / CAP_M)
    error = np.log(d) - np.log(g)
    off_by = np.maximum(d / g, g / d)
    return {
        "abs_rel": np.mean(np.abs(d - g) / g),
        "sq_rel": np.mean((d - g) ** 2 / g),
        "rmse": np.sqrt(np.mean((d - g) ** 2)),
        "rmse_log": np.sqrt(np.mean(error**2)),
        "log10": np.mean(np.abs(np.log10(d) - np.log10(g))),
        "silog": 100 * np.sqrt(np.mean(error**2) - np.mean(error) ** 2),
        "delta1": np.mean(off_by < 1.25),
        "delta2": np.mean(off_by < 1.25**2),
        "delta3": np.mean(off_by < 1.25**3),
    }


if __name__ == "__main__":
    sys.exit(main())
