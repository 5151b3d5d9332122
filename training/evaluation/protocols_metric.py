"""Protocols for metric predictions: nothing is fitted, or the median ratio alone; errors are of metres.

Those of the papers' tables are ZoeDepth's evaluation as V1 ran it; the loaders' quirks are kept, as they made the
numbers, and what other codes do instead has a name of its own.
"""

from __future__ import annotations

import math
from dataclasses import replace

from depth_anything.training.evaluation.crops import EvaluatedBox
from depth_anything.training.evaluation.protocol import SHORT_SIDE_518, MaskRule, Protocol, TruthRange
from depth_anything.training.evaluation.scoring_rule import Alignment, PredictionKind, ScoringRule

_ZOE = "Depth Anything, metric_depth/evaluate.py and zoedepth/utils/config.py"
_V2_CODE = "Depth Anything V2, metric_depth/train.py and util/metric.py"
_EIGEN_652 = "Eigen's 697 test frames less 45 without annotated depth"
_VGA = (480, 640)  # what loaders resize the pictures of 768x1024 to


# ZoeDepth's rules: limits do not count, predictions are clipped to them, mirrored predictions averaged in.
_ZOE_TEMPLATE = Protocol(
    name="template",
    data="",
    title="",
    split="",
    num_images=None,
    kinds=(PredictionKind.METRIC_DEPTH,),
    rule=ScoringRule(alignment=Alignment.NONE),
    truth=TruthRange(),
    is_flip_averaged=True,
    source=_ZOE,
)
# The validation of V2's script: limits count, predictions are not clipped, no crop, no mirroring.
_V2_TEMPLATE = replace(
    _ZOE_TEMPLATE,
    rule=ScoringRule(alignment=Alignment.NONE, min_depth_m=0, max_depth_m=math.inf, clips_prediction=False),
    min_valid_pixels=10,
    input_rule=SHORT_SIDE_518,
    is_flip_averaged=False,
    source=_V2_CODE,
)
_KITTI = replace(
    _ZOE_TEMPLATE.with_depth_range(1e-3, 80),
    data="kitti",
    split=_EIGEN_652,
    num_images=652,
    is_benchmark_cropped=True,
    box=EvaluatedBox.GARG,
)
_SUN = replace(
    _ZOE_TEMPLATE.with_depth_range(0, 8),
    data="sunrgbd",
    split="5,050 test frames",
    num_images=5050,
    box=EvaluatedBox.NYU_EIGEN,
)
_HYPERSIM = replace(
    _ZOE_TEMPLATE.with_depth_range(1e-3, 80), data="hypersim", box=EvaluatedBox.NYU_EIGEN, loader_size=_VGA
)
_DIODE_INDOOR = replace(
    _ZOE_TEMPLATE.with_depth_range(1e-3, 10),
    data="diode",
    split="325 validation frames",
    num_images=325,
    box=EvaluatedBox.NYU_EIGEN,
    loader_size=_VGA,
    data_options={"part": "indoors"},
)
_DIODE_OUTDOOR = replace(
    _ZOE_TEMPLATE.with_depth_range(1e-3, 80),
    data="diode",
    split="446 validation frames",
    num_images=446,
    box=EvaluatedBox.GARG,
    loader_size=_VGA,
    data_options={"part": "outdoor"},
)
_MEDIAN = replace(
    _ZOE_TEMPLATE,
    rule=ScoringRule(alignment=Alignment.MEDIAN_RATIO),
    is_flip_averaged=False,
    notes="For depth up to scale: of self-supervised models, or of metric ones whose scale is not to count.",
)

