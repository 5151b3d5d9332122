"""The command as a user runs it, on small frames with a small network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

from depth_anything import DepthAnythingForDepthEstimation, DepthAnythingImageProcessor
from depth_anything.cli import main as command
from depth_anything.configuration_depth_anything import DepthAnythingConfig
from depth_anything.training import evaluate_zero_shot

SCRIPT = Path(evaluate_zero_shot.__file__)
Scores = dict[str, float]


@pytest.fixture
def frames(depth_tree: Callable[..., Path]) -> Path:
    """Eleven frames, one of another size."""
    root = depth_tree(11)
    Image.new("RGB", (40, 30), (90, 60, 30)).save(root / "images/0/0004.jpg")
    np.save(root / "depth/0/0004.npy", np.linspace(1, 9, 1200, dtype=np.float32).reshape(30, 40))
    return root


@pytest.fixture
def evaluate(tmp_path: Path, frames: Path, tiny_checkpoint: Path) -> Callable[..., dict[str, Any]]:
    """Runs the command on the frames, by default of the tiny network, and gives the benchmarks of results.json."""

    def run(*words: str, output: str = "out", scored: tuple[str, ...] = (), exit_code: int = 0) -> dict[str, Any]:
        scored = scored or ("--model", str(tiny_checkpoint), "--input-size", "28")
        benchmark = () if "--benchmark" in words else ("--benchmark", "folder_relative")
        places = ("--data-root", str(frames), "--output", str(tmp_path / output), "--device", "cpu")
        arguments = [*scored, *benchmark, *places, "--batch-size", "4", "--pictures", "1", *words]
        assert evaluate_zero_shot.main(arguments) == exit_code
        benchmarks: dict[str, Any] = json.loads((tmp_path / output / "results.json").read_text())["benchmarks"]
        return benchmarks

    return run


def metrics_of(benchmark: dict[str, Any]) -> list[Scores]:
    return [image["metrics"] for image in benchmark["images"] if "metrics" in image]


def test_it_scores_every_frame_and_writes_what_it_found(
    evaluate: Callable[..., dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluate("--benchmark", "folder_relative", "folder_relative_disparity")
    printed = capsys.readouterr().out
    assert "folder_relative: your own frames, relative\n  errors of depth, in metres;" in printed
    assert "errors of disparity, in 1/m" in printed
    for name, benchmark in found.items():
        assert [image["key"] for image in benchmark["images"]] == [f"0/{number:04d}.jpg" for number in range(11)]
        assert benchmark["protocol"]["name"] == name
        assert benchmark["model"]["predicts"] == "relative_disparity"
        assert benchmark["model"]["preprocessing"]["size"] == {"height": 28, "width": 28}
        means = {metric: np.mean([one[metric] for one in metrics_of(benchmark)]) for metric in benchmark["means"]}
        assert benchmark["means"] == pytest.approx(means, rel=1e-12)
        assert f"{means['abs_rel']:.4f}" in printed
        for picture in ("worst", "best", "error_over_depth"):
            with Image.open(tmp_path / "out" / name / f"{picture}.png") as opened:
                assert opened.mode == "RGB"
    card = ModelCard((tmp_path / "out/model_card_results.md").read_text()).data
    assert card.eval_results is not None
    values = {(result.dataset_name, result.metric_type): result.metric_value for result in card.eval_results}
    assert values["your own frames, relative", "delta1"] == pytest.approx(
        found["folder_relative"]["means"]["delta1"], abs=1e-6
    )


def test_errors_over_depth_add_up_to_the_relative_error(evaluate: Callable[..., dict[str, Any]]) -> None:
    for image in evaluate()["folder_relative"]["images"]:
        pixels = sum(count for _, count, _ in image["depth_errors"])
        assert pixels == image["num_valid"]
        total = sum(error for _, _, error in image["depth_errors"])
        assert total / pixels == pytest.approx(image["metrics"]["abs_rel"], rel=1e-12)


def test_our_network_and_transformers_own_score_alike(evaluate: Callable[..., dict[str, Any]]) -> None:
    ours = evaluate("--position-interpolation", "native", output="ours")["folder_relative"]
    native = evaluate("--native-model", output="native")["folder_relative"]
    official = evaluate(output="official")["folder_relative"]
    assert native["model"]["class"].startswith("transformers.")
    for one, other in zip(metrics_of(ours), metrics_of(native), strict=True):
        assert one == pytest.approx(other, abs=1e-6)
    assert any(
        one != pytest.approx(other, abs=1e-6)
        for one, other in zip(metrics_of(official), metrics_of(native), strict=True)
    )


def test_a_folder_that_predict_wrote_scores_as_the_model_itself(
    evaluate: Callable[..., dict[str, Any]], frames: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    model = evaluate(output="model")["folder_relative"]
    words = ["--model", str(tiny_checkpoint), "--input-size", "28", "--device", "cpu", "--save", "npy"]
    assert command(["predict", str(frames / "images"), "--outdir", str(tmp_path / "maps"), *words]) == 0
    folder = evaluate(output="folder", scored=("--predictions", str(tmp_path / "maps")))["folder_relative"]
    assert folder["model"]["predicts"] == "relative_disparity"
    for one, other in zip(metrics_of(model), metrics_of(folder), strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_a_metric_model_is_scored_in_metres_without_alignment(
    evaluate: Callable[..., dict[str, Any]], tiny_config: DepthAnythingConfig, tmp_path: Path
) -> None:
    config = DepthAnythingConfig(**{**tiny_config.to_dict(), "depth_estimation_type": "metric", "max_depth": 20})
    DepthAnythingForDepthEstimation(config).save_pretrained(tmp_path / "metric")
    DepthAnythingImageProcessor().save_pretrained(tmp_path / "metric")
    scored = ("--model", str(tmp_path / "metric"), "--input-size", "28")
    found = evaluate("--benchmark", "folder_metric", "--depth-range", "1", "50", scored=scored)
    (benchmark,) = found.values()
    assert benchmark["protocol"]["truth"]["max_depth_m"] == 50
    assert {image["scale"] for image in benchmark["images"]} == {1.0}


def test_a_damaged_image_is_told_and_tried_again(
    evaluate: Callable[..., dict[str, Any]], frames: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = frames / "images/0/0002.jpg"
    picture = path.read_bytes()
    path.write_bytes(b"damaged")
    found = evaluate(exit_code=1)["folder_relative"]
    printed = capsys.readouterr().out
    assert "10 of 11 images scored" in printed
    assert "1 image could not be scored:\n    0/0002.jpg: damaged_image" in printed
    assert found["counts"]["failed"] == 1
    assert len(metrics_of(found)) == 10
    path.write_bytes(picture)
    assert evaluate()["folder_relative"]["counts"]["failed"] == 0


def test_benchmarks_of_one_model_gather_in_one_file(evaluate: Callable[..., dict[str, Any]]) -> None:
    evaluate()
    assert list(evaluate("--benchmark", "folder_relative_disparity")) == [
        "folder_relative",
        "folder_relative_disparity",
    ]


def test_another_model_or_setting_in_the_output_is_refused(
    evaluate: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate()
    before = evaluate()
    evaluate("--native-model", exit_code=2)
    assert "holds folder_relative with another class" in capsys.readouterr().err
    evaluate("--limit", "5", exit_code=2)
    assert "holds another evaluation (images: 11, not 5): choose another --output" in capsys.readouterr().err
    assert evaluate() == before
    assert evaluate("--limit", "5", "--overwrite")["folder_relative"]["counts"]["images"] == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--benchmark", "folder_metric"], "benchmark folder_metric judges metric_depth (depth in metres), and the"),
        (["--benchmark", "folder_metric"], "on the same data fit folder_relative, folder_relative_disparity"),
        (["--benchmark", "nosuch"], "there is no protocol 'nosuch'"),
        (["--benchmark", "folder_relative", "folder_relative"], "--benchmark names one twice"),
        (["--predicts", "metric_depth"], "--predicts is metric_depth, but the checkpoint's configuration"),
        (["--predictions", "."], "name what is scored: either --model or --predictions"),
        (["--png-scale", "0.001"], "--png-scale is of --predictions"),
        (["--native-processor"], "input_size 28 is of our image processor"),
        (["--option", "nosuch=1"], "has no option nosuch"),
        (["--depth-range", "5", "1"], "min_depth_m is 5.0 and max_depth_m 1.0"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_scored(
    evaluate: Callable[..., dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/results.json").write_text('{"benchmarks": {}}')
    evaluate(*words, exit_code=2)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1, "one line, no traceback"


def test_the_list_names_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate_zero_shot.main(["--list"]) == 0
    printed = capsys.readouterr().out
    assert all(
        any(line.startswith(f"{name}:") for line in printed.splitlines()) for name in evaluate_zero_shot.PROTOCOLS
    )


def launched(num_processes: int, *words: str) -> subprocess.Popen[str]:
    launcher = [sys.executable]
    if num_processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(num_processes)]
    device = ["--device", "cpu"] if torch.accelerator.is_available() else []  # else it finds that out itself
    return subprocess.Popen(
        [*launcher, str(SCRIPT), *words, *device],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_two_processes_after_a_kill_write_the_file_of_one(tmp_path: Path, frames: Path, tiny_checkpoint: Path) -> None:
    words = ["--model", str(tiny_checkpoint), "--input-size", "28", "--benchmark", "folder_relative"]
    words += ["--data-root", str(frames), "--batch-size", "2", "--pictures", "0", "--output"]
    one = launched(1, *words, str(tmp_path / "one"))
    killed = launched(1, *words, str(tmp_path / "two"))
    parts = tmp_path / "two/folder_relative/parts"
    while not list(parts.glob("*.json")) and killed.poll() is None:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    kept = {path: path.stat().st_mtime_ns for path in parts.glob("*.json")}
    assert kept
    two = launched(2, *words, str(tmp_path / "two"))
    for process in (one, two):
        _, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
    assert (tmp_path / "one/results.json").read_bytes() == (tmp_path / "two/results.json").read_bytes()
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in parts.glob("*.json")}.items()


@pytest.mark.slow
def test_real_frames_score_alike_by_our_network_and_transformers_own(
    shared_dir: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    rgbd = shared_dir / "rgbd"
    lines = {  # one of each source
        one["source"]: f"{rgbd / one['rgb']} {rgbd / one['depth']} {one['scale']}"
        for one in json.loads((rgbd / "manifest.json").read_text())
        if one["kind"] == "depth"
        and one["format"] in ("png16", "npy_f32")
        and one["source"] != "promptda_arkit"  # whose depth is smaller than its picture
    }
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("\n".join(lines.values()))
    words = ["--model", str(tiny_checkpoint), "--input-size", "112", "--benchmark", "folder_relative"]
    words += ["--data-root", str(pairs), "--device", "cpu", "--pictures", "0", "--output"]
    found = []
    for choice in ("--native-model", "--position-interpolation=native"):
        assert evaluate_zero_shot.main([*words, str(tmp_path / choice.strip("-")), choice]) == 0
        results = json.loads((tmp_path / choice.strip("-") / "results.json").read_text())
        found.append(metrics_of(results["benchmarks"]["folder_relative"]))
    assert len(found[0]) == len(lines) > 5
    for one, other in zip(*found, strict=True):
        assert one == pytest.approx(other, rel=1e-7, abs=1e-6)  # float32 has no finer step at a silog of 56
