"""Who makes pseudo labels, and how: what every row, the manifest and the card of a labelled corpus say."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from depth_anything.training.network_identity import NetworkIdentity
from depth_anything.training.pseudo_labels import Teacher


@dataclass(frozen=True, kw_only=True)
class LabelMaker:
    """What decides a pseudo label, beside the picture.

    Attributes:
        teacher: the network that predicts the disparity.
        sky: the network that finds the sky; None where nobody looks for it.
        short_side: that the teacher saw the pictures at, in pixels.
        has_confidence: whether the mirrored view was labelled too.
        precision: of the networks.
    """

    teacher: NetworkIdentity
    sky: NetworkIdentity | None
    short_side: int
    has_confidence: bool
    precision: str

    @classmethod
    def of(cls, teacher: Teacher, short_side: int) -> LabelMaker:
        """What this teacher does to pictures of this short side.

        Raises:
            ValueError: a network without an identity.
        """
        if teacher.identity is None or (teacher.sky is not None and teacher.sky.identity is None):
            raise ValueError("stored labels have to say who made them; give teacher and sky segmenter an identity")
        return cls(
            teacher=teacher.identity,
            sky=None if teacher.sky is None else teacher.sky.identity,
            short_side=short_side,
            has_confidence=teacher.has_confidence,
            precision=teacher.precision,
        )

    def record(self) -> dict[str, Any]:
        """The same in JSON's types."""
        return asdict(self)

    def to_text(self) -> str:
        """The same as one line of JSON."""
        return json.dumps(self.record(), sort_keys=True)
