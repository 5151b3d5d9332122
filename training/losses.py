"""Losses that need a teacher, a mask of two regions or a frozen encoder; the labelled ones are the model's own.

Every loss is a mean for each image and then over the images, so gradients do not depend on how images are spread over
processes; an image without anything to compare adds zero. Float32 inside autocast; pixels that are not valid are never
read. Shapes: B batch, H W pixels, P patches, C channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from depth_anything.loss_depth_anything import (
    checked_mask,
    mean_absolute,
    multi_scale_gradient,
    normalized_difference,
    normalized_distance,
)
from depth_anything.order_statistics import values_at_ranks

MIN_NORM = 1e-8  # of a feature vector; only keeps a zero vector, whose cosine is 0, from dividing by zero


def pseudo_label_loss(
    pred: Tensor,
    target: Tensor,
    valid: Tensor,
    inside: Tensor | None = None,
    *,
    gradient_weight: float = 0.0,
    trimmed_share: float = 0.0,
) -> Tensor:
    """The loss of predictions for mixed images against the teacher's maps, mixed alike.

    Inside and outside of the box each map is normalised over its own region, for it comes of another image, with its
    own scale and shift. The mean over all pixels that follows weighs each region by its area. With the defaults this
    is the loss of Depth Anything V1, and without a box it is `relative_depth_loss`.

    Trimmed pixels, which are found by the absolute difference, count in neither term: what looks like a false label
    shall steer the map's edges as little as its values. Their gradients to kept neighbours are left out, as with
    invalid pixels. Medians and deviations are those of all valid pixels.

    Args:
        pred: predicted disparity, any scale and shift; (B, H, W).
        target: the teacher's disparity, the partner's inside of the box; any positive scale, any shift; (B, H, W).
        valid: pixels that count, bool, (B, H, W).
        inside: pixels of the box, bool, (B, H, W). None: nothing is mixed.
        gradient_weight: of gradient matching beside the absolute difference, whose weight is 1; V2 has 2.
        trimmed_share: share of each image's valid pixels, those with the largest differences, that is ignored; rounded
            down to whole pixels. V2 has 0.1.

    Returns:
        Mean over the images, a scalar, float32.

    Raises:
        ValueError: tensors of different shapes, or a mask that is not bool.

    Source: Depth Anything, arXiv 2401.10891, section 3.2, equations 5-8; Depth Anything V2, arXiv 2406.09414, sections
        5 and 7.1; the trimming as its authors give it (issue 108 of its repository): L[L < v].mean() for each image.
        Differs: with invalid pixels the areas are those of the valid ones; pixels equal to the largest kept one stay.
    """
    valid = checked_mask(pred, target, valid)
    if inside is not None:
        inside = checked_mask(pred, target, inside)
    if not (gradient_weight or trimmed_share):
        return normalized_distance(pred, target, valid, inside)
    difference = normalized_difference(pred, target, valid, inside)
    if trimmed_share:
        valid = valid & within_lower_share(difference.detach().abs(), valid, 1 - trimmed_share)
        difference = torch.where(valid, difference, 0.0)
    loss = mean_absolute(difference, valid)
    if gradient_weight:
        loss = loss + gradient_weight * multi_scale_gradient(difference, valid, inside)
    return loss


def feature_alignment_loss(features: Tensor, reference: Tensor, margin: float) -> Tensor:
    """One minus the mean cosine of two encoders' features over those patches that are not yet alike.

    Args:
        features: the student's, in the width of the reference, (B, P, C); without the class token.
        reference: the frozen encoder's, (B, P, C).
        margin: patches whose cosine is above it are left out.

    Returns:
        Mean over the images, a scalar, float32; an image without a patch left adds zero.

    Raises:
        ValueError: features of different shapes.

    Source: Depth Anything, arXiv 2401.10891, section 3.3, equation 9, with the margin as its authors corrected it
        (issue 80 of its repository): a patch stops to count when its similarity exceeds 0.85.
    """
    if features.ndim != 3 or features.shape != reference.shape:
        raise ValueError(
            "the student's and the frozen encoder's features must be (batch, patches, channels) of one shape, got "
            f"{tuple(features.shape)} and {tuple(reference.shape)}; a linear projection brings them to one width"
        )
    cosine: Tensor = CosineWithFrozen.apply(features.float(), reference.float())  # (B, P)
    counts = cosine.detach() <= margin
    distance = torch.where(counts, 1 - cosine, 0.0)
    return (distance.sum(1) / counts.sum(1).clamp(min=1)).mean()


def within_lower_share(values: Tensor, valid: Tensor, share: float) -> Tensor:
    """Valid pixels among the lower `share` of their image's, ties with the largest of them included; bool, (B, H, W).

    Args:
        values: to compare, (B, H, W).
        valid: pixels that count, bool, (B, H, W).
        share: 0 to 1; what is left out is rounded down to whole pixels, so one valid pixel at least is kept.
    """
    trimmed_per_million = round((1 - share) * 1_000_000)  # whole numbers: 10 % of 10 pixels is one on every device
    num_valid, num_pixels = valid.sum((1, 2)), values[0].numel()
    ranks = (num_valid - num_valid * trimmed_per_million // 1_000_000 - 1).clamp(min=0)
    rank_if_all_count = num_pixels - num_pixels * trimmed_per_million // 1_000_000 - 1
    largest = values_at_ranks(values.float().flatten(1), valid.flatten(1), ranks, rank_if_all_count)
    return valid & (values <= largest[:, None, None])


class CosineWithFrozen(torch.autograd.Function):
    """The cosine of each vector with that of a frozen network, with a gradient of two passes over the vectors.

    With c = f r / (|f| |r|) the gradient of f is (r / |r| - c f / |f|) / |f| times that of c.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, reference: Tensor) -> Tensor:
        """The cosines, (B, P), of float32 vectors, (B, P, C); 0 of a zero vector."""
        length, of_reference = (
            torch.linalg.vector_norm(vectors, dim=2).clamp(min=MIN_NORM) for vectors in (features, reference)
        )
        cosine = (features * reference).sum(2) / (length * of_reference)
        ctx.save_for_backward(features, reference, cosine, length, of_reference)
        return cosine

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The gradient of the features."""
        features, reference, cosine, length, of_reference = ctx.saved_tensors
        of_cosine = gradient / length
        along_reference = reference * (of_cosine / of_reference)[:, :, None]
        return along_reference.addcmul_(features, (-of_cosine * cosine / length)[:, :, None]), None
