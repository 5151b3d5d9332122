"""The cards in `model_cards/` are what the generator writes, and their terms are those of the weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from depth_anything.conversion.write_model_cards import main, released_cards
from depth_anything.model_card import card_faults, is_untouched

FOLDER = Path(__file__).parent.parent / "model_cards"

# V1 and V2 Small are Apache-2.0, V2 Base and Large CC-BY-NC-4.0, and so is what was trained from those two; of the
# metric Small, which started from Apache-2.0, nobody says.
LICENCES = {
    "depth-anything-small-hf.md": "apache-2.0",
    "depth-anything-base-hf.md": "apache-2.0",
    "depth-anything-large-hf.md": "apache-2.0",
    "Depth-Anything-V2-Small-hf.md": "apache-2.0",
    "Depth-Anything-V2-Base-hf.md": "cc-by-nc-4.0",
    "Depth-Anything-V2-Large-hf.md": "cc-by-nc-4.0",
    "Depth-Anything-V2-Metric-Indoor-Small-hf.md": "unknown",
    "Depth-Anything-V2-Metric-Indoor-Base-hf.md": "cc-by-nc-4.0",
    "Depth-Anything-V2-Metric-Indoor-Large-hf.md": "cc-by-nc-4.0",
    "Depth-Anything-V2-Metric-Outdoor-Small-hf.md": "unknown",
    "Depth-Anything-V2-Metric-Outdoor-Base-hf.md": "cc-by-nc-4.0",
    "Depth-Anything-V2-Metric-Outdoor-Large-hf.md": "cc-by-nc-4.0",
}


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def test_the_twelve_cards_are_there_and_nothing_else() -> None:
    assert {path.name for path in FOLDER.iterdir()} == LICENCES.keys()


def test_the_cards_are_what_the_generator_writes() -> None:
    assert {path.name: text_of(path.name) for path in FOLDER.iterdir()} == released_cards()


@pytest.mark.parametrize("name", LICENCES)
def test_each_card_is_complete_and_states_the_terms_of_its_weights(name: str) -> None:
    text = text_of(name)
    assert card_faults(text) == []
    assert is_untouched(text)
    assert ModelCard(text).data.license == LICENCES[name]
    assert ("**No commercial use**" in text) == ("-nc" in LICENCES[name])
    assert ("The licence of these weights is not known" in text) == (LICENCES[name] == "unknown")


@pytest.mark.parametrize("name", LICENCES)
def test_a_metric_card_says_that_no_numbers_were_published_and_a_relative_one_whose_they_are(name: str) -> None:
    text = text_of(name)
    if "Metric" in name:
        assert "No numbers were published for these weights." in text
        assert ModelCard(text).data.eval_results is None
    else:
        assert "As printed in the paper, for the authors' own run." in text
        assert "Table 2" in text


def test_the_generator_writes_them_into_any_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "cards"
    assert main([str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == LICENCES.keys()
    assert capsys.readouterr().out == f"12 cards in {folder}\n"
