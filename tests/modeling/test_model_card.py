"""Model cards: true, complete, readable by the Hub, and never written over what somebody wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation
from depth_anything.checkpoint_cards import converted_facts, trained_facts
from depth_anything.model_card import build_card, card_faults, is_placeholder, is_untouched, with_model_id
from depth_anything.model_card_facts import CardFacts, EvaluationResult
from depth_anything.official_identity import Release
from depth_anything.official_weights import to_official_state_dict
from depth_anything.released_cards import RELEASES, release_facts

# As printed in Table 2 of the papers: AbsRel and delta1.
PAPERS: dict[tuple[int, str], dict[str, str]] = {
    (1, "small"): {
        "KITTI": ".080 .936",
        "NYUv2": ".053 .972",
        "Sintel": ".464 .739",
        "DDAD": ".247 .768",
        "ETH3D": ".127 .885",
        "DIODE": ".076 .939",
    },
    (1, "base"): {
        "KITTI": ".080 .939",
        "NYUv2": ".046 .979",
        "Sintel": ".432 .756",
        "DDAD": ".232 .786",
        "ETH3D": ".126 .884",
        "DIODE": ".069 .946",
    },
    (1, "large"): {
        "KITTI": ".076 .947",
        "NYUv2": ".043 .981",
        "Sintel": ".458 .760",
        "DDAD": ".230 .789",
        "ETH3D": ".127 .882",
        "DIODE": ".066 .952",
    },
    (2, "small"): {
        "KITTI": ".078 .936",
        "NYUv2": ".053 .973",
        "Sintel": ".500 .718",
        "ETH3D": ".142 .851",
        "DIODE": ".073 .942",
    },
    (2, "base"): {
        "KITTI": ".078 .939",
        "NYUv2": ".049 .976",
        "Sintel": ".495 .734",
        "ETH3D": ".137 .858",
        "DIODE": ".068 .950",
    },
    (2, "large"): {
        "KITTI": ".074 .946",
        "NYUv2": ".045 .979",
        "Sintel": ".487 .752",
        "ETH3D": ".131 .865",
        "DIODE": ".066 .952",
    },
}
DA_2K_PERCENT = {"small": "95.3", "base": "97.0", "large": "97.1"}  # V2, Table 3

RELATIVE = [release for release in RELEASES if release.max_depth_m is None]
METRIC = [release for release in RELEASES if release.max_depth_m is not None]


def name_of(release: Release) -> str:
    return str(release.checkpoint)


@pytest.fixture
def facts(tiny_config: DepthAnythingConfig) -> CardFacts:
    """All that is known of weights that somebody brings along."""
    return CardFacts(title="mine", model_id="ada/mine", config=tiny_config)


@pytest.fixture
def text(facts: CardFacts) -> str:
    """The card of `facts`."""
    return str(build_card(facts))


def metadata_of(text: str) -> ModelCardData:
    return ModelCard(text).data


def test_there_are_twelve_released_checkpoints() -> None:
    assert len(set(RELEASES)) == 12
    assert len(RELATIVE) == len(METRIC) == 6


@pytest.mark.parametrize("release", RELEASES, ids=name_of)
def test_the_metadata_of_every_released_card_is_what_the_hub_reads(release: Release) -> None:
    text = str(build_card(release_facts(release)))
    data = metadata_of(text)
    assert data.pipeline_tag == "depth-estimation"
    assert data.library_name == "transformers"
    assert data.tags is not None
    assert data.tags[0] == "depth-anything"
    assert ("metric-depth" in data.tags) == (release.max_depth_m is not None)
    assert ("disparity" in data.tags) == (release.max_depth_m is None)
    assert card_faults(text) == []


@pytest.mark.parametrize("release", RELEASES, ids=name_of)
def test_a_relative_card_is_based_on_dinov2_and_a_metric_one_on_the_relative_model(release: Release) -> None:
    data = metadata_of(str(build_card(release_facts(release))))
    if release.max_depth_m is None:
        assert data.base_model == f"facebook/dinov2-{release.size}"
    else:
        assert data.base_model == f"depth-anything/Depth-Anything-V2-{release.size.capitalize()}-hf"


@pytest.mark.parametrize("release", RELATIVE, ids=name_of)
def test_the_results_of_a_relative_card_are_the_papers(release: Release) -> None:
    data = metadata_of(str(build_card(release_facts(release))))
    expected = {}
    for benchmark, pair in PAPERS[release.version, release.size].items():
        for metric, value in zip(("abs_rel", "delta1"), pair.split(), strict=True):
            expected[benchmark, metric] = float(value)
    if release.version == 2:
        expected["DA-2K", "accuracy"] = round(float(DA_2K_PERCENT[release.size]) / 100, 3)
    results: list[EvalResult] = data.eval_results or []
    found = {(result.dataset_name, result.metric_type): result.metric_value for result in results}
    assert found == expected
    assert len(results) == len(expected)
    paper = {1: "2401.10891", 2: "2406.09414"}[release.version]
    for result in results:
        assert result.task_type == "depth-estimation"
        assert result.source_url == f"https://arxiv.org/abs/{paper}"
        assert result.dataset_args is not None
        assert f"V{release.version} paper, Table" in result.dataset_args["protocol"]
        assert f"{paper}, Table {3 if result.dataset_name == 'DA-2K' else 2}" in str(result.source_name)


@pytest.mark.parametrize("release", RELATIVE, ids=name_of)
def test_the_table_of_a_relative_card_has_the_papers_rows(release: Release) -> None:
    text = str(build_card(release_facts(release)))
    for benchmark, pair in PAPERS[release.version, release.size].items():
        abs_rel, delta1 = pair.split()
        assert f"\n| {benchmark} | 0{abs_rel} | 0{delta1} | - | zero-shot relative" in text


@pytest.mark.parametrize("release", METRIC, ids=name_of)
def test_a_metric_card_has_no_numbers_and_says_that_none_were_published(release: Release) -> None:
    text = str(build_card(release_facts(release)))
    assert metadata_of(text).eval_results is None
    assert "No numbers were published for these weights." in text
    assert f"up to {release.max_depth_m}," in text
    assert f"| range | 0 to {release.max_depth_m} m |" in text


@pytest.mark.parametrize("release", RELEASES, ids=name_of)
def test_every_card_says_what_comes_out_which_way_it_grows_and_what_it_never_saw(release: Release) -> None:
    text = str(build_card(release_facts(release)))
    if release.max_depth_m is None:
        assert "| predicts | disparity |" in text
        assert "| sign | larger is nearer |" in text
        assert "Relative only" in text
    else:
        assert "| predicts | depth |" in text
        assert "| unit | m |" in text
        assert "| sign | larger is farther |" in text
    for word in (
        "satellite",
        "medical",
        "microscopy",
        "Hardware:",
        "| terms |",
        f'DepthPredictor("{name_of(release)}")',
    ):
        assert word in text


@pytest.mark.parametrize("release", RELEASES, ids=name_of)
def test_the_lines_that_show_the_use_are_python(release: Release) -> None:
    text = str(build_card(release_facts(release)))
    code = text.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert code.startswith("from depth_anything import DepthPredictor\n")
    assert code.rstrip().endswith(".disparity" if release.max_depth_m is None else ".depth_m")


@pytest.mark.parametrize("release", RELATIVE, ids=name_of)
def test_the_data_of_a_relative_card_are_the_papers(release: Release) -> None:
    text = str(build_card(release_facts(release)))
    labelled = {
        1: {"BlendedMVS": "115K", "DIML": "927K", "HRWSI": "20K", "IRS": "103K", "MegaDepth": "128K"},
        2: {"BlendedMVS": "115K", "Hypersim": "60K", "IRS": "103K", "TartanAir": "306K", "Virtual KITTI 2": "20K"},
    }[release.version]
    unlabelled = {"BDD100K": "8.2M", "Google Landmarks": "4.1M", "ImageNet-21K": "13.1M", "LSUN": "9.8M"}
    unlabelled |= {"Objects365": "1.7M", "Open Images V7": "7.8M", "Places365": "6.5M", "SA-1B": "11.1M"}
    for name, images in {**labelled, **unlabelled}.items():
        assert f"\n| {name} | {images} | " in text


def test_a_release_that_never_was_has_no_facts() -> None:
    with pytest.raises(ValueError, match="was never released"):
        release_facts(Release(size="giant", version=2))
    with pytest.raises(ValueError, match="was never released"):
        release_facts(Release(size="small", version=2, max_depth_m=35))


def test_a_card_knows_that_nobody_has_touched_it(text: str) -> None:
    assert is_untouched(text)
    assert is_untouched(text.replace("\n", "\r\n"))
    assert is_untouched(text + "\n\n")


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("license: unknown", "license: mit"),
        lambda text: text + "\nMore.",
        lambda text: "x" + text,
        lambda text: text.split("<!--")[0],
        lambda text: text[:-10],
        lambda text: "",
    ],
    ids=["metadata", "behind", "before", "mark removed", "mark cut", "emptied"],
)
def test_a_card_that_somebody_edited_is_known(edit: Any, text: str) -> None:
    assert not is_untouched(edit(text))


def test_another_id_is_put_into_an_untouched_card_which_stays_one(text: str, facts: CardFacts) -> None:
    renamed = with_model_id(text, "grace/theirs")
    assert is_untouched(renamed)
    assert '"ada/mine"' not in renamed
    assert renamed.count('"grace/theirs"') == text.count('"ada/mine"') == 2
    assert renamed == str(build_card(replace(facts, model_id="grace/theirs")))
    assert with_model_id(renamed, "ada/mine") == text


def test_an_edited_card_keeps_its_id(text: str) -> None:
    edited = text.replace("## Use", "## How I use it")
    assert with_model_id(edited, "grace/theirs") == edited
    assert with_model_id("# A card of my own\n", "grace/theirs") == "# A card of my own\n"


def test_the_card_of_transformers_is_a_placeholder_and_ours_is_none(text: str) -> None:
    native = "---\nlibrary_name: transformers\n---\n\n# Model Card for Model ID\n\nThis is the model card of a model "
    native += "that has been pushed on the Hub. This model card has been automatically generated.\n"
    assert is_placeholder(native)
    assert not is_placeholder(text)
    assert not is_placeholder("# A card of my own\n")


@pytest.mark.parametrize(
    ("metadata", "faults"),
    [
        ("license: mit\nlibrary_name: transformers\npipeline_tag: depth-estimation", []),
        ("license: unknown\nlibrary_name: transformers\npipeline_tag: depth-estimation", []),
        ("library_name: transformers\npipeline_tag: depth-estimation", ["license is absent"]),
        ("license: mit\npipeline_tag: depth-estimation", ["library_name is absent"]),
        ("license: mit\nlibrary_name: transformers", ["pipeline_tag is None, not 'depth-estimation'"]),
        (
            "license: other\nlibrary_name: transformers\npipeline_tag: depth-estimation",
            ["license is 'other' without a license_name"],
        ),
        ("license: other\nlicense_name: mine\nlibrary_name: transformers\npipeline_tag: depth-estimation", []),
        ("license: [", ["its metadata cannot be read"]),
        ("", ["pipeline_tag is None", "library_name is absent", "license is absent"]),
    ],
)
def test_what_a_card_lacks_is_named(metadata: str, faults: list[str]) -> None:
    found = card_faults(f"---\n{metadata}\n---\n# Mine\n")
    assert len(found) == len(faults)
    for fault, expected in zip(found, faults, strict=True):
        assert expected in fault


def test_the_terms_of_weights_of_which_nobody_says_them_are_unknown(text: str) -> None:
    assert metadata_of(text).license == "unknown"
    assert "The licence of these weights is not known: ask whoever made them before you use them." in text
    assert "No commercial use" not in text


def test_terms_that_forbid_commercial_use_are_said_in_words(facts: CardFacts) -> None:
    text = str(build_card(replace(facts, licence="cc-by-nc-4.0")))
    assert metadata_of(text).license == "cc-by-nc-4.0"
    assert "These weights: `cc-by-nc-4.0`. **No commercial use**" in text
    assert "No commercial use" not in str(build_card(replace(facts, licence="apache-2.0")))


def test_terms_in_capitals_are_the_same_terms(facts: CardFacts) -> None:
    assert "No commercial use" in str(build_card(replace(facts, licence="CC-BY-NC-4.0")))


def test_numbers_of_ones_own_are_named_with_their_protocol(facts: CardFacts) -> None:
    own = {"protocol": "median scaled, 0 to 10 m", "source": "this card", "source_url": "https://example.org"}
    results = tuple(
        EvaluationResult(data="NYU v2", metric=metric, value=value, **own)
        for metric, value in {"abs_rel": 0.1234, "delta1": 0.9, "rmse": 0.5}.items()
    )
    text = str(build_card(replace(facts, results=results)))
    assert "| NYU v2 | 0.123 | 0.900 | rmse 0.5 | median scaled, 0 to 10 m |" in text
    found = metadata_of(text).eval_results or []
    assert [(result.dataset_type, result.metric_value) for result in found] == [
        ("nyu-v2", 0.1234),
        ("nyu-v2", 0.9),
        ("nyu-v2", 0.5),
    ]


def test_two_other_metrics_of_one_benchmark_are_both_in_the_table(facts: CardFacts) -> None:
    own = {"protocol": "median scaled", "source": "this card", "source_url": "https://example.org"}
    results = tuple(EvaluationResult(data="NYUv2", metric=metric, value=0.5, **own) for metric in ("rmse", "log10"))
    text = str(build_card(replace(facts, results=results)))
    assert "rmse 0.5" in text
    assert "log10 0.5" in text


@pytest.mark.parametrize("title", ["{{ 7 * 7 }}", "a: b", "naïve ü", "# x", "'quoted' \"twice\""])
def test_an_odd_title_is_text_and_no_markup_of_the_template(title: str, facts: CardFacts) -> None:
    text = str(build_card(replace(facts, title=title)))
    assert f"\n# {title}\n" in text
    assert card_faults(text) == []
    assert is_untouched(text)


def test_converted_weights_of_a_release_get_its_facts_and_say_where_they_come_from(
    tiny_model: DepthAnythingForDepthEstimation,
) -> None:
    release = Release(size="base", version=2)
    facts = converted_facts(
        release,
        DepthAnythingConfig.from_size("base"),
        tiny_model.state_dict(),
        model_id="here",
        origin="converted from x.pth",
    )
    assert facts == replace(release_facts(release), model_id="here", origin="converted from x.pth")
    assert "| these weights | converted from x.pth |" in str(build_card(facts))


def test_converted_weights_of_nobody_say_only_what_they_show(tiny_model: DepthAnythingForDepthEstimation) -> None:
    tensors = tiny_model.state_dict()
    facts = converted_facts(None, tiny_model.config, tensors, model_id="out/mine", origin="o")
    assert (facts.title, facts.licence, facts.base_model, facts.results) == ("mine", "unknown", None, ())
    assert facts.num_parameters == sum(tensor.numel() for tensor in to_official_state_dict(tensors).values())
    assert facts.version is None
    stated = converted_facts(None, tiny_model.config, tensors, model_id="out/mine", origin="o", licence="mit")
    assert stated.licence == "mit"


def test_trained_weights_inherit_the_terms_of_a_released_start(tiny_config: DepthAnythingConfig) -> None:
    base = "depth-anything/Depth-Anything-V2-Large-hf"
    facts = trained_facts(tiny_config, model_id="ada/mine", parameters=1, base=base)
    assert (facts.title, facts.base_model, facts.licence) == ("mine", base, "cc-by-nc-4.0")
    assert facts.licence_note == f"These are the terms of {base}, from which this was trained."
    stated = trained_facts(tiny_config, model_id="ada/mine", parameters=1, base=base, licence="mit")
    assert (stated.licence, stated.licence_note) == ("mit", "")


def test_a_folder_as_a_start_gives_its_terms_but_not_its_name(
    tiny_config: DepthAnythingConfig, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n")
    facts = trained_facts(tiny_config, model_id="ada/mine", parameters=1, base=str(tmp_path))
    assert (facts.base_model, facts.licence) == (None, "cc-by-4.0")
    assert str(tmp_path) not in str(build_card(facts))


def test_an_image_processor_that_is_there_before_its_model_has_a_card(tmp_path: Path) -> None:
    text = str(build_card(trained_facts(None, model_id="ada/mine", parameters=None, base=None)))
    assert "The image processor of a Depth Anything checkpoint" in text
    assert card_faults(text) == []
