"""Printed numbers of relative models: table 2 of both papers, DA-2K, and what others measured."""

from __future__ import annotations

from collections.abc import Iterator

from depth_anything.released_results import BENCHMARKS, DA_2K_ACCURACY, DA_2K_SOURCE, SOURCES, ZERO_SHOT
from depth_anything.training.evaluation.published_result import (
    Cell,
    Column,
    PublishedResult,
    Source,
    released,
    results_of_table,
)

ERRORS = ("abs_rel", "delta1")
SPACE = "The paper's text takes errors of depth, the authors' issue 174 of disparity."
UNREACHED = f"{SPACE} No known protocol reaches these numbers."


def _twice(*names: str) -> tuple[str, ...]:
    """Each protocol and its twin with errors of disparity."""
    return tuple(variant for name in names for variant in (name, f"{name}_disparity"))


_COLUMNS = {
    "KITTI": Column("KITTI", _twice("kitti_relative", "kitti_relative_garg"), SPACE),
    "NYUv2": Column("NYUv2", _twice("nyuv2_relative", "nyuv2_relative_eigen"), SPACE),
    "Sintel": Column("Sintel", _twice("sintel_relative", "sintel_relative_clean"), UNREACHED),
    "DDAD": Column("DDAD", _twice("ddad_relative", "ddad_relative_garg"), SPACE),
    "ETH3D": Column("ETH3D", _twice("eth3d_relative"), UNREACHED),
    "DIODE": Column(
        "DIODE",
        _twice("diode_relative", "diode_relative_indoor", "diode_relative_outdoor"),
        f"{SPACE} Which part is not said.",
    ),
}
_V1_TABLE = Source("Depth Anything, arXiv:2401.10891", "Table 2", SOURCES[1][1])
_V2_TABLE = Source("Depth Anything V2, arXiv:2406.09414", "Table 2", SOURCES[2][1])
_NAMES = {
    (version, size): f"Depth Anything V{version} {size.capitalize()}" for version in (1, 2) for size in DA_2K_ACCURACY
}
_RELEASES = {name: release for release, name in _NAMES.items()}

_MIDAS: tuple[Cell, ...] = (
    (0.127, 0.850),
    (0.048, 0.980),
    (0.587, 0.699),
    (0.251, 0.766),
    (0.139, 0.867),
    (0.075, 0.942),
)
_GIANT: tuple[Cell, ...] = ((0.075, 0.948), (0.044, 0.979), (0.506, 0.772), None, (0.132, 0.862), (0.065, 0.954))


def _zero_shot() -> Iterator[PublishedResult]:
    columns = [_COLUMNS[name] for name in BENCHMARKS]
    for version, source in ((1, _V1_TABLE), (2, _V2_TABLE)):
        rows: dict[str, tuple[Cell, ...]] = {}
        if version == 1:
            rows["MiDaS v3.1 BEiT-L-512"] = _MIDAS
        rows |= {_NAMES[release]: cells for release, cells in ZERO_SHOT.items() if release[0] == version}
        if version == 2:
            rows["Depth Anything V2 Giant"] = _GIANT
        yield from results_of_table(source, ERRORS, columns, rows)


# In per cent, in the order of the table.
_SCENES = (
    "indoor",
    "outdoor",
    "non_real",
    "transparent_reflective",
    "adverse_style",
    "aerial",
    "underwater",
    "object",
)
_SCENE_ROWS = {
    "Depth Anything V2 Small, synthetic images alone": (88.1, 87.8, 90.8, 86.9, 90.6, 93.8, 94.9, 89.9),
    "Depth Anything V2 Small": (92.9, 93.0, 98.4, 94.4, 95.7, 96.4, 99.2, 96.6),
    "Depth Anything V2 Base, synthetic images alone": (91.2, 91.9, 95.7, 90.2, 90.9, 96.4, 94.9, 96.6),
    "Depth Anything V2 Base": (96.2, 94.8, 98.7, 96.3, 96.7, 99.0, 100.0, 97.3),
    "Depth Anything V2 Large, synthetic images alone": (94.5, 93.9, 98.4, 93.9, 96.3, 97.4, 99.2, 98.0),
    "Depth Anything V2 Large": (96.4, 93.9, 99.0, 96.3, 97.3, 99.5, 99.2, 98.0),
}
_DA_2K_ROWS = {
    "Marigold": 0.868,
    "GeoWizard": 0.881,
    "DepthFM": 0.858,
    "Depth Anything V1": 0.885,
    **{_NAMES[2, size]: accuracy for size, accuracy in DA_2K_ACCURACY.items()},
    "Depth Anything V2 Giant": 0.974,
}
_DA_2K = Column("DA-2K", ("da_2k",), "Share of all pairs, not the mean over scenes.")


