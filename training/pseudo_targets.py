"""What a student learns from where nothing is labelled: a teacher's maps, live or stored, cut like its own view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from depth_anything.training.augmentation import TeacherView
from depth_anything.training.corpora.sample import TOP_CONFIDENCE, lowest_confidence
from depth_anything.training.crop_geometry import cut_map
from depth_anything.training.pseudo_labels import PseudoLabel

PIXELS = {TeacherView.WHOLE: "whole_pixel_values", TeacherView.CROP: "pixel_values"}  # what the teacher sees


class PseudoTargets(NamedTuple):
    """Targets of the unlabelled side of a batch.

    Attributes:
        values: disparity of any scale and shift, 0 where there is sky or no target; float32, (B, S, S).
        valid: pixels that count; bool, (B, S, S).
    """

    values: Tensor
    valid: Tensor


class Labeller(Protocol):
    """What is needed of a `Teacher`."""

    def label(self, images: Sequence[Tensor] | Tensor) -> list[PseudoLabel]:
        """See `Teacher.label`."""


class LiveTargets:
    """Targets by a live teacher.

    Args:
        teacher: frozen.
        view: what the teacher sees, as the transform was told; `WHOLE` gives the targets of stored pseudo labels.
        min_confidence: pixels with less do not count; above 0 only with a teacher that has confidence.

    Raises:
        ValueError: a confidence that is not between 0 and 1.
    """

    def __init__(
        self, teacher: Labeller, *, view: TeacherView = TeacherView.WHOLE, min_confidence: float = 0.0
    ) -> None:
        if not 0 <= min_confidence <= 1:
            raise ValueError(f"min_confidence is {min_confidence!r}; it has to lie between 0 and 1")
        self.teacher = teacher
        self.view = TeacherView(view)
        self.min_confidence = min_confidence

    def __call__(self, side: Mapping[str, Tensor | list[Tensor]]) -> PseudoTargets:
        """The targets of the unlabelled side.

        Args:
            side: as `stack_sides` gives it, on the teacher's device or on its way there.

        Raises:
            ValueError: the side lacks what the teacher sees, or the teacher gives no confidence and one is asked for.
        """
        name = PIXELS[self.view]
        if name not in side:
            raise ValueError(
                f"the unlabelled side has no {name}, only {', '.join(side)}; make its transform with "
                f"teacher_view={self.view.value!r}"
            )
        labels = self.teacher.label(side[name])
        if self.view is TeacherView.WHOLE:
            geometries = torch.as_tensor(side["geometry"]).cpu()
            targets = [self._target(label, geometry) for label, geometry in zip(labels, geometries, strict=True)]
        else:
            targets = [self._target(label, None) for label in labels]
        values, valid = (torch.stack(maps) for maps in zip(*targets, strict=True))
        return PseudoTargets(values, valid)

    def _target(self, label: PseudoLabel, geometry: Tensor | None) -> tuple[Tensor, Tensor]:
        """Values and mask of one crop, (S, S); of a whole map where there is no geometry."""
        disparity, confidence = label.disparity, label.confidence
        if self.min_confidence and confidence is None:
            raise ValueError("min_confidence is set and the teacher gives no confidence; make it with has_confidence")
        if geometry is not None:
            disparity = cut_map(disparity, geometry)
            confidence = None if confidence is None else cut_map(confidence, geometry)
        valid = disparity.isfinite()
        if confidence is not None:
            valid = valid & (confidence * TOP_CONFIDENCE > lowest_confidence(self.min_confidence) - 0.5)
        return torch.where(valid, disparity, 0.0), valid


def stored_targets(side: Mapping[str, Tensor | list[Tensor]]) -> PseudoTargets:
    """The targets of an unlabelled side that was labelled before, by `label_corpus`.

    Args:
        side: as `stack_sides` gives it; low confidence was masked by the transform.

    Raises:
        ValueError: the side has no labels.
    """
    values, valid = side.get("labels"), side.get("valid_mask")
    if not isinstance(values, Tensor) or not isinstance(valid, Tensor):
        raise ValueError(f"the unlabelled side has no labels, only {', '.join(side)}; give a live teacher")
    return PseudoTargets(values, valid)
