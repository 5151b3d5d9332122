"""From a sample of any corpus to the tensors of one training example, repeatably by one number.

    transform = TrainingTransform(TransformSettings(crop_size=518))
    example = transform(sample, seed=7)  # the same bits on every run and in every process

An example has the entries

    pixel_values         (3, S, S)  normalised float32, or uint8; the clean view
    strong_pixel_values  (3, S, S)  the student's view of the same pixels, of unlabelled samples by default
    whole_pixel_values   (3, h, w)  normalised float32; the whole clean image, of which the view is a crop, for a live
                                    teacher; h and w are those of `geometry`, so they differ between examples
    labels               (S, S)     float32, as `target` says, 0 where not valid; of labelled samples. A stored pseudo
                                    label is the teacher's disparity, as a live teacher gives it, whatever the target
    valid_mask           (S, S)     bool; of the same samples; a crop may have no valid pixel, and then adds no loss
    geometry             (6,)       int32, see `CropGeometry.to_tensor`; cuts a teacher's map of the whole image alike
    mix_box              (4,)       int32, see `MixBox.to_tensor`; what CutMix takes from the partner; as strong views
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from depth_anything.resampling import write_affine
from depth_anything.training.corpora.sample import (
    DisparityRange,
    LabelKind,
    RawSample,
    Sample,
    Target,
    counting_disparity,
    disparity_range,
    lowest_confidence,
    metric_target,
    stretched_target,
)
from depth_anything.training.corpora.sample_decoding import decode_picture
from depth_anything.training.corpora.stored_target import level_range, target_of_levels
from depth_anything.training.crop_geometry import (
    PATCH_SIZE,
    CropGeometry,
    cut_label,
    drawn_geometry,
    whole_size,
)
from depth_anything.training.crop_resampling import whole_levels, write_crop, write_crop_levels
from depth_anything.training.cropped_maps import with_cropped_maps
from depth_anything.training.cutmix import CutMixSettings, drawn_box
from depth_anything.training.student_view import StudentViewSettings, drawn_student_view, student_view

AS_THEY_ARE = DisparityRange(np.float32(0), np.float32(1))


class TargetKind(str, Enum):
    """What the labels of an example are."""

    MAP_NORMALISED_DISPARITY = "map_normalised_disparity"  # 0 to 1 over the whole map of which the crop is a part
    DISPARITY = "disparity"  # 1 / label, or the label where it is disparity; not scaled
    METRIC_DEPTH = "metric_depth"  # metres


class TeacherView(str, Enum):
    """What a live teacher sees of an unlabelled sample."""

    WHOLE = "whole"  # the whole image, as stored pseudo labels are made; the map is cut like the image
    CROP = "crop"  # the clean crop alone: cheaper, and other targets than stored ones


@dataclass(frozen=True, kw_only=True)
class TransformSettings:
    """What `TrainingTransform` does.

    The disparity is normalised over the whole map, before the crop: the authors normalise each map, and a crop's own
    range would depend on where it was cut, so that one surface had another target in every epoch. The loss of the
    relative model is the same for both, for it takes scale and shift out of every crop.

    Source: Depth Anything, arXiv:2401.10891, sections 3.1 and 4.1; the authors in issue 175 of its repository.
    """

    crop_size: int = field(default=518, metadata={"help": "side of the crop in pixels, a multiple of 14"})
    crop_is_random: bool = field(default=True, metadata={"help": "False cuts the middle, for validation"})
    flip_probability: float = field(default=0.5, metadata={"help": "share of mirrored crops; 0 in validation"})
    target: TargetKind = field(
        default=TargetKind.MAP_NORMALISED_DISPARITY, metadata={"help": "what the labels are; see TargetKind"}
    )
    min_depth_m: float = field(default=0.0, metadata={"help": "metric_depth: nearer pixels do not count"})
    max_depth_m: float = field(default=float("inf"), metadata={"help": "metric_depth: farther pixels do not count"})
    student_view: StudentViewSettings | None = field(
        default_factory=StudentViewSettings, metadata={"help": "the strong view; None makes none"}
    )
    cutmix: CutMixSettings | None = field(
        default_factory=CutMixSettings, metadata={"help": "the boxes to be mixed; None draws none"}
    )
    labelled_have_student_view: bool = field(
        default=False, metadata={"help": "make the strong view of labelled samples too; pseudo-labelled ones have it"}
    )
    teacher_view: TeacherView | None = field(
        default=None, metadata={"help": "what a live teacher sees: whole, crop (cheaper), or None without a teacher"}
    )
    min_confidence: float = field(
        default=0.0, metadata={"help": "stored pseudo labels: pixels with less confidence, 0 to 1, do not count"}
    )
    as_uint8: bool = field(
        default=False, metadata={"help": "whole grey levels, a quarter of the memory; see normalise_on_device"}
    )

    def __post_init__(self) -> None:
        if self.crop_size < PATCH_SIZE or self.crop_size % PATCH_SIZE:
            nearest = max(round(self.crop_size / PATCH_SIZE), 1) * PATCH_SIZE
            raise ValueError(f"crop_size is {self.crop_size}, no multiple of {PATCH_SIZE}; set it to {nearest}")
        if not 0 <= self.flip_probability <= 1:
            raise ValueError(f"flip_probability is {self.flip_probability!r}; it has to lie between 0 and 1")
        if not 0 <= self.min_depth_m < self.max_depth_m:
            raise ValueError(
                f"min_depth_m is {self.min_depth_m!r} and max_depth_m {self.max_depth_m!r}; "
                "the first has to be at least 0 and below the second"
            )
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence is {self.min_confidence!r}; it has to lie between 0 and 1")
        if self.labelled_have_student_view and self.student_view is None:
            raise ValueError("labelled_have_student_view is True and student_view None; set student_view")
        object.__setattr__(self, "target", TargetKind(self.target))  # a string from a file is as good
        if self.teacher_view is not None:
            object.__setattr__(self, "teacher_view", TeacherView(self.teacher_view))


VALIDATION = TransformSettings(crop_is_random=False, flip_probability=0.0, student_view=None, cutmix=None)


class TrainingTransform:
    """Makes training examples; picklable, and without any state that a call changes."""

    def __init__(self, settings: TransformSettings) -> None:
        self.settings = settings
        mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
        self._from_levels = (1 / (255 * std), -mean / std)  # scale and shift, (3, 1, 1)
        self._from_unit = (1 / std, -mean / std)
        self._to_unit = (torch.full_like(mean, 1 / 255), torch.zeros_like(mean))

    def __call__(self, sample: RawSample | Sample, seed: int) -> dict[str, Tensor]:
        """One example; see the file's docstring.

        Args:
            sample: of any kind; sky that was detected beside the data set's own belongs into its `sky`.
            seed: at least 0; all that is random follows from it.

        Raises:
            SampleError: the picture cannot be decoded, or the label has no valid pixel or one value only.
            ValueError: `target` is metric_depth and the label is not in metres, or the seed is negative.
        """
        settings = self.settings
        if sample.kind.is_unlabelled or sample.label is None:
            image = _picture_of(sample)
            geometry = self._geometry((image.shape[0], image.shape[1]), seed)
            target = None if sample.kind is LabelKind.NONE else self._target(sample, geometry)
        else:  # a label has its picture's size, and is cut before that is decoded: the caches may still hold it
            geometry = self._geometry((sample.label.shape[0], sample.label.shape[1]), seed)
            target = self._target(sample, geometry)
            image = _picture_of(sample)
        is_for_student = sample.kind.is_unlabelled or settings.labelled_have_student_view
        has_teacher = settings.teacher_view is TeacherView.WHOLE and sample.kind is LabelKind.NONE
        levels = whole_levels(image, (geometry.resized_height, geometry.resized_width)) if has_teacher else None
        example = self._pixels(image, geometry, _generator(seed, 1) if is_for_student else None, levels)
        if levels is not None:
            write_affine(levels, levels, *self._from_levels)
            example["whole_pixel_values"] = levels
        if target is not None:
            example["labels"], example["valid_mask"] = torch.from_numpy(target.values), torch.from_numpy(target.valid)
        example["geometry"] = geometry.to_tensor()
        if is_for_student and settings.cutmix is not None:
            example["mix_box"] = drawn_box(geometry.size, settings.cutmix, _generator(seed, 2)).to_tensor()
        return example

    def whole_view(self, image: NDArray[np.uint8]) -> Tensor:
        """`whole_pixel_values` of a picture, RGB, (H, W, 3), to the bits of those in an example of it; (3, h, w).

        Raises:
            SampleError: the image is a strip so long that the resized one would take all memory.
        """
        levels = whole_levels(image, whole_size((image.shape[0], image.shape[1]), self.settings.crop_size))
        write_affine(levels, levels, *self._from_levels)
        return levels

    def _geometry(self, image_size: tuple[int, int], seed: int) -> CropGeometry:
        settings = self.settings
        return drawn_geometry(
            image_size, settings.crop_size, settings.crop_is_random, settings.flip_probability, _generator(seed, 0)
        )

    def _pixels(
        self,
        image: NDArray[np.uint8],
        geometry: CropGeometry,
        for_view: np.random.Generator | None,
        levels: Tensor | None,
    ) -> dict[str, Tensor]:
        """The views; `levels`, where the whole image was resized anyway, spare the crop's own resizing."""
        shape = (3, geometry.size, geometry.size)
        if for_view is None or self.settings.student_view is None:
            clean = torch.empty(shape, dtype=torch.uint8 if self.settings.as_uint8 else torch.float32)
            if self.settings.as_uint8:
                write_crop_levels(clean, image, geometry, levels)
            else:
                write_crop(clean, image, geometry, *self._from_levels, levels)
            return {"pixel_values": clean}
        clean = torch.empty(shape, dtype=torch.float32)
        write_crop(clean, image, geometry, *self._to_unit, levels)
        strong = student_view(clean, drawn_student_view(self.settings.student_view, for_view))
        return {"pixel_values": self._finished(clean), "strong_pixel_values": self._finished(strong)}

    def _finished(self, pixels: Tensor) -> Tensor:
        """The pixels, from 0 to 1 and in memory of their own, as the settings want them."""
        if self.settings.as_uint8:
            return pixels.mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
        write_affine(pixels, pixels, *self._from_unit)
        return pixels

    def _target(self, sample: RawSample | Sample, geometry: CropGeometry) -> Target:
        settings = self.settings
        if settings.target is TargetKind.METRIC_DEPTH:
            whole = metric_target(sample, settings.min_depth_m, settings.max_depth_m)
            return Target(cut_label(whole.values, geometry), cut_label(whole.valid, geometry))
        cropped = with_cropped_maps(sample, geometry)
        if sample.kind is LabelKind.PSEUDO_LABEL:
            disparity = counting_disparity(cropped)
            if cropped.confidence is not None:
                disparity[cropped.confidence < lowest_confidence(settings.min_confidence)] = np.nan
            return stretched_target(disparity, AS_THEY_ARE)
        is_stretched = settings.target is TargetKind.MAP_NORMALISED_DISPARITY
        levels = level_range(sample) if is_stretched else None
        if levels is not None:
            return target_of_levels(cropped, levels)
        whole_range = disparity_range(sample)
        return stretched_target(counting_disparity(cropped), whole_range if is_stretched else AS_THEY_ARE)


def _generator(seed: int, place: int) -> np.random.Generator:
    """Generators of their own for the crop, 0, the view, 1, and the box, 2, so that none moves another's draws."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(place,)))


def _picture_of(sample: RawSample | Sample) -> NDArray[np.uint8]:
    return decode_picture(sample) if isinstance(sample, RawSample) else sample.image
