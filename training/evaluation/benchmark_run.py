"""One model on benchmarks: everything that can be refused is refused before the first image is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from depth_anything.training.evaluation.declared_kind import MEANINGS
from depth_anything.training.evaluation.frame_scoring import FrameScorer
from depth_anything.training.evaluation.frames import FrameSource
from depth_anything.training.evaluation.map_predictors import MapPredictor
from depth_anything.training.evaluation.pair_frames import PairSource
from depth_anything.training.evaluation.pair_scoring import PairScorer
from depth_anything.training.evaluation.processes import Processes
from depth_anything.training.evaluation.protocol import PairProtocol, Protocol, ProtocolMismatchError
from depth_anything.training.evaluation.protocol_table import PROTOCOLS, find_protocol, open_frames, open_pairs
from depth_anything.training.evaluation.results_file import BenchmarkResult, read_results
from depth_anything.training.evaluation.scoring_rule import PredictionKind
from depth_anything.training.evaluation.scoring_run import OtherRunError, RunPlan, run_blocks

RESULTS_NAME = "results.json"
# What makes a model the same one on two benchmarks, whose size rules may differ.
MODEL_FIELDS = (
    "model",
    "revision",
    "weights_sha256",
    "class",
    "predicts",
    "position_interpolation",
    "dtype",
    "processor",
)
AnyProtocol = Protocol | PairProtocol


@dataclass(frozen=True, kw_only=True)
class BenchmarkSettings:
    """What is evaluated, and how.

    Attributes:
        names: of the protocols.
        data_root: where their data lie.
        output: folder of the results.
        block_size: images that run and are scored together.
        limit: the first images only; None is all.
        options: of the data sets' readers.
        depth_range_m: to judge the user's own frames in; None is the protocol's.
        is_count_checked: refuse another number of images than the protocol's.
        is_begun_again: throw away what an earlier run left.
    """

    names: tuple[str, ...]
    data_root: Path
    output: Path
    block_size: int = 8
    limit: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    depth_range_m: tuple[float, float] | None = None
    is_count_checked: bool = True
    is_begun_again: bool = False

    def protocols(self) -> list[AnyProtocol]:
        """The protocols of the names.

        Raises:
            UnknownProtocolError: there is no such name.
            ValueError: a range that is none, or for points.
        """
        found = [find_protocol(name) for name in self.names]
        if self.depth_range_m is None:
            return found
        pairs = [protocol.name for protocol in found if isinstance(protocol, PairProtocol)]
        if pairs:
            raise ValueError(f"--depth-range is for depth, and {', '.join(pairs)} compares points: leave it out")
        return [protocol.with_depth_range(*self.depth_range_m) for protocol in found if isinstance(protocol, Protocol)]

    def folder_of(self, protocol: AnyProtocol) -> Path:
        """Where the parts and pictures of one benchmark go."""
        return self.output / re.sub(r"[^\w.@-]+", "_", protocol.name)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A protocol with the images that it judges."""

    protocol: AnyProtocol
    source: FrameSource | PairSource
    num_images: int

    def keys(self) -> list[str]:
        """Names of the images."""
        return [self.source.key(index) for index in range(self.num_images)]


def check_kinds(protocols: Sequence[AnyProtocol], kind: PredictionKind) -> None:
    """Lets pass only what all the protocols judge.

    Raises:
        ProtocolMismatchError: one of them does not; the message says what it judges, and which others would fit.
    """
    for protocol in protocols:
        if kind in protocol.kinds:
            continue
        fitting = [other.name for other in PROTOCOLS.values() if other.data == protocol.data and kind in other.kinds]
        judged = " or ".join(f"{one.value} ({MEANINGS[one]})" for one in protocol.kinds)
        advice = f"on the same data fit {', '.join(fitting)}" if fitting else "no protocol on the same data fits"
        raise ProtocolMismatchError(
            f"benchmark {protocol.name} judges {judged}, and the model predicts {kind.value} ({MEANINGS[kind]}): "
            f"{advice}"
        )


def open_benchmarks(settings: BenchmarkSettings, protocols: Sequence[AnyProtocol]) -> list[Benchmark]:
    """The benchmarks with their images listed, none decoded.

    Raises:
        BenchmarkDataError: files are not there, or another number of images is.
    """
    opened = []
    for protocol in protocols:
        open_source: Callable[..., Any] = open_frames if isinstance(protocol, Protocol) else open_pairs
        source = open_source(
            protocol, settings.data_root, settings.options, is_count_checked=settings.is_count_checked
        )
        num_images = len(source) if settings.limit is None else min(settings.limit, len(source))
        opened.append(Benchmark(protocol=protocol, source=source, num_images=num_images))
    return opened


def scorer_of(benchmark: Benchmark, predictor: MapPredictor) -> FrameScorer | PairScorer:
    """What scores the benchmark's images."""
    if isinstance(benchmark.protocol, Protocol):
        assert isinstance(benchmark.source, FrameSource)
        return FrameScorer(benchmark.source, predictor, benchmark.protocol)
    assert isinstance(benchmark.source, PairSource)
    return PairScorer(benchmark.source, predictor, benchmark.protocol)


def earlier_results(settings: BenchmarkSettings, predictors: Sequence[MapPredictor]) -> dict[str, BenchmarkResult]:
    """What the output folder holds of the same model, on other benchmarks too.

    Raises:
        OtherRunError: it holds results of another model.
        ResultsFileError: its file is none of ours.
    """
    path = settings.output / RESULTS_NAME
    if settings.is_begun_again or not path.exists():
        return {}
    earlier = read_results(path)
    for name, result in earlier.items():
        for field_name in MODEL_FIELDS:
            recorded, own = result.model.get(field_name), predictors[0].identity.get(field_name)
            if recorded != own:
                raise OtherRunError(
                    f"{path} holds {name} with another {field_name} ({recorded!r}, not {own!r}): choose another "
                    "--output, or --overwrite begins again"
                )
    return earlier


def run_benchmark(
    benchmark: Benchmark, predictor: MapPredictor, settings: BenchmarkSettings, processes: Processes
) -> BenchmarkResult:
    """The result of one model on one benchmark, in every process.

    Raises:
        OtherRunError: the output folder holds another evaluation.
        IncompleteRunError: the processes do not see one folder.
    """
    protocol = benchmark.protocol
    recorded = {
        "protocol": protocol.record(),
        "model": predictor.identity,
        "settings": {"options": dict(settings.options), "limit": settings.limit},
    }
    plan = RunPlan(
        title=protocol.name,
        keys=benchmark.keys(),
        block_size=settings.block_size,
        folder=settings.folder_of(protocol),
        identity=recorded,
        is_begun_again=settings.is_begun_again,
    )
    scorer = scorer_of(benchmark, predictor)
    if isinstance(scorer, FrameScorer):
        rows = run_blocks(plan, scorer, processes)
    else:
        rows = run_blocks(plan, scorer, processes)
    run_settings = recorded["settings"] | {"block_size": settings.block_size}
    return BenchmarkResult(protocol=recorded["protocol"], model=recorded["model"], settings=run_settings, rows=rows)
