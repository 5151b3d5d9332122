from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from depth_anything.training.corpora.sample import (
    LabelKind,
    RawSample,
    Reason,
    SampleError,
    disparity_range,
    training_target,
)
from depth_anything.training.corpora.stored_label import StoredLabel


def stored(is_inverted: bool, levels: np.ndarray | None = None) -> StoredLabel:
    if levels is None:
        levels = np.random.default_rng(0).integers(0, 65536, (30, 40), np.uint16)
        levels[0, :2] = 0, 65535
    return StoredLabel(levels=levels, scale=3e-5, offset=0.25, is_inverted=is_inverted)


def raw_sample(label: StoredLabel, kind: LabelKind, sky: np.ndarray | None = None) -> RawSample:
    valid = np.random.default_rng(1).random(label.shape) > 0.3
    valid[0, :2] = True  # the ends of the range
    if sky is not None:
        valid &= ~sky
    return RawSample(image_bytes=b"", label=label, valid=valid, sky=sky, kind=kind, corpus="test", key="0")


@pytest.mark.parametrize("is_inverted", [False, True])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_levels_become_the_label_to_a_hundredth_of_a_level(is_inverted: bool, byte_order: str) -> None:
    label = stored(is_inverted)
    label = replace(label, levels=label.levels.astype(f"{byte_order}u2"))
    valid = np.random.default_rng(1).random(label.shape) > 0.3
    counted = 0.25 + 3e-5 * label.levels.astype(np.float64)
    found = label.to_map(valid)
    assert found.dtype == np.float32
    assert (found[~valid] == 0).all()
    back = 1 / found[valid].astype(np.float64) if is_inverted else found[valid]
    np.testing.assert_allclose(back, counted[valid], rtol=0, atol=0.01 * 3e-5)


@pytest.mark.parametrize("kind", [LabelKind.METRIC_DEPTH, LabelKind.DISPARITY_AFFINE])
@pytest.mark.parametrize("has_sky", [False, True])
def test_the_range_known_from_the_ends_is_that_of_all_pixels(kind: LabelKind, has_sky: bool) -> None:
    sky = np.zeros((30, 40), bool)
    sky[20:] = has_sky
    sample = raw_sample(stored(is_inverted=kind.is_depth), kind, sky)
    target = training_target(sample)
    low, high = disparity_range(sample)
    assert target.values[target.valid].min() == 0
    assert target.values[target.valid].max() == 1
    disparity = 0.25 + 3e-5 * sample.label.levels[sample.valid].astype(np.float64)
    np.testing.assert_allclose(high, disparity.max(), rtol=1e-6)
    np.testing.assert_allclose(low, 0 if has_sky else disparity.min(), rtol=1e-6)


def test_a_stored_label_without_a_valid_pixel_or_with_one_value_is_refused() -> None:
    sample = raw_sample(stored(is_inverted=True), LabelKind.METRIC_DEPTH, np.ones((30, 40), bool))
    with pytest.raises(SampleError) as flat:  # sky alone
        disparity_range(sample)
    assert flat.value.reason is Reason.FLAT_LABEL
    nothing = RawSample(
        image_bytes=b"", label=sample.label, valid=sample.valid, kind=sample.kind, corpus="test", key="0"
    )
    with pytest.raises(SampleError) as empty:
        disparity_range(nothing)
    assert empty.value.reason is Reason.EMPTY_LABEL
