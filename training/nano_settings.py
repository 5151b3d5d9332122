"""Settings of nano's training, all with defaults: those that gave the weights that we ship."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from transformers import Dinov2Config

from depth_anything.training.bfloat16_support import multiplies_bfloat16
from depth_anything.training.scene_seeds import NANO_TRAINING

PATCH_SIZE = 14  # pixels, as in DINOv2
MAY_BE_ZERO = ("num_warmup_steps", "weight_decay", "agreement_weight", "seed")
LABELLED_PERIOD = 3  # every third scene is of the narrow domain: the wide one contains its layouts too


@dataclass(frozen=True, kw_only=True)
class NanoSettings:
    """How nano is built and trained.

    Raises:
        ValueError: a setting out of its range, or two that contradict each other.
    """

    out: str = field(metadata={"help": "folder to write, which does not exist yet"})
    hidden_size: int = field(default=192, metadata={"help": "channels of a token"})
    num_layers: int = field(default=6, metadata={"help": "blocks of the encoder"})
    num_heads: int = field(default=3, metadata={"help": "heads of each attention"})
    scene_size: int = field(default=126, metadata={"help": "side of a rendered scene, in pixels"})
    crop_size: int = field(
        default=112, metadata={"help": "side of the crops trained on; the grid of positions is its"}
    )
    scenes_per_step: int = field(default=16, metadata={"help": "scenes in a batch; each gives two views"})
    num_steps: int = field(default=3000, metadata={"help": "optimiser steps"})
    num_warmup_steps: int = field(default=100, metadata={"help": "steps in which the learning rate rises"})
    learning_rate: float = field(default=8e-4, metadata={"help": "highest rate of AdamW; a half cosine takes it to 0"})
    weight_decay: float = field(default=0.05, metadata={"help": "of the matrices; biases, norms and tokens have none"})
    max_gradient_norm: float = field(default=1.0, metadata={"help": "longer gradients are shortened to this"})
    agreement_weight: float = field(default=1.0, metadata={"help": "of the agreement of two views; 1 of the classes"})
    seed: int = field(default=0, metadata={"help": "of weights, crops and views"})
    num_threads: int = field(default=1, metadata={"help": "threads that train on a CPU; one process renders beside"})
    num_workers: int = field(default=1, metadata={"help": "processes that render"})
    use_bf16: bool = field(
        default_factory=multiplies_bfloat16,
        metadata={"help": "multiply matrices in bfloat16; weights stay float32; default: on hardware that does that"},
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.name in MAY_BE_ZERO and value < 0:
                raise ValueError(f"{setting.name} is {value}; it has to be 0 or more")
            if setting.name not in (*MAY_BE_ZERO, "out", "use_bf16") and value <= 0:
                raise ValueError(f"{setting.name} is {value}; it has to be above 0")
        if self.crop_size % PATCH_SIZE or self.crop_size > self.scene_size:
            raise ValueError(
                f"crop_size is {self.crop_size} and scene_size {self.scene_size}; the first has to be a multiple of "
                f"{PATCH_SIZE} and no larger than the second"
            )
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"hidden_size is {self.hidden_size}; it has to be a multiple of num_heads, {self.num_heads}"
            )
        if self.num_warmup_steps >= self.num_steps:
            raise ValueError(
                f"num_warmup_steps is {self.num_warmup_steps}; it has to be below num_steps, {self.num_steps}"
            )
        if self.num_scenes > NANO_TRAINING.count:
            raise ValueError(
                f"num_steps x scenes_per_step is {self.num_scenes}; nano has {NANO_TRAINING.count} scenes to train on"
            )

    @property
    def num_scenes(self) -> int:
        """Scenes in the whole run; each is seen once."""
        return self.num_steps * self.scenes_per_step

    def encoder_config(self) -> Dinov2Config:
        """The encoder in DINOv2's architecture."""
        return Dinov2Config(
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_layers,
            num_attention_heads=self.num_heads,
            patch_size=PATCH_SIZE,
            image_size=self.crop_size,
        )
