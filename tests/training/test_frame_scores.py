from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_anything.training.corpora.sample import Reason, SampleError
from depth_anything.training.evaluation.frames import Frame, FrameSource
from depth_anything.training.frame_scores import (
    MIN_DEPTH_RATIO,
    NUM_PAIRS,
    frame_scores,
    ordinal_accuracy,
)

DEPTH_M = np.exp(np.random.default_rng(0).normal(1, 1, (12, 16))).astype(np.float32)


class Frames(FrameSource):
    """Copies of one frame; those at `damaged` cannot be read."""

    def __init__(self, count: int, damaged: tuple[int, ...] = ()) -> None:
        self.count, self.damaged = count, damaged

    def __len__(self) -> int:
        return self.count

    def key(self, index: int) -> str:
        return f"frame{index}"

    def read(self, index: int) -> Frame:
        if index in self.damaged:
            raise SampleError(Reason.DAMAGED_IMAGE, "no picture")
        valid = np.ones_like(DEPTH_M, np.bool_)
        valid[0] = False
        return Frame(image=np.zeros((12, 16, 3), np.uint8), depth_m=DEPTH_M, valid=valid, key=self.key(index))


def truth(images: Sequence[object], size: tuple[int, int]) -> Tensor:
    return torch.from_numpy(3 / DEPTH_M + 0.5).expand(len(images), -1, -1)


def test_true_disparity_of_any_scale_and_shift_has_no_error() -> None:
    scores = frame_scores(truth, Frames(2))
    assert scores.abs_rel == pytest.approx(0, abs=1e-5)
    assert scores.delta1 == 1
    assert scores.ordinal == 1
    assert scores.errors == pytest.approx((0, 0, 0), abs=1e-5)
    assert (scores.num_frames, scores.left_out) == (2, ())


def test_one_value_is_scored_as_the_mean_disparity() -> None:
    scores = frame_scores(lambda images, size: torch.full((len(images), *size), 7.0), Frames(1))
    depth_m = DEPTH_M[1:].astype(np.float64)
    constant_m = 1 / (1 / depth_m).mean()
    assert scores.abs_rel == pytest.approx((np.abs(constant_m - depth_m) / depth_m).mean(), rel=1e-5)
    ratio = np.maximum(constant_m / depth_m, depth_m / constant_m)
    assert scores.delta1 == pytest.approx((ratio < 1.25).mean())
    assert scores.ordinal == 0.5


def test_frames_that_cannot_be_read_are_named() -> None:
    scores = frame_scores(truth, Frames(3, damaged=(1,)))
    assert scores.num_frames == 2
    assert scores.left_out == ("frame1: damaged_image: no picture",)
    with pytest.raises(ValueError, match="none of 2 frames can be read, the first because of frame0: damaged_image"):
        frame_scores(truth, Frames(2, damaged=(0, 1)))


class MixedFrames(Frames):
    """Frames of three sizes in turns, and runs of one size longer than a batch."""

    def read(self, index: int) -> Frame:
        if index in self.damaged:
            raise SampleError(Reason.DAMAGED_IMAGE, "no picture")
        generator = np.random.default_rng(index)
        size = [(12, 16), (8, 10), (12, 20)][index // 23 % 3] if index < 60 else [(12, 16), (8, 10)][index % 2]
        image = generator.integers(0, 256, (*size, 3), np.uint8)
        depth_m = np.exp(generator.normal(1, 1, size)).astype(np.float32)
        return Frame(image=image, depth_m=depth_m, valid=generator.random(size) < 0.8, key=self.key(index))


def test_frames_of_all_sizes_are_scored_as_one_by_one() -> None:
    def brightness(images: Sequence[np.ndarray], size: tuple[int, int]) -> Tensor:
        assert len({image.shape for image in images}) == 1
        assert images[0].shape[:2] == size
        return torch.from_numpy(np.stack(images)).float().mean(-1)

    frames = MixedFrames(70, damaged=(3,))
    found = frame_scores(brightness, frames)
    rows = []
    for index in set(range(70)) - {3}:
        frame = frames.read(index)
        valid = frame.valid & (frame.depth_m <= 80)
        disparity, depth_m = frame.image.astype(np.float32).mean(-1)[valid], frame.depth_m[valid]
        columns = np.stack([disparity, np.ones_like(disparity)], 1).astype(np.float64)
        scale, shift = np.linalg.lstsq(columns, 1 / depth_m.astype(np.float64), rcond=None)[0]
        fitted_m = np.clip(1 / np.maximum(scale * disparity + shift, 1e-8), 1e-3, 80)
        ratio = np.maximum(fitted_m / depth_m, depth_m / fitted_m)
        ordinal = ordinal_accuracy(disparity, depth_m, np.random.default_rng(index))
        rows.append(((np.abs(fitted_m - depth_m) / depth_m).mean(), (ratio < 1.25).mean(), ordinal))
    assert (found.num_frames, len(found.left_out)) == (69, 1)
    assert (found.abs_rel, found.delta1, found.ordinal) == pytest.approx(tuple(np.mean(rows, 0)), rel=1e-4)


@pytest.mark.parametrize(("side", "depth_side", "expected"), [(8, 8, [16, 4]), (512, 8, [4] * 5), (8, 2048, [1] * 20)])
def test_large_frames_come_in_smaller_batches(side: int, depth_side: int, expected: list[int]) -> None:
    image = np.zeros((side, side, 3), np.uint8)
    depth_m = np.linspace(1, 2, depth_side**2, dtype=np.float32).reshape(depth_side, depth_side)

    class LikeFrames(Frames):
        def read(self, index: int) -> Frame:
            return Frame(image=image, depth_m=depth_m, valid=np.ones_like(depth_m, np.bool_), key=self.key(index))

    counts = []

    def predict(images: Sequence[object], size: tuple[int, int]) -> Tensor:
        counts.append(len(images))
        assert size == depth_m.shape
        return torch.from_numpy(1 / depth_m).expand(len(images), -1, -1)

    frame_scores(predict, LikeFrames(20))
    assert counts == expected


def test_ordinal_accuracy_counts_pairs_as_a_loop_does() -> None:
    generator = np.random.default_rng(3)
    depth_m = DEPTH_M.ravel()
    disparity = np.round(1 / depth_m + generator.normal(0, 0.3, depth_m.shape), 1).astype(np.float32)  # with ties
    pairs = np.random.default_rng(5).integers(0, len(depth_m), (2, NUM_PAIRS)).T
    credit = []
    for one, other in pairs:
        near, far = (one, other) if depth_m[one] < depth_m[other] else (other, one)
        if depth_m[far] / depth_m[near] < MIN_DEPTH_RATIO:
            continue
        is_right, is_equal = disparity[near] > disparity[far], disparity[near] == disparity[far]
        credit.append(1.0 if is_right else 0.5 if is_equal else 0.0)
    assert 0.5 in credit
    assert ordinal_accuracy(disparity, depth_m, np.random.default_rng(5)) == pytest.approx(np.mean(credit))


def test_order_turned_round_is_all_wrong_and_a_flat_scene_asks_nothing() -> None:
    depth_m = DEPTH_M.ravel()
    assert ordinal_accuracy(depth_m, depth_m, np.random.default_rng(0)) == 0
    assert ordinal_accuracy(depth_m, np.ones_like(depth_m), np.random.default_rng(0)) == 0.5
