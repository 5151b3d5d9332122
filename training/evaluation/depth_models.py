"""Networks of transformers that predict depth, each with its image processor and a statement of what it predicts.

Shapes: B batch, C channels, H W pixels of the image, h w of the network's input.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from numpy import uint8
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoConfig, AutoModelForDepthEstimation, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.image_processing_auto import AutoImageProcessor
from transformers.models.auto.modeling_auto import MODEL_FOR_DEPTH_ESTIMATION_MAPPING_NAMES
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

from depth_anything.checkpoint_loading import load_image_processor, resolve_dtype, with_input_size
from depth_anything.checkpoint_lookup import MODEL_TYPE, Checkpoint, CheckpointError
from depth_anything.configuration_depth_anything import DepthAnythingConfig
from depth_anything.depth_upsampling import without_padding
from depth_anything.image_processing_depth_anything import DepthAnythingImageProcessor
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation
from depth_anything.output_records import printable
from depth_anything.training.evaluation.declared_kind import declared_kind
from depth_anything.training.evaluation.protocol import InputRule
from depth_anything.training.evaluation.scoring_rule import PredictionKind

NEAREST_INVERSE_DEPTH, FARTHEST_INVERSE_DEPTH = 1e4, 1e-4  # of DepthPro, as its own post-processing limits it


@dataclass(frozen=True, kw_only=True)
class ModelChoices:
    """How a checkpoint is run.

    Attributes:
        predicts: what its numbers mean, where its configuration is silent.
        dtype: of the weights: "float32", "bfloat16", "float16".
        position_interpolation: of our Depth Anything network, "official" or "native"; None is the checkpoint's own.
        is_native_model: run Depth Anything by transformers' own class instead of ours.
        is_native_processor: prepare images by transformers' own class instead of ours.
        input_size: side in pixels that our processor's rule aims at; None is the checkpoint's.
    """

    predicts: PredictionKind | None = None
    dtype: str = "float32"
    position_interpolation: str | None = None
    is_native_model: bool = False
    is_native_processor: bool = False
    input_size: int | None = None

    def __post_init__(self) -> None:
        if self.is_native_model and self.position_interpolation == "official":
            raise ValueError(
                "position_interpolation 'official' is of our network, and transformers' own interpolates in its own "
                "way: leave it out, or run our network"
            )
        if self.is_native_processor and self.input_size is not None:
            raise ValueError(f"input_size {self.input_size} is of our image processor: leave out the native one")


class DepthModel:
    """A network that says what it predicts.

    Args:
        network: in eval mode, on its device.
        processor: prepares one picture at a time; if it pads, it is ours.
        kind: what the network predicts.
        identity: what tells this model from another in a record.
    """

    def __init__(
        self, network: PreTrainedModel, processor: Any, kind: PredictionKind, identity: dict[str, Any]
    ) -> None:
        self.network = network
        self.processor = processor
        self.kind = kind
        self.identity = identity

    def with_input(self, input_rule: InputRule | None) -> DepthModel:
        """The same network behind our processor with another size rule.

        Args:
            input_rule: a protocol's; None, and a processor that is not ours, keep what the checkpoint states, because
                the rules are Depth Anything's.
        """
        if input_rule is None or not isinstance(self.processor, DepthAnythingImageProcessor):
            return self
        rule = {
            "resize_method": input_rule.resize_method,
            "size": dict(zip(("height", "width"), input_rule.size, strict=True)),
            "ensure_multiple_of": input_rule.multiple,
            "do_resize": True,
        }
        processor = type(self.processor).from_dict(self.processor.to_dict() | rule)
        identity = self.identity | {"preprocessing": json.loads(processor.to_json_string())}
        return DepthModel(self.network, processor, self.kind, identity)

    def prepare(self, image: NDArray[uint8]) -> Tensor:
        """The network's input of one RGB picture (H, W, 3); (C, h, w), float32 on the CPU."""
        pixel_values = self.processor(image, return_tensors="pt")["pixel_values"]
        return torch.as_tensor(pixel_values)[0]

    def predict(self, pixel_values: Tensor, is_flip_averaged: bool) -> Tensor:
        """Maps at the network's own resolution, as `kind` says; (B, h, w), float32 on the network's device.

        Args:
            pixel_values: (B, C, h, w).
            is_flip_averaged: average with the mirrored prediction of the mirrored picture, half each.
        """
        with torch.inference_mode():
            pixel_values = pixel_values.to(self.network.device, self.network.dtype)
            depth = self._run(pixel_values)
            if is_flip_averaged:
                depth = 0.5 * (depth + self._run(pixel_values.flip(-1)).flip(-1))
        return depth

    def without_border(self, depth: Tensor, image_size: tuple[int, int]) -> Tensor:
        """The part of one map (h, w) that shows the picture: all of it, unless our processor pads."""
        if isinstance(self.processor, DepthAnythingImageProcessor) and self.processor.resize_method == "pad":
            return without_padding(depth, image_size, self.processor.ensure_multiple_of)
        return depth

    def _run(self, pixel_values: Tensor) -> Tensor:
        outputs = self.network(pixel_values=pixel_values)
        depth = outputs.predicted_depth.float()
        if self.network.config.model_type != "depth_pro":
            return depth
        # The network's map is inverse depth for a camera whose focal length is the picture's width.
        width_per_focal = 2 * torch.tan(0.5 * torch.deg2rad(outputs.field_of_view.float())).view(-1, 1, 1)
        return 1 / (depth * width_per_focal).clamp(FARTHEST_INVERSE_DEPTH, NEAREST_INVERSE_DEPTH)


