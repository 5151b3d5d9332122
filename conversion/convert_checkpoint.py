"""`depth-anything convert`: official checkpoints to transformers' format and back. Also runs by its path."""

import argparse
import sys
from pathlib import Path

from safetensors import SafetensorError

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation
from depth_anything.command_errors import (
    EXIT_FAILED,
    EXIT_GOOD,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    CommandFailedError,
    UsageError,
)
from depth_anything.conversion.converted_folder import write_folder
from depth_anything.new_folder import refuse_existing
from depth_anything.official_checkpoint import IdentifiedWeights, read_config, read_weights
from depth_anything.official_export import OFFICIAL_SUFFIXES, write_official
from depth_anything.official_identity import (
    OFFICIAL_SIZES,
    SIZES,
    Statement,
    architecture_of,
    named_release,
)
from depth_anything.weight_checks import check_finite
from depth_anything.weight_source import WeightSource, find_source

AUTO = "auto"
INTERRUPTED = "interrupted; nothing was written"

DESCRIPTION = f"""\
Converts checkpoints between the official code's format and transformers'.

SOURCE is a weights file (.pth, .pt, .bin, .safetensors), a folder, or a Hub id. An official file becomes the folder
TARGET, with config, image processor, safetensors and model card; a folder in transformers' format becomes the file
TARGET, which ends in {" or ".join(OFFICIAL_SUFFIXES)}. Nothing is overwritten, and pickles are read without running
anything in them.

Size is read off the weights. V1, V2 and V2 metric have the same tensors: the releases' file names tell them apart
(depth_anything_vits14, depth_anything_v2_vits, depth_anything_v2_metric_hypersim_vits, ...); for a file of another
name say --version and --depth-type.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `convert`."""
    parser.description = DESCRIPTION
    parser.add_argument("source", metavar="SOURCE", help="weights file, folder or Hub id")
    parser.add_argument("target", metavar="TARGET", type=Path, help="folder to be, or file to be for --to official")
    parser.add_argument(
        "--to", choices=("official", "transformers"), help="(default: the format that SOURCE is not in)"
    )
    parser.add_argument(
        "--size", choices=(AUTO, *SIZES, *OFFICIAL_SIZES), default=AUTO, help="(default: by the shapes)"
    )
    parser.add_argument("--version", choices=(AUTO, "1", "2"), default=AUTO, help="(default: by the file's name)")
    parser.add_argument(
        "--depth-type", choices=(AUTO, "relative", "metric"), default=AUTO, help="(default: by the file's name)"
    )
    parser.add_argument("--max-depth", type=_metres, metavar="M", help="range of a metric model in metres")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="CONFIG_JSON",
        help="of any other network (a folder has it too), not with the four above",
    )
    parser.add_argument("--license", metavar="ID", help="of the weights, for the card (default: the release's)")
    parser.add_argument("--revision", help="branch, tag or commit of a Hub id")
    parser.add_argument(
        "--fresh-decoder", action="store_true", help="SOURCE is a DINOv2 encoder: add a random decoder, to train from"
    )


def run(arguments: argparse.Namespace) -> int:
    """Converts, says what came of it, and returns the exit code.

    Raises:
        UsageError: the command line cannot be used.
        CheckpointError: the source cannot be had, or cannot be used.
        CommandFailedError: the target cannot be written.
    """
    target = arguments.target.expanduser()
    try:
        stated = _statement(arguments)
        refuse_existing(target)
        source = find_source(arguments.source, arguments.revision)
    except FileExistsError as error:
        raise CommandFailedError(str(error)) from error
    except ValueError as error:
        raise UsageError(str(error)) from error
    to = arguments.to or ("official" if source.checkpoint else "transformers")
    _check_direction(arguments, source, target, to)
    config = read_config(arguments.config.expanduser()) if arguments.config else None
    weights = read_weights(source, stated, config, DepthAnythingForDepthEstimation, is_mapped=True)
    if weights.layout.is_encoder_alone != arguments.fresh_decoder:
        raise CommandFailedError(_decoder_mismatch(source, weights))
    check_finite(weights.tensors, repr(source.name), weights.layout)
    try:
        if to == "official":
            write_official(weights.tensors, target)
            message = _official_summary(weights.config, target)
        else:
            message = write_folder(weights, source, target, arguments.license)
    except (
        OSError,
        RuntimeError,
        SafetensorError,
        ValueError,
    ) as error:  # a full disk has many names
        raise CommandFailedError(f"{target} cannot be written: {error}") from error
    print(message)
    return EXIT_GOOD


