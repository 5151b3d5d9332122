"""Scores a depth model on benchmarks, each by a protocol that states everything its numbers depend on.

    accelerate launch training/evaluate_zero_shot.py --model my-model --benchmark folder_relative --data-root frames
    python training/evaluate_zero_shot.py compare first/results.json second/results.json

`python -m depth_anything.training.evaluate_zero_shot` is the same.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence

import torch
from transformers.utils.logging import disable_progress_bar

from depth_anything.checkpoint_lookup import find_checkpoint
from depth_anything.command_errors import EXIT_FAILED, EXIT_GOOD, CommandFailedError, UsageError
from depth_anything.training.corpora.command_line import reported_exit_code
from depth_anything.training.evaluation.benchmark_data import BenchmarkDataError
from depth_anything.training.evaluation.benchmark_run import (
    RESULTS_NAME,
    Benchmark,
    BenchmarkSettings,
    check_kinds,
    earlier_results,
    open_benchmarks,
    run_benchmark,
    scorer_of,
)
from depth_anything.training.evaluation.compared_results import NotComparableError, Resampling, comparison_lines
from depth_anything.training.evaluation.declared_kind import PredictionKindError
from depth_anything.training.evaluation.depth_models import load_depth_model
from depth_anything.training.evaluation.evaluation_arguments import (
    checked_choices,
    checked_settings,
    comparison_parser,
    evaluation_parser,
)
from depth_anything.training.evaluation.frame_scoring import FrameScorer
from depth_anything.training.evaluation.map_predictors import FolderPredictor, MapPredictor, NetworkPredictor
from depth_anything.training.evaluation.picture_choice import draw_pictures
from depth_anything.training.evaluation.prediction_folder import PredictionFolder, PredictionFolderError
from depth_anything.training.evaluation.processes import LaunchError, Processes, joined_processes
from depth_anything.training.evaluation.protocol import ProtocolMismatchError
from depth_anything.training.evaluation.protocol_table import PROTOCOLS, UnknownProtocolError
from depth_anything.training.evaluation.results_file import BenchmarkResult, ResultsFileError, write_results
from depth_anything.training.evaluation.results_table import card_text, result_lines
from depth_anything.training.evaluation.scoring_run import IncompleteRunError, OtherRunError

PROGRAM = "evaluate_zero_shot"
CARD_NAME = "model_card_results.md"
USAGE_ERRORS = (
    BenchmarkDataError,
    NotComparableError,
    OtherRunError,
    PredictionFolderError,
    PredictionKindError,
    ProtocolMismatchError,
    ResultsFileError,
    UnknownProtocolError,
)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["compare"]:
        program = f"{PROGRAM} compare"
        return reported_exit_code(program, comparison_parser(program), words[1:], _with_plain_errors(_compare))
    return reported_exit_code(PROGRAM, evaluation_parser(PROGRAM), words, _with_plain_errors(_run))


def _with_plain_errors(run: Callable[[Namespace], int]) -> Callable[[Namespace], int]:
    def run_with_plain_errors(arguments: Namespace) -> int:
        try:
            return run(arguments)
        except USAGE_ERRORS as error:
            raise UsageError(str(error)) from error
        except (IncompleteRunError, LaunchError) as error:
            raise CommandFailedError(str(error)) from error
        except torch.OutOfMemoryError as error:
            raise CommandFailedError(
                "out of memory: lower --batch-size, which begins again with --overwrite, or --input-size"
            ) from error

    return run_with_plain_errors


def _compare(arguments: Namespace) -> int:
    resampling = Resampling(num_resamples=arguments.resamples, confidence=arguments.confidence, seed=arguments.seed)
    print("\n".join(comparison_lines(arguments.first, arguments.second, resampling)))
    return EXIT_GOOD


def _run(arguments: Namespace) -> int:
    if arguments.list:
        print("\n".join(f"{name}: {protocol.title}; {protocol.split}" for name, protocol in PROTOCOLS.items()))
        return EXIT_GOOD
    settings = checked_settings(arguments)
    processes = joined_processes(is_on_cpu=arguments.device == "cpu")
    benchmarks, predictors = _opened(arguments, settings, processes)
    results = processes.decided_by_main(lambda: earlier_results(settings, predictors))
    for benchmark, predictor in zip(benchmarks, predictors, strict=True):
        name = benchmark.protocol.name
        results[name] = run_benchmark(benchmark, predictor, settings, processes)
        if processes.is_main:
            _report(results, benchmark, predictor, settings, arguments.pictures)
    processes.wait()
    own = [results[benchmark.protocol.name] for benchmark in benchmarks]
    return EXIT_GOOD if all(result.scored and not result.counts()["failed"] for result in own) else EXIT_FAILED


def _opened(
    arguments: Namespace, settings: BenchmarkSettings, processes: Processes
) -> tuple[list[Benchmark], Sequence[MapPredictor]]:
    """The benchmarks, and for each what predicts; whatever can be refused is refused here."""
    try:
        choices = checked_choices(arguments)
        protocols = settings.protocols()
        if arguments.model is None:
            benchmarks = open_benchmarks(settings, protocols)
            predictors: list[MapPredictor] = [
                _predictions_for(benchmark, arguments, len(benchmarks)) for benchmark in benchmarks
            ]
            for protocol, predictor in zip(protocols, predictors, strict=True):
                check_kinds([protocol], predictor.kind)
            return benchmarks, predictors
        disable_progress_bar()  # of loading weights, which takes a moment
        checkpoint = find_checkpoint(arguments.model, arguments.revision, argument="--model", model_type=None)
        model = load_depth_model(checkpoint, choices, processes.device)
        check_kinds(protocols, model.kind)
        benchmarks = open_benchmarks(settings, protocols)
    except ValueError as error:
        raise UsageError(str(error)) from error
    is_input_kept = choices.input_size is not None
    return benchmarks, [NetworkPredictor(model, protocol, is_input_kept) for protocol in protocols]


def _predictions_for(benchmark: Benchmark, arguments: Namespace, num_benchmarks: int) -> MapPredictor:
    """Predictions from files: of several benchmarks each in a folder with its name."""
    folder = arguments.predictions
    if num_benchmarks > 1 or (folder / benchmark.protocol.name).is_dir():
        folder = folder / benchmark.protocol.name
    predictions = PredictionFolder(
        folder, benchmark.keys(), predicts=checked_choices(arguments).predicts, png_scale=arguments.png_scale
    )
    return FolderPredictor(predictions, benchmark.protocol)


def _report(
    results: dict[str, BenchmarkResult],
    benchmark: Benchmark,
    predictor: MapPredictor,
    settings: BenchmarkSettings,
    num_pictures: int,
) -> None:
    """Prints the last result and writes what there is so far."""
    result = results[benchmark.protocol.name]
    print("\n".join(result_lines(result)))
    write_results(settings.output / RESULTS_NAME, results)
    (settings.output / CARD_NAME).write_text(card_text(results), encoding="utf-8")
    scorer = scorer_of(benchmark, predictor)
    if isinstance(scorer, FrameScorer) and result.scored:
        draw_pictures(result, scorer, settings.folder_of(benchmark.protocol), num_pictures)
    print(f"{settings.output / RESULTS_NAME}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
