"""Runs of the loop that are killed, stopped or fed with NaN, in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("trainable_run.py")
NUM_STEPS = 12
BATCHES_PER_STEP = 2


@contextlib.contextmanager
def started(out: Path, num_ranks: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={num_ranks}"] if num_ranks > 1 else []
    )
    command = [sys.executable, *launcher, str(SCRIPT), str(out), f"--num_steps={NUM_STEPS}", *options]
    with out.with_suffix(".errors").open("ab") as errors:
        process = subprocess.Popen(
            command, start_new_session=True, stdout=errors, stderr=errors, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        try:
            yield process
        finally:
            kill(process, out)
            process.wait()


def kill(process: subprocess.Popen[bytes], out: Path) -> None:
    """SIGKILL to the launcher and to the ranks, which it has put into sessions of their own."""
    for pid in (process.pid, *(int(path.read_text() or 0) for path in out.glob("pid-*.txt"))):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL) if pid == process.pid else os.kill(pid, signal.SIGKILL)
    for path in out.glob("pid-*.txt"):
        path.unlink()


def finished(out: Path, num_ranks: int, *options: str) -> int:
    """The exit code of a run that ends by itself."""
    with started(out, num_ranks, *options) as process:
        return process.wait(timeout=120)


def num_batches(out: Path) -> int:
    log = out / "log-0.txt"
    return len(log.read_text().splitlines()) if log.exists() else 0


def wait_for_batches(process: subprocess.Popen[bytes], out: Path, count: int) -> None:
    deadline = time.monotonic() + 90
    while num_batches(out) < count:
        assert process.poll() is None, out.with_suffix(".errors").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def end_of(out: Path, rank: int) -> dict[str, object]:
    end: dict[str, object] = json.loads((out / f"end-{rank}.json").read_text())
    end.pop("rates")  # reported by each launch for itself
    return end


def batches_of(out: Path, rank: int) -> set[str]:
    return {line for line in (out / f"log-{rank}.txt").read_text().splitlines() if len(line.split()[-1]) == 64}


@pytest.mark.slow
@pytest.mark.parametrize("num_ranks", [1, 2])
def test_a_training_killed_at_random_and_while_saving_ends_as_one_that_never_was(
    tmp_path: Path, num_ranks: int
) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert finished(straight, num_ranks) == 0, straight.with_suffix(".errors").read_text()

    with started(killed, num_ranks) as process:
        wait_for_batches(process, killed, random.randint(2 * BATCHES_PER_STEP + 1, 5 * BATCHES_PER_STEP))
        kill(process, killed)
    assert finished(killed, num_ranks, "--die_in_save=10") != 0
    names = sorted(path.name for path in (killed / "checkpoints").iterdir())
    assert names == ["step-00000006", "step-00000008", "step-00000010.partial"]
    assert finished(killed, num_ranks) == 0, killed.with_suffix(".errors").read_text()

    for rank in range(num_ranks):
        assert end_of(killed, rank) == end_of(straight, rank)
        assert batches_of(killed, rank) == batches_of(straight, rank)
    assert num_batches(killed) > num_batches(straight)  # some steps were done, lost and done again
    assert sorted(path.name for path in (killed / "checkpoints").iterdir()) == ["step-00000010", "step-00000012"]


@pytest.mark.slow
def test_sigterm_saves_and_ends_well_and_the_run_goes_on_from_there(tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    with started(out, 2, "--save_every=0") as process:
        wait_for_batches(process, out, 2 * BATCHES_PER_STEP)
        os.kill(int((out / "pid-1.txt").read_text()), signal.SIGTERM)  # one rank is told, all stop
        assert process.wait(timeout=60) == 0, out.with_suffix(".errors").read_text()
    ends = [json.loads((out / f"end-{rank}.json").read_text()) for rank in (0, 1)]
    assert [end["was_stopped"] for end in ends] == [True, True]
    assert 0 < ends[0]["step"] == ends[1]["step"] < NUM_STEPS
    assert [path.name for path in (out / "checkpoints").iterdir()] == [f"step-{ends[0]['step']:08d}"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_reaches_the_workers_of_the_stream_too_saves_and_ends_well(
    tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "stopped"
    with started(out, 1, "--save_every=0", "--num_workers=2") as process:
        wait_for_batches(process, out, 2 * BATCHES_PER_STEP)
        os.killpg(process.pid, number)  # as torchrun sends it, and a terminal
        assert process.wait(timeout=60) == 0, out.with_suffix(".errors").read_text()
    end = json.loads((out / "end-0.json").read_text())
    assert end["was_stopped"]
    assert [path.name for path in (out / "checkpoints").iterdir()] == [f"step-{end['step']:08d}"]


@pytest.mark.slow
def test_all_ranks_leave_out_a_step_in_which_one_of_them_had_nan_and_rates_do_not_depend_on_ranks(
    tmp_path: Path,
) -> None:
    out, alone = tmp_path / "two", tmp_path / "one"
    assert finished(out, 2, "--bad_steps", "3", "7", "--bad_rank=1") == 0, out.with_suffix(".errors").read_text()
    assert finished(alone, 1) == 0
    ends = [json.loads((out / f"end-{rank}.json").read_text()) for rank in (0, 1)]
    assert [end["skipped"] for end in ends] == [2, 2]
    assert ends[0]["weights"] == ends[1]["weights"]
    rates = json.loads((alone / "end-0.json").read_text())["rates"]
    assert ends[0]["rates"] == ends[1]["rates"] == rates
    assert rates == pytest.approx([1e-3 * (NUM_STEPS - step) / NUM_STEPS for step in range(1, NUM_STEPS + 1)])


@pytest.mark.slow
def test_a_run_whose_steps_are_never_finite_ends_with_a_reason(tmp_path: Path) -> None:
    out = tmp_path / "bad"
    assert finished(out, 1, "--bad_steps", *map(str, range(1, NUM_STEPS + 1))) == 1
    assert "10 steps in a row had a loss or a gradient that is not finite" in out.with_suffix(".errors").read_text()
