"""How well disparity fits frames with depth: three figures, the same for networks and for trivial baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.evaluation.frames import Frame, FrameSource
from depth_anything.training.evaluation.scoring import score_images
from depth_anything.training.evaluation.scoring_rule import Alignment, PredictionKind, ScoringRule

MAX_DEPTH_M = 80.0  # as in KITTI's protocols; what is farther has hardly any disparity
RULE = ScoringRule(alignment=Alignment.SCALE_SHIFT_DISPARITY, min_depth_m=1e-3, max_depth_m=MAX_DEPTH_M)
NUM_PAIRS = 1000  # of each frame
MIN_DEPTH_RATIO = 1.1  # of a pair; closer ones are a matter of the sensor

# Frames of one size that are predicted and scored together: small ones in a third of the time of one by one.
MAX_BATCH = 16
MAX_BATCH_PIXELS = 2**20  # large frames come one by one, for the memory

Predictor = Callable[[Sequence[NDArray[np.uint8]], tuple[int, int]], Tensor]
"""From N pictures of one size, each (h, w, 3), and the size of their depth to disparity, float32, (N, H, W).

Its scale and shift are any, and others in each map.
"""


@dataclass(frozen=True, kw_only=True)
class FrameScores:
    """Means over frames.

    Attributes:
        abs_rel: |predicted - true| / true depth, after least-squares scale and shift in disparity.
        delta1: share of pixels whose ratio of depths is below 1.25, after the same.
        ordinal: share of pairs of pixels in the right order, see `ordinal_accuracy`.
        num_frames: that were scored.
        left_out: why others could not be read, one line each.
    """

    abs_rel: float
    delta1: float
    ordinal: float
    num_frames: int
    left_out: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[float, float, float]:
        """AbsRel, 1 - delta1, 1 - ordinal accuracy: smaller is better in all."""
        return self.abs_rel, 1 - self.delta1, 1 - self.ordinal


@torch.no_grad()
def frame_scores(predict: Predictor, frames: FrameSource) -> FrameScores:
    """The mean scores of a predictor.

    Args:
        predict: the network or baseline.
        frames: with depth in metres; those that cannot be read are left out and named in the result.

    Raises:
        ValueError: no frame can be read.
    """
    rows: list[tuple[float, float, float]] = []
    left_out: list[str] = []
    for batch in _batches(frames, left_out):
        rows += _scores_of(predict, batch)
    if not rows:
        raise ValueError(f"none of {len(frames)} frames can be read, the first because of {left_out[0]}")
    abs_rel, delta1, ordinal = np.mean(rows, 0).tolist()
    return FrameScores(abs_rel=abs_rel, delta1=delta1, ordinal=ordinal, num_frames=len(rows), left_out=tuple(left_out))


def _batches(frames: FrameSource, left_out: list[str]) -> Iterator[dict[int, Frame]]:
    """Neighbours of one size, by their places; what cannot be read is told to `left_out`."""
    batch: dict[int, Frame] = {}
    sizes: tuple[tuple[int, ...], ...] | None = None
    for index in tqdm(range(len(frames)), desc="score", unit="frame", leave=False):
        try:
            frame = frames.read(index)
        except SampleError as error:
            left_out.append(f"{frames.key(index)}: {error}")
            continue
        before, sizes = sizes, (frame.image.shape, frame.depth_m.shape)
        if batch and (sizes != before or len(batch) == _capacity(frame)):
            yield batch
            batch = {}
        batch[index] = frame
    if batch:
        yield batch


def _capacity(frame: Frame) -> int:
    """How many frames like this one a batch takes."""
    num_pixels = max(frame.depth_m.size, frame.image.shape[0] * frame.image.shape[1])
    return max(1, min(MAX_BATCH, MAX_BATCH_PIXELS // num_pixels))


def _scores_of(predict: Predictor, batch: dict[int, Frame]) -> list[tuple[float, float, float]]:
    frames = list(batch.values())
    height, width = frames[0].depth_m.shape
    disparity = predict([frame.image for frame in frames], (height, width))
    depth_m = torch.from_numpy(np.stack([frame.depth_m for frame in frames]))
    valid = torch.from_numpy(np.stack([frame.valid for frame in frames])) & (depth_m <= MAX_DEPTH_M)
    scores = score_images(disparity, depth_m, valid, PredictionKind.RELATIVE_DISPARITY, RULE).values
    ordinals = [
        ordinal_accuracy(found[counts].numpy(), true_m[counts].numpy(), np.random.default_rng(index))
        for index, found, true_m, counts in zip(batch, disparity, depth_m, valid, strict=True)
    ]
    return list(zip(scores["abs_rel"].tolist(), scores["delta1"].tolist(), ordinals, strict=True))


def ordinal_accuracy(
    disparity: NDArray[np.float32], depth_m: NDArray[np.float32], generator: np.random.Generator
) -> float:
    """The share of random pairs of pixels of which the nearer one has the larger disparity; equal ones count half.

    Args:
        disparity: of the valid pixels, (P,).
        depth_m: of the same.
        generator: draws `NUM_PAIRS` pairs; those whose depths differ by less than `MIN_DEPTH_RATIO` do not count.

    Returns:
        From 0 to 1; 0.5 where no pair counts.
    """
    one, other = generator.integers(0, len(depth_m), (2, NUM_PAIRS))
    ratio = depth_m[one] / depth_m[other]
    is_farther, is_nearer = ratio >= MIN_DEPTH_RATIO, ratio <= 1 / MIN_DEPTH_RATIO
    difference = np.sign(disparity[one] - disparity[other])  # 1: the first one looks nearer
    credit = np.where(is_farther, 1 - difference, 1 + difference) / 2
    counts = is_farther | is_nearer
    return float(credit[counts].mean()) if counts.any() else 0.5
