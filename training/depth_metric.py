"""Depth metrics as a module of the `evaluate` library.

    metric = evaluate.load("training/depth_metric.py")
    metric.add_batch(predictions=maps, references=depth_m)  # any number of times, in any number of processes
    metric.compute(prediction_kind="relative_disparity", max_depth_m=10)

In a Trainer: `compute_metrics=lambda p: metric.compute(predictions=p.predictions, references=p.label_ids)`.
Across processes: `evaluate.load(..., num_process=N, process_id=rank, experiment_id=name)`, where process 0 gets the
result and the others None. The library copies this file elsewhere before it runs it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np
import torch

from depth_anything.training.evaluation.row_sums import RowPass
from depth_anything.training.evaluation.scoring import ImageScores, score_images
from depth_anything.training.evaluation.scoring_rule import Alignment, ErrorSpace, PredictionKind, ScoringRule

# What a kind of prediction is aligned by where nothing else is asked for.
USUAL_ALIGNMENTS = {
    PredictionKind.RELATIVE_DISPARITY: Alignment.SCALE_SHIFT_DISPARITY,
    PredictionKind.RELATIVE_DEPTH: Alignment.SCALE_SHIFT_DEPTH,
    PredictionKind.METRIC_DEPTH: Alignment.NONE,
}

DESCRIPTION = "Errors and accuracies of monocular depth: per image, then averaged with equal weight per image."
INPUTS = """
Args:
    predictions: one map (H, W) per image, of any size; what it means says `prediction_kind`.
    references: true depth in metres of the same size; a pixel counts where it is finite and strictly between
        `min_depth_m` and `max_depth_m`, so 0, NaN and inf mark pixels without truth.
    prediction_kind: "relative_disparity" (the default), "relative_depth" or "metric_depth".
    alignment: value of `Alignment`; None: least squares with scale and shift in disparity or in depth for relative
        predictions, none for metric ones.
    error_space: "depth" (the default) or "disparity".
    min_depth_m: 1e-3 by default.
    max_depth_m: no bound by default.
    clips_prediction: whether aligned depth is clipped to the range; True by default.

Returns:
    The mean over the images of every metric by its name, and the numbers num_images, num_without_truth (images left
    out for they have no pixel that counts), num_penalised (pixels whose prediction was no depth) and num_degenerate
    (images whose fit has a flaw).
"""
CITATION = """@inproceedings{depthanything,
  title={Depth Anything: Unleashing the Power of Large-Scale Unlabeled Data},
  author={Yang, Lihe and Kang, Bingyi and Huang, Zilong and Xu, Xiaogang and Feng, Jiashi and Zhao, Hengshuang},
  booktitle={CVPR},
  year={2024}
}"""


class DepthMetric(evaluate.Metric):
    """The metric; see the module and `inputs_description`."""

    def _info(self) -> evaluate.MetricInfo:
        maps = datasets.Sequence(datasets.Sequence(datasets.Value("float32")))
        info = evaluate.MetricInfo(
            description=DESCRIPTION,
            citation=CITATION,
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": maps, "references": maps}),
        )
        # The constructor grants arrays to plain numbers alone; maps as lists of numbers take six times as long.
        info.format = "numpy"
        return info

    def _compute(
        self,
        predictions: Sequence[Any],
        references: Sequence[Any],
        *,
        prediction_kind: str = PredictionKind.RELATIVE_DISPARITY.value,
        alignment: str | None = None,
        error_space: str = ErrorSpace.DEPTH.value,
        min_depth_m: float = 1e-3,
        max_depth_m: float = math.inf,
        clips_prediction: bool = True,
    ) -> dict[str, float]:
        kind = PredictionKind(prediction_kind)
        rule = ScoringRule(
            alignment=USUAL_ALIGNMENTS[kind] if alignment is None else Alignment(alignment),
            error_space=ErrorSpace(error_space),
            min_depth_m=min_depth_m,
            max_depth_m=max_depth_m,
            clips_prediction=clips_prediction,
        )
        return averaged([_scored(*maps, kind, rule) for maps in zip(predictions, references, strict=True)])


def averaged(scores: Sequence[ImageScores]) -> dict[str, float]:
    """The result that `INPUTS` describes, of one image per entry.

    Raises:
        ValueError: no image has a pixel that counts.
    """
    seen = [score for score in scores if int(score.num_valid)]
    if not seen:
        raise ValueError(
            f"none of {len(scores)} references has a finite value strictly between min_depth_m and max_depth_m; they "
            "have to be depth in metres"
        )
    means = {name: torch.cat([score.values[name] for score in seen]).mean().item() for name in seen[0].values}
    return {
        **means,
        "num_images": len(scores),
        "num_without_truth": len(scores) - len(seen),
        "num_penalised": sum(int(score.num_penalised) for score in scores),
        "num_degenerate": sum(bool(score.is_degenerate) for score in seen),
    }


def _scored(prediction: Any, reference: Any, kind: PredictionKind, rule: ScoringRule) -> ImageScores:
    maps, depth_m = (torch.from_numpy(_stacked(rows)) for rows in (prediction, reference))
    valid = (depth_m > rule.min_depth_m) & (depth_m < rule.max_depth_m)
    # Uncompiled: the library's own way of storing maps takes longer than that.
    return score_images(maps[None], depth_m[None], valid[None], kind, rule, row_pass=RowPass.EAGER)


def _stacked(rows: Any) -> np.ndarray:
    """A map, (H, W), which comes as an array of rows where the images of a run differ in size."""
    return np.stack([np.asarray(row, np.float32) for row in rows])
