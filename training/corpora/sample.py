"""What every corpus gives: a picture, its label if it has one, and what the label's numbers mean."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.stored_label import TOP_LEVEL, StoredLabel

# The inverse of anything smaller may overflow. No depth is that small, and 0 and less are none.
SMALLEST_DEPTH = np.finfo(np.float32).tiny
TOP_CONFIDENCE = 255  # of a stored confidence, which stands for 1


class LabelKind(str, Enum):
    """What the numbers of a label mean."""

    METRIC_DEPTH = "metric_depth"  # z depth in metres
    DEPTH_UP_TO_SCALE = "depth_up_to_scale"  # z depth in a unit of its own for each scene
    DISPARITY_AFFINE = "disparity_affine"  # inverse depth of unknown scale, and of unknown shift
    PSEUDO_LABEL = "pseudo_label"  # a teacher's disparity, of unknown scale and shift, at the size that it saw
    NONE = "none"  # pictures alone

    @property
    def is_depth(self) -> bool:
        """True where larger is farther."""
        return self in (LabelKind.METRIC_DEPTH, LabelKind.DEPTH_UP_TO_SCALE)

    @property
    def is_unlabelled(self) -> bool:
        """True where nobody measured anything: pictures alone, and those that a teacher has labelled."""
        return self in (LabelKind.PSEUDO_LABEL, LabelKind.NONE)


class Reason(str, Enum):
    """Why a sample is refused; the values are stable, for counting."""

    UNREADABLE_FILE = "unreadable_file"  # missing, or the disk says no
    DAMAGED_IMAGE = "damaged_image"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_SMALL = "image_too_small"
    DAMAGED_ARCHIVE = "damaged_archive"
    DAMAGED_VIDEO = "damaged_video"
    MISSING_LABEL = "missing_label"
    DAMAGED_LABEL = "damaged_label"
    LABEL_SIZE = "label_size"  # not the size of the picture
    EMPTY_LABEL = "empty_label"
    FLAT_LABEL = "flat_label"  # one value everywhere, which no scale and shift can turn into 0..1
    ORDINAL_LABEL = "ordinal_label"  # MegaDepth's nearer-or-farther maps, which are no depth
    NON_FINITE_PREDICTION = "non_finite_prediction"  # of a teacher, whose weights or precision are at fault

    @property
    def is_documented(self) -> bool:
        """True for what a sound download holds too: the data sets' own holes, no fault of disk or network."""
        return self in DOCUMENTED_REASONS


DOCUMENTED_REASONS = frozenset(
    {Reason.MISSING_LABEL, Reason.LABEL_SIZE, Reason.EMPTY_LABEL, Reason.FLAT_LABEL, Reason.ORDINAL_LABEL}
)


class SampleError(ValueError):
    """One sample cannot be used; the corpus goes on without it.

    Attributes:
        reason: the category, for counting.
        detail: what is wrong with this one, for people.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that a worker process can send the error
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}"


@dataclass(frozen=True, kw_only=True, eq=False)
class RawSample:
    """A sample with its picture still encoded, as shards keep it.

    Attributes:
        image_bytes: the file of the picture, every byte as downloaded; a video's frame is encoded once, by the reader.
        label: float32, (H, W); 0 where there is none. Metres, a scene's own unit, or disparity, as `kind` says. Of
            shards the same in 16 bits. A pseudo label has the size at which its teacher saw the picture.
        valid: pixels with a label; bool, (H, W).
        sky: pixels that the data set itself knows as sky, or a pseudo label's segmentation model; bool, (H, W); never
            valid.
        confidence: of a pseudo label, where it was asked for; uint8, (H, W), `TOP_CONFIDENCE` being 1.
        kind: what the label means.
        corpus: name of the corpus.
        key: name of the sample in it.
    """

    image_bytes: bytes
    label: NDArray[np.float32] | StoredLabel | None = None
    valid: NDArray[np.bool_] | None = None
    sky: NDArray[np.bool_] | None = None
    confidence: NDArray[np.uint8] | None = None
    kind: LabelKind
    corpus: str
    key: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A decoded sample; picture and maps have one size, but for pseudo labels, which have their teacher's.

    Attributes:
        image: RGB, uint8, (H, W, 3).
        label, valid, sky, confidence, kind, corpus, key: as in `RawSample`; the label in float32.
    """

    image: NDArray[np.uint8]
    label: NDArray[np.float32] | None = None
    valid: NDArray[np.bool_] | None = None
    sky: NDArray[np.bool_] | None = None
    confidence: NDArray[np.uint8] | None = None
    kind: LabelKind
    corpus: str
    key: str


class Target(NamedTuple):
    """What a loss compares with."""

    values: NDArray[np.float32]  # (H, W), 0 where not valid
    valid: NDArray[np.bool_]  # (H, W)


class DisparityRange(NamedTuple):
    """The smallest and the largest disparity that counts in a map."""

    low: np.float32
    high: np.float32


