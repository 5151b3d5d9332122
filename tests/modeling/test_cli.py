import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from depth_anything import prediction_job
from depth_anything.cli import main
from depth_anything.image_processing_depth_anything import DepthAnythingImageProcessor
from depth_anything.predict_arguments import add_predict_arguments, check_arguments
from depth_anything.predictor import DepthPredictor

Predict = Callable[..., int]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder `photos` with two images, one of them in a sub-folder; its parent is the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    for seed, name in enumerate(["a.png", "sub/b.png"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save_noise(path, seed)
    return folder


@pytest.fixture
def predict(photos: Path, tiny_checkpoint: Path) -> Predict:
    """The command on the tiny checkpoint at 70 pixels, into the folder `out`."""

    def run(*arguments: str) -> int:
        settings = ["--model", str(tiny_checkpoint), "--outdir", "out", "--input-size", "70", "--device", "cpu"]
        return main(["predict", *settings, *arguments])

    return run


def save_noise(path: Path, seed: int, height: int = 60, width: int = 80) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)


def record_of(name: str) -> dict:
    return json.loads(Path("out", f"{name}.json").read_text())


def pixels_of(name: str) -> np.ndarray:
    with Image.open(Path("out", name)) as image:
        return np.asarray(image)


def outputs() -> set[str]:
    return {path.relative_to("out").as_posix() for path in Path("out").rglob("*") if path.is_file()}


def test_a_folder_gives_an_array_a_picture_and_a_record_for_every_image(
    predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("photos") == 0
    assert outputs() == {"a.npy", "a.png", "a.json", "sub/b.npy", "sub/b.png", "sub/b.json"}
    assert capsys.readouterr().out == "2 predicted: out\n"


def test_the_array_is_what_the_python_way_gives(predict: Predict, photos: Path, tiny_checkpoint: Path) -> None:
    predict("photos")
    result = DepthPredictor(tiny_checkpoint, device="cpu", input_size=70)(photos / "sub" / "b.png")
    np.testing.assert_array_equal(np.load("out/sub/b.npy"), result.disparity)


def test_the_record_says_what_the_numbers_are_and_where_they_are_from(
    predict: Predict, photos: Path, tiny_checkpoint: Path
) -> None:
    predict("photos/a.png")
    record = record_of("a")
    expected = {
        "quantity": "disparity",
        "unit": "1/m up to unknown scale and shift",
        "sign": "larger is nearer",
        "scale": "affine-invariant",
        "max_depth_m": None,
        "model": str(tiny_checkpoint),
        "revision": None,
        "licence": "unknown",
        "dtype": "float32",
        "image_size": {"height": 60, "width": 80},
        "processed_size": {"height": 70, "width": 98},
    }
    assert {name: record[name] for name in expected} == expected
    weights = (tiny_checkpoint / "model.safetensors").read_bytes()
    assert record["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert record["source"]["file"] == "photos/a.png"
    assert record["source"]["sha256"] == hashlib.sha256((photos / "a.png").read_bytes()).hexdigest()
    assert set(record["files"]) == {"a.npy", "a.png"}
    assert set(record["software"]) == {"depth-anything", "torch", "transformers", "numpy", "pillow"}


def test_a_metric_model_is_recorded_in_metres(predict: Predict, tiny_checkpoint: Path) -> None:
    path = tiny_checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"depth_estimation_type": "metric", "max_depth": 20}))
    predict("photos/a.png", "--save", "png16,color,npy")
    record = record_of("a")
    assert (record["quantity"], record["unit"], record["sign"]) == ("depth", "m", "larger is farther")
    assert (record["scale"], record["max_depth_m"]) == ("metric", 20.0)
    assert record["files"]["a_color.png"]["colormap"] == "Spectral"
    assert (record["files"]["a_16bit.png"]["scale"], record["files"]["a_16bit.png"]["offset"]) == (0.001, 0.0)
    np.testing.assert_allclose(pixels_of("a_16bit.png") * 0.001, np.load("out/a.npy"), rtol=0, atol=0.000501)


