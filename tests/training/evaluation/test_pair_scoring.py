from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_anything.training.corpora.sample import Reason, SampleError
from depth_anything.training.evaluation.map_predictors import MapPredictor, Prepared
from depth_anything.training.evaluation.pair_frames import PairSource, PointPairs
from depth_anything.training.evaluation.pair_scoring import PairScorer
from depth_anything.training.evaluation.protocol import PairProtocol
from depth_anything.training.evaluation.protocol_table import find_protocol
from depth_anything.training.evaluation.results_file import BenchmarkResult
from depth_anything.training.evaluation.scoring_rule import PredictionKind


class ColumnPredictor(MapPredictor):
    """Predicts the number of the column."""

    identity: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, kind: PredictionKind) -> None:
        self.kind = kind

    def prepare(self, index: int, image: NDArray[np.uint8], target_size: tuple[int, int]) -> Prepared:
        return Prepared(torch.arange(float(target_size[1])).repeat(target_size[0], 1), target_size, target_size)

    def predict(self, prepared: Sequence[Prepared]) -> list[Tensor]:
        return [one.values for one in prepared]


class FewPairs(PairSource):
    """Two images of two scenes: of the first, columns 9 and 2, then 2 and 9, then 4 and 4; of the second, 1 and 0."""

    points = ([[[0, 9], [5, 2]], [[0, 2], [5, 9]], [[1, 4], [3, 4]]], [[[0, 1], [0, 0]]])

    @property
    def num_pairs(self) -> int:
        return 4

    def __len__(self) -> int:
        return 3

    def key(self, index: int) -> str:
        return f"image {index}"

    def read(self, index: int) -> PointPairs:
        if index == 2:
            raise SampleError(Reason.DAMAGED_IMAGE, "no picture")
        points = np.array(self.points[index], np.int64)
        return PointPairs(
            image=np.zeros((6, 10, 3), np.uint8),
            points=points,
            is_first_nearer=np.ones(len(points), np.bool_),
            scene=("indoor", "aerial")[index],
            key=self.key(index),
        )


@pytest.fixture
def protocol() -> PairProtocol:
    found = find_protocol("da_2k")
    assert isinstance(found, PairProtocol)
    return found


@pytest.mark.parametrize(
    ("kind", "shares"),
    [(PredictionKind.RELATIVE_DISPARITY, (1 / 3, 1.0)), (PredictionKind.METRIC_DEPTH, (1 / 3, 0.0))],
)
def test_the_nearer_point_has_more_disparity_or_less_depth_and_a_tie_is_wrong(
    protocol: PairProtocol, kind: PredictionKind, shares: tuple[float, float]
) -> None:
    scorer = PairScorer(FewPairs(), ColumnPredictor(kind), protocol)
    rows = scorer.score(scorer.load(range(3)))
    assert [row.metrics.get(protocol.metric) for row in rows] == [pytest.approx(shares[0]), shares[1], None]
    assert "no picture" in rows[2].fault
    result = BenchmarkResult(protocol={}, model={}, settings={}, rows=tuple(rows))
    assert result.means()[protocol.metric] == pytest.approx((3 * shares[0] + shares[1]) / 4), "over pairs, not images"
    assert result.group_names() == ["indoor", "aerial"]
    assert result.means("aerial") == {protocol.metric: shares[1]}


def test_whdr_is_the_share_of_wrong_pairs(protocol: PairProtocol) -> None:
    scorer = PairScorer(
        FewPairs(), ColumnPredictor(PredictionKind.RELATIVE_DISPARITY), replace(protocol, metric="whdr")
    )
    rows = scorer.score(scorer.load([0]))
    assert rows[0].metrics == {"whdr": pytest.approx(2 / 3)}


def test_a_prediction_that_is_no_number_is_wrong_and_counted(protocol: PairProtocol) -> None:
    class Blind(ColumnPredictor):
        def predict(self, prepared: Sequence[Prepared]) -> list[Tensor]:
            return [torch.full_like(one.values, torch.nan) for one in prepared]

    scorer = PairScorer(FewPairs(), Blind(PredictionKind.METRIC_DEPTH), protocol)
    (row,) = scorer.score(scorer.load([0]))
    assert (row.metrics[protocol.metric], row.num_penalised, row.num_valid) == (0.0, 3, 3)
