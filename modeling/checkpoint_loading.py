"""From a checkpoint's files to a network and its image processor, on a device and in a dtype that exist."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from .checkpoint_lookup import Checkpoint, CheckpointError
from .configuration_depth_anything import DepthAnythingConfig
from .image_processing_depth_anything import DepthAnythingImageProcessor
from .modeling_depth_anything import DepthAnythingForDepthEstimation

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
DEVICE_TYPES = ("cpu", "cuda", "mps")

logger = logging.getLogger(__name__)


def resolve_device(device: str | torch.device | None) -> torch.device:
    """The device itself, or for "auto" the fastest kind there is.

    Raises:
        ValueError: no such device here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        resolved = torch.device(device)  # type: ignore[arg-type]
    except (RuntimeError, TypeError):
        resolved = None
    if resolved is None or resolved.type not in DEVICE_TYPES:
        shown = str(device) if isinstance(device, torch.device) else device
        raise ValueError(f"device {shown!r} is not known; choose auto, cpu, cuda, cuda:N or mps")
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
    model: nn.Module, device: str | torch.device | None, dtype: str | torch.dtype | None
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


def load_image_processor(checkpoint: Checkpoint | None, config: DepthAnythingConfig) -> DepthAnythingImageProcessor:
    """The checkpoint's image processor, always of this package's class; None gives the released settings.

    Where no file states `align_corners` it follows the network, because the official code of V1 upsamples with False
    and that of V2 with True, and the files of the released checkpoints are silent.

    Raises:
        CheckpointError: the file cannot be read, or holds settings that are not offered.
    """
    settings: dict[str, Any] | None = None
    if checkpoint is not None:
        try:
            settings = _processor_settings(checkpoint.folder)
        except (OSError, ValueError, AttributeError, TypeError):  # TypeError, AttributeError: JSON, but no object
            raise CheckpointError(
                f"The image processor's file of {checkpoint.name!r} cannot be read as JSON."
            ) from None
        if settings is None:
            logger.warning(
                "The checkpoint %r has no preprocessor_config.json: the released models' settings are used.",
                checkpoint.name,
            )
    settings = dict(settings or {})
    if settings.get("align_corners") is None:
        settings["align_corners"] = not _reads_last_layers(config)
    try:
        processor: DepthAnythingImageProcessor = DepthAnythingImageProcessor.from_dict(settings)
    except (ValueError, TypeError) as error:
        name = checkpoint.name if checkpoint else "the model"
        raise CheckpointError(f"The image processor of {name!r} cannot be used: {error}") from error
    return processor


def check_image_processor(image_processor: object) -> None:
    """Lets only this package's class pass.

    Raises:
        TypeError: another class.
    """
    if not isinstance(image_processor, DepthAnythingImageProcessor):
        raise TypeError(
            "image_processor must be a depth_anything.DepthAnythingImageProcessor, got "
            f"{type(image_processor).__module__}.{type(image_processor).__qualname__}; get ours from its folder with "
            "DepthAnythingImageProcessor.from_pretrained"
        )


def with_input_size(processor: DepthAnythingImageProcessor, input_size: int) -> DepthAnythingImageProcessor:
    """A copy of the processor that aims at another size, brought to the nearest multiple for "fixed".

    Raises:
        ValueError: not a size that the processor's rule can aim at.
    """
    if processor.resize_method == "pad" or not processor.do_resize:
        raise ValueError("input_size has no effect on an image processor that does not resize: leave it out")
    multiple = processor.ensure_multiple_of
    if processor.resize_method == "fixed":
        input_size = max(round(input_size / multiple), 1) * multiple
    if processor.resize_method == "upper_bound" and input_size < multiple:
        raise ValueError(f"input_size {input_size} leaves no room for a patch: set it to at least {multiple}")
    settings = processor.to_dict() | {"size": {"height": input_size, "width": input_size}}
    resized: DepthAnythingImageProcessor = type(processor).from_dict(settings)
    return resized


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Within, the model is in eval mode; one that is being trained goes on in training mode afterwards."""
    was_training = model.training
    if was_training:
        model.eval()
    try:
        yield
    finally:
        if was_training:
            model.train()


def _processor_settings(folder: Path) -> dict[str, Any] | None:
    """The settings by the file that transformers prefers; None where there is neither."""
    nested_path, path = folder / "processor_config.json", folder / "preprocessor_config.json"
    settings = None
    if nested_path.is_file():
        settings = json.loads(nested_path.read_text(encoding="utf-8")).get("image_processor")
    if settings is None and path.is_file():
        settings = json.loads(path.read_text(encoding="utf-8"))
    return settings if settings is None else dict(settings)


def _reads_last_layers(config: DepthAnythingConfig) -> bool:
    """Whether the decoder reads the last four layers, as V1's does; a network of four layers has no others."""
    backbone: Any = config.backbone_config
    num_layers = int(backbone.num_hidden_layers)
    return num_layers > 4 and list(backbone.out_indices) == list(range(num_layers - 3, num_layers + 1))
