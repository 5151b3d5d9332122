"""A small training that logs its batches and ends with digests of all that it holds; to be killed and launched again.

    python trainable_run.py OUT --num_steps 12 [--die_in_save 6] [--bad_step 3 --bad_rank 1]

Under `torch.distributed.run` it has several ranks. It goes on from the newest checkpoint in OUT. OUT/log-RANK.txt has
a line for every batch that reached the task, OUT/pid-RANK.txt the rank's process, OUT/end-RANK.json what came out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation
from depth_anything.training import checkpoints
from depth_anything.training.augmentation import TrainingTransform, TransformSettings
from depth_anything.training.corpora.procedural_blocks import ProceduralBlocks
from depth_anything.training.example_batches import normalise_on_device, stack_sides
from depth_anything.training.loop import TrainingError, train
from depth_anything.training.loop_settings import LoopSettings
from depth_anything.training.loop_setup import make_accelerator
from depth_anything.training.loss_settings import LossSettings
from depth_anything.training.mixture import Mixture
from depth_anything.training.optimisation import OptimiserSettings
from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_settings import StreamSettings
from depth_anything.training.tasks import TeacherTask
from depth_anything.training.training_batch import TrainingBatch

SIZE = 28


def tiny_model() -> DepthAnythingForDepthEstimation:
    """With stochastic depth, so that torch's own random numbers matter too."""
    torch.manual_seed(0)
    backbone = {"model_type": "dinov2", "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2}
    backbone |= {"out_indices": [1, 2, 3, 4], "image_size": SIZE, "patch_size": 14, "drop_path_rate": 0.2}
    backbone |= {"reshape_hidden_states": False}
    sizes = {"reassemble_hidden_size": 16, "neck_hidden_sizes": [4, 4, 4, 4], "fusion_hidden_size": 4}
    config = DepthAnythingConfig(backbone_config=backbone, head_hidden_size=4, **sizes)
    return DepthAnythingForDepthEstimation(config)


def digest_of(values: Any) -> str:
    """SHA-256 of all numbers in a state."""
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, Tensor):
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        elif isinstance(value, dict):
            for name in sorted(value, key=str):
                digest.update(str(name).encode())
                add(value[name])
        elif isinstance(value, list | tuple):
            for entry in value:
                add(entry)
        else:
            digest.update(repr(value).encode())

    add(values)
    return digest.hexdigest()


def die_in_save(step: int) -> None:
    """SIGKILL in the middle of saving that step."""
    bring_to_disk = checkpoints._bring_to_disk

    def bring(folder: Path) -> None:
        if f"{step:08d}" in folder.name:
            os.kill(os.getpid(), signal.SIGKILL)
        bring_to_disk(folder)

    checkpoints._bring_to_disk = bring


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--num_steps", type=int, required=True)
    parser.add_argument("--save_every", type=int, default=2)
    parser.add_argument("--num_workers", type=int, default=0)
    parser.add_argument("--die_in_save", type=int)
    parser.add_argument("--bad_steps", type=int, nargs="*", default=[])
    parser.add_argument("--bad_rank", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.die_in_save:
        die_in_save(arguments.die_in_save)
    settings = LoopSettings(
        num_steps=arguments.num_steps,
        accumulation_steps=2,
        log_every=1,
        save_every=arguments.save_every,
        ema_decay=0.9,
    )
    accelerator = make_accelerator(settings, cpu=True)
    rank = accelerator.process_index
    (arguments.out / f"pid-{rank}.txt").write_text(str(os.getpid()))
    stream = TrainingStream(
        StreamSettings(
            labelled=Mixture(
                sources=[ProceduralBlocks("labelled", size=(SIZE, SIZE), num_scenes=64, rows_per_block=8)]
            ),
            num_labelled=2,
            num_workers=arguments.num_workers,
            rank=rank,
            world_size=accelerator.num_processes,
        ),
        transform=TrainingTransform(TransformSettings(crop_size=SIZE, student_view=None)),
        collate=stack_sides,
    )
    task = TeacherTask(tiny_model(), LossSettings(feature_weight=0.0))
    log = (arguments.out / f"log-{rank}.txt").open("a")
    num_steps_seen = 0

    def prepare(raw: dict[str, Any]) -> TrainingBatch:
        nonlocal num_steps_seen
        side = normalise_on_device(raw["labelled"])
        log.write(f"{stream.num_given} {digest_of(side)}\n")
        log.flush()
        num_steps_seen = (stream.num_given + 1) // 2
        if num_steps_seen in arguments.bad_steps and rank == arguments.bad_rank:
            side["pixel_values"] = side["pixel_values"] * float("nan")
        return TrainingBatch(
            labelled_pixels=side["pixel_values"], labels=side["labels"], labels_valid=side["valid_mask"]
        )

    newest = checkpoints.Checkpoints(arguments.out / "checkpoints", accelerator, num_kept=2, identity={}).newest()
    try:
        outcome = train(
            task=task,
            prepare=prepare,
            stream=stream,
            accelerator=accelerator,
            optimiser_settings=OptimiserSettings(encoder_lr=1e-3, decoder_lr=1e-2),
            settings=settings,
            folder=arguments.out / "checkpoints",
            resume_from=newest,
        )
    except TrainingError as error:
        print(error, file=sys.stderr)
        return 1
    end = {
        "step": outcome.progress.step,
        "skipped": outcome.progress.num_skipped,
        "was_stopped": outcome.was_stopped,
        "rates": [entry["encoder_lr"] for entry in outcome.history],
        "weights": digest_of(task.state_dict()),
        "average": digest_of(outcome.model.state_dict()),
        "optimiser": digest_of(accelerator._optimizers[0].state_dict()),
        "random": digest_of(torch.get_rng_state()),
    }
    (arguments.out / f"end-{rank}.json").write_text(json.dumps(end))
    accelerator.end_training()
    return 0


if __name__ == "__main__":
    sys.exit(main())
