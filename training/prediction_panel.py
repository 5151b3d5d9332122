"""Pictures, their depth and what networks make of them, side by side in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from depth_anything.training.disparity_colors import disparity_colors
from depth_anything.training.evaluation.frames import Frame
from depth_anything.training.frame_scores import Predictor

CELL_HEIGHT = 150
GAP = 4
CAPTION_HEIGHT = 14
BACKGROUND, INK = (255, 255, 255), (0, 0, 0)


def prediction_panel(frames: Sequence[Frame], predictors: Mapping[str, Predictor]) -> Image.Image:
    """A row for each frame: picture, true disparity (black where there is none), and each predictor's.

    Every map is stretched from its own smallest to its own largest value, so colours compare within a map alone.

    Args:
        frames: at least one.
        predictors: by the titles of their columns.
    """
    rows = [_row(frame, predictors) for frame in frames]
    widths = [max(cells[column].width for cells in rows) for column in range(len(rows[0]))]
    titles = ("picture", "truth", *predictors)
    size = (sum(widths) + GAP * (len(widths) + 1), CAPTION_HEIGHT + len(rows) * (CELL_HEIGHT + GAP))
    panel = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(panel)
    left = GAP
    for column, (title, width) in enumerate(zip(titles, widths, strict=True)):
        draw.text((left, 1), title, INK)
        for number, cells in enumerate(rows):
            panel.paste(cells[column], (left, CAPTION_HEIGHT + number * (CELL_HEIGHT + GAP)))
        left += width + GAP
    return panel


def _row(frame: Frame, predictors: Mapping[str, Predictor]) -> list[Image.Image]:
    height, width = frame.image.shape[:2]
    truth = disparity_colors(1 / np.where(frame.valid, frame.depth_m, 1), frame.valid)
    everywhere = np.ones((height, width), np.bool_)
    maps = [predict([frame.image], (height, width))[0].numpy() for predict in predictors.values()]
    return [_cell(pixels) for pixels in (frame.image, truth, *(disparity_colors(each, everywhere) for each in maps))]


def _cell(pixels: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(pixels)
    return image.resize((max(1, round(image.width * CELL_HEIGHT / image.height)), CELL_HEIGHT))
