"""Printed numbers of metric models: tables 3 to 5 of V1 and table 4 of V2, whose metric weights were not released."""

from __future__ import annotations

from depth_anything.released_results import SOURCES
from depth_anything.training.evaluation.published_result import Cell, Column, Source, results_of_table

NYU_METRICS = ("delta1", "delta2", "delta3", "abs_rel", "rmse", "log10")
KITTI_METRICS = ("delta1", "delta2", "delta3", "abs_rel", "rmse", "rmse_log")
_QUOTED = "Rows of other methods are quoted from their papers, and may follow other rules."
_NYU = Column("NYUv2", ("nyuv2_metric",), _QUOTED)
_KITTI = Column("KITTI", ("kitti_metric",), _QUOTED)
_V1 = "Depth Anything, arXiv:2401.10891"
_V2 = "Depth Anything V2, arXiv:2406.09414"

_V1_NYU = {
    "AdaBins": (0.903, 0.984, 0.997, 0.103, 0.364, 0.044),
    "DPT": (0.904, 0.988, 0.998, 0.110, 0.357, 0.045),
    "P3Depth": (0.898, 0.981, 0.996, 0.104, 0.356, 0.043),
    "SwinV2-L": (0.949, 0.994, 0.999, 0.083, 0.287, 0.035),
    "AiT": (0.954, 0.994, 0.999, 0.076, 0.275, 0.033),
    "VPD": (0.964, 0.995, 0.999, 0.069, 0.254, 0.030),
    "ZoeDepth, run by V1's authors": (0.951, 0.994, 0.999, 0.077, 0.282, 0.033),
    "Depth Anything V1 Large, NYU": (0.984, 0.998, 1.000, 0.056, 0.206, 0.024),
}
# The project's README heads the last column log10; it is RMSElog.
_V1_KITTI = {
    "AdaBins": (0.964, 0.995, 0.999, 0.058, 2.360, 0.088),
    "DPT": (0.959, 0.995, 0.999, 0.062, 2.573, 0.092),
    "P3Depth": (0.953, 0.993, 0.998, 0.071, 2.842, 0.103),
    "NeWCRFs": (0.974, 0.997, 0.999, 0.052, 2.129, 0.079),
    "SwinV2-L": (0.977, 0.998, 1.000, 0.050, 1.966, 0.075),
    "NDDepth": (0.978, 0.998, 0.999, 0.050, 2.025, 0.075),
    "GEDepth": (0.976, 0.997, 0.999, 0.048, 2.044, 0.076),
    "ZoeDepth, run by V1's authors": (0.971, 0.996, 0.999, 0.054, 2.281, 0.082),
    "Depth Anything V1 Large, KITTI": (0.982, 0.998, 1.000, 0.046, 1.896, 0.069),
}
_V2_NYU = {
    "IEBins": (0.936, 0.992, 0.998, 0.087, 0.314, 0.038),
    "Depth Anything V2 Small, NYU": (0.961, 0.996, 0.999, 0.073, 0.261, 0.032),
    "Depth Anything V2 Base, NYU": (0.977, 0.997, 1.000, 0.063, 0.228, 0.027),
    "Depth Anything V2 Large, NYU": (0.984, 0.998, 1.000, 0.056, 0.206, 0.024),
}
_V2_KITTI = {
    "IEBins": (0.978, 0.998, 0.999, 0.050, 2.011, 0.075),
    "Depth Anything V2 Small, KITTI": (0.973, 0.997, 0.999, 0.053, 2.235, 0.081),
    "Depth Anything V2 Base, KITTI": (0.979, 0.998, 1.000, 0.048, 1.999, 0.072),
    "Depth Anything V2 Large, KITTI": (0.983, 0.998, 1.000, 0.045, 1.861, 0.067),
}
_ZERO_SHOT_COLUMNS = (
    Column("SUN RGB-D", ("sunrgbd_metric", "sunrgbd_metric_zoe", "sunrgbd_metric_rotated"), "The scale is in doubt."),
    Column("iBims-1", ("ibims_metric",)),
    Column("HyperSim", ("hypersim_metric", "hypersim_metric_all"), "Every frame that the authors had on disk."),
    Column("vKITTI2", ("virtual_kitti_2_metric",), "An unseeded draw, very likely that of V2's list."),
    Column("DIODE Outdoor", ("diode_outdoor_metric",)),
)
# Indoors the models trained on NYU, outdoors those trained on KITTI.
_ZERO_SHOT: dict[str, tuple[Cell, ...]] = {
    "ZoeDepth, run by V1's authors": (
        (0.520, 0.545),
        (0.169, 0.656),
        (0.407, 0.302),
        (0.106, 0.844),
        (0.814, 0.237),
    ),
    "Depth Anything V1 Large, NYU or KITTI": (
        (0.500, 0.660),
        (0.150, 0.714),
        (0.363, 0.361),
        (0.085, 0.913),
        (0.794, 0.288),
    ),
}

METRIC_RESULTS = tuple(
    result
    for source, metrics, columns, rows in (
        (Source(_V1, "Table 3", SOURCES[1][1]), NYU_METRICS, (_NYU,), {m: (c,) for m, c in _V1_NYU.items()}),
        (Source(_V1, "Table 4", SOURCES[1][1]), KITTI_METRICS, (_KITTI,), {m: (c,) for m, c in _V1_KITTI.items()}),
        (Source(_V1, "Table 5", SOURCES[1][1]), ("abs_rel", "delta1"), _ZERO_SHOT_COLUMNS, _ZERO_SHOT),
        (Source(_V2, "Table 4", SOURCES[2][1]), NYU_METRICS, (_NYU,), {m: (c,) for m, c in _V2_NYU.items()}),
        (Source(_V2, "Table 4", SOURCES[2][1]), KITTI_METRICS, (_KITTI,), {m: (c,) for m, c in _V2_KITTI.items()}),
    )
    for result in results_of_table(source, metrics, columns, rows)
)
