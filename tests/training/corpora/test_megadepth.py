from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from depth_anything.training.corpora.megadepth import MegaDepthReader
from depth_anything.training.corpora.sample import LabelKind, Reason, Sample

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
NESTED = "MegaDepth_v1/phoenix/S6/zl548/MegaDepth_v1"


@pytest.fixture
def depth() -> np.ndarray:
    """Smooth depths with holes and, among 768 pixels, eight outliers a hundred times too far."""
    values = np.linspace(2, 4, 24 * 32).reshape(24, 32)
    values[:2] = 0
    values[10, :8] *= 100
    return values


@pytest.fixture
def add(tmp_path: Path, write: Write, encoded: Encode) -> Callable[..., None]:
    def add_frame(folder: str, name: str, values: np.ndarray, dtype: str = "float32") -> None:
        write(f"{folder}/imgs/{name}", encoded(0, "JPEG"))
        path = tmp_path / folder / "depths" / (name.rpartition(".")[0] + ".h5")
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            file["depth"] = values.astype(dtype)

    return add_frame


def test_pictures_of_any_ending_are_paired_by_stem_in_short_and_nested_paths(
    tmp_path: Path, add: Callable[..., None], depth: np.ndarray, samples_of: Callable
) -> None:
    add(f"{NESTED}/0000/dense0", "5978745_520771b1cb_o.jpg", depth)
    add(f"{NESTED}/0000/dense1", "a.b.JPG", depth, "float16")
    add("0001/dense0", "c.png", depth)
    samples = samples_of(MegaDepthReader("megadepth", tmp_path))
    assert list(samples) == [
        "0001/dense0/imgs/c.png",
        f"{NESTED}/0000/dense0/imgs/5978745_520771b1cb_o.jpg",
        f"{NESTED}/0000/dense1/imgs/a.b.JPG",
    ]
    assert all(isinstance(sample, Sample) and sample.label.dtype == np.float32 for sample in samples.values())
    assert {sample.kind for sample in samples.values()} == {LabelKind.DEPTH_UP_TO_SCALE}


def test_holes_and_values_outside_the_1st_and_98th_percentile_have_no_label(
    tmp_path: Path, add: Callable[..., None], depth: np.ndarray, samples_of: Callable
) -> None:
    add("0000/dense0", "a.jpg", depth)
    sample = samples_of(MegaDepthReader("megadepth", tmp_path)).popitem()[1]
    positive = np.sort(depth[depth > 0].astype(np.float32))

    def percentile(share: float) -> float:
        """By hand, between the two neighbours."""
        place = share * (len(positive) - 1)
        low = int(place)
        return positive[low] + (place - low) * (positive[low + 1] - positive[low])

    expected = (depth > 0) & (depth >= percentile(0.01)) & (depth <= percentile(0.98))
    np.testing.assert_array_equal(sample.valid, expected)
    assert not sample.valid[10, :8].any(), "the outliers"
    assert sample.label.max() < 5
    assert 0.96 < sample.valid.sum() / len(positive) < 0.98


def test_ordinal_maps_of_the_same_name_and_key_are_refused(
    tmp_path: Path, add: Callable[..., None], depth: np.ndarray, samples_of: Callable
) -> None:
    ordinal = np.zeros_like(depth)
    ordinal[:5], ordinal[20:] = 1, -1
    add("0000/dense0", "a.jpg", ordinal)
    error = samples_of(MegaDepthReader("megadepth", tmp_path)).popitem()[1]
    assert error.reason is Reason.ORDINAL_LABEL
    assert "0000/dense0/depths/a.h5" in error.detail


def test_a_map_of_zeros_is_refused_as_empty(
    tmp_path: Path, add: Callable[..., None], depth: np.ndarray, samples_of: Callable
) -> None:
    add("0000/dense0", "a.jpg", np.zeros_like(depth))
    assert samples_of(MegaDepthReader("megadepth", tmp_path)).popitem()[1].reason is Reason.EMPTY_LABEL
