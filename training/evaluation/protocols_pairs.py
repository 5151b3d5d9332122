"""Protocols for pairs of points: which of the two is nearer."""

from __future__ import annotations

from depth_anything.training.evaluation.protocol import PairProtocol

PAIR_PROTOCOLS = (
    PairProtocol(
        name="da_2k",
        data="da_2k",
        title="DA-2K",
        split="all pairs of annotations.json, in eight kinds of scenes",
        num_images=None,
        num_pairs=None,
        metric="pairwise_accuracy",
        source="DepthAnything/Depth-Anything-V2, DA-2K.md; arXiv:2406.09414, section 6",
        notes="Share of all pairs, not the mean over scenes. Values are compared and equal ones count as wrong: the "
        "nearer point is always the first. About 1,000 images and 2,000 pairs.",
    ),
    PairProtocol(
        name="diw",
        data="diw",
        title="DIW",
        split="74,441 test images, one pair each",
        num_images=74441,
        num_pairs=74441,
        metric="whdr",
        source="Chen et al., arXiv:1604.03901; DIW's README",
        notes="All weights 1. Pixels are row before column; one public reader takes columns first, by its own words "
        "a guess. Equal values count as wrong.",
    ),
)
