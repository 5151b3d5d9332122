"""What protocols for relative predictions share: the fit, and for each data set its images and usual range."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from depth_anything.training.evaluation.protocol import SHORT_SIDE_518, MaskRule, Protocol, TruthRange
from depth_anything.training.evaluation.scoring_rule import Alignment, PredictionKind, ScoringRule

MIDAS = "MiDaS, arXiv:1907.01341, section 6, and its authors' evaluation scripts"
MARIGOLD = "Marigold, script/depth/eval.py and src/util/alignment.py"

TEMPLATE = Protocol(
    name="template",
    data="",
    title="",
    split="",
    num_images=None,
    kinds=(PredictionKind.RELATIVE_DISPARITY, PredictionKind.RELATIVE_DEPTH, PredictionKind.METRIC_DEPTH),
    rule=ScoringRule(alignment=Alignment.SCALE_SHIFT_DISPARITY),
    # What Marigold's own code does with its own predictions.
    relative_depth_rule=ScoringRule(alignment=Alignment.SCALE_SHIFT_DEPTH),
    truth=TruthRange(),
    input_rule=SHORT_SIDE_518,
    is_corner_aligned=False,
    source="",
)


def clipped(protocol: Protocol, min_depth_m: float, max_depth_m: float, **fields: Any) -> Protocol:
    """The protocol with predictions of this range; the ground truth's range is left as it is, or is in `fields`."""
    truth = fields.pop("truth", protocol.truth)
    return replace(protocol.with_depth_range(min_depth_m, max_depth_m), truth=truth, **fields)


def fitted_as_marigold(protocol: Protocol) -> Protocol:
    """The protocol with a fit in disparity that leaves out predictions of 0 or less; they are scored all the same."""
    return replace(protocol, rule=replace(protocol.rule, fits_positive_only=True))


KITTI = replace(
    TEMPLATE.with_depth_range(1e-3, 80),
    data="kitti",
    split="Eigen's 697 test frames less 45 without annotated depth",
    num_images=652,
)
NYU = replace(TEMPLATE.with_depth_range(1e-3, 10), data="nyuv2", split="654 official test frames", num_images=654)
SINTEL = clipped(
    TEMPLATE,
    1e-3,
    72,
    data="sintel",
    split="1,064 frames of 23 training scenes",
    num_images=1064,
    truth=TruthRange(max_depth_m=72),
    data_options={"rendering_pass": "final"},
    source=MIDAS,
)
DDAD = replace(TEMPLATE, data="ddad", split="3,950 validation samples, CAMERA_01", num_images=3950)
ETH3D = replace(TEMPLATE, data="eth3d", split="454 training views of 13 scenes", num_images=454)
DIODE = clipped(
    fitted_as_marigold(TEMPLATE),
    0.6,
    350,
    data="diode",
    split="771 validation frames",
    num_images=771,
    mask=MaskRule.DATA_MASK,
    source=f"{MARIGOLD}, with the fit in disparity",
)
