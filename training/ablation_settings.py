"""Settings of the ablation: which rows, how large, how often."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from enum import Enum

from depth_anything.training.bfloat16_support import multiplies_bfloat16
from depth_anything.training.loop_settings import LoopSettings
from depth_anything.training.nano_settings import PATCH_SIZE
from depth_anything.training.optimisation import OptimiserSettings
from depth_anything.training.scene_seeds import ABLATION_EVALUATION, ABLATION_TRAINING
from depth_anything.training.small_training import SmallTraining, StudentParts

LABELLED_SHARE = 3  # one labelled scene in three: the paper's 1:2


class AblationSize(str, Enum):
    """How much is rendered and trained."""

    CPU = "cpu"  # 37 minutes on two cores
    GPU = "gpu"  # one GPU


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """What a size stands for: scenes of each seed, steps of each row, images of each step."""

    num_labelled_scenes: int
    num_unlabelled_scenes: int
    num_evaluated_scenes: int
    num_steps: int
    images_per_step: int


AMOUNTS = {
    AblationSize.CPU: Amounts(
        num_labelled_scenes=1000,
        num_unlabelled_scenes=2000,
        num_evaluated_scenes=200,
        num_steps=350,
        images_per_step=12,
    ),
    AblationSize.GPU: Amounts(
        num_labelled_scenes=8000,
        num_unlabelled_scenes=16000,
        num_evaluated_scenes=500,
        num_steps=4000,
        images_per_step=96,
    ),
}

# The rows of the paper's table 9, in its order. The first is also the teacher of the others.
ROWS: dict[str, StudentParts | None] = {
    "labelled": None,
    "+ unlabelled": StudentParts(has_strong_views=False, has_feature_alignment=False),
    "+ strong perturbation": StudentParts(has_strong_views=True, has_feature_alignment=False),
    "+ feature alignment": StudentParts(has_strong_views=True, has_feature_alignment=True),
}


@dataclass(frozen=True, kw_only=True)
class AblationSettings:
    """What `ablate.py` runs.

    Raises:
        ValueError: a setting out of its range.
    """

    output_dir: str = field(
        default="ablation", metadata={"help": "folder of the runs; the same command goes on in it"}
    )
    size: AblationSize = field(default=AblationSize.CPU, metadata={"help": "cpu, or gpu for one GPU"})
    num_seeds: int = field(default=3, metadata={"help": "trainings of each row, each with scenes of its own"})
    image_size: int = field(default=112, metadata={"help": "side of the scenes, in pixels; nano's own"})
    num_labelled_scenes: int = field(default=0, metadata={"help": "of each seed; 0: as the size has it"})
    num_unlabelled_scenes: int = field(default=0, metadata={"help": "of each seed; 0: as the size has it"})
    num_evaluated_scenes: int = field(default=0, metadata={"help": "of each domain; 0: as the size has it"})
    num_steps: int = field(default=0, metadata={"help": "optimiser steps of each row; 0: as the size has it"})
    images_per_step: int = field(default=0, metadata={"help": "in each row, a multiple of 6; 0: as the size has it"})
    encoder_lr: float = field(default=5e-5, metadata={"help": "highest rate of the encoder"})
    decoder_lr: float = field(default=1e-3, metadata={"help": "highest rate of the fresh decoder"})
    num_workers: int = field(default=2, metadata={"help": "processes that render the scenes"})
    use_bf16: bool = field(
        default_factory=multiplies_bfloat16,
        metadata={"help": "multiply matrices in bfloat16; weights stay float32; default: on hardware that does that"},
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", AblationSize(self.size))  # a string from a file is as good
        for name, amount in asdict(AMOUNTS[self.size]).items():
            if getattr(self, name) == 0:
                object.__setattr__(self, name, amount)
        for setting in fields(self):
            value = getattr(self, setting.name)
            if not isinstance(value, bool | str) and (value < 0 or (value == 0 and setting.name != "num_workers")):
                raise ValueError(f"{setting.name} is {value}; it has to be above 0")
        if self.image_size % PATCH_SIZE:
            raise ValueError(f"image_size is {self.image_size}; it has to be a multiple of {PATCH_SIZE}, such as 112")
        if self.images_per_step % (2 * LABELLED_SHARE):
            raise ValueError(
                f"images_per_step is {self.images_per_step}; it has to be a multiple of {2 * LABELLED_SHARE}: one "
                "third is labelled, and the others are mixed in pairs"
            )
        most = ABLATION_TRAINING.count // self.num_seeds
        for name, limit in (
            ("num_labelled_scenes", most),
            ("num_unlabelled_scenes", most),
            ("num_evaluated_scenes", ABLATION_EVALUATION.count),
        ):
            if getattr(self, name) > limit:
                raise ValueError(f"{name} is {getattr(self, name)}; there are {limit} scenes for that purpose")

    def first_scene(self, seed: int) -> int:
        """Position of a seed's first training scene in the ablation's range; no two seeds share a scene."""
        return seed * (ABLATION_TRAINING.count // self.num_seeds)

    def training(self, row: str) -> SmallTraining:
        """The same steps and images in every row: all labelled in the first, one third in the others."""
        num_labelled = self.images_per_step if ROWS[row] is None else self.images_per_step // LABELLED_SHARE
        return SmallTraining(
            num_labelled=num_labelled,
            num_unlabelled=self.images_per_step - num_labelled,
            optimiser=OptimiserSettings(
                encoder_lr=self.encoder_lr, decoder_lr=self.decoder_lr, num_warmup_steps=min(20, self.num_steps - 1)
            ),
            loop=LoopSettings(num_steps=self.num_steps, log_every=10, validate_every=0, save_every=0),
        )
