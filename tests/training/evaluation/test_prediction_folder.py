from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from depth_anything.cli import main as predict_main
from depth_anything.training.evaluation.declared_kind import PredictionKindError
from depth_anything.training.evaluation.prediction_folder import (
    PredictionFileError,
    PredictionFolder,
    PredictionFolderError,
)
from depth_anything.training.evaluation.scoring_rule import PredictionKind

DISPARITY, METRES = PredictionKind.RELATIVE_DISPARITY, PredictionKind.METRIC_DEPTH


@pytest.fixture
def map_() -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(0.5, 9, (12, 16)).astype(np.float32)


def write_record(stem: Path, quantity: str, files: dict[str, dict[str, object]]) -> None:
    record = {"format": "depth-anything prediction 1", "quantity": quantity, "files": files}
    stem.with_name(f"{stem.name}.json").write_text(json.dumps(record))


def test_arrays_are_read_as_they_are(tmp_path: Path, map_: NDArray[np.float32]) -> None:
    np.save(tmp_path / "b.npy", map_)
    np.save(tmp_path / "a.npy", map_ + 1)
    folder = PredictionFolder(tmp_path, ["a", "b"], predicts=METRES)
    assert folder.kind is METRES
    np.testing.assert_array_equal(folder.read(0), map_ + 1)
    np.testing.assert_array_equal(folder.read(1), map_)


def test_levels_are_read_by_the_stated_step(tmp_path: Path, map_: NDArray[np.float32]) -> None:
    levels = np.rint(map_ / 0.001).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    folder = PredictionFolder(tmp_path, ["a"], predicts=METRES, png_scale=0.001)
    np.testing.assert_array_equal(folder.read(0), (levels * 0.001).astype(np.float32))
    with pytest.raises(PredictionFileError, match="levels without a scale: give --png-scale"):
        PredictionFolder(tmp_path, ["a"], predicts=METRES).read(0)


def test_levels_are_read_by_the_record_beside_them(tmp_path: Path, map_: NDArray[np.float32]) -> None:
    levels = np.arange(192, dtype=np.uint16).reshape(12, 16) * 300
    Image.fromarray(levels).save(tmp_path / "a_16bit.png")
    Image.new("RGB", (16, 12)).save(tmp_path / "a.png")  # a picture that lies beside them
    files: dict[str, dict[str, object]] = {
        "a_16bit.png": {"kind": "png16", "scale": 0.25, "offset": -3.0},
        "a.png": {"kind": "side-by-side"},
    }
    write_record(tmp_path / "a", "disparity", files)
    folder = PredictionFolder(tmp_path, ["a"])
    assert folder.kind is DISPARITY
    np.testing.assert_array_equal(folder.read(0), levels * np.float32(0.25) - 3)


@pytest.mark.parametrize("save", ["npy", "png16", "tiff,color", "side-by-side,npy"])
def test_what_predict_wrote_is_read(tmp_path: Path, tiny_checkpoint: Path, save: str) -> None:
    pictures, noise = tmp_path / "pictures", np.random.default_rng(0)
    for name in ("one/0001.png", "two/0001.png"):
        (pictures / name).parent.mkdir(parents=True)
        Image.fromarray(noise.integers(0, 256, (28, 42, 3), np.uint8)).save(pictures / name)
    words = ["--model", str(tiny_checkpoint), "--input-size", "28", "--device", "cpu"]
    for out, kinds in (("given", save), ("arrays", "npy")):
        assert predict_main(["predict", str(pictures), "--outdir", str(tmp_path / out), "--save", kinds, *words]) == 0
    given = PredictionFolder(tmp_path / "given", ["one/0001", "two/0001"])
    assert given.kind is DISPARITY
    for index, name in enumerate(("one/0001", "two/0001")):
        expected = np.load(tmp_path / f"arrays/{name}.npy")
        step = (expected.max() - expected.min()) / 65535 if save == "png16" else 0
        np.testing.assert_allclose(given.read(index), expected, atol=0.51 * step, rtol=1e-6 if step else 0)


