"""What only `toy` has to know: how many scenes and steps, and which real frames to look at in the end."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from depth_anything.training.scene_seeds import TOY_EVALUATION, TOY_TRAINING


@dataclass(frozen=True, kw_only=True)
class ToySettings:
    """Scenes, steps and real frames of `toy`; batch, sizes, rates and losses are those of every run.

    Raises:
        ValueError: a setting out of its range.
    """

    rgbd: str | None = field(
        default=None,
        metadata={"help": "toy: real frames to score too, a folder with images/ and depth/ or a text list of pairs"},
    )
    rgbd_depth_scale: float | None = field(
        default=None, metadata={"help": "toy: metres of one unit of their depth, as 0.001; needed for PNG and TIFF"}
    )
    num_labelled_scenes: int = field(default=1000, metadata={"help": "toy: narrow scenes with depth"})
    num_unlabelled_scenes: int = field(default=1600, metadata={"help": "toy: wide scenes without depth"})
    num_evaluated_scenes: int = field(default=300, metadata={"help": "toy: held-out scenes of each domain"})
    num_teacher_steps: int = field(default=270, metadata={"help": "toy: optimiser steps of the teacher"})
    num_student_steps: int = field(default=400, metadata={"help": "toy: optimiser steps of the student"})
    num_render_workers: int = field(default=2, metadata={"help": "toy: processes that render; 0: none beside"})

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            least = 0 if setting.name == "num_render_workers" else 1
            if setting.name.startswith("num_") and value < least:
                raise ValueError(f"{setting.name} is {value}, must be {least} or more")
        if self.rgbd_depth_scale is not None and self.rgbd is None:
            raise ValueError("rgbd_depth_scale is of real frames and there are none; name them by rgbd")
        for name, scenes in (
            ("num_labelled_scenes", TOY_TRAINING),
            ("num_unlabelled_scenes", TOY_TRAINING),
            ("num_evaluated_scenes", TOY_EVALUATION),
        ):
            if getattr(self, name) > scenes.count:
                raise ValueError(f"{name} is {getattr(self, name)}; there are {scenes.count} scenes for that purpose")
