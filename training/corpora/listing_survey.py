"""A first look at a corpus: how many items there are, and some of them from everywhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from depth_anything.training.corpora.reader import Item


class Survey(NamedTuple):
    """What a listing has shown.

    Attributes:
        num_items: in the corpus; None for one stream, which would have to be read whole to be counted.
        spread: items at even distances, in order; the first ones of a stream.
    """

    num_items: int | None
    spread: list[Item]


def survey_items(items: Iterator[Item], num_spread: int) -> Survey:
    """The count and a sample of the items, in memory for twice `num_spread` of them.

    Args:
        items: of a reader.
        num_spread: items to keep, fewer than twice as many.
    """
    spread: list[Item] = []
    num_items, stride = 0, 1
    for item in items:
        if num_items == 0 and item.is_sequential:
            return Survey(None, [item, *itertools.islice(items, num_spread - 1)])
        if num_items % stride == 0:
            spread.append(item)
        num_items += 1
        if len(spread) == 2 * num_spread:
            spread, stride = spread[::2], 2 * stride
    return Survey(num_items, spread)
