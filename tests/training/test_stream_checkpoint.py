"""All ranks' states in one checkpoint of Accelerate, on two processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from accelerate import Accelerator, debug_launcher
from accelerate.state import AcceleratorState
from torch import Tensor

from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_checkpoint import AllRanksState

NumberedStream = Callable[..., TrainingStream[dict[str, dict[str, Tensor]]]]
Take = Callable[..., list[tuple[list[int], list[int]]]]


def save_and_resume(numbered_stream: NumberedStream, take: Take, folder: Path) -> None:
    """What each of the two processes does; ranks fail at different samples, so that their places differ."""
    # Where another test has made an Accelerator, this process inherits its state of a single one.
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(cpu=True)
    assert accelerator.num_processes == 2
    layout = {"rank": accelerator.process_index, "world_size": 2, "num_workers": 2}
    with numbered_stream(**layout) as stream:
        assert accelerator.prepare(stream) is stream  # so that one by mistake does no harm
        accelerator.register_for_checkpointing(AllRanksState(stream))
        take(stream, 25)
        accelerator.save_state(str(folder))
        expected = take(stream, 25)
        states = AllRanksState(stream).state_dict()["ranks"]
    assert isinstance(states, list)
    assert [state["rank"] for state in states] == [0, 1]
    assert states[0]["workers"] != states[1]["workers"]
    accelerator.load_state(str(folder))  # into the stream that went on
    with stream:
        assert take(stream, 25) == expected

    alone = AllRanksState(numbered_stream(num_workers=2))
    with pytest.raises(ValueError, match=r"2 processes have streams of the ranks \[0, 0\] of 1; make each with rank="):
        alone.state_dict()
    differs = AllRanksState(numbered_stream(**layout, seed=accelerator.process_index))
    with pytest.raises(ValueError, match="seed"):
        differs.state_dict()


def test_a_checkpoint_of_accelerate_resumes_every_rank(
    numbered_stream: NumberedStream, take: Take, tmp_path: Path
) -> None:
    debug_launcher(save_and_resume, (numbered_stream, take, tmp_path), num_processes=2)


def test_a_checkpoint_of_another_number_of_ranks_is_refused(numbered_stream: NumberedStream) -> None:
    stream = numbered_stream()
    state = {"ranks": [stream.state_dict()]}  # not gathered: this process would be one of Accelerate's from then on
    with pytest.raises(ValueError, match="the state was saved by 1 ranks, this run has 2; an exact resume needs"):
        AllRanksState(numbered_stream(world_size=2)).load_state_dict(state)
    with pytest.raises(ValueError, match="the state was saved by no ranks, this run has 1"):
        AllRanksState(stream).load_state_dict({"model": 0})