def test_every_kind_decodes_to_the_array_by_what_the_record_says(predict: Predict) -> None:
    predict("photos/a.png", "--save", "npy,png16", "--save", "tiff")
    assert outputs() == {"a.npy", "a_16bit.png", "a.tiff", "a.json"}
    values, encoding = np.load("out/a.npy"), record_of("a")["files"]["a_16bit.png"]
    np.testing.assert_array_equal(pixels_of("a.tiff"), values)
    decoded = pixels_of("a_16bit.png") * encoding["scale"] + encoding["offset"]
    assert np.abs(decoded - values).max() <= encoding["scale"] * 0.501


def test_the_official_picture_is_input_strip_and_depth(predict: Predict, photos: Path) -> None:
    predict("--img-path", "photos/a.png")
    picture = pixels_of("a.png")
    assert picture.shape == (60, 80 + 50 + 80, 3)
    with Image.open(photos / "a.png") as photo:
        np.testing.assert_array_equal(picture[:, :80], np.asarray(photo))


def test_a_photo_that_lies_on_its_side_by_exif_is_shown_upright_beside_its_depth(
    predict: Predict, photos: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    with Image.open(photos / "a.png") as image:
        image.save(photos / "turned.png", exif=exif)
        upright = np.rot90(np.asarray(image), -1)
    predict("photos/turned.png")
    assert np.load("out/turned.npy").shape == (80, 60)
    np.testing.assert_array_equal(pixels_of("turned.png")[:, :60], upright)


def test_pred_only_gives_the_depth_alone_under_the_official_name(predict: Predict) -> None:
    predict("photos/a.png", "--pred-only")
    assert outputs() == {"a.npy", "a.png", "a.json"}
    assert pixels_of("a.png").shape == (60, 80, 3)
    assert record_of("a")["files"]["a.png"]["colormap"] == "Spectral_r"


def test_grayscale_is_the_official_stretch_to_256_levels(predict: Predict) -> None:
    predict("photos/a.png", "--pred-only", "--grayscale")
    values = np.load("out/a.npy")
    levels = ((values - values.min()) / (values.max() - values.min()) * 255.0).astype(np.uint8)
    np.testing.assert_array_equal(pixels_of("a.png"), np.repeat(levels[..., None], 3, axis=-1))


def test_a_second_run_skips_what_is_finished(predict: Predict, capsys: pytest.CaptureFixture[str]) -> None:
    predict("photos/a.png")
    written = {path: path.stat().st_mtime_ns for path in Path("out").iterdir()}
    capsys.readouterr()
    assert predict("photos") == 0
    assert capsys.readouterr().out == "1 predicted, 1 finished before: out\n"
    assert all(path.stat().st_mtime_ns == time for path, time in written.items())


def test_a_copy_of_the_input_with_another_time_of_change_is_finished_too(predict: Predict, photos: Path) -> None:
    predict("photos/a.png")
    (photos / "a.png").write_bytes((photos / "a.png").read_bytes())
    before = Path("out/a.json").read_text()
    assert predict("photos/a.png") == 0
    assert Path("out/a.json").read_text() == before


def test_another_kind_is_added_and_leaves_the_first_alone(predict: Predict) -> None:
    predict("photos/a.png", "--save", "npy")
    before = Path("out/a.npy").stat().st_mtime_ns
    assert predict("photos/a.png", "--save", "npy,tiff") == 0
    assert Path("out/a.npy").stat().st_mtime_ns == before
    assert set(record_of("a")["files"]) == {"a.npy", "a.tiff"}


def test_a_kind_that_is_not_asked_for_again_stays_in_the_record(predict: Predict) -> None:
    predict("photos/a.png", "--save", "npy")
    predict("photos/a.png", "--save", "tiff")
    assert set(record_of("a")["files"]) == {"a.npy", "a.tiff"}


def test_an_output_that_was_deleted_is_written_again(predict: Predict) -> None:
    predict("photos/a.png")
    Path("out/a.npy").unlink()
    assert predict("photos/a.png") == 0
    assert set(record_of("a")["files"]) == {"a.npy", "a.png"}
    assert Path("out/a.npy").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--dtype", "bfloat16"], "a.json was made with another dtype ('float32' instead of 'bfloat16')"),
        (["--input-size", "84"], "a.json was made with another preprocessing.size.height (70 instead of 84)"),
        (["--grayscale"], "a.png holds another picture (side-by-side, Spectral_r)"),
        (["--pred-only"], "a.png holds another picture (side-by-side, Spectral_r)"),
    ],
)
def test_outputs_of_other_settings_are_not_replaced(
    predict: Predict, arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    predict("photos/a.png")
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    assert predict("photos/a.png", *arguments) == 1
    assert reason in capsys.readouterr().err.replace("\\", "/")
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before


def test_outputs_of_other_weights_are_not_replaced(
    predict: Predict, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file, save_file

    predict("photos/a.png")
    path = tiny_checkpoint / "model.safetensors"
    save_file({name: weight * 1.5 for name, weight in load_file(path).items()}, path, metadata={"format": "pt"})
    assert predict("photos/a.png") == 1
    assert "another weights_sha256" in capsys.readouterr().err


def test_outputs_of_an_input_that_was_changed_are_not_replaced(
    predict: Predict, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict("photos/a.png")
    before = Path("out/a.npy").read_bytes()
    save_noise(photos / "a.png", seed=7)
    assert predict("photos/a.png") == 1
    assert "describes another input, or this one before it was changed" in capsys.readouterr().err
    assert Path("out/a.npy").read_bytes() == before


@pytest.mark.parametrize("name", ["a.npy", "a.png", "a.json"])
def test_a_file_that_is_not_ours_is_not_replaced(
    predict: Predict, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out").mkdir()
    Path("out", name).write_text("precious")
    assert predict("photos/a.png") == 1
    assert name in capsys.readouterr().err
    assert Path("out", name).read_text() == "precious"
    assert outputs() == {name}


def test_overwrite_replaces_the_outputs_and_removes_those_that_no_record_would_describe(predict: Predict) -> None:
    predict("photos/a.png", "--save", "npy,tiff")
    assert predict("photos/a.png", "--save", "npy", "--dtype", "bfloat16", "--overwrite") == 0
    assert outputs() == {"a.npy", "a.json"}
    assert record_of("a")["dtype"] == "bfloat16"


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_an_input_is_never_replaced_by_an_output(
    photos: Path, tiny_checkpoint: Path, overwrite: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (photos / "a.png").read_bytes()
    arguments = ["predict", "photos/a.png", "--outdir", "photos", "--model", str(tiny_checkpoint), *overwrite]
    assert main([*arguments, "--device", "cpu", "--input-size", "70"]) == 1
    assert "a.png is an input, and outputs replace none" in capsys.readouterr().err
    assert (photos / "a.png").read_bytes() == before


def test_inputs_are_taken_before_and_behind_the_options(predict: Predict) -> None:
    assert predict("photos/a.png", "--save", "npy", "photos/sub/b.png") == 0
    assert outputs() == {"a.npy", "a.json", "b.npy", "b.json"}


def test_inputs_with_one_name_keep_their_outputs_apart(predict: Predict, photos: Path) -> None:
    save_noise(photos / "a.bmp", seed=5)
    assert predict("photos", "--save", "npy") == 0
    assert outputs() == {"a.bmp.npy", "a.bmp.json", "a.png.npy", "a.png.json", "sub/b.npy", "sub/b.json"}
    assert record_of("a.bmp")["source"]["file"] == "photos/a.bmp"


def test_damaged_files_are_named_with_the_reason_and_the_rest_is_done(
    predict: Predict, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "cut.png").write_bytes((photos / "a.png").read_bytes()[:2000])
    (photos / "text.jpg").write_text("no picture")
    (photos / "empty.jpg").touch()
    assert predict("photos") == 1
    printed = capsys.readouterr()
    assert printed.out == "2 predicted, 3 failed: out\n"
    assert "photos/cut.png: image file is truncated" in printed.err
    assert "photos/text.jpg: not a picture that Pillow can read" in printed.err
    assert "photos/empty.jpg: the file is empty" in printed.err
    assert outputs() == {"a.npy", "a.png", "a.json", "sub/b.npy", "sub/b.png", "sub/b.json"}


def test_a_line_of_a_list_that_names_no_file_is_reported_and_the_rest_is_done(
    predict: Predict, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "list.txt").write_text("gone.png\na.png\n")
    assert predict("photos/list.txt") == 1
    assert "photos/gone.png: No such file or directory" in capsys.readouterr().err
    assert outputs() == {"a.npy", "a.png", "a.json"}


def test_images_of_mixed_sizes_in_batches_give_what_single_ones_give(predict: Predict, photos: Path) -> None:
    for seed, (height, width) in enumerate([(60, 80), (90, 60), (30, 40), (60, 90)]):
        save_noise(photos / f"{seed}.png", seed, height, width)
    predict("photos", "--save", "npy", "--batch-size", "3")
    arrays = {path.name: np.load(path) for path in Path("out").glob("*.npy")}
    predict("photos", "--save", "npy", "--batch-size", "1", "--overwrite")
    assert len(arrays) == 5
    for name, values in arrays.items():
        np.testing.assert_allclose(values, np.load(Path("out", name)), rtol=0, atol=1e-5)


def test_an_interrupt_leaves_no_half_written_file_and_the_next_run_goes_on(
    predict: Predict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_npy = prediction_job.write_npy

    def interrupted(path: Path, values: np.ndarray) -> dict:
        path.write_bytes(b"half of an array")
        raise KeyboardInterrupt

    monkeypatch.setattr(prediction_job, "write_npy", interrupted)
    assert predict("photos/a.png") == 130
    assert outputs() == set()
    assert "interrupted; what was finished stays" in capsys.readouterr().err
    monkeypatch.setattr(prediction_job, "write_npy", write_npy)
    assert predict("photos/a.png") == 0


def test_a_failure_between_two_outputs_leaves_neither(
    predict: Predict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace = Path.replace

    def full_disk_at_the_record(self: Path, target: Path) -> Path:
        if target.suffix == ".json":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full_disk_at_the_record)
    assert predict("photos/a.png") == 1
    assert "photos/a.png: [Errno 28] No space left on device" in capsys.readouterr().err
    assert outputs() == set()


def test_a_licence_in_the_checkpoints_readme_is_recorded_and_its_terms_are_said(
    predict: Predict, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_checkpoint / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n# A model\n")
    predict("photos/a.png")
    assert record_of("a")["licence"] == "cc-by-nc-4.0"
    assert "licensed cc-by-nc-4.0: not for commercial use" in capsys.readouterr().err


def test_the_demo_says_that_it_is_meaningless_and_writes_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "--demo", "--outdir", "out", "--input-size", "140", "--device", "cpu"]) == 0
    assert outputs() == {"demo.npy", "demo.png", "demo.json"}
    assert "RANDOM weights" in capsys.readouterr().err
    assert record_of("demo")["model"] == "random weights: the values mean nothing"
    assert np.load("out/demo.npy").std() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no INPUT: name an image"),
        (["gone.jpg"], "gone.jpg: no such file or folder"),
        (["clip.mp4"], "videos are not read yet"),
        (["photos", "--encoder", "vitg"], "the authors never released these weights"),
        (["photos", "--encoder", "vits", "--model", "here"], "give one of them"),
        (["--demo", "--revision", "v1"], "leave out INPUT, --model, --encoder and --revision"),
        (["--demo", "--device", "nonsense"], "device 'nonsense' is not known; choose auto, cpu"),
        (["photos", "--input-size", "7.5"], "'7.5' is not a positive whole number"),
        (["photos", "--demo"], "--demo has its own picture and weights"),
        (["photos", "--save", "exr"], "'exr' is not one or several of npy,png16,tiff,color,side-by-side"),
        (["photos", "--save", "npy", "tiff"], "separate kinds by commas"),
        (["photos", "--save", "side-by-side", "--pred-only"], "--pred-only leaves the input out"),
        (["photos", "--input-size", "0"], "'0' is not a positive whole number"),
        (["photos", "--outdir", "photos/a.png"], "photos/a.png is a file; name a folder"),
        (["photos", "--outdir", "photos"], "the input folder is the output folder too"),
        (["photos", "--unheard-of"], "unrecognized arguments: --unheard-of"),
        (["photos", "--model", "."], "has no config.json"),
    ],
)
def test_a_command_line_that_cannot_be_used_is_answered_with_a_sentence(
    photos: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", *arguments]) == (1 if "--model" in arguments and "." in arguments else 2)
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_device_that_is_not_there_is_a_mistake_of_the_command_line(
    photos: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "photos", "--model", str(tiny_checkpoint), "--device", "cuda:99"]) == 2
    assert "device 'cuda:99' is not there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("encoder", "checkpoint"),
    [
        ("vits", "depth-anything/Depth-Anything-V2-Small-hf"),
        ("vitb", "depth-anything/Depth-Anything-V2-Base-hf"),
        ("vitl", "depth-anything/Depth-Anything-V2-Large-hf"),
        (None, "depth-anything/Depth-Anything-V2-Small-hf"),
    ],
)
def test_the_official_encoder_names_stand_for_the_released_checkpoints(encoder: str | None, checkpoint: str) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    add_predict_arguments(parser)
    arguments = ["a.jpg", *(["--encoder", encoder] if encoder else [])]
    assert check_arguments(parser.parse_args(arguments)).model == checkpoint


@pytest.mark.parametrize("arguments", [["--version"], ["predict", "--version"]])
def test_the_version_is_told_before_and_after_the_sub_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("depth-anything 0.")


def test_the_help_tells_outputs_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--help"]) == 0
    text = capsys.readouterr().out
    assert "photo_16bit.png" in text
    assert "exit code: 0 all is done; 1 an input or the model failed" in text


def test_without_the_hub_one_sentence_says_what_to_do_and_there_is_no_traceback(tmp_path: Path) -> None:
    save_noise(tmp_path / "a.png", 0)
    run = subprocess.run(
        [sys.executable, "-m", "depth_anything", "predict", "a.png"],
        cwd=tmp_path,
        env={"HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "'depth-anything/Depth-Anything-V2-Small-hf' is neither a folder here nor in the local cache" in run.stderr
    assert "give --model" in run.stderr


def test_the_demo_ends_like_every_run_where_its_outputs_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").touch()
    arguments = ["predict", "--demo", "--input-size", "70", "--device", "cpu", "--batch-size", "2"]
    assert main([*arguments, "--outdir", "out/below-a-file"]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("0 predicted, 1 failed")
    assert "demo: [Errno 20] Not a directory" in printed.err


def test_a_name_that_is_no_utf_8_is_written_as_escapes_and_recognised_again(
    predict: Predict, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b"caf\xe9")
    try:
        (photos / "a.png").rename(photos / f"{name}.png")
    except OSError:
        pytest.skip("the disk of this machine takes names in UTF-8 alone")
    assert predict("photos") == 0
    assert predict("photos", "--save", "npy,tiff") == 0
    assert predict("photos") == 0
    assert capsys.readouterr().out.endswith("\n0 predicted, 2 finished before: out\n")
    record = json.loads(Path("out", f"{name}.json").read_text(encoding="utf-8"))
    assert record["source"]["file"] == "photos/caf\\xe9.png"
    assert set(record["files"]) == {"caf\\xe9.npy", "caf\\xe9.png", "caf\\xe9.tiff"}


def test_a_value_error_while_writing_is_the_failure_of_that_image_alone(
    predict: Predict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_npy = prediction_job.write_npy

    def fail_for_small(path: Path, values: np.ndarray) -> dict:
        if values.shape[0] < 50:
            raise ValueError("cannot be encoded")
        return write_npy(path, values)

    save_noise(Path("photos/small.png"), 3, 40, 40)
    monkeypatch.setattr(prediction_job, "write_npy", fail_for_small)
    assert predict("photos") == 1
    printed = capsys.readouterr()
    assert printed.out == "2 predicted, 1 failed: out\n"
    assert "photos/small.png: cannot be encoded" in printed.err


def test_a_glob_into_the_output_folder_does_not_grow_from_run_to_run(
    photos: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Image.open(photos / "a.png") as image:
        image.save(photos / "a.jpg")
    (photos / "a.png").unlink()
    arguments = ["--outdir", "photos", "--model", str(tiny_checkpoint), "--device", "cpu", "--input-size", "70"]
    assert [main(["predict", "photos/*", *arguments]) for _ in range(3)] == [0, 0, 0]
    assert {path.name for path in photos.iterdir()} == {"a.jpg", "a.npy", "a.png", "a.json", "sub"}


def test_an_output_that_was_cut_short_is_written_again(predict: Predict) -> None:
    predict("photos/a.png")
    whole = Path("out/a.npy").read_bytes()
    assert record_of("a")["files"]["a.npy"]["size_bytes"] == len(whole)
    Path("out/a.npy").write_bytes(whole[:1000])
    assert predict("photos/a.png") == 0
    assert Path("out/a.npy").read_bytes() == whole


def test_a_name_near_the_limit_of_the_disk_is_written(predict: Predict, photos: Path) -> None:
    stem = "n" * 245
    (photos / "a.png").rename(photos / f"{stem}.png")
    assert predict(f"photos/{stem}.png") == 0
    assert outputs() == {f"{stem}.npy", f"{stem}.png", f"{stem}.json"}


def test_what_a_killed_run_left_half_written_is_replaced_by_the_next_one(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(os, "getpid", lambda: 1)  # the next run is another process
        killed.setattr(Path, "unlink", lambda *_, **__: None)
        killed.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        assert predict("photos/a.png") == 1
    assert len(outputs()) == 3
    assert predict("photos/a.png") == 0
    assert outputs() == {"a.npy", "a.png", "a.json"}


def test_a_compiler_that_is_not_there_is_told_in_a_sentence(
    predict: Predict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from torch._inductor.exc import InvalidCxxCompiler

    def without_compiler(**_: object) -> None:
        raise InvalidCxxCompiler

    monkeypatch.setattr("torch.compile", lambda *_, **__: without_compiler)
    assert predict("photos/a.png", "--compile") == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("leave out --compile")


def test_a_float_image_is_shown_beside_its_depth_in_its_own_brightness(predict: Predict) -> None:
    levels = np.random.default_rng(0).random((60, 80), dtype=np.float32)
    Image.fromarray(levels).save("photos/float.tiff")
    assert predict("photos/float.tiff") == 0
    expected = np.rint(levels * 255).astype(np.uint8)
    np.testing.assert_array_equal(pixels_of("float.png")[:, :80], np.repeat(expected[..., None], 3, axis=-1))


@pytest.mark.parametrize("arguments", [["--", "-odd.png"], ["photos/a.png", "--save", "npy", "--", "-odd.png"]])
def test_behind_two_dashes_every_word_is_an_input(predict: Predict, arguments: list[str]) -> None:
    save_noise(Path("-odd.png"), 3)
    assert predict(*arguments) == 0
    assert Path("out/-odd.npy").exists()


def test_a_tilde_in_the_output_folder_is_the_home_folder(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert predict("photos/a.png", "--outdir=~/depth") == 0
    assert (tmp_path / "home" / "depth" / "a.npy").exists()


def test_a_revision_of_a_folder_is_a_mistake_of_the_command_line(
    predict: Predict, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("photos", "--revision", "main") == 2
    assert "is of a Hub checkpoint, but the model" in capsys.readouterr().err


def test_dtype_auto_is_on_offer(predict: Predict) -> None:
    assert predict("photos/a.png", "--dtype", "auto") == 0


def test_an_input_size_for_a_checkpoint_that_pads_is_a_mistake_of_the_command_line(
    predict: Predict, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DepthAnythingImageProcessor(resize_method="pad").save_pretrained(tiny_checkpoint)
    assert predict("photos") == 2
    assert "does not resize: leave it out" in capsys.readouterr().err


def test_pictures_that_are_not_read_are_counted_in_one_line(
    predict: Predict, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "b.heic").touch()
    (photos / "c.dng").touch()
    assert predict("photos") == 0
    assert "2 pictures left out, of kinds that are not read: .dng .heic" in capsys.readouterr().err
