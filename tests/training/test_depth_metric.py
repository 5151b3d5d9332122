from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import EvalPrediction

from depth_anything.training.evaluation.scoring import score_images
from depth_anything.training.evaluation.scoring_rule import Alignment, PredictionKind, ScoringRule

evaluate = pytest.importorskip("evaluate")

MODULE = Path(__file__).parents[2] / "training" / "depth_metric.py"
LOAD_AND_ADD = """
import sys
import evaluate, numpy as np
path, cache_dir, maps, rank = sys.argv[1:4] + [int(sys.argv[4])]
metric = evaluate.load(path, num_process=2, process_id=rank, experiment_id="two", cache_dir=cache_dir)
loaded = np.load(maps)
for place in range(rank, len(loaded["references"]), 2):
    chosen = slice(place, place + 1)
    metric.add_batch(predictions=loaded["predictions"][chosen], references=loaded["references"][chosen])
print(metric.compute(max_depth_m=9.0))
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Loads the module as a user would, without a network and with caches of the test's own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("evaluate.loading.init_dynamic_modules", _own_modules(tmp_path))
    return lambda **options: evaluate.load(str(MODULE), cache_dir=str(tmp_path / "metrics"), **options)


def _own_modules(folder: Path) -> Callable[..., str]:
    from evaluate.loading import init_dynamic_modules

    return lambda name="evaluate_modules", hf_modules_cache=None: init_dynamic_modules(name, folder / "modules")


@pytest.fixture
def maps() -> tuple[np.ndarray, np.ndarray]:
    """Disparity with noise and true depth with holes of all sorts, float32, (5, 12, 15)."""
    generator = np.random.default_rng(0)
    depth_m = generator.uniform(0.5, 12, (5, 12, 15)).astype(np.float32)
    prediction = (3 / depth_m + 0.1 * generator.normal(size=depth_m.shape) + 1).astype(np.float32)
    for place, hole in enumerate((0.0, math.nan, math.inf, -1.0)):
        depth_m[:, place, ::2] = hole
    prediction[:, 5, 3], depth_m[:, 5, 3] = math.nan, 2
    return prediction, depth_m


def expected(predictions: np.ndarray, references: np.ndarray) -> dict[str, float]:
    """Means over the images by the scores themselves, with a range of 1 mm to 9 m."""
    depth_m = torch.from_numpy(references)
    rule = ScoringRule(alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=9.0)
    valid = (depth_m > 1e-3) & (depth_m < 9)
    scores = score_images(torch.from_numpy(predictions), depth_m, valid, PredictionKind.RELATIVE_DISPARITY, rule)
    return {name: values.mean().item() for name, values in scores.values.items()}


def test_batches_and_one_call_give_the_mean_over_all_images(
    load: Callable[[], Any], maps: tuple[np.ndarray, np.ndarray]
) -> None:
    predictions, references = maps
    metric = load()
    for chosen in (slice(0, 2), slice(2, 5)):
        metric.add_batch(predictions=predictions[chosen], references=references[chosen])
    by_batches = metric.compute(max_depth_m=9.0)
    assert by_batches == metric.compute(predictions=predictions, references=references, max_depth_m=9.0)
    for name, value in expected(predictions, references).items():
        assert by_batches[name] == pytest.approx(value, rel=1e-12), name
    counts = {name: value for name, value in by_batches.items() if name.startswith("num_")}
    assert counts == {"num_images": 5, "num_without_truth": 0, "num_penalised": 5, "num_degenerate": 0}


def test_images_of_several_sizes_and_without_truth_are_taken_one_by_one(
    load: Callable[[], Any], maps: tuple[np.ndarray, np.ndarray]
) -> None:
    predictions, references = maps
    metric = load()
    empty = np.zeros((6, 4), np.float32)
    metric.add_batch(
        predictions=[predictions[0], predictions[1, :, :9], empty],
        references=[references[0], references[1, :, :9], empty],
    )
    result = metric.compute(max_depth_m=9.0)
    sizes = [(maps[0][:1], maps[1][:1]), (maps[0][1:2, :, :9], maps[1][1:2, :, :9])]
    for name in ("abs_rel", "delta1"):
        assert result[name] == pytest.approx(np.mean([expected(*size)[name] for size in sizes]), rel=1e-12)
    assert (result["num_images"], result["num_without_truth"]) == (3, 1)


def test_kind_alignment_and_space_can_be_chosen(load: Callable[[], Any]) -> None:
    depth_m = np.random.default_rng(0).uniform(1, 9, (2, 6, 7)).astype(np.float32)
    inputs = {"predictions": 2 * depth_m, "references": depth_m}
    metric = load()
    assert metric.compute(**inputs, prediction_kind="metric_depth")["abs_rel"] == pytest.approx(1)
    in_disparity = metric.compute(**inputs, prediction_kind="metric_depth", error_space="disparity")
    assert in_disparity["abs_rel"] == pytest.approx(0.5)
    aligned = metric.compute(**inputs, prediction_kind="metric_depth", alignment="median_ratio")
    assert aligned["abs_rel"] == pytest.approx(0, abs=1e-7)
    with pytest.raises(ValueError, match="cannot bring to metres"):
        metric.compute(**inputs, prediction_kind="relative_disparity", alignment="none")


def test_references_without_depth_are_refused(load: Callable[[], Any]) -> None:
    zeros = np.zeros((2, 3, 3), np.float32)
    with pytest.raises(ValueError, match="none of 2 references"):
        load().compute(predictions=zeros, references=zeros)


def test_a_trainer_can_take_it_for_compute_metrics(
    load: Callable[[], Any], maps: tuple[np.ndarray, np.ndarray]
) -> None:
    metric = load()

    def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
        return metric.compute(predictions=prediction.predictions, references=prediction.label_ids, max_depth_m=9.0)

    result = compute_metrics(EvalPrediction(predictions=maps[0], label_ids=maps[1]))
    assert result["abs_rel"] == pytest.approx(expected(*maps)["abs_rel"], rel=1e-12)


@pytest.mark.slow
def test_two_processes_give_the_result_of_one_to_the_first(
    tmp_path: Path, maps: tuple[np.ndarray, np.ndarray]
) -> None:
    np.savez(tmp_path / "maps.npz", predictions=maps[0], references=maps[1])
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(tmp_path / "modules")}
    arguments = [
        sys.executable,
        "-c",
        LOAD_AND_ADD,
        str(MODULE),
        str(tmp_path / "metrics"),
        str(tmp_path / "maps.npz"),
    ]
    runs = [
        subprocess.Popen([*arguments, str(rank)], env=environment, stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    first, second = (run.communicate(timeout=300)[0] for run in runs)
    assert second.strip() == "None"
    result = eval(first, {"nan": math.nan})
    assert result["num_images"] == 5
    for name, value in expected(*maps).items():
        assert result[name] == pytest.approx(value, rel=1e-12), name
