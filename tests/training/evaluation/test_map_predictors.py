from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from depth_anything import DepthAnythingImageProcessor
from depth_anything.checkpoint_lookup import find_checkpoint
from depth_anything.training.evaluation.depth_models import DepthModel, ModelChoices, load_depth_model
from depth_anything.training.evaluation.map_predictors import FolderPredictor, NetworkPredictor, resized
from depth_anything.training.evaluation.prediction_folder import PredictionFolder
from depth_anything.training.evaluation.protocol_table import find_protocol
from depth_anything.training.evaluation.scoring_rule import PredictionKind

CPU = torch.device("cpu")


@pytest.fixture
def model(tiny_checkpoint: Path) -> DepthModel:
    DepthAnythingImageProcessor(size={"height": 28, "width": 28}).save_pretrained(tiny_checkpoint)
    return load_depth_model(find_checkpoint(tiny_checkpoint), ModelChoices(), CPU)


def picture(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


def test_pictures_of_mixed_sizes_come_back_in_their_order_at_the_size_of_the_truth(model: DepthModel) -> None:
    predictor = NetworkPredictor(model, find_protocol("folder_relative"), is_input_kept=True)
    sizes = [(30, 40), (40, 30), (30, 40)]
    targets = [(60, 80), (40, 30), (15, 20)]
    prepared = [
        predictor.prepare(index, picture(*size), target)
        for index, (size, target) in enumerate(zip(sizes, targets, strict=True))
    ]
    maps = predictor.predict(prepared)
    for size, target, map_ in zip(sizes, targets, maps, strict=True):
        raw = model.predict(model.prepare(picture(*size))[None], False)
        expected = functional.interpolate(raw[:, None], target, mode="bilinear", align_corners=True)[0, 0]
        torch.testing.assert_close(map_, expected, atol=1e-5, rtol=1e-5)


def test_mirrored_predictions_are_averaged_where_the_protocol_does(model: DepthModel) -> None:
    protocol = find_protocol("nyuv2_metric")
    assert protocol.record()["is_flip_averaged"]
    predictor = NetworkPredictor(model, protocol, is_input_kept=True)
    image = picture(28, 28)
    (map_,) = predictor.predict([predictor.prepare(0, image, (28, 28))])
    plain, mirrored = (model.predict(model.prepare(one)[None], False)[0] for one in (image, image[:, ::-1].copy()))
    torch.testing.assert_close(map_, (plain + mirrored.flip(-1)) / 2, atol=1e-5, rtol=1e-5)


def test_pictures_are_resized_as_the_protocol_says_unless_the_user_does(model: DepthModel) -> None:
    protocol = find_protocol("da_2k")
    by_protocol = NetworkPredictor(model, protocol, is_input_kept=False)
    assert by_protocol.prepare(0, picture(30, 40), (30, 40)).values.shape == (3, 518, 686)
    assert by_protocol.identity["preprocessing"]["size"] == {"height": 518, "width": 518}
    by_user = NetworkPredictor(model, protocol, is_input_kept=True)
    assert by_user.prepare(0, picture(30, 40), (30, 40)).values.shape == (3, 28, 42)
    assert by_user.identity["preprocessing"]["size"] == {"height": 28, "width": 28}


def test_a_map_of_the_whole_picture_is_cut_to_the_benchmark_window(tmp_path: Path) -> None:
    whole = np.random.default_rng(0).uniform(1, 80, (375, 1242)).astype(np.float32)
    np.save(tmp_path / "a.npy", whole)
    np.save(tmp_path / "b.npy", whole[23:, 13:1229])
    folder = PredictionFolder(tmp_path, ["a", "b"], predicts=PredictionKind.METRIC_DEPTH)
    cropped = FolderPredictor(folder, find_protocol("kitti_metric"))
    maps = cropped.predict([cropped.prepare(index, picture(352, 1216), (352, 1216)) for index in range(2)])
    for map_ in maps:
        np.testing.assert_array_equal(map_.numpy(), whole[23:, 13:1229])
    uncropped = FolderPredictor(folder, find_protocol("kitti_metric_v2code"))
    (map_,) = uncropped.predict([uncropped.prepare(0, picture(375, 1242), (375, 1242))])
    np.testing.assert_array_equal(map_.numpy(), whole)


@pytest.mark.parametrize("is_corner_aligned", [True, False])
def test_a_map_is_resized_as_the_protocol_says(is_corner_aligned: bool) -> None:
    ramp = torch.arange(5.0).repeat(4, 1)
    row = resized(ramp, (4, 9), is_corner_aligned)[0]
    positions = np.arange(9) * (4 / 8) if is_corner_aligned else ((np.arange(9) + 0.5) * 5 / 9 - 0.5).clip(0, 4)
    np.testing.assert_allclose(row.numpy(), positions, atol=1e-6)
    assert resized(ramp, (4, 5), is_corner_aligned) is ramp
