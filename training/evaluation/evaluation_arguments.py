"""The command line of the evaluation: what it offers, and the settings that it stands for."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from pathlib import Path

from depth_anything.checkpoint_loading import DTYPES
from depth_anything.command_errors import UsageError
from depth_anything.configuration_depth_anything import POSITION_INTERPOLATIONS
from depth_anything.training.corpora.command_line import EXIT_CODES, positive_count, positive_number, share
from depth_anything.training.evaluation.benchmark_run import BenchmarkSettings
from depth_anything.training.evaluation.comparison import CONFIDENCE, NUM_RESAMPLES, SEED
from depth_anything.training.evaluation.depth_models import ModelChoices
from depth_anything.training.evaluation.scoring_rule import PredictionKind

DEFAULT_OUTPUT = Path("evaluation_results")
DESCRIPTION = """\
Scores a depth model, or predictions made elsewhere, on benchmarks. A benchmark's name stands for a whole protocol: the
images; the range, crop and mask of the ground truth; the alignment; and whether errors are taken of depth or of
disparity. --list prints them. What the model predicts has to be what the protocol judges.

Under `accelerate launch` or `torchrun` all processes share the work and give the very numbers of one. The same command
goes on where an earlier run ended, however it ended.

--output gets results.json (protocol, versions, model, every image), model_card_results.md (for the model card) and,
for each benchmark, pictures of the worst and the best images and of the error over depth.

`evaluate_zero_shot.py compare A.json B.json` prints two results files side by side.
"""
COMPARE_DESCRIPTION = """\
Prints two results.json side by side, metric by metric, with an interval of the difference by a paired bootstrap over
the images. Both have to be of the same images by the same protocol.
"""


def evaluation_parser(program: str) -> ArgumentParser:
    """The parser of an evaluation."""
    parser = ArgumentParser(
        program, description=DESCRIPTION, epilog=EXIT_CODES, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="print the benchmarks and leave")
    scored = parser.add_argument_group("what is scored")
    scored.add_argument("--model", metavar="DIR|ID", help="any depth checkpoint of transformers: folder or Hub id")
    scored.add_argument(
        "--predictions", type=Path, metavar="DIR", help="maps made elsewhere: .npy, .tiff, 16-bit .png"
    )
    kinds = [kind.value for kind in PredictionKind]
    scored.add_argument("--predicts", choices=kinds, help="what the numbers mean, where nothing else says it")
    scored.add_argument("--png-scale", type=positive_number, metavar="X", help="what one level of a PNG is worth")
    judged = parser.add_argument_group("by what it is judged")
    judged.add_argument("--benchmark", nargs="+", default=[], metavar="NAME", help="one or more, see --list")
    judged.add_argument("--data-root", type=Path, metavar="DIR", help="holds the data sets; your own frames or list")
    judged.add_argument(
        "--option",
        action="append",
        default=[],
        type=_named_text,
        dest="options",
        metavar="NAME=VALUE",
        help="of the data's reader, as depth_scale=0.001; may be given again",
    )
    judged.add_argument(
        "--depth-range",
        nargs=2,
        type=_depth,
        metavar=("MIN", "MAX"),
        help="metres that count, instead of the protocol's",
    )
    judged.add_argument("--limit", type=positive_count, metavar="N", help="the first N images only, to try it")
    judged.add_argument("--any-count", action="store_true", help="take another number of images than the protocol's")
    _add_model_arguments(parser)
    written = parser.add_argument_group("what is written")
    written.add_argument("--output", type=Path, metavar="DIR", help=f"(default: {DEFAULT_OUTPUT}/<name of the model>)")
    written.add_argument("--pictures", type=_count, default=8, metavar="N", help="worst and best images shown (8)")
    written.add_argument("--overwrite", action="store_true", help="begin again where another evaluation is kept")
    return parser


def comparison_parser(program: str) -> ArgumentParser:
    """The parser of a comparison."""
    parser = ArgumentParser(
        program, description=COMPARE_DESCRIPTION, epilog=EXIT_CODES, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("first", type=Path, metavar="A.json")
    parser.add_argument("second", type=Path, metavar="B.json")
    parser.add_argument("--resamples", type=positive_count, default=NUM_RESAMPLES, metavar="N", help="(%(default)s)")
    parser.add_argument("--confidence", type=share, default=CONFIDENCE, metavar="SHARE", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the draws (%(default)s)")
    return parser


def checked_settings(arguments: Namespace) -> BenchmarkSettings:
    """What is evaluated.

    Raises:
        UsageError: something is missing, or two things contradict each other.
    """
    if (arguments.model is None) == (arguments.predictions is None):
        raise UsageError("name what is scored: either --model or --predictions")
    if not arguments.benchmark or arguments.data_root is None:
        raise UsageError(
            "name at least one --benchmark and the --data-root with its data; --list prints the benchmarks"
        )
    if len(set(arguments.benchmark)) < len(arguments.benchmark):
        raise UsageError(f"--benchmark names one twice: {' '.join(arguments.benchmark)}")
    if arguments.png_scale is not None and arguments.predictions is None:
        raise UsageError("--png-scale is of --predictions; leave it out")
    name = str(arguments.model or arguments.predictions).rstrip("/").rsplit("/", 1)[-1]
    return BenchmarkSettings(
        names=tuple(arguments.benchmark),
        data_root=arguments.data_root,
        output=arguments.output or DEFAULT_OUTPUT / (re.sub(r"[^\w.-]+", "_", name).strip(".") or "model"),
        block_size=arguments.batch_size,
        limit=arguments.limit,
        options=dict(arguments.options),
        depth_range_m=tuple(arguments.depth_range) if arguments.depth_range else None,
        is_count_checked=not arguments.any_count,
        is_begun_again=arguments.overwrite,
    )


def checked_choices(arguments: Namespace) -> ModelChoices:
    """How the model is run.

    Raises:
        UsageError: two choices contradict each other, or there is no model that they are of.
    """
    choices = ModelChoices(
        predicts=PredictionKind(arguments.predicts) if arguments.predicts else None,
        dtype=arguments.dtype,
        position_interpolation=arguments.position_interpolation,
        is_native_model=arguments.native_model,
        is_native_processor=arguments.native_processor,
        input_size=arguments.input_size,
    )
    if arguments.model is None and (choices != ModelChoices(predicts=choices.predicts) or arguments.revision):
        raise UsageError(
            "--revision, --dtype, --input-size, --position-interpolation, --native-model and --native-processor are "
            "of --model; leave them out for --predictions"
        )
    return choices


def _add_model_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("how the model is run")
    group.add_argument("--revision", help="branch, tag or commit of a Hub id")
    group.add_argument("--batch-size", type=positive_count, default=8, metavar="N", help="images together (8)")
    group.add_argument("--dtype", choices=list(DTYPES), default="float32", help="of the weights (float32)")
    group.add_argument("--device", choices=("auto", "cpu"), default="auto", help="cpu leaves accelerators alone")
    group.add_argument(
        "--input-size",
        type=positive_count,
        metavar="PX",
        help="side that pictures are resized for, not the protocol's",
    )
    group.add_argument(
        "--position-interpolation", choices=POSITION_INTERPOLATIONS, help="of our network; native is transformers' way"
    )
    group.add_argument("--native-model", action="store_true", help="run Depth Anything by transformers' own class")
    group.add_argument(
        "--native-processor", action="store_true", help="prepare pictures by transformers' own class and its size rule"
    )


def _named_text(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _depth(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not number >= 0:
        raise ArgumentTypeError(f"{text!r} is no depth in metres; inf is one")
    return number


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is no whole number of at least 0")
    return int(text)
