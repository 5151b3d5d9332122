"""Protocols for depth up to scale: the ratio of the medians is fitted to each image, errors are of metres."""

from __future__ import annotations

from dataclasses import replace

from depth_anything.training.evaluation.crops import EvaluatedBox
from depth_anything.training.evaluation.metric_templates import EIGEN_652, EIGEN_697, ZOE
from depth_anything.training.evaluation.protocol import TruthRange
from depth_anything.training.evaluation.scoring_rule import Alignment, ScoringRule

_OF_SELF_SUPERVISED = (
    "For depth up to scale: of self-supervised models, or of metric ones whose scale is not to count."
)
_MEDIAN = replace(
    ZOE,
    rule=ScoringRule(alignment=Alignment.MEDIAN_RATIO),
    is_flip_averaged=False,
    notes=_OF_SELF_SUPERVISED,
)
_KITTI = replace(_MEDIAN.with_depth_range(1e-3, 80), data="kitti", is_corner_aligned=False)

MEDIAN_PROTOCOLS = (
    replace(
        _KITTI,
        name="kitti_median",
        title="KITTI, median ratio",
        split=EIGEN_652,
        num_images=652,
        truth=TruthRange(),
        source='monodepth2, evaluate_depth.py, split "eigen_benchmark"',
    ),
    replace(
        _KITTI,
        name="kitti_median_raw_lidar",
        title="KITTI, median ratio, raw LiDAR",
        split=EIGEN_697,
        num_images=697,
        box=EvaluatedBox.GARG,
        data_options={"truth": "lidar"},
        source='monodepth2, evaluate_depth.py, split "eigen", and kitti_utils.py',
        notes=f"{_OF_SELF_SUPERVISED} The truth is one LiDAR sweep as it was measured, and depth counts from the "
        "LiDAR, some 0.3 m behind the camera. monodepth2 makes JPEG files of the pictures first.",
    ),
    replace(
        _MEDIAN.with_depth_range(1e-3, 200),
        name="ddad_median",
        data="ddad",
        title="DDAD, median ratio",
        split="3,950 validation samples, CAMERA_01",
        num_images=3950,
        truth=TruthRange(max_depth_m=200),
        loader_size=(384, 640),
        source="packnet-sfm, configs/eval_ddad.yaml, compute_depth_metrics",
    ),
)
