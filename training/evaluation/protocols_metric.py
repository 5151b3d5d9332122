"""Protocols for metric predictions: nothing is fitted, errors are of metres.

Those of the papers' tables are ZoeDepth's evaluation as V1 ran it; the loaders' quirks are kept, as they made the
numbers, and what other codes do instead has a name of its own.
"""

from __future__ import annotations

from dataclasses import replace

from depth_anything.training.evaluation.crops import EvaluatedBox
from depth_anything.training.evaluation.metric_templates import EIGEN_652, V2_CODE, ZOE
from depth_anything.training.evaluation.protocol import MaskRule, TruthRange

_VGA = (480, 640)  # what loaders resize the pictures of 768x1024 to

_KITTI = replace(
    ZOE.with_depth_range(1e-3, 80),
    data="kitti",
    split=EIGEN_652,
    num_images=652,
    is_benchmark_cropped=True,
    box=EvaluatedBox.GARG,
)
_SUN = replace(
    ZOE.with_depth_range(0, 8),
    data="sunrgbd",
    split="5,050 test frames",
    num_images=5050,
    box=EvaluatedBox.NYU_EIGEN,
)
_HYPERSIM = replace(ZOE.with_depth_range(1e-3, 80), data="hypersim", box=EvaluatedBox.NYU_EIGEN, loader_size=_VGA)
_DIODE_INDOOR = replace(
    ZOE.with_depth_range(1e-3, 10),
    data="diode",
    split="325 validation frames",
    num_images=325,
    box=EvaluatedBox.NYU_EIGEN,
    loader_size=_VGA,
    data_options={"part": "indoors"},
)
_DIODE_OUTDOOR = replace(
    ZOE.with_depth_range(1e-3, 80),
    data="diode",
    split="446 validation frames",
    num_images=446,
    box=EvaluatedBox.GARG,
    loader_size=_VGA,
    data_options={"part": "outdoor"},
)

METRIC_PROTOCOLS = (
    replace(
        ZOE.with_depth_range(1e-3, 10),
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
        V2_CODE,
        name="kitti_metric_v2code",
        data="kitti",
        title="KITTI as V2's training script",
        split=EIGEN_652,
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
        ZOE.with_depth_range(0, 10),
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
        V2_CODE,
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
        ZOE.with_depth_range(2, 80),
        name="diml_outdoor_metric",
        data="diml",
        title="DIML, outdoors",
        split="500 test frames of the sample set, low resolution",
        num_images=500,
        box=EvaluatedBox.GARG,
        data_options={"part": "outdoor"},
        notes="Depth counts however sure it is. In V1's code and no table; ZoeDepth's issue 96 gets an AbsRel of 9.",
    ),
    replace(
        ZOE.with_depth_range(0, 10),
        name="diml_indoor_metric",
        data="diml",
        title="DIML, indoors",
        split="test frames of the sample set, low resolution; 500 by its site, 503 by a loader",
        box=EvaluatedBox.NYU_EIGEN,
        loader_size=_VGA,
        data_options={"part": "indoor"},
        notes="NYU's pixels of 288x512. V1's code can read it and evaluates nothing on it.",
    ),
    replace(
        ZOE.with_depth_range(1e-3, 80),
        name="ddad_metric",
        data="ddad",
        title="DDAD from a list",
        split="your list of pictures and *_depth.npy",
        box=EvaluatedBox.GARG,
        loader_size=(352, 1216),
        data_options={"files": "list"},
        notes="V1's code has it, with a private list, and no table.",
    ),
)
