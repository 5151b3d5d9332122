"""The tables of protocols hold together, and hold what the published codes do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from depth_anything.training.evaluation.benchmark_data import BENCHMARK_DATA, PAIR_DATA
from depth_anything.training.evaluation.protocol import MaskRule, PairProtocol, Protocol
from depth_anything.training.evaluation.protocol_table import PROTOCOLS
from depth_anything.training.evaluation.scoring_rule import Alignment, ErrorSpace, PredictionKind

FRAMES = {name: protocol for name, protocol in PROTOCOLS.items() if isinstance(protocol, Protocol)}
# V1's tables 2 to 5, V2's tables 2 to 4, and DIODE indoors, which V1's code has.
REQUIRED_RELATIVE = ("kitti", "nyuv2", "sintel", "ddad", "eth3d", "diode")
REQUIRED_METRIC = ("nyuv2", "kitti", "sunrgbd", "ibims1", "hypersim", "virtual_kitti_2", "diode")


def test_every_benchmark_of_the_papers_has_a_protocol_of_its_kind() -> None:
    relative = {p.data for p in FRAMES.values() if PredictionKind.RELATIVE_DISPARITY in p.kinds}
    metric = {p.data for p in FRAMES.values() if p.rule.alignment is Alignment.NONE}
    assert relative >= set(REQUIRED_RELATIVE)
    assert metric >= set(REQUIRED_METRIC)
    assert {p.data for p in PROTOCOLS.values() if isinstance(p, PairProtocol)} == {"da_2k", "diw"}


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_a_protocol_names_its_source_and_a_data_set_with_its_options(protocol: Protocol | PairProtocol) -> None:
    data = BENCHMARK_DATA[protocol.data] if isinstance(protocol, Protocol) else PAIR_DATA[protocol.data]
    assert set(protocol.data_options) <= set(data.option_names)
    for text in (protocol.title, protocol.split, protocol.source):
        assert text
        assert "|" not in text, "which would end a cell of the README's table"


@pytest.mark.parametrize("protocol", FRAMES.values(), ids=FRAMES)
def test_a_mask_is_asked_for_only_where_the_data_set_has_one(protocol: Protocol) -> None:
    if protocol.mask is MaskRule.DATA_MASK:
        assert protocol.data in ("diode", "ibims1")


@pytest.mark.parametrize("name", [name for name in FRAMES if name.endswith("_disparity")])
def test_a_twin_differs_in_the_space_of_its_errors_alone(name: str) -> None:
    twin, protocol = FRAMES[name], FRAMES[name.removesuffix("_disparity")]
    assert (protocol.rule.error_space, twin.rule.error_space) == (ErrorSpace.DEPTH, ErrorSpace.DISPARITY)
    assert replace(twin.rule, error_space=ErrorSpace.DEPTH) == protocol.rule
    described = {"name", "title", "kinds", "rule", "relative_depth_rule", "source", "notes"}
    differing = {key for key in protocol.record() if protocol.record()[key] != twin.record()[key]}
    assert differing <= described


# Number of images, range of the truth, crop, box, mirrored, as read in the code that the protocol's source names.
ZOE = {
    "nyuv2_metric": (654, "0.001 < g < 10", False, "nyu_eigen"),
    "kitti_metric": (652, "0.001 < g < 80", True, "garg"),
    "sunrgbd_metric": (5050, "0 < g < 8", False, "nyu_eigen"),
    "ibims_metric": (100, "0 < g < 10", False, "nyu_eigen"),
    "hypersim_metric": (7690, "0.001 < g < 80", False, "nyu_eigen"),
    "virtual_kitti_2_metric": (1701, "0.001 < g < 80", True, "garg"),
    "diode_indoor_metric": (325, "0.001 < g < 10", False, "nyu_eigen"),
    "diode_outdoor_metric": (446, "0.001 < g < 80", False, "garg"),
    "diml_outdoor_metric": (500, "2 < g < 80", False, "garg"),
    "diml_indoor_metric": (None, "0 < g < 10", False, "nyu_eigen"),
    "ddad_metric": (None, "0.001 < g < 80", False, "garg"),
}


@pytest.mark.parametrize("name", ZOE)
def test_v1s_metric_protocols_are_those_of_its_configuration(name: str) -> None:
    protocol = FRAMES[name]
    assert (protocol.num_images, str(protocol.truth), protocol.is_benchmark_cropped, protocol.box.value) == ZOE[name]
    assert (protocol.rule.min_depth_m, protocol.rule.max_depth_m) == (
        protocol.truth.min_depth_m,
        protocol.truth.max_depth_m,
    )
    assert protocol.rule.clips_prediction
    assert protocol.rule.alignment is Alignment.NONE
    assert protocol.is_flip_averaged
    assert protocol.is_corner_aligned
    assert protocol.kinds == (PredictionKind.METRIC_DEPTH,)


def test_v2s_script_neither_clips_nor_mirrors_nor_crops() -> None:
    for name, num_images, highest in (("kitti_metric_v2code", 652, 80), ("hypersim_metric_v2code", 7386, 20)):
        protocol = FRAMES[name]
        assert (protocol.num_images, str(protocol.truth)) == (num_images, f"0.001 <= g <= {highest}")
        assert not protocol.rule.clips_prediction
        assert not protocol.is_flip_averaged
        assert not protocol.is_benchmark_cropped
        assert protocol.box.value == "whole"
        assert protocol.min_valid_pixels == 10


def test_the_two_splits_of_monodepth2_differ_in_frames_truth_and_box() -> None:
    benchmark, raw = FRAMES["kitti_median"], FRAMES["kitti_median_raw_lidar"]
    assert benchmark.rule == raw.rule
    assert (raw.rule.alignment, raw.rule.min_depth_m, raw.rule.max_depth_m) == (Alignment.MEDIAN_RATIO, 1e-3, 80)
    assert [(p.num_images, str(p.truth), p.box.value) for p in (benchmark, raw)] == [
        (652, "0 < g", "whole"),
        (697, "0.001 < g < 80", "garg"),
    ]
    assert raw.data_options == {"truth": "lidar"}


def test_protocols_of_marigold_fit_only_where_predictions_are_positive() -> None:
    positive = {name for name, protocol in FRAMES.items() if protocol.rule.fits_positive_only}
    assert positive == {
        "kitti_relative_marigold",
        "eth3d_relative_uncapped",
        *(f"diode_relative{part}{space}" for part in ("", "_indoor", "_outdoor") for space in ("", "_disparity")),
    }


def test_the_two_readings_of_diw_differ_in_the_order_of_rows_and_columns_alone() -> None:
    rows, columns = PROTOCOLS["diw"].record(), PROTOCOLS["diw_columns_first"].record()
    differing = {key for key in rows if rows[key] != columns[key]}
    assert differing == {"name", "title", "data_options", "source", "notes"}
    assert columns["data_options"] == {"order": "columns_first"}


def test_the_indoor_and_outdoor_parts_of_diode_make_all_of_it() -> None:
    parts = FRAMES["diode_relative_indoor"].num_images, FRAMES["diode_relative_outdoor"].num_images
    assert sum(count or 0 for count in parts) == FRAMES["diode_relative"].num_images == 771
