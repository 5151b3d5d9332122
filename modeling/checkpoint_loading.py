"""From a checkpoint's files to a network and its image processor, on a device and in a dtype that exist."""

import logging
from typing import Literal

import torch
from torch import nn

from .checkpoint_lookup import Checkpoint, CheckpointError
from .image_processing_depth_anything import DepthAnythingImageProcessor
from .modeling_depth_anything import DepthAnythingForDepthEstimation

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

logger = logging.getLogger(__name__)


def resolve_device(device: str | torch.device) -> torch.device:
    """The device itself, or for "auto" the fastest kind there is.

    Raises:
        ValueError: no such device here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device {device!r} is not known; choose auto, cpu, cuda, cuda:N or mps") from None
    if resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {str(device)!r} is not there: torch sees {torch.cuda.device_count()} CUDA devices")
    if resolved.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device 'mps' is not there: torch sees no Apple GPU")
    return resolved


def resolve_dtype(dtype: str | torch.dtype) -> torch.dtype | Literal["auto"]:
    """The dtype by name; "auto" stays, for `from_pretrained` to read the checkpoint's.

    Raises:
        ValueError: a dtype that networks do not run in.
    """
    if dtype == "auto":
        return "auto"
    resolved = DTYPES.get(dtype) if isinstance(dtype, str) else dtype
    if resolved is None or resolved not in DTYPES.values():
        raise ValueError(f"dtype {dtype!r} is not on offer; choose auto, {', '.join(DTYPES)}")
    return resolved


def place_model(
    model: nn.Module, device: str | torch.device, dtype: str | torch.dtype | None
) -> DepthAnythingForDepthEstimation:
    """The model itself, moved only where a device or dtype is named.

    Raises:
        TypeError: another class than this package's.
        ValueError: a device or dtype that is not on offer.
    """
    if not isinstance(model, DepthAnythingForDepthEstimation):
        raise TypeError(
            f"model must be a depth_anything.DepthAnythingForDepthEstimation, got {type(model).__module__}."
            f"{type(model).__qualname__}; give the folder that it was saved to, which loads as ours"
        )
    if device != "auto":
        model.to(resolve_device(device))
    if dtype not in (None, "auto"):
        model.to(resolve_dtype(dtype))
    return model


def load_model(checkpoint: Checkpoint, dtype: torch.dtype | Literal["auto"]) -> DepthAnythingForDepthEstimation:
    """The checkpoint's network with every tensor from its files.

    Raises:
        CheckpointError: the files are damaged, or do not hold the whole network.
    """
    model: DepthAnythingForDepthEstimation
    try:
        model, report = DepthAnythingForDepthEstimation.from_pretrained(
            checkpoint.folder, dtype=dtype, output_loading_info=True
        )
    except Exception as error:  # a damaged file, a config that fits no network: the libraries have no common class
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"The checkpoint {checkpoint.name!r} cannot be loaded: {reason}") from error
    absent = sorted({*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])})
    if absent:
        # transformers fills them at random and goes on, which would give a depth map of nothing.
        raise CheckpointError(
            f"The checkpoint {checkpoint.name!r} lacks {len(absent)} tensors of the network, or has them in another "
            f"shape, the first being {absent[0]}."
        )
    return model


def load_image_processor(checkpoint: Checkpoint | None) -> DepthAnythingImageProcessor:
    """The checkpoint's image processor, always of this package's class; None gives the released settings."""
    if checkpoint is None:
        return DepthAnythingImageProcessor()
    if not (checkpoint.folder / "preprocessor_config.json").is_file():
        logger.warning(
            "The checkpoint %r has no preprocessor_config.json: the released models' settings are used.",
            checkpoint.name,
        )
        return DepthAnythingImageProcessor()
    processor: DepthAnythingImageProcessor = DepthAnythingImageProcessor.from_pretrained(checkpoint.folder)
    return processor


def with_input_size(processor: DepthAnythingImageProcessor, input_size: int) -> DepthAnythingImageProcessor:
    """A copy of the processor that aims at another size.

    Raises:
        ValueError: not a positive size.
    """
    if input_size < 1:
        raise ValueError(f"input_size must be a positive number of pixels, got {input_size}")
    settings = processor.to_dict() | {"size": {"height": input_size, "width": input_size}}
    resized: DepthAnythingImageProcessor = type(processor).from_dict(settings)
    return resized
