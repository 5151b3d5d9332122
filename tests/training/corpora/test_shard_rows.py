import importlib
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from depth_anything.training.corpora import level_png
from depth_anything.training.corpora.optional_library import MissingLibraryError
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind, RawSample, Reason, SampleError
from depth_anything.training.corpora.shard_rows import (
    Quantity,
    columns_of,
    decode_row,
    encode_row,
    quantise,
    shard_schema,
    stored_quantity,
)
from depth_anything.training.corpora.stored_label import StoredLabel

SIZE = (24, 32)


def raw_sample(**changes: Any) -> RawSample:
    noise = np.random.default_rng(0)
    sky = noise.random(SIZE) < 0.1
    valid = ~sky & (noise.random(SIZE) < 0.8)
    label = np.where(valid, noise.uniform(0.5, 900, SIZE), 0).astype(np.float32)
    fields = {"image_bytes": b"any bytes", "label": label, "valid": valid, "sky": sky}
    fields |= {"kind": LabelKind.METRIC_DEPTH, "corpus": "mine", "key": "a/b.jpg"}
    return RawSample(**{**fields, **changes})


def label_of(raw: RawSample) -> np.ndarray:
    assert isinstance(raw.label, StoredLabel)
    assert raw.valid is not None
    return raw.label.to_map(raw.valid)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.0, 1e4), (0.1, 0.1001), (1e-30, 2e-30), (0.25, 0.25)])
def test_no_value_is_off_by_more_than_half_a_level_of_its_range(low: float, high: float) -> None:
    noise = np.random.default_rng(1)
    values, valid = noise.uniform(low, high, SIZE), noise.random(SIZE) < 0.7
    values[~valid] = np.nan
    stored = quantise(values, valid)
    found = stored.offset + stored.scale * stored.levels.astype(np.float64)
    span = values[valid].max() - values[valid].min()
    assert np.abs(found - values)[valid].max() <= span / 131070 * (1 + 1e-9)
    assert stored.levels.dtype == np.uint16
    assert not stored.levels[~valid].any()


def test_a_map_of_one_value_is_stored_exactly() -> None:
    label = np.full(SIZE, np.float32(0.1))
    raw = raw_sample(label=label, valid=np.ones(SIZE, bool), sky=None)
    for quantity in Quantity:
        np.testing.assert_array_equal(label_of(decode_row(encode_row(raw, quantity))), label)


@pytest.mark.parametrize("kind", [LabelKind.METRIC_DEPTH, LabelKind.DEPTH_UP_TO_SCALE, LabelKind.DISPARITY_AFFINE])
@pytest.mark.parametrize("quantity", list(Quantity))
def test_a_sample_comes_back_from_its_row(kind: LabelKind, quantity: Quantity) -> None:
    raw = raw_sample(kind=kind)
    found = decode_row(encode_row(raw, quantity))
    assert (found.image_bytes, found.kind, found.corpus, found.key) == (b"any bytes", kind, "mine", "a/b.jpg")
    np.testing.assert_array_equal(found.valid, raw.valid)
    np.testing.assert_array_equal(found.sky, raw.sky)
    label = label_of(found)
    assert label.dtype == np.float32
    assert not label[~raw.valid].any()
    power = -1 if kind.is_depth and quantity is Quantity.DISPARITY else 1
    stored, expected = (values[raw.valid].astype(np.float64) ** power for values in (label, raw.label))
    # Half a level, and float32 that the label comes back in.
    bound = np.ptp(expected) / 131070 + np.abs(expected) * 2**-23
    assert (np.abs(stored - expected) <= bound).all()


def test_the_columns_hold_what_the_card_says() -> None:
    raw = raw_sample()
    row = encode_row(raw, Quantity.DISPARITY)
    assert list(row) == [*columns_of(raw.kind)]
    assert row["image"] == {"bytes": b"any bytes", "path": "b.jpg"}
    assert (row["kind"], row["quantity"]) == ("metric_depth", "disparity")
    pictures = {name: Image.open(io.BytesIO(row[name])) for name in ("label", "mask", "sky")}
    assert {name: picture.mode for name, picture in pictures.items()} == {"label": "I;16", "mask": "1", "sky": "1"}
    disparity = row["label_offset"] + row["label_scale"] * np.asarray(pictures["label"], np.float64)
    np.testing.assert_allclose(disparity[raw.valid], 1 / raw.label[raw.valid], atol=row["label_scale"] * 0.501)


