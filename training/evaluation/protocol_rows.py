"""The protocols and their data sets as rows of tables, which the README shows."""

from __future__ import annotations

from collections.abc import Sequence

from depth_anything.training.evaluation.benchmark_data import BENCHMARK_DATA, PAIR_DATA, BenchmarkData
from depth_anything.training.evaluation.crops import EvaluatedBox
from depth_anything.training.evaluation.frames import FrameSource
from depth_anything.training.evaluation.pair_frames import PairSource
from depth_anything.training.evaluation.protocol import InputRule, MaskRule, PairProtocol, Protocol
from depth_anything.training.evaluation.protocol_table import PROTOCOLS
from depth_anything.training.evaluation.protocols_relative import DISPARITY
from depth_anything.training.evaluation.scoring_rule import Alignment

HEADING = ("benchmark", "what", "images", "truth g in m", "crop", "fit", "predictions in m", "else", "source")
DATA_HEADING = ("data", "below `--data-root`", "where to get it", "`--option`")
BOXES = {
    EvaluatedBox.WHOLE: "-",
    EvaluatedBox.NYU_EIGEN: "NYU Eigen box",
    EvaluatedBox.GARG: "Garg",
    EvaluatedBox.KITTI_EIGEN: "KITTI Eigen",
}
FITS = {
    Alignment.NONE: "none",
    Alignment.MEDIAN_RATIO: "median ratio",
    Alignment.SCALE_SHIFT_DISPARITY: "scale, shift of disparity",
}


def protocol_rows() -> list[Sequence[str]]:
    """A heading, and a row for each protocol; twins with errors of disparity share one."""
    rows: list[Sequence[str]] = [HEADING]
    for name, protocol in PROTOCOLS.items():
        if not name.endswith(DISPARITY):
            rows.append(_row(protocol) if isinstance(protocol, Protocol) else _pair_row(protocol))
    return rows


def data_rows() -> list[Sequence[str]]:
    """A heading, and a row for each data set: its files, where they come from, what may be chosen."""
    with_depth = [_data_row(data) for data in BENCHMARK_DATA.values() if data.folder]
    return [DATA_HEADING, *with_depth, *(_data_row(data) for data in PAIR_DATA.values())]


def _data_row(data: BenchmarkData[FrameSource] | BenchmarkData[PairSource]) -> Sequence[str]:
    options = ", ".join(name for name in data.option_names if name != "mask") or "-"
    return data.title, f"`{data.folder}/`: `{data.layout}`", data.obtained, options


def _row(protocol: Protocol) -> Sequence[str]:
    rule = protocol.rule
    names = f"`{protocol.name}`"
    if protocol.name + DISPARITY in PROTOCOLS:
        names += f", `..{DISPARITY}`"
    return (
        names,
        protocol.title,
        _count(protocol.num_images),
        str(protocol.truth) + (", mask" if protocol.mask is MaskRule.DATA_MASK else ""),
        _crop(protocol),
        FITS[rule.alignment],
        f"{rule.min_depth_m:g} to {rule.max_depth_m:g}" if rule.clips_prediction else "as they are",
        _rest(protocol),
        protocol.source,
    )


def _pair_row(protocol: PairProtocol) -> Sequence[str]:
    count = _count(protocol.num_images)
    metric = protocol.metric.replace("_", " ")
    return f"`{protocol.name}`", protocol.title, count, "-", "-", "none", "-", metric, protocol.source


def _count(num_images: int | None) -> str:
    return "-" if num_images is None else f"{num_images:,}"


def _crop(protocol: Protocol) -> str:
    box = BOXES[protocol.box]
    if not protocol.is_benchmark_cropped:
        return box
    return f"KB, {box} of the frame" if protocol.is_box_of_full_frame else f"KB, {box}"


def _rest(protocol: Protocol) -> str:
    """What differs from a single pass at the checkpoint's own size, resized back with corners not aligned."""
    parts = []
    if protocol.rule.fits_positive_only:
        parts.append("fit where positive")
    if protocol.is_flip_averaged:
        parts.append("mirrored too")
    if protocol.loader_size is not None:
        parts.append(f"picture to {protocol.loader_size[0]}x{protocol.loader_size[1]}")
    if protocol.input_rule is not None:
        parts.append(_input(protocol.input_rule))
    if protocol.is_corner_aligned:
        parts.append("corners aligned")
    if protocol.min_valid_pixels > 1:
        parts.append(f"{protocol.min_valid_pixels} pixels or more")
    return ", ".join(parts) or "-"


def _input(rule: InputRule) -> str:
    if rule.resize_method == "lower_bound" and rule.size[0] == rule.size[1]:
        return f"short side {rule.size[0]}"
    return str(rule)
