"""Protocols for relative predictions: scale and shift are fitted to each image.

The papers say that they follow MiDaS: a fit in disparity, errors in depth. The authors say in issue 174 of
LiheYoung/Depth-Anything that errors are taken in disparity. So each benchmark of their table 2 is here twice; they
published neither lists nor crops nor caps, and what is chosen here says so in its notes.
"""

from __future__ import annotations

from dataclasses import replace

from depth_anything.training.evaluation.crops import EvaluatedBox
from depth_anything.training.evaluation.protocol import Protocol, TruthRange
from depth_anything.training.evaluation.relative_templates import (
    DDAD,
    DIODE,
    ETH3D,
    KITTI,
    MARIGOLD,
    MIDAS,
    NYU,
    SINTEL,
    TEMPLATE,
    clipped,
    fitted_as_marigold,
)
from depth_anything.training.evaluation.scoring_rule import ErrorSpace, PredictionKind

DISPARITY = "_disparity"  # ends the name of the twin whose errors are of disparity
_ISSUE_174 = "the authors in LiheYoung/Depth-Anything issue 174; else as its twin"
_V1 = "Depth Anything, arXiv:2401.10891, section 4.2 and supplement 6"
_PLUMBLINE = "kmatzen/plumbline, which comes within 0.004 of the paper"
_DA_AC = "HVision-NKU/DepthAnythingAC, evaluate_depth.py"

_OF_THE_PAPERS = (
    replace(
        KITTI,
        name="kitti_relative",
        title="KITTI, whole picture",
        source=_V1,
        notes="Whole picture, as the supplement says; which frames and which cap it does not say.",
    ),
    replace(
        KITTI,
        name="kitti_relative_garg",
        title="KITTI, Garg box",
        box=EvaluatedBox.GARG,
        source=_PLUMBLINE,
        notes="The box is of the whole frame; no benchmark crop.",
    ),
    replace(
        NYU,
        name="nyuv2_relative",
        title="NYUv2, whole picture",
        source=_V1,
        notes="Whole picture, as the supplement says. Depth as measured, holes not filled.",
    ),
    replace(
        NYU,
        name="nyuv2_relative_eigen",
        title="NYUv2, Eigen box",
        box=EvaluatedBox.NYU_EIGEN,
        source=f"{_PLUMBLINE}; Marigold has the same box and range",
    ),
    replace(
        SINTEL,
        name="sintel_relative",
        title="Sintel, final pass",
        notes="The papers do not name the pass. No known protocol reaches their numbers.",
    ),
    replace(
        SINTEL,
        name="sintel_relative_clean",
        title="Sintel, clean pass",
        data_options={"rendering_pass": "clean"},
        notes="As sintel_relative.",
    ),
    clipped(
        DDAD,
        1e-3,
        200,
        name="ddad_relative",
        title="DDAD, front camera",
        truth=TruthRange(max_depth_m=200),
        source="packnet-sfm, configs/eval_ddad.yaml, with the fit of MiDaS",
        notes="V1 does not say which cameras, how many frames and which cap.",
    ),
    replace(
        DDAD.with_depth_range(1e-3, 80),
        name="ddad_relative_garg",
        title="DDAD, Garg box",
        box=EvaluatedBox.GARG,
        source="range and box of V1's metric code, metric_depth/zoedepth/utils/config.py, with the fit of MiDaS",
        notes="V1's own list is private.",
    ),
    clipped(
        ETH3D,
        1e-3,
        72,
        name="eth3d_relative",
        title="ETH3D, cap 72 m",
        source=MIDAS,
        notes="Predictions are capped and the ground truth is not. No known protocol reaches the papers' numbers.",
    ),
    replace(
        DIODE,
        name="diode_relative",
        title="DIODE, indoors and outdoors",
        notes="The papers do not say which part. The data set's mask alone counts. All 771 give three times the "
        "papers' error, the indoor part about theirs.",
    ),
    replace(
        DIODE,
        name="diode_relative_indoor",
        title="DIODE, indoors",
        split="325 validation frames",
        num_images=325,
        data_options={"part": "indoors"},
    ),
    replace(
        DIODE,
        name="diode_relative_outdoor",
        title="DIODE, outdoors",
        split="446 validation frames",
        num_images=446,
        data_options={"part": "outdoor"},
    ),
)

_OF_OTHERS = (
    clipped(
        KITTI,
        1e-3,
        80,
        name="kitti_relative_midas",
        title="KITTI as MiDaS",
        split="161 frames of Eigen's test and the official validation part; the list is not public",
        num_images=161,
        truth=TruthRange(),
        input_rule=None,
        data_options={"split_file": "kitti_midas_161_files_with_gt.txt"},
        source=MIDAS,
        notes="Needs a list of your own. MiDaS prints 100 (1 - delta1); its input has the smaller side 384.",
    ),
    replace(
        fitted_as_marigold(KITTI.with_depth_range(1e-5, 80)),
        name="kitti_relative_marigold",
        title="KITTI as Marigold",
        is_benchmark_cropped=True,
        box=EvaluatedBox.KITTI_EIGEN,
        input_rule=None,
        source=MARIGOLD,
    ),
    replace(
        NYU,
        name="nyuv2_relative_midas",
        title="NYUv2 as MiDaS",
        truth=TruthRange(max_depth_m=10),
        input_rule=None,
        data_options={"files": "mat"},
        source=MIDAS,
        notes="rawDepths of the .mat file. MiDaS prints 100 (1 - delta1); its input has the larger side 384.",
    ),
    replace(
        SINTEL.with_depth_range(1e-3, 70),
        name="sintel_relative_cap70",
        title="Sintel, cap 70 m",
        source="Video-Depth-Anything, benchmark/eval/eval.py, each frame fitted alone; plumbline",
    ),
    clipped(
        SINTEL,
        1e-3,
        80,
        name="sintel_relative_cap80",
        title="Sintel, truth to 72 m, cap 80 m",
        source=_DA_AC,
    ),
    clipped(
        fitted_as_marigold(ETH3D),
        1e-5,
        1000,
        name="eth3d_relative_uncapped",
        title="ETH3D, no cap",
        truth=TruthRange(min_depth_m=1e-5),
        input_rule=None,
        source=MARIGOLD,
        notes="Marigold floors aligned disparity at 0.001, which is 1,000 m; its input has 756 pixels, and it fits on "
        "a sample of at most 1,024 a side.",
    ),
    replace(
        ETH3D.with_depth_range(0.1, 200),
        name="eth3d_relative_200",
        title="ETH3D, 0.1 to 200 m",
        source=_DA_AC,
    ),
    clipped(
        replace(DIODE, rule=TEMPLATE.rule),
        1e-3,
        80,
        name="diode_relative_150",
        title="DIODE to 150 m, cap 80 m",
        truth=TruthRange(min_depth_m=1e-5, max_depth_m=150),
        source=_DA_AC,
    ),
)


def _twin(protocol: Protocol) -> Protocol:
    """The same with errors of disparity."""
    return replace(
        protocol,
        name=protocol.name + DISPARITY,
        title=f"{protocol.title}, errors of disparity",
        kinds=(PredictionKind.RELATIVE_DISPARITY, PredictionKind.METRIC_DEPTH),
        rule=replace(protocol.rule, error_space=ErrorSpace.DISPARITY),
        relative_depth_rule=None,
        source=_ISSUE_174,
        notes="",
    )


RELATIVE_PROTOCOLS = (
    *(variant for protocol in _OF_THE_PAPERS for variant in (protocol, _twin(protocol))),
    *_OF_OTHERS,
)
