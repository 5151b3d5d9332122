# Copyright 2026 The depth-anything maintainers. Licensed under the Apache License, Version 2.0.
"""The released encoders and decoders as fields of `DepthAnythingConfig`."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Widths and depths of one size; `spread_blocks` are the 0-based blocks that V2 reads, as its code prints them."""

    hidden_size: int
    num_layers: int
    num_heads: int
    neck_sizes: tuple[int, ...]
    fusion_size: int
    spread_blocks: tuple[int, ...]


# Source: Depth Anything V2, depth_anything_v2/dpt.py and dinov2.py.
ARCHITECTURES = {
    "small": Architecture(
        hidden_size=384,
        num_layers=12,
        num_heads=6,
        neck_sizes=(48, 96, 192, 384),
        fusion_size=64,
        spread_blocks=(2, 5, 8, 11),
    ),
    "base": Architecture(
        hidden_size=768,
        num_layers=12,
        num_heads=12,
        neck_sizes=(96, 192, 384, 768),
        fusion_size=128,
        spread_blocks=(2, 5, 8, 11),
    ),
    "large": Architecture(
        hidden_size=1024,
        num_layers=24,
        num_heads=16,
        neck_sizes=(256, 512, 1024, 1024),
        fusion_size=256,
        spread_blocks=(4, 11, 17, 23),
    ),
    "giant": Architecture(
        hidden_size=1536,
        num_layers=40,
        num_heads=24,
        neck_sizes=(1536, 1536, 1536, 1536),
        fusion_size=384,
        spread_blocks=(9, 19, 29, 39),
    ),
}


def architecture_fields(size: str, version: int) -> dict[str, Any]:
    """Fields of `DepthAnythingConfig` for a released size, the encoder's as a dict under `backbone_config`.

    Args:
        size: a key of `ARCHITECTURES`.
        version: 1 reads the last four blocks of the encoder, 2 reads four spread ones.

    Raises:
        ValueError: an unknown size or version.
    """
    if size not in ARCHITECTURES:
        raise ValueError(f"size {size!r} is not known; choose one of {', '.join(ARCHITECTURES)}")
    if version not in (1, 2):
        raise ValueError(f"version {version!r} is not known; choose 1 (last four blocks) or 2 (spread blocks)")
    released = ARCHITECTURES[size]
    num_layers = released.num_layers
    blocks = released.spread_blocks if version == 2 else range(num_layers - 4, num_layers)
    return {
        "backbone_config": {
            "model_type": "dinov2",
            "image_size": 518,
            "patch_size": 14,
            "hidden_size": released.hidden_size,
            "num_hidden_layers": num_layers,
            "num_attention_heads": released.num_heads,
            "use_swiglu_ffn": size == "giant",
            "out_indices": [block + 1 for block in blocks],
            "reshape_hidden_states": False,
        },
        "reassemble_hidden_size": released.hidden_size,
        "neck_hidden_sizes": list(released.neck_sizes),
        "fusion_hidden_size": released.fusion_size,
    }
