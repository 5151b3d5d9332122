"""Scores the frames of a benchmark: read and prepared in one thread, predicted and compared in another.

Shapes: B frames of one size, H W pixels of their ground truth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from depth_anything.training.corpora.sample import Reason, SampleError
from depth_anything.training.evaluation.error_over_depth import binned_errors
from depth_anything.training.evaluation.frames import Frame, FrameSource
from depth_anything.training.evaluation.map_predictors import MapPredictor, Prepared
from depth_anything.training.evaluation.protocol import Protocol
from depth_anything.training.evaluation.results_file import ImageRow
from depth_anything.training.evaluation.scoring import ImageScores, compared_maps, score_images

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedFrame:
    """A frame with what the predictor needs of it, or the row that says why there is none."""

    row: ImageRow
    frame: Frame | None = None
    prepared: Prepared | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedFrames:
    """Frames of one size with their scores.

    Attributes:
        positions: of the frames among those that were given.
        scores: of each.
        value, truth: what was compared, in the space of the errors; float64, (B, H, W).
        depth_m, valid: the ground truth; (B, H, W).
    """

    positions: list[int]
    scores: ImageScores
    value: Tensor
    truth: Tensor
    depth_m: Tensor
    valid: Tensor

    def relative_error(self) -> Tensor:
        """The relative error of each pixel, (B, H, W)."""
        return torch.abs(self.value - self.truth) / self.truth


class FrameScorer:
    """Scores frames by a protocol.

    Args:
        source: frames as the protocol judges them.
        predictor: gives a map for each frame.
        protocol: says how maps are compared.

    Raises:
        ProtocolMismatchError: the protocol does not judge what the predictor predicts.
    """

    def __init__(self, source: FrameSource, predictor: MapPredictor, protocol: Protocol) -> None:
        self.source = source
        self.predictor = predictor
        self.rule = protocol.rule_for(predictor.kind)

    def load(self, indices: Sequence[int]) -> list[LoadedFrame]:
        """The frames with these numbers, decoded and prepared."""
        return [self._load(index) for index in indices]

    def score(self, loaded: Sequence[LoadedFrame]) -> list[ImageRow]:
        """A row for each frame, in their order."""
        rows = [one.row for one in loaded]
        for compared in self.compare(loaded):
            errors = compared.relative_error()
            for number, position in enumerate(compared.positions):
                bins = binned_errors(errors[number], compared.depth_m[number], compared.valid[number])
                rows[position] = replace(_scored(rows[position], compared.scores, number), depth_errors=bins)
        return rows

    def compare(self, loaded: Sequence[LoadedFrame]) -> list[ComparedFrames]:
        """The frames that there are, predicted and compared, those of one size together."""
        usable = [position for position, one in enumerate(loaded) if one.frame is not None]
        maps = self.predictor.predict([_known(loaded[position].prepared) for position in usable])
        alike: dict[tuple[int, ...], list[tuple[int, Tensor]]] = defaultdict(list)
        for position, map_ in zip(usable, maps, strict=True):
            alike[tuple(map_.shape)].append((position, map_))
        return [self._compare(loaded, members) for members in alike.values()]

    def _compare(self, loaded: Sequence[LoadedFrame], members: Sequence[tuple[int, Tensor]]) -> ComparedFrames:
        prediction = torch.stack([map_ for _, map_ in members])
        if prediction.device.type == "mps":  # which has no float64
            prediction = prediction.cpu()
        frames = [_known(loaded[position].frame) for position, _ in members]
        depth_m = torch.stack([torch.from_numpy(frame.depth_m) for frame in frames]).to(prediction.device)
        valid = torch.stack([torch.from_numpy(frame.valid) for frame in frames]).to(prediction.device)
        scores = score_images(prediction, depth_m, valid, self.predictor.kind, self.rule)
        value, truth = compared_maps(prediction, depth_m, valid, scores, self.predictor.kind, self.rule)
        return ComparedFrames(
            positions=[position for position, _ in members],
            scores=scores,
            value=value,
            truth=truth,
            depth_m=depth_m,
            valid=valid,
        )

    def _load(self, index: int) -> LoadedFrame:
        row = ImageRow(index=index, key=self.source.key(index))
        try:
            frame = self.source.read(index)
            height, width = frame.depth_m.shape
            prepared = self.predictor.prepare(index, frame.image, (height, width))
        except SampleError as error:
            if error.reason is Reason.EMPTY_LABEL:  # the benchmark's own hole, which no repair of files fills
                return LoadedFrame(row=replace(row, left_out=str(error)))
            return LoadedFrame(row=replace(row, fault=str(error)))
        except (ValueError, OSError, MemoryError) as error:
            return LoadedFrame(row=replace(row, fault=str(error) or type(error).__name__))
        return LoadedFrame(row=row, frame=frame, prepared=prepared)


def _scored(row: ImageRow, scores: ImageScores, number: int) -> ImageRow:
    return replace(
        row,
        metrics={name: float(values[number]) for name, values in scores.values.items()},
        num_valid=int(scores.num_valid[number]),
        num_penalised=int(scores.num_penalised[number]),
        scale=float(scores.scale[number]),
        shift=float(scores.shift[number]),
        degenerate=scores.reasons[number],
    )


def _known(value: Value | None) -> Value:
    assert value is not None
    return value
