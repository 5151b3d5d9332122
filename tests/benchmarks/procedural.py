"""Scenes per second of the embedded corpus, on one thread.

    taskset -c 0 python tests/benchmarks/procedural.py [--size 224 224] [--scenes 100] [--rounds 10]

For each domain: the median and the mean over the scenes, each scene at its best round, which takes out what others did
meanwhile; and the slowest tenth. Feeding a training run depends on the mean. All domains are gone through in every
round, so that the rounds of a scene lie seconds apart: on a rented core a neighbour can halve the speed for that long.
The last column is the median of the scenes' own medians over the rounds: with the neighbours that there were.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from tqdm import tqdm

from depth_anything.training.corpora.procedural import DOMAINS, render_scene


def main() -> int:
    """Prints one row per domain."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=(224, 224), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    size = (arguments.size[0], arguments.size[1])
    seconds = {domain: np.empty((arguments.rounds, arguments.scenes)) for domain in DOMAINS}
    for domain in DOMAINS:
        render_scene(domain, 0, size=size)  # builds the tables
    for number in tqdm(range(arguments.rounds), unit="round", leave=False):
        for domain in DOMAINS:
            seconds[domain][number] = [scene_seconds(domain, index, size) for index in range(arguments.scenes)]
    for domain, times in seconds.items():
        best = times.min(axis=0)
        print(
            f"{domain:<12} {size[0]}x{size[1]}   median {1 / np.median(best):6.1f} images/s   "
            f"mean {1 / best.mean():6.1f} images/s   slowest tenth from {1000 * np.quantile(best, 0.9):5.1f} ms   "
            f"beside others {1 / np.median(np.median(times, axis=0)):6.1f} images/s"
        )
    return 0


def scene_seconds(domain: str, index: int, size: tuple[int, int]) -> float:
    """How long one scene takes."""
    start = time.perf_counter()
    render_scene(domain, index, size=size)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
