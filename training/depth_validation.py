"""Scores of a network on held-out images while it is trained, shared out over the processes.

Images are read once and kept. What is scored is the middle of each, at the size that is trained at: soon done, and the
same every time. Numbers to be published come from `evaluate_zero_shot.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn

from depth_anything.training.augmentation import TargetKind, TrainingTransform, TransformSettings
from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import SampleError
from depth_anything.training.evaluation.scoring import score_images
from depth_anything.training.evaluation.scoring_rule import Alignment, PredictionKind, ScoringRule
from depth_anything.training.training_panels import PanelRow

METRIC_NAMES = ("abs_rel", "delta1", "rmse_log")
Example = dict[str, Tensor]


class DepthValidation:
    """Scores disparity on corpora with depth, scale and shift fitted in disparity to each image.

    Args:
        sources: labelled corpora whose labels are depth, in metres or in a unit of each scene.
        accelerator: of the run; each process scores its own part of the images.
        crop_size: side of the pictures, in pixels.
        num_images: of each corpus, spread over all of it; fewer where it has fewer.
        batch_size: images that are predicted together.
        max_depth_m: farther pixels do not count.
        score: metric that is given beside the usual ones.
        num_shown: images of the first corpus that are kept for a panel, by the main process.

    Raises:
        CorpusError: a corpus without depth, or one of which no image can be read.
    """

    def __init__(
        self,
        sources: Sequence[BlockSource],
        accelerator: Accelerator,
        *,
        crop_size: int,
        num_images: int,
        batch_size: int,
        max_depth_m: float,
        score: str = METRIC_NAMES[0],
        num_shown: int = 0,
    ) -> None:
        for source in sources:
            if not source.kind.is_depth:
                raise CorpusError(
                    f"corpus {source.corpus} has labels of kind {source.kind.value}; validate on depth, as of NYUv2 "
                    "or procedural:labelled"
                )
        self.rule = ScoringRule(alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=max_depth_m)
        self.rows: list[PanelRow] = []
        self._metrics = tuple(dict.fromkeys((score, *METRIC_NAMES)))
        self._sources = list(sources)
        self._accelerator = accelerator
        self._num_images, self._batch_size, self._num_shown = num_images, batch_size, num_shown
        self._transform = TrainingTransform(
            TransformSettings(
                crop_size=crop_size,
                crop_is_random=False,
                flip_probability=0.0,
                target=TargetKind.DISPARITY,
                student_view=None,
            )
        )
        self._examples: dict[str, list[Example]] = {}

    def __call__(self, model: nn.Module, step: int) -> dict[str, float]:
        """Each metric's mean over the corpora by its name, and over each corpus as "metric/corpus".

        Args:
            model: gives `predicted_depth`, which is disparity; in eval mode.
            step: of the run; it changes nothing.
        """
        scores: dict[str, float] = {}
        for source in self._sources:
            for name, value in self._scores_of(model, source).items():
                scores[f"{name}/{source.corpus}"] = value
        for name in self._metrics:
            scores[name] = float(np.mean([scores[f"{name}/{source.corpus}"] for source in self._sources]))
        return {name: scores[name] for name in (*self._metrics, *(name for name in scores if "/" in name))}

    def _scores_of(self, model: nn.Module, source: BlockSource) -> Mapping[str, float]:
        """Means over the images of all processes that have valid pixels."""
        device = self._accelerator.device
        examples = self._examples_of(source)
        sums = torch.zeros(len(self._metrics) + 1, dtype=torch.float64, device=device)
        is_shown = source is self._sources[0] and self._accelerator.is_main_process
        rows: list[PanelRow] = []
        for first in range(0, len(examples), self._batch_size):
            batch = torch.utils.data.default_collate(examples[first : first + self._batch_size])
            pixels, disparity, valid = (batch[name].to(device) for name in ("pixel_values", "labels", "valid_mask"))
            with torch.no_grad(), self._accelerator.autocast():
                predicted = model(pixels).predicted_depth.float()
            depth_m = torch.where(valid & (disparity > 0), 1 / disparity, 0.0)  # the sky's disparity is 0
            counts = (depth_m > self.rule.min_depth_m) & (depth_m <= self.rule.max_depth_m)
            scores = score_images(predicted, depth_m, counts, PredictionKind.RELATIVE_DISPARITY, self.rule)
            has_truth = scores.num_valid > 0
            values = torch.stack([scores.values[name] for name in self._metrics])
            sums[:-1] += torch.where(has_truth, values, 0.0).sum(1)
            sums[-1] += has_truth.sum()
            if is_shown and len(rows) < self._num_shown:
                rows += [PanelRow(*each) for each in zip(pixels, disparity, valid, predicted, strict=True)]
        if is_shown:
            self.rows = [PanelRow(*(each.cpu() for each in row)) for row in rows[: self._num_shown]]
        *totals, count = self._accelerator.reduce(sums, "sum").tolist()
        if not count:
            raise CorpusError(f"corpus {source.corpus}: no image of those to validate on can be read and has depth")
        return {name: total / count for name, total in zip(self._metrics, totals, strict=True)}

    def _examples_of(self, source: BlockSource) -> list[Example]:
        """This process' part; as many for each process, for a sharded network takes all of them to predict."""
        if source.corpus not in self._examples:
            rank, world_size = self._accelerator.process_index, self._accelerator.num_processes
            chosen = spread_rows(source.rows_per_block, self._num_images)
            own = [self._example(source, block, row) for block, row in chosen[rank::world_size]]
            missing = -(-len(chosen) // world_size) - len(own)
            self._examples[source.corpus] = own + [self._blank()] * missing
        return self._examples[source.corpus]

    def _example(self, source: BlockSource, block: int, row: int) -> Example:
        sample = next(iter(source.read_block(block, [row])))
        if not isinstance(sample, SampleError):
            try:
                example = self._transform(sample, 0)
            except SampleError:
                return self._blank()
            return {name: example[name] for name in ("pixel_values", "labels", "valid_mask")}
        return self._blank()

    def _blank(self) -> Example:
        """An image without any pixel that counts."""
        size = self._transform.settings.crop_size
        return {
            "pixel_values": torch.zeros(3, size, size),
            "labels": torch.zeros(size, size),
            "valid_mask": torch.zeros(size, size, dtype=torch.bool),
        }


def spread_rows(rows_per_block: NDArray[np.int64], num_rows: int) -> list[tuple[int, int]]:
    """Block and row of this many rows at even distances, or of all where there are fewer.

    Args:
        rows_per_block: of a source.
        num_rows: how many.
    """
    ends = np.cumsum(rows_per_block)
    total = int(ends[-1])
    places = (np.arange(min(num_rows, total)) + 0.5) * total / min(num_rows, total)
    blocks = np.searchsorted(ends, places.astype(np.int64), side="right")
    rows = places.astype(np.int64) - (ends - rows_per_block)[blocks]
    return list(zip(blocks.tolist(), rows.tolist(), strict=True))
