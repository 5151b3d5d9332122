"""Writes the gradients of a student's step: of the whole batch in one process, and of halves of it in two.

python gradients_of_ranks.py FOLDER
"""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from depth_anything import demonstration
from depth_anything.modeling_depth_anything import DepthAnythingBackbone, DepthAnythingForDepthEstimation
from depth_anything.training.augmentation import TeacherView
from depth_anything.training.cutmix import CutMixSettings, drawn_box
from depth_anything.training.loss_settings import V2_LOSSES
from depth_anything.training.pseudo_labels import Teacher
from depth_anything.training.pseudo_targets import LiveTargets
from depth_anything.training.student_preparation import ReferenceEncoder, StudentPreparation
from depth_anything.training.tasks import StudentTask
from depth_anything.training.training_batch import TrainingBatch

NUM_RANKS, NUM_LABELLED, NUM_UNLABELLED, SIZE = 2, 4, 8, 56


def raw_batch() -> dict[str, dict[str, torch.Tensor]]:
    """The whole batch, the same in every process; images have as many valid pixels as they like."""
    generator = torch.Generator().manual_seed(1)
    shares = torch.linspace(0.2, 1.0, NUM_LABELLED)[:, None, None]
    boxes = [
        drawn_box(SIZE, CutMixSettings(probability=0.7), np.random.default_rng(seed)) for seed in range(NUM_UNLABELLED)
    ]
    return {
        "labelled": {
            "pixel_values": torch.randn(NUM_LABELLED, 3, SIZE, SIZE, generator=generator),
            "labels": torch.rand(NUM_LABELLED, SIZE, SIZE, generator=generator),
            "valid_mask": torch.rand(NUM_LABELLED, SIZE, SIZE, generator=generator) < shares,
        },
        "unlabelled": {
            "pixel_values": torch.randn(NUM_UNLABELLED, 3, SIZE, SIZE, generator=generator),
            "strong_pixel_values": torch.randn(NUM_UNLABELLED, 3, SIZE, SIZE, generator=generator),
            "mix_box": torch.stack([box.to_tensor() for box in boxes]),
        },
    }


def student_step() -> tuple[StudentTask, StudentPreparation]:
    """The same networks in every process."""
    torch.manual_seed(0)
    student, teacher = (DepthAnythingForDepthEstimation(demonstration.tiny_config()) for _ in range(2))
    wider = demonstration.tiny_config().backbone_config
    wider.hidden_size = 48
    reference = ReferenceEncoder(DepthAnythingBackbone(wider))
    prepare = StudentPreparation(LiveTargets(Teacher(teacher), view=TeacherView.CROP), reference)
    return StudentTask(student, V2_LOSSES, reference.width).train(), prepare


def gradients(task: torch.nn.Module, batch: TrainingBatch) -> dict[str, torch.Tensor | None]:
    task(batch)["loss"].backward()
    return {name.removeprefix("module."): parameter.grad for name, parameter in task.named_parameters()}


def run_rank(rank: int, folder: Path) -> None:
    """Writes the gradients that this rank has once they are averaged; rank 0 those of the whole batch too."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", store=dist.FileStore(str(folder / "store"), NUM_RANKS), rank=rank, world_size=NUM_RANKS
    )
    task, prepare = student_step()
    half = {
        side: {name: values.chunk(NUM_RANKS)[rank] for name, values in entries.items()}
        for side, entries in raw_batch().items()
    }
    wrapped = DistributedDataParallel(task)
    torch.save(gradients(wrapped, prepare(half)), folder / f"{rank}.pt")
    if rank == 0:
        alone, prepare = student_step()
        torch.save(gradients(alone, prepare(raw_batch())), folder / "whole.pt")
    # The wrapper has to go before its process group: if it goes last, it takes the group down while it holds the
    # interpreter's lock, for which the group's thread may be waiting to give back the last reduction.
    del wrapped
    dist.barrier()
    dist.destroy_process_group()


def main() -> int:
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=run_rank, args=(rank, Path(sys.argv[1]))) for rank in range(NUM_RANKS)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    return int(any(rank.exitcode for rank in ranks))


if __name__ == "__main__":
    sys.exit(main())
