"""What `depth-anything predict` can be told, checked."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .checkpoint_loading import DTYPES
from .command_errors import UsageError
from .depth_writers import KIND_ENDINGS, PICTURE_KINDS
from .released_checkpoints import DEFAULT_CHECKPOINT, ENCODER_CHECKPOINTS

ENCODERS = (*ENCODER_CHECKPOINTS, "vitg")
DEFAULT_OUTDIR = "vis_depth"  # the official scripts'
DEFAULT_ARRAY_KIND = "npy"

INPUT_SIZE_HELP = "side that the checkpoint's size rule aims at; released: the short side, 518"

DESCRIPTION = f"""\
Depth maps of images. Relative models give disparity (larger is nearer, no unit), metric models give metres; the .json
beside the outputs of an image says which, and all that is needed to read them.

INPUT is an image, a folder (with its sub-folders, which are kept in the output), a glob in quotes, or a .txt list with
one path per line, relative to the list's folder or else to the working directory; lines that begin with # do not
count.

Outputs of photo.jpg, as --save chooses (default: {DEFAULT_ARRAY_KIND} and the official picture):
  npy           photo.npy         float32 array, lossless
  png16         photo_16bit.png   16-bit PNG; the .json has scale and offset
  tiff          photo.tiff        float32 TIFF, lossless
  color         photo_color.png   depth in colours, or grey with --grayscale
  side-by-side  photo.png         the official picture: input, 50 white columns, depth in colours
With --pred-only the official picture photo.png is the depth alone. Two inputs with one name keep their folders or the
whole file name (photo.jpg.npy). A second run skips what is finished, adds what is missing and replaces nothing.
"""
EXIT_CODES = """\
exit code: 0 all is done; 1 an input or the model failed, the rest is done; 2 the command line cannot be used; 130
interrupted"""


@dataclass(frozen=True, kw_only=True)
class PredictSettings:
    """The command line of `predict` after its checks.

    Attributes:
        inputs: files, folders, globs and lists; empty for the demo.
        is_demo: random weights on a drawn picture.
        model: folder or Hub id.
        revision: of a Hub checkpoint.
        outdir: folder of the outputs.
        kinds: outputs per image, keys of `KIND_ENDINGS`.
        is_pred_only: the picture is the depth alone.
        is_grayscale: pictures are grey.
        input_size: side in pixels that the resize rule aims at; None is the checkpoint's.
        device, dtype, batch_size, compile: as `DepthPredictor` takes them.
        overwrite: do finished inputs again.
    """

    inputs: tuple[str, ...]
    is_demo: bool
    model: str
    revision: str | None
    outdir: Path
    kinds: tuple[str, ...]
    is_pred_only: bool
    is_grayscale: bool
    input_size: int | None
    device: str
    dtype: str
    batch_size: int | None
    compile: bool
    overwrite: bool


def add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `predict`."""
    parser.description, parser.epilog = DESCRIPTION, EXIT_CODES
    parser.usage = "%(prog)s INPUT... [--model MODEL] [--outdir DIR] [options]"
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help="image, folder, glob or .txt list")
    parser.add_argument("--img-path", action="append", default=[], metavar="INPUT", help="one more INPUT")
    parser.add_argument("--demo", action="store_true", help="random weights on a drawn picture: no file, no network")
    model = parser.add_argument_group("model")
    model.add_argument("--model", help=f"checkpoint folder or Hub id (default: {DEFAULT_CHECKPOINT})")
    model.add_argument("--encoder", choices=ENCODERS, help="the released V2 checkpoint of a size, in place of --model")
    model.add_argument("--revision", help="branch, tag or commit of a Hub checkpoint")
    model.add_argument("--input-size", type=_positive, metavar="PIXELS", help=INPUT_SIZE_HELP)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--outdir", type=_folder, default=Path(DEFAULT_OUTDIR), metavar="DIR", help="(default: %(default)s)"
    )
    output.add_argument("--save", action="extend", type=_kinds, metavar="KIND[,KIND...]", help="outputs, see above")
    output.add_argument("--pred-only", action="store_true", help="the picture shows the depth alone")
    output.add_argument("--grayscale", action="store_true", help="pictures in grey")
    output.add_argument("--overwrite", action="store_true", help="do finished inputs again and replace their outputs")
    speed = parser.add_argument_group("speed")
    speed.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: %(default)s)")
    speed.add_argument(
        "--dtype",
        default="float32",
        choices=("auto", *DTYPES),
        help="auto is the checkpoint's own (default: %(default)s)",
    )
    speed.add_argument(
        "--batch-size", type=_positive, metavar="N", help="images of equal size together (default: 8 on CUDA, else 1)"
    )
    speed.add_argument("--compile", action="store_true", help="torch.compile: a slow start, then faster")


def check_arguments(arguments: argparse.Namespace) -> PredictSettings:
    """The settings that the arguments mean.

    Raises:
        UsageError: arguments that contradict each other, or none that says what to predict.
    """
    inputs = (*arguments.inputs, *arguments.img_path)
    if arguments.demo and (inputs or arguments.model or arguments.encoder or arguments.revision):
        raise UsageError("--demo has its own picture and weights: leave out INPUT, --model, --encoder and --revision")
    if not arguments.demo and not inputs:
        raise UsageError("no INPUT: name an image, a folder, a glob or a .txt list, or try --demo")
    kinds_named = [name for name in inputs if name in KIND_ENDINGS and not Path(name).exists()]
    if kinds_named:
        raise UsageError(f"{kinds_named[0]} was read as an INPUT: separate kinds by commas, as in --save npy,tiff")
    return PredictSettings(
        inputs=inputs,
        is_demo=arguments.demo,
        model=_model(arguments),
        revision=arguments.revision,
        outdir=arguments.outdir,
        kinds=_chosen_kinds(arguments.save, arguments.pred_only),
        is_pred_only=arguments.pred_only,
        is_grayscale=arguments.grayscale,
        input_size=arguments.input_size,
        device=arguments.device,
        dtype=arguments.dtype,
        batch_size=arguments.batch_size,
        compile=arguments.compile,
        overwrite=arguments.overwrite,
    )


def _model(arguments: argparse.Namespace) -> str:
    if arguments.encoder and arguments.model:
        raise UsageError("--encoder chooses a released checkpoint and --model another one: give one of them")
    if arguments.encoder == "vitg":
        raise UsageError("--encoder vitg: the authors never released these weights; give a checkpoint with --model")
    return ENCODER_CHECKPOINTS[arguments.encoder] if arguments.encoder else arguments.model or DEFAULT_CHECKPOINT


def _chosen_kinds(saved: Sequence[str] | None, is_pred_only: bool) -> tuple[str, ...]:
    picture = "color" if is_pred_only else "side-by-side"
    if not saved:
        return (DEFAULT_ARRAY_KIND, picture)
    if is_pred_only and "side-by-side" in saved:
        raise UsageError("--pred-only leaves the input out of the picture, and --save side-by-side puts it in")
    if is_pred_only and not set(saved) & set(PICTURE_KINDS):
        saved = [*saved, picture]
    return tuple(dict.fromkeys(saved))


def _kinds(text: str) -> list[str]:
    kinds = [kind.strip() for kind in text.split(",") if kind.strip()]
    unknown = [kind for kind in kinds if kind not in KIND_ENDINGS]
    if unknown or not kinds:
        raise argparse.ArgumentTypeError(f"{text!r} is not one or several of {','.join(KIND_ENDINGS)}")
    return kinds


def _folder(text: str) -> Path:
    return Path(text).expanduser()


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return number
