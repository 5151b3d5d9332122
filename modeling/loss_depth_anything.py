# Copyright 2026 The depth-anything maintainers. Licensed under the Apache License, Version 2.0.
"""Losses that `forward(labels=...)` returns. Float32 inside autocast; pixels that are not valid are never read.

Every loss divides each image by its own count of valid pixels and the batch by its number of images, so gradients do
not depend on how images are spread over processes. An image without a valid pixel adds zero.

Shapes: B batch, H W pixels.
"""

import torch
from torch import Tensor

from .compact_normalization import CompactDifference, CompactDistance
from .disparity_normalization import NormalizedDisparity

# The smallest mean absolute deviation that a prediction is divided by. It only has to keep a flat map from dividing by
# zero: 1e-4 was above the deviation of a freshly initialised network's output and stalled its training. A map as flat
# as that has a large gradient, which training should clip. A target needs no gradient and may have any scale.
MIN_DEVIATION = 1e-7
MIN_TARGET_DEVIATION = torch.finfo(torch.float32).tiny
MIN_DEVIATIONS = (MIN_DEVIATION, MIN_TARGET_DEVIATION)
MIN_DEPTH_M = 1e-6  # below it a predicted depth has no usable logarithm
NUM_SCALES = 4  # Source: MiDaS (arXiv 1907.01341) section 5, gradient matching at strides 1, 2, 4, 8


