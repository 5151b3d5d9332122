"""Protocols for the user's own frames."""

from __future__ import annotations

from dataclasses import replace

from depth_anything.training.evaluation.protocol import Protocol, TruthRange
from depth_anything.training.evaluation.scoring_rule import Alignment, ErrorSpace, PredictionKind, ScoringRule

_MAX_DEPTH_M = 80.0
_OWN = Protocol(
    name="folder_metric",
    data="folder",
    title="your own frames, metric",
    split="your own frames",
    num_images=None,
    kinds=(PredictionKind.METRIC_DEPTH,),
    rule=ScoringRule(alignment=Alignment.NONE, max_depth_m=_MAX_DEPTH_M),
    truth=TruthRange(min_depth_m=1e-3, max_depth_m=_MAX_DEPTH_M),
    source="this project",
    notes="Depth outside of the range does not count and predictions are clipped to it; set the range of your data.",
)
_OWN_RELATIVE = replace(
    _OWN,
    name="folder_relative",
    title="your own frames, relative",
    kinds=(PredictionKind.RELATIVE_DISPARITY, PredictionKind.RELATIVE_DEPTH, PredictionKind.METRIC_DEPTH),
    rule=ScoringRule(alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=_MAX_DEPTH_M),
    relative_depth_rule=ScoringRule(alignment=Alignment.SCALE_SHIFT_DEPTH, max_depth_m=_MAX_DEPTH_M),
)

FOLDER_PROTOCOLS = (
    _OWN_RELATIVE,
    replace(
        _OWN_RELATIVE,
        name="folder_relative_disparity",
        title="your own frames, relative, errors of disparity",
        kinds=(PredictionKind.RELATIVE_DISPARITY, PredictionKind.METRIC_DEPTH),
        rule=replace(_OWN_RELATIVE.rule, error_space=ErrorSpace.DISPARITY),
        relative_depth_rule=None,
    ),
    _OWN,
)
