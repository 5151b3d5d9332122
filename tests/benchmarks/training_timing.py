"""Times in turns, and peak memory, of steps on a device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm import tqdm


def timed(step: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Median seconds of a step."""
    measured = []
    for _ in range(repeats):
        wait_for(device)
        start = time.perf_counter()
        step()
        wait_for(device)
        measured.append(time.perf_counter() - start)
    return statistics.median(measured)


def compare(
    name: str,
    theirs: Callable[[], object],
    ours: Callable[[], object],
    num_images: int,
    repeats: int,
    device: torch.device,
) -> float:
    """Prints one row, measured in turns after one warm-up of each; our median seconds."""
    theirs(), ours()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in tqdm(range(repeats), desc=name, leave=False):
        for step, measured in zip((theirs, ours), times, strict=True):
            measured.append(timed(step, 1, device))
    ratios = [a / b for a, b in zip(*times, strict=True)]
    plain, mine = (statistics.median(measured) for measured in times)
    print(f"{name:<9} ours {mine / num_images * 1000:8.1f} ms per image, {num_images / mine:7.2f} images/s   plain "
          f"{plain / num_images * 1000:8.1f} ms, {num_images / plain:7.2f} images/s   ours is "
          f"{statistics.median(ratios):.2f} times as fast ({min(ratios):.2f}..{max(ratios):.2f})")  # fmt: skip
    return mine


def wait_for(device: torch.device) -> None:
    """Until the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak_mib(step: Callable[[], object], device: torch.device) -> float:
    """Highest memory during one step: allocated on a GPU, resident of this process on Linux otherwise."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        step()
        return torch.cuda.max_memory_allocated() / 2**20
    Path("/proc/self/clear_refs").write_text("5")  # the highest size is the present one again
    step()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmHWM")


def device_name(device: torch.device) -> str:
    """The GPU's name, or "CPU"."""
    return torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
