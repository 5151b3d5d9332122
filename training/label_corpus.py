"""Pseudo labels for an unlabelled corpus: a teacher's disparity, in Parquet shards that a student streams.

    accelerate launch training/label_corpus.py places365 --root /data/places365 --out /data/labelled/places365 \
        --teacher depth-anything/Depth-Anything-V2-Large-hf --sky --precision bfloat16

`python -m depth_anything.training.label_corpus` is the same for one process.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers.utils.logging import disable_progress_bar

from depth_anything.checkpoint_loading import resolve_device
from depth_anything.checkpoint_lookup import CheckpointError
from depth_anything.command_errors import EXIT_GOOD, UsageError
from depth_anything.training.corpora.command_line import (
    add_corpus_arguments,
    corpus_of,
    positive_count,
    positive_number,
    reported_exit_code,
    share,
)
from depth_anything.training.corpora.shard_blocks import HUB_PREFIX
from depth_anything.training.corpora.shard_hub_store import open_repository
from depth_anything.training.corpora.shard_manifest import Manifest, ShardRecord
from depth_anything.training.corpora.shard_stores import LocalFolder, ShardStore, open_folder
from depth_anything.training.crop_geometry import PATCH_SIZE
from depth_anything.training.evaluation.processes import LaunchError, Processes, joined_processes
from depth_anything.training.label_building import LabelBuilding
from depth_anything.training.label_maker import LabelMaker
from depth_anything.training.label_plan import LabelPlan, LabelRequest
from depth_anything.training.label_source import LabelSource, raw_source, shard_source
from depth_anything.training.pseudo_labels import PRECISIONS, Teacher
from depth_anything.training.teacher_loading import DEFAULT_SKY_MODEL, load_sky_segmenter, load_teacher

PROGRAM = "label_corpus"
MAX_DEFAULT_THREADS = 16
PATIENCE = datetime.timedelta(days=14)  # for the slowest process; a launcher ends all when one dies
DESCRIPTION = """\
Labels a corpus by a teacher: pictures byte for byte, disparity in 16 bits at the size that the teacher saw, and with
--sky and --confidence where the sky is and how well the mirrored picture agrees. All processes of `accelerate launch`
share the work. The same command goes on where an earlier run ended, however it ended, and labels nothing twice; with
another teacher or other settings it refuses.

