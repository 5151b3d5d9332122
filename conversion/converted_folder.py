"""Converted weights as a folder that transformers, people and the Hub can read."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers.utils import SAFE_WEIGHTS_NAME

from depth_anything import DepthAnythingForDepthEstimation, __version__
from depth_anything.checkpoint_cards import converted_facts, num_parameters
from depth_anything.checkpoint_loading import load_image_processor
from depth_anything.model_card import build_card
from depth_anything.new_folder import new_folder
from depth_anything.official_checkpoint import IdentifiedWeights, model_of
from depth_anything.official_identity import architecture_of, named_dinov2
from depth_anything.official_weights import WeightLayout
from depth_anything.released_checkpoints import licence_notice
from depth_anything.tensor_files import storable
from depth_anything.weight_source import WeightSource

FRESH_DECODER_SEED = 0
DINOV2_LICENCE = "apache-2.0"
FRESH_DECODER_RECIPE = "The encoder is DINOv2's; the decoder is random and untrained, so predictions mean nothing yet."


def write_folder(weights: IdentifiedWeights, source: WeightSource, target: Path, licence: str | None) -> str:
    """Writes config, image processor, safetensors and card, all or nothing; gives what to tell the user.

    Args:
        weights: of a network, or of an encoder alone, which gets a fresh decoder.
        source: where they came from, for the card.
        target: the folder to be.
        licence: that the user states; None is the release's, or unknown.

    Raises:
        FileExistsError: the target is there.
    """
    origin = f"converted from {source.file.name if source.file else source.name} by depth-anything {__version__}"
    is_fresh = weights.layout.is_encoder_alone
    if is_fresh:
        weights = _with_fresh_decoder(weights)
    facts = converted_facts(
        weights.release, weights.config, weights.tensors, model_id=str(target), origin=origin, licence=licence
    )
    if is_fresh:
        base = named_dinov2(source.telling_names())
        facts = replace(facts, recipe=FRESH_DECODER_RECIPE, base_model=base)
        if base and not licence:
            facts = replace(facts, licence=DINOV2_LICENCE)
    with new_folder(target) as folder:
        _write_tensors(weights, folder)
        load_image_processor(None, weights.config).save_pretrained(folder)
        build_card(facts).save(folder / "README.md")
    return "\n".join(filter(None, (_folder_summary(weights, target), licence_notice(str(target), facts.licence))))


def _with_fresh_decoder(weights: IdentifiedWeights) -> IdentifiedWeights:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(FRESH_DECODER_SEED)
        model = model_of(DepthAnythingForDepthEstimation, weights)
    return replace(weights, tensors=dict(model.state_dict()), layout=WeightLayout.TRANSFORMERS)


def _write_tensors(weights: IdentifiedWeights, folder: Path) -> None:
    """What the model's save_pretrained writes, straight out of the mapped file: no model, and no copy of the views."""
    config: Any = copy.deepcopy(weights.config)
    config.architectures = [DepthAnythingForDepthEstimation.__name__]
    config.dtype = config.backbone_config.dtype = _dtype_name(weights)
    config.save_pretrained(folder)
    save_file(storable(weights.tensors), folder / SAFE_WEIGHTS_NAME, metadata={"format": "pt"})


def _folder_summary(weights: IdentifiedWeights, target: Path) -> str:
    config = weights.config
    unit = f"metres up to {config.max_depth}" if config.depth_estimation_type == "metric" else "disparity"
    architecture = architecture_of(config)
    network = f"V{architecture.version} {architecture.size}" if architecture else "of its own size"
    count = num_parameters(weights.tensors) / 1e6
    return f"{target}: Depth Anything {network}, {unit}, {count:.1f} M parameters, {_dtype_name(weights)}"


def _dtype_name(weights: IdentifiedWeights) -> str:
    return str(weights.dtype).removeprefix("torch.")
