"""How much each loss counts, and which parts it has."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum


class LossTotal(str, Enum):
    """How the losses make one."""

    SUM = "sum"  # the weighted sum
    AVERAGE = "average"  # the same over the sum of the weights: a factor that AdamW hardly sees


class AlignmentView(str, Enum):
    """What the frozen encoder looks at."""

    CLEAN = "clean"  # the student's picture, mixed alike, before its colours were changed and it was blurred
    STRONG = "strong"  # the very pixels that the student sees


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """The losses of a training; the defaults are those of Depth Anything V1, `V2_LOSSES` those of V2.

    Source: Depth Anything, arXiv 2401.10891, sections 3 and 4.1, whose text calls the total an average, which differs
        by a constant factor; Depth Anything V2, arXiv 2406.09414, sections 5 and 7.1.
    """

    labelled_weight: float = field(default=1.0, metadata={"help": "weight of the loss on labelled images"})
    unlabelled_weight: float = field(default=1.0, metadata={"help": "weight of the loss on pseudo-labelled images"})
    feature_weight: float = field(
        default=1.0, metadata={"help": "weight of the alignment with the frozen encoder; 0 needs no such encoder"}
    )
    loss_total: LossTotal = field(
        default=LossTotal.SUM, metadata={"help": "sum, or average: the weighted sum over the sum of the weights"}
    )
    gradient_weight: float = field(
        default=0.0, metadata={"help": "weight of gradient matching where the absolute difference has 1; V2 has 2"}
    )
    trimmed_share: float = field(
        default=0.0,
        metadata={"help": "share of each pseudo-labelled image's worst pixels that is ignored; V2 has 0.1"},
    )
    feature_margin: float = field(
        default=0.85, metadata={"help": "patches whose cosine with the frozen encoder is above this are left out"}
    )
    alignment_view: AlignmentView = field(
        default=AlignmentView.CLEAN,
        metadata={"help": "what the frozen encoder sees: the student's picture clean, or strongly perturbed as it is"},
    )

    def __post_init__(self) -> None:
        for name in ("labelled_weight", "unlabelled_weight", "feature_weight", "gradient_weight"):
            weight = getattr(self, name)
            if not 0 <= weight < math.inf:
                raise ValueError(f"{name} is {weight!r}; it has to be a number of at least 0")
        if not self.labelled_weight and not self.unlabelled_weight:
            raise ValueError("labelled_weight and unlabelled_weight are both 0; set one of them to 1")
        if not 0 <= self.trimmed_share < 1:
            raise ValueError(f"trimmed_share is {self.trimmed_share!r}; it has to be at least 0 and below 1")
        if not -1 < self.feature_margin <= 1:
            raise ValueError(f"feature_margin is {self.feature_margin!r}; a cosine lies between -1 and 1")
        object.__setattr__(self, "loss_total", LossTotal(self.loss_total))  # a string from a file is as good
        object.__setattr__(self, "alignment_view", AlignmentView(self.alignment_view))


V1_LOSSES = LossSettings()
V2_LOSSES = LossSettings(gradient_weight=2.0, trimmed_share=0.1)
