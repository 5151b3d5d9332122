"""From the network's map to one at the size of the image."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .resize_geometry import padding_to_multiple

UPSAMPLING_MODES = ("bilinear", "bicubic", "nearest")


def checked_target_sizes(target_sizes: Any, num_maps: int) -> list[tuple[int, int]]:
    """One (height, width) for each map.

    Args:
        target_sizes: pairs of whole numbers in a list, array or tensor.
        num_maps: how many are needed.

    Raises:
        ValueError: for something that is no list of pairs, a side below 1, or another number of pairs.
    """
    allowed = "pass one (height, width) in pixels for each map, such as [(480, 640)] for one"
    try:
        listed = list(target_sizes)
    except TypeError as reason:
        raise ValueError(f"target_sizes is {target_sizes!r}; {allowed}") from reason
    sizes = []
    for position, pair in enumerate(listed):
        try:
            height, width = (int(side) for side in pair)
        except (TypeError, ValueError, OverflowError) as reason:
            raise ValueError(f"target_sizes[{position}] is {pair!r}; {allowed}") from reason
        if height < 1 or width < 1:
            raise ValueError(f"target_sizes[{position}] is {(height, width)}; each side has to be at least 1")
        sizes.append((height, width))
    if len(sizes) != num_maps:
        raise ValueError(f"target_sizes holds {len(sizes)} sizes for {num_maps} maps; pass one for each map")
    return sizes


def upsampled_depth(depth: Tensor, size: tuple[int, int], mode: str, align_corners: bool) -> Tensor:
    """The maps at another size.

    Args:
        depth: disparity or metres, float32, (B, h, w).
        size: (height, width) to bring them to.
        mode: "bilinear" (what the official code uses); "bicubic", limited to each map's own smallest and largest
            value, so that it neither overshoots nor falls below zero; or "nearest".
        align_corners: match the centres of the corner pixels, not their outer corners; "nearest" has no use for it.

    Returns:
        float32, (B, height, width).
    """
    if mode == "nearest":
        return F.interpolate(depth[:, None], size=size, mode="nearest-exact")[:, 0]
    resized = F.interpolate(depth[:, None], size=size, mode=mode, align_corners=align_corners)[:, 0]
    if mode == "bicubic":
        low, high = depth.amin(dim=(1, 2), keepdim=True), depth.amax(dim=(1, 2), keepdim=True)
        resized = torch.clamp(resized, low, high)
    return resized


def without_padding(depth: Tensor, image_size: tuple[int, int], multiple: int) -> Tensor:
    """The part of a padded map that shows the image: a view, (H, W).

    Args:
        depth: map of the padded image, (h, w).
        image_size: (H, W) of the image before it was padded.
        multiple: what it was padded to a multiple of.

    Raises:
        ValueError: if an image of that size is not padded to the map's size.
    """
    top, bottom, left, right = padding_to_multiple(image_size, multiple)
    height, width = image_size
    padded_size = top + height + bottom, left + width + right
    if tuple(depth.shape) != padded_size:
        raise ValueError(
            f"target size {image_size} is padded to {padded_size}, but the map is {tuple(depth.shape)}; with "
            "resize_method='pad' target_sizes has to hold the sizes of the images as they were given"
        )
    return depth[top : top + height, left : left + width]
