"""Model cards: what a checkpoint predicts, from what it was made, under which terms, and how well it does.

Conversion, training and push all write their cards here, from the same facts into the same template.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from .model_card_facts import CardFacts, EvaluationResult
from .model_card_template import TEMPLATE
from .model_card_text import licence_text, limits, properties, result_rows, summary, usage, usage_note

PIPELINE_TAG = "depth-estimation"
LIBRARY = "transformers"
PAPERS = {
    1: "Depth Anything: Unleashing the Power of Large-Scale Unlabeled Data, [arXiv:2401.10891]"
    "(https://arxiv.org/abs/2401.10891)",
    2: "Depth Anything V2, [arXiv:2406.09414](https://arxiv.org/abs/2406.09414)",
}

# A comment at the end of each card. The digest tells a card as it was written from one that somebody has edited since.
_MARK = "<!-- written by depth-anything, sha256 of the text above: {digest} -->"
_MARKED = re.compile(r"(?P<text>.*)\n" + _MARK.format(digest="(?P<digest>[0-9a-f]{64})") + r"\s*", re.DOTALL)
_USED_MODEL = re.compile(r'DepthPredictor\("([^"]+)"\)')
# What transformers' own push_to_hub puts into the card of a model that has none.
_NATIVE_PLACEHOLDER = "This model card has been automatically generated."


def build_card(facts: CardFacts) -> ModelCard:
    """The card, with metadata that the Hub reads."""
    card = ModelCard.from_template(
        _metadata(facts),
        template_str=TEMPLATE,
        title=facts.title,
        summary=summary(facts),
        properties=properties(facts),
        usage=usage(facts),
        usage_note=usage_note(facts),
        limits=limits(facts),
        recipe=facts.recipe,
        hardware=facts.hardware,
        data=facts.data,
        data_note=facts.data_note,
        results=result_rows(facts.results),
        results_note=facts.results_note,
        licence_text=licence_text(facts),
        citations=[PAPERS[facts.version]] if facts.version else list(PAPERS.values()),
    )
    return ModelCard(_marked(str(card)))


def is_untouched(text: str) -> bool:
    """Whether a card is as `build_card` wrote it."""
    match = _MARKED.fullmatch(text.replace("\r\n", "\n"))
    return match is not None and _digest(match["text"]) == match["digest"]


def is_placeholder(text: str) -> bool:
    """Whether a card is the one that transformers writes where it knows nothing."""
    return _NATIVE_PLACEHOLDER in text


def with_model_id(text: str, model_id: str) -> str:
    """The card with another Hub id or folder in its lines of code; one that somebody has edited stays as it is."""
    match = _USED_MODEL.search(text)
    if match is None or not is_untouched(text):
        return text
    body = _MARKED.fullmatch(text.replace("\r\n", "\n"))
    assert body is not None
    return _marked(body["text"].replace(f'"{match[1]}"', f'"{model_id}"'))


def card_faults(text: str) -> list[str]:
    """What a card lacks to be found and used on the Hub; empty for a good one."""
    try:
        metadata = ModelCard(text).data.to_dict()
    except Exception as error:  # the YAML parser's own errors, and those of the metadata's fields
        return [f"its metadata cannot be read ({str(error).strip().splitlines()[0]})"]
    faults = []
    if metadata.get("pipeline_tag") != PIPELINE_TAG:
        faults.append(f"pipeline_tag is {metadata.get('pipeline_tag')!r}, not {PIPELINE_TAG!r}")
    if not metadata.get("library_name"):
        faults.append(f"library_name is absent; {LIBRARY!r} loads these checkpoints")
    if not metadata.get("license"):
        faults.append("license is absent; 'unknown' says that nobody knows")
    elif metadata["license"] == "other" and not metadata.get("license_name"):
        faults.append("license is 'other' without a license_name")
    return faults


def _marked(text: str) -> str:
    return f"{text.rstrip()}\n{_MARK.format(digest=_digest(text))}\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.rstrip().encode()).hexdigest()


def _metadata(facts: CardFacts) -> ModelCardData:
    tags = [
        "depth-anything",
        *(("metric-depth",) if facts.is_metric else ("relative-depth", "disparity")),
        *facts.tags,
    ]
    results = hub_results(facts.results)
    optional: dict[str, Any] = {"base_model": facts.base_model} if facts.base_model else {}
    if results:
        optional |= {"eval_results": results, "model_name": facts.title}
    return ModelCardData(
        license=facts.licence,
        library_name=LIBRARY,
        pipeline_tag=PIPELINE_TAG,
        tags=list(dict.fromkeys(tags)),
        **optional,
    )


def hub_results(results: Iterable[EvaluationResult]) -> list[EvalResult]:
    """The results as the metadata of a card holds them."""
    return [
        EvalResult(
            task_type=PIPELINE_TAG,
            dataset_type=re.sub(r"[^a-z0-9]+", "-", result.data.lower()).strip("-"),
            dataset_name=result.data,
            dataset_args={"protocol": result.protocol},
            metric_type=result.metric,
            metric_name=result.metric,
            metric_value=result.value,
            source_name=result.source or None,
            source_url=result.source_url or None,
        )
        for result in results
    ]
