"""A protocol: everything that has to be the same for two numbers of one benchmark to compare."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything.resize_geometry import RESIZE_METHODS
from depth_anything.training.evaluation.crops import EvaluatedBox
from depth_anything.training.evaluation.scoring_rule import PredictionKind, ScoringRule


class ProtocolMismatchError(ValueError):
    """A model predicts what the protocol does not judge; the message says what would fit."""


class MaskRule(str, Enum):
    """Which pixels have a ground truth, before its range and the crop."""

    DEPTH = "depth"  # those whose file holds a depth
    DATA_MASK = "data_mask"  # of them, those in the mask that the data set ships


@dataclass(frozen=True, kw_only=True)
class TruthRange:
    """Depths that count.

    Attributes:
        min_depth_m, max_depth_m: in metres.
        is_strict: whether depths just at the limits do not count.
    """

    min_depth_m: float = 0.0
    max_depth_m: float = math.inf
    is_strict: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.min_depth_m < self.max_depth_m:
            raise ValueError(
                f"min_depth_m is {self.min_depth_m!r} and max_depth_m {self.max_depth_m!r}; the first has to be at "
                "least 0 and below the second, in metres"
            )

    def contains(self, depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Whether each depth counts; of the map's shape. What is no positive finite number never does."""
        lowest, highest = np.float32(self.min_depth_m), np.float32(self.max_depth_m)
        if self.is_strict:
            inside = (depth_m > lowest) & (depth_m < highest)
        else:
            inside = (depth_m >= lowest) & (depth_m <= highest)
        return inside & (depth_m > 0) & np.isfinite(depth_m)

    def __str__(self) -> str:
        at_most = "<" if self.is_strict else "<="
        upper = "" if math.isinf(self.max_depth_m) else f" {at_most} {self.max_depth_m:g}"
        return f"{self.min_depth_m:g} {at_most} g{upper}"


@dataclass(frozen=True, kw_only=True)
class InputRule:
    """The size that a picture is brought to for the network.

    Attributes:
        resize_method, size, multiple: as `depth_anything.resize_geometry.resized_size` has them; size is (height,
            width).
    """

    resize_method: str = "lower_bound"
    size: tuple[int, int] = (518, 518)
    multiple: int = 14

    def __post_init__(self) -> None:
        if self.resize_method not in RESIZE_METHODS:
            raise ValueError(f"resize_method is {self.resize_method!r}; there are {', '.join(RESIZE_METHODS)}")

    def __str__(self) -> str:
        return f"{self.resize_method} {self.size[0]}x{self.size[1]}, multiples of {self.multiple}"


