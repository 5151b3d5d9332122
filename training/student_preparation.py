"""From a batch of examples on the device to what a task compares: pseudo labels, CutMix, frozen features.

    prepare = StudentPreparation(LiveTargets(teacher), ReferenceEncoder(encoder))
    losses = task(prepare(raw_batch))

Whatever is frozen lives here and not in the task, so that no wrapper, optimiser or checkpoint of the training sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from depth_anything.modeling_depth_anything import DepthAnythingBackbone
from depth_anything.training.cutmix import inside_of, mixed
from depth_anything.training.example_batches import Side, normalise_on_device
from depth_anything.training.loss_settings import AlignmentView
from depth_anything.training.pseudo_labels import PRECISIONS
from depth_anything.training.pseudo_targets import PseudoTargets, stored_targets
from depth_anything.training.training_batch import TrainingBatch

FindTargets: TypeAlias = Callable[[Side], PseudoTargets]  # a `LiveTargets`, or `stored_targets`


class ReferenceEncoder:
    """A frozen encoder whose final features the student's are held to; in eval mode, without gradients.

    No module, so nothing registers it.

    Args:
        backbone: DINOv2's, or what stands in for it. It is switched to eval mode, frozen and moved.
        precision: "float32", or "bfloat16" for autocast.
        device: where to run; None leaves the backbone where it is.

    Raises:
        ValueError: the backbone does not give its last, normalised layer, or another precision.
    """

    def __init__(
        self,
        backbone: DepthAnythingBackbone,
        *,
        precision: str = "float32",
        device: torch.device | str | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}, must be one of {', '.join(PRECISIONS)}")
        config = backbone.config
        if config.out_indices[-1] % (config.num_hidden_layers + 1) != config.num_hidden_layers:
            raise ValueError(
                f"the frozen encoder gives the layers {list(config.out_indices)} of {config.num_hidden_layers}; "
                "choose out_indices that end with the last"
            )
        if not config.apply_layernorm:
            raise ValueError("the frozen encoder has apply_layernorm False; features are compared normalised: set it")
        self.backbone = backbone.eval().requires_grad_(False)
        self.autocast_type = PRECISIONS[precision]
        if device is not None:
            self.backbone.to(device)

    @property
    def width(self) -> int:
        """Channels of the features."""
        return int(self.backbone.config.hidden_size)

    @torch.no_grad()
    def features(self, pixels: Tensor) -> Tensor:
        """The final features of the patches, (B, P, C), without the class token; pixels (B, 3, H, W), normalised."""
        with torch.autocast(pixels.device.type, self.autocast_type, enabled=self.autocast_type is not None):
            tokens: Tensor = self.backbone(pixels).feature_maps[-1]
        return tokens[:, 1:]


class StudentPreparation:
    """Makes the batches of a `StudentTask` or a `TeacherTask`.

    The frozen encoder sees the student's picture, mixed by the same boxes, so that each patch is compared with the
    features of its own content; by default in its clean colours, for the features of the clean picture are those to
    be kept, and the student is to find them behind the perturbation as it finds the teacher's depth.

    Args:
        find_targets: gives the unlabelled side its targets, from a live teacher or as they were stored.
        reference: the frozen encoder; None: no feature alignment.
        alignment_view: what the frozen encoder looks at.
    """

    def __init__(
        self,
        find_targets: FindTargets = stored_targets,
        reference: ReferenceEncoder | None = None,
        *,
        alignment_view: AlignmentView = AlignmentView.CLEAN,
    ) -> None:
        self.find_targets = find_targets
        self.reference = reference
        self.alignment_view = AlignmentView(alignment_view)

    @torch.no_grad()
    def __call__(self, raw: Mapping[str, Side]) -> TrainingBatch:
        """The batch of a task.

        Args:
            raw: as `stack_sides` gives it, one side or both, on the device. A side with `mix_box` is mixed.

        Raises:
            ValueError: the unlabelled side lacks what its targets are made of.
        """
        parts: dict[str, Tensor | None] = {}
        if "labelled" in raw:
            side = _tensors(raw["labelled"])
            parts["labelled_pixels"], parts["labels"] = side["pixel_values"], side["labels"]
            parts["labels_valid"] = side["valid_mask"]
        if "unlabelled" in raw:
            parts |= self._student_side(raw["unlabelled"])
        return TrainingBatch(**parts)

    def _student_side(self, raw: Side) -> dict[str, Tensor | None]:
        targets = self.find_targets(raw)
        side = _tensors(raw)
        clean = side["pixel_values"]
        inside = inside_of(side["mix_box"], clean.shape[-1]) if "mix_box" in side else None
        strong = mixed(side.get("strong_pixel_values", clean), inside)
        reference_features = None
        if self.reference is not None:
            is_clean = self.alignment_view is AlignmentView.CLEAN
            reference_features = self.reference.features(mixed(clean, inside) if is_clean else strong)
        return {
            "student_pixels": strong,
            "targets": mixed(targets.values, inside),
            "targets_valid": mixed(targets.valid, inside),
            "inside": inside,
            "reference_features": reference_features,
        }


def _tensors(side: Side) -> dict[str, Tensor]:
    """The entries of all images together, normalised; whole images, which the teacher alone sees, are left out."""
    entries = normalise_on_device({name: values for name, values in side.items() if isinstance(values, Tensor)})
    return {name: values for name, values in entries.items() if isinstance(values, Tensor)}