def test_a_flat_folder_is_found_by_the_ends_of_the_names(tmp_path: Path, map_: NDArray[np.float32]) -> None:
    np.save(tmp_path / "0001.npy", map_)
    np.save(tmp_path / "0002.npy", map_ + 1)
    folder = PredictionFolder(tmp_path, ["indoor/0001", "outdoor/0002"], predicts=METRES)
    np.testing.assert_array_equal(folder.read(1), map_ + 1)
    with pytest.raises(PredictionFolderError, match="names predictions 0001, which several images are called"):
        PredictionFolder(tmp_path, ["indoor/0001", "outdoor/0001"], predicts=METRES)


def test_names_that_are_paths_of_pictures_are_found_below_the_folder(
    tmp_path: Path, map_: NDArray[np.float32]
) -> None:
    (tmp_path / "maps").mkdir()
    np.save(tmp_path / "maps/0001.npy", map_)
    np.save(tmp_path / "0001.npy", map_ + 1)  # beside the picture, where nobody asked to look
    folder = PredictionFolder(tmp_path / "maps", [f"{tmp_path}/0001.png"], predicts=METRES)
    np.testing.assert_array_equal(folder.read(0), map_)


def test_a_picture_beside_the_record_is_no_prediction(tmp_path: Path) -> None:
    Image.new("L", (16, 12)).save(tmp_path / "a.png")
    write_record(tmp_path / "a", "disparity", {"a.png": {"kind": "color", "shown_range": [0, 1]}})
    with pytest.raises(PredictionFileError, match="no prediction"):
        PredictionFolder(tmp_path, ["a"], png_scale=1).read(0)


def test_one_missing_or_damaged_prediction_is_that_images_fault(tmp_path: Path, map_: NDArray[np.float32]) -> None:
    np.save(tmp_path / "a.npy", map_)
    (tmp_path / "c.npy").write_bytes(b"\x93NUMPY")
    folder = PredictionFolder(tmp_path, ["a", "b", "c"], predicts=METRES)
    with pytest.raises(PredictionFileError, match=r"no prediction .*b\{\.npy,"):
        folder.read(1)
    with pytest.raises(PredictionFileError, match=r"c\.npy"):
        folder.read(2)


def test_what_the_numbers_mean_has_to_be_said_and_not_twice(tmp_path: Path, map_: NDArray[np.float32]) -> None:
    np.save(tmp_path / "a.npy", map_)
    with pytest.raises(PredictionKindError, match="give --predicts relative_disparity"):
        PredictionFolder(tmp_path, ["a"])
    write_record(tmp_path / "a", "depth", {})
    assert PredictionFolder(tmp_path, ["a"]).kind is METRES
    with pytest.raises(PredictionKindError, match=r"but the records in .* say metric_depth"):
        PredictionFolder(tmp_path, ["a"], predicts=DISPARITY)
    np.save(tmp_path / "b.npy", map_)
    write_record(tmp_path / "b", "disparity", {})
    with pytest.raises(PredictionFileError, match=r"b\.json says 'disparity'"):
        PredictionFolder(tmp_path, ["a", "b"]).read(1)


def test_a_folder_without_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PredictionFolderError, match="is no folder"):
        PredictionFolder(tmp_path / "absent", ["a"], predicts=METRES)
    with pytest.raises(PredictionFolderError, match=r"no prediction of these images; the first would be x/a\{"):
        PredictionFolder(tmp_path, ["x/a"], predicts=METRES)


def test_another_file_is_another_identity(tmp_path: Path, map_: NDArray[np.float32]) -> None:
    np.save(tmp_path / "a.npy", map_)
    folder = PredictionFolder(tmp_path, ["a"], predicts=METRES)
    before = folder.identity()
    assert folder.identity() == before
    np.save(tmp_path / "a.npy", map_[:4])
    assert folder.identity() != before
