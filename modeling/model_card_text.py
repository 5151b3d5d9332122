"""The sentences of a model card, as they follow from its facts."""

from collections import defaultdict
from typing import Any

from .model_card_facts import UNKNOWN_LICENCE, CardFacts, EvaluationResult

PACKAGE = "depth_anything"
RELATIVE_LIMITS = (
    "For the order of distances and the shape of a scene within one image: editing, conditioning of image generators, "
    "occlusion, segmentation, a start for metric fine-tuning.",
    "Relative only: scale and shift differ from image to image, so neither values nor differences are metres, two "
    "images cannot be compared, and frames of a video flicker. `1 / disparity` is no depth until a scale and a shift "
    "have been fitted to known distances in that image.",
)
METRIC_LIMITS = (
    "For distances in metres in scenes and with cameras like those of its training data; the focal length is not an "
    "input, so another field of view shifts the scale.",
    "Nothing beyond {max_depth} m: farther surfaces and the sky come out nearer than they are.",
)
COMMON_LIMITS = (
    "Domains that it never saw, among them satellite, medical and microscopy images, give plausible pictures without "
    "meaning. Adapt and evaluate it there first.",
    "Glass, mirrors, screens and pictures on walls may be given the depth of what they show.",
    "Not for decisions on which somebody's safety depends.",
)


def summary(facts: CardFacts) -> str:
    """The first paragraph: quantity, unit and sign."""
    if facts.config is None:
        return "The image processor of a Depth Anything checkpoint: pixels in, network input and full-size maps out."
    if facts.is_metric:
        return (
            f"Depth in **metres**, up to {facts.config.max_depth}, of every pixel of one RGB image. **Larger is "
            "farther.**"
        )
    return (
        "Affine-invariant **disparity** (inverse depth of unknown scale and shift) of every pixel of one RGB image. "
        "**Larger is nearer**, the sky is zero; it is not metres."
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def properties(facts: CardFacts) -> list[tuple[str, str]]:
    """Rows of the first table, (name, value)."""
    rows: list[tuple[str, str]] = []
    if (config := facts.config) is not None:
        if facts.is_metric:
            rows += [("predicts", "depth"), ("unit", "m"), ("sign", "larger is farther")]
            rows += [("range", f"0 to {config.max_depth} m")]
        else:
            rows += [("predicts", "disparity"), ("unit", "1/m up to an unknown scale and shift in each image")]
            rows += [("sign", "larger is nearer")]
        encoder: Any = config.backbone_config
        blocks = ", ".join(str(index - 1) for index in encoder.out_indices)
        rows += [
            (
                "network",
                f"DINOv2 ViT (width {encoder.hidden_size}, {encoder.num_hidden_layers} blocks, patch "
                f"{encoder.patch_size}), DPT decoder on blocks {blocks}",
            )
        ]
    if facts.num_parameters is not None:
        rows.append(("parameters", f"{facts.num_parameters / 1e6:.1f} M"))
    if facts.base_model:
        rows.append(("trained from", facts.base_model))
    if facts.origin:
        rows.append(("these weights", _cell(facts.origin)))
    return [*rows, ("licence", facts.licence)]


def usage(facts: CardFacts) -> str:
    """Three lines of Python from a photo to an array."""
    result = "depth_m" if facts.is_metric else "disparity"
    # The package's name is put in, because transformers would take the line itself for an import of remote code.
    return (
        f'from {PACKAGE} import DepthPredictor\n\n{result} = DepthPredictor("{facts.model_id}")("photo.jpg").{result}'
    )


def usage_note(facts: CardFacts) -> str:
    """What stands below the three lines of code."""
    return (
        "The array is float32, at the size of the photo. Without this package transformers' own `pipeline("
        f'"depth-estimation", model="{facts.model_id}")` reads the same weights, with its own preprocessing; its '
        "`predicted_depth` holds the numbers, its `depth` is a picture of 8 bits, stretched for each image."
    )


def limits(facts: CardFacts) -> list[str]:
    """Intended use, and what it cannot do."""
    own = METRIC_LIMITS if facts.is_metric else RELATIVE_LIMITS
    max_depth = facts.config.max_depth if facts.config else None
    return [limit.format(max_depth=max_depth) for limit in own] + list(COMMON_LIMITS)


def licence_text(facts: CardFacts) -> str:
    """The terms of the weights in words."""
    if facts.licence == UNKNOWN_LICENCE:
        stated = "The licence of these weights is not known: ask whoever made them before you use them."
    else:
        stated = f"These weights: `{facts.licence}`."
        if "-nc" in facts.licence.lower():
            stated += " **No commercial use**, neither of the weights nor of what is trained from them."
    return " ".join(part for part in (stated, facts.licence_note, "The training data has terms of its own.") if part)


def result_rows(results: tuple[EvaluationResult, ...]) -> list[dict[str, str]]:
    """The numbers as rows of a table, one for each benchmark and protocol."""
    rows: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for result in results:
        row = rows[result.data, result.protocol]
        if result.metric in ("abs_rel", "delta1"):
            row[result.metric] = f"{result.value:.3f}"
        else:
            others = [row["other"]] if "other" in row else []
            row["other"] = ", ".join([*others, f"{result.metric} {result.value:g}"])
    return [
        {"data": data, "protocol": protocol, "abs_rel": "-", "delta1": "-", "other": "-", **row}
        for (data, protocol), row in rows.items()
    ]
