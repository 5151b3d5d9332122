"""Agreement in order alone: which of two points is nearer."""

from __future__ import annotations

import torch
from torch import Tensor

from depth_anything.training.evaluation.scoring_rule import PredictionKind

# Pairs whose depths differ by less are left out of dense truth: sensors and people do not tell them apart.
MIN_DEPTH_RATIO = 1.1
NUM_PAIRS = 1000


def is_order_right(values: Tensor, is_first_nearer: Tensor, kind: PredictionKind) -> Tensor:
    """Whether a prediction puts the nearer point nearer; equal values, and those that are no number, are wrong.

    Args:
        values: predicted at both points, (K, 2).
        is_first_nearer: what people said, bool, (K,).
        kind: of the prediction; larger disparity and smaller depth are nearer.
    """
    first, second = values.unbind(dim=1)
    nearer, farther = torch.where(is_first_nearer, first, second), torch.where(is_first_nearer, second, first)
    return nearer > farther if kind is PredictionKind.RELATIVE_DISPARITY else nearer < farther


def pairwise_accuracy(values: Tensor, is_first_nearer: Tensor, kind: PredictionKind) -> Tensor:
    """Share of the pairs whose order is right, a float64 number; over all pairs of a benchmark, as DA-2K takes it.

    Source: Depth Anything V2, arXiv:2406.09414, section 6. Ties are wrong: the nearer point is always listed first, so
    an answer by default would be right.

    Args:
        values: predicted at both points, (K, 2).
        is_first_nearer: bool, (K,).
        kind: of the prediction.
    """
    return is_order_right(values, is_first_nearer, kind).double().mean()


def whdr(values: Tensor, is_first_nearer: Tensor, kind: PredictionKind, weights: Tensor | None = None) -> Tensor:
    """Weighted human disagreement rate: the weight of the pairs whose order is wrong over that of all pairs.

    There is no margin within which two values count as equal: DIW's own test takes the sign of their difference alone,
    for its labels know no ties, and a tie is wrong. (The margin of its authors' code is one of their test on NYU,
    whose labels know equal depth; it is of the difference too, and chosen on other images.)
    Source: DIW, arXiv:1604.03901, section 5, and princeton-vl/relative_depth, `src/experiment/test_model_on_DIW.lua`;
    MiDaS, arXiv:1907.01341, section 6, with all weights 1.

    Args:
        values: predicted at both points, (K, 2).
        is_first_nearer: bool, (K,).
        kind: of the prediction.
        weights: (K,), at least 0; None: 1 each.
    """
    is_wrong = (~is_order_right(values, is_first_nearer, kind)).double()
    weights = torch.ones_like(is_wrong) if weights is None else weights.double()
    return (weights * is_wrong).sum() / weights.sum()


def ordinal_accuracy(
    prediction: Tensor,
    depth_m: Tensor,
    valid: Tensor,
    kind: PredictionKind,
    generator: torch.Generator,
    *,
    num_pairs: int = NUM_PAIRS,
    min_depth_ratio: float = MIN_DEPTH_RATIO,
) -> Tensor:
    """Share of random pairs of pixels whose order is right, per image, (B,), float64; NaN of an image without a pair.

    Of each image `num_pairs` pairs are drawn: both points from its valid pixels, all equally likely and with return.
    Of these the pairs count whose larger true depth is at least `min_depth_ratio` times the smaller.

    Args:
        prediction: (B, H, W).
        depth_m: true depth, positive where valid; (B, H, W).
        valid: pixels that count; bool, (B, H, W).
        kind: of the prediction; larger disparity and smaller depth are nearer.
        generator: of the draws, on the CPU; images draw one after another.
        num_pairs: drawn per image.
        min_depth_ratio: above 1.

    Raises:
        ValueError: a ratio or a number of pairs out of range.
    """
    if not (min_depth_ratio > 1 and num_pairs >= 1):
        raise ValueError(
            f"min_depth_ratio is {min_depth_ratio!r} and num_pairs {num_pairs!r}; the ratio has to be above 1 and "
            "the number at least 1"
        )
    shares = []
    for values, truth, mask in zip(prediction, depth_m, valid, strict=True):
        values, truth = values[mask], truth[mask]
        if not len(truth):
            shares.append(torch.tensor(torch.nan, dtype=torch.float64, device=prediction.device))
            continue
        pairs = torch.randint(len(truth), (num_pairs, 2), generator=generator).to(truth.device)
        depths = truth[pairs].double()
        counts = depths.amax(1) >= min_depth_ratio * depths.amin(1)
        shares.append(pairwise_accuracy(values[pairs][counts], (depths[:, 0] < depths[:, 1])[counts], kind))
    return torch.stack(shares)
