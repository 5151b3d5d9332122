"""The command `depth-anything`: options that all sub-commands share, and which function runs each."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from types import ModuleType

from .checkpoint_lookup import CheckpointError
from .command_errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, CommandFailedError, UsageError
from .predict_arguments import add_predict_arguments
from .predict_command import run_predict
from .push_command import add_push_arguments, run_push

PROGRAM = "depth-anything"


@dataclass(frozen=True)
class Command:
    """A sub-command.

    Attributes:
        name: the word on the command line.
        summary: one line of help.
        add_arguments: adds its arguments to a parser.
        run: does the work and returns the exit code.
        has_own_version: its `--version` means something else than the program's.
        when_interrupted: what to say after Ctrl-C.
    """

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    has_own_version: bool = False
    when_interrupted: str = "interrupted; what was finished stays, and the same command goes on"


def _convert() -> ModuleType:
    """The module behind `convert`, by name, since this package imports none of the packages below it."""
    return import_module(f"{__package__}.conversion.convert_checkpoint")


COMMANDS = (
    Command("predict", "depth maps of images, folders, globs and lists", add_predict_arguments, run_predict),
    Command(
        "convert",
        "checkpoints of the official code to transformers' format and back",
        lambda parser: _convert().add_arguments(parser),
        lambda arguments: _convert().run(arguments),
        has_own_version=True,
        when_interrupted="interrupted; nothing was written",
    ),
    Command("push", "a checkpoint to the Hugging Face Hub", add_push_arguments, run_push),
)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    Args:
        argv: arguments without the program's name; None takes the process's own.
    """
    try:
        arguments = _parse(argv)
    except SystemExit as exit_request:  # argparse's way to end after --help, --version and mistakes
        return int(exit_request.code or 0)
    command: Command = arguments.command
    try:
        return command.run(arguments)
    except UsageError as error:
        return _fail(command, error, EXIT_USAGE)
    except (CheckpointError, CommandFailedError) as error:
        return _fail(command, error, EXIT_FAILED)
    except KeyboardInterrupt:
        return _fail(command, command.when_interrupted, EXIT_INTERRUPTED)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = _build_parser()
    words = sys.argv[1:] if argv is None else argv
    num_words = words.index("--") if "--" in words else len(words)
    arguments, leftover = parser.parse_known_args(words[:num_words])
    # argparse takes the inputs up to the next option and calls those behind it unrecognised.
    is_mistyped = any(word.startswith("-") for word in leftover)
    leftover += words[num_words + 1 :]  # behind `--` nothing is an option
    if is_mistyped or (leftover and "inputs" not in arguments):
        parser.error(f"unrecognized arguments: {' '.join(leftover)}")
    if leftover:
        arguments.inputs = [*arguments.inputs, *leftover]
    return arguments


def _fail(command: Command, message: object, exit_code: int) -> int:
    print(f"{PROGRAM} {command.name}: {message}", file=sys.stderr)
    return exit_code


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version(PROGRAM)}")


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Depth Anything: depth from one image.", allow_abbrev=False
    )
    _add_version(parser)
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name,
            help=command.summary,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if not command.has_own_version:
            _add_version(subparser)
        command.add_arguments(subparser)
        subparser.set_defaults(command=command)
    return parser
