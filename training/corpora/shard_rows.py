"""A sample as a row of a Parquet shard, and back.

A row keeps the file of the picture byte for byte and the label as the levels of a 16-bit PNG:

    stored label = label_offset + label_scale * level

between the least and the largest value of its own valid pixels, so that no stored value is off by more than half a
level, 1/131070 of its range. Depth is stored as disparity, 1/depth, unless it is to train a metric model: a relative
model learns disparity from 0 to 1, and even steps of depth are coarse where disparity changes most, near the camera.
With a mountain 8 km away a step is 12 cm, which at 1 m is an eighth of the disparity's whole range.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.level_png import png_bytes, png_pixels
from depth_anything.training.corpora.optional_library import MissingLibraryError, optional_library
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind, RawSample, Reason, SampleError
from depth_anything.training.corpora.stored_label import TOP_LEVEL, StoredLabel

PURPOSE = "a corpus in Parquet shards"
# What is read at once. 32 pictures are 3 to 30 MB: large enough for one request to object storage, small enough for a
# worker to hold the eight that it mixes.
ROWS_PER_GROUP = 32
PICTURE_COLUMNS = ("image", "kind", "corpus", "key")
PSEUDO_COLUMNS = ("confidence", "label_height", "label_width", "teacher")  # of pseudo labels, beside the others
LABEL_COLUMNS = ("label", "mask", "sky", "label_scale", "label_offset", "quantity")

Row = dict[str, Any]


class Quantity(str, Enum):
    """What the levels of a stored label count."""

    DEPTH = "depth"
    DISPARITY = "disparity"


class Levels(NamedTuple):
    """A map in whole numbers: value = offset + scale * level."""

    levels: NDArray[np.uint16]  # (H, W), 0 where not valid
    scale: float
    offset: float


def stored_quantity(corpus: str, kind: LabelKind, is_metric_use: bool, asked: Quantity | None) -> Quantity | None:
    """The quantity of a corpus' shards; None if it has no labels.

    Args:
        corpus: name, for the error.
        kind: of its labels.
        is_metric_use: the corpus is there to train metric models.
        asked: what the user wants; None leaves it to the rule.

    Raises:
        CorpusError: the labels do not have what was asked for.
    """
    if kind is LabelKind.NONE:
        if asked is not None:
            raise CorpusError(f"corpus {corpus} has no labels, so no quantity {asked.value}; leave out --quantity")
        return None
    if not kind.is_depth:
        if asked is Quantity.DEPTH:
            raise CorpusError(
                f"corpus {corpus} has labels of kind {kind.value}, which give no depth; leave out --quantity"
            )
        return Quantity.DISPARITY
    return asked or (Quantity.DEPTH if is_metric_use else Quantity.DISPARITY)


def quantise(values: NDArray[np.floating[Any]], valid: NDArray[np.bool_]) -> Levels:
    """The map in 65536 even levels from its least to its largest valid value.

    Args:
        values: finite where valid; (H, W).
        valid: (H, W). With none the levels are 0, and so are scale and offset.
    """
    counting = values[valid].astype(np.float64)
    if counting.size == 0:
        return Levels(np.zeros(values.shape, np.uint16), 0.0, 0.0)
    low, high = float(counting.min()), float(counting.max())
    levels = np.zeros(values.shape, np.uint16)
    if high > low:
        levels[valid] = np.rint((counting - low) * (TOP_LEVEL / (high - low)))
    return Levels(levels, (high - low) / TOP_LEVEL, low)


def encode_row(raw: RawSample, quantity: Quantity | None) -> Row:
    """The sample as a row with the columns of `shard_schema`.

    Args:
        raw: the sample.
        quantity: to store depth labels in; disparity labels have one only.

    Raises:
        SampleError: no pixel has a label that can be stored, and none is sky.
    """
    row: Row = dict.fromkeys((*PICTURE_COLUMNS, *LABEL_COLUMNS))
    row |= {
        "image": {"bytes": raw.image_bytes, "path": raw.key.rpartition("/")[2]},
        "kind": raw.kind.value,
        "corpus": raw.corpus,
        "key": raw.key,
    }
    if raw.label is None or raw.valid is None or quantity is None:
        return row
    label = raw.label.to_map(raw.valid) if isinstance(raw.label, StoredLabel) else raw.label
    values, valid = label.astype(np.float64), raw.valid
    if raw.kind.is_depth and quantity is Quantity.DISPARITY:
        with np.errstate(divide="ignore", over="ignore"):
            valid = valid & np.isfinite(np.float32(1) / label)  # as in `training_target`: denormals are no depth
        values = 1 / np.where(valid, values, 1)
    if not valid.any() and (raw.sky is None or not raw.sky.any()):
        raise SampleError(Reason.EMPTY_LABEL, "no pixel has a depth whose inverse is finite")
    stored = quantise(values, valid)
    return row | {
        "label": png_bytes(stored.levels),
        "mask": png_bytes(valid),
        "sky": None if raw.sky is None else png_bytes(raw.sky),
        "label_scale": stored.scale,
        "label_offset": stored.offset,
        "quantity": quantity.value,
    }


def encode_pseudo_row(raw: RawSample, teacher: str) -> Row:
    """The row of a pseudo label, with the columns of `shard_schema(LabelKind.PSEUDO_LABEL)`.

    Args:
        raw: the sample, its label a map.
        teacher: what tells who made the label; the same text in every row.
    """
    assert raw.label is not None  # a pseudo label without one is none
    height, width = raw.label.shape
    return encode_row(raw, Quantity.DISPARITY) | {
        "confidence": None if raw.confidence is None else png_bytes(raw.confidence),
        "label_height": height,
        "label_width": width,
        "teacher": teacher,
    }


def decode_row(row: Mapping[str, Any]) -> RawSample:
    """The sample of a row, its label still in 16 bits; as numbers, labels of depth corpora are depth again.

    Args:
        row: the columns that `columns_of` names for its kind.

    Raises:
        SampleError: the row's label or mask is damaged.
        MissingLibraryError: zlib-ng is not installed.
    """
    kind = LabelKind(row["kind"])
    image_bytes = row["image"]["bytes"]
    if kind is LabelKind.NONE or row["label"] is None:
        return RawSample(image_bytes=image_bytes, kind=kind, corpus=row["corpus"], key=row["key"])
    is_inverted = kind.is_depth and row["quantity"] == Quantity.DISPARITY.value
    levels = _pixels(row, "label", np.uint16)
    valid = _pixels(row, "mask", np.bool_)
    if levels.shape != valid.shape:
        raise SampleError(Reason.DAMAGED_LABEL, f"{row['key']}: label {levels.shape} and mask {valid.shape} differ")
    return RawSample(
        image_bytes=image_bytes,
        label=StoredLabel(
            levels=levels, scale=row["label_scale"], offset=row["label_offset"], is_inverted=is_inverted
        ),
        valid=valid,
        sky=None if row["sky"] is None else _pixels(row, "sky", np.bool_),
        confidence=None if row.get("confidence") is None else _pixels(row, "confidence", np.uint8),
        kind=kind,
        corpus=row["corpus"],
        key=row["key"],
    )


def columns_of(kind: LabelKind) -> list[str]:
    """The columns that make a sample: a corpus without labels needs no more than its pictures."""
    if kind is LabelKind.NONE:
        return [*PICTURE_COLUMNS]
    return [*PICTURE_COLUMNS, *LABEL_COLUMNS, *(["confidence"] if kind is LabelKind.PSEUDO_LABEL else [])]


def parquet_library() -> ModuleType:
    """`pyarrow.parquet`.

    Raises:
        MissingLibraryError: pyarrow is not installed.
    """
    optional_library("pyarrow", PURPOSE)
    return optional_library("pyarrow.parquet", PURPOSE)


def shard_schema(kind: LabelKind = LabelKind.NONE) -> Any:
    """The Arrow schema of a shard with labels of a kind.

    A note in it tells `datasets` that the column `image` holds pictures.

    The label is no such column: libraries that decode it as a picture tend to cut 16 bits to 8.
    """
    arrow = optional_library("pyarrow", PURPOSE)
    arrow_types = {
        "image": arrow.struct({"bytes": arrow.binary(), "path": arrow.string()}),
        **{name: arrow.binary() for name in ("label", "mask", "sky")},
        **{name: arrow.float64() for name in ("label_scale", "label_offset")},
        **{name: arrow.string() for name in ("quantity", "kind", "corpus", "key")},
    }
    if kind is LabelKind.PSEUDO_LABEL:
        arrow_types |= {"confidence": arrow.binary(), "teacher": arrow.string()}
        arrow_types |= {name: arrow.int32() for name in ("label_height", "label_width")}
    features = {
        name: {"dtype": str(type_), "_type": "Value"} for name, type_ in arrow_types.items() if name != "image"
    }
    features |= {name: {"dtype": "float64", "_type": "Value"} for name in ("label_scale", "label_offset")}
    note = {"info": {"features": {"image": {"_type": "Image"}, **features}}}
    return arrow.schema(arrow_types).with_metadata({"huggingface": json.dumps(note)})


def _pixels(row: Mapping[str, Any], column: str, dtype: type[np.generic]) -> NDArray[Any]:
    try:
        pixels = png_pixels(row[column])
    except MissingLibraryError:
        raise
    except Exception as error:  # on damaged bytes Pillow's decoders raise nearly anything
        raise SampleError(Reason.DAMAGED_LABEL, f"{row['key']}, {column}: {error or type(error).__name__}") from error
    if pixels.dtype.newbyteorder("=") != dtype or pixels.ndim != 2:
        raise SampleError(Reason.DAMAGED_LABEL, f"{row['key']}, {column}: {pixels.dtype} of shape {pixels.shape}")
    return pixels
