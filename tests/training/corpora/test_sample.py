import pickle

import numpy as np
import pytest

from depth_anything.training.corpora.sample import (
    LabelKind,
    Reason,
    Sample,
    SampleError,
    metric_target,
    training_target,
)


def labelled(
    label: list[list[float]],
    valid: list[list[int]],
    sky: list[list[int]] | None = None,
    kind: LabelKind = LabelKind.METRIC_DEPTH,
) -> Sample:
    values = np.array(label, np.float32)
    return Sample(
        image=np.zeros((*values.shape, 3), np.uint8),
        label=values,
        valid=np.array(valid, bool),
        sky=None if sky is None else np.array(sky, bool),
        kind=kind,
        corpus="test",
        key="0",
    )


@pytest.mark.parametrize("kind", [LabelKind.METRIC_DEPTH, LabelKind.DEPTH_UP_TO_SCALE])
def test_depth_becomes_its_inverse_from_0_at_the_farthest_to_1_at_the_nearest(kind: LabelKind) -> None:
    # 1/1, 1/2, 1/4 less 1/4 and over 3/4.
    target = training_target(labelled([[1, 2, 4]], [[1, 1, 1]], kind=kind))
    np.testing.assert_allclose(target.values, [[1, 1 / 3, 0]], atol=1e-7)
    assert target.values.dtype == np.float32
    assert target.valid.all()


def test_disparity_stays_and_is_stretched_to_0_and_1() -> None:
    target = training_target(labelled([[10, 20, 30]], [[1, 1, 1]], kind=LabelKind.DISPARITY_AFFINE))
    np.testing.assert_allclose(target.values, [[0, 0.5, 1]], atol=1e-7)


def test_scale_of_the_depth_does_not_change_the_target() -> None:
    depth = np.random.default_rng(0).uniform(1, 50, (8, 8))
    ones = np.ones((8, 8), int).tolist()
    near, far = (training_target(labelled((depth * scale).tolist(), ones)).values for scale in (0.37, 1))
    np.testing.assert_allclose(near, far, atol=1e-6)


def test_pixels_without_a_label_neither_count_nor_set_the_range() -> None:
    target = training_target(labelled([[0, 1, 2, 1000]], [[0, 1, 1, 0]]))
    np.testing.assert_allclose(target.values, [[0, 1, 0, 0]])
    assert target.valid.tolist() == [[False, True, True, False]]


def test_sky_is_disparity_0_and_counts_so_that_it_and_not_the_farthest_wall_is_0() -> None:
    target = training_target(labelled([[1, 2, 0]], [[1, 1, 0]], sky=[[0, 0, 1]]))
    np.testing.assert_allclose(target.values, [[1, 0.5, 0]])
    assert target.valid.all()


def test_a_sky_pixel_that_has_a_label_keeps_it() -> None:
    detected = np.array([[True, False, True]])
    target = training_target(labelled([[1, 2, 0]], [[1, 1, 0]]), detected)
    np.testing.assert_allclose(target.values, [[1, 0.5, 0]])
    assert target.valid.all()


def test_sky_that_the_data_set_knows_and_sky_that_is_detected_add_up() -> None:
    sample = labelled([[1, 2, 0, 0, 0]], [[1, 1, 0, 0, 0]], sky=[[0, 0, 1, 0, 0]])
    target = training_target(sample, np.array([[False, False, False, True, False]]))
    assert target.valid.tolist() == [[True, True, True, True, False]]


def test_depth_whose_inverse_overflows_does_not_count() -> None:
    target = training_target(labelled([[1e-40, 1, 2]], [[1, 1, 1]]))
    assert target.valid.tolist() == [[False, True, True]]
    np.testing.assert_allclose(target.values, [[0, 1, 0]])


def test_a_map_without_a_label_or_with_one_value_is_refused_by_its_reason() -> None:
    with pytest.raises(SampleError, match="empty_label: no pixel has a label or is sky") as empty:
        training_target(labelled([[1, 2]], [[0, 0]]))
    assert empty.value.reason is Reason.EMPTY_LABEL
    with pytest.raises(SampleError, match=r"flat_label: every labelled pixel has the disparity 0\.5") as flat:
        training_target(labelled([[2, 2]], [[1, 1]]))
    assert flat.value.reason is Reason.FLAT_LABEL


def test_a_sample_without_a_label_has_no_target() -> None:
    sample = Sample(image=np.zeros((2, 2, 3), np.uint8), kind=LabelKind.NONE, corpus="sa_1b", key="7")
    with pytest.raises(ValueError, match="sa_1b 7 has no label"):
        training_target(sample)


def test_metres_stay_metres_within_their_range_and_sky_does_not_count() -> None:
    sample = labelled([[0.5, 3, 80, 80.5, 0]], [[1, 1, 1, 1, 0]], sky=[[0, 0, 0, 0, 1]])
    target = metric_target(sample, min_depth_m=0.5, max_depth_m=80)
    assert target.valid.tolist() == [[False, True, True, False, False]]
    assert target.values.tolist() == [[0, 3, 80, 0, 0]]


def test_metres_are_refused_where_there_are_none() -> None:
    with pytest.raises(ValueError, match="depth_up_to_scale, which are not metres"):
        metric_target(labelled([[1, 2]], [[1, 1]], kind=LabelKind.DEPTH_UP_TO_SCALE))
    with pytest.raises(SampleError, match="no depth between 0 and 80 m"):
        metric_target(labelled([[100, 200]], [[1, 1]]), max_depth_m=80)


def test_an_error_keeps_its_reason_and_detail_on_the_way_from_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(SampleError(Reason.ORDINAL_LABEL, "a.h5: an order")))
    assert (error.reason, error.detail, str(error)) == (
        Reason.ORDINAL_LABEL,
        "a.h5: an order",
        "ordinal_label: a.h5: an order",
    )


def test_the_data_sets_own_holes_are_told_from_damage() -> None:
    assert {reason.value for reason in Reason if reason.is_documented} == {
        "missing_label",
        "label_size",
        "empty_label",
        "flat_label",
        "ordinal_label",
    }
