from __future__ import annotations

import pytest
import torch

from depth_anything.training.evaluation.scoring import compared_maps, score_images
from depth_anything.training.evaluation.scoring_rule import Alignment, ErrorSpace, PredictionKind, ScoringRule

DISPARITY, METRES = PredictionKind.RELATIVE_DISPARITY, PredictionKind.METRIC_DEPTH


@pytest.mark.parametrize("space", ErrorSpace)
@pytest.mark.parametrize(
    ("kind", "alignment"),
    [
        (DISPARITY, Alignment.SCALE_SHIFT_DISPARITY),
        (METRES, Alignment.SCALE_SHIFT_DISPARITY),
        (METRES, Alignment.NONE),
    ],
)
def test_the_errors_of_the_compared_maps_are_the_scores(
    kind: PredictionKind, alignment: Alignment, space: ErrorSpace
) -> None:
    noise = torch.Generator().manual_seed(0)
    depth_m = torch.rand((3, 20, 30), generator=noise) * 12 + 0.2
    prediction = (1 / depth_m if kind is DISPARITY else depth_m) * (
        1 + 0.3 * torch.randn(depth_m.shape, generator=noise)
    )
    prediction[0, 3, 4:9], prediction[1, 2, 2], prediction[2, 5, 5] = -1.0, torch.nan, torch.inf
    valid = torch.rand(depth_m.shape, generator=noise) < 0.7
    rule = ScoringRule(alignment=alignment, error_space=space, min_depth_m=0.5, max_depth_m=10)
    scores = score_images(prediction, depth_m, valid, kind, rule)
    value, truth = compared_maps(prediction, depth_m, valid, scores, kind, rule)
    for image in range(3):
        seen, true = value[image][valid[image]], truth[image][valid[image]]
        torch.testing.assert_close(((seen - true).abs() / true).mean(), scores.values["abs_rel"][image])
        torch.testing.assert_close((seen - true).square().mean().sqrt(), scores.values["rmse"][image])
