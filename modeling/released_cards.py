"""Facts for the cards of the twelve checkpoints that the authors released in transformers' format."""

from dataclasses import replace

from .configuration_depth_anything import DepthAnythingConfig
from .model_card_facts import UNKNOWN_LICENCE, CardFacts
from .official_identity import Release
from .released_checkpoints import RELEASED_LICENCES
from .released_data import METRIC_NOTE as METRIC_DATA_NOTE
from .released_data import RELATIVE_NOTE as RELATIVE_DATA_NOTE
from .released_data import training_data
from .released_results import METRIC_NOTE, RELATIVE_NOTE, published_results

NUM_PARAMETERS = {"small": 24_785_089, "base": 97_470_785, "large": 335_315_649}
RELEASES = tuple(
    Release(size=size, version=version, max_depth_m=max_depth_m)
    for version, max_depth_m in ((1, None), (2, None), (2, 20), (2, 80))
    for size in NUM_PARAMETERS
)

_RECIPES = {
    1: (
        "A teacher (ViT-L) learns from the labelled images, 20 epochs, with flips alone. The student starts anew "
        "from DINOv2 and sees labelled and pseudo-labelled images at 1:2, the latter under strong colour distortion "
        "and CutMix, for one pass over the unlabelled images: affine-invariant loss, plus alignment of its features "
        "with a frozen DINOv2 up to a cosine of 0.85. AdamW, 5e-6 for the encoder and 5e-5 for the decoder, linear "
        "decay, 518x518 crops (paper, sections 3 and 4)."
    ),
    2: (
        "A teacher (ViT-G) learns from synthetic images alone, 160K iterations at batch 64. The student learns from "
        "its pseudo labels on real images alone, 480K iterations at batch 192: affine-invariant and gradient "
        "matching loss at 1:2, the tenth of each image with the largest loss left out, features aligned with a "
        "frozen DINOv2. 5e-6 for the encoder and 5e-5 for the decoder, 518x518 crops (paper, sections 4 to 7)."
    ),
}
_METRIC_RECIPE = (
    "The encoder of the relative V2 model and a fresh DPT head with a sigmoid, trained on {data} up to {max_depth} "
    "m by the authors' script: scale-invariant logarithmic loss with lambda 0.5, AdamW, 5e-6 for the encoder and "
    "5e-5 for the decoder, polynomial decay, 120 epochs at batch 32 in the launch script "
    "(DepthAnything/Depth-Anything-V2, metric_depth)."
)
_HARDWARE = {
    (1, "large"): "about 10 days on 128 V100 GPUs (authors, LiheYoung/Depth-Anything issue 214).",
}
_INHERITED_LICENCE = (
    "The card of the released checkpoint names no licence; these are the terms of {base}, from which it was "
    "trained, and they bind what is made of it."
)
_UNSTATED_LICENCE = (
    "The card of the released checkpoint names no licence. It was trained from {base}, which is Apache-2.0."
)


def release_facts(release: Release) -> CardFacts:
    """The card's facts of a released checkpoint.

    Args:
        release: one of `RELEASES`.
    """
    checkpoint = release.checkpoint
    if release not in RELEASES or checkpoint is None:
        raise ValueError(f"{release} was never released")
    facts = CardFacts(
        title=f"Depth Anything V{release.version} {release.size.capitalize()}",
        model_id=checkpoint,
        config=DepthAnythingConfig.from_size(
            release.size,  # type: ignore[arg-type]
            version=release.version,  # type: ignore[arg-type]
            depth_estimation_type=release.depth_type,
            max_depth=release.max_depth_m,
        ),
        num_parameters=NUM_PARAMETERS[release.size],
        licence=RELEASED_LICENCES[checkpoint],
        base_model=f"facebook/dinov2-{release.size}",
        version=release.version,
        data=training_data(release.version, release.max_depth_m),
        data_note=RELATIVE_DATA_NOTE,
        recipe=_RECIPES[release.version],
        hardware=_HARDWARE.get((release.version, release.size), "not published."),
    )
    if release.max_depth_m is None:
        results = published_results(release.version, release.size)
        return replace(facts, results=results, results_note=RELATIVE_NOTE)
    return _metric_facts(release, facts)


def _metric_facts(release: Release, facts: CardFacts) -> CardFacts:
    domain, data = ("Indoor", "Hypersim") if release.max_depth_m == 20 else ("Outdoor", "Virtual KITTI 2")
    base = f"depth-anything/Depth-Anything-V2-{release.size.capitalize()}-hf"
    licence_note = _UNSTATED_LICENCE if facts.licence == UNKNOWN_LICENCE else _INHERITED_LICENCE
    return replace(
        facts,
        title=f"Depth Anything V2 Metric {domain} {release.size.capitalize()}",
        base_model=base,
        data_note=METRIC_DATA_NOTE,
        recipe=_METRIC_RECIPE.format(data=data, max_depth=release.max_depth_m),
        hardware="8 GPUs of a kind that was not published.",
        licence_note=licence_note.format(base=base),
        results_note=METRIC_NOTE,
    )
