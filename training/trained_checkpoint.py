"""What a training gives to others: a folder as `save_pretrained` writes it, with image processor and card."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import Accelerator
from huggingface_hub.constants import REPOCARD_NAME
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from depth_anything.checkpoint_cards import trained_facts
from depth_anything.checkpoint_folder import check_folder
from depth_anything.checkpoint_loading import load_image_processor, with_input_size
from depth_anything.configuration_depth_anything import DepthAnythingConfig
from depth_anything.hub_push import Push, check_push, push_folder
from depth_anything.model_card import build_card, card_faults
from depth_anything.model_card_facts import CardFacts, DataSource, EvaluationResult
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation
from depth_anything.training.corpora.registry import CORPORA
from depth_anything.training.settings import RunKind, Settings
from depth_anything.training.start_networks import base_of

BEST, LAST = "best", "last"


def save_trained(model: nn.Module, folder: Path, card: CardFacts, *, crop_size: int, accelerator: Accelerator) -> None:
    """Writes the folder anew, whole or not at all; every process has to call it.

    Args:
        model: the network; its weights may be sharded over the processes.
        folder: to be; an earlier one is replaced.
        card: what is known of the network.
        crop_size: that it was trained at, which the image processor aims at.
        accelerator: of the run.
    """
    assert isinstance(model, DepthAnythingForDepthEstimation)
    weights = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    if accelerator.is_main_process:
        partial, old = (folder.with_name(f".{folder.name}.{part}") for part in ("partial", "old"))
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)
        model.save_pretrained(partial, state_dict=weights)
        with_input_size(load_image_processor(None, model.config), crop_size).save_pretrained(partial)
        (partial / REPOCARD_NAME).write_text(str(build_card(card)), encoding="utf-8")
        if folder.exists():
            folder.replace(old)
        partial.replace(folder)
        shutil.rmtree(old, ignore_errors=True)
    accelerator.wait_for_everyone()


def card_facts(
    settings: Settings, config: DepthAnythingConfig, num_parameters: int, accelerator: Accelerator, num_steps: int
) -> CardFacts:
    """What the card says of a network before there are scores.

    Args:
        settings: of the run.
        config: of the network.
        num_parameters: of the network.
        accelerator: of the run.
        num_steps: optimiser steps of the whole run.
    """
    model_id = settings.run.push_to_hub or str(Path(settings.run.out) / LAST)
    base = base_of(settings.model.start_from)
    facts = trained_facts(
        config, model_id=model_id, parameters=num_parameters, base=base, licence=settings.run.license
    )
    return replace(
        facts,
        recipe=_recipe_text(settings, accelerator.num_processes, num_steps),
        hardware=f"{accelerator.num_processes} x {_device_name(accelerator)}.",
        data=tuple(
            _data_source(name, role)
            for role, names in (("labelled", settings.data.labelled), ("unlabelled", settings.data.unlabelled))
            for name in names
        ),
    )


def with_scores(card: CardFacts, scores: dict[str, float], step: int) -> CardFacts:
    """The card with the validation's scores of each corpus.

    Args:
        card: of the network.
        scores: as `DepthValidation` gives them.
        step: at which they were taken.
    """
    protocol = "validation of the training: middle crops, scale and shift fitted in disparity by least squares"
    results = [
        EvaluationResult(
            data=name.partition("/")[2],
            metric=name.partition("/")[0],
            value=round(value, 4),
            protocol=f"{protocol}, step {step}",
            source="",
            source_url="",
        )
        for name, value in scores.items()
        if "/" in name
    ]
    return replace(card, results=tuple(results), results_note="") if results else card


def check_before_training(settings: Settings, card: CardFacts) -> str | None:
    """The full id of the repository to push to; None where nothing is to be pushed.

    Raises:
        PushError: no token, or a name that cannot be used.
        ValueError: a card that the Hub could not use.
    """
    if settings.run.push_to_hub is None:
        return None
    if faults := card_faults(str(build_card(card))):
        raise ValueError(f"the model card would not be complete: {'; '.join(faults)}; set license")
    return check_push(settings.run.push_to_hub)


def push_trained(folder: Path, settings: Settings) -> Push:
    """Checks the folder and uploads it.

    Raises:
        CheckpointError: the folder is not whole.
        PushError: the Hub cannot be used; the folder stays, and `depth-anything push` goes on.
    """
    assert settings.run.push_to_hub is not None
    return push_folder(check_folder(folder), settings.run.push_to_hub, is_private=settings.run.is_private)


def _recipe_text(settings: Settings, num_processes: int, num_steps: int) -> str:
    data, optimiser = settings.data, settings.optimiser
    images = data.num_labelled + data.num_unlabelled
    total = images * num_processes * settings.loop.accumulation_steps
    parts = [
        f"Recipe `{settings.recipe}` of this package, {num_steps:,} steps of {total} images "
        f"({data.num_labelled} labelled and {data.num_unlabelled} unlabelled in each batch) at {data.crop_size} "
        f"pixels, from `{settings.model.start_from}`.",
        f"AdamW, {optimiser.encoder_lr:g} for the encoder and {optimiser.decoder_lr:g} for the rest, "
        f"{optimiser.schedule.value} schedule, weight decay {optimiser.weight_decay:g}, "
        f"{settings.run.precision.value}.",
    ]
    if settings.kind is RunKind.STUDENT:
        teacher = settings.model.teacher
        parts.append(
            "Pseudo labels were stored in the shards."
            if teacher is None
            else f"`{teacher}` labelled live; its terms count."
        )
    return " ".join(parts)


def _data_source(name: str, role: str) -> DataSource:
    spec = CORPORA.get(name.partition("=")[0])
    if spec is None:
        terms = "rendered by this package" if name.startswith("procedural:") else "see their own"
        return DataSource(name=name, images="not counted", role=role, terms=terms)
    images = f"{spec.num_images:,}" if spec.num_images else "not counted"
    return DataSource(name=spec.title, images=images, role=role, terms=spec.terms)


def _device_name(accelerator: Accelerator) -> str:
    if accelerator.device.type == "cuda":
        return torch.cuda.get_device_name(accelerator.device)
    return accelerator.device.type
