"""Trains a student: a network that learns from pictures which a teacher labels, beside labelled ones.

    accelerate launch training/train_student.py
    accelerate launch training/train_student.py --recipe v1-student-small --shards /data/shards
    accelerate launch training/train_student.py --recipe adapt --unlabelled image_folder=/my/photos

Without arguments it runs the recipe `toy`: teacher, labels and student on rendered scenes, in minutes on a CPU.
`accelerate launch -m depth_anything.training.train_student` is the same.
"""

from __future__ import annotations

import sys
from importlib import import_module

from accelerate import Accelerator

from depth_anything.training.entry_commands import run_entry
from depth_anything.training.recipes import STUDENT_RECIPES, TOY
from depth_anything.training.settings import Settings

PROGRAM = "train_student"
DESCRIPTION = """\
Trains a student on pictures that a teacher labels live, or has labelled (label_corpus.py), beside labelled ones: fresh
from DINOv2, colours changed, blurred and mixed by CutMix, held to the features of the frozen encoder. The recipe adapt
is for pictures of your own. Without arguments the recipe toy runs, on rendered scenes.

Settings come from the recipe, then --config FILE.yaml, then the command line; --show prints them. SIGTERM and Ctrl-C
save and end; the same command with --resume goes on, bit for bit.
"""


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    return run_entry(
        argv,
        program=PROGRAM,
        description=DESCRIPTION,
        recipes=STUDENT_RECIPES,
        default=TOY,
        others={TOY: _run_toy},
    )


def _run_toy(settings: Settings, accelerator: Accelerator) -> int:
    # Renders, labels and draws, which no other recipe needs.
    toy_run = import_module("depth_anything.training.toy_run")
    exit_code: int = toy_run.run(settings, accelerator)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
