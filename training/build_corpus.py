"""A corpus as it was downloaded, turned into Parquet shards that stream from a disk, object storage or the Hub.

python training/build_corpus.py tartanair --root /data/tartanair --out /data/shards/tartanair --workers 8

`python -m depth_anything.training.build_corpus` is the same.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from contextlib import AbstractContextManager
from pathlib import Path

from depth_anything.command_errors import EXIT_GOOD, UsageError
from depth_anything.training.corpora.command_line import (
    add_corpus_arguments,
    corpus_of,
    positive_count,
    positive_number,
    reported_exit_code,
    share,
)
from depth_anything.training.corpora.registry import METRIC
from depth_anything.training.corpora.shard_blocks import HUB_PREFIX
from depth_anything.training.corpora.shard_building import build_shards
from depth_anything.training.corpora.shard_hub_store import open_repository
from depth_anything.training.corpora.shard_plan import BuildRequest
from depth_anything.training.corpora.shard_rows import Quantity, stored_quantity
from depth_anything.training.corpora.shard_stores import ShardStore, open_folder

PROGRAM = "build_corpus"
DESCRIPTION = """\
Turns a corpus as it was downloaded into Parquet shards: pictures byte for byte, labels as 16-bit PNG with scale,
offset and mask. The same command goes on where an earlier run ended, however it ended. manifest.json, written last,
has counts, checksums and every skipped sample with its reason.

Labels are stored as disparity, which keeps what relative models learn to 1/131070 of its range, and for corpora of
metric fine-tuning as depth; --quantity depth does so for others that are to train a metric model.

Rendered scenes need no --root: procedural:unlabelled --option num_scenes=100000 --out DIR. On the Hub each shard is a
commit, and the Hub limits how many it takes in an hour: for terabytes set a larger --shard-size.
"""


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = ArgumentParser(PROGRAM, description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter)
    add_corpus_arguments(parser)
    parser.add_argument("--root", help="the data set: a folder; a list for pair_list; an id for hub")
    parser.add_argument("--out", required=True, metavar="DIR|hub:OWNER/REPO", help="folder, or data set on the Hub")
    parser.add_argument(
        "--workers", type=positive_count, default=1, metavar="N", help="processes (1); streams use one"
    )
    parser.add_argument("--limit", type=positive_count, metavar="N", help="the first N samples only")
    parser.add_argument("--shard-size", type=positive_number, default=256, metavar="MB", help="(default: 256)")
    parser.add_argument("--quantity", choices=[quantity.value for quantity in Quantity], help="of the stored labels")
    parser.add_argument("--unchecked", action="store_true", help="do not decode pictures to find the damaged ones")
    parser.add_argument(
        "--max-failures", type=share, default=0.05, metavar="SHARE", help="of damaged samples (default: 0.05)"
    )
    return reported_exit_code(PROGRAM, parser, argv, _run)


def _run(arguments: Namespace) -> int:
    spec, reader = corpus_of(arguments)
    asked = Quantity(arguments.quantity) if arguments.quantity else None
    request = BuildRequest(
        corpus=spec.name,
        root=str(reader.root.absolute() if reader.root.exists() else reader.root),
        options=arguments.options,
        quantity=stored_quantity(spec.name, reader.kind, spec.use == METRIC, asked),
        is_checked=not arguments.unchecked,
        limit=arguments.limit,
        shard_size_mb=arguments.shard_size,
    )
    with _store(arguments.out) as store:
        manifest = build_shards(
            spec,
            reader,
            request,
            store,
            num_workers=arguments.workers,
            max_failures=arguments.max_failures,
            has_progress_bar=True,
        )
        print(f"{manifest.summary()}: {store.where}")
    return EXIT_GOOD


def _store(out: str) -> AbstractContextManager[ShardStore]:
    if out.startswith(HUB_PREFIX):
        return open_repository(out.removeprefix(HUB_PREFIX))
    if "://" in out:
        raise UsageError(f"--out {out} is a URL; build into a folder and copy it there, from where streams read it")
    return open_folder(Path(out).expanduser())


if __name__ == "__main__":
    sys.exit(main())