def load_depth_model(checkpoint: Checkpoint, choices: ModelChoices, device: torch.device) -> DepthModel:
    """Any depth network of transformers.

    Depth Anything runs by this package's classes, unless the choices name transformers' own.

    Raises:
        CheckpointError: the files are damaged or incomplete, or describe no depth network.
        PredictionKindError: nobody says what it predicts.
        ValueError: choices that do not fit the network.
    """
    config = _read_config(checkpoint)
    kind = declared_kind(config, choices.predicts)
    is_ours = config.model_type == MODEL_TYPE
    if not is_ours and (choices.position_interpolation or choices.input_size or choices.is_native_model):
        raise ValueError(
            f"--position-interpolation, --input-size and --native-model are of Depth Anything, and {checkpoint.name} "
            f"is a network of type {config.model_type!r}: leave them out"
        )
    if config.model_type == "depth_pro" and not config.use_fov_model:
        raise CheckpointError(
            f"The checkpoint {checkpoint.name!r} does not estimate the field of view, without which DepthPro's map "
            "is not in metres."
        )
    network = _load_network(checkpoint, choices, is_ours).to(device).eval()
    if is_ours and not choices.is_native_processor:
        processor: Any = load_image_processor(checkpoint, DepthAnythingConfig.from_dict(config.to_dict()))
        if choices.input_size is not None:
            processor = with_input_size(processor, choices.input_size)
    else:
        processor = _load_native_processor(checkpoint, DPTImageProcessorPil if is_ours else AutoImageProcessor)
    return DepthModel(network, processor, kind, _identity(checkpoint, network, processor, kind))


def _read_config(checkpoint: Checkpoint) -> PreTrainedConfig:
    try:
        config = AutoConfig.from_pretrained(checkpoint.folder)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"The configuration of {checkpoint.name!r} cannot be used: {_first_line(error)}"
        ) from error
    if config.model_type not in MODEL_FOR_DEPTH_ESTIMATION_MAPPING_NAMES:
        raise CheckpointError(
            f"The checkpoint {checkpoint.name!r} has model_type {config.model_type!r}, which predicts no depth; "
            f"transformers has {', '.join(MODEL_FOR_DEPTH_ESTIMATION_MAPPING_NAMES)}."
        )
    return config


def _load_network(checkpoint: Checkpoint, choices: ModelChoices, is_ours: bool) -> PreTrainedModel:
    network_class: Any = AutoModelForDepthEstimation
    options: dict[str, Any] = {}
    if is_ours and choices.is_native_model:
        network_class = transformers.DepthAnythingForDepthEstimation
    elif is_ours:
        network_class = DepthAnythingForDepthEstimation
        if choices.position_interpolation is not None:
            options["position_interpolation"] = choices.position_interpolation
    try:
        network, report = network_class.from_pretrained(
            checkpoint.folder, dtype=resolve_dtype(choices.dtype), output_loading_info=True, **options
        )
    except Exception as error:  # a damaged file, a config that fits no network: the libraries have no common class
        raise CheckpointError(f"The checkpoint {checkpoint.name!r} cannot be loaded: {_first_line(error)}") from error
    absent = sorted({*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])})
    if absent:  # transformers fills them at random and goes on, which would score noise
        raise CheckpointError(
            f"The checkpoint {checkpoint.name!r} lacks {len(absent)} tensors of the network, or has them in another "
            f"shape, the first being {absent[0]}."
        )
    loaded: PreTrainedModel = network
    return loaded


def _load_native_processor(checkpoint: Checkpoint, processor_class: Any) -> Any:
    try:
        processor = processor_class.from_pretrained(checkpoint.folder)
    except (OSError, ValueError, ImportError) as error:
        raise CheckpointError(
            f"The image processor of {checkpoint.name!r} cannot be loaded: {_first_line(error)}"
        ) from error
    if getattr(processor, "do_pad", False):
        if not processor.do_resize:
            raise CheckpointError(
                f"The image processor of {checkpoint.name!r} pads instead of resizing: leave out --native-processor."
            )
        # The released evaluation code of ZoeDepth calls the network itself, without the mirrored border that its
        # processor adds; and a padded map would not lie on the picture.
        processor.do_pad = False
    return processor


def _identity(
    checkpoint: Checkpoint, network: PreTrainedModel, processor: Any, kind: PredictionKind
) -> dict[str, Any]:
    config = network.config
    return {
        "model": printable(checkpoint.name),
        "revision": checkpoint.revision,
        "weights_sha256": None if checkpoint.revision else checkpoint.weights_sha256(),
        "class": f"{type(network).__module__}.{type(network).__qualname__}",
        "predicts": kind.value,
        "max_depth_m": getattr(config, "max_depth", None) if kind is PredictionKind.METRIC_DEPTH else None,
        "position_interpolation": getattr(config, "position_interpolation", None),
        "dtype": str(network.dtype).removeprefix("torch."),
        "device": network.device.type,
        "processor": f"{type(processor).__module__}.{type(processor).__qualname__}",
        "preprocessing": json.loads(processor.to_json_string()),
    }


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
