from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from depth_anything.training import evaluate_zero_shot
from depth_anything.training.evaluation.compared_results import (
    NotComparableError,
    Resampling,
    compared,
    comparison_lines,
)
from depth_anything.training.evaluation.results_file import BenchmarkResult, ImageRow, read_results, write_results

FEW = Resampling(num_resamples=300)


def result(seed: int, *, shift: float = 0.0, num_images: int = 30) -> BenchmarkResult:
    noise = np.random.default_rng(seed)
    rows = tuple(
        ImageRow(
            index=index,
            key=f"image {index}",
            metrics={"abs_rel": float(value) + shift, "delta1": 1 - float(value) - shift},
            num_valid=10,
            scale=1.5,
            shift=-0.25,
        )
        for index, value in enumerate(noise.uniform(0.1, 0.2, num_images))
    )
    protocol = {"name": "test", "title": "Test", "rule": {"alignment": "none", "error_space": "depth"}}
    return BenchmarkResult(protocol=protocol, model={"model": f"model {seed}"}, settings={"limit": None}, rows=rows)


def test_both_sides_are_printed_with_the_interval_and_the_better_one(tmp_path: Path) -> None:
    first, second = result(0), result(0, shift=0.05)
    write_results(tmp_path / "a.json", {"test": first, "alone": first})
    write_results(tmp_path / "b.json", {"test": second})
    lines = comparison_lines(tmp_path / "a.json", tmp_path / "b.json", FEW)
    text = "\n".join(lines)
    assert lines[0] == "test: 30 images"
    means = first.means()["abs_rel"], second.means()["abs_rel"]
    (row,) = [line.split() for line in lines if line.split()[:1] == ["AbsRel"]]
    assert row == ["AbsRel", f"{means[0]:.4f}", f"{means[1]:.4f}", "+0.0500", "+0.0500", "..", "+0.0500", "A"]
    assert [line.split()[-1] for line in lines if "delta" in line or "δ1" in line] == ["A"], "less of it is worse"
    assert f"only in {tmp_path / 'a.json'}: alone" in text
    assert "300 resamples" in text
    assert "seed 0" in text


def test_an_interval_around_nothing_is_not_clear(tmp_path: Path) -> None:
    differences = compared("test", result(1), result(2), FEW)
    assert not differences["abs_rel"].is_clear
    assert differences["abs_rel"].low < differences["abs_rel"].difference < differences["abs_rel"].high


def test_other_protocols_and_other_images_are_refused() -> None:
    first = result(0)
    other = replace(first, protocol={**first.protocol, "rule": {"alignment": "scale", "error_space": "depth"}})
    with pytest.raises(NotComparableError, match=r"two protocols \(rule\.alignment: 'none', not 'scale'\)"):
        compared("test", first, other, FEW)
    with pytest.raises(NotComparableError, match="test has 30 and 29 images, of which 1 are in one alone, such as"):
        compared("test", first, result(0, num_images=29), FEW)
    swapped = replace(first, rows=(first.rows[1], first.rows[0], *first.rows[2:]))
    with pytest.raises(NotComparableError, match="their order differs"):
        compared("test", first, swapped, FEW)
    failed = replace(first.rows[4], metrics={}, fault="no such file")
    with pytest.raises(NotComparableError, match=r"image 4 was scored on one side alone \(no such file\)"):
        compared("test", first, replace(first, rows=(*first.rows[:4], failed, *first.rows[5:])), FEW)


def test_images_that_both_sides_leave_out_do_not_count() -> None:
    sides = [result(0), result(3)]
    left_out = [
        replace(side, rows=(replace(side.rows[0], metrics={}, left_out="empty"), *side.rows[1:])) for side in sides
    ]
    found = compared("test", *left_out, FEW)["abs_rel"]
    assert found.first == pytest.approx(np.mean([row.metrics["abs_rel"] for row in sides[0].rows[1:]]))


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    rows = (
        ImageRow(index=0, key='quoted "é"', metrics={"rmse": 0.1 + 0.2, "silog": float("inf")}, num_valid=3),
        ImageRow(index=1, key="b", fault="damaged"),
        ImageRow(index=2, key="c", metrics={"rmse": 2.0, "silog": 1.0}, weight=3.0, group="indoor", degenerate="flat"),
    )
    written = BenchmarkResult(protocol={"name": "x", "limit": "inf"}, model={}, settings={}, rows=rows)
    write_results(tmp_path / "results.json", {"x": written, "images of x": written})
    assert read_results(tmp_path / "results.json") == {"x": written, "images of x": written}
    counted = json.loads((tmp_path / "results.json").read_text())["benchmarks"]["x"]
    assert counted["counts"]["failed"] == 1
    assert counted["means"]["rmse"] == pytest.approx((0.1 + 0.2 + 3 * 2.0) / 4)
    assert counted["means_of_groups"] == {"indoor": {"rmse": 2.0, "silog": 1.0}}


def test_the_command_compares_and_tells_mistakes_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(tmp_path / "a.json", {"test": result(0)})
    write_results(tmp_path / "b.json", {"other": result(0)})
    path = str(tmp_path / "a.json")
    assert evaluate_zero_shot.main(["compare", path, path, "--resamples", "50", "--seed", "3"]) == 0
    assert "50 resamples" in capsys.readouterr().out
    mistakes = [
        (str(tmp_path / "b.json"), "no benchmark in common"),
        (str(tmp_path / "absent.json"), "absent.json: No such file"),
        (__file__, "is no JSON"),
    ]
    for second, message in mistakes:
        assert evaluate_zero_shot.main(["compare", path, second]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
