"""Training tasks: modules from a batch to its losses. A task holds all that is trained and nothing that is frozen.

    losses = StudentTask(model, settings, reference_width=384)(batch)
    losses["loss"].backward()

A task is what gets wrapped for many processes; `task.model` is the network to evaluate and to save.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from depth_anything.loss_depth_anything import relative_depth_loss
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation
from depth_anything.training.loss_settings import LossSettings, LossTotal
from depth_anything.training.losses import feature_alignment_loss, pseudo_label_loss
from depth_anything.training.training_batch import TrainingBatch


class Task(nn.Module, ABC):
    """What the tasks share: the network and the total of its losses."""

    # Names of the layers that are sharded as wholes; wrappers look for them at the module they are given.
    _no_split_modules: ClassVar[list[str]] = DepthAnythingForDepthEstimation._no_split_modules

    def __init__(self, model: DepthAnythingForDepthEstimation, settings: LossSettings) -> None:
        super().__init__()
        if model.head.is_metric:
            raise ValueError("the model predicts metres; teachers and students predict disparity: give a relative one")
        self.model = model
        self.settings = settings

    @abstractmethod
    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """The losses, scalars of float32: "loss", the total to be minimised, and its parts without gradients."""

    def predict(self, pixels: Tensor) -> Tensor:
        """The disparity of normalised pixels (B, 3, H, W), as the network has it; (B, H, W)."""
        return self._features_and_disparity(pixels)[1]

    def _features_and_disparity(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The final encoder features of the patches, (B, P, C), and the prediction, (B, H, W)."""
        patch_size = self.model.backbone.embeddings.patch_size
        height, width = pixels.shape[-2] // patch_size, pixels.shape[-1] // patch_size
        feature_maps = self.model.backbone(pixels).feature_maps
        disparity = self.model.head(self.model.neck(feature_maps, height, width), height, width)
        return feature_maps[-1][:, 1:], disparity  # the first token is the class token

    def _labelled_loss(self, disparity: Tensor, batch: TrainingBatch) -> Tensor:
        assert batch.labels is not None
        assert batch.labels_valid is not None
        return relative_depth_loss(disparity, batch.labels, batch.labels_valid, self.settings.gradient_weight)

    def _with_total(self, parts: dict[str, tuple[float, Tensor]]) -> dict[str, Tensor]:
        """The weighted total as "loss" and the parts, unweighted."""
        total = torch.stack([weight * loss for weight, loss in parts.values()]).sum()
        if self.settings.loss_total is LossTotal.AVERAGE:
            total = total / sum(weight for weight, _ in parts.values())
        return {"loss": total, **{name: loss.detach() for name, (_, loss) in parts.items()}}


class TeacherTask(Task):
    """Labelled images alone."""

    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """The total as "loss" and its part "labelled"."""
        assert batch.labelled_pixels is not None
        _, disparity = self._features_and_disparity(batch.labelled_pixels)
        return self._with_total({"labelled": (self.settings.labelled_weight, self._labelled_loss(disparity, batch))})


class StudentTask(Task):
    """Labelled and pseudo-labelled images in one pass through the network, and the hold on a frozen encoder.

    Args:
        model: with DINOv2's encoder, a fresh decoder.
        settings: of the losses.
        reference_width: channels of the frozen encoder's features. Where they differ from the student's, a linear
            projection is put on the student's and trained with it. None: no feature alignment.

    Raises:
        ValueError: a metric model; a feature weight without a reference width; or a model whose decoder does not read
            the encoder's last, normalised layer, which the alignment needs.
    """

    def __init__(
        self, model: DepthAnythingForDepthEstimation, settings: LossSettings, reference_width: int | None = None
    ) -> None:
        super().__init__(model, settings)
        encoder = model.backbone.config
        self.projection: nn.Module | None = None
        if not settings.feature_weight:
            return
        if reference_width is None:
            raise ValueError(
                f"feature_weight is {settings.feature_weight!r} and there is no frozen encoder; give one, or set "
                "feature_weight to 0"
            )
        reads_last = encoder.out_indices[-1] % (encoder.num_hidden_layers + 1) == encoder.num_hidden_layers
        if not reads_last or not encoder.apply_layernorm:
            raise ValueError(
                f"the decoder reads the layers {list(encoder.out_indices)} of {encoder.num_hidden_layers}, "
                f"apply_layernorm {encoder.apply_layernorm}; feature alignment needs the last one, normalised: choose "
                "out_indices that end with it, or set feature_weight to 0"
            )
        has_same_width = encoder.hidden_size == reference_width
        self.projection = nn.Identity() if has_same_width else nn.Linear(encoder.hidden_size, reference_width)

    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """The total as "loss" and its parts "labelled", "unlabelled" and "features", those without images left out."""
        sides = [pixels for pixels in (batch.labelled_pixels, batch.student_pixels) if pixels is not None]
        features, disparity = self._features_and_disparity(torch.cat(sides))
        num_labelled = 0 if batch.labelled_pixels is None else len(batch.labelled_pixels)
        parts: dict[str, tuple[float, Tensor]] = {}
        if num_labelled:
            parts["labelled"] = (self.settings.labelled_weight, self._labelled_loss(disparity[:num_labelled], batch))
        if batch.student_pixels is not None:
            assert batch.targets is not None
            assert batch.targets_valid is not None
            unlabelled = pseudo_label_loss(
                disparity[num_labelled:],
                batch.targets,
                batch.targets_valid,
                batch.inside,
                gradient_weight=self.settings.gradient_weight,
                trimmed_share=self.settings.trimmed_share,
            )
            parts["unlabelled"] = (self.settings.unlabelled_weight, unlabelled)
        if self.projection is not None:
            assert batch.reference_features is not None
            projected = self.projection(features[num_labelled:])
            alignment = feature_alignment_loss(projected, batch.reference_features, self.settings.feature_margin)
            parts["features"] = (self.settings.feature_weight, alignment)
        return self._with_total(parts)
