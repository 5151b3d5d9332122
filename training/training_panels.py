"""Pictures of a run beside its numbers: image, label or teacher's map, prediction, one row for each image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from depth_anything.training.disparity_colors import disparity_colors

GAP = 4  # pixels
# What trackers want to know of a picture (height, width, RGB).
TRACKER_OPTIONS = {"tensorboard": {"dataformats": "NHWC"}}


class PanelRow(NamedTuple):
    """What one row shows; on any device."""

    pixels: Tensor  # normalised, (3, H, W)
    target: Tensor  # disparity, (H, W)
    valid: Tensor  # bool, (H, W); what does not count is black
    prediction: Tensor  # disparity, (H, W)


def panel(rows: Sequence[PanelRow]) -> NDArray[np.uint8]:
    """The picture, (height, width, 3).

    Args:
        rows: at least one, all of one size.
    """
    drawn = []
    for row in rows:
        target = _colors(row.target, row.valid)
        prediction = _colors(row.prediction, torch.ones_like(row.valid))
        drawn.append([_grey_levels(row.pixels), target, prediction])
    height, width = drawn[0][0].shape[:2]
    sheet = np.full((len(rows) * (height + GAP) - GAP, 3 * (width + GAP) - GAP, 3), 255, np.uint8)
    for number, cells in enumerate(drawn):
        for column, cell in enumerate(cells):
            top, left = number * (height + GAP), column * (width + GAP)
            sheet[top : top + height, left : left + width] = cell
    return sheet


def show_panel(name: str, rows: Sequence[PanelRow], step: int, accelerator: Accelerator, folder: Path) -> None:
    """Writes `folder/NAME-STEP.png`, and gives the panel to the trackers that take pictures; the main process alone.

    Args:
        name: of the panel, such as "validation".
        rows: none draws nothing.
        step: of the run.
        accelerator: whose trackers are used.
        folder: for the file; made where it does not exist.
    """
    if not rows or not accelerator.is_main_process:
        return
    picture = panel(rows)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(folder / f"{name}-{step:08d}.png")
    for tracker in accelerator.trackers:
        if hasattr(tracker, "log_images"):
            tracker.log_images({name: picture[None]}, step=step, **TRACKER_OPTIONS.get(tracker.name, {}))


def _grey_levels(pixels: Tensor) -> NDArray[np.uint8]:
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
    levels = (pixels.float().cpu() * std + mean).mul(255).round().clamp(0, 255).to(torch.uint8)
    array: NDArray[np.uint8] = levels.permute(1, 2, 0).numpy()
    return array


def _colors(disparity: Tensor, valid: Tensor) -> NDArray[np.uint8]:
    return disparity_colors(disparity.float().cpu().numpy(), valid.cpu().numpy())