SHORT_SIDE_518 = InputRule()


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One benchmark, judged in one way.

    Attributes:
        name: what commands call it.
        data: name of the data set, whose record says where its files lie; see `benchmark_data`.
        title: what people call it.
        split: which images, in words.
        num_images: how many there are; None where they are the user's.
        kinds: what predictions have to mean to be judged.
        rule: how such a prediction is aligned, and where errors are taken.
        relative_depth_rule: the same for relative depth, which is then judged too.
        truth: range of the ground truth.
        is_benchmark_cropped: image and ground truth are cut to KITTI's benchmark window before anything else.
        box: the part of the ground truth that counts.
        is_box_of_full_frame: the box is taken of the frame before the benchmark crop, as BTS does.
        mask: which pixels have a ground truth.
        min_valid_pixels: images with fewer count for nothing.
        loader_size: (height, width) that the data's loader resizes each picture to, the ground truth staying as it
            is; None leaves it.
        input_rule: size for the network; None is the checkpoint's own.
        is_corner_aligned: whether predictions are resized to the ground truth bilinearly with align_corners.
        is_flip_averaged: whether the mirrored picture's prediction is averaged in, half each, before the alignment.
        data_options: of the data set's reader.
        source: who says so.
        notes: what else to know, such as which sources contradict.
    """

    name: str
    data: str
    title: str
    split: str
    num_images: int | None
    kinds: tuple[PredictionKind, ...]
    rule: ScoringRule
    relative_depth_rule: ScoringRule | None = None
    truth: TruthRange
    is_benchmark_cropped: bool = False
    box: EvaluatedBox = EvaluatedBox.WHOLE
    is_box_of_full_frame: bool = False
    mask: MaskRule = MaskRule.DEPTH
    min_valid_pixels: int = 1
    loader_size: tuple[int, int] | None = None
    input_rule: InputRule | None = None
    is_corner_aligned: bool = True
    is_flip_averaged: bool = False
    data_options: Mapping[str, str] = field(default_factory=dict)
    source: str
    notes: str = ""

    def __post_init__(self) -> None:
        judges_relative_depth = PredictionKind.RELATIVE_DEPTH in self.kinds
        if not self.kinds or judges_relative_depth is not (self.relative_depth_rule is not None):
            raise ValueError(
                f"protocol {self.name}: kinds is {[kind.value for kind in self.kinds]} and relative_depth_rule "
                f"{self.relative_depth_rule}; name at least one kind, and relative depth with a rule of its own"
            )

    def rule_for(self, kind: PredictionKind) -> ScoringRule:
        """How a prediction of this kind is judged.

        Raises:
            ProtocolMismatchError: the protocol does not judge this kind.
        """
        if kind not in self.kinds:
            judged = " or ".join(judged.value for judged in self.kinds)
            fitting = "a metric" if kind is PredictionKind.METRIC_DEPTH else "a relative"
            raise ProtocolMismatchError(
                f"protocol {self.name} judges {judged} and aligns by {self.rule.alignment.value}; the model predicts "
                f"{kind.value}: choose {fitting} protocol for it, or another model"
            )
        if kind is PredictionKind.RELATIVE_DEPTH and self.relative_depth_rule is not None:
            return self.relative_depth_rule
        return self.rule

    def record(self) -> dict[str, Any]:
        """The protocol as JSON has it: plain values, "inf" for no limit."""
        return _plain(asdict(self))

    def with_depth_range(self, min_depth_m: float, max_depth_m: float, name: str | None = None) -> Protocol:
        """The same protocol for another range, of truth and prediction.

        Args:
            min_depth_m: its lower end, in metres.
            max_depth_m: its upper end, in metres.
            name: of the new protocol; None adds the range to the old name.
        """
        rules: dict[str, Any] = {"rule": replace(self.rule, min_depth_m=min_depth_m, max_depth_m=max_depth_m)}
        if self.relative_depth_rule is not None:
            rules["relative_depth_rule"] = replace(
                self.relative_depth_rule, min_depth_m=min_depth_m, max_depth_m=max_depth_m
            )
        return replace(
            self,
            name=name or f"{self.name}@{min_depth_m:g}..{max_depth_m:g}",
            truth=replace(self.truth, min_depth_m=min_depth_m, max_depth_m=max_depth_m),
            **rules,
        )


@dataclass(frozen=True, kw_only=True)
class PairProtocol:
    """A benchmark of points of which one is nearer.

    Attributes:
        metric: "pairwise_accuracy" or "whdr".
        num_pairs: over all images; None where nobody says exactly.
        name, data, title, split, num_images, kinds, input_rule, is_corner_aligned, data_options, source, notes: as of
            `Protocol`.
    """

    name: str
    data: str
    title: str
    split: str
    num_images: int | None
    num_pairs: int | None
    metric: str
    kinds: tuple[PredictionKind, ...] = tuple(PredictionKind)
    input_rule: InputRule | None = SHORT_SIDE_518
    is_corner_aligned: bool = False
    data_options: Mapping[str, str] = field(default_factory=dict)
    source: str
    notes: str = ""

    def record(self) -> dict[str, Any]:
        """The protocol as JSON has it."""
        return _plain(asdict(self))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value
