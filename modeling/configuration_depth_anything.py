# Copyright 2026 The depth-anything maintainers. Licensed under the Apache License, Version 2.0.
"""Configuration of Depth Anything: every field of transformers' own class, sizes by name, everything checked."""

from typing import Any, ClassVar, Literal

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, Dinov2Config, PreTrainedConfig
from transformers.activations import ACT2FN
from transformers.utils import logging

from .released_architectures import architecture_fields

logger = logging.get_logger(__name__)

# Fields of transformers' older backbone interface; released config.json files still carry them, empty.
LEGACY_BACKBONE_FIELDS = ("backbone", "backbone_kwargs", "use_pretrained_backbone", "use_timm_backbone")

DEPTH_ESTIMATION_TYPES = ("relative", "metric")
POSITION_INTERPOLATIONS = ("official", "native")


# No `from __future__ import annotations` here: string annotations switch the field validation of `strict` off.
@strict
class DepthAnythingConfig(PreTrainedConfig):
    """Settings of one Depth Anything network.

    Reads every `config.json` of the released `-hf` checkpoints, and what it writes is read by transformers' own
    `DepthAnythingConfig`, which ignores the fields that only we have.

    Args:
        backbone_config: the DINOv2 encoder, a `Dinov2Config` or its fields as a dict; `out_indices` are the layers
            that the decoder reads (0 is the embedding, i the output of block i - 1). None: the encoder of V1 small.
        patch_size: side of a patch in pixels; must equal the encoder's.
        initializer_range: standard deviation of a fresh metric head's last convolution. The encoder's range is
            `backbone_config`'s, that of the decoder's other convolutions follows their fan-in.
        reassemble_hidden_size: channels that enter the decoder; must equal the encoder's `hidden_size`.
        reassemble_factors: spatial factor of each reassembled map against the patch grid.
        neck_hidden_sizes: channels of each reassembled map, one for each entry of `out_indices`.
        fusion_hidden_size: channels of the fusion blocks; even, because the head halves them.
        head_in_index: which fused map the head reads.
        head_hidden_size: channels before the last 1x1 convolution.
        depth_estimation_type: "relative" predicts disparity of unknown scale and shift; "metric" predicts metres.
        max_depth: metres that the sigmoid of a metric head is scaled to (released: 20 indoor, 80 outdoor). A whole
            number keeps the file readable for transformers' own class, whose field is an int. None for relative
            models, which have no unit and ignore it.
        position_interpolation: "official" resizes the position embeddings as the authors' code does; "native" as
            transformers does. They agree at the size that the encoder was trained at. Read when a model is made: give
            it to `from_pretrained` to change it.
        gradient_weight: factor of the gradient matching loss that `forward(labels=...)` adds for relative models;
            2.0 is the V2 paper's, 0 leaves the V1 paper's loss alone.

    Raises:
        ValueError: a field, or two fields against each other, cannot describe a network; the message says which.
    """

    model_type: ClassVar[str] = "depth_anything"
    sub_configs: ClassVar[dict[str, type]] = {"backbone_config": AutoConfig}

    backbone_config: dict[str, Any] | PreTrainedConfig | None = None
    patch_size: int | list[int] | tuple[int, int] = 14
    initializer_range: float = 0.02
    reassemble_hidden_size: int = 384
    reassemble_factors: list[int | float] | tuple[int | float, ...] = (4, 2, 1, 0.5)
    neck_hidden_sizes: list[int] | tuple[int, ...] = (48, 96, 192, 384)
    fusion_hidden_size: int = 64
    head_in_index: int = -1
    head_hidden_size: int = 32
    depth_estimation_type: str = "relative"
    max_depth: int | float | None = None
    position_interpolation: str = "official"
    gradient_weight: int | float = 2.0

    def __post_init__(self, **kwargs: Any) -> None:
        """Turns `backbone_config` into a `Dinov2Config` and checks everything."""
        for name in LEGACY_BACKBONE_FIELDS:
            if value := kwargs.pop(name, None):
                raise ValueError(f"{name}={value!r} is not supported: give the encoder's fields as backbone_config")
        self.backbone_config = _as_dinov2_config(self.backbone_config)
        self.patch_size = _one_side(self.patch_size)
        if self.depth_estimation_type == "relative":
            if self.max_depth not in (None, 1):
                logger.warning_once(
                    f"max_depth={self.max_depth} is ignored: a relative model's disparity has no unit; "
                    "for metres set depth_estimation_type='metric'"
                )
            self.max_depth = None
        elif isinstance(self.max_depth, float) and self.max_depth.is_integer():
            self.max_depth = int(self.max_depth)
        super().__post_init__(**kwargs)
        # `strict` checks this again, but wraps what it raises into a class that is no ValueError.
        self.validate_architecture()

    def to_dict(self) -> dict[str, Any]:
        """The fields as saved; transformers' own class multiplies by `max_depth`, so relative models write 1."""
        fields: dict[str, Any] = super().to_dict()
        if self.depth_estimation_type == "relative":
            fields["max_depth"] = 1
        return fields

    @classmethod
    def from_size(
        cls,
        size: Literal["small", "base", "large", "giant"],
        *,
        version: Literal[1, 2] = 2,
        **overrides: Any,
    ) -> "DepthAnythingConfig":
        """Configuration of a released architecture.

        Args:
            size: encoder and decoder width.
            version: 1 reads the last four blocks of the encoder, 2 reads four spread ones.
            **overrides: fields of this class that replace the released values; `backbone_config` may be a dict of
                the encoder's fields that are to differ.

        Raises:
            ValueError: an unknown size or version.
        """
        released = architecture_fields(size, version)
        fields = {**released, **overrides}
        backbone = overrides.get("backbone_config") or {}
        if isinstance(backbone, dict):
            encoder = dict(released["backbone_config"])
            if "out_features" in backbone:
                del encoder["out_indices"]  # the override names the layers in the other way
            fields["backbone_config"] = {**encoder, **backbone}
        return cls(**fields)

    def validate_architecture(self) -> None:
        """Checks the fields against each other; the model calls it again, because fields can be set one by one."""
        self._validate_choices()
        self._validate_depth()
        self._validate_encoder()
        self._validate_decoder()

    def _validate_choices(self) -> None:
        if self.depth_estimation_type not in DEPTH_ESTIMATION_TYPES:
            raise ValueError(
                f"depth_estimation_type {self.depth_estimation_type!r} is not known; "
                f"choose one of {', '.join(DEPTH_ESTIMATION_TYPES)}"
            )
        if self.position_interpolation not in POSITION_INTERPOLATIONS:
            raise ValueError(
                f"position_interpolation {self.position_interpolation!r} is not known; "
                f"choose one of {', '.join(POSITION_INTERPOLATIONS)}"
            )
        if not 0 <= self.gradient_weight < float("inf"):
            raise ValueError(f"gradient_weight must be a finite number >= 0, got {self.gradient_weight}")

    def _validate_depth(self) -> None:
        if self.depth_estimation_type == "metric" and not (self.max_depth and 0 < self.max_depth < float("inf")):
            raise ValueError(
                f"a metric model needs max_depth in metres, got {self.max_depth}; "
                "the released models use 20 (indoor) and 80 (outdoor)"
            )

    def _validate_encoder(self) -> None:
        backbone: Any = self.backbone_config  # a Dinov2Config since __post_init__
        for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_channels"):
            if getattr(backbone, name) < 1:
                raise ValueError(f"backbone_config.{name} must be at least 1, got {getattr(backbone, name)}")
        patch_size = backbone.patch_size
        if not isinstance(patch_size, int) or patch_size < 1 or self.patch_size != patch_size:
            raise ValueError(
                f"patch_size {self.patch_size} and backbone_config.patch_size {patch_size} must be the same positive "
                "integer: patches are square"
            )
        image_size = _one_side(backbone.image_size)
        if not isinstance(image_size, int) or image_size % patch_size or image_size < patch_size:
            raise ValueError(
                f"backbone_config.image_size {image_size} must be square and a multiple of patch_size {patch_size}"
            )
        if backbone.hidden_size % backbone.num_attention_heads:
            raise ValueError(
                f"backbone_config.hidden_size {backbone.hidden_size} must be a multiple of its "
                f"num_attention_heads {backbone.num_attention_heads}"
            )
        if backbone.hidden_act not in ACT2FN:
            raise ValueError(f"backbone_config.hidden_act {backbone.hidden_act!r} is no activation of transformers")
        if backbone.initializer_range < 0 or self.initializer_range < 0:
            raise ValueError("initializer_range must not be negative")
        if backbone.reshape_hidden_states:
            raise ValueError("backbone_config.reshape_hidden_states must be False: the decoder reads tokens")
        if self.reassemble_hidden_size != backbone.hidden_size:
            raise ValueError(
                f"reassemble_hidden_size {self.reassemble_hidden_size} must equal "
                f"backbone_config.hidden_size {backbone.hidden_size}"
            )

    def _validate_decoder(self) -> None:
        backbone: Any = self.backbone_config
        num_maps = len(self.neck_hidden_sizes)
        if num_maps == 0:
            raise ValueError("neck_hidden_sizes is empty; give the channels of at least one map")
        if len(backbone.out_indices) != num_maps:
            raise ValueError(
                f"backbone_config.out_indices {list(backbone.out_indices)} names "
                f"{len(backbone.out_indices)} layers, neck_hidden_sizes {list(self.neck_hidden_sizes)} "
                f"has {num_maps} entries; give as many of one as of the other"
            )
        if len(self.reassemble_factors) < num_maps or min(self.reassemble_factors) <= 0:
            raise ValueError(
                f"reassemble_factors {list(self.reassemble_factors)} needs a positive factor for each of the "
                f"{num_maps} neck_hidden_sizes"
            )
        if any(factor % 1 if factor > 1 else (1 / factor) % 1 for factor in self.reassemble_factors):
            raise ValueError(
                f"reassemble_factors {list(self.reassemble_factors)} must be whole numbers or 1 over a whole number"
            )
        if min(self.neck_hidden_sizes) < 1 or self.head_hidden_size < 1:
            raise ValueError("neck_hidden_sizes and head_hidden_size must be positive")
        if self.fusion_hidden_size < 2 or self.fusion_hidden_size % 2:
            raise ValueError(f"fusion_hidden_size must be even and positive, got {self.fusion_hidden_size}")
        if not -num_maps <= self.head_in_index < num_maps:
            raise ValueError(f"head_in_index {self.head_in_index} is outside of the {num_maps} fused maps")


