"""Samples side by side in one picture: image, disparity in colours, and which pixels count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from depth_anything.training.corpora.sample import Sample, training_target
from depth_anything.training.disparity_colors import disparity_colors

CELL_WIDTH, CELL_HEIGHT = 240, 180
CAPTION_HEIGHT = 14
GAP = 6
MAX_WIDTH = 6 * (CELL_WIDTH + GAP)
CHARACTER_WIDTH = 6  # of Pillow's own font
BACKGROUND, INK = (255, 255, 255), (0, 0, 0)
NO_LABEL, LABELLED, SKY = (0, 0, 0), (235, 235, 235), (70, 130, 230)  # of the mask


def contact_sheet(samples: Sequence[Sample]) -> Image.Image:
    """The sheet: rows of two or three labelled samples, or of six without a label, each with its key.

    In the third cell of a labelled sample light pixels have a label, blue ones are sky, and black ones do not count.

    Args:
        samples: at least one; every label gives a target.
    """
    strips = [_strip(sample) for sample in samples]
    width = max(strip.width for strip in strips)
    num_columns = max(1, MAX_WIDTH // width)
    num_rows = -(-len(strips) // num_columns)
    row_height = CELL_HEIGHT + CAPTION_HEIGHT + GAP
    sheet = Image.new("RGB", (min(num_columns, len(strips)) * width + GAP, num_rows * row_height + GAP), BACKGROUND)
    for number, strip in enumerate(strips):
        row, column = divmod(number, num_columns)
        sheet.paste(strip, (GAP + column * width, GAP + row * row_height))
    return sheet


def _strip(sample: Sample) -> Image.Image:
    """The cells of a sample with its key below."""
    cells = [_cell(sample.image, Image.Resampling.BILINEAR)]
    if sample.label is not None:
        cells += [_cell(map_, Image.Resampling.NEAREST) for map_ in (_disparity_colors(sample), _mask_colors(sample))]
    step = cells[0].width + GAP  # all of a sample have one size
    strip = Image.new("RGB", (len(cells) * step, CELL_HEIGHT + CAPTION_HEIGHT), BACKGROUND)
    for number, cell in enumerate(cells):
        strip.paste(cell, (number * step, 0))
    characters = strip.width // CHARACTER_WIDTH
    caption = sample.key if len(sample.key) <= characters else "..." + sample.key[3 - characters :]
    # Pillow's own font knows Latin letters only.
    ImageDraw.Draw(strip).text((0, CELL_HEIGHT + 1), caption.encode("ascii", "replace").decode(), INK)
    return strip


def _cell(pixels: NDArray[np.uint8], resampling: Image.Resampling) -> Image.Image:
    """The picture as large as a cell takes it."""
    image = Image.fromarray(pixels)
    scale = min(CELL_WIDTH / image.width, CELL_HEIGHT / image.height)
    return image.resize((max(1, round(scale * image.width)), max(1, round(scale * image.height))), resampling)


def _disparity_colors(sample: Sample) -> NDArray[np.uint8]:
    target = training_target(sample)
    return disparity_colors(target.values, target.valid)


def _mask_colors(sample: Sample) -> NDArray[np.uint8]:
    assert sample.valid is not None  # it has a label
    colors = np.where(sample.valid[..., None], np.array(LABELLED, np.uint8), np.array(NO_LABEL, np.uint8))
    if sample.sky is not None:
        colors[sample.sky] = SKY
    return colors
