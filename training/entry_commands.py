"""What the training entries share: from a command line to a finished run and an exit code."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping

from accelerate import Accelerator
from transformers.utils.logging import disable_progress_bar

from depth_anything.command_errors import EXIT_GOOD
from depth_anything.training.corpora.command_line import EXIT_CODES, reported_exit_code
from depth_anything.training.settings import Settings
from depth_anything.training.settings_parsing import (
    resolved_settings,
    settings_parser,
    settings_text,
    unset_namespace,
)
from depth_anything.training.training_run import FinishedRun, accelerator_for, run_training

OtherRuns = Mapping[str, Callable[[Settings, Accelerator], int]]


def run_entry(
    argv: list[str] | None,
    *,
    program: str,
    description: str,
    recipes: Mapping[str, Settings],
    default: str,
    others: OtherRuns | None = None,
) -> int:
    """Runs the command line of an entry and returns its exit code.

    Args:
        argv: without the program; None takes the process' own.
        program: name of the entry.
        description: of the entry.
        recipes: on offer.
        default: recipe without `--recipe` and `--config`.
        others: for recipes by name, what runs in place of one training.
    """
    parser = settings_parser(program, description, list(recipes), default)
    parser.epilog = EXIT_CODES
    parser.set_defaults(**vars(unset_namespace()))

    def run(arguments: Namespace) -> int:
        settings = resolved_settings(arguments, recipes, default)
        if arguments.show:
            print(settings_text(settings), end="")
            return EXIT_GOOD
        disable_progress_bar()  # transformers' own, of files that are read and written in no time
        accelerator = accelerator_for(settings)
        if accelerator.is_main_process:
            print(settings_text(settings), flush=True)
        if others and settings.recipe in others:
            return others[settings.recipe](settings, accelerator)
        finished = run_training(settings, accelerator)
        if accelerator.is_main_process:
            print("\n".join(_last_words(finished, settings)), flush=True)
        return EXIT_GOOD

    return reported_exit_code(program, parser, argv, run)


def _last_words(finished: FinishedRun, settings: Settings) -> list[str]:
    if finished.was_stopped:
        return [f"stopped after step {finished.step}; the same command with --resume goes on from there"]
    scores = ", ".join(f"{name} {value:.4g}" for name, value in finished.scores.items() if "/" not in name)
    lines = [
        f"{settings.recipe}: step {finished.step}{': ' if scores else ''}{scores}",
        f"network: {finished.exported}",
    ]
    lines.append(f'use it: pipeline("depth-estimation", model="{finished.exported}")')
    return lines + ([f"pushed: {finished.pushed_to}"] if finished.pushed_to else [])