def _one_side(size: Any) -> Any:
    """A pair of equal sides as the one number that it stands for; anything else as it is."""
    return size[0] if isinstance(size, list | tuple) and len(set(size)) == 1 else size


def _as_dinov2_config(backbone_config: dict[str, Any] | PreTrainedConfig | None) -> Dinov2Config:
    """The encoder's configuration from whatever a user or a file gives."""
    if isinstance(backbone_config, Dinov2Config):
        backbone_config.patch_size = _one_side(backbone_config.patch_size)
        return backbone_config
    if isinstance(backbone_config, PreTrainedConfig):
        backbone_config = backbone_config.to_dict()
    fields = dict(backbone_config) if backbone_config is not None else {}
    model_type = fields.setdefault("model_type", "dinov2")
    if model_type != "dinov2":
        raise ValueError(
            f"backbone_config.model_type {model_type!r} is not supported: Depth Anything has a DINOv2 encoder "
            "('dinov2'); transformers' own class accepts other backbones"
        )
    if backbone_config is None:
        fields |= {
            "image_size": 518,
            "hidden_size": 384,
            "num_attention_heads": 6,
            "out_indices": [9, 10, 11, 12],
            "reshape_hidden_states": False,
        }
    if "patch_size" in fields:
        fields["patch_size"] = _one_side(fields["patch_size"])
    return Dinov2Config.from_dict(fields)


__all__ = ["DepthAnythingConfig"]
