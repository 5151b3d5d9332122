"""`depth-anything predict`: from the checked command line to files and one line of summary."""

import argparse
import sys
from collections.abc import Callable

import torch
from transformers.utils.logging import disable_progress_bar

from .checkpoint_lookup import Checkpoint, find_checkpoint
from .command_errors import EXIT_FAILED, EXIT_GOOD, CommandFailedError, UsageError
from .demonstration import draw_picture, random_model
from .input_discovery import discover_inputs
from .modeling_depth_anything import DepthAnythingForDepthEstimation
from .output_records import printable
from .predict_arguments import PredictSettings, check_arguments
from .prediction_job import PredictionJob
from .prediction_record import ModelDescription
from .predictor import DepthPredictor
from .released_checkpoints import licence_notice, licence_of

DEMO_NAME = "demo"
DEMO_NOTICE = (
    "This demo runs a tiny network with RANDOM weights on a picture that it draws itself: the result is meaningless "
    "and shows only which files `predict` writes."
)
DEMO_DESCRIPTION = ModelDescription("random weights: the values mean nothing", None, None, "none: random weights")
COMPILER_MODULES = ("torch._dynamo", "torch._inductor")


def run_predict(arguments: argparse.Namespace) -> int:
    """Runs the sub-command and returns its exit code.

    Raises:
        UsageError: the command line cannot be used.
        CheckpointError: the checkpoint cannot be had.
        CommandFailedError: the device has too little memory, or there is no compiler for --compile.
    """
    settings = check_arguments(arguments)
    if settings.outdir.exists() and not settings.outdir.is_dir():
        raise UsageError(f"--outdir {settings.outdir} is a file; name a folder")
    if settings.is_demo:
        _say(DEMO_NOTICE)
        predictor = _make_predictor(random_model(), settings)
        return _run_job(
            predictor, DEMO_DESCRIPTION, settings, lambda job: job.run_in_memory(draw_picture(), DEMO_NAME)
        )
    discovery = discover_inputs(settings.inputs, settings.outdir)
    if discovery.skipped_videos:
        _say(f"{len(discovery.skipped_videos)} videos left out: videos are not read yet.")
    if discovery.skipped_pictures:
        endings = " ".join(sorted({path.suffix.lower() for path in discovery.skipped_pictures}))
        _say(f"{len(discovery.skipped_pictures)} pictures left out, of kinds that are not read: {endings}")
    try:
        checkpoint = find_checkpoint(settings.model, settings.revision)
    except ValueError as error:
        raise UsageError(str(error)) from error
    disable_progress_bar()  # of loading weights, which takes a moment
    licence = licence_of(checkpoint.name, checkpoint.folder)
    if checkpoint.is_from_cache:
        _say(f"{checkpoint.name}: not asked the Hub for a newer revision, using {checkpoint.revision} from the cache.")
    if notice := licence_notice(checkpoint.name, licence):
        _say(notice)
    predictor = _make_predictor(checkpoint, settings)
    weights_sha256 = None if checkpoint.revision else checkpoint.weights_sha256()
    description = ModelDescription(checkpoint.name, checkpoint.revision, weights_sha256, licence)
    return _run_job(predictor, description, settings, lambda job: job.run(discovery.images))


def _make_predictor(model: Checkpoint | DepthAnythingForDepthEstimation, settings: PredictSettings) -> DepthPredictor:
    try:
        return DepthPredictor(
            model,
            device=settings.device,
            dtype=settings.dtype,
            batch_size=settings.batch_size,
            compile=settings.compile,
            input_size=settings.input_size,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _run_job(
    predictor: DepthPredictor,
    description: ModelDescription,
    settings: PredictSettings,
    run: Callable[[PredictionJob], None],
) -> int:
    job = PredictionJob(predictor, description, settings)
    try:
        run(job)
    except torch.OutOfMemoryError as error:
        raise CommandFailedError(
            f"out of memory on {predictor.device}: lower --batch-size or --input-size; what was finished stays"
        ) from error
    except RuntimeError as error:
        if not settings.compile or not type(error).__module__.startswith(COMPILER_MODULES):
            raise
        raise CommandFailedError(
            "torch.compile does not work here, mostly for want of a compiler: leave out --compile"
        ) from error
    return _summarise(job.report.num_predicted, job.report.num_finished_before, job.report.num_failed, settings)


def _summarise(num_predicted: int, num_finished_before: int, num_failed: int, settings: PredictSettings) -> int:
    counts = [f"{num_predicted} predicted"]
    if num_finished_before:
        counts.append(f"{num_finished_before} finished before")
    if num_failed:
        counts.append(f"{num_failed} failed")
    print(f"{', '.join(counts)}: {printable(settings.outdir)}")
    return EXIT_FAILED if num_failed else EXIT_GOOD


def _say(message: str) -> None:
    print(message, file=sys.stderr)
