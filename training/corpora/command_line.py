"""What the commands about corpora share on their command lines."""

from __future__ import annotations

import json
import math
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from typing import Any

from depth_anything.command_errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, CommandFailedError, UsageError
from depth_anything.training.corpora.corpus_spec import CorpusSpec
from depth_anything.training.corpora.numbers_in_text import number_in
from depth_anything.training.corpora.optional_library import MissingLibraryError
from depth_anything.training.corpora.procedural_reader import open_procedural
from depth_anything.training.corpora.procedural_selection import is_procedural
from depth_anything.training.corpora.reader import CorpusError, Reader
from depth_anything.training.corpora.registry import CORPORA, open_corpus

EXIT_CODES = "exit code: 0 all is done; 1 it failed; 2 the command line or the corpus cannot be used; 130 interrupted"


def add_corpus_arguments(parser: ArgumentParser, is_corpus_optional: bool = False) -> None:
    """Adds the corpus and the options of its reader."""
    parser.epilog = f"corpora: {', '.join(CORPORA)}; rendered: procedural:DOMAIN\n\n{EXIT_CODES}"
    nargs = "?" if is_corpus_optional else None
    parser.add_argument("corpus", nargs=nargs, metavar="CORPUS", help="name of a corpus, see below")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        type=_named_value,
        dest="options",
        metavar="NAME=VALUE",
        help="of the corpus' reader, as frames_per_second=1 or cameras=[0,1]; may be given again",
    )


def corpus_of(arguments: Namespace) -> tuple[CorpusSpec, Reader]:
    """The corpus that the command line names, opened; its options are a dictionary afterwards.

    Raises:
        CorpusError: there is no such corpus, root or option.
        UsageError: there is no --root, or one for a rendered corpus.
    """
    arguments.options = dict(arguments.options)
    is_rendered = is_procedural(arguments.corpus)
    if is_rendered and arguments.root is not None:
        raise UsageError(f"corpus {arguments.corpus} is rendered and has no --root; leave it out")
    if not is_rendered and arguments.root is None:
        raise UsageError(f"corpus {arguments.corpus} needs --root, where its data set lies")
    try:
        if is_rendered:
            return open_procedural(arguments.corpus, **arguments.options)
        reader = open_corpus(arguments.corpus, arguments.root, **arguments.options)
    except TypeError as error:
        raise UsageError(f"--option {arguments.options}: a value has the wrong type: {error}") from error
    return CORPORA[arguments.corpus], reader


def positive_count(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def positive_number(text: str) -> float:
    """A finite number above 0, for argparse."""
    number = number_in(text)
    if not (math.isfinite(number) and number > 0):
        raise ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def share(text: str) -> float:
    """A number from 0 to 1, for argparse."""
    number = number_in(text)
    if not 0 <= number <= 1:
        raise ArgumentTypeError(f"{text!r} is no share, which is from 0 to 1")
    return number


def reported_exit_code(
    program: str, parser: ArgumentParser, argv: list[str] | None, run: Callable[[Namespace], int]
) -> int:
    """Parses, runs, and returns the exit code; what went wrong is one sentence on stderr."""
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as exit_request:  # argparse's way to end after --help and mistakes
        return int(exit_request.code or 0)
    try:
        return run(arguments)
    except (UsageError, CorpusError) as error:
        return _fail(program, error, EXIT_USAGE)
    except (CommandFailedError, MissingLibraryError, OSError) as error:
        return _fail(program, error, EXIT_FAILED)
    except KeyboardInterrupt:
        return _fail(program, "interrupted; what was finished stays, and the same command goes on", EXIT_INTERRUPTED)


def _named_value(text: str) -> tuple[str, Any]:
    """Name and value; the value as JSON if it is, else as text."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _fail(program: str, message: object, exit_code: int) -> int:
    print(f"{program}: {message}", file=sys.stderr)
    return exit_code
