"""Trains nano, the small encoder that ships with the package, on rendered scenes.

    python training/pretrain_nano.py --out nano

`python -m depth_anything.training.pretrain_nano` is the same. Nothing is downloaded.
"""

from __future__ import annotations

import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from pathlib import Path

from transformers import HfArgumentParser

from depth_anything.command_errors import EXIT_GOOD, UsageError
from depth_anything.new_folder import refuse_existing
from depth_anything.training.corpora.command_line import reported_exit_code
from depth_anything.training.nano_card import save_nano
from depth_anything.training.nano_settings import NanoSettings
from depth_anything.training.nano_training import train_nano

PROGRAM = "pretrain_nano"
DESCRIPTION = """\
Trains an encoder in DINOv2's architecture for the object classes in rendered scenes and for the agreement of two
views, never for depth, and writes it as transformers' Dinov2Model reads it. The defaults are those that we ship.
"""


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = HfArgumentParser(
        NanoSettings, prog=PROGRAM, description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter
    )
    given = sys.argv[1:] if argv is None else argv
    command = " ".join(["python training/pretrain_nano.py", *given])
    return reported_exit_code(PROGRAM, parser, argv, lambda arguments: _run(arguments, command))


def _run(arguments: Namespace, command: str) -> int:
    try:
        settings = NanoSettings(**vars(arguments))
        refuse_existing(Path(settings.out))
    except (ValueError, FileExistsError) as error:
        raise UsageError(str(error)) from error
    outcome = train_nano(settings)
    save_nano(outcome, settings, command)
    figures = ", ".join(f"{name} {value:.3f}" for name, value in outcome.figures.items())
    print(f"{settings.out}: {figures}; {outcome.seconds / 60:.1f} minutes")
    return EXIT_GOOD


if __name__ == "__main__":
    sys.exit(main())
