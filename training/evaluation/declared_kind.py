"""What a network's predictions mean, as its configuration says, and the error where nobody says it."""

from __future__ import annotations

from collections.abc import Iterable

from transformers import PreTrainedConfig

from depth_anything.training.evaluation.scoring_rule import PredictionKind

# Types of network whose every checkpoint predicts one thing. MiDaS, and with it DPT, was trained on affine-invariant
# disparity; fine-tuned DPT checkpoints that predict depth look the same, so a user may overrule this one.
KIND_BY_TYPE = {
    "zoedepth": PredictionKind.METRIC_DEPTH,
    "depth_pro": PredictionKind.METRIC_DEPTH,
    "glpn": PredictionKind.METRIC_DEPTH,
    "dpt": PredictionKind.RELATIVE_DISPARITY,
}
CONVENTIONS = ("dpt",)  # known by custom, not by anything in the checkpoint
KIND_BY_FIELD = {"relative": PredictionKind.RELATIVE_DISPARITY, "metric": PredictionKind.METRIC_DEPTH}

MEANINGS = {
    PredictionKind.RELATIVE_DISPARITY: "inverse depth of unknown scale and shift",
    PredictionKind.RELATIVE_DEPTH: "depth of unknown scale and shift",
    PredictionKind.METRIC_DEPTH: "depth in metres",
}


class PredictionKindError(ValueError):
    """Nobody says what predictions mean, or what they mean does not fit; the message says what to do."""


def declared_kind(config: PreTrainedConfig, asked: PredictionKind | None) -> PredictionKind:
    """What predictions of the network mean.

    Args:
        config: of the network; Depth Anything states its `depth_estimation_type`, other types predict one thing.
        asked: what the user says; needed where the configuration is silent.

    Raises:
        PredictionKindError: neither says it, or the two contradict each other.
    """
    declared = KIND_BY_TYPE.get(config.model_type)
    if config.model_type == "depth_anything":
        declared = KIND_BY_FIELD[getattr(config, "depth_estimation_type", "relative")]
    if declared is None and asked is None:
        raise PredictionKindError(
            f"a network of type {config.model_type!r} does not say what it predicts: give --predicts "
            f"{offered(PredictionKind)}"
        )
    if declared is None or (asked is not None and config.model_type in CONVENTIONS):
        return asked or PredictionKind.RELATIVE_DISPARITY
    if asked not in (None, declared):
        raise PredictionKindError(
            f"--predicts is {asked.value}, but the checkpoint's configuration ({config.model_type}) says "
            f"{declared.value}, {MEANINGS[declared]}: leave --predicts out"
        )
    return declared


def offered(kinds: Iterable[PredictionKind]) -> str:
    """The kinds with their meaning, for a message."""
    return ", ".join(f"{kind.value} ({MEANINGS[kind]})" for kind in kinds)
