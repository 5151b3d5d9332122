"""The paper's claim in small: what unlabelled data, strong perturbation and feature alignment each bring.

    python training/ablate.py

`python -m depth_anything.training.ablate` is the same. It starts from nano, renders its own scenes, downloads nothing,
and goes on where it was interrupted. `training/RESULTS.md` has what came out.

Source: Depth Anything, arXiv 2401.10891, table 9. Differs: a small network on rendered scenes; teacher and student
    have one size; all rows have the same steps and images, so the first row has more labels in its place.
"""

from __future__ import annotations

import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from pathlib import Path

from transformers import HfArgumentParser

from depth_anything.command_errors import EXIT_GOOD, UsageError
from depth_anything.training.ablation_report import ablation_plot, ablation_table
from depth_anything.training.ablation_run import run_ablation
from depth_anything.training.ablation_settings import AblationSettings
from depth_anything.training.corpora.command_line import reported_exit_code

PROGRAM = "ablate"
DESCRIPTION = """\
Trains four rows (labelled; + unlabelled; + strong perturbation; + feature alignment) under one budget, with several
seeds, and scores them on unseen scenes of the unlabelled domain and of a third one, which no training saw.
"""
TABLE_NAME, PLOT_NAME = "table.md", "plot.png"


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = HfArgumentParser(
        AblationSettings, prog=PROGRAM, description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter
    )
    return reported_exit_code(PROGRAM, parser, argv, _run)


def _run(arguments: Namespace) -> int:
    try:
        settings = AblationSettings(**vars(arguments))
    except ValueError as error:
        raise UsageError(str(error)) from error
    scores = run_ablation(settings)
    table = "\n".join(ablation_table(scores))
    folder = Path(settings.output_dir)
    (folder / TABLE_NAME).write_text(table + "\n", encoding="utf-8")
    ablation_plot(scores).save(folder / PLOT_NAME)
    print(f"{table}\n{folder / PLOT_NAME}")
    return EXIT_GOOD


if __name__ == "__main__":
    sys.exit(main())