METRIC_PROTOCOLS = (
    replace(
        _ZOE_TEMPLATE.with_depth_range(1e-3, 10),
        name="nyuv2_metric",
        data="nyuv2",
        title="NYUv2",
        split="654 official test frames",
        num_images=654,
        box=EvaluatedBox.NYU_EIGEN,
        notes="V1's models take 392x518. Older codes begin at 0.1 m.",
    ),
    replace(
        _KITTI,
        name="kitti_metric",
        title="KITTI, Garg box of the benchmark crop",
        notes="V1's models take 378x770, which their code makes of 384x768.",
    ),
    replace(
        _KITTI,
        name="kitti_metric_bts",
        title="KITTI, Garg box of the frame",
        is_box_of_full_frame=True,
        is_flip_averaged=False,
        source="BTS, pytorch/bts_eval.py; DPT",
        notes="The prediction of the crop is put back into the frame, whose Garg box counts: rows 153 to 371 instead "
        "of 166 to 372 of 375.",
    ),
    replace(
        _V2_TEMPLATE,
        name="kitti_metric_v2code",
        data="kitti",
        title="KITTI as V2's training script",
        split=_EIGEN_652,
        num_images=652,
        truth=TruthRange(min_depth_m=1e-3, max_depth_m=80, is_strict=False),
        notes="V2's table 4 is not of this script. On several GPUs the script counts some frames twice.",
    ),
    replace(
        _SUN,
        name="sunrgbd_metric",
        title="SUN RGB-D, depth / 10000",
        data_options={"encoding": "tenths"},
        notes="If the files are rotated by three bits as the data set's own are, this is 0.8 of the true depth, which "
        "would explain the paper's AbsRel of 0.5.",
    ),
    replace(
        _SUN,
        name="sunrgbd_metric_zoe",
        title="SUN RGB-D, depth / 1000",
        data_options={"encoding": "millimetres"},
        source="ZoeDepth, zoedepth/data/sun_rgbd_loader.py",
    ),
    replace(
        _SUN,
        name="sunrgbd_metric_rotated",
        title="SUN RGB-D, depth rotated by three bits",
        data_options={"encoding": "rotated"},
        source="SUN RGB-D's toolbox, as in Open3D and mmdepth; else as sunrgbd_metric",
    ),
    replace(
        _ZOE_TEMPLATE.with_depth_range(0, 10),
        name="ibims_metric",
        data="ibims1",
        title="iBims-1",
        split="100 frames",
        num_images=100,
        box=EvaluatedBox.NYU_EIGEN,
        mask=MaskRule.DATA_MASK,
    ),
    replace(
        _HYPERSIM,
        name="hypersim_metric",
        title="HyperSim, official test part",
        split="7,690 frames of the test part",
        num_images=7690,
        data_options={"partition": "test"},
        notes="NYU's pixels of 768x1024, one focal length for all scenes, and a cap of 80 m for models that end at "
        "10 m, as V1's code has it.",
    ),
    replace(
        _HYPERSIM,
        name="hypersim_metric_all",
        title="HyperSim, every frame there is",
        split="whatever lies below the root",
        data_options={"partition": "all"},
        notes="V1's loader takes every scene that it finds; which were there is not known.",
    ),
    replace(
        _V2_TEMPLATE,
        name="hypersim_metric_v2code",
        data="hypersim",
        title="HyperSim as V2's training script",
        split="7,386 frames of the validation part",
        num_images=7386,
        truth=TruthRange(min_depth_m=1e-3, max_depth_m=20, is_strict=False),
        data_options={"partition": "val"},
    ),
    replace(
        _KITTI,
        name="virtual_kitti_2_metric",
        data="virtual_kitti_2",
        title="Virtual KITTI 2",
        split="1,701 frames of the left camera that V2's list of 19,559 training frames leaves",
        num_images=1701,
        notes="The counts agree with V1's unseeded draw; that it is the very one is likely and nowhere stated.",
    ),
    replace(
        _DIODE_INDOOR,
        name="diode_indoor_metric",
        title="DIODE, indoors",
        notes="NYU's pixels of 768x1024, and the mask is loaded but not applied, as V1's code has it. Not in a table.",
    ),
    replace(
        _DIODE_INDOOR,
        name="diode_indoor_metric_masked",
        title="DIODE, indoors, mask applied",
        mask=MaskRule.DATA_MASK,
        source="diode-devkit's mask; else as diode_indoor_metric",
    ),
    replace(
        _DIODE_OUTDOOR,
        name="diode_outdoor_metric",
        title="DIODE, outdoors",
        notes="The mask is loaded but not applied, as V1's code has it.",
    ),
    replace(
        _DIODE_OUTDOOR,
        name="diode_outdoor_metric_masked",
        title="DIODE, outdoors, mask applied",
        mask=MaskRule.DATA_MASK,
        source="diode-devkit's mask; else as diode_outdoor_metric",
    ),
    replace(
        _ZOE_TEMPLATE.with_depth_range(1e-3, 80),
        name="ddad_metric",
        data="ddad",
        title="DDAD from a list",
        split="your list of pictures and *_depth.npy",
        box=EvaluatedBox.GARG,
        loader_size=(352, 1216),
        data_options={"files": "list"},
        notes="V1's code has it, with a private list, and no table.",
    ),
    replace(
        _MEDIAN.with_depth_range(1e-3, 80),
        name="kitti_median",
        data="kitti",
        title="KITTI, median ratio",
        split=_EIGEN_652,
        num_images=652,
        truth=TruthRange(),
        is_corner_aligned=False,
        source='monodepth2, evaluate_depth.py, split "eigen_benchmark"',
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