def affine_invariant_loss(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute difference of two maps that are each brought to zero median and unit mean absolute deviation.

    Args:
        pred: predicted disparity, any scale and shift; (B, H, W).
        target: disparity, any positive scale and any shift; (B, H, W).
        valid: pixels that count, bool, (B, H, W).

    Returns:
        Mean over the images, a scalar, float32.

    Source: Depth Anything, arXiv 2401.10891, section 3.1, equations 1-3. Differs: the median of an even count is the
        lower of the two middle values, as `torch.median` has it, and the prediction's deviation has a floor of 1e-7.
    """
    return normalized_distance(pred, target, checked_mask(pred, target, valid))


def gradient_matching_loss(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute gradient of the difference of two normalised maps, summed over four scales and two directions.

    A gradient counts where both of its pixels are valid; each image is divided by its own number of valid pixels at
    that scale.

    Args:
        pred: predicted disparity, any scale and shift; (B, H, W).
        target: disparity, any positive scale and any shift; (B, H, W).
        valid: pixels that count, bool, (B, H, W).

    Returns:
        Mean over the images, a scalar, float32.

    Source: MiDaS, arXiv 1907.01341, equation 11; Depth Anything V2, arXiv 2406.09414, section 7.1, adopts it.
        Differs: MiDaS' code divides the whole batch by all its valid pixels, which couples an image to its mates.
    """
    valid = checked_mask(pred, target, valid)
    return multi_scale_gradient(normalized_difference(pred, target, valid), valid)


def relative_depth_loss(pred: Tensor, target: Tensor, valid: Tensor, gradient_weight: float) -> Tensor:
    """`affine_invariant_loss` + `gradient_weight` x `gradient_matching_loss`, with the maps normalised once."""
    if not gradient_weight:
        return affine_invariant_loss(pred, target, valid)
    valid = checked_mask(pred, target, valid)
    difference = normalized_difference(pred, target, valid)
    return mean_absolute(difference, valid) + gradient_weight * multi_scale_gradient(difference, valid)


def silog_loss(pred: Tensor, target: Tensor, valid: Tensor, variance_focus: float = 0.5) -> Tensor:
    """Scale-invariant logarithmic error: sqrt(mean(e^2) - variance_focus * mean(e)^2) with e = ln target - ln pred.

    Args:
        pred: predicted depth in metres, (B, H, W).
        target: depth in metres, positive where valid, (B, H, W).
        valid: pixels that count, bool, (B, H, W).
        variance_focus: 0 is the root mean square of e, 1 ignores a common factor altogether.

    Returns:
        Mean over the images, a scalar, float32.

    Source: Eigen et al., arXiv 1406.2283, equation 4; lambda 0.5 and the root as in Depth Anything V2's metric code.
        Differs: that code takes the means over all pixels of the batch; here each image has its own.
    """
    valid = checked_mask(pred, target, valid)
    pred = torch.where(valid, pred.float(), 1.0).clamp(min=MIN_DEPTH_M)
    target = torch.where(valid, target.float(), 1.0)
    error = target.log() - pred.log()  # zero where not valid
    count = valid_count(valid)
    mean = error.sum((1, 2)) / count
    squared = error.square().sum((1, 2)) / count - variance_focus * mean.square()
    # The root's slope is infinite at zero: an exact image, or one without a valid pixel, must give zero, not NaN.
    is_positive = squared > 0
    return torch.where(is_positive, torch.where(is_positive, squared, 1.0).sqrt(), 0.0).mean()


def normalize_disparity(
    disparity: Tensor, valid: Tensor, min_deviation: float = MIN_DEVIATION, inside: Tensor | None = None
) -> Tensor:
    """Each map minus its median over its mean absolute deviation, both over valid pixels; zero elsewhere, float32.

    Where several pixels are the median, its gradient is spread over them evenly.

    Args:
        disparity: any scale and shift; (B, H, W).
        valid: pixels that count, bool, (B, H, W).
        min_deviation: floor of the deviation, in the unit of `disparity`.
        inside: divides each map into two regions, each of which is normalised by itself; bool, (B, H, W). None: one.

    Source: arXiv 2401.10891, section 3.1, equations 2-3.
    """
    normalized: Tensor = NormalizedDisparity.apply(disparity.float(), valid, inside, min_deviation)
    return normalized


def normalized_difference(pred: Tensor, target: Tensor, valid: Tensor, inside: Tensor | None = None) -> Tensor:
    """`normalize_disparity` of a prediction minus that of a target; zero where not valid, float32, (B, H, W).

    Args:
        pred: predicted disparity, any scale and shift; (B, H, W).
        target: disparity, any positive scale and any shift; (B, H, W).
        valid: pixels that count, bool, (B, H, W).
        inside: see `normalize_disparity`.
    """
    if goes_compactly(pred, target):
        difference: Tensor = CompactDifference.apply(pred.float(), target.float(), valid, inside, MIN_DEVIATIONS)
        return difference
    of_pred = normalize_disparity(pred, valid, MIN_DEVIATION, inside)
    return of_pred - normalize_disparity(target, valid, MIN_TARGET_DEVIATION, inside)


def normalized_distance(pred: Tensor, target: Tensor, valid: Tensor, inside: Tensor | None = None) -> Tensor:
    """`mean_absolute` of the `normalized_difference`, which takes the same arguments; a scalar, float32."""
    if goes_compactly(pred, target):
        distances: Tensor = CompactDistance.apply(pred.float(), target.float(), valid, inside, MIN_DEVIATIONS)
        return distances.mean()
    return mean_absolute(normalized_difference(pred, target, valid, inside), valid)


def goes_compactly(pred: Tensor, target: Tensor) -> bool:
    """Whether regions are gathered one by one: the faster way on a CPU, where sizes may follow from the data."""
    return pred.device.type == "cpu" and not (target.requires_grad or torch.compiler.is_compiling())


def mean_absolute(difference: Tensor, valid: Tensor) -> Tensor:
    """Mean over each image's valid pixels, then over the images, a scalar.

    Args:
        difference: of two maps, 0 where not valid; (B, H, W).
        valid: pixels that count, bool, (B, H, W).
    """
    return (difference.abs().sum((1, 2)) / valid_count(valid)).mean()


def multi_scale_gradient(difference: Tensor, valid: Tensor, inside: Tensor | None = None) -> Tensor:
    """Mean absolute gradient, summed over four scales and two directions, then the mean over the images, a scalar.

    Args:
        difference: of two normalised maps; (B, H, W).
        valid: pixels that count, bool, (B, H, W).
        inside: divides each map into two regions that were normalised apart; bool, (B, H, W). A gradient between
            pixels of different regions does not count. None: one region.
    """
    total = difference.new_zeros(())
    for scale in range(NUM_SCALES):
        stride = 2**scale
        coarse, mask = difference[:, ::stride, ::stride], valid[:, ::stride, ::stride]
        counts_across, counts_down = mask[:, :, 1:] & mask[:, :, :-1], mask[:, 1:] & mask[:, :-1]
        if inside is not None:
            region = inside[:, ::stride, ::stride]
            counts_across = counts_across & (region[:, :, 1:] == region[:, :, :-1])
            counts_down = counts_down & (region[:, 1:] == region[:, :-1])
        across = (coarse[:, :, 1:] - coarse[:, :, :-1]).abs() * counts_across
        down = (coarse[:, 1:] - coarse[:, :-1]).abs() * counts_down
        total = total + ((across.sum((1, 2)) + down.sum((1, 2))) / valid_count(mask)).mean()
    return total


def valid_count(valid: Tensor) -> Tensor:
    """Valid pixels of each image, at least 1, float32, (B,)."""
    return valid.sum((1, 2), dtype=torch.int32).clamp(min=1).float()


def checked_mask(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """The mask as it is.

    Raises:
        ValueError: maps of other shapes than the mask's, or a mask that is not bool.
    """
    if pred.ndim != 3 or pred.shape != target.shape or pred.shape != valid.shape:
        raise ValueError(
            "prediction, labels and valid mask must be (batch, height, width) of one shape, got "
            f"{tuple(pred.shape)}, {tuple(target.shape)} and {tuple(valid.shape)}"
        )
    if valid.dtype != torch.bool:
        raise ValueError(f"the valid mask must be bool, got {valid.dtype}; compare it with 0 or call .bool()")
    return valid
