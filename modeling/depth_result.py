"""A depth map that knows what its numbers are."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray


class NonFiniteDepthError(ArithmeticError):
    """The network's output holds NaN or infinity."""


@dataclass(frozen=True, eq=False)
class DepthResult:
    """One depth map at the size of its image, upright by EXIF.

    Attributes:
        values: float32, (H, W); read it as `disparity` or `depth_m`, whose names say what it is.
        quantity: "disparity" (relative models) or "depth_m" (metric models).
        processed_size: height and width in pixels that the network saw.
    """

    values: NDArray[np.float32] = field(repr=False)
    quantity: Literal["disparity", "depth_m"]
    processed_size: tuple[int, int]

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return "m" if self.quantity == "depth_m" else "1/m up to unknown scale and shift"

    @property
    def disparity(self) -> NDArray[np.float32]:
        """Inverse depth up to an unknown scale and shift, larger is nearer; float32, (H, W).

        Raises:
            AttributeError: the model is metric.
        """
        if self.quantity != "disparity":
            raise AttributeError("a metric model predicts metres, not disparity: read depth_m")
        return self.values

    @property
    def depth_m(self) -> NDArray[np.float32]:
        """Depth in metres, larger is farther; float32, (H, W).

        Raises:
            AttributeError: the model is relative.
        """
        if self.quantity != "depth_m":
            raise AttributeError(
                "a relative model predicts disparity of unknown scale and shift, from which no metres follow: read "
                "disparity, or use a metric checkpoint"
            )
        return self.values
