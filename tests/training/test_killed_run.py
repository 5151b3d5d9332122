"""The proof of exact resume: a run that is killed again and again gives the batches of one that never was."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice, pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

NUM_BATCHES = 40
RANKS = (0, 1)
SCRIPT = Path(__file__).with_name("resumable_run.py")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two labelled corpora, the one small, and an unlabelled one; some of their files are damaged."""
    rng = np.random.default_rng(0)

    def picture() -> bytes:
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).save(file, "PNG")
        return file.getvalue()

    folder = tmp_path / "data"
    for corpus, num_pairs in (("near", 9), ("far", 30)):
        for part in ("images", "depth"):
            (folder / corpus / part).mkdir(parents=True)
        for number in range(num_pairs):
            (folder / corpus / "images" / f"{number:02d}.png").write_bytes(picture())
            depth_m = rng.uniform(1, 9, (24, 32)).astype(np.float32)
            np.save(folder / corpus / "depth" / f"{number:02d}.npy", depth_m)
    (folder / "far" / "depth" / "07.npy").unlink()
    (folder / "flat").mkdir()
    for number in range(50):
        data = picture()
        (folder / "flat" / f"{number:02d}.png").write_bytes(data[:100] if number % 17 == 5 else data)
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, under a name by which spawned workers find it too."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    return importlib.import_module(SCRIPT.stem)


@contextlib.contextmanager
def started(data: Path, out: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The run in a session of its own, so that nothing of it is left at the end."""
    command = [sys.executable, str(SCRIPT), str(data), str(out), f"--num_batches={NUM_BATCHES}", *options]
    with (out.parent / "errors.txt").open("ab") as errors:
        process = subprocess.Popen(command, start_new_session=True, stderr=errors)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def log_of(out: Path, rank: int) -> list[tuple[int, str]]:
    """Number and digest of each batch that the rank was given, in the order of giving; cut lines are left out."""
    path = out / f"log-{rank}.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = [line.split() for line in lines]
    return [(int(pair[0]), pair[1]) for pair in pairs if len(pair) == 2 and len(pair[1]) == 64]


def kill_after(process: subprocess.Popen[bytes], out: Path, num_batches: int, one_rank: int | None) -> None:
    """SIGKILL, a random moment after so many more batches: to all processes at once, or to one rank."""
    before = len(log_of(out, 0))
    deadline = time.monotonic() + 60
    while len(log_of(out, 0)) < before + num_batches:
        assert process.poll() is None, (out.parent / "errors.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(random.uniform(0.001, 0.02))
    if one_rank is None:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        os.kill(int((out / f"pid-{one_rank}.txt").read_text()), signal.SIGKILL)
        assert process.wait(timeout=30) == 1  # the other rank does not wait for ever


@pytest.mark.slow
def test_a_run_killed_at_random_points_gives_the_batches_of_an_uninterrupted_one(
    data: Path, tmp_path: Path, run: ModuleType
) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    saved = []
    for one_rank in (None, 1, None):
        with started(data, killed) as process:
            kill_after(process, killed, random.randint(5, 11), one_rank)
        saved.append(json.loads((killed / "state.json").read_text())[0]["num_given"])
    with started(data, killed) as process:
        assert process.wait(timeout=120) == 0, (tmp_path / "errors.txt").read_text()

    for rank in RANKS:
        with run.open_stream(data, rank, "fork") as stream:
            expected = [(stream.num_given, run.digest_of(batch)) for batch in islice(stream, NUM_BATCHES)]
            faults = {name: asdict(counts) for name, counts in stream.faults.items()}
        given = log_of(killed, rank)
        assert set(given) == set(expected), f"rank {rank}"
        starts = [new for (old, _), (new, _) in pairwise(given) if new != old + 1]
        assert set(starts) <= {number + 1 for number in saved}
        assert json.loads((killed / f"faults-{rank}.json").read_text()) == faults
        assert faults["flat"]["num_failed"]["damaged_image"] > 0
    assert saved == sorted(saved)
    assert 0 < saved[0] < saved[-1] < NUM_BATCHES
    assert len(log_of(killed, 0)) + len(log_of(killed, 1)) > 2 * NUM_BATCHES  # some were given, lost and made again


@pytest.mark.slow
def test_spawned_workers_give_the_batches_of_forked_ones(data: Path, run: ModuleType) -> None:
    digests = []
    for start_method in ("fork", "spawn"):
        with run.open_stream(data, 0, start_method) as stream:
            digests.append([run.digest_of(batch) for batch in islice(stream, 6)])
    assert digests[0] == digests[1]
