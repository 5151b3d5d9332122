"""What nano is trained for: the object class of each cell, and patch tokens that agree between two views."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Dinov2Config, Dinov2Model

from depth_anything.training.corpora.procedural import CLASS_NAMES
from depth_anything.training.nano_settings import PATCH_SIZE
from depth_anything.training.nano_views import CELL_SIZE, SceneViews

CELLS_PER_SIDE = PATCH_SIZE // CELL_SIZE
IMAGENET_MEAN = (0.485, 0.456, 0.406)  # as DINOv2's and our processors have them
IMAGENET_STD = (0.229, 0.224, 0.225)
COVARIANCE_WEIGHT = 0.04  # VICReg's 1 beside 25 of its other two parts


class NanoTask(nn.Module):
    """The encoder, and a linear head that is thrown away after the training."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: Dinov2Config, agreement_weight: float) -> None:
        super().__init__()
        self.encoder = Dinov2Model(config)
        self.classifier = nn.Linear(config.hidden_size, CELLS_PER_SIDE**2 * len(CLASS_NAMES))
        self.agreement_weight = agreement_weight
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)

    def tokens(self, images: Tensor) -> Tensor:
        """The patch tokens of RGB images from 0 to 1; (B, 3, H, W) to (B, h * w, C)."""
        return self.encoder((images - self.mean) / self.std).last_hidden_state[:, 1:]

    def forward(self, views: SceneViews) -> dict[str, Tensor]:
        """The loss and its parts, scalars in float32: `loss`, `classes`, `agreement`; `accuracy` of clean cells."""
        tokens = self.tokens(torch.cat((views.clean, views.strong)))  # (2B, N, C)
        logits = self.cell_logits(tokens)  # (2B, cells, classes)
        truth = views.cell_classes.flatten(1)
        both = torch.cat((truth, truth))
        classes = functional.cross_entropy(logits.float().flatten(0, 1), both.flatten())
        clean, strong = tokens.float().chunk(2)
        agreement = view_agreement_loss(clean.flatten(0, 1), strong.flatten(0, 1))
        accuracy = (logits.detach()[: len(truth)].argmax(-1) == truth).float().mean()
        loss = classes + self.agreement_weight * agreement
        return {"loss": loss, "classes": classes, "agreement": agreement, "accuracy": accuracy}

    def cell_logits(self, tokens: Tensor) -> Tensor:
        """Scores of the classes of each cell, cells in rows from the top left; (B, N, C) to (B, cells, classes)."""
        num_images, num_tokens, _ = tokens.shape
        side = round(num_tokens**0.5)
        shape = (num_images, side, side, CELLS_PER_SIDE, CELLS_PER_SIDE, len(CLASS_NAMES))
        return self.classifier(tokens).view(shape).transpose(2, 3).reshape(num_images, -1, len(CLASS_NAMES))


def view_agreement_loss(first: Tensor, second: Tensor) -> Tensor:
    """How far the tokens of two views of the same patches differ, with a price on tokens that are all alike.

    Args:
        first: tokens of one view, float32, (N, C); N above 1.
        second: those of the other, in the same order.

    Source: VICReg, arXiv:2105.04906, section 4.1: mean squared distance, hinge on each channel's deviation, squared
        covariances of channels, weighted 25 : 25 : 1. Differs: on patch tokens without an expander, divided by 25.
    """
    distance = functional.mse_loss(first, second)
    spread = torch.stack([_spread_loss(tokens) for tokens in (first, second)]).mean()
    return distance + spread


def _spread_loss(tokens: Tensor) -> Tensor:
    centred = tokens - tokens.mean(0)
    deviation = (centred.square().mean(0) + 1e-4).sqrt()  # the addend keeps the gradient finite, as in VICReg
    covariance = centred.mT @ centred / (len(tokens) - 1)  # (C, C)
    off_diagonal = covariance.square().sum() - covariance.diagonal().square().sum()
    return functional.relu(1 - deviation).mean() + COVARIANCE_WEIGHT * off_diagonal / tokens.shape[1]
