"""What is in a corpus, raw or in shards: counts, sizes, labels, faults, throughput, and a contact sheet to look at.

    python training/inspect_corpus.py tartanair --root /data/tartanair --sheet tartanair.png

`python -m depth_anything.training.inspect_corpus` is the same.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path

from depth_anything.command_errors import EXIT_FAILED, EXIT_GOOD, UsageError
from depth_anything.training.corpora.command_line import (
    add_corpus_arguments,
    corpus_of,
    positive_count,
    reported_exit_code,
)
from depth_anything.training.corpora.contact_sheet import contact_sheet
from depth_anything.training.corpora.corpus_inspection import (
    Inspection,
    inspect_samples,
    select_from_blocks,
    select_from_reader,
)
from depth_anything.training.corpora.inspection_report import report_lines
from depth_anything.training.corpora.procedural_selection import is_procedural, select_from_procedural
from depth_anything.training.corpora.shard_blocks import ParquetBlocks

PROGRAM = "inspect_corpus"
DESCRIPTION = """\
Prints what is in a corpus, from samples spread over all of it, and draws them: image, disparity in colours, and mask
(light: labelled, blue: sky, black: neither). Name a corpus and its --root, or --shards that build_corpus made;
procedural:labelled, procedural:unlabelled and procedural:held-out need neither.
"""
NUM_SHOWN = 24


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = ArgumentParser(PROGRAM, description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter)
    add_corpus_arguments(parser, is_corpus_optional=True)
    parser.add_argument("--root", help="the data set: a folder; a list for pair_list; an id for hub")
    parser.add_argument("--shards", metavar="DIR|URL|hub:OWNER/REPO", help="the corpus in shards")
    parser.add_argument("--verify", action="store_true", help="compare every shard's SHA-256 with the manifest")
    parser.add_argument("--limit", type=positive_count, default=200, metavar="N", help="samples (default: 200)")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help=f"draw up to {NUM_SHOWN} samples")
    return reported_exit_code(PROGRAM, parser, argv, _run)


def _run(arguments: Namespace) -> int:
    if arguments.sheet and not (arguments.sheet.suffix.lower() == ".png" and arguments.sheet.parent.is_dir()):
        raise UsageError(f"--sheet is {arguments.sheet}; name a .png file in a folder that exists")
    problems: list[str] = []
    num_shown = NUM_SHOWN if arguments.sheet else 0
    if arguments.shards:
        source = _shards_of(arguments)
        problems = source.verify() if arguments.verify else []
        inspection = inspect_samples(select_from_blocks(source, arguments.limit), num_shown)
        lines = report_lines(inspection)
        lines.append(f"{'when built':<10}  {source.manifest.summary()}")
    else:
        inspection = _inspect_raw(arguments, num_shown)
        lines = report_lines(inspection)
    print("\n".join([*lines, *(f"{'BAD SHARD':<10}  {problem}" for problem in problems)]))
    if arguments.sheet and inspection.shown:
        contact_sheet(inspection.shown).save(arguments.sheet)
    return EXIT_GOOD if inspection.num_good and not problems else EXIT_FAILED


def _shards_of(arguments: Namespace) -> ParquetBlocks:
    if arguments.root or arguments.options:
        raise UsageError("--shards needs no --root and no --option; leave them out")
    source = ParquetBlocks(arguments.shards)
    if arguments.corpus not in (None, source.corpus):
        raise UsageError(f"{arguments.shards} holds the corpus {source.corpus}, not {arguments.corpus}")
    return source


def _inspect_raw(arguments: Namespace, num_shown: int) -> Inspection:
    if arguments.corpus is None:
        raise UsageError("name a corpus and its --root, or --shards")
    if arguments.verify:
        raise UsageError("--verify compares shards with their manifest; it goes with --shards")
    if is_procedural(arguments.corpus):
        return inspect_samples(select_from_procedural(arguments.corpus, arguments.limit), num_shown)
    _, reader = corpus_of(arguments)
    return inspect_samples(select_from_reader(reader, arguments.limit), num_shown)


if __name__ == "__main__":
    sys.exit(main())
