"""Random numbers of one scene, by name of what they decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")
Range = tuple[float, float]
BLOCK = 1024  # a scene takes 200 to 900 numbers; one call per number would cost as much as drawing the picture


class Draws:
    """Uniform numbers of a generator, taken from it in blocks."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._block: list[float] = []

    def unit(self) -> float:
        """A number in [0, 1)."""
        if not self._block:
            self._block = self._generator.random(BLOCK).tolist()
        return self._block.pop()

    def within(self, limits: Range) -> float:
        """A number between two limits."""
        low, high = limits
        return low + (high - low) * self.unit()

    def log_within(self, limits: Range) -> float:
        """A number between two positive limits, every factor equally likely."""
        low, high = limits
        return float(low * (high / low) ** self.unit())

    def either_side(self, size: float) -> float:
        """A number in [-size, size)."""
        return size * (2.0 * self.unit() - 1.0)

    def count(self, low: int, high: int) -> int:
        """A whole number, both limits included."""
        return low + int(self.unit() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Whether something with this probability happens."""
        return self.unit() < probability

    def pick(self, choices: Sequence[Choice]) -> Choice:
        """One of the choices."""
        return choices[int(self.unit() * len(choices))]
