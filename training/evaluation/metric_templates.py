"""What protocols for metric predictions share: ZoeDepth's rules, those of V2's script, and the data of several."""

from __future__ import annotations

import math
from dataclasses import replace

from depth_anything.training.evaluation.protocol import SHORT_SIDE_518, Protocol, TruthRange
from depth_anything.training.evaluation.scoring_rule import Alignment, PredictionKind, ScoringRule

EIGEN_697 = "Eigen's 697 test frames"
EIGEN_652 = f"{EIGEN_697} less 45 without annotated depth"

# ZoeDepth's rules: limits do not count, predictions are clipped to them, mirrored predictions averaged in.
ZOE = Protocol(
    name="template",
    data="",
    title="",
    split="",
    num_images=None,
    kinds=(PredictionKind.METRIC_DEPTH,),
    rule=ScoringRule(alignment=Alignment.NONE),
    truth=TruthRange(),
    is_flip_averaged=True,
    source="Depth Anything, metric_depth/evaluate.py and zoedepth/utils/config.py",
)
# The validation of V2's script: limits count, predictions are not clipped, no crop, no mirroring.
V2_CODE = replace(
    ZOE,
    rule=ScoringRule(alignment=Alignment.NONE, min_depth_m=0, max_depth_m=math.inf, clips_prediction=False),
    min_valid_pixels=10,
    input_rule=SHORT_SIDE_518,
    is_flip_averaged=False,
    source="Depth Anything V2, metric_depth/train.py and util/metric.py",
)
