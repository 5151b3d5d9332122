"""The network that a training begins with, and the frozen encoder that a student's features are held to."""

from __future__ import annotations

import copy

import torch

from depth_anything import DepthAnythingForDepthEstimation
from depth_anything.checkpoint_loading import load_model
from depth_anything.checkpoint_lookup import CheckpointError, OtherFormatError, find_checkpoint
from depth_anything.modeling_depth_anything import DepthAnythingBackbone
from depth_anything.training.nano_encoder import NANO_FOLDER, nano_depth_model

NANO = "nano"


def start_network(name: str, *, version: int, seed: int) -> DepthAnythingForDepthEstimation:
    """A relative network in float32 and training mode.

    Args:
        name: a Depth Anything checkpoint, which goes on; a DINOv2 encoder, which gets a fresh decoder; or "nano".
        version: blocks that a fresh decoder reads, 1 the last four, 2 four spread ones; nano's is made for its depth.
        seed: of a fresh decoder; torch's own random state stays as it was.

    Raises:
        CheckpointError: there is none of either kind, or it predicts metres.
    """
    if name == NANO:
        _check_nano()
        return nano_depth_model(seed)
    try:
        checkpoint = find_checkpoint(name, argument="--start_from (in Python: name)")
    except OtherFormatError:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = DepthAnythingForDepthEstimation.from_dinov2(name, version=version)
    else:
        model = load_model(checkpoint, torch.float32)
    if model.config.depth_estimation_type == "metric":
        raise CheckpointError(
            f"The checkpoint {name!r} predicts metres; a training of disparity cannot start from it."
        )
    return model.float().train()


def reference_backbone(
    name: str | None, model: DepthAnythingForDepthEstimation, version: int
) -> DepthAnythingBackbone:
    """The encoder whose features a student is held to; in float32, not frozen yet.

    Args:
        name: as for `start_network`; None copies the encoder of `model`, which has to be as it starts.
        model: the student.
        version: as for `start_network`.

    Raises:
        CheckpointError: as `start_network`.
    """
    if name is None:
        return copy.deepcopy(model.backbone)
    return start_network(name, version=version, seed=0).backbone


def base_of(name: str) -> str:
    """The start as model cards take it: a Hub id, or a folder whose card states the terms."""
    return str(NANO_FOLDER) if name == NANO else name


def _check_nano() -> None:
    if not (NANO_FOLDER / "model.safetensors").is_file():
        raise CheckpointError(
            f"The package's own encoder is not at {str(NANO_FOLDER)!r}: install the package again, or give "
            "--start_from a DINOv2 encoder."
        )
