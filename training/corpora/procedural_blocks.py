"""The rendered corpus in blocks: no files, no end that training reaches, ready for the stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.sample import LabelKind, Sample

UNLABELLED_DOMAIN = "unlabelled"


class ProceduralBlocks(BlockSource):
    """Scenes of one domain, rendered when they are asked for; the unlabelled domain gives pictures alone.

    Args:
        domain: one of `procedural.DOMAINS`.
        num_scenes: scenes in one pass.
        size: height and width of the pictures, in pixels.
        seed: another seed renders other scenes.
        rows_per_block: scenes in a block.
    """

    def __init__(
        self,
        domain: str,
        *,
        num_scenes: int = 1_000_000,
        size: tuple[int, int] = (224, 224),
        seed: int = 0,
        rows_per_block: int = 32,
    ) -> None:
        for name, value in (("num_scenes", num_scenes), ("rows_per_block", rows_per_block)):
            if value < 1:
                raise ValueError(f"{name} is {value}, must be 1 or more")
        self.corpus = f"procedural:{domain}"
        self.kind = LabelKind.NONE if domain == UNLABELLED_DOMAIN else LabelKind.METRIC_DEPTH
        self.domain = domain
        self.size = size
        self.seed = seed
        self._block_starts = range(0, num_scenes, rows_per_block)
        self.rows_per_block = np.full(len(self._block_starts), rows_per_block, np.int64)
        self.rows_per_block[-1] = num_scenes - self._block_starts[-1]

    def read_block(self, block: int, rows: Sequence[int]) -> Iterator[Sample]:
        """The scenes as decoded samples."""
        for row in rows:
            yield self._render(self._block_starts[block] + row)

    def _render(self, index: int) -> Sample:
        from depth_anything.training.corpora.procedural import render_scene  # tables that only a renderer needs

        scene = render_scene(self.domain, index, size=self.size, seed=self.seed)
        key = f"{index:07d}"
        if self.kind is LabelKind.NONE:
            return Sample(image=scene.image, kind=self.kind, corpus=self.corpus, key=key)
        valid = ~scene.sky & np.isfinite(scene.depth_m)
        return Sample(
            image=scene.image,
            label=np.where(valid, scene.depth_m, np.float32(0)),
            valid=valid,
            sky=scene.sky,
            kind=self.kind,
            corpus=self.corpus,
            key=key,
        )
