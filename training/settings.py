"""All settings of a training run, in groups, and what contradicts what. `settings_parsing` fills them.

Each group is a frozen dataclass of its own; most live beside what they set. On the command line a field is called
`--` + the group's prefix + its name, as in `--encoder_lr` and `--validation_num_images`; in YAML it lies in its group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from types import MappingProxyType
from typing import Any

from depth_anything.training.cutmix import CutMixSettings, check_pairs
from depth_anything.training.loop_settings import LoopSettings
from depth_anything.training.loss_settings import LossSettings
from depth_anything.training.optimisation import OptimiserSettings
from depth_anything.training.settings_groups import (
    DataSettings,
    ModelSettings,
    Precision,
    RunKind,
    RunSettings,
    ValidationSettings,
)
from depth_anything.training.student_view import StudentViewSettings
from depth_anything.training.toy_settings import ToySettings

__all__ = [
    "DataSettings",
    "ModelSettings",
    "Precision",
    "RunKind",
    "RunSettings",
    "Settings",
    "ValidationSettings",
    "identity_of",
    "plain_settings",
]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything about one run.

    Raises:
        ValueError: settings that contradict each other, with what to change.
    """

    recipe: str
    kind: RunKind
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    student_view: StudentViewSettings = field(default_factory=StudentViewSettings)
    cutmix: CutMixSettings = field(default_factory=CutMixSettings)
    losses: LossSettings = field(default_factory=LossSettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    loop: LoopSettings = field(default_factory=LoopSettings)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    run: RunSettings = field(default_factory=RunSettings)
    toy: ToySettings = field(default_factory=ToySettings)

    def __post_init__(self) -> None:
        if not (self.data.passes or self.loop.num_steps or self.kind is RunKind.TOY):
            raise ValueError("passes and num_steps are both 0, so the run has no end; set one of them")
        if self.kind is RunKind.TEACHER:
            self._check_teacher()
        if self.kind is RunKind.STUDENT:
            self._check_student()
        if self.kind is not RunKind.TOY and self.toy != ToySettings():
            names = [each.name for each in fields(ToySettings) if getattr(self.toy, each.name) != each.default]
            raise ValueError(f"{', '.join(names)}: of the recipe toy alone; leave it out, or take --recipe toy")

    def _check_teacher(self) -> None:
        if not self.data.labelled:
            raise ValueError("a teacher learns from labelled images; name their corpora by --labelled")
        if self.data.unlabelled:
            raise ValueError("a teacher learns from labelled images alone; leave out unlabelled, or train a student")
        for name in ("teacher", "reference", "sky_model"):
            if getattr(self.model, name) is not None:
                raise ValueError(f"{name} is {getattr(self.model, name)!r}, which only a student has; leave it out")

    def _check_student(self) -> None:
        if not self.data.unlabelled:
            raise ValueError(
                "a student learns from images that a teacher labels; name them by --unlabelled, such as "
                "image_folder=/my/photos with --teacher, or the shards that label_corpus.py wrote"
            )
        if self.cutmix.probability:
            check_pairs(self.data.num_unlabelled)
        if self.model.sky_model is not None and self.model.teacher is None:
            raise ValueError("sky_model finds sky for a live teacher and there is none; give teacher, or leave it out")
        if self.model.reference is not None and not self.losses.feature_weight:
            raise ValueError("reference is given and feature_weight is 0, so nothing is held to it; leave one of both")


# Prefixes of the fields on the command line, where groups share one space of names.
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "model": "",
        "data": "",
        "student_view": "view_",
        "cutmix": "cutmix_",
        "losses": "",
        "optimiser": "",
        "loop": "",
        "validation": "validation_",
        "run": "",
        "toy": "",
    }
)

# What may differ between a run and the one that it goes on from: it changes neither weights nor data.
FREE_TO_CHANGE = frozenset({"log_every", "save_every", "num_checkpoints", "max_skipped_in_a_row", "max_failed_share"})


def plain_settings(settings: Settings) -> dict[str, Any]:
    """The settings as plain values, nested by group, as YAML and JSON hold them."""
    values: dict[str, Any] = {"recipe": settings.recipe}
    for group in GROUPS:
        part = getattr(settings, group)
        values[group] = {item.name: _plain(getattr(part, item.name)) for item in fields(part)}
    return values


def identity_of(settings: Settings) -> dict[str, Any]:
    """What a run must have in common with the one that it goes on from, by the names of the command line."""
    return dict(_identity(settings))


def _identity(settings: Settings) -> Iterator[tuple[str, Any]]:
    yield "kind", settings.kind.value
    for group, values in plain_settings(settings).items():
        if group == "run":
            yield from ((name, values[name]) for name in ("seed", "precision"))
        elif group not in ("recipe", "validation"):
            prefix = GROUPS[group]
            yield from ((prefix + name, value) for name, value in values.items() if name not in FREE_TO_CHANGE)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value
