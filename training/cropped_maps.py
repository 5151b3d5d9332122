"""The part of a sample's maps that belongs to a training crop."""

from __future__ import annotations

from dataclasses import replace

from depth_anything.training.corpora.sample import RawSample, Sample
from depth_anything.training.corpora.stored_label import StoredLabel
from depth_anything.training.crop_geometry import CropGeometry, cut_label


def with_cropped_maps(sample: RawSample | Sample, geometry: CropGeometry) -> RawSample:
    """The sample without its picture, and with its label and masks cropped; stored levels stay levels.

    Args:
        sample: a labelled one; its maps have the size of its picture.
        geometry: of the crop.
    """
    label, valid, sky, confidence = sample.label, sample.valid, sample.sky, sample.confidence
    if isinstance(label, StoredLabel):
        label = replace(label, levels=cut_label(label.levels, geometry))
    elif label is not None:
        label = cut_label(label, geometry)
    return RawSample(
        image_bytes=b"",
        label=label,
        valid=None if valid is None else cut_label(valid, geometry),
        sky=None if sky is None else cut_label(sky, geometry),
        confidence=None if confidence is None else cut_label(confidence, geometry),
        kind=sample.kind,
        corpus=sample.corpus,
        key=sample.key,
    )