def training_target(sample: RawSample | Sample, detected_sky: NDArray[np.bool_] | None = None) -> Target:
    """Disparity from 0 to 1, larger is nearer, and the pixels that count.

    Sky is infinitely far, so its disparity is 0 and it counts; a sky pixel that has a label keeps the label.

    Args:
        sample: a labelled one.
        detected_sky: sky that a segmentation model has found, beside what the data set knows; bool, (H, W).

    Raises:
        SampleError: no pixel counts, or all of them have one disparity.
        ValueError: the sample has no label.

    Source: Depth Anything, arXiv:2401.10891, section 3.1 (d = 1/t, normalised to 0..1 on each map), and the authors in
        issues 175 (min-max of each map) and 206 (sky) of their repository.
    """
    disparity = counting_disparity(sample, detected_sky)
    return stretched_target(disparity, range_of(disparity))


def counting_disparity(
    sample: RawSample | Sample, detected_sky: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Disparity as the label has it, not scaled, and NaN where nothing counts; (H, W).

    Arguments are those of `training_target`, and so is the ValueError.
    """
    label, counts = _label_of(sample)
    if sample.kind.is_depth:
        counts = counts & (label >= SMALLEST_DEPTH)
    # By arithmetic (1 / 1 or 0 / 0): the branches of `np.where` take eight times as long where a mask is ragged.
    with np.errstate(invalid="ignore"):
        disparity = label * np.divide(counts, counts, dtype=np.float32)
    if sample.kind.is_depth:
        np.divide(np.float32(1), disparity, out=disparity)
    for sky in (sample.sky, detected_sky):
        if sky is not None:
            disparity[sky & ~counts] = 0
    return disparity


def disparity_range(sample: RawSample | Sample) -> DisparityRange:
    """What `training_target` brings to 0 and 1, and its errors; of a stored label without a look at every pixel."""
    return range_of(counting_disparity(_ends_of(sample)))


def lowest_confidence(min_confidence: float) -> int:
    """The least stored confidence, 0 to `TOP_CONFIDENCE`, that is no less than a share from 0 to 1."""
    return math.ceil(min_confidence * TOP_CONFIDENCE - 1e-6)  # 51 / 255 times 255 is not always 51


def range_of(disparity: NDArray[np.float32]) -> DisparityRange:
    """The range of a map in which NaN does not count.

    Raises:
        SampleError: no pixel counts, or all of them have one disparity.
    """
    low, high = np.fmin.reduce(disparity, axis=None), np.fmax.reduce(disparity, axis=None)
    if np.isnan(low):
        raise SampleError(Reason.EMPTY_LABEL, "no pixel has a label or is sky")
    if low == high:
        raise SampleError(Reason.FLAT_LABEL, f"every labelled pixel has the disparity {low:.6g}")
    return DisparityRange(low, high)


def stretched_target(disparity: NDArray[np.float32], stretched: DisparityRange) -> Target:
    """Disparity with the ends of a range at 0 and 1, and the pixels that count, which may be none.

    Args:
        disparity: NaN where it does not count; a whole map, or a part of one that is to keep the map's own range.
        stretched: see `disparity_range`; (0, 1) leaves the disparity as it is.
    """
    valid = ~np.isnan(disparity)
    normalised = (disparity - stretched.low) / (stretched.high - stretched.low)
    return Target(np.where(valid, normalised, np.float32(0)), valid)


def metric_target(sample: RawSample | Sample, min_depth_m: float = 0.0, max_depth_m: float = np.inf) -> Target:
    """Depth in metres, and the pixels within the range; sky has no depth and does not count.

    Args:
        sample: one whose kind is `metric_depth`.
        min_depth_m: nearer pixels do not count, nor does one that is just as near.
        max_depth_m: farther pixels do not count.

    Raises:
        SampleError: no pixel lies within the range.
        ValueError: the sample's label is not in metres.
    """
    if sample.kind is not LabelKind.METRIC_DEPTH:
        raise ValueError(
            f"corpus {sample.corpus} has labels of kind {sample.kind.value}, which are not metres; "
            "train a metric model on corpora of kind metric_depth"
        )
    label, valid = _label_of(sample)
    valid = valid & (label > min_depth_m) & (label <= max_depth_m)
    if not valid.any():
        raise SampleError(Reason.EMPTY_LABEL, f"no depth between {min_depth_m:g} and {max_depth_m:g} m")
    return Target(np.where(valid, label, np.float32(0)), valid)


def _label_of(sample: RawSample | Sample) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    if sample.label is None or sample.valid is None:
        raise ValueError(f"{sample.corpus} {sample.key} has no label; only a teacher can make its target")
    if isinstance(sample.label, StoredLabel):
        return sample.label.to_map(sample.valid), sample.valid
    return sample.label, sample.valid


def _ends_of(sample: RawSample | Sample) -> RawSample | Sample:
    """A sample of the few pixels that set the range, where they are known without a look at all; else the sample."""
    label, valid, sky = sample.label, sample.valid, sample.sky
    if not isinstance(sample, RawSample) or not isinstance(label, StoredLabel) or valid is None:
        return sample
    has_label, has_sky = valid.any(), sky is not None and sky.any()
    return replace(
        sample,
        label=replace(label, levels=np.array([[0, TOP_LEVEL, 0]], np.uint16)),
        valid=np.array([[has_label, has_label, False]]),
        sky=np.array([[False, False, has_sky]]),
    )
