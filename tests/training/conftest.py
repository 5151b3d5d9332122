"""A small corpus of one's own on the disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DEPTH_TREE_SIZE = (24, 32)


@pytest.fixture
def depth_tree(tmp_path: Path) -> Callable[..., Path]:
    """`depth_tree(num_samples)` writes images/ and depth/ with seeded noise, in folders of 100, and gives the root."""

    def write(num_samples: int, name: str = "tree") -> Path:
        root = tmp_path / name
        noise = np.random.default_rng(0)
        for number in range(num_samples):
            stem = f"{number // 100}/{number:04d}"
            for folder in ("images", "depth"):
                (root / folder / stem).parent.mkdir(parents=True, exist_ok=True)
            file = io.BytesIO()
            Image.fromarray(noise.integers(0, 256, (*DEPTH_TREE_SIZE, 3), np.uint8)).save(file, "JPEG")
            (root / f"images/{stem}.jpg").write_bytes(file.getvalue())
            depth = noise.uniform(0.5, 80, DEPTH_TREE_SIZE).astype(np.float32)
            depth[noise.random(DEPTH_TREE_SIZE) < 0.1] = 0
            np.save(root / f"depth/{stem}.npy", depth)
        return root

    return write
