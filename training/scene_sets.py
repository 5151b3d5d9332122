"""Rendered scenes held in memory: what `toy` and `ablate.py` train and evaluate on.

They see each scene several times; rendering it each time would cost more than the network does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.procedural import render_scene
from depth_anything.training.corpora.sample import LabelKind, Sample
from depth_anything.training.evaluation.frames import Frame, FrameSource
from depth_anything.training.scene_seeds import SceneRange

ROWS_PER_BLOCK = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneSet:
    """N scenes of one domain, S pixels wide and high.

    Attributes:
        domain: of the rendered corpus.
        keys: name of each scene.
        images: RGB, uint8, (N, S, S, 3).
        depth_m: metres, float32, (N, S, S); 0 where there is sky.
        sky: bool, (N, S, S).
    """

    domain: str
    keys: tuple[str, ...]
    images: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    sky: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def disparity(self) -> NDArray[np.float32]:
        """1 / metres, and 0 where there is sky; (N, S, S)."""
        return np.where(self.sky, np.float32(0), 1 / np.where(self.sky, np.float32(1), self.depth_m))


class _Scenes(Dataset[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]]):
    def __init__(self, domain: str, seed: int, indices: range, size: int) -> None:
        self.domain, self.seed, self.indices, self.size = domain, seed, indices, size

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
        scene = render_scene(self.domain, self.indices[position], size=(self.size, self.size), seed=self.seed)
        is_sky = scene.sky | ~np.isfinite(scene.depth_m)
        return scene.image, np.where(is_sky, np.float32(0), scene.depth_m), is_sky


def render_scene_set(
    scenes: SceneRange, domain: str, count: int, *, first: int = 0, size: int, num_workers: int
) -> SceneSet:
    """Scenes of a range, rendered side by side.

    Args:
        scenes: the range that serves the purpose.
        domain: one of the range's.
        count: how many scenes.
        first: position of the first one in the range.
        size: side in pixels.
        num_workers: processes that render; 0 renders in this one.

    Raises:
        ValueError: a domain that the range does not serve.
        IndexError: scenes beyond the range's end.
    """
    if domain not in scenes.domains:
        raise ValueError(f"domain is {domain!r}; these scenes are for {' and '.join(scenes.domains)}")
    indices = range(scenes.index(first), scenes.index(first + count - 1) + 1)
    loader = DataLoader(
        _Scenes(domain, scenes.seed, indices, size),
        batch_size=None,
        num_workers=num_workers,
        generator=torch.Generator(),  # torch draws a seed for its workers, from the global generator otherwise
    )
    images = np.empty((count, size, size, 3), np.uint8)
    depth_m = np.empty((count, size, size), np.float32)
    sky = np.empty((count, size, size), np.bool_)
    for position, arrays in enumerate(tqdm(loader, desc=f"render {domain}", unit="scene", leave=False)):
        images[position], depth_m[position], sky[position] = arrays
    return SceneSet(
        domain=domain, keys=tuple(f"{index:07d}" for index in indices), images=images, depth_m=depth_m, sky=sky
    )


class SceneFrames(FrameSource):
    """Scenes as frames of an evaluation; sky does not count, nor what is farther than the range."""

    def __init__(self, scenes: SceneSet, max_depth_m: float) -> None:
        self.scenes = scenes
        self.max_depth_m = max_depth_m

    def __len__(self) -> int:
        return len(self.scenes)

    def key(self, index: int) -> str:
        """Name of a scene."""
        return self.scenes.keys[index]

    def read(self, index: int) -> Frame:
        """The scene."""
        depth_m = self.scenes.depth_m[index]
        valid = ~self.scenes.sky[index] & (depth_m <= self.max_depth_m)
        return Frame(image=self.scenes.images[index], depth_m=depth_m, valid=valid, key=self.key(index))


class SceneBlocks(BlockSource):
    """Scenes as a corpus to train on, with their own depth or with what a teacher says.

    Args:
        scenes: the pictures, and the depth of labelled ones.
        pseudo_labels: a teacher's disparity, float32, (N, S, S), in place of the depth, which is then not looked at.
    """

    def __init__(self, scenes: SceneSet, pseudo_labels: NDArray[np.float32] | None = None) -> None:
        if pseudo_labels is not None and pseudo_labels.shape != scenes.depth_m.shape:
            raise ValueError(
                f"pseudo_labels are {pseudo_labels.shape} and the scenes {scenes.depth_m.shape}; give one for each"
            )
        self.corpus = f"procedural:{scenes.domain}"
        self.kind = LabelKind.METRIC_DEPTH if pseudo_labels is None else LabelKind.PSEUDO_LABEL
        self.scenes = scenes
        self.pseudo_labels = pseudo_labels
        starts = range(0, len(scenes), ROWS_PER_BLOCK)
        self.rows_per_block = np.diff([*starts, len(scenes)]).astype(np.int64)

    def read_block(self, block: int, rows: Sequence[int]) -> Iterator[Sample]:
        """The scenes as decoded samples."""
        for row in rows:
            index = block * ROWS_PER_BLOCK + row
            scenes = self.scenes
            if self.pseudo_labels is None:
                label, sky = scenes.depth_m[index], scenes.sky[index]
                valid = ~sky
            else:
                label, sky = self.pseudo_labels[index], None
                valid = np.isfinite(label)
            yield Sample(
                image=scenes.images[index],
                label=label,
                valid=valid,
                sky=sky,
                kind=self.kind,
                corpus=self.corpus,
                key=scenes.keys[index],
            )
