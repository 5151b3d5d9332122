"""Trains a teacher: a network that learns depth from labelled corpora alone, and labels pictures afterwards.

    accelerate launch training/train_teacher.py --recipe v1-teacher --shards /data/shards

`accelerate launch -m depth_anything.training.train_teacher` is the same.
"""

from __future__ import annotations

import sys

from depth_anything.training.entry_commands import run_entry
from depth_anything.training.recipes import TEACHER_RECIPES

PROGRAM = "train_teacher"
DESCRIPTION = """\
Trains a teacher on labelled corpora: from DINOv2, with flips alone, by the recipes of Depth Anything V1 and V2.

Settings come from the recipe, then --config FILE.yaml, then the command line; --show prints them. SIGTERM and Ctrl-C
save and end; the same command with --resume goes on, bit for bit.
"""


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    return run_entry(argv, program=PROGRAM, description=DESCRIPTION, recipes=TEACHER_RECIPES, default="v1-teacher")


if __name__ == "__main__":
    sys.exit(main())
