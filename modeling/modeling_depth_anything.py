# Copyright 2026 The depth-anything maintainers. Licensed under the Apache License, Version 2.0.
"""Depth Anything (arXiv 2401.10891) for transformers: DINOv2 encoder, DPT neck and head.

Module names are those of the Hub's files, so `state_dict()` is what a file holds and no key is ever converted.
Shapes: B batch, H W pixels, h w patches, N = 1 + h * w tokens, C channels.
"""

import math
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import Dinov2Config, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BackboneOutput, DepthEstimatorOutput
from transformers.utils import logging
from transformers.utils.output_capturing import capture_outputs

from .configuration_depth_anything import DepthAnythingConfig
from .decoder_dpt import (
    DepthAnythingDepthEstimationHead,
    DepthAnythingNeck,
    DepthAnythingOutputConvolution,
    UnusedConvolution,
)
from .encoder_dinov2 import (
    DepthAnythingAttention,
    DepthAnythingEmbeddings,
    DepthAnythingEncoder,
    DepthAnythingLayer,
    DepthAnythingLayerScale,
)
from .hub_cards import HubCardMixin
from .loss_depth_anything import relative_depth_loss, silog_loss
from .official_checkpoint import load_dinov2, load_official
from .official_export import write_official
from .official_identity import DepthType, Statement
from .weight_source import find_source

logger = logging.get_logger(__name__)

HiddenStateSelection = bool | list[int] | None


class DepthAnythingPreTrainedModel(PreTrainedModel):
    """What transformers needs to know of the whole model and of its encoder."""

    config: DepthAnythingConfig
    base_model_prefix = "depth_anything"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False  # the Trainer must scale the loss of accumulated batches itself
    _no_split_modules: ClassVar[list[str]] = [
        "DepthAnythingEmbeddings",
        "DepthAnythingFeatureFusionLayer",
        "DepthAnythingLayer",
        "DepthAnythingReassembleLayer",
    ]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Fills the module's own tensors, those aside that a file has filled.

        The decoder keeps the variance of its input (LeCun's initialisation) in place of a fixed range of 0.02, with
        which the signal of a narrow decoder fades out. The last convolution of a relative head starts non-negative:
        its inputs come out of a ReLU, so no pixel starts behind the final one, where it would never get a gradient.
        That of a metric head starts small, in the middle of the sigmoid.
        """
        if isinstance(module, DepthAnythingOutputConvolution):
            if module.is_metric:
                init.normal_(module.weight, std=self.config.initializer_range)
            else:
                init.uniform_(module.weight, 0.0, 2 / module.in_channels)
            init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            taps = math.prod(module.kernel_size)
            if isinstance(module, nn.ConvTranspose2d):
                taps //= math.prod(module.stride)  # an output pixel sees this many of them
            init.normal_(module.weight, std=1 / math.sqrt(module.in_channels * taps))
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, UnusedConvolution):
            init.zeros_(module.weight)
            init.zeros_(module.bias)


class DepthAnythingBackbone(DepthAnythingPreTrainedModel):
    """DINOv2 encoder that returns the layers which the decoder reads."""

    config: Dinov2Config
    config_class = Dinov2Config
    base_model_prefix = "backbone"
    _can_record_outputs: ClassVar[dict[str, type]] = {
        "hidden_states": DepthAnythingLayer,
        "attentions": DepthAnythingAttention,
    }

    def __init__(self, config: Dinov2Config, position_interpolation: str = "official") -> None:
        super().__init__(config)
        self.embeddings = DepthAnythingEmbeddings(config, position_interpolation)
        self.encoder = DepthAnythingEncoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The patch projection."""
        return self.embeddings.patch_embeddings

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Fills the module's own tensors as DINOv2 does."""
        std = self.config.initializer_range
        if isinstance(module, nn.Linear | nn.Conv2d):
            init.trunc_normal_(module.weight, std=std)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, DepthAnythingEmbeddings):
            init.trunc_normal_(module.position_embeddings, std=std)
            init.trunc_normal_(module.cls_token, std=std)
            if module.mask_token is not None:
                init.zeros_(module.mask_token)
        elif isinstance(module, DepthAnythingLayerScale):
            init.constant_(module.lambda1, self.config.layerscale_value)

    @capture_outputs(tie_last_hidden_states=False)
    def forward(self, pixel_values: Tensor, **kwargs: Any) -> BackboneOutput:
        """Normalised tokens of `config.out_indices` as `feature_maps`, each (B, N, C).

        Args:
            pixel_values: normalised pixels, (B, 3, H, W), H and W multiples of the patch size.
            **kwargs: `output_hidden_states` (True, or the numbers of some) adds the tokens before the final norm and
                `output_attentions` the attention weights, (B, heads, N, N), each, as transformers records them.

        Raises:
            ValueError: a size that is no multiple of the patch size.
        """
        has_weights = self.config._attn_implementation == "eager"
        if kwargs.get("output_attentions") and not has_weights and not torch.compiler.is_compiling():
            logger.warning_once(
                f"{self.config._attn_implementation!r} attention has no weights: output_attentions=True returns none; "
                "call model.set_attn_implementation('eager') first"
            )
        num_states = len(self.encoder.layer) + 1
        out_indices = frozenset(index % num_states for index in self.config.out_indices)
        feature_maps = self.encoder(self.embeddings(pixel_values), out_indices)
        if self.config.apply_layernorm:
            feature_maps = [self.layernorm(tokens) for tokens in feature_maps]
        return BackboneOutput(feature_maps=tuple(feature_maps))


