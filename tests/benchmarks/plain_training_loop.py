"""The student's step as one would write it down: image by image, region by region."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from depth_anything.training.loss_settings import LossSettings
from depth_anything.training.pseudo_targets import PseudoTargets
from depth_anything.training.training_batch import TrainingBatch


class PlainLoop:
    """The step as one would write it down: image by image, region by region."""

    def __init__(self, student: Any, frozen: Any, settings: LossSettings, targets: PseudoTargets) -> None:
        self.student, self.frozen, self.settings, self.targets = student, frozen, settings, targets

    def loss(self, raw: dict[str, Any]) -> Tensor:
        """The total of the step."""
        labelled, side = raw["labelled"], raw["unlabelled"]
        strong, clean, values, valid = (
            maps.clone()
            for maps in (side["strong_pixel_values"], side["pixel_values"], self.targets.values, self.targets.valid)
        )
        inside = torch.zeros_like(valid)
        for index, (top, left, height, width) in enumerate(side["mix_box"].tolist()):
            rows, columns, other = slice(top, top + height), slice(left, left + width), index ^ 1
            inside[index, rows, columns] = True
            for mixed, source in ((strong, side["strong_pixel_values"]), (clean, side["pixel_values"]),
                                  (values, self.targets.values), (valid, self.targets.valid)):  # fmt: skip
                mixed[index, ..., rows, columns] = source[other, ..., rows, columns]
        with torch.no_grad():
            reference = self.frozen(clean).feature_maps[-1][:, 1:]
        pixels = torch.cat([labelled["pixel_values"], strong])
        maps = self.student.backbone(pixels).feature_maps
        patches = pixels.shape[-2] // 14, pixels.shape[-1] // 14
        disparity = self.student.head(self.student.neck(maps, *patches), *patches)
        batch = TrainingBatch(labels=labelled["labels"], labels_valid=labelled["valid_mask"], targets=values,
                              targets_valid=valid, inside=inside)  # fmt: skip
        return self.losses(
            disparity.float(), maps[-1][len(labelled["labels"]) :, 1:].float(), batch, reference.float()
        )

    def losses(self, disparity: Tensor, features: Tensor, batch: TrainingBatch, reference: Tensor) -> Tensor:
        """The three losses of given outputs."""
        count = len(batch.labels)
        whole = torch.ones_like(batch.labels_valid[0])
        labelled = [
            self.map_loss(disparity[i], batch.labels[i], batch.labels_valid[i], whole, 0.0) for i in range(count)
        ]
        unlabelled = [
            self.map_loss(disparity[count + i], batch.targets[i], batch.targets_valid[i], batch.inside[i],
                          self.settings.trimmed_share)
            for i in range(len(batch.targets))
        ]  # fmt: skip
        alignment = []
        for one, other in zip(features, reference, strict=True):
            cosine = nn.functional.cosine_similarity(one, other, dim=-1)
            apart = cosine[cosine <= self.settings.feature_margin]
            alignment.append((1 - apart).mean() if len(apart) else cosine.sum() * 0)
        return sum(torch.stack(parts).mean() for parts in (labelled, unlabelled, alignment))

    def map_loss(self, pred: Tensor, target: Tensor, valid: Tensor, inside: Tensor, trimmed: float) -> Tensor:
        """One image: both regions normalised apart, then the means over its pixels."""
        if not trimmed and not self.settings.gradient_weight:
            parts = []
            for region in (valid & inside, valid & ~inside):
                if region.any():
                    error = (normalised(pred[region]) - normalised(target[region])).abs().mean()
                    parts.append(error * region.sum() / valid.sum())
            return sum(parts)
        difference = torch.zeros_like(pred)
        for region in (valid & inside, valid & ~inside):
            if region.any():
                difference[region] = normalised(pred[region]) - normalised(target[region])
        if trimmed:
            errors = difference.detach().abs()
            kept = errors[valid].sort().values[: int(valid.sum()) - int(trimmed * int(valid.sum()))]
            valid = valid & (errors <= kept[-1])
        loss = difference[valid].abs().mean()
        for stride in (1, 2, 4, 8):
            d, v, r = (each[::stride, ::stride] for each in (difference, valid, inside))
            across = v[:, 1:] & v[:, :-1] & (r[:, 1:] == r[:, :-1])
            down = v[1:] & v[:-1] & (r[1:] == r[:-1])
            total = (d[:, 1:] - d[:, :-1])[across].abs().sum() + (d[1:] - d[:-1])[down].abs().sum()
            loss = loss + self.settings.gradient_weight * total / v.sum()
        return loss


def normalised(values: Tensor) -> Tensor:
    """Zero median and unit mean absolute deviation."""
    centred = values - values.median()
    return centred / centred.abs().mean()
