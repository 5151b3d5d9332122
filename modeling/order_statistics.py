# Copyright 2026 The depth-anything maintainers. Licensed under the Apache License, Version 2.0.
"""The value at a rank among some of the pixels of each map, exactly, and without sorting all of them."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SAMPLE_SIZE = 8192  # values that narrow the search down; their sort costs nothing beside one pass over a map
SAMPLE_MARGIN = 3.0  # standard deviations of a sample's rank; beyond it the whole map is searched


def values_at_ranks(values: Tensor, counts: Tensor, ranks: Tensor, rank_if_all_count: int) -> Tensor:
    """The value of the given rank among the values that count, for each row; float32, (B,). No gradient.

    A rank may follow from the number of values that count only so: one more value raises it by at most one. Of a row
    in which nothing counts the result means nothing.

    Args:
        values: float32, (B, N); those that do not count may be anything.
        counts: bool, (B, N).
        ranks: from 0, of the smallest, below the number of values that count; int64, (B,).
        rank_if_all_count: the rank in a row all of whose values count.
    """
    values = values.detach()
    if values.device.type == "cpu" and not torch.compiler.is_compiling():
        # Nothing has to be waited for here, so sizes may follow from the data.
        rows = zip(values.numpy(), counts.numpy(), ranks.tolist(), strict=True)
        return torch.from_numpy(
            np.array(
                [value_at_rank(row if among.all() else row[among], rank) for row, among, rank in rows], np.float32
            )
        )
    num_values = values.shape[1]
    # What does not count is put below or above, so that the rank that is looked for is the same in all rows.
    num_below = rank_if_all_count - ranks  # (B,)
    left_out = ~counts
    is_below = left_out.cumsum(1, dtype=torch.int32) <= num_below[:, None]
    filled = torch.where(left_out, torch.where(is_below, -torch.inf, torch.inf), values)
    if torch.are_deterministic_algorithms_enabled():  # choosing has no deterministic kernel on CUDA, sorting has
        return filled.sort(dim=1).values[:, rank_if_all_count]
    return filled.kthvalue(min(rank_if_all_count, num_values - 1) + 1, dim=1).values


def value_at_rank(values: NDArray[np.float32], rank: int) -> np.float32:
    """The value of a rank: first bounds for it from a sample, then the choice among the few values between them.

    Args:
        values: any number, (n,); of none the result means nothing.
        rank: from 0, of the smallest.
    """
    if len(values) <= 2 * SAMPLE_SIZE:
        return np.partition(values, rank)[rank] if len(values) else np.float32(0)
    sample = np.sort(values[:: len(values) // SAMPLE_SIZE])
    share = rank / len(values)
    reach = 1 + SAMPLE_MARGIN * math.sqrt(len(sample) * share * (1 - share))
    lowest, highest = (int(share * len(sample) + step) for step in (-reach, reach))
    is_near = values >= sample[lowest] if lowest >= 0 else np.ones(len(values), bool)
    rank_in_near = rank - (len(values) - int(np.count_nonzero(is_near)))
    if highest < len(sample):
        is_near &= values <= sample[highest]
    if not 0 <= rank_in_near < np.count_nonzero(is_near):
        return np.float32(np.partition(values, rank)[rank])
    if lowest >= 0 and highest < len(sample) and sample[lowest] == sample[highest]:
        return np.float32(sample[lowest])  # much of the map is flat, where choosing among equals takes long
    near = values[np.flatnonzero(is_near)]  # faster than by the mask where it is nearly empty
    return np.float32(np.partition(near, rank_in_near)[rank_in_near])
