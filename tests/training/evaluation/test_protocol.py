"""Which pixels a protocol judges, which predictions, and what its record holds."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.evaluation.crops import EvaluatedBox
from depth_anything.training.evaluation.frames import Frame
from depth_anything.training.evaluation.judged_frames import judged
from depth_anything.training.evaluation.protocol import Protocol, ProtocolMismatchError, TruthRange
from depth_anything.training.evaluation.protocol_table import PROTOCOLS, UnknownProtocolError, find_protocol
from depth_anything.training.evaluation.scoring_rule import Alignment, PredictionKind, ScoringRule


def frames_protocol(name: str) -> Protocol:
    protocol = find_protocol(name)
    assert isinstance(protocol, Protocol)
    return protocol


def frame_with(depth_m: np.ndarray) -> Frame:
    depth_m = depth_m.astype(np.float32)
    image = np.arange(depth_m.size * 3).reshape(*depth_m.shape, 3) % 251
    return Frame(image=image.astype(np.uint8), depth_m=depth_m, valid=depth_m > 0, key="frame")


def counting(name: str, depths_m: list[float]) -> list[bool]:
    return frames_protocol(name).truth.contains(np.array(depths_m, np.float32)).tolist()


def test_zoes_limits_do_not_count_and_those_of_v2s_script_do() -> None:
    below, above = np.nextafter(np.float32(80), np.float32(0)), np.nextafter(np.float32(80), np.float32(100))
    # What a KITTI file can hold next to the limits: 20479, 20480 and 20481 of 256 a metre.
    depths = [0.001, 0.0010001, float(below), 20479 / 256, 80.0, 20481 / 256, float(above)]
    assert counting("kitti_metric", depths) == [False, True, True, True, False, False, False]
    assert counting("kitti_metric_v2code", depths) == [True, True, True, True, True, False, False]


def test_one_millimetre_of_nyu_does_not_count_as_more_than_a_thousandth_metre() -> None:
    depth_m = np.array([1, 2, 9999, 10000], np.float32) * np.float32(0.001)
    assert frames_protocol("nyuv2_metric").truth.contains(depth_m).tolist() == [False, True, True, False]
    assert frames_protocol("nyuv2_relative_midas").truth.contains(depth_m).tolist() == [True, True, True, False]


def test_no_range_holds_what_is_no_depth() -> None:
    for name in ("eth3d_relative", "diode_relative", "sintel_relative"):
        assert counting(name, [0.0, -1.0, float("nan"), float("inf"), 3.0]) == [False, False, False, False, True]
    limits_count = TruthRange(is_strict=False).contains(np.array([0.0, np.inf, np.nan, 3.0], np.float32))
    assert limits_count.tolist() == [False, False, False, True]
    assert counting("sintel_relative", [71.99, 72.0, 99999.0]) == [True, False, False]
    assert counting("eth3d_relative", [72.0, 5000.0]) == [True, True], "predictions are capped, the truth is not"


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("kitti_metric", (166, 372), (13 + 43, 13 + 1172)),
        ("kitti_metric_bts", (153, 371), (44, 1197)),
        ("kitti_relative_garg", (153, 371), (44, 1197)),
        ("kitti_median_raw_lidar", (153, 371), (44, 1197)),
        ("kitti_relative_marigold", (23 + 117, 23 + 321), (13 + 43, 13 + 1172)),
        ("kitti_metric_v2code", (0, 375), (0, 1242)),
    ],
)
def test_the_ways_to_crop_kitti_judge_the_pixels_of_the_published_codes(
    name: str, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    # Each depth says which pixel of the frame it lies at.
    number = np.arange(375 * 1242).reshape(375, 1242)
    frame = frame_with(1 + number / number.size * 70)
    seen = judged(frame, frames_protocol(name))
    assert seen.image.shape[:2] == seen.depth_m.shape == seen.valid.shape
    expected = frame.depth_m[rows[0] : rows[1], columns[0] : columns[1]]
    np.testing.assert_array_equal(seen.depth_m[seen.valid], expected.ravel())


def test_the_benchmark_crop_cuts_the_picture_with_its_truth() -> None:
    frame = frame_with(np.full((375, 1242), 5.0))
    seen = judged(frame, frames_protocol("kitti_metric"))
    np.testing.assert_array_equal(seen.image, frame.image[23:375, 13:1229])


def test_pixels_without_truth_never_count() -> None:
    depth_m = np.full((480, 640), 3.0)
    frame = replace(frame_with(depth_m), valid=np.zeros((480, 640), np.bool_) | (np.arange(640) % 2 == 0))
    seen = judged(frame, frames_protocol("nyuv2_metric"))
    assert np.count_nonzero(seen.valid) == 426 * 280
    assert not seen.valid[:, 1::2].any()


def test_the_loaders_size_changes_the_picture_alone() -> None:
    flat = Frame(
        image=np.full((768, 1024, 3), 77, np.uint8),
        depth_m=np.full((768, 1024), 3, np.float32),
        valid=np.ones((768, 1024), np.bool_),
        key="flat",
    )
    seen = judged(flat, frames_protocol("hypersim_metric"))
    assert seen.image.shape == (480, 640, 3)
    assert np.unique(seen.image).tolist() == [77]
    assert np.argwhere(seen.valid).min(axis=0).tolist() == [45, 41], "NYU's pixels, of a map of another size"
    assert np.argwhere(seen.valid).max(axis=0).tolist() == [470, 600]


def test_a_frame_with_too_few_pixels_is_refused_with_the_reason() -> None:
    depth_m = np.zeros((375, 1242))
    depth_m[200, 600:609] = 5
    with pytest.raises(SampleError, match=r"frame: 9 pixels count within 0.001 <= g <= 80 .* wants 10"):
        judged(frame_with(depth_m), frames_protocol("kitti_metric_v2code"))
    depth_m[200, 609] = 5
    assert np.count_nonzero(judged(frame_with(depth_m), frames_protocol("kitti_metric_v2code")).valid) == 10


def test_a_frame_smaller_than_the_benchmark_crop_is_refused_with_its_name() -> None:
    with pytest.raises(SampleError, match="frame: an image of 640x480 pixels is smaller"):
        judged(frame_with(np.full((480, 640), 3.0)), frames_protocol("kitti_metric"))


def test_a_model_of_another_kind_is_refused_with_what_would_fit() -> None:
    with pytest.raises(ProtocolMismatchError, match=r"kitti_metric judges metric_depth .* relative_disparity"):
        frames_protocol("kitti_metric").rule_for(PredictionKind.RELATIVE_DISPARITY)
    with pytest.raises(ProtocolMismatchError, match="choose a relative protocol"):
        frames_protocol("nyuv2_metric").rule_for(PredictionKind.RELATIVE_DEPTH)


def test_relative_depth_is_fitted_in_depth_and_disparity_in_disparity() -> None:
    protocol = frames_protocol("nyuv2_relative")
    assert protocol.rule_for(PredictionKind.RELATIVE_DISPARITY).alignment is Alignment.SCALE_SHIFT_DISPARITY
    assert protocol.rule_for(PredictionKind.METRIC_DEPTH).alignment is Alignment.SCALE_SHIFT_DISPARITY
    assert protocol.rule_for(PredictionKind.RELATIVE_DEPTH).alignment is Alignment.SCALE_SHIFT_DEPTH


def test_a_record_is_json_and_tells_protocols_apart() -> None:
    records = [json.dumps(protocol.record(), allow_nan=False) for protocol in PROTOCOLS.values()]
    assert len(set(records)) == len(PROTOCOLS)
    assert json.loads(records[0])["rule"]["alignment"] == "scale_shift_disparity"


def test_another_range_is_of_truth_and_prediction_and_in_the_name() -> None:
    protocol = frames_protocol("folder_relative").with_depth_range(0.5, 20)
    assert protocol.name == "folder_relative@0.5..20"
    for rule in (protocol.rule, protocol.relative_depth_rule):
        assert rule is not None
        assert (rule.min_depth_m, rule.max_depth_m) == (0.5, 20)
    assert str(protocol.truth) == "0.5 < g < 20"


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="min_depth_m is 3 and max_depth_m 2"):
        TruthRange(min_depth_m=3, max_depth_m=2)
    with pytest.raises(ValueError, match="name at least one kind, and relative depth with a rule of its own"):
        replace(frames_protocol("nyuv2_metric"), kinds=(PredictionKind.RELATIVE_DEPTH,))
    with pytest.raises(ValueError, match="relative depth with a rule of its own"):
        replace(frames_protocol("nyuv2_metric"), relative_depth_rule=ScoringRule(alignment=Alignment.NONE))


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(UnknownProtocolError, match=r"no protocol 'kitti_metrik'; did you mean kitti_metric"):
        find_protocol("kitti_metrik")


def test_any_protocol_can_judge_the_users_own_frames() -> None:
    protocol = frames_protocol("folder:nyuv2_metric")
    assert (protocol.name, protocol.data, protocol.num_images) == ("folder:nyuv2_metric", "folder", None)
    assert protocol.box is EvaluatedBox.NYU_EIGEN
    assert protocol.truth == frames_protocol("nyuv2_metric").truth
    with pytest.raises(UnknownProtocolError, match="da_2k compares points"):
        find_protocol("folder:da_2k")
