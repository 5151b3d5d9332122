"""Numbers that people write on command lines and into lists."""

from __future__ import annotations

import math


def number_in(text: str) -> float:
    """The number that a text is; NaN where it is none, so that one comparison refuses both."""
    try:
        return float(text)
    except ValueError:
        return math.nan