class DepthAnythingForDepthEstimation(HubCardMixin, DepthAnythingPreTrainedModel):
    """Depth Anything: one RGB image to disparity of unknown scale and shift, or to metres for a metric head."""

    def __init__(self, config: DepthAnythingConfig) -> None:
        config.validate_architecture()  # from_pretrained(..., field=value) sets fields without a check
        super().__init__(config)
        self.backbone = DepthAnythingBackbone(config.backbone_config, config.position_interpolation)
        self.neck = DepthAnythingNeck(config)
        self.head = DepthAnythingDepthEstimationHead(config, self.backbone.embeddings.patch_size)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The patch projection."""
        return self.backbone.get_input_embeddings()

    @classmethod
    def from_official(
        cls,
        source: str | PathLike[str],
        *,
        size: str | None = None,
        version: int | None = None,
        depth_type: DepthType | None = None,
        max_depth: float | None = None,
        config: DepthAnythingConfig | None = None,
        revision: str | None = None,
    ) -> "DepthAnythingForDepthEstimation":
        """A model with the weights of a checkpoint of the official code, V1, V2 or V2 metric, in eval mode.

        The size follows from the weights, the rest from the file's name where it is a release's; what is given here
        overrides both. Nothing is guessed: what nobody says is an error that names the argument.

        Args:
            source: a `.pth`, `.pt`, `.bin` or `.safetensors` file, a folder with one, or a Hub id. Pickles are read
                with `weights_only=True`; nests (`model`, `state_dict`, `module`) and wrappers' prefixes are taken off.
            size: "small", "base", "large" or "giant", or "vits" to "vitg".
            version: 1 reads the last four blocks of the encoder, 2 reads four spread ones.
            depth_type: "relative" (disparity) or "metric" (metres).
            max_depth: range of a metric model in metres.
            config: of the network; in place of all the others, and the way to sizes that were never released.
            revision: branch, tag or commit of a Hub id.

        Raises:
            CheckpointError: a file that cannot be read, is of another network, or needs one of the arguments.
            ValueError: arguments that contradict each other.
        """
        stated = Statement(size=size, version=version, depth_type=depth_type, max_depth_m=max_depth)
        if config is not None and stated != Statement():
            raise ValueError("config describes the whole network: leave out size, version, depth_type and max_depth")
        return load_official(cls, find_source(source, revision), stated, config)

    @classmethod
    def from_dinov2(
        cls,
        source: str | PathLike[str],
        *,
        config: DepthAnythingConfig | None = None,
        version: int = 2,
        revision: str | None = None,
        **overrides: Any,
    ) -> "DepthAnythingForDepthEstimation":
        """A model with a DINOv2 encoder from a file and a fresh decoder: where the papers' training starts.

        Args:
            source: official (`dinov2_vits14_pretrain.pth`) or transformers' `Dinov2Model`; a file, folder or Hub id.
            config: of the network; None is the released size of the encoder's width and depth.
            version: without a config, which blocks the decoder reads: 1 the last four, 2 four spread ones.
            revision: branch, tag or commit of a Hub id.
            **overrides: without a config, fields of `DepthAnythingConfig`, such as `depth_estimation_type="metric",
                max_depth=20`.

        Raises:
            CheckpointError: a file that cannot be read or is no such encoder.
            ValueError: a config beside its own fields.
        """
        return load_dinov2(cls, find_source(source, revision), config, version, overrides)

    def save_official(self, path: str | PathLike[str]) -> None:
        """Writes the weights as the official code reads them, whole or not at all.

        The file has the tensors alone, as the releases have: `version`, `depth_type` and `max_depth` have to be said
        again to whoever reads it, unless its name is a release's.

        Args:
            path: of the file to be; `.pth` for the official code, or `.safetensors`.

        Raises:
            FileExistsError: there is such a file.
            ValueError: another ending.
        """
        write_official(self.state_dict(), Path(path).expanduser())

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        valid_mask: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: HiddenStateSelection = None,
        return_dict: bool | None = None,
    ) -> DepthEstimatorOutput | tuple[Any, ...]:
        """Predicted depth and, with labels, the training loss.

        Args:
            pixel_values: normalised pixels, (B, 3, H, W); H and W multiples of `config.patch_size`.
            labels: relative models: disparity of any positive scale and any shift; metric ones: metres; (B, H, W).
            valid_mask: pixels whose labels count, bool, (B, H, W); pixels that are not finite never count, nor do
                depths <= 0 for metric models. None: finite labels, and for metric models 0 < label <= max_depth.
            output_attentions: return the encoder's attention weights, (B, heads, N, N), each; eager attention only,
                any other has none, returns an empty tuple and warns once.
            output_hidden_states: return the encoder's hidden states, (B, N, C), each, the embeddings first; numbers
                choose some. transformers records them by hooks that the first such call installs: make that call
                before `torch.compile`.
            return_dict: False returns the output's fields as a tuple, those that are None left out.

        Returns:
            `loss` (scalar, float32): `relative_depth_loss` with `config.gradient_weight`, or `silog_loss` for metric
            models. `predicted_depth` (B, H, W): disparity, larger is nearer, for relative models; metres for metric.

        Raises:
            ValueError: an input size or a label that does not fit; the message says what does.
        """
        return_dict = self.config.return_dict if return_dict is None else return_dict
        if output_attentions is None:
            output_attentions = self.config.output_attentions
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        encoded = self.backbone(
            pixel_values, output_hidden_states=output_hidden_states, output_attentions=output_attentions
        )
        patch_size = self.backbone.embeddings.patch_size
        height, width = pixel_values.shape[-2] // patch_size, pixel_values.shape[-1] // patch_size
        predicted_depth = self.head(self.neck(encoded.feature_maps, height, width), height, width)
        output = DepthEstimatorOutput(
            loss=None if labels is None else self._loss(predicted_depth, labels, valid_mask),
            predicted_depth=predicted_depth,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return output if return_dict else output.to_tuple()

    def _loss(self, predicted_depth: Tensor, labels: Tensor, valid_mask: Tensor | None) -> Tensor:
        if labels.shape != predicted_depth.shape:
            raise ValueError(
                f"labels are {tuple(labels.shape)}, but the model predicts {tuple(predicted_depth.shape)} (batch, "
                "height, width); give the processor depth_maps, and labels follow the image to its size"
            )
        if valid_mask is not None and (valid_mask.dtype != torch.bool or valid_mask.shape != labels.shape):
            raise ValueError(
                f"valid_mask must be bool and of the labels' shape {tuple(labels.shape)}, got {valid_mask.dtype} and "
                f"{tuple(valid_mask.shape)}; compare it with 0, such as valid_mask=depth > 0"
            )
        labels = labels.to(predicted_depth.device)  # a device_map may put the head elsewhere
        valid = labels.isfinite()
        if self.head.is_metric:
            valid = valid & (labels > 0)
        if valid_mask is not None:
            valid = valid & valid_mask.to(valid.device)
        elif self.head.is_metric:
            valid = valid & (labels <= self.head.max_depth)
        if self.head.is_metric:
            return silog_loss(predicted_depth, labels, valid)
        return relative_depth_loss(predicted_depth, labels, valid, self.config.gradient_weight)


__all__ = ["DepthAnythingBackbone", "DepthAnythingForDepthEstimation", "DepthAnythingPreTrainedModel"]
