"""A training stream in Accelerate's checkpoints, which keep one file of what is registered, written by rank 0."""

from __future__ import annotations

from collections.abc import Mapping

from accelerate.utils import gather_object

from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_workers import Batch


class AllRanksState:
    """What `Accelerator.register_for_checkpointing` takes for a stream: the states of all ranks.

    Accelerate asks every rank for its state and keeps rank 0's, so each rank gathers those of all. Every rank must
    call both methods, as `save_state` and `load_state` do.

    Args:
        stream: of this rank.
    """

    def __init__(self, stream: TrainingStream[Batch]) -> None:
        self.stream = stream

    def state_dict(self) -> dict[str, object]:
        """The state of every rank, in their order.

        Raises:
            ValueError: the streams were not made for these ranks.
        """
        states = gather_object([self.stream.state_dict()])
        ranks = [state["rank"] for state in states]
        if ranks != list(range(self.stream.settings.world_size)):
            raise ValueError(
                f"{len(ranks)} processes have streams of the ranks {ranks} of {self.stream.settings.world_size}; make "
                "each with rank=accelerator.process_index and world_size=accelerator.num_processes"
            )
        for state in states:
            self.stream.settings.check_fingerprint(state["settings"])  # another node may have other files
        return {"ranks": states}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Load this rank's own.

        Raises:
            ValueError: the state is of another number of ranks, or of another stream.
        """
        ranks = state.get("ranks")
        world_size = self.stream.settings.world_size
        if not isinstance(ranks, list) or len(ranks) != world_size:
            saved = len(ranks) if isinstance(ranks, list) else "no"
            raise ValueError(
                f"the state was saved by {saved} ranks, this run has {world_size}; an exact resume needs the same "
                "number. Launch as many processes, or start the stream anew without the state"
            )
        self.stream.load_state_dict(ranks[self.stream.settings.rank])
