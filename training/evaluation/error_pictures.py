"""Pictures of an evaluation, drawn with Pillow: images with their error maps, and error over depth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from depth_anything.colormaps import color_table
from depth_anything.training.evaluation.error_over_depth import BIN_EDGES_M, DepthCurve

CELL_WIDTH, CELL_HEIGHT = 300, 225
CAPTION_HEIGHT = 16
GAP = 6
CHARACTER_WIDTH = 6  # of Pillow's own font
BACKGROUND, INK, FAINT = (255, 255, 255), (0, 0, 0), (205, 205, 205)
BARS, CURVE = (210, 222, 238), (176, 32, 60)
TOP_ERROR = 0.5  # relative error that is drawn in the darkest red
COLUMNS = ("image", "truth", "prediction", f"relative error, 0 to {TOP_ERROR:g}")

PLOT_SIZE = (760, 420)
PLOT_BOX = (60, 30, 740, 360)  # left, top, right, bottom of the axes


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """One image of the sheet.

    Attributes:
        caption: below it.
        image: RGB, (H, W, 3).
        truth, prediction: inverse depth at the size of the truth, which shows near things; (h, w).
        error: relative, (h, w).
        valid: pixels that count; (h, w).
    """

    caption: str
    image: NDArray[np.uint8]
    truth: NDArray[np.float64]
    prediction: NDArray[np.float64]
    error: NDArray[np.float64]
    valid: NDArray[np.bool_]


def error_sheet(panels: Sequence[Panel]) -> Image.Image:
    """A row for each panel: image, truth and aligned prediction in one scale of colours, and the error.

    Pixels that do not count are black.

    Args:
        panels: at least one.
    """
    strips = [_cells(panel) for panel in panels]
    heights = [max(cell.height for cell in cells) + CAPTION_HEIGHT + GAP for cells in strips]
    width = len(COLUMNS) * (CELL_WIDTH + GAP) + GAP
    sheet = Image.new("RGB", (width, CAPTION_HEIGHT + GAP + sum(heights)), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, name in enumerate(COLUMNS):
        draw.text((GAP + number * (CELL_WIDTH + GAP), 3), name, INK)
    top = CAPTION_HEIGHT + GAP
    for panel, cells, height in zip(panels, strips, heights, strict=True):
        for column, cell in enumerate(cells):
            sheet.paste(cell, (GAP + column * (CELL_WIDTH + GAP), top))
        top += height
        draw.text((GAP, top - CAPTION_HEIGHT - GAP + 2), _fitting(panel.caption, width), INK)
    return sheet


def error_plot(curve: DepthCurve, title: str) -> Image.Image:
    """The mean relative error over the true depth (line), and where the pixels are (bars)."""
    plot = Image.new("RGB", PLOT_SIZE, BACKGROUND)
    draw = ImageDraw.Draw(plot)
    left, top, right, bottom = PLOT_BOX
    filled = np.flatnonzero(curve.num_pixels)
    first, last = (int(filled[0]), int(filled[-1])) if len(filled) else (0, len(curve.num_pixels) - 1)
    low, high = math.log2(BIN_EDGES_M[first]), math.log2(BIN_EDGES_M[last + 1])
    limit = _round_limit(float(np.nanmax(curve.mean_error)) if len(filled) else 1.0)

    def x_of(depth_m: float) -> float:
        return left + (right - left) * (math.log2(depth_m) - low) / (high - low)

    def y_of(error: float) -> float:
        return bottom - (bottom - top) * min(error / limit, 1.0)

    share = curve.num_pixels / max(curve.num_pixels.sum(), 1)
    for number in filled:
        height = (bottom - top) * share[number] / share.max()
        draw.rectangle(
            (x_of(BIN_EDGES_M[number]) + 1, bottom - height, x_of(BIN_EDGES_M[number + 1]) - 1, bottom), BARS
        )
    _draw_axes(draw, x_of, y_of, (low, high), limit)
    points = [
        (x_of(math.sqrt(BIN_EDGES_M[number] * BIN_EDGES_M[number + 1])), y_of(float(curve.mean_error[number])))
        for number in filled
    ]
    draw.line(points, CURVE, 2)
    for x, y in points:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), CURVE)
    draw.text((left, 8), _fitting(f"{title}: mean relative error (line) and share of pixels (bars)", right), INK)
    draw.text(((left + right) / 2 - 50, bottom + 30), "true depth in metres", INK)
    return plot


def _draw_axes(
    draw: ImageDraw.ImageDraw,
    x_of: Callable[[float], float],
    y_of: Callable[[float], float],
    octaves: tuple[float, float],
    limit: float,
) -> None:
    left, top, right, bottom = PLOT_BOX
    for step in range(6):
        y = y_of(limit * step / 5)
        draw.line((left, y, right, y), FAINT)
        draw.text((8, y - 6), f"{limit * step / 5:.3g}", INK)
    for octave in range(math.ceil(octaves[0]), math.floor(octaves[1]) + 1):
        x = x_of(2.0**octave)
        draw.line((x, bottom, x, bottom + 5), INK)
        draw.text((x - 8, bottom + 8), f"{2.0**octave:g}", INK)
    draw.rectangle((left, top, right, bottom), outline=INK)


def _round_limit(largest: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    if not (math.isfinite(largest) and largest > 0):
        return 1.0
    power = 10.0 ** math.floor(math.log10(largest))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= largest)


def _cells(panel: Panel) -> list[Image.Image]:
    shown = panel.truth[panel.valid]
    low, high = np.quantile(shown, [0.02, 0.98]) if shown.size else (0.0, 1.0)
    spread = max(float(high - low), np.finfo(np.float64).tiny)
    maps = [
        ((panel.truth - low) / spread, "Spectral_r"),
        ((panel.prediction - low) / spread, "Spectral_r"),
        (panel.error / TOP_ERROR, "Spectral_r"),
    ]
    picture = Image.fromarray(panel.image)
    cells = [picture.resize(_cell_size(picture.width, picture.height), Image.Resampling.BILINEAR)]
    for values, colormap in maps:
        levels = (np.nan_to_num(values, nan=1.0, posinf=1.0, neginf=0.0).clip(0, 1) * 255).astype(np.uint8)
        cells.append(_map_cell(color_table(colormap)[levels], panel.valid))
    return cells


def _map_cell(colors: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Image.Image:
    """A map as large as a cell takes it; of a scan's few points none is lost for want of a sample there."""
    height, width = valid.shape
    cell_width, cell_height = _cell_size(width, height)
    if cell_width >= width:
        shown = Image.fromarray(np.where(valid[..., None], colors, np.uint8(0)))
        return shown.resize((cell_width, cell_height), Image.Resampling.NEAREST)
    cell = np.zeros((cell_height, cell_width, 3), np.uint8)
    rows, columns = np.nonzero(valid)
    cell[rows * cell_height // height, columns * cell_width // width] = colors[rows, columns]
    return Image.fromarray(cell)


def _cell_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the largest picture of these proportions in a cell."""
    scale = min(CELL_WIDTH / width, CELL_HEIGHT / height)
    return max(1, round(scale * width)), max(1, round(scale * height))


def _fitting(text: str, width: float) -> str:
    """The end of a text that is too long; Pillow's own font knows Latin letters only."""
    num_characters = int(width) // CHARACTER_WIDTH
    text = text.replace("δ", "delta")
    text = text if len(text) <= num_characters else "..." + text[3 - num_characters :]
    return text.encode("ascii", "replace").decode()
