"""`depth-anything predict`: from the checked command line to files and one line of summary."""

import argparse
import sys

from .checkpoint_lookup import Checkpoint, find_checkpoint
from .command_errors import EXIT_FAILED, EXIT_GOOD, CommandFailedError, UsageError
from .input_discovery import Discovery, discover_inputs
from .predict_arguments import PredictSettings, check_arguments
from .released_checkpoints import licence_notice, licence_of

DEMO_NAME = "demo"
DEMO_NOTICE = (
    "This demo runs a tiny network with RANDOM weights on a picture that it draws itself: the result is meaningless "
    "and shows only which files `predict` writes."
)


def run_predict(arguments: argparse.Namespace) -> int:
    """Runs the sub-command and returns its exit code.

    Raises:
        UsageError: the command line cannot be used.
        CheckpointError: the checkpoint cannot be had.
        CommandFailedError: the device has too little memory.
    """
    settings = check_arguments(arguments)
    if settings.outdir.exists() and not settings.outdir.is_dir():
        raise UsageError(f"--outdir {settings.outdir} is a file; name a folder")
    if settings.is_demo:
        return _run_demo(settings)
    discovery = discover_inputs(settings.inputs, settings.outdir)
    if discovery.skipped_videos:
        _say(f"{len(discovery.skipped_videos)} videos left out: videos are not read yet.")
    # Before anything heavy is imported: a missing network should be told at once.
    checkpoint = find_checkpoint(settings.model, settings.revision)
    return _run_images(settings, discovery, checkpoint)


def _run_images(settings: PredictSettings, discovery: Discovery, checkpoint: Checkpoint) -> int:
    import torch
    from transformers.utils.logging import disable_progress_bar

    from .prediction_job import PredictionJob
    from .prediction_record import ModelDescription
    from .predictor import DepthPredictor

    disable_progress_bar()  # of loading weights, which takes a moment
    licence = licence_of(checkpoint.name, checkpoint.folder)
    if checkpoint.is_from_cache:
        _say(f"{checkpoint.name}: not asked the Hub for a newer revision, using {checkpoint.revision} from the cache.")
    if notice := licence_notice(checkpoint.name, licence):
        _say(notice)
    try:
        predictor = DepthPredictor(
            checkpoint,
            device=settings.device,
            dtype=settings.dtype,
            batch_size=settings.batch_size,
            compile=settings.compile,
            input_size=settings.input_size,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    weights_sha256 = None if checkpoint.revision else checkpoint.weights_sha256()
    description = ModelDescription(checkpoint.name, checkpoint.revision, weights_sha256, licence)
    job = PredictionJob(predictor, description, settings)
    try:
        job.run(discovery.images)
    except torch.OutOfMemoryError as error:
        raise CommandFailedError(
            f"out of memory on {predictor.device}: lower --batch-size or --input-size; what was finished stays"
        ) from error
    return _summarise(job.report.num_predicted, job.report.num_finished_before, job.report.num_failed, settings)


def _run_demo(settings: PredictSettings) -> int:
    from .demonstration import draw_picture, random_model
    from .prediction_job import PredictionJob
    from .prediction_record import ModelDescription
    from .predictor import DepthPredictor

    _say(DEMO_NOTICE)
    predictor = DepthPredictor(
        random_model(), device=settings.device, dtype=settings.dtype, input_size=settings.input_size
    )
    description = ModelDescription("random weights: the values mean nothing", None, None, "none: random weights")
    job = PredictionJob(predictor, description, settings)
    job.run_in_memory(draw_picture(), DEMO_NAME)
    return _summarise(job.report.num_predicted, job.report.num_finished_before, job.report.num_failed, settings)


def _summarise(num_predicted: int, num_finished_before: int, num_failed: int, settings: PredictSettings) -> int:
    counts = [f"{num_predicted} predicted"]
    if num_finished_before:
        counts.append(f"{num_finished_before} finished before")
    if num_failed:
        counts.append(f"{num_failed} failed")
    print(f"{', '.join(counts)}: {settings.outdir}")
    return EXIT_FAILED if num_failed else EXIT_GOOD


def _say(message: str) -> None:
    print(message, file=sys.stderr)