Name a corpus and its --root, --shards that build_corpus made (the fastest to read), or procedural:unlabelled with
--option num_scenes=1000. Every row, manifest.json and the card say which teacher made the labels. Read the terms of
the data and the licence of the teacher before you share them.
"""


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = ArgumentParser(PROGRAM, description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter)
    add_corpus_arguments(parser, is_corpus_optional=True)
    parser.add_argument("--root", help="the data set: a folder; an id for hub")
    parser.add_argument("--shards", metavar="DIR|URL|hub:OWNER/REPO", help="the corpus in shards")
    parser.add_argument("--teacher", required=True, metavar="MODEL", help="folder or Hub id of a relative depth model")
    parser.add_argument("--teacher-revision", metavar="COMMIT", help="branch, tag or commit of a Hub id")
    parser.add_argument("--out", required=True, metavar="DIR|hub:OWNER/REPO", help="folder, or data set on the Hub")
    parser.add_argument("--sky", nargs="?", const=DEFAULT_SKY_MODEL, metavar="MODEL", help=f"({DEFAULT_SKY_MODEL})")
    parser.add_argument("--confidence", action="store_true", help="label the mirrored picture too: a second forward")
    parser.add_argument("--short-side", type=positive_count, default=518, metavar="PIXELS", help="(default: 518)")
    parser.add_argument("--precision", choices=list(PRECISIONS), default="float32", help="(default: float32)")
    parser.add_argument("--batch", type=positive_count, default=16, metavar="N", help="images at once (default: 16)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument("--workers", type=positive_count, metavar="N", help="threads of each process beside the GPU's")
    parser.add_argument("--limit", type=positive_count, metavar="N", help="the first N samples only")
    parser.add_argument("--shard-size", type=positive_number, default=256, metavar="MB", help="(default: 256)")
    parser.add_argument(
        "--max-failures", type=share, default=0.05, metavar="SHARE", help="of damaged samples (default: 0.05)"
    )
    return reported_exit_code(PROGRAM, parser, argv, _run)


def _run(arguments: Namespace) -> int:
    if arguments.short_side % PATCH_SIZE:
        nearest = max(round(arguments.short_side / PATCH_SIZE), 1) * PATCH_SIZE
        raise UsageError(f"--short-side {arguments.short_side} is no multiple of {PATCH_SIZE}; set it to {nearest}")
    disable_progress_bar()  # of loading weights
    try:
        processes = joined_processes(arguments.device == "cpu", PATIENCE)
    except LaunchError as error:
        raise UsageError(str(error)) from error
    source = _source(arguments)
    if len({*processes.gathered(source.contents_sha256)}) > 1:
        raise UsageError(f"the processes find different samples of corpus {source.name}; give all the same data")
    teacher = _teacher(arguments, processes)
    maker = LabelMaker.of(teacher, arguments.short_side)
    request = LabelRequest.of(source, maker, arguments.shard_size)
    building = LabelBuilding(source, request, processes, arguments.max_failures)
    manifest = _build(building, processes, arguments, teacher)
    if processes.is_main:
        print(f"{manifest.summary()}: {arguments.out}")
    return EXIT_GOOD


def _build(building: LabelBuilding, processes: Processes, arguments: Namespace, teacher: Teacher) -> Manifest:
    with contextlib.ExitStack() as stack:
        stores: list[ShardStore] = []

        def begin() -> tuple[LabelPlan, dict[str, ShardRecord]]:
            stores.append(stack.enter_context(_opened_store(arguments.out)))
            return building.begin(stores[0])

        plan, records = processes.decided_by_main(begin)
        store = stores[0] if stores else stack.enter_context(_other_ranks_store(arguments.out))
        missing = [span for span in plan.spans() if span.name not in records]
        num_threads = arguments.workers or _default_threads(teacher.device)
        made = building.label_missing(store, teacher, missing, num_threads)
        for others in processes.gathered(made):
            records |= {record.name: record for record in others}
        return processes.decided_by_main(lambda: building.finish(store, records))


def _source(arguments: Namespace) -> LabelSource:
    if arguments.shards:
        if arguments.root or arguments.options:
            raise UsageError("--shards needs no --root and no --option; leave them out")
        source = shard_source(arguments.shards, arguments.limit)
        if arguments.corpus not in (None, source.name):
            raise UsageError(f"{arguments.shards} holds the corpus {source.name}, not {arguments.corpus}")
        return source
    if arguments.corpus is None:
        raise UsageError("name a corpus and its --root, or --shards")
    spec, reader = corpus_of(arguments)
    return raw_source(spec, reader, arguments.options, arguments.limit)


def _teacher(arguments: Namespace, processes: Processes) -> Teacher:
    """The teacher on this process' device."""
    try:
        device = processes.device if arguments.device in ("auto", "cpu") else resolve_device(arguments.device)
        sky = load_sky_segmenter(arguments.sky, device=device) if arguments.sky else None
        return load_teacher(
            arguments.teacher,
            revision=arguments.teacher_revision,
            sky=sky,
            has_confidence=arguments.confidence,
            precision=arguments.precision,
            max_batch=arguments.batch,
            device=device,
        )
    except (CheckpointError, ValueError) as error:
        raise UsageError(str(error)) from error


@contextlib.contextmanager
def _opened_store(out: str) -> Iterator[ShardStore]:
    """The store for the process that decides what lies there, which keeps other runs out."""
    if out.startswith(HUB_PREFIX):
        with open_repository(out.removeprefix(HUB_PREFIX)) as repository:
            yield repository
    elif "://" in out:
        raise UsageError(f"--out {out} is a URL; label into a folder and copy it there, from where streams read it")
    else:
        with open_folder(Path(out).expanduser()) as folder:
            yield folder


@contextlib.contextmanager
def _other_ranks_store(out: str) -> Iterator[ShardStore]:
    """The same store for the other processes of the run."""
    if out.startswith(HUB_PREFIX):
        with open_repository(out.removeprefix(HUB_PREFIX)) as repository:
            yield repository
    else:
        yield LocalFolder(Path(out).expanduser())


def _default_threads(device: torch.device) -> int:
    """Threads that keep an accelerator busy; beside a CPU's own one is enough."""
    if device.type == "cpu":
        return 1
    num_here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return min(MAX_DEFAULT_THREADS, max(1, (os.cpu_count() or 1) // num_here))


if __name__ == "__main__":
    sys.exit(main())
