"""Which images of a benchmark are shown, and their panels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_anything.training.evaluation.error_over_depth import depth_curve
from depth_anything.training.evaluation.error_pictures import Panel, error_plot, error_sheet
from depth_anything.training.evaluation.frame_scoring import FrameScorer
from depth_anything.training.evaluation.metric_names import is_higher_better, title_of
from depth_anything.training.evaluation.results_file import BenchmarkResult, ImageRow
from depth_anything.training.evaluation.scoring_rule import ErrorSpace

RANKED_BY = "abs_rel"


def draw_pictures(result: BenchmarkResult, scorer: FrameScorer, folder: Path, num_shown: int) -> list[Path]:
    """Writes the worst and the best images with their errors, and the error over depth; the files that were written.

    Args:
        result: with at least one scored image.
        scorer: of the same benchmark; predicts the images that are shown once more.
        folder: to write to.
        num_shown: images in each of both sheets; 0 draws the curve alone.
    """
    written = []
    plot = error_plot(depth_curve(result.scored), str(result.protocol["name"]))
    written.append(folder / "error_over_depth.png")
    plot.save(written[-1])
    for name, rows in shown_rows(result.scored, num_shown).items():
        if panels := [panel for row in rows if (panel := panel_of(row, scorer)) is not None]:
            written.append(folder / f"{name}.png")
            error_sheet(panels).save(written[-1])
    return written


def shown_rows(rows: Sequence[ImageRow], num_shown: int) -> dict[str, list[ImageRow]]:
    """The worst and the best images, the worst and the best of them first."""
    sign = 1 if is_higher_better(RANKED_BY) else -1
    ranked = sorted(rows, key=lambda row: sign * row.metrics[RANKED_BY])
    return {"worst": ranked[:num_shown], "best": ranked[::-1][:num_shown]}


def panel_of(row: ImageRow, scorer: FrameScorer) -> Panel | None:
    """The panel of one image, predicted by itself; None where it cannot be read any more."""
    (loaded,) = scorer.load([row.index])
    if loaded.frame is None:
        return None
    (compared,) = scorer.compare([loaded])
    is_depth = scorer.rule.error_space is ErrorSpace.DEPTH
    values = ", ".join(f"{title_of(name)} {row.metrics[name]:.4f}" for name in (RANKED_BY, "delta1"))
    return Panel(
        caption=f"{row.key}: {values}{f'; {row.degenerate}' if row.degenerate else ''}",
        image=loaded.frame.image,
        truth=_inverse_depth(compared.truth[0], is_depth),
        prediction=_inverse_depth(compared.value[0], is_depth),
        error=compared.relative_error()[0].cpu().numpy(),
        valid=loaded.frame.valid,
    )


def _inverse_depth(values: Tensor, is_depth: bool) -> NDArray[np.float64]:
    inverse = 1 / values if is_depth else values
    shown: NDArray[np.float64] = torch.nan_to_num(inverse, posinf=0.0).cpu().numpy()
    return shown
