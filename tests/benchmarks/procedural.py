"""Scenes per second of the embedded corpus, on one thread.

    taskset -c 0 python tests/benchmarks/procedural.py [--size 224 224] [--scenes 100] [--repeats 3]

For each domain: the median and the mean over the scenes, each scene at the best of its repeats, which takes out what
other programs did meanwhile; and the slowest tenth. Feeding a training run depends on the mean.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from depth_anything.training.corpora.procedural import DOMAINS, render_scene


def main() -> int:
    """Prints one row per domain."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=(224, 224), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    size = (arguments.size[0], arguments.size[1])
    for domain in DOMAINS:
        render_scene(domain, 0, size=size)  # builds the tables
        seconds = sorted(best_time(domain, index, size, arguments.repeats) for index in range(arguments.scenes))
        slowest = seconds[-max(len(seconds) // 10, 1)]
        print(
            f"{domain:<12} {size[0]}x{size[1]}   median {1 / statistics.median(seconds):6.1f} images/s   "
            f"mean {1 / statistics.mean(seconds):6.1f} images/s   slowest tenth from {1000 * slowest:5.1f} ms"
        )
    return 0


def best_time(domain: str, index: int, size: tuple[int, int], repeats: int) -> float:
    """Seconds for one scene."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        render_scene(domain, index, size=size)
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    sys.exit(main())