def test_a_sample_without_a_label_has_a_picture_alone() -> None:
    raw = raw_sample(label=None, valid=None, sky=None, kind=LabelKind.NONE)
    row = encode_row(raw, None)
    assert {name for name, value in row.items() if value is not None} == set(columns_of(LabelKind.NONE))
    found = decode_row({name: row[name] for name in columns_of(LabelKind.NONE)})
    assert (found.label, found.valid, found.sky) == (None, None, None)


def test_sky_alone_is_a_label() -> None:
    raw = raw_sample(label=np.zeros(SIZE, np.float32), valid=np.zeros(SIZE, bool), sky=np.ones(SIZE, bool))
    found = decode_row(encode_row(raw, Quantity.DISPARITY))
    assert not found.valid.any()
    assert found.sky.all()
    assert not label_of(found).any()


def test_depth_whose_inverse_overflows_is_no_label() -> None:
    label = np.full(SIZE, np.float32(2))
    label[0, 0] = 1e-45
    raw = raw_sample(label=label, valid=np.ones(SIZE, bool), sky=None)
    assert np.flatnonzero(~decode_row(encode_row(raw, Quantity.DISPARITY)).valid).tolist() == [0]
    raw = raw_sample(label=label, valid=label < 1, sky=None)
    with pytest.raises(SampleError, match="empty_label: no pixel has a depth whose inverse is finite"):
        encode_row(raw, Quantity.DISPARITY)


@pytest.mark.parametrize("column", ["label", "mask", "sky"])
def test_a_damaged_map_is_refused_as_a_sample(column: str) -> None:
    row = encode_row(raw_sample(), Quantity.DEPTH)
    for damaged in (b"no picture", row[column][:60], row["mask" if column == "label" else "label"]):
        with pytest.raises(SampleError, match=rf"a/b\.jpg, {column}: ") as caught:
            decode_row({**row, column: damaged})
        assert caught.value.reason is Reason.DAMAGED_LABEL


def test_a_missing_library_is_not_taken_for_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_zlib_ng(name: str, package: str | None = None) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    pixels = np.arange(600).reshape(20, 30) % 7
    row = encode_row(raw_sample(label=(1 + pixels).astype(np.float32), valid=pixels >= 0, sky=None), Quantity.DEPTH)
    level_png._zlib_ng.cache_clear()
    monkeypatch.setattr(importlib, "import_module", without_zlib_ng)
    with pytest.raises(MissingLibraryError, match=r"needs zlib_ng: pip install"):
        decode_row(row)


def test_depth_is_stored_as_disparity_unless_it_trains_a_metric_model() -> None:
    metric, affine = LabelKind.METRIC_DEPTH, LabelKind.DISPARITY_AFFINE
    assert stored_quantity("a", metric, False, None) is Quantity.DISPARITY
    assert stored_quantity("a", metric, True, None) is Quantity.DEPTH
    assert stored_quantity("a", metric, False, Quantity.DEPTH) is Quantity.DEPTH
    assert stored_quantity("a", affine, False, None) is Quantity.DISPARITY
    assert stored_quantity("a", LabelKind.NONE, False, None) is None
    with pytest.raises(CorpusError, match="corpus a has labels of kind disparity_affine, which give no depth"):
        stored_quantity("a", affine, False, Quantity.DEPTH)
    with pytest.raises(CorpusError, match="corpus a has no labels, so no quantity disparity; leave out --quantity"):
        stored_quantity("a", LabelKind.NONE, False, Quantity.DISPARITY)


def test_the_schema_is_the_one_that_datasets_itself_would_write() -> None:
    datasets = pytest.importorskip("datasets")
    schema = shard_schema()
    features = {name: datasets.Value("binary") for name in ("label", "mask", "sky")}
    features |= {name: datasets.Value("float64") for name in ("label_scale", "label_offset")}
    features |= {name: datasets.Value("string") for name in ("quantity", "kind", "corpus", "key")}
    expected = datasets.Features({"image": datasets.Image(), **features}).arrow_schema
    assert schema.equals(expected)
    assert json.loads(schema.metadata[b"huggingface"]) == json.loads(expected.metadata[b"huggingface"])
