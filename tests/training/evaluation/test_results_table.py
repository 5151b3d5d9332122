from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from depth_anything.training.evaluation.printed_numbers import printed_results, release_of
from depth_anything.training.evaluation.protocol_table import PROTOCOLS, find_protocol
from depth_anything.training.evaluation.results_file import BenchmarkResult, ImageRow
from depth_anything.training.evaluation.results_table import card_text, protocol_sentence, result_lines

SMALL = "depth-anything/Depth-Anything-V2-Small-hf"


def result(protocol: str, metrics: dict[str, float], model: str = SMALL, **others: Any) -> BenchmarkResult:
    row = ImageRow(index=0, key="a", metrics=metrics, num_valid=100, **others)
    return BenchmarkResult(
        protocol=find_protocol(protocol).record(), model={"model": model}, settings={"limit": None}, rows=(row,)
    )


def test_the_papers_numbers_stand_beside_the_runs_with_the_difference() -> None:
    lines = result_lines(result("nyuv2_relative", {"abs_rel": 0.051, "rmse": 0.4, "delta1": 0.975}))
    text = "\n".join(lines)
    assert "0.053 (-0.0020)" in text, "V2's table 2"
    assert "0.973 (+0.0020)" in text
    printed = [line for line in lines if "arXiv" in line]
    assert printed
    assert all("V2 Small" in line for line in printed), "the checkpoint's own row alone"
    assert "errors of depth, in metres; alignment: scale shift disparity" in lines[1]


def test_another_model_stands_beside_every_printed_one() -> None:
    lines = result_lines(result("nyuv2_relative", {"abs_rel": 0.05}, model="mine"))
    printed = [line for line in lines if "arXiv:2406.09414" in line]
    assert {size for size in ("Small", "Base", "Large") for line in printed if size in line} == {
        "Small",
        "Base",
        "Large",
    }


def test_own_frames_have_no_printed_numbers() -> None:
    assert printed_results("folder_relative", "mine") == ()
    assert "printed" not in "\n".join(result_lines(result("folder_relative", {"abs_rel": 0.05})))


@pytest.mark.parametrize(
    ("name", "release"),
    [
        (SMALL, (2, "small")),
        ("LiheYoung/depth-anything-large-hf", (1, "large")),
        ("/models/Depth-Anything-V2-Base-hf/", (2, "base")),
        ("depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf", None),
        ("small", None),
    ],
)
def test_a_released_checkpoint_is_known_by_its_name(name: str, release: tuple[int, str] | None) -> None:
    assert release_of(name) == release


def test_part_of_a_benchmark_is_said_to_be_one() -> None:
    text = "\n".join(result_lines(result("nyuv2_relative", {"abs_rel": 0.05})))
    assert "1 of 1 images scored" in text
    assert "NOT THE WHOLE BENCHMARK, which has 654 images" in text


def test_penalised_predictions_degenerate_fits_and_images_left_out_are_told() -> None:
    scored = result("folder_relative", {"abs_rel": 0.05}, num_penalised=30, degenerate="the prediction is flat")
    rows = (
        *scored.rows,
        ImageRow(index=1, key="b", left_out="empty_label: no pixel counts"),
        *(ImageRow(index=index, key=f"c{index}", fault="damaged") for index in range(2, 7)),
    )
    lines = result_lines(
        BenchmarkResult(protocol=scored.protocol, model=scored.model, settings=scored.settings, rows=rows)
    )
    text = "\n".join(lines)
    for told in (
        "1 of 7 images scored",
        "30 predictions (30.00%) were no positive number, and penalised",
        "1 degenerate alignment, the first: the prediction is flat",
        "1 image left out:\n    empty_label: no pixel counts",
        "5 images could not be scored:\n    c2: damaged\n    c3: damaged\n    c4: damaged\n    and 2 more",
    ):
        assert told in text


def test_scene_types_are_reported_on_their_own() -> None:
    rows = tuple(
        ImageRow(index=index, key=str(index), metrics={"pairwise_accuracy": share}, weight=weight, group=group)
        for index, (share, weight, group) in enumerate(
            [(1.0, 3.0, "indoor"), (0.5, 2.0, "aerial"), (0.0, 1.0, "aerial")]
        )
    )
    record = find_protocol("da_2k").record()
    lines = result_lines(BenchmarkResult(protocol=record, model={"model": SMALL}, settings={}, rows=rows))
    cells = [line.split() for line in lines]
    assert ["indoor", "1.0000", "0.929", "(+0.0710)"] in cells, "with the paper's number of the scene"
    assert [line[:2] for line in cells if line[:1] == ["aerial"]] == [["aerial", "0.3333"]]
    assert any(line[-1:] == ["0.6667"] and "pairwise" in line for line in cells)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_has_its_sentence(name: str) -> None:
    sentence = protocol_sentence(find_protocol(name).record())
    assert ("disparity, in 1/m" in sentence) == name.endswith("_disparity")


def test_the_card_holds_every_mean_as_metadata_and_as_a_table(tmp_path: Path) -> None:
    results = {
        "nyuv2_relative": result("nyuv2_relative", {"abs_rel": 0.05, "delta1": 0.975}),
        "da_2k": result("da_2k", {"pairwise_accuracy": 0.95}, group="indoor"),
    }
    text = card_text(results)
    data = ModelCard(text).data
    assert data.model_name == "Depth-Anything-V2-Small-hf"
    assert data.eval_results is not None
    assert [(entry.metric_type, entry.metric_value) for entry in data.eval_results] == [
        ("abs_rel", 0.05),
        ("delta1", 0.975),
        ("pairwise_accuracy", 0.95),
    ]
    assert "| AbsRel |  | lower | 0.0500 |" in text
    assert "0.053 (-0.0030)" in text
