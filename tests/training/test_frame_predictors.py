import numpy as np
import torch

from depth_anything.demonstration import random_model
from depth_anything.training.frame_predictors import BASELINES, NetworkPredictor, resized_maps, trivial_predictors
from depth_anything.training.small_training import small_processor

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def test_baselines_see_no_picture_and_are_what_they_are_called() -> None:
    disparity = np.random.default_rng(1).random((5, 8, 8), np.float32)
    baselines = trivial_predictors(disparity)
    assert tuple(baselines) == BASELINES
    constant, gradient, mean = (baselines[name]([PICTURE], (8, 8))[0] for name in BASELINES)
    assert constant.unique().numel() == 1
    rows = gradient[:, 0]
    assert (rows.diff() > 0).all()  # nearer towards the bottom
    torch.testing.assert_close(rows.diff(), torch.full((7,), 1 / 7))
    assert torch.equal(gradient, rows[:, None].expand(8, 8))
    torch.testing.assert_close(mean, torch.from_numpy(disparity).mean(0))


def test_maps_are_brought_to_the_size_of_the_depth_with_their_corners() -> None:
    values = torch.arange(12.0).view(2, 2, 3)
    larger = resized_maps(values, (5, 9))
    assert larger.shape == (2, 5, 9)
    corners = larger[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    torch.testing.assert_close(corners, torch.tensor([[0.0, 2.0, 3.0, 5.0], [6.0, 8.0, 9.0, 11.0]]))
    assert resized_maps(values, (2, 3)) is values


def test_a_network_predicts_behind_its_processor_at_the_size_of_the_depth() -> None:
    model, processor = random_model(), small_processor(28)
    predict = NetworkPredictor(model.train(), processor)
    with torch.no_grad():
        pictures = [PICTURE, PICTURE[::-1].copy()]
        expected = []
        for picture in pictures:
            pixels = processor(picture, return_tensors="pt")["pixel_values"]
            assert pixels.shape == (1, 3, 28, 42)
            expected.append(model.eval()(pixels).predicted_depth[0])
    assert (expected[0] - expected[1]).abs().max() > 1e-3
    torch.testing.assert_close(predict(pictures, (28, 42)), torch.stack(expected))
    assert predict([PICTURE] * 3, (40, 60)).shape == (3, 40, 60)
