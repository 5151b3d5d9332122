"""The strong view that a student learns from: colour jitter, greyscale and blur, which move no pixel.

A view is drawn first, as a plan of plain numbers, and carried out afterwards, so that what was drawn can be looked at
and repeated. CutMix mixes two images of a batch and is no part of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_anything.filter_taps import Taps
from depth_anything.resampling import summed_rows, sums_of, transposed

GREY_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green and blue in ITU-R BT.601's luma, as in Pillow's "L"
BLUR_REACH = 3.0  # standard deviations; what lies beyond weighs 0.3 %
ADJUSTMENTS = ("brightness", "contrast", "saturation", "hue")


@dataclass(frozen=True, kw_only=True)
class StudentViewSettings:
    """How strong the strong view is.

    Source: Depth Anything, arXiv:2401.10891, section 3.2, names colour jittering and Gaussian blurring and gives no
        strengths; these are UniMatch's, to which the authors refer (their issue 240): github.com/LiheYoung/UniMatch,
        dataset/semi.py and dataset/transform.py.
    """

    jitter_probability: float = field(default=0.8, metadata={"help": "share of views whose colours are changed"})
    brightness: float = field(default=0.5, metadata={"help": "brightness is multiplied by 1 - this to 1 + this"})
    contrast: float = field(default=0.5, metadata={"help": "contrast is multiplied by 1 - this to 1 + this"})
    saturation: float = field(default=0.5, metadata={"help": "saturation is multiplied by 1 - this to 1 + this"})
    hue: float = field(default=0.25, metadata={"help": "hue is turned by up to this share of the colour circle"})
    grey_probability: float = field(default=0.2, metadata={"help": "share of views that lose their colours"})
    blur_probability: float = field(default=0.5, metadata={"help": "share of views that are blurred"})
    min_blur_sigma: float = field(default=0.1, metadata={"help": "smallest standard deviation of the blur, in pixels"})
    max_blur_sigma: float = field(default=2.0, metadata={"help": "largest standard deviation of the blur, in pixels"})

    def __post_init__(self) -> None:
        for setting in fields(self):
            value, limit = getattr(self, setting.name), 0.5 if setting.name == "hue" else 1.0
            if not setting.name.endswith("_sigma") and not 0 <= value <= limit:
                raise ValueError(f"{setting.name} is {value!r}; it has to lie between 0 and {limit:g}")
        if not 0 < self.min_blur_sigma <= self.max_blur_sigma < math.inf:
            raise ValueError(
                f"min_blur_sigma is {self.min_blur_sigma!r} and max_blur_sigma {self.max_blur_sigma!r}; "
                "the first has to be above 0 and the second at least as large, in pixels"
            )


class StudentView(NamedTuple):
    """What was drawn for one view."""

    adjustments: tuple[tuple[str, float], ...]  # in the order in which they are made; none where colours stay
    is_grey: bool
    blur_sigma: float | None  # in pixels; None: not blurred


def drawn_student_view(settings: StudentViewSettings, generator: np.random.Generator) -> StudentView:
    """One view at random; the same count of numbers is drawn whatever the settings and the outcome."""
    has_jitter, is_grey, is_blurred, *shares, blur_share = generator.random(8).tolist()
    order = generator.random(len(ADJUSTMENTS)).argsort().tolist()
    amounts = []
    for name, share in zip(ADJUSTMENTS, shares, strict=True):
        reach = (2 * share - 1) * getattr(settings, name)
        amounts.append((name, reach if name == "hue" else 1 + reach))
    sigma = settings.min_blur_sigma + blur_share * (settings.max_blur_sigma - settings.min_blur_sigma)
    return StudentView(
        tuple(amounts[position] for position in order) if has_jitter < settings.jitter_probability else (),
        is_grey < settings.grey_probability,
        sigma if is_blurred < settings.blur_probability else None,
    )


def student_view(image: Tensor, view: StudentView) -> Tensor:
    """The image as the student sees it, 0 to 1, (3, H, W), float32, in memory of its own.

    Args:
        image: RGB from 0 to 1, float32, (3, H, W); what bicubic resizing let pass these bounds is cut off.
        view: what to do.

    Differs: UniMatch takes torchvision's steps on 8-bit pictures, each ending in whole grey levels, and Pillow's
        `GaussianBlur`, three box filters that come near a Gaussian; here nothing is rounded and the Gaussian is one.
    """
    image = image.clamp(0, 1)
    for name, amount in view.adjustments:
        image = adjusted(image, name, amount)
    if view.is_grey:
        image = grey_of(image).expand(3, -1, -1).contiguous()
    return image if view.blur_sigma is None else blurred(image, view.blur_sigma)


def adjusted(image: Tensor, name: str, amount: float) -> Tensor:
    """The image with one property of its colours changed, from 0 to 1.

    Args:
        image: RGB from 0 to 1, float32, (3, H, W).
        name: one of `ADJUSTMENTS`.
        amount: of "hue" the turn as a share of the colour circle, -0.5 to 0.5; of the others the factor, where 1
            changes nothing and 0 gives black, the mean grey, and each pixel's own grey.

    Source: the definitions of `PIL.ImageEnhance` and of torchvision's `ColorJitter`.
    """
    if name == "hue":
        return with_turned_hue(image, amount)
    if name == "brightness":
        return (image * amount).clamp_(0, 1)
    grey = grey_of(image)
    origin = grey.mean() if name == "contrast" else grey
    return torch.lerp(origin.expand_as(image), image, amount).clamp_(0, 1)


def grey_of(image: Tensor) -> Tensor:
    """The luma of an RGB image, (1, H, W)."""
    red, green, blue = GREY_WEIGHTS
    return (image[:1] * red).add_(image[1:2], alpha=green).add_(image[2:], alpha=blue)


def with_turned_hue(image: Tensor, turn: float) -> Tensor:
    """The image with its hue turned and its value and saturation, in the sense of HSV, kept.

    Args:
        image: RGB from 0 to 1, float32, (3, H, W).
        turn: share of the colour circle.
    """
    largest = image.amax(0)
    chroma = largest - image.amin(0)
    red, green, blue = image
    per_chroma = 1 / chroma.clamp(min=torch.finfo(chroma.dtype).tiny)  # grey has no hue: any does for it
    hue = torch.where(largest == green, (blue - red) * per_chroma + 2, (red - green) * per_chroma + 4)
    hue = torch.where(largest == red, (green - blue) * per_chroma, hue).add_(6 * turn)  # in sixths of the circle
    hue.sub_(hue.div(6).round_().mul_(6))  # -3 to 3
    turned = torch.empty_like(image)
    for channel, centre in enumerate((0, 2, 4)):  # red, green and blue have their own hues there
        # A channel has all of the chroma up to one sixth from its own hue, and lacks all of it beyond two.
        to_opposite = (hue - centre).abs_().sub_(3).abs_()  # sixths to the opposite hue
        torch.sub(largest, to_opposite.neg_().add_(2).clamp_(0, 1).mul_(chroma), out=turned[channel])
    return turned


def blurred(image: Tensor, sigma: float) -> Tensor:
    """The image under a Gaussian, whose border pixels go on beyond the border; (C, H, W), float32.

    Args:
        image: float32, (C, H, W).
        sigma: standard deviation, in pixels; the kernel ends at `BLUR_REACH` of it.
    """
    num_channels, height, width = image.shape
    reach = math.ceil(BLUR_REACH * sigma)
    gaussian = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (gaussian / gaussian.sum()).astype(np.float32)
    down, along = _around(height, kernel), _around(width, kernel)
    blurred_rows = torch.stack([summed_rows(channel, sums_of(down)) for channel in image])  # (C, H, W)
    columns = transposed(blurred_rows.view(-1, width))  # (W, C * H)
    return transposed(summed_rows(columns, sums_of(along))).view(num_channels, height, width)


def _around(num_samples: int, kernel: NDArray[np.float32]) -> Taps:
    """The taps of a kernel around each sample of an axis, held within the axis."""
    offsets = np.arange(len(kernel)) - len(kernel) // 2
    indices = (np.arange(num_samples)[:, None] + offsets).clip(0, num_samples - 1)
    return Taps(indices, np.broadcast_to(kernel, indices.shape))
