"""nano's folder: the weights in half precision, and the card with everything that made them."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from depth_anything.new_folder import new_folder
from depth_anything.training.nano_settings import NanoSettings
from depth_anything.training.nano_training import NUM_CHECKED, NanoOutcome
from depth_anything.training.scene_seeds import NANO_CHECK, NANO_TRAINING

CARD = """\
---
license: apache-2.0
library_name: transformers
tags: [image-feature-extraction]
---
# nano

A small image encoder in DINOv2's architecture: {parameters:.2f} M parameters, width {hidden_size}, {num_layers}
blocks, {num_heads} heads, patch {patch_size}. `toy` and `ablate.py` start from it, and their feature alignment holds
on to it, so that both run where DINOv2 cannot be had. It is not DINOv2, and it was not trained by its authors or on
its data.

## What it learned, and what it did not

Trained on pictures that `training/corpora/procedural.py` renders: domains `labelled` and `unlabelled`, seed
{training_seed}, {num_scenes} scenes, each seen once, the domain `held-out` never. Two objectives:

- the object class of each cell of 2 x 2 pixels, by a linear head on the patch tokens, in two views of a crop; the head
  was thrown away;
- agreement of the patch tokens of the two views (the crop as it is, and with UniMatch's colour jitter, greyscale and
  blur), with VICReg's variance and covariance terms, weight {agreement_weight:g}.

No depth, no normals and nothing computed from them was a target. It knows rendered things; of real photographs it has
seen none, and it is of no use beyond these recipes.

## Command

    {command}

{hardware}.
{minutes:.0f} minutes for {num_steps} steps of {scenes_per_step} scenes at {crop_size} x {crop_size} pixels.
AdamW, rate {learning_rate:g} after {num_warmup_steps} steps, half a cosine to 0, decay {weight_decay:g}. {precision}

## Figures

On {num_checked} scenes of seed {check_seed} that it was not trained on, both domains, each with its crop and view:

| figure | value |
|---|---|
{rows}

`agreement of views` is the mean cosine between the tokens of one patch in both views, about the mean token;
`agreement of strangers` the same between patches of different scenes; `dimensions in use` the participation ratio of
the tokens' covariance, of {hidden_size}.

## Use

    from transformers import Dinov2Model
    encoder = Dinov2Model.from_pretrained(".")  # float16 in the file; pass dtype=torch.float32 to train

Pixels are normalised with ImageNet's mean and deviation.
"""


def save_nano(outcome: NanoOutcome, settings: NanoSettings, command: str) -> None:
    """Writes `model.safetensors` (float16), `config.json` and `README.md`, all or none.

    Raises:
        FileExistsError: the folder holds something.
    """
    with new_folder(Path(settings.out)) as folder:
        outcome.encoder.half().save_pretrained(folder)
        (folder / "README.md").write_text(card_text(outcome, settings, command), encoding="utf-8")


def card_text(outcome: NanoOutcome, settings: NanoSettings, command: str) -> str:
    """The card.

    Args:
        outcome: of the training.
        settings: that it had.
        command: that was run.
    """
    return CARD.format(
        **{name: getattr(settings, name) for name in settings.__dataclass_fields__},
        parameters=sum(each.numel() for each in outcome.encoder.parameters()) / 1e6,
        patch_size=outcome.encoder.config.patch_size,
        training_seed=NANO_TRAINING.seed,
        check_seed=NANO_CHECK.seed,
        num_scenes=settings.num_scenes,
        num_checked=NUM_CHECKED,
        command=command,
        hardware=_hardware(outcome, settings),
        minutes=outcome.seconds / 60,
        precision="Matrices were multiplied in bfloat16." if settings.use_bf16 else "All in float32.",
        rows="\n".join(f"| {name} | {value:.3f} |" for name, value in outcome.figures.items()),
    )


def _hardware(outcome: NanoOutcome, settings: NanoSettings) -> str:
    libraries = f"torch {torch.__version__}, Python {platform.python_version()}"
    if outcome.device.type == "cuda":
        return f"{torch.cuda.get_device_name()} ({libraries})"
    threads = f"{settings.num_threads} thread{'s' if settings.num_threads > 1 else ''}"
    return f"{_processor_name()}, {threads} for training and {settings.num_workers} more to render ({libraries})"


def _processor_name() -> str:
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else platform.processor() or platform.machine()
