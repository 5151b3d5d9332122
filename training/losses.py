"""Losses that need a teacher, a mask of two regions or a frozen encoder; the labelled ones are the model's own.

Every loss is a mean for each image and then over the images, so gradients do not depend on how images are spread over
processes; an image without anything to compare adds zero. Float32 inside autocast; pixels that are not valid are never
read. Shapes: B batch, H W pixels, P patches, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from depth_anything.loss_depth_anything import (
    MIN_DEVIATION,
    MIN_TARGET_DEVIATION,
    checked_mask,
    mean_absolute,
    multi_scale_gradient,
    normalize_disparity,
)

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
    difference = _normalised_by_region(pred, valid, inside, MIN_DEVIATION)
    difference = difference - _normalised_by_region(target, valid, inside, MIN_TARGET_DEVIATION)
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
    cosine = torch.nn.functional.cosine_similarity(features.float(), reference.float(), dim=2, eps=MIN_NORM)  # (B, P)
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
    ordered = values.masked_fill(~valid, torch.inf).flatten(1).sort(dim=1).values
    num_valid = valid.flatten(1).sum(1, keepdim=True)
    # Rounded down, but not to one pixel less because 1 - share is no exact number: 10 % of 10 pixels is one pixel.
    num_left_out = ((1 - share) * num_valid + 1e-6).long()
    largest = ordered.gather(1, (num_valid - num_left_out - 1).clamp(min=0))
    return valid & (values <= largest[:, :, None])


def _normalised_by_region(disparity: Tensor, valid: Tensor, inside: Tensor | None, min_deviation: float) -> Tensor:
    if inside is None:
        return normalize_disparity(disparity, valid, min_deviation)
    regions = (valid & inside, valid & ~inside)
    within, without = (normalize_disparity(disparity, region, min_deviation) for region in regions)
    return within + without  # each is zero where the other is not
