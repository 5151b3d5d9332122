"""Teachers and sky segmenters by folder or Hub id, whole or with one sentence that says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForDepthEstimation, AutoModelForSemanticSegmentation
from transformers.image_processing_base import ImageProcessingMixin

from depth_anything.checkpoint_loading import load_image_processor, load_model, resolve_device
from depth_anything.checkpoint_lookup import CONFIG_NAME, CheckpointError, OtherFormatError, find_checkpoint
from depth_anything.training.network_identity import identity_of
from depth_anything.training.network_input import PixelNormalisation, normalisation_of
from depth_anything.training.pseudo_labels import Teacher
from depth_anything.training.sky_segmentation import SkySegmenter

DEFAULT_SKY_MODEL = "nvidia/segformer-b0-finetuned-ade-512-512"
RELATIVE_TYPES = ("dpt",)  # model types of transformers that predict relative disparity, beside ours
DEPTH_BACKBONE = "dinov2"  # of a DPT: all that were released with it were trained on metres


def load_teacher(
    name: str,
    *,
    revision: str | None = None,
    sky: SkySegmenter | None = None,
    has_confidence: bool = False,
    precision: str = "float32",
    max_batch: int = 16,
    device: str | torch.device = "auto",
) -> Teacher:
    """The teacher with the weights of a checkpoint, on a device.

    Args:
        name: folder or Hub id of a Depth Anything checkpoint, or of a DPT of MiDaS such as "Intel/dpt-large".
        revision: branch, tag or commit of a Hub id.
        sky: finds the sky; None looks for none.
        has_confidence: run the mirrored view too.
        precision: "float32", or "bfloat16" for autocast.
        max_batch: images that run together at most.
        device: "auto" is the fastest kind there is.

    Raises:
        CheckpointError: there is no such checkpoint, it is not whole, or it does not predict disparity.
        ValueError: a device or setting that is not on offer.
    """
    resolved, input_size = resolve_device(device), None
    try:
        checkpoint = find_checkpoint(name, revision, argument="--teacher (in Python: name)")
    except OtherFormatError as error:
        network, found_revision = _native_depth_model(name, revision, error)
        normalisation, input_size = _native_normalisation(name, revision), _square_of(network.config)
    else:
        network, found_revision = load_model(checkpoint, torch.float32), checkpoint.revision
        processor = load_image_processor(checkpoint, network.config)
        normalisation = normalisation_of(processor.to_dict(), name)
    if getattr(network.config, "depth_estimation_type", "relative") == "metric":
        raise CheckpointError(f"The checkpoint {name!r} predicts metres; a teacher has to predict disparity.")
    return Teacher(
        network,
        identity=identity_of(network, name, found_revision),
        normalisation=normalisation,
        sky=sky,
        has_confidence=has_confidence,
        precision=precision,
        max_batch=max_batch,
        input_size=input_size,
        device=resolved,
    )


def load_sky_segmenter(
    name: str = DEFAULT_SKY_MODEL, *, revision: str | None = None, device: str | torch.device = "auto"
) -> SkySegmenter:
    """The sky segmenter with the weights of a checkpoint, on a device.

    Args:
        name: folder or Hub id of a semantic segmentation model of transformers with a class named sky.
        revision: branch, tag or commit of a Hub id.
        device: "auto" is the fastest kind there is.

    Raises:
        CheckpointError: there is no such checkpoint, it is not whole, or it has no class named sky.
        ValueError: a device that is not there.
    """
    network = _whole(AutoModelForSemanticSegmentation, name, revision)
    try:
        return SkySegmenter(
            network,
            identity=identity_of(network, name, getattr(network.config, "_commit_hash", None)),
            normalisation=_native_normalisation(name, revision),
            device=resolve_device(device),
        )
    except ValueError as error:
        raise CheckpointError(f"The checkpoint {name!r} cannot find the sky: {error}") from error


def _native_depth_model(name: str, revision: str | None, refusal: OtherFormatError) -> tuple[nn.Module, str | None]:
    """A depth model of another type; `refusal` stands where its type is none that predicts relative disparity."""
    folder = Path(name).expanduser()
    if folder.is_file() or (folder.is_dir() and not (folder / CONFIG_NAME).is_file()):
        raise refusal
    network = _whole(AutoModelForDepthEstimation, name, revision)
    backbone = getattr(getattr(network.config, "backbone_config", None), "model_type", None)
    if network.config.model_type not in RELATIVE_TYPES or backbone == DEPTH_BACKBONE:
        raise CheckpointError(
            f"The checkpoint {name!r} ({network.config.model_type}) is not known to predict relative disparity, as "
            f"depth_anything and MiDaS' {', '.join(RELATIVE_TYPES)} do; give one of these as teacher."
        )
    return network, getattr(network.config, "_commit_hash", None)


def _square_of(config: Any) -> tuple[int, int]:
    """The only size at which transformers' DPT runs over a plain vision transformer, and the one it was trained at."""
    size = getattr(config.backbone_config or config, "image_size", None) or config.image_size
    side = int(size if isinstance(size, int) else size[0])
    return side, side


def _whole(auto_class: Any, name: str, revision: str | None) -> Any:
    """The model with every tensor from its files, in float32."""
    try:
        network, report = auto_class.from_pretrained(
            name, revision=revision or "main", dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:  # no network, a damaged file, another task: the libraries have no common class
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"The checkpoint {name!r} cannot be loaded: {reason}") from error
    absent = sorted({*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])})
    if absent:
        raise CheckpointError(f"The checkpoint {name!r} lacks {len(absent)} tensors, the first being {absent[0]}.")
    return network


def _native_normalisation(name: str, revision: str | None) -> PixelNormalisation:
    """That of the checkpoint's image processor; ImageNet's where it has none."""
    try:
        settings, _ = ImageProcessingMixin.get_image_processor_dict(name, revision=revision or "main")
    except json.JSONDecodeError as error:
        raise CheckpointError(f"The image processor's file of {name!r} cannot be read as JSON.") from error
    except OSError:
        return PixelNormalisation()
    try:
        return normalisation_of(settings, name)
    except ValueError as error:
        raise CheckpointError(f"The checkpoint {name!r} cannot be used: {error}") from error
