"""The README's data section names every corpus, as the registry has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from depth_anything.training.corpora.corpus_spec import CorpusSpec
from depth_anything.training.corpora.registry import CORPORA

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("spec", CORPORA.values(), ids=CORPORA)
def test_the_readme_names_the_corpus_its_terms_and_where_to_get_it(spec: CorpusSpec) -> None:
    count = "-" if spec.num_images is None else f"{spec.num_images:,}"
    cells = (f"`{spec.name}`", spec.title, spec.use, spec.kind.value, count, spec.terms, spec.source)
    assert f"| {' | '.join(cells)} |" in README
