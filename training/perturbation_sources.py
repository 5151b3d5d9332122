"""One table of every number that perturbs the student's images, and who published it; the README shows it.

The numbers are the settings' own defaults, so the table cannot say anything else than what is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import Field, fields
from typing import Any, NamedTuple

from depth_anything.training.augmentation import TransformSettings
from depth_anything.training.cutmix import CutMixSettings
from depth_anything.training.settings import GROUPS
from depth_anything.training.student_view import StudentViewSettings

PAPER = "arXiv 2401.10891, section 3.2"
UNIMATCH = "UniMatch, dataset/{file}; the paper gives no number"
FLIP = "the paper names the flip, section 4.1, and gives no number; UniMatch, dataset/semi.py"
SOURCE_OF_CUTMIX = {"probability": PAPER}  # all else is `obtain_cutmix_box`


class Perturbation(NamedTuple):
    """One number and where it comes from."""

    setting: str  # option of the command line; the field of `TransformSettings` where there is none
    value: str
    meaning: str
    source: str


def perturbations() -> list[Perturbation]:
    """The rows of the table, from the defaults of the settings."""
    rows = [_row("", field, FLIP) for field in fields(TransformSettings) if "flip" in field.name]
    for field in fields(StudentViewSettings):
        # The blur is a function of its own there; jitter and grey are where the views are made.
        file = "transform.py" if "sigma" in field.name or "blur" in field.name else "semi.py"
        rows.append(_row(f"--{GROUPS['student_view']}", field, UNIMATCH.format(file=file)))
    for field in fields(CutMixSettings):
        source = SOURCE_OF_CUTMIX.get(field.name, UNIMATCH.format(file="transform.py"))
        rows.append(_row(f"--{GROUPS['cutmix']}", field, source))
    return rows


def markdown_table(rows: Sequence[Perturbation]) -> str:
    """The rows as a Markdown table."""

    def lines() -> Iterator[str]:
        yield "| setting | default | meaning | source |"
        yield "|---|---|---|---|"
        for row in rows:
            yield f"| `{row.setting}` | {row.value} | {row.meaning} | {row.source} |"

    return "\n".join(lines())


def _row(prefix: str, field: Field[Any], source: str) -> Perturbation:
    return Perturbation(f"{prefix}{field.name}", f"{field.default:.4g}", str(field.metadata["help"]), source)
