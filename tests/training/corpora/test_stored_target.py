from __future__ import annotations

import numpy as np
import pytest

from depth_anything.training.corpora.sample import LabelKind, RawSample, Reason, SampleError, training_target
from depth_anything.training.corpora.stored_label import StoredLabel
from depth_anything.training.corpora.stored_target import level_range, target_of_levels

SHAPE = (30, 40)


def stored_sample(
    kind: LabelKind = LabelKind.METRIC_DEPTH,
    *,
    scale: float = 3e-5,
    offset: float = 0.25,
    is_inverted: bool | None = None,
    has_sky: bool = False,
    has_label: bool = True,
    byte_order: str = "<",
) -> RawSample:
    generator = np.random.default_rng(0)
    levels = generator.integers(0, 65536, SHAPE, np.uint16).astype(f"{byte_order}u2")
    levels[0, :2] = 0, 65535
    valid = generator.random(SHAPE) > 0.3
    valid[0, :2] = True  # the ends of the range
    sky = np.zeros(SHAPE, bool)
    sky[20:] = has_sky
    is_inverted = kind.is_depth if is_inverted is None else is_inverted
    return RawSample(
        image_bytes=b"",
        label=StoredLabel(levels=levels, scale=scale, offset=offset, is_inverted=is_inverted),
        valid=valid & ~sky & has_label,
        sky=sky if has_sky else None,
        kind=kind,
        corpus="test",
        key="0",
    )


@pytest.mark.parametrize("kind", [LabelKind.METRIC_DEPTH, LabelKind.DEPTH_UP_TO_SCALE, LabelKind.DISPARITY_AFFINE])
@pytest.mark.parametrize("has_sky", [False, True])
@pytest.mark.parametrize("offset", [0.0, 0.25, 40.0])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_levels_become_the_exact_disparity_from_0_to_1(
    kind: LabelKind, has_sky: bool, offset: float, byte_order: str
) -> None:
    sample = stored_sample(kind, offset=offset, has_sky=has_sky, byte_order=byte_order)
    whole = level_range(sample)
    assert whole is not None
    found = target_of_levels(sample, whole)
    counts = sample.valid | sample.sky if has_sky else sample.valid
    disparity = np.where(sample.valid, offset + 3e-5 * sample.label.levels.astype(np.float64), 0)
    low, high = disparity[counts].min(), disparity[counts].max()
    np.testing.assert_array_equal(found.valid, counts)
    np.testing.assert_allclose(
        found.values, np.where(counts, (disparity - low) / (high - low), 0), rtol=0, atol=1.5e-7
    )
    assert found.values.dtype == np.float32
    assert found.values[counts].min() == 0
    assert found.values[counts].max() == 1
    general = training_target(sample)
    np.testing.assert_array_equal(found.valid, general.valid)
    # The general way rounds disparity itself, which 40 makes coarse against a range of 2.
    np.testing.assert_allclose(found.values, general.values, rtol=0, atol=5e-7 if offset < 1 else 1e-5)


def test_sky_lies_within_the_range_where_disparity_of_unknown_shift_is_below_0() -> None:
    sample = stored_sample(LabelKind.DISPARITY_AFFINE, offset=-0.5, has_sky=True)
    whole = level_range(sample)
    assert whole is not None
    found, general = target_of_levels(sample, whole), training_target(sample)
    np.testing.assert_allclose(found.values, general.values, rtol=0, atol=5e-7)
    assert found.values[25, 0] == pytest.approx(0.5 / (3e-5 * 65535))


def test_a_part_keeps_the_range_of_the_whole_map() -> None:
    sample = stored_sample(has_sky=True)
    whole = level_range(sample)
    assert whole is not None
    part = stored_sample(has_sky=True)
    object.__setattr__(part, "label", StoredLabel(levels=part.label.levels[5:25], scale=3e-5, offset=0.25))
    object.__setattr__(part, "valid", part.valid[5:25])
    object.__setattr__(part, "sky", part.sky[5:25])
    np.testing.assert_array_equal(target_of_levels(part, whole).values, target_of_levels(sample, whole).values[5:25])


def test_levels_of_depth_and_maps_of_one_value_are_left_to_the_general_way() -> None:
    assert level_range(stored_sample(is_inverted=False)) is None
    assert level_range(stored_sample(scale=0.0)) is None
    assert level_range(stored_sample(LabelKind.DISPARITY_AFFINE, is_inverted=True)) is None


@pytest.mark.parametrize(("has_sky", "reason"), [(False, Reason.EMPTY_LABEL), (True, Reason.FLAT_LABEL)])
def test_a_map_without_a_label_is_refused_as_in_the_general_way(has_sky: bool, reason: Reason) -> None:
    sample = stored_sample(has_sky=has_sky, has_label=False)
    with pytest.raises(SampleError) as general:
        training_target(sample)
    with pytest.raises(SampleError) as raised:
        level_range(sample)
    assert raised.value.reason is general.value.reason is reason
