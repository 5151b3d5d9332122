# Copyright 2026 The depth-anything maintainers. Licensed under the Apache License, Version 2.0.
"""DPT decoder (arXiv 2103.13413) as in Depth Anything: neck (reassemble, fuse) and depth head.

Shapes: B batch, H W pixels, h w patches, C channels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .configuration_depth_anything import DepthAnythingConfig


class DepthAnythingReassembleLayer(nn.Module):
    """Projects one encoder map and brings it to its scale."""

    def __init__(self, config: DepthAnythingConfig, channels: int, factor: float) -> None:
        super().__init__()
        self.projection = nn.Conv2d(config.reassemble_hidden_size, channels, kernel_size=1)
        if factor > 1:
            self.resize: nn.Module = nn.ConvTranspose2d(
                channels, channels, kernel_size=int(factor), stride=int(factor)
            )
        elif factor == 1:
            self.resize = nn.Identity()
        else:
            self.resize = nn.Conv2d(channels, channels, kernel_size=3, stride=int(1 / factor), padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Map of this layer's channels at `factor` times the patch grid."""
        return self.resize(self.projection(features))


class DepthAnythingReassembleStage(nn.Module):
    """Turns the tokens of the chosen layers into maps of growing stride."""

    def __init__(self, config: DepthAnythingConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DepthAnythingReassembleLayer(config, channels, factor)
            for channels, factor in zip(config.neck_hidden_sizes, config.reassemble_factors, strict=False)
        )

    def forward(self, hidden_states: Sequence[Tensor], height: int, width: int) -> list[Tensor]:
        """One map for each of the (B, 1 + h * w, C) token tensors; the class token is not used."""
        return [
            layer(tokens[:, 1:].transpose(1, 2).unflatten(2, (height, width)).contiguous())
            for layer, tokens in zip(self.layers, hidden_states, strict=True)
        ]


class DepthAnythingPreActResidualLayer(nn.Module):
    """Two 3x3 convolutions, each behind a ReLU, and a skip connection."""

    def __init__(self, config: DepthAnythingConfig) -> None:
        super().__init__()
        channels = config.fusion_hidden_size
        self.activation1 = nn.ReLU()
        self.convolution1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.activation2 = nn.ReLU()
        self.convolution2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Refined map of the same shape."""
        branch = self.convolution1(self.activation1(features))
        return self.convolution2(self.activation2(branch)) + features


class UnusedConvolution(nn.Module):
    """Weight and bias of a convolution that no forward uses, kept as buffers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(channels, channels, 3, 3))
        self.register_buffer("bias", torch.zeros(channels))


class UnusedResidualLayer(nn.Module):
    """The first fusion block has no second input, yet the files hold a residual layer for it.

    As buffers its tensors are loaded and saved under their names and never wait for a gradient, which plain
    data-parallel training would take for an error.
    """

    def __init__(self, config: DepthAnythingConfig) -> None:
        super().__init__()
        self.convolution1 = UnusedConvolution(config.fusion_hidden_size)
        self.convolution2 = UnusedConvolution(config.fusion_hidden_size)


class DepthAnythingFeatureFusionLayer(nn.Module):
    """Adds a finer map to the fused one, refines and enlarges it."""

    def __init__(self, config: DepthAnythingConfig, is_first: bool) -> None:
        super().__init__()
        self.projection = nn.Conv2d(config.fusion_hidden_size, config.fusion_hidden_size, kernel_size=1)
        self.residual_layer1 = UnusedResidualLayer(config) if is_first else DepthAnythingPreActResidualLayer(config)
        self.residual_layer2 = DepthAnythingPreActResidualLayer(config)

    def forward(self, fused: Tensor, features: Tensor | None, size: Sequence[int] | None) -> Tensor:
        """Fused map at `size`, or at twice its size where that is None."""
        if features is not None:
            if fused.shape != features.shape:
                features = interpolate(features, size=fused.shape[2:], mode="bilinear", align_corners=False)
            fused = fused + self.residual_layer1(features)
        fused = self.residual_layer2(fused)
        target = (2 * fused.shape[2], 2 * fused.shape[3]) if size is None else size
        return self.projection(interpolate(fused, size=target, mode="bilinear", align_corners=True))


class DepthAnythingFeatureFusionStage(nn.Module):
    """Fuses the maps from coarse to fine."""

    def __init__(self, config: DepthAnythingConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DepthAnythingFeatureFusionLayer(config, is_first=index == 0)
            for index in range(len(config.neck_hidden_sizes))
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """The fused maps, coarse first."""
        coarse_first = list(features)[::-1]
        fused = [self.layers[0](coarse_first[0], None, _size_after(coarse_first, 0))]
        for index in range(1, len(coarse_first)):
            size = _size_after(coarse_first, index)
            fused.append(self.layers[index](fused[-1], coarse_first[index], size))
        return fused


def _size_after(maps: list[Tensor], index: int) -> Sequence[int] | None:
    """Spatial size of the next finer map; None after the finest."""
    return maps[index + 1].shape[2:] if index + 1 < len(maps) else None


class DepthAnythingNeck(nn.Module):
    """Reassembles the encoder's tokens into maps and fuses them."""

    def __init__(self, config: DepthAnythingConfig) -> None:
        super().__init__()
        self.reassemble_stage = DepthAnythingReassembleStage(config)
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, config.fusion_hidden_size, kernel_size=3, padding=1, bias=False)
            for channels in config.neck_hidden_sizes
        )
        self.fusion_stage = DepthAnythingFeatureFusionStage(config)

    def forward(self, hidden_states: Sequence[Tensor], height: int, width: int) -> list[Tensor]:
        """The fused maps, coarse first, from token tensors (B, 1 + h * w, C) of h = `height`, w = `width` patches."""
        maps = self.reassemble_stage(hidden_states, height, width)
        return self.fusion_stage([conv(features) for conv, features in zip(self.convs, maps, strict=True)])


class DepthAnythingOutputConvolution(nn.Conv2d):
    """The last 1x1 convolution; a class of its own because it is initialised in its own way."""

    def __init__(self, channels: int, is_metric: bool) -> None:
        super().__init__(channels, 1, kernel_size=1)
        self.is_metric = is_metric


class DepthAnythingDepthEstimationHead(nn.Module):
    """Three convolutions from a fused map to one value for each pixel."""

    def __init__(self, config: DepthAnythingConfig, patch_size: int) -> None:
        super().__init__()
        features = config.fusion_hidden_size
        self.head_in_index = config.head_in_index
        self.patch_size = patch_size
        self.is_metric = config.depth_estimation_type == "metric"
        self.max_depth = 1 if config.max_depth is None else config.max_depth
        self.conv1 = nn.Conv2d(features, features // 2, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(features // 2, config.head_hidden_size, kernel_size=3, padding=1)
        self.activation1 = nn.ReLU()
        self.conv3 = DepthAnythingOutputConvolution(config.head_hidden_size, self.is_metric)

    def forward(self, fused: Sequence[Tensor], height: int, width: int) -> Tensor:
        """Disparity >= 0, or depth in 0..max_depth metres, (B, H, W), for `height` x `width` patches."""
        features = self.conv1(fused[self.head_in_index])
        size = (height * self.patch_size, width * self.patch_size)
        features = interpolate(features, size=size, mode="bilinear", align_corners=True)
        logits = self.conv3(self.activation1(self.conv2(features))).squeeze(1)
        return logits.sigmoid() * self.max_depth if self.is_metric else logits.relu()
