"""A label as it is stored in 16 bits, turned into numbers no sooner than somebody knows which of its pixels count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOP_LEVEL = 65535


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredLabel:
    """The levels of a 16-bit picture and what they mean: `offset + scale * level` is the label, or its inverse.

    Attributes:
        levels: uint16 in either byte order, (H, W). Of the valid pixels the least has level 0 and the largest
            `TOP_LEVEL`, so that the label's range is known without a look at the pixels.
        scale: of one level; 0 where all valid pixels are alike.
        offset: of level 0.
        is_inverted: the levels count 1 / label, as depth is stored in even steps of disparity.
    """

    levels: NDArray[np.uint16]
    scale: float
    offset: float
    is_inverted: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        height, width = self.levels.shape
        return height, width

    def to_map(self, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The label, and 0 where it is not valid; (H, W)."""
        # The value of every level, once in float64: exact, and cheaper than sums in float32 for each pixel.
        values = self.offset + self.scale * np.arange(TOP_LEVEL + 1, dtype=np.float64)
        if self.is_inverted:
            with np.errstate(divide="ignore"):  # 0 only where no pixel is valid
                values = 1 / values
        # No level is ever clipped; but "clip" takes a third of the time of plain indexing.
        label = values.astype(np.float32).take(self.levels, mode="clip")
        label[~valid] = 0
        return label
