"""The checkpoints that the authors released in transformers' format, and what is known of their licences."""

from pathlib import Path

from huggingface_hub import metadata_load

from .model_card_facts import UNKNOWN_LICENCE

DEFAULT_CHECKPOINT = "depth-anything/Depth-Anything-V2-Small-hf"

# The official code's names of the encoders; its ViT-G weights were never released.
ENCODER_CHECKPOINTS = {
    "vits": "depth-anything/Depth-Anything-V2-Small-hf",
    "vitb": "depth-anything/Depth-Anything-V2-Base-hf",
    "vitl": "depth-anything/Depth-Anything-V2-Large-hf",
}

# Source: the READMEs of LiheYoung/Depth-Anything and DepthAnything/Depth-Anything-V2, which name the licence by size.
# The cards of V2's metric checkpoints name none (DepthAnything/Depth-Anything-V2 issue 245 asks and has no answer).
# Base and Large were trained from weights whose terms bind what is made of them; Small's start, Apache-2.0, does not.
RELEASED_LICENCES = {
    "LiheYoung/depth-anything-small-hf": "apache-2.0",
    "LiheYoung/depth-anything-base-hf": "apache-2.0",
    "LiheYoung/depth-anything-large-hf": "apache-2.0",
    "depth-anything/Depth-Anything-V2-Small-hf": "apache-2.0",
    "depth-anything/Depth-Anything-V2-Base-hf": "cc-by-nc-4.0",
    "depth-anything/Depth-Anything-V2-Large-hf": "cc-by-nc-4.0",
    "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf": UNKNOWN_LICENCE,
    "depth-anything/Depth-Anything-V2-Metric-Indoor-Base-hf": "cc-by-nc-4.0",
    "depth-anything/Depth-Anything-V2-Metric-Indoor-Large-hf": "cc-by-nc-4.0",
    "depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf": UNKNOWN_LICENCE,
    "depth-anything/Depth-Anything-V2-Metric-Outdoor-Base-hf": "cc-by-nc-4.0",
    "depth-anything/Depth-Anything-V2-Metric-Outdoor-Large-hf": "cc-by-nc-4.0",
}


def licence_of(checkpoint: str, folder: Path) -> str:
    """The licence in the checkpoint's own README, else the one of the table above, else "unknown".

    Args:
        checkpoint: Hub id, or the folder as the user gave it.
        folder: where the checkpoint's files lie.
    """
    return _licence_in_readme(folder / "README.md") or RELEASED_LICENCES.get(checkpoint, UNKNOWN_LICENCE)


def licence_notice(checkpoint: str, licence: str) -> str | None:
    """One sentence for users of weights that may not be used freely, None where there is nothing to say."""
    if licence == UNKNOWN_LICENCE:
        return f"The licence of {checkpoint} is unknown: ask whoever made the weights before you use the results."
    if "-nc" in licence.lower():
        return f"The weights of {checkpoint} are licensed {licence}: not for commercial use."
    return None


def _licence_in_readme(readme: Path) -> str | None:
    try:
        metadata = metadata_load(readme) or {}
    except Exception:  # unreadable, or the YAML parser's own errors: no statement that could be relied on
        return None
    licence = metadata.get("license")
    if licence == "other":
        licence = metadata.get("license_name") or licence
    if isinstance(licence, list):
        return ", ".join(map(str, licence)) or None
    return str(licence) if licence else None
