"""A training run without a model: two ranks in step, two workers each, that saves its place and logs its batches.

    python resumable_run.py DATA OUT --num_batches 60

Launched again with the same OUT it goes on from OUT/state.json, whatever ended it before. OUT/log-RANK.txt has a line
for every batch that a rank was given, OUT/pid-RANK.txt the rank's process, OUT/faults-RANK.json what failed in all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from depth_anything.training.corpora.blocks import RawBlocks
from depth_anything.training.corpora.own_pairs import ImageDepthTreeReader
from depth_anything.training.corpora.pictures import PicturesReader
from depth_anything.training.corpora.sample import RawSample
from depth_anything.training.corpora.sample_decoding import decode_sample
from depth_anything.training.example_batches import stack_sides
from depth_anything.training.mixture import Mixture
from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_settings import StreamSettings

NUM_RANKS = 2
BATCHES_PER_SAVE = 4
SECONDS_PER_BATCH = 0.02


def cropped(raw: RawSample, rng_seed: int) -> dict[str, Tensor]:
    """A random crop, flipped at random, with random noise: all of it from the seed."""
    sample = decode_sample(raw)
    generator = torch.Generator().manual_seed(rng_seed)
    top, left, flips = (int(torch.randint(high, (), generator=generator)) for high in (8, 8, 2))
    planes = [torch.from_numpy(sample.image).float()]
    if sample.label is not None:
        planes.append(torch.from_numpy(sample.label)[..., None])
    crop = torch.cat(planes, dim=-1)[top : top + 14, left : left + 14]
    crop = crop.flip(1) if flips else crop
    return {"crop": crop + torch.rand(crop.shape, generator=generator)}


def open_stream(data: Path, rank: int, start_method: str) -> TrainingStream[dict[str, dict[str, Tensor]]]:
    near = RawBlocks(ImageDepthTreeReader("near", data / "near"), rows_per_block=4)
    far = RawBlocks(ImageDepthTreeReader("far", data / "far"), rows_per_block=4)
    flat = RawBlocks(PicturesReader("flat", data / "flat"), rows_per_block=8)
    settings = StreamSettings(
        labelled=Mixture(sources=(near, far), weights={"near": 0.3, "far": 0.7}),
        unlabelled=Mixture(sources=(flat,)),
        num_labelled=2,
        num_unlabelled=4,
        seed=11,
        rank=rank,
        world_size=NUM_RANKS,
        num_workers=2,
        max_failed_share=0.5,
        start_method=start_method,
    )
    return TrainingStream(settings, transform=cropped, collate=stack_sides)


def digest_of(batch: dict[str, dict[str, Tensor]]) -> str:
    return hashlib.sha256(b"".join(side["crop"].numpy().tobytes() for side in batch.values())).hexdigest()


def save(stream: TrainingStream[dict[str, dict[str, Tensor]]], path: Path) -> None:
    """The places of all ranks in one file that is there whole or not at all."""
    states: list[dict[str, object]] = [{}] * NUM_RANKS
    dist.all_gather_object(states, stream.state_dict())
    if stream.settings.rank == 0:
        part = path.with_suffix(".part")
        part.write_text(json.dumps(states))
        part.replace(path)


def train(rank: int, data: Path, out: Path, num_batches: int, store: str) -> None:
    (out / f"pid-{rank}.txt").write_text(str(os.getpid()))
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=NUM_RANKS)
    state = out / "state.json"
    with open_stream(data, rank, "fork") as stream, (out / f"log-{rank}.txt").open("a") as log:
        if state.exists():
            stream.load_state_dict(json.loads(state.read_text())[rank])
        while stream.num_given < num_batches:
            batch = next(stream)
            log.write(f"{stream.num_given} {digest_of(batch)}\n")
            log.flush()
            dist.all_reduce(torch.ones(1))  # where gradients would be
            time.sleep(SECONDS_PER_BATCH)
            if stream.num_given % BATCHES_PER_SAVE == 0:
                save(stream, state)
        faults = {name: asdict(counts) for name, counts in stream.faults.items()}
        (out / f"faults-{rank}.json").write_text(json.dumps(faults))
    dist.destroy_process_group()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--num_batches", type=int, required=True)
    args = parser.parse_args()
    args.out.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    store = str(args.out / f"store-{os.getpid()}")
    context = multiprocessing.get_context("fork")
    arguments = (args.data, args.out, args.num_batches, store)
    ranks = [context.Process(target=train, args=(rank, *arguments)) for rank in range(NUM_RANKS)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    return int(any(rank.exitcode for rank in ranks))


if __name__ == "__main__":
    sys.exit(main())
