"""What an evaluation leaves behind: a row for each image, their means, and the JSON file that holds both."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from depth_anything.prediction_record import PACKAGES

RESULTS_FORMAT = "depth-anything evaluation 1"
NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # which JSON has no numbers for


class ResultsFileError(ValueError):
    """A file is no results file of ours, or a damaged one."""


@dataclass(frozen=True, kw_only=True)
class ImageRow:
    """One image of a benchmark.

    Attributes:
        index: place in the benchmark.
        key: name in the benchmark.
        metrics: by name; empty where `fault` or `left_out` says why there are none.
        weight: of the image in the mean: 1, or its number of pairs.
        group: part of the benchmark that is reported on its own, such as a scene type; "" for none.
        num_valid: pixels, or pairs, that count.
        num_penalised: of them, those with a prediction that is no positive finite number.
        scale, shift: that were fitted; None where nothing is fitted.
        degenerate: why the fit means nothing; "" where it does.
        depth_errors: relative error by depth, as `error_over_depth` sums it.
        fault: why the image could not be scored, though the benchmark has it; "" if it was.
        left_out: why the protocol leaves the image out, such as no pixel that counts; "" if it does not.
    """

    index: int
    key: str
    metrics: dict[str, float] = field(default_factory=dict)
    weight: float = 1.0
    group: str = ""
    num_valid: int = 0
    num_penalised: int = 0
    scale: float | None = None
    shift: float | None = None
    degenerate: str = ""
    depth_errors: list[list[float]] = field(default_factory=list)
    fault: str = ""
    left_out: str = ""

    @property
    def counts(self) -> bool:
        """Whether the image has a part in the means."""
        return bool(self.metrics)


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """One model on one benchmark.

    Attributes:
        protocol: the whole record of the protocol, as JSON.
        model: what identifies the model, as JSON.
        settings: of the run, as JSON.
        rows: of all images, in the order of the benchmark.
    """

    protocol: dict[str, Any]
    model: dict[str, Any]
    settings: dict[str, Any]
    rows: tuple[ImageRow, ...]

    @property
    def scored(self) -> tuple[ImageRow, ...]:
        """The images that have a part in the means."""
        return tuple(row for row in self.rows if row.counts)

    def means(self, group: str | None = None) -> dict[str, float]:
        """Each metric's weighted mean over the images, or over those of one group."""
        return weighted_means([row for row in self.scored if group in (None, row.group)])

    def group_names(self) -> list[str]:
        """The groups in the order of the benchmark; none where it has no parts."""
        return list(dict.fromkeys(row.group for row in self.rows if row.group))

    def counts(self) -> dict[str, int]:
        """How many images there are, were scored, failed or were left out; fits and pixels of those scored."""
        return {
            "images": len(self.rows),
            "scored": len(self.scored),
            "failed": sum(bool(row.fault) for row in self.rows),
            "left_out": sum(bool(row.left_out) for row in self.rows),
            "degenerate_fits": sum(bool(row.degenerate) for row in self.rows),
            "penalised_pixels": sum(row.num_penalised for row in self.rows),
            "valid_pixels": sum(row.num_valid for row in self.rows),
        }

    def to_json(self) -> dict[str, Any]:
        """The part of a results file for this benchmark."""
        groups = {name: self.means(name) for name in self.group_names()}
        return {
            "protocol": self.protocol,
            "model": self.model,
            "settings": self.settings,
            "counts": self.counts(),
            "means": _writable(self.means()),
            **({"means_of_groups": _writable(groups)} if groups else {}),
            "images": [row_to_json(row) for row in self.rows],
        }

    @classmethod
    def from_json(cls, recorded: Mapping[str, Any]) -> BenchmarkResult:
        """The result that `to_json` wrote."""
        return cls(
            protocol=dict(recorded["protocol"]),
            model=dict(recorded["model"]),
            settings=dict(recorded["settings"]),
            rows=tuple(row_from_json(row) for row in recorded["images"]),
        )


def weighted_means(rows: Sequence[ImageRow]) -> dict[str, float]:
    """Each metric's mean, summed exactly before it is rounded to float64; empty without rows."""
    if not rows:
        return {}
    total = math.fsum(row.weight for row in rows)
    return {name: math.fsum(row.weight * row.metrics[name] for row in rows) / total for name in rows[0].metrics}


def row_to_json(row: ImageRow) -> dict[str, Any]:
    """The row without what is as usual."""
    usual = {spec.name: _usual(spec) for spec in dataclasses.fields(row) if spec.name not in ("index", "key")}
    return {
        spec.name: _writable(value)
        for spec in dataclasses.fields(row)
        if (value := getattr(row, spec.name)) != usual.get(spec.name, dataclasses.MISSING)
    }


def row_from_json(recorded: Mapping[str, Any]) -> ImageRow:
    """The row that `row_to_json` wrote."""
    return ImageRow(**{name: _readable(value) for name, value in recorded.items()})


def as_json(record: Any) -> Any:
    """A settings record as JSON holds it: dataclasses as objects, enums as their values, infinity as a word."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {spec.name: as_json(getattr(record, spec.name)) for spec in dataclasses.fields(record)}
    if isinstance(record, Enum):
        return as_json(record.value)
    if isinstance(record, Mapping):
        return {str(as_json(name)): as_json(value) for name, value in record.items()}
    if isinstance(record, (list, tuple, set, frozenset)):
        items = [as_json(item) for item in record]
        return sorted(items, key=str) if isinstance(record, (set, frozenset)) else items
    if isinstance(record, os.PathLike):
        return os.fspath(record)
    return _writable(record)


def write_results(path: Path, results: Mapping[str, BenchmarkResult]) -> None:
    """Writes the results of several benchmarks, complete or not at all, with the versions of what made them."""
    benchmarks = {name: result.to_json() for name, result in results.items()}
    images = {f"images of {name}": benchmark["images"] for name, benchmark in benchmarks.items()}
    record = {
        "format": RESULTS_FORMAT,
        "software": {package: version(package) for package in PACKAGES},
        "benchmarks": {name: one | {"images": f"images of {name}"} for name, one in benchmarks.items()},
    }
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    for placeholder, rows in images.items():  # a line for each
        lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
        text = text.replace(f'"images": {json.dumps(placeholder, ensure_ascii=False)}', f'"images": [\n{lines}\n]')
    _write_whole(path, text)


def read_results(path: Path) -> dict[str, BenchmarkResult]:
    """The results of each benchmark.

    Raises:
        ResultsFileError: the file cannot be read, or is none of ours.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsFileError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise ResultsFileError(f"{path} is no JSON") from None
    if not isinstance(record, dict) or record.get("format") != RESULTS_FORMAT:
        raise ResultsFileError(f"{path} is no results file of this program: name the results.json that it wrote")
    try:
        return {name: BenchmarkResult.from_json(one) for name, one in record["benchmarks"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ResultsFileError(f"{path} is damaged: {error}") from None


def write_json(path: Path, record: Any) -> None:
    """Writes a file that is there whole or not at all, also when the machine stops."""
    _write_whole(path, json.dumps(record, ensure_ascii=False, allow_nan=False))


def _write_whole(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _usual(spec: dataclasses.Field[Any]) -> Any:
    return spec.default_factory() if spec.default_factory is not dataclasses.MISSING else spec.default


def _writable(value: Any) -> Any:
    """Numbers that JSON lacks as words, in lists and objects too."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _writable(one) for name, one in value.items()}
    return [_writable(one) for one in value] if isinstance(value, list) else value


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: NON_FINITE.get(one, one) if isinstance(one, str) else one for name, one in value.items()}
    return value
