"""Printed numbers, against the transcription of the papers' tables that lies beside the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from depth_anything.released_results import published_results as card_results
from depth_anything.training.evaluation.metrics import METRICS
from depth_anything.training.evaluation.protocol import PairProtocol
from depth_anything.training.evaluation.protocol_table import PROTOCOLS
from depth_anything.training.evaluation.published import PUBLISHED, published_results
from depth_anything.training.evaluation.published_result import PublishedResult
from depth_anything.training.evaluation.scoring_rule import Alignment

SIZES = {"S": "Small", "B": "Base", "L": "Large", "G": "Giant"}


@pytest.fixture(scope="session")
def transcription(shared_dir: Path) -> str:
    return (shared_dir / "reference" / "protocols.md").read_text(encoding="utf-8")


def table_after(text: str, heading: str) -> list[list[str]]:
    """Cells of the first Markdown table behind a heading, its header and rule left out."""
    lines = text[text.index(heading) :].splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows[2:]


def numbers(cell: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d*\.\d+|\d+", cell)]


def results(table: str, model: str, version: int, data: str | None = None) -> list[PublishedResult]:
    title = f"Depth Anything{' V2' if version == 2 else ''}, arXiv"
    return [
        result
        for result in PUBLISHED
        if result.source.title.startswith(title)
        and (result.source.table, result.model) == (table, model)
        and data in (None, result.data)
    ]


def values(table: str, model: str, version: int, data: str | None = None) -> list[list[float]]:
    return [list(result.values.values()) for result in results(table, model, version, data)]


def test_table_2_of_both_papers_is_as_transcribed(transcription: str) -> None:
    first = table_after(transcription, "**Table 2 zero-shot relative** (DA1 README repeats it)")
    assert [row[0] for row in first] == ["MiDaS v3.1 BEiT-L-512", "S", "B", "L"]
    for name, _, *cells in first:
        model = f"Depth Anything V1 {SIZES[name]}" if name in SIZES else name
        assert values("Table 2", model, 1) == [numbers(cell) for cell in cells]
    second = table_after(transcription, "**Table 2 zero-shot relative** (no DDAD column)")
    for name, *cells in second[2:]:
        size = SIZES[name.removeprefix("V2 ")]
        assert values("Table 2", f"Depth Anything V2 {size}", 2) == [numbers(cell) for cell in cells]


@pytest.mark.parametrize(("table", "data"), [("Table 3", "NYUv2"), ("Table 4", "KITTI")])
def test_v1s_metric_tables_are_as_transcribed(transcription: str, table: str, data: str) -> None:
    heading = f"**{table} {'NYUv2' if data == 'NYUv2' else 'KITTI'} metric**"
    rows = table_after(transcription, heading)
    last = "log10" if data == "NYUv2" else "rmse_log"
    for name, *cells in rows:
        ours = {"Ours": f"Depth Anything V1 Large, {data.removesuffix('v2')}"}
        model = {**ours, "ZoeDepth (*)": "ZoeDepth, run by V1's authors"}.get(name, name)
        [result] = results(table, model, 1)
        assert list(result.values.values()) == [float(cell) for cell in cells]
        assert list(result.values) == ["delta1", "delta2", "delta3", "abs_rel", "rmse", last]


def test_table_5_of_v1_is_as_transcribed(transcription: str) -> None:
    zoe, ours = table_after(transcription, "**Table 5 zero-shot metric**")
    assert values("Table 5", "ZoeDepth, run by V1's authors", 1) == [numbers(cell) for cell in zoe[1:]]
    assert values("Table 5", "Depth Anything V1 Large, NYU or KITTI", 1) == [numbers(cell) for cell in ours[1:]]


def test_table_4_of_v2_is_as_transcribed(transcription: str) -> None:
    line = next(line for line in transcription.splitlines() if line.startswith("**Table 4 metric (d1"))
    for data, part in (("NYUv2", line.split("NYU: ")[1].split(" KITTI:")[0]), ("KITTI", line.split("KITTI: ")[1])):
        for row in part.rstrip(".").split("; "):
            name, *cells = row.split()
            short = data.removesuffix("v2")
            model = f"Depth Anything V2 {SIZES[name]}, {short}" if name in SIZES else name
            assert values("Table 4", model, 2, data) == [[float(cell) for cell in cells]]


def test_da_2k_is_as_transcribed_for_all_of_it_and_for_each_scene(transcription: str) -> None:
    line = next(line for line in transcription.splitlines() if line.startswith("**Table 3 DA-2K %.**"))
    printed = dict(re.findall(r"(Marigold|GeoWizard|DepthFM|V1|V2 S|[BLG]) (\d+\.\d)", line.split("**")[2]))
    for name, percent in printed.items():
        short = name.removeprefix("V2 ")
        model = f"Depth Anything V2 {SIZES[short]}" if short in SIZES else name.replace("V1", "Depth Anything V1")
        assert values("Table 3", model, 2) == [[pytest.approx(float(percent) / 100)]]
    for name, *cells in table_after(transcription, "**Table 14 DA-2K per scene**"):
        size, data = name.split()
        model = f"Depth Anything V2 {SIZES[size]}{', synthetic images alone' if data == 'Dl' else ''}"
        measured = [value for [value] in values("Table 14", model, 2)]
        assert measured == pytest.approx([float(cell) / 100 for cell in cells[:-1]])


def of_others(source: str, model: str | None = None) -> dict[str, dict[str, float]]:
    """Printed numbers of a source by benchmark, of one model or of all that it has."""
    found = [r for r in PUBLISHED if r.source.title == source and model in (None, r.model)]
    assert len({(result.data, *result.values) for result in found}) == len(found)
    return {result.data: dict(result.values) for result in found}


def test_what_plumbline_reached_is_as_transcribed(transcription: str) -> None:
    rows = {row[0]: row[1] for row in table_after(transcription, "* Reproduction by plumbline")}
    whole, indoor = rows["DIODE native all"].split("(indoor only, S:")
    eth3d = rows["ETH3D native"].split("(S with dslr_scan_eval")[0]
    per_size = {
        "NYUv2": numbers(rows["NYU"]),
        "KITTI": numbers(rows["KITTI (652, Garg, clip 1e-3..80)"]),
        "DIODE": numbers(whole),
        "DIODE, indoors": numbers(indoor),
        "DIODE, MoGe's bundle": numbers(rows["DIODE, MoGe bundle"]),
        "ETH3D": numbers(eth3d),
    }
    final, clean = re.findall(r"(?:final|clean) (\.\d+)", rows["Sintel L"])
    for position, size in enumerate(("Small", "Base", "Large")):
        expected = {data: {"abs_rel": cells[position]} for data, cells in per_size.items() if position < len(cells)}
        if size == "Large":
            expected["Sintel, final pass"] = {"abs_rel": float(final)}
            expected["Sintel, clean pass, cap 70 m"] = {"abs_rel": float(clean)}
        assert of_others("plumbline", f"Depth Anything V2 {size}") == expected


def test_what_moges_harness_measured_is_as_transcribed(transcription: str) -> None:
    [line] = [
        row[1] for row in table_after(transcription, "* Reproduction by plumbline") if row[0].startswith("MoGe h")
    ]
    printed = {name: float(value) for name, value in re.findall(r"(\w+) (\.\d+)", line)}
    printed["iBims-1"] = printed.pop("iBims")
    assert of_others("MoGe") == {name: {"abs_rel": value} for name, value in printed.items()}
    assert of_others("MoGe") == of_others("MoGe", "Depth Anything V2 Large")


def test_what_midas_own_readme_prints_is_as_transcribed(transcription: str) -> None:
    line = next(line for line in transcription.splitlines() if line.startswith("V1 vs MiDaS v3.1 README"))
    line = line.split("README gives")[1].split("; V1's")[0]
    printed = dict(re.findall(r"(ETH3D AbsRel|Sintel|KITTI|NYU|DIW) (\.?\d[\d.]*)", line))
    assert of_others("MiDaS", "MiDaS v3.1 BEiT-L-512") == {
        "ETH3D": {"abs_rel": float(printed["ETH3D AbsRel"])},
        "Sintel": {"abs_rel": float(printed["Sintel"])},
        "KITTI": {"delta1": pytest.approx(1 - float(printed["KITTI"]) / 100)},
        "NYUv2": {"delta1": pytest.approx(1 - float(printed["NYU"]) / 100)},
        "DIW": {"whdr": float(printed["DIW"])},
    }


def test_what_depth_anything_ac_measured_is_as_transcribed(transcription: str) -> None:
    line = next(line for line in transcription.splitlines() if line.startswith("* No official evaluator"))
    for version, percent in re.findall(r"V([12])-S (\d+\.\d)", line):
        found = of_others("DepthAnythingAC", f"Depth Anything V{version} Small")
        assert found == {"DA-2K": {"pairwise_accuracy": pytest.approx(float(percent) / 100)}}
    assert len({r.model for r in PUBLISHED if r.source.title == "DepthAnythingAC"}) == 2


def test_model_cards_and_comparisons_have_the_same_numbers() -> None:
    for version in (1, 2):
        for size in ("small", "base", "large"):
            of_card = [(r.data, r.metric, r.value) for r in card_results(version, size)]
            of_tables = [
                (result.data, "accuracy" if metric == "pairwise_accuracy" else metric, value)
                for result in PUBLISHED
                if result.release == (version, size) and result.source.table in ("Table 2", "Table 3")
                for metric, value in result.values.items()
            ]
            assert of_card == of_tables


def test_each_result_names_protocols_and_metrics_that_exist() -> None:
    of_pairs = {protocol.metric for protocol in PROTOCOLS.values() if isinstance(protocol, PairProtocol)}
    for result in PUBLISHED:
        assert set(result.values) <= (METRICS.keys() | of_pairs), result
        for metric, value in result.values.items():
            assert 0.2 < value <= 1 if metric.startswith(("delta", "pairwise")) else 0 < value < 3, result
        for protocol in (PROTOCOLS[name] for name in result.protocols):
            if isinstance(protocol, PairProtocol):
                assert list(result.values) == [protocol.metric], result
            else:  # only metric models have an RMSE in metres
                assert not ("rmse" in result.values and protocol.rule.alignment is not Alignment.NONE), result


def test_every_protocol_of_the_papers_has_printed_numbers_beside_it() -> None:
    assert {r.model for r in published_results("kitti_metric")} >= {"AdaBins", "Depth Anything V2 Small, KITTI"}
    assert [r.values["abs_rel"] for r in published_results("nyuv2_relative") if r.release == (2, "small")] == [0.053]
    assert {r.group for r in published_results("da_2k")} == {""}
    assert len(published_results("da_2k", "underwater")) == 6
    assert published_results("folder_relative") == ()
