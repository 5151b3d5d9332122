"""Protocols for pairs of points: which of the two is nearer."""

from __future__ import annotations

from dataclasses import replace

from depth_anything.training.evaluation.protocol import PairProtocol

_DIW = PairProtocol(
    name="diw",
    data="diw",
    title="DIW",
    split="74,441 test images, one pair each",
    num_images=74441,
    num_pairs=74441,
    metric="whdr",
    source="Chen et al., arXiv:1604.03901; princeton-vl/relative_depth, test_model_on_DIW.lua",
    notes="All weights 1, rows before columns, and no margin: equal values count as wrong, all others as ordered.",
)

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
    _DIW,
    replace(
        _DIW,
        name="diw_columns_first",
        title="DIW, columns before rows",
        data_options={"order": "columns_first"},
        source="Ahmedjjj/midas_hkrm, datasets/diw.py, by its names; else as diw",
        notes="Believed to be wrong, and by its author's words a guess: DIW's own test script takes rows first, and "
        "so does the very code that these names are from where it looks points up. Points that come to lie outside "
        "of their pictures are not scored.",
    ),
)
