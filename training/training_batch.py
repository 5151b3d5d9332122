"""What a training task gets for one step: tensors on the device, and nothing left to draw or to look up."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class TrainingBatch:
    """The labelled images, the unlabelled images, or both, with all that the losses compare them with.

    Deliberately no container that PyTorch looks into: wrappers that cast a module's input to 16 bits would take the
    targets along. Shapes: L labelled and U unlabelled images, S side of the crop, P patches, C channels.
    """

    labelled_pixels: Tensor | None = None
    """Normalised, (L, 3, S, S); None where the step has no labelled images."""
    labels: Tensor | None = None
    """Disparity of any scale and shift, float32, (L, S, S)."""
    labels_valid: Tensor | None = None
    """Pixels whose labels count, bool, (L, S, S)."""
    student_pixels: Tensor | None = None
    """Normalised strong views, mixed, (U, 3, S, S); None where the step has no unlabelled images."""
    targets: Tensor | None = None
    """The teacher's disparity, mixed as the pixels, float32, (U, S, S)."""
    targets_valid: Tensor | None = None
    """Pixels whose targets count, bool, (U, S, S)."""
    inside: Tensor | None = None
    """Pixels that CutMix took from the partner, bool, (U, S, S); None where the step mixes nothing."""
    reference_features: Tensor | None = None
    """The frozen encoder's final features of the patches, (U, P, C); None without feature alignment."""

    @property
    def num_images(self) -> int:
        """Images of both kinds on this rank."""
        sides = (self.labelled_pixels, self.student_pixels)
        return sum(len(pixels) for pixels in sides if pixels is not None)
