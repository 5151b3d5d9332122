import numpy as np
import torch

from depth_anything.colormaps import to_colors
from depth_anything.training.evaluation.frames import Frame
from depth_anything.training.prediction_panel import CAPTION_HEIGHT, CELL_HEIGHT, GAP, prediction_panel


def frame(height: int, width: int) -> Frame:
    depth_m = np.repeat(np.linspace(1, 4, height, dtype=np.float32)[:, None], width, 1)
    valid = np.ones((height, width), np.bool_)
    valid[: height // 3] = False
    image = np.full((height, width, 3), (10, 120, 200), np.uint8)
    return Frame(image=image, depth_m=depth_m, valid=valid, key="key")


def test_each_frame_is_a_row_of_picture_truth_and_predictions() -> None:
    frames = [frame(CELL_HEIGHT, CELL_HEIGHT), frame(CELL_HEIGHT, 2 * CELL_HEIGHT)]
    rising = torch.linspace(0, 1, CELL_HEIGHT)[:, None]
    panel = prediction_panel(frames, {"network": lambda images, size: rising.expand(len(images), *size)})
    width = 2 * CELL_HEIGHT  # of the widest cell in every column
    assert panel.size == (3 * width + 4 * GAP, CAPTION_HEIGHT + 2 * (CELL_HEIGHT + GAP))
    for row, top in enumerate((CAPTION_HEIGHT, CAPTION_HEIGHT + CELL_HEIGHT + GAP)):
        pixels = np.asarray(panel)[top : top + CELL_HEIGHT]
        picture, truth, network = (pixels[:, GAP + column * (width + GAP) :][:, :100] for column in range(3))
        assert (picture == (10, 120, 200)).all(), row
        assert (truth[: CELL_HEIGHT // 3] == 0).all()  # no depth there
        disparity = 1 / frames[row].depth_m[CELL_HEIGHT // 3 :, :100]
        np.testing.assert_array_equal(truth[CELL_HEIGHT // 3 :], to_colors(disparity, "Spectral_r"))
        np.testing.assert_array_equal(network, to_colors(rising.expand(-1, 100).numpy(), "Spectral_r"))
