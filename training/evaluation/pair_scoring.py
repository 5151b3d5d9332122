"""Scores the point pairs of a benchmark: which of two points is nearer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from depth_anything.training.evaluation.map_predictors import MapPredictor, Prepared
from depth_anything.training.evaluation.ordinal import is_order_right
from depth_anything.training.evaluation.pair_frames import PairSource, PointPairs
from depth_anything.training.evaluation.protocol import PairProtocol
from depth_anything.training.evaluation.results_file import ImageRow


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedPairs:
    """An image's pairs with what the predictor needs of it, or the row that says why there are none."""

    row: ImageRow
    pairs: PointPairs | None = None
    prepared: Prepared | None = None


class PairScorer:
    """Scores point pairs by a protocol.

    Args:
        source: images with their pairs.
        predictor: gives a map for each image.
        protocol: says which share is reported.
    """

    def __init__(self, source: PairSource, predictor: MapPredictor, protocol: PairProtocol) -> None:
        self.source = source
        self.predictor = predictor
        self.metric = protocol.metric

    def load(self, indices: Sequence[int]) -> list[LoadedPairs]:
        """The images with these numbers, decoded and prepared."""
        return [self._load(index) for index in indices]

    def score(self, loaded: Sequence[LoadedPairs]) -> list[ImageRow]:
        """A row for each image, in their order."""
        rows = [one.row for one in loaded]
        usable = [(position, one) for position, one in enumerate(loaded) if one.pairs is not None]
        maps = self.predictor.predict([one.prepared for _, one in usable if one.prepared is not None])
        for (position, one), map_ in zip(usable, maps, strict=True):
            assert one.pairs is not None
            rows[position] = self._scored(one.row, one.pairs, map_.cpu())
        return rows

    def _scored(self, row: ImageRow, pairs: PointPairs, map_: Tensor) -> ImageRow:
        points = torch.from_numpy(pairs.points)  # (K, 2, 2)
        values = map_[points[..., 0], points[..., 1]]  # (K, 2)
        is_right = is_order_right(values, torch.from_numpy(pairs.is_first_nearer), self.predictor.kind)
        share = float(is_right.double().mean())
        return replace(
            row,
            metrics={self.metric: 1 - share if self.metric == "whdr" else share},
            weight=float(len(points)),
            group=pairs.scene,
            num_valid=len(points),
            num_penalised=int((~values.isfinite()).any(dim=1).sum()),
        )

    def _load(self, index: int) -> LoadedPairs:
        row = ImageRow(index=index, key=self.source.key(index))
        try:
            pairs = self.source.read(index)
            height, width = pairs.image.shape[:2]
            prepared = self.predictor.prepare(index, pairs.image, (height, width))
        except (ValueError, OSError, MemoryError) as error:
            return LoadedPairs(row=replace(row, fault=str(error) or type(error).__name__))
        return LoadedPairs(row=row, pairs=pairs, prepared=prepared)
