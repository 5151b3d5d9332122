"""CutMix: a box of each image is replaced by the same box of its partner, the other image of its pair.

The box of an example is drawn from the example's own generator, where it is made, and carried out later on the device
where the batch is. So boxes repeat on resume and do not depend on the number of processes; and as the images 2i and
2i + 1 of a batch are partners, halves of a batch on two processes have the pairs of the whole one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

MAX_AREA = 0.5  # larger boxes fit at so few places that drawing one takes hundreds of tries


@dataclass(frozen=True, kw_only=True)
class CutMixSettings:
    """How often CutMix is done, and the boxes.

    Source: Depth Anything, arXiv 2401.10891, section 3.2: CutMix with a probability of 50 %. It gives no box; these
        are UniMatch's, to which the authors refer (their issue 240): `obtain_cutmix_box` of
        github.com/LiheYoung/UniMatch, dataset/transform.py.
    """

    probability: float = field(default=0.5, metadata={"help": "share of unlabelled images that get a box"})
    min_area: float = field(default=0.02, metadata={"help": "smallest box, as a share of the crop"})
    max_area: float = field(default=0.4, metadata={"help": "largest box, as a share of the crop; at most 0.5"})
    min_aspect: float = field(default=0.3, metadata={"help": "smallest height of a box over its width"})
    max_aspect: float = field(default=1 / 0.3, metadata={"help": "largest height of a box over its width"})

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability is {self.probability!r}; it has to lie between 0 and 1")
        if not 0 < self.min_area <= self.max_area <= MAX_AREA:
            raise ValueError(
                f"min_area is {self.min_area!r} and max_area {self.max_area!r}; the first has to be above 0, the "
                f"second at least as large and at most {MAX_AREA}"
            )
        if not 0 < self.min_aspect <= 1 <= self.max_aspect < math.inf:
            raise ValueError(
                f"min_aspect is {self.min_aspect!r} and max_aspect {self.max_aspect!r}; "
                "the first has to be above 0 and at most 1, the second at least 1"
            )


class MixBox(NamedTuple):
    """A box in the pixels of a crop; all 0 where nothing is mixed."""

    top: int
    left: int
    height: int
    width: int

    def to_tensor(self) -> Tensor:
        """The four numbers, int32, (4,)."""
        return torch.tensor(self, dtype=torch.int32)


NO_BOX = MixBox(0, 0, 0, 0)


def drawn_box(size: int, settings: CutMixSettings, generator: np.random.Generator) -> MixBox:
    """A box at random, or `NO_BOX`.

    Area and aspect are uniform within their bounds, but aspects and places are drawn again until the box fits.

    Args:
        size: side of the crop in pixels.
        settings: of the boxes.
        generator: used for this box alone, for how many numbers are drawn depends on them.
    """
    if generator.random() >= settings.probability:
        return NO_BOX
    area = generator.uniform(settings.min_area, settings.max_area) * size * size
    while True:
        aspect = generator.uniform(settings.min_aspect, settings.max_aspect)
        height, width = (max(int(math.sqrt(sides)), 1) for sides in (area * aspect, area / aspect))
        top, left = generator.integers(size, size=2).tolist()
        if top + height <= size and left + width <= size:
            return MixBox(top, left, height, width)


def check_pairs(num_unlabelled: int) -> None:
    """Refuses batches in which an image would have no partner.

    Args:
        num_unlabelled: unlabelled images of one process and one step.

    Raises:
        ValueError: an odd number.
    """
    if num_unlabelled % 2:
        raise ValueError(
            f"num_unlabelled is {num_unlabelled} for each process; CutMix mixes pairs: set it to "
            f"{num_unlabelled + 1}, or switch CutMix off"
        )


def partner_of(values: Tensor) -> Tensor:
    """What each image's partner has; as `values`, (B, ...).

    Args:
        values: of a batch, (B, ...), B even.
    """
    return values.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


def inside_of(boxes: Tensor, size: int) -> Tensor:
    """The pixels of each box, bool, (B, size, size).

    Args:
        boxes: as `MixBox.to_tensor` gives them, (B, 4), on any device.
        size: side of the crops in pixels.
    """
    places = torch.arange(size, device=boxes.device)
    starts, lengths = boxes[:, :2, None], boxes[:, 2:, None]  # (B, 2, 1)
    rows, columns = ((places >= starts) & (places < starts + lengths)).unbind(1)  # (B, size) each
    return rows[:, :, None] & columns[:, None, :]


def mixed(values: Tensor, inside: Tensor | None) -> Tensor:
    """Each image's values, its partner's inside of the box; as `values`.

    Args:
        values: of any type, (B, H, W) or (B, C, H, W), B even.
        inside: bool, (B, H, W). None: the values as they are.
    """
    if inside is None:
        return values
    return torch.where(inside if values.ndim == 3 else inside[:, None], partner_of(values), values)
