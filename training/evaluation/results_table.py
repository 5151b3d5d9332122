"""Results as people read them: lines for a terminal, and Markdown with metadata for a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from huggingface_hub import ModelCardData

from depth_anything.model_card import hub_results
from depth_anything.model_card_facts import EvaluationResult
from depth_anything.training.evaluation.metric_names import is_higher_better, title_of, unit_of
from depth_anything.training.evaluation.printed_numbers import (
    HEADING,
    notes_of,
    printed_of_part,
    printed_results,
    printed_table,
)
from depth_anything.training.evaluation.published_result import PublishedResult
from depth_anything.training.evaluation.results_file import BenchmarkResult
from depth_anything.training.evaluation.text_table import markdown_table, text_table

NUM_FAULTS_SHOWN = 3


def result_lines(result: BenchmarkResult) -> list[str]:
    """What is printed of one benchmark: what was measured, the numbers, and what did not go as usual."""
    lines = [f"{result.protocol['name']}: {result.protocol['title']}", f"  {protocol_sentence(result.protocol)}"]
    if result.scored:
        lines += [f"  {line}" for line in text_table(_table(result))]
        printed = _printed(result)
        if table := printed_table(result.means(), printed):
            lines += ["", *(f"  {line}" for line in text_table(table))]
            lines += [*(f"  {note}" for note in notes_of(printed)), ""]
        groups = result.group_names()
        if len(groups) > 1:
            lines += [f"  {line}" for line in text_table(_group_table(result, groups))]
    return [*lines, *(f"  {line}" for line in _count_lines(result))]


def protocol_sentence(protocol: Mapping[str, object]) -> str:
    """The alignment, the error space and the range in words."""
    rule = protocol.get("rule")
    if not isinstance(rule, Mapping):
        return "share of point pairs; nothing is aligned"
    alignment = str(rule["alignment"]).replace("_", " ")
    space = "depth, in metres" if rule["error_space"] == "depth" else "disparity, in 1/m"
    limit = rule["max_depth_m"] if rule["clips_prediction"] else "inf"
    upper = "" if limit == "inf" else f"; predictions up to {limit:g} m"
    return f"errors of {space}; alignment: {alignment}{upper}"


def card_text(results: Mapping[str, BenchmarkResult]) -> str:
    """A Markdown file: metadata for the Hub (`model-index`) before a table for people."""
    first = next(iter(results.values()))
    name = str(first.model.get("model") or first.model.get("predictions"))
    entries = [entry for result in results.values() for entry in _entries(result)]
    data = ModelCardData(model_name=name.rstrip("/").rsplit("/", 1)[-1], eval_results=hub_results(tuple(entries)))
    lines = ["---", data.to_yaml().rstrip(), "---", "", "## Evaluation", ""]
    for result in results.values():
        lines += [
            f"**{result.protocol['title']}** (`{result.protocol['name']}`): {protocol_sentence(result.protocol)}.",
            "",
        ]
        if result.scored:
            lines += [*markdown_table(_table(result)), ""]
            printed = _printed(result)
            if table := printed_table(result.means(), printed):
                lines += [*markdown_table(table), "", *notes_of(printed), ""]
        lines += [f"- {line}" for line in _count_lines(result)] + [""]
    return "\n".join(lines)


def _printed(result: BenchmarkResult) -> tuple[PublishedResult, ...]:
    return printed_results(str(result.protocol["name"]), str(result.model.get("model", "")))


def _entries(result: BenchmarkResult) -> list[EvaluationResult]:
    return [
        EvaluationResult(
            data=str(result.protocol["title"]),
            metric=name,
            value=round(value, 6),
            protocol=f"{result.protocol['name']}: {protocol_sentence(result.protocol)}",
            source="",
            source_url="",
        )
        for name, value in result.means().items()
    ]


def _table(result: BenchmarkResult) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("metric", "unit", "better", "this run")]
    for name, value in result.means().items():
        direction = "higher" if is_higher_better(name) else "lower"
        rows.append((title_of(name), unit_of(name, result.protocol), direction, f"{value:.4f}"))
    return rows


def _group_table(result: BenchmarkResult, groups: Sequence[str]) -> list[Sequence[str]]:
    """Each part's means, with what was printed for it."""
    protocol, model = str(result.protocol["name"]), str(result.model.get("model", ""))
    names = [title_of(name) for name in result.means()]
    rows: list[Sequence[str]] = [("part", *names, *(f"{name}, {HEADING}" for name in names))]
    for group in groups:
        if means := result.means(group):
            own = (f"{value:.4f}" for value in means.values())
            rows.append((group, *own, *printed_of_part(protocol, model, group, means)))
    return rows


def _count_lines(result: BenchmarkResult) -> list[str]:
    counts = result.counts()
    lines = [f"{counts['scored']:,} of {counts['images']:,} images scored"]
    expected = result.protocol.get("num_images")
    if expected is None and result.settings.get("limit") is not None:
        lines.append("the first ones only (--limit)")
    if expected not in (None, counts["images"]):
        lines.append(f"NOT THE WHOLE BENCHMARK, which has {expected:,} images: this does not compare")
    if counts["penalised_pixels"]:
        share = counts["penalised_pixels"] / max(counts["valid_pixels"], 1)
        lines.append(
            f"{counts['penalised_pixels']:,} predictions ({share:.2%}) were no positive number, and penalised"
        )
    if counts["degenerate_fits"]:
        reason = next(row.degenerate for row in result.rows if row.degenerate)
        lines.append(f"{_number_of(counts['degenerate_fits'], 'degenerate alignment')}, the first: {reason}")
    for what, texts in (
        ("could not be scored", [f"{row.key}: {row.fault}" for row in result.rows if row.fault]),
        ("left out", [row.left_out for row in result.rows if row.left_out]),
    ):
        if texts:
            lines.append(f"{_number_of(len(texts), 'image')} {what}:")
            lines += [f"  {text}" for text in texts[:NUM_FAULTS_SHOWN]]
            lines += [f"  and {len(texts) - NUM_FAULTS_SHOWN:,} more, in results.json"] * (
                len(texts) > NUM_FAULTS_SHOWN
            )
    return lines


def _number_of(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