def _da_2k() -> Iterator[PublishedResult]:
    source = Source(_V2_TABLE.title, "Table 3", DA_2K_SOURCE[1])
    rows = {model: ((accuracy,),) for model, accuracy in _DA_2K_ROWS.items()}
    yield from results_of_table(source, ("pairwise_accuracy",), (_DA_2K,), rows)
    for model, cells in _SCENE_ROWS.items():
        for scene, percent in zip(_SCENES, cells, strict=True):
            yield PublishedResult(
                source=Source(_V2_TABLE.title, "Table 14", DA_2K_SOURCE[1]),
                model=model,
                data="DA-2K",
                values={"pairwise_accuracy": round(percent / 100, 3)},
                protocols=("da_2k",),
                group=scene,
            )
    others = Source("DepthAnythingAC", "evaluate_depth.py", "https://github.com/HVision-NKU/DepthAnythingAC")
    measured = {_NAMES[1, "small"]: ((0.884,),), _NAMES[2, "small"]: ((0.952,),)}
    yield from results_of_table(others, ("pairwise_accuracy",), (_DA_2K,), measured)


_PLUMBLINE = Source("plumbline", "reproductions, May 2026", "https://github.com/kmatzen/plumbline")
_PLUMBLINE_COLUMNS = (
    Column("NYUv2", ("nyuv2_relative_eigen",)),
    Column("KITTI", ("kitti_relative_garg",)),
    Column("DIODE", ("diode_relative",)),
    Column("DIODE, indoors", ("diode_relative_indoor",)),
    Column("DIODE, MoGe's bundle", (), "Frames that MoGe's authors projected anew."),
    Column("ETH3D", (), "The range is not stated."),
    Column("Sintel, final pass", ("sintel_relative_cap70",)),
    Column("Sintel, clean pass, cap 70 m", ()),
)
_PLUMBLINE_ROWS: dict[str, tuple[Cell, ...]] = {
    _NAMES[2, "small"]: ((0.0510,), (0.0770,), (0.2196,), (0.0722,), (0.0618,), (0.1012,), None, None),
    _NAMES[2, "base"]: ((0.0456,), (0.0756,), (0.2182,), None, (0.0588,), (0.0936,), None, None),
    _NAMES[2, "large"]: ((0.0428,), (0.0710,), (0.2142,), None, (0.0543,), (0.0888,), (0.2321,), (0.2224,)),
}
_MOGE = Source("MoGe", "benchmark harness, run by plumbline", "https://github.com/microsoft/MoGe")
_PROJECTED_ANEW = "MoGe's own frames, projected anew, its mask and its floor of disparity."
_MOGE_COLUMNS = tuple(Column(name, (), _PROJECTED_ANEW) for name in ("DIODE", "ETH3D", "Sintel", "DDAD", "iBims-1"))
_MOGE_ROWS: dict[str, tuple[Cell, ...]] = {_NAMES[2, "large"]: ((0.0529,), (0.0471,), (0.2138,), (0.131,), (0.0348,))}
_MIDAS_README = Source("MiDaS", "README of v3.1", "https://github.com/isl-org/MiDaS")
_TRAINED_ON = "The model was trained on it. Printed as 100 (1 - delta1)."
_CONTRADICTED = "V1's table 2 prints other numbers for the same checkpoint."


def _of_others() -> Iterator[PublishedResult]:
    yield from results_of_table(_PLUMBLINE, ("abs_rel",), _PLUMBLINE_COLUMNS, _PLUMBLINE_ROWS)
    yield from results_of_table(_MOGE, ("abs_rel",), _MOGE_COLUMNS, _MOGE_ROWS)
    for metric, value, column in (
        ("abs_rel", 0.0614, Column("ETH3D", ("eth3d_relative",), _CONTRADICTED)),
        ("abs_rel", 0.2090, Column("Sintel", ("sintel_relative",), _CONTRADICTED)),
        ("delta1", 0.9500, Column("KITTI", ("kitti_relative_midas",), _TRAINED_ON)),
        ("delta1", 0.9810, Column("NYUv2", ("nyuv2_relative_midas",), _TRAINED_ON)),
        ("whdr", 0.1121, Column("DIW", ("diw",))),
    ):
        yield from results_of_table(_MIDAS_README, (metric,), (column,), {"MiDaS v3.1 BEiT-L-512": ((value,),)})


RELATIVE_RESULTS = tuple(released(result, _RELEASES) for part in (_zero_shot, _da_2k, _of_others) for result in part())
