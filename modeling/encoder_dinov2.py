# Copyright 2026 The depth-anything maintainers. Licensed under the Apache License, Version 2.0.
"""DINOv2 vision transformer (arXiv 2304.07193) under the module names that the Hub's files use.

Shapes: B batch, H W pixels, h w patches, N = 1 + h * w tokens (the class token first), C channels.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import Dinov2Config
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .position_interpolation import interpolate_position_grid


class DepthAnythingPatchEmbeddings(nn.Module):
    """Linear projection of each patch."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.patch_size = config.patch_size
        self.num_channels = config.num_channels
        self.projection = nn.Conv2d(
            config.num_channels, config.hidden_size, kernel_size=config.patch_size, stride=config.patch_size
        )

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Patch tokens, (B, h * w, C), from pixels (B, channels, H, W)."""
        if pixel_values.ndim != 4 or pixel_values.shape[1] != self.num_channels:
            raise ValueError(
                f"pixel_values must be (batch, {self.num_channels}, height, width), got {tuple(pixel_values.shape)}"
            )
        height, width = pixel_values.shape[-2:]
        if height % self.patch_size or width % self.patch_size or not height or not width:
            raise ValueError(
                f"pixel_values are {height}x{width} (height x width): both sides must be multiples of "
                f"patch_size {self.patch_size}, at least one patch; DepthAnythingImageProcessor resizes or pads to one"
            )
        return self.projection(pixel_values.to(self.projection.weight.dtype)).flatten(2).transpose(1, 2)


class DepthAnythingEmbeddings(nn.Module):
    """Class token, patch tokens and position embeddings."""

    def __init__(self, config: Dinov2Config, position_interpolation: str) -> None:
        super().__init__()
        self.patch_size = config.patch_size
        self.grid_size = _side(config.image_size) // config.patch_size
        self.position_interpolation = position_interpolation
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        # Only DINOv2's own pre-training reads the mask token. A buffer keeps it in the file and out of the graph, so
        # that data-parallel training need not search for unused parameters.
        self.register_buffer("mask_token", torch.zeros(1, config.hidden_size) if config.use_mask_token else None)
        self.patch_embeddings = DepthAnythingPatchEmbeddings(config)
        self.position_embeddings = nn.Parameter(torch.zeros(1, self.grid_size**2 + 1, config.hidden_size))
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Tokens with their positions, (B, N, C)."""
        patches = self.patch_embeddings(pixel_values)
        tokens = torch.cat((self.cls_token.expand(patches.shape[0], -1, -1), patches), dim=1)
        height, width = pixel_values.shape[-2] // self.patch_size, pixel_values.shape[-1] // self.patch_size
        return self.dropout(tokens + self.position_embeddings_at(height, width))

    def position_embeddings_at(self, height: int, width: int) -> Tensor:
        """Embeddings of the class token and of `height` x `width` patches, (1, N, C)."""
        grid = self.position_embeddings[0, 1:].unflatten(0, (self.grid_size, self.grid_size))
        resampled = interpolate_position_grid(grid, height, width, official=self.position_interpolation == "official")
        return torch.cat((self.position_embeddings[:, :1], resampled.flatten(0, 1)[None]), dim=1)


def eager_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: object,
) -> tuple[Tensor, Tensor]:
    """Attention written out: (B, N, heads, C / heads) and the weights, (B, heads, N, N)."""
    weights = torch.matmul(query, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        weights = weights + attention_mask
    weights = nn.functional.softmax(weights, dim=-1)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2), weights


class DepthAnythingSelfAttention(nn.Module):
    """Multi-head attention of all tokens to all tokens, by the implementation that the configuration names."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.config = config
        self.head_size = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_size**-0.5
        self.dropout_prob = config.attention_probs_dropout_prob
        self.is_causal = False
        self.query = nn.Linear(config.hidden_size, config.hidden_size, bias=config.qkv_bias)
        self.key = nn.Linear(config.hidden_size, config.hidden_size, bias=config.qkv_bias)
        self.value = nn.Linear(config.hidden_size, config.hidden_size, bias=config.qkv_bias)

    def forward(self, hidden_states: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mixed tokens, (B, N, C), and the weights where the implementation has them."""
        query, key, value = (
            projection(hidden_states).unflatten(-1, (-1, self.head_size)).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        attend: Callable[..., tuple[Tensor, Tensor | None]] = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention
        )
        dropout = self.dropout_prob if self.training else 0.0
        mixed, weights = attend(
            self, query, key, value, None, scaling=self.scaling, dropout=dropout, is_causal=self.is_causal
        )
        return mixed.flatten(2), weights


