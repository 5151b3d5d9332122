"""The README's tables of benchmarks and data sets are those of the records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from depth_anything.training.evaluation.protocol_rows import data_rows, protocol_rows
from depth_anything.training.evaluation.protocol_table import PROTOCOLS

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", [*protocol_rows(), *data_rows()], ids=lambda row: row[0])
def test_the_readme_has_the_row(row: Sequence[str]) -> None:
    assert f"\n| {' | '.join(row)} |\n" in README


def test_the_readme_names_no_benchmark_that_is_not_there() -> None:
    section = README[README.index("## Protocols") : README.index("## Layout")]
    named = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert named == [name for name in PROTOCOLS if not name.endswith("_disparity")]
    twins = [line for line in section.splitlines() if "`.._disparity`" in line and line.startswith("| `")]
    assert len(twins) == sum(name.endswith("_disparity") for name in PROTOCOLS)


def test_rows_say_what_differs() -> None:
    rows = {row[0].strip("`"): row for row in protocol_rows()}
    assert rows["kitti_metric"][4:8] == ("KB, Garg", "none", "0.001 to 80", "mirrored too, corners aligned")
    assert rows["kitti_metric_bts"][4] == "KB, Garg of the frame"
    assert rows["diode_outdoor_metric_masked"][3] == "0.001 < g < 80, mask"
    assert rows["kitti_metric_v2code"][6:8] == (
        "as they are",
        "short side 518, corners aligned, 10 pixels or more",
    )
