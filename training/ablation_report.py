"""What the ablation found, as a table and as a plot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from depth_anything.training.ablation_run import RunScores
from depth_anything.training.ablation_settings import ROWS
from depth_anything.training.frame_scores import FrameScores
from depth_anything.training.scene_seeds import ABLATION_EVALUATION

FIGURES = ("AbsRel", "delta1", "ordinal")
PLOT_SIZE = (360, 240)  # of each domain's part, in pixels
MARGIN = 46
DOT, INK, GRID, BACKGROUND = (200, 60, 50), (0, 0, 0), (215, 215, 215), (255, 255, 255)


def ablation_table(scores: RunScores) -> list[str]:
    """Lines of a Markdown table: a row for each part of the recipe, mean and sample deviation over the seeds."""
    domains = ABLATION_EVALUATION.domains
    heads = [f"{domain} {figure}" for domain in domains for figure in FIGURES]
    lines = [f"| row | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for row in ROWS:
        cells = []
        for domain in domains:
            for column in np.array([_figures(each) for each in _of_seeds(scores, row, domain)]).T:
                spread = column.std(ddof=1) if len(column) > 1 else float("nan")
                cells.append(f"{column.mean():.3f} ± {spread:.3f}")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return lines


def ablation_plot(scores: RunScores) -> Image.Image:
    """AbsRel of every run as a dot and of every row's mean as a bar, the domains side by side."""
    domains = ABLATION_EVALUATION.domains
    width, height = PLOT_SIZE
    values = {
        domain: [[each.abs_rel for each in _of_seeds(scores, row, domain)] for row in ROWS] for domain in domains
    }
    plot = Image.new("RGB", (width * len(domains), height + MARGIN), BACKGROUND)
    for number, domain in enumerate(domains):
        part = Image.new("RGB", (width, height + MARGIN), BACKGROUND)
        _draw_part(ImageDraw.Draw(part), f"AbsRel, {domain} scenes (smaller is better)", values[domain])
        plot.paste(part, (number * width, 0))
    return plot


def _draw_part(draw: ImageDraw.ImageDraw, title: str, rows: Sequence[Sequence[float]]) -> None:
    width, height = PLOT_SIZE
    low, high = min(map(min, rows)), max(map(max, rows))
    pad = 0.1 * (high - low) or 0.1 * high
    low, high = low - pad, high + pad

    def at(value: float) -> int:
        return round(height - MARGIN / 2 - (value - low) / (high - low) * (height - 1.5 * MARGIN))

    draw.text((MARGIN, 4), title, INK)
    for tick in np.linspace(low + pad, high - pad, 4):
        draw.line((MARGIN, at(tick), width - 8, at(tick)), GRID)
        draw.text((4, at(tick) - 6), f"{tick:.3f}", INK)
    step = (width - 8 - MARGIN) / len(rows)
    for number, (name, row) in enumerate(zip(ROWS, rows, strict=True)):
        middle = round(MARGIN + (number + 0.5) * step)
        mean = at(sum(row) / len(row))
        draw.line((middle - 18, mean, middle + 18, mean), INK, width=3)
        for place, value in enumerate(row):
            left = middle + 8 * place - 4 * (len(row) - 1)
            draw.ellipse((left - 3, at(value) - 3, left + 3, at(value) + 3), fill=DOT)
        for line, word in enumerate(name.removeprefix("+ ").split()):
            draw.text((middle - 30, height - 12 + 12 * line), ("+ " if line == 0 and number else "") + word, INK)


def _of_seeds(scores: RunScores, row: str, domain: str) -> list[FrameScores]:
    return [by_domain[domain] for (_, each), by_domain in scores.items() if each == row]


def _figures(scores: FrameScores) -> tuple[float, float, float]:
    return scores.abs_rel, scores.delta1, scores.ordinal
