"""Settings of the stream that contradict each other, said in sentences."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.mixture import Mixture
from depth_anything.training.stream_settings import StreamSettings

Numbered = Callable[..., BlockSource]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, "seed is -1, must be a whole number of 0 or more"),
        ({"num_workers": 1.5}, r"num_workers is 1\.5, must be a whole number of 0 or more"),
        ({"world_size": 2, "rank": 2}, "rank is 2, must be below world_size, which is 2"),
        ({"max_failed_share": 5}, r"max_failed_share is 5, must lie in 0\.\.1"),
        ({"start_method": "thread"}, "start_method is 'thread', must be fork, spawn, forkserver or None"),
        ({"num_labelled": 3}, "num_labelled is 3 and labelled has no corpora; give both, or neither"),
        ({"num_unlabelled": 0}, "num_unlabelled is 0 and unlabelled has corpora; give both, or neither"),
        ({"passes": 0}, "passes is 0, must be 1 or more, or None"),
        ({"passes": 1, "num_workers": 26}, "100 samples give not one batch of 4 to each of 26 workers in 1 passes"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str, numbered: Numbered) -> None:
    good = {"unlabelled": Mixture(sources=(numbered(),)), "num_unlabelled": 4}
    with pytest.raises(ValueError, match=message):
        StreamSettings(**{**good, **settings})  # type: ignore[arg-type]


def test_corpora_on_the_wrong_side_are_refused(numbered: Numbered) -> None:
    labelled, unlabelled = numbered("deep", is_labelled=True), numbered("flat")
    with pytest.raises(CorpusError, match="corpus deep has labels; give it as labelled"):
        StreamSettings(unlabelled=Mixture(sources=(labelled,)), num_unlabelled=1)
    with pytest.raises(CorpusError, match="corpus flat has no labels; give it as unlabelled"):
        StreamSettings(labelled=Mixture(sources=(unlabelled,)), num_labelled=1)
    with pytest.raises(CorpusError, match="two sources have the name flat"):
        StreamSettings(unlabelled=Mixture(sources=(unlabelled, numbered("flat"))), num_unlabelled=1)


def test_pseudo_labelled_corpora_are_unlabelled_and_stream_by_themselves(numbered: Numbered) -> None:
    stored, plain = numbered("stored"), numbered("plain")
    stored.kind = LabelKind.PSEUDO_LABEL
    assert StreamSettings(unlabelled=Mixture(sources=(stored,)), num_unlabelled=1, passes=1).counted_rows == 100
    with pytest.raises(CorpusError, match="corpus stored has pseudo labels; give it as unlabelled"):
        StreamSettings(labelled=Mixture(sources=(stored,)), num_labelled=1)
    with pytest.raises(CorpusError, match="stored has pseudo labels and plain has none, so no batch can have both"):
        StreamSettings(unlabelled=Mixture(sources=(plain, stored)), num_unlabelled=1)


def test_a_corpus_smaller_than_the_workers_is_refused_by_itself_and_taken_in_a_mixture_by_size(
    numbered: Numbered,
) -> None:
    sources = (numbered("tiny", (3,)), numbered("large"))
    with pytest.raises(CorpusError, match="tiny: 3 samples are fewer than the 8 workers of all ranks; use fewer"):
        StreamSettings(
            unlabelled=Mixture(sources=sources, weights={"tiny": 1, "large": 1}),
            num_unlabelled=1,
            world_size=2,
            num_workers=4,
        )
    StreamSettings(unlabelled=Mixture(sources=sources), num_unlabelled=1, world_size=2, num_workers=4)


def test_passes_over_a_side_with_weights_are_refused(numbered: Numbered) -> None:
    mixture = Mixture(sources=(numbered("a"), numbered("b")), weights={"a": 1, "b": 2})
    with pytest.raises(ValueError, match="has weights, which repeat small corpora; leave its weights out"):
        StreamSettings(unlabelled=mixture, num_unlabelled=1, passes=1)


def test_a_stream_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a stream needs corpora"):
        StreamSettings()