class DepthAnythingSelfOutput(nn.Module):
    """Projection after attention; the block adds the residual."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Projected tokens, (B, N, C)."""
        return self.dropout(self.dense(hidden_states))


class DepthAnythingAttention(nn.Module):
    """Attention and its projection."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.attention = DepthAnythingSelfAttention(config)
        self.output = DepthAnythingSelfOutput(config)

    def forward(self, hidden_states: Tensor) -> tuple[Tensor, Tensor | None]:
        """Attended tokens, (B, N, C), and the weights where the implementation has them."""
        mixed, weights = self.attention(hidden_states)
        return self.output(mixed), weights


class DepthAnythingLayerScale(nn.Module):
    """A learned factor for each channel."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.ones(config.hidden_size))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Scaled tokens, (B, N, C)."""
        return hidden_states * self.lambda1


class DepthAnythingMLP(nn.Module):
    """Feed-forward network of S, B and L."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        width = int(config.hidden_size * config.mlp_ratio)
        self.fc1 = nn.Linear(config.hidden_size, width)
        self.activation = ACT2FN[config.hidden_act]
        self.fc2 = nn.Linear(width, config.hidden_size)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Transformed tokens, (B, N, C)."""
        return self.fc2(self.activation(self.fc1(hidden_states)))


class DepthAnythingSwiGLU(nn.Module):
    """Gated feed-forward network of the giant encoder."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        # Two thirds of the plain network's width, rounded up to a multiple of 8, as DINOv2's fused layer.
        width = (int(int(config.hidden_size * config.mlp_ratio) * 2 / 3) + 7) // 8 * 8
        self.weights_in = nn.Linear(config.hidden_size, 2 * width)
        self.weights_out = nn.Linear(width, config.hidden_size)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Transformed tokens, (B, N, C)."""
        gate, value = self.weights_in(hidden_states).chunk(2, dim=-1)
        return self.weights_out(nn.functional.silu(gate) * value)


class DepthAnythingDropPath(nn.Module):
    """Stochastic depth: drops the branch of whole samples in training."""

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, hidden_states: Tensor) -> Tensor:
        """The branch, scaled so that its mean is kept, or zero."""
        if self.drop_prob == 0.0 or not self.training:
            return hidden_states
        keep_prob = 1 - self.drop_prob
        shape = (hidden_states.shape[0],) + (1,) * (hidden_states.ndim - 1)
        return hidden_states * hidden_states.new_empty(shape).bernoulli_(keep_prob) / keep_prob


class DepthAnythingLayer(GradientCheckpointingLayer):
    """Transformer block."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = DepthAnythingAttention(config)
        self.layer_scale1 = DepthAnythingLayerScale(config)
        self.drop_path = DepthAnythingDropPath(config.drop_path_rate)
        self.norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = DepthAnythingSwiGLU(config) if config.use_swiglu_ffn else DepthAnythingMLP(config)
        self.layer_scale2 = DepthAnythingLayerScale(config)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Tokens after the block, (B, N, C)."""
        attended, _ = self.attention(self.norm1(hidden_states))
        hidden_states = hidden_states + self.drop_path(self.layer_scale1(attended))
        transformed = self.mlp(self.norm2(hidden_states))
        return hidden_states + self.drop_path(self.layer_scale2(transformed))


class DepthAnythingEncoder(nn.Module):
    """The stack of blocks."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.layer = nn.ModuleList(DepthAnythingLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, hidden_states: Tensor, out_indices: frozenset[int]) -> list[Tensor]:
        """Tokens, (B, N, C), at `out_indices` in their order: 0 is the input, i the output of block i - 1."""
        kept = [hidden_states] if 0 in out_indices else []
        for index, layer in enumerate(self.layer, start=1):
            hidden_states = layer(hidden_states)
            if index in out_indices:
                kept.append(hidden_states)
        return kept


def _side(image_size: int | list[int] | tuple[int, int]) -> int:
    return image_size if isinstance(image_size, int) else image_size[0]
