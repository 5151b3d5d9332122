from __future__ import annotations

import itertools

import pytest
import torch

from depth_anything.training.evaluation.ordinal import ordinal_accuracy, pairwise_accuracy, whdr
from depth_anything.training.evaluation.scoring_rule import PredictionKind

DISPARITY, METRES = PredictionKind.RELATIVE_DISPARITY, PredictionKind.METRIC_DEPTH


@pytest.fixture
def ramp() -> tuple[torch.Tensor, torch.Tensor]:
    """True depth that grows along the rows, two images (2, 10, 12), with all pixels valid."""
    depth_m = (1 + torch.arange(240, dtype=torch.float64)).view(2, 10, 12)
    return depth_m, torch.ones_like(depth_m, dtype=torch.bool)


@pytest.mark.parametrize("kind", PredictionKind)
@pytest.mark.parametrize("is_first_nearer", [True, False])
def test_a_pair_is_right_if_the_nearer_point_is_predicted_nearer(kind: PredictionKind, is_first_nearer: bool) -> None:
    order = torch.tensor([is_first_nearer])
    for first, second in itertools.product((0.5, 1.0, 2.0, torch.nan), repeat=2):
        first_is_nearer = first > second if kind is DISPARITY else first < second
        second_is_nearer = second > first if kind is DISPARITY else second < first
        is_right = first_is_nearer if is_first_nearer else second_is_nearer
        values = torch.tensor([[first, second]])
        assert pairwise_accuracy(values, order, kind) == float(is_right)
        assert whdr(values, order, kind) == 1 - float(is_right)


def test_a_constant_answer_has_no_pair_right() -> None:
    values, order = torch.ones(5, 2), torch.ones(5, dtype=torch.bool)
    assert pairwise_accuracy(values, order, DISPARITY) == 0
    assert whdr(values, order, DISPARITY) == 1


def test_disagreement_weighs_each_pair() -> None:
    values = torch.tensor([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0], [2.0, 2.0]])
    order = torch.tensor([True, False, True, True])  # right, wrong, wrong, a tie
    assert whdr(values, order, DISPARITY) == 0.75
    assert whdr(values, order, DISPARITY, torch.tensor([7.0, 1.0, 2.0, 0.0])) == pytest.approx(0.3, rel=1e-15)


def test_dense_maps_of_the_right_and_of_the_opposite_order_score_one_and_zero(
    ramp: tuple[torch.Tensor, torch.Tensor],
) -> None:
    depth_m, valid = ramp
    for prediction, kind, share in ((1 / depth_m, DISPARITY, 1), (depth_m, DISPARITY, 0), (depth_m, METRES, 1)):
        shares = ordinal_accuracy(prediction, depth_m, valid, kind, torch.Generator().manual_seed(0))
        assert shares.tolist() == [share] * 2


def test_dense_pairs_are_drawn_from_valid_pixels_and_count_from_the_ratio_on(
    ramp: tuple[torch.Tensor, torch.Tensor],
) -> None:
    depth_m, valid = ramp
    valid = valid & (torch.rand(valid.shape, generator=torch.Generator().manual_seed(1)) < 0.5)
    prediction = torch.randn(depth_m.shape, generator=torch.Generator().manual_seed(2))
    prediction[~valid] = torch.nan
    options = {"num_pairs": 300, "min_depth_ratio": 1.3}
    shares = ordinal_accuracy(prediction, depth_m, valid, METRES, torch.Generator().manual_seed(0), **options)
    draws = torch.Generator().manual_seed(0)
    for image in range(2):
        true, seen = (maps[image][valid[image]].tolist() for maps in (depth_m, prediction))
        right, counted = 0, 0
        for first, second in torch.randint(len(true), (300, 2), generator=draws).tolist():
            near, far = sorted((first, second), key=lambda place: true[place])
            if true[far] / true[near] >= 1.3:
                counted += 1
                right += seen[near] < seen[far]
        assert 100 < counted < 300
        assert float(shares[image]) == pytest.approx(right / counted, rel=1e-15)


def test_an_image_without_a_pair_has_no_share() -> None:
    depth_m = torch.ones(2, 3, 3)
    valid = torch.stack([torch.ones(3, 3), torch.zeros(3, 3)]).bool()
    assert ordinal_accuracy(depth_m, depth_m, valid, METRES, torch.Generator()).isnan().all()


@pytest.mark.parametrize("options", [{"num_pairs": 0}, {"min_depth_ratio": 1.0}])
def test_options_out_of_range_are_refused(options: dict[str, float], ramp: tuple[torch.Tensor, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))}.*has to be"):
        ordinal_accuracy(ramp[0], *ramp, METRES, torch.Generator(), **options)