def main(argv: list[str] | None = None) -> int:
    """Runs this file as a program of its own; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="convert_checkpoint.py", allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    try:
        return run(parser.parse_args(argv))
    except (OSError, UsageError, CommandFailedError) as error:
        print(f"convert_checkpoint.py: {error}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED
    except KeyboardInterrupt:
        print(f"convert_checkpoint.py: {INTERRUPTED}", file=sys.stderr)
        return EXIT_INTERRUPTED


def _statement(arguments: argparse.Namespace) -> Statement:
    stated = Statement(
        size=None if arguments.size == AUTO else arguments.size,
        version=None if arguments.version == AUTO else int(arguments.version),
        depth_type=None if arguments.depth_type == AUTO else arguments.depth_type,
        max_depth_m=arguments.max_depth,
    )
    if arguments.config and stated != Statement():
        raise UsageError(
            "--config describes the whole network: leave out --size, --version, --depth-type, --max-depth"
        )
    return stated


def _check_direction(arguments: argparse.Namespace, source: WeightSource, target: Path, to: str) -> None:
    if source.checkpoint is not None:
        if to == "transformers":
            raise UsageError(f"{source.name} is in transformers' format already; say --to official for the other one")
        if arguments.config or _statement(arguments) != Statement():
            raise UsageError(
                f"{source.name} has a config.json, which describes it: leave out --size, --version, --depth-type, "
                "--max-depth and --config"
            )
    if to == "official" and target.suffix not in OFFICIAL_SUFFIXES:
        raise UsageError(f"TARGET {target} has to be a file that ends in {' or '.join(OFFICIAL_SUFFIXES)}")
    if to == "transformers" and target.suffix in OFFICIAL_SUFFIXES:
        raise UsageError(f"TARGET {target} is to be a folder: leave out the ending {target.suffix}")
    if to == "official" and arguments.fresh_decoder:
        raise UsageError("--fresh-decoder makes a folder to train from: leave out --to official")
    if to == "official" and arguments.license:
        raise UsageError("--license is for the card of a folder, and an official file has none")


def _decoder_mismatch(source: WeightSource, weights: IdentifiedWeights) -> str:
    if weights.layout.is_encoder_alone:
        return (
            f"{source.name} is {weights.layout.value}: it predicts no depth. To train from it, say --fresh-decoder, "
            "or load it by DepthAnythingForDepthEstimation.from_dinov2."
        )
    return f"--fresh-decoder is for a DINOv2 encoder alone, and {source.name} is {weights.layout.value}"


def _official_summary(config: DepthAnythingConfig, target: Path) -> str:
    architecture = architecture_of(config)
    summary = f"{target}: official format"
    if config.position_interpolation != "official":
        summary += (
            f" (its position_interpolation was {config.position_interpolation}; the official code has its own and "
            "will differ at every other size than the one of training)"
        )
    if architecture is None:
        return f"{summary}; its config.json is not in it: keep that, to convert it back with --config"
    if named_release((target.stem,)) == architecture:
        return summary
    flags = f"--version {architecture.version} --depth-type {architecture.depth_type}"
    if architecture.max_depth_m is not None:
        flags += f" --max-depth {architecture.max_depth_m:g}"
    return f"{summary}; neither the weights nor this name say more, so to convert it back give {flags}"


def _metres(text: str) -> float:
    try:
        metres = float(text)
    except ValueError:
        metres = 0.0
    if not 0 < metres < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number of metres")
    return int(metres) if metres.is_integer() else metres


if __name__ == "__main__":
    sys.exit(main())
