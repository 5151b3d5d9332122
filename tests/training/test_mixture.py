"""Groups and weights: what 1024 draws hold, and which mixtures are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.mixture import Mixture, largest_remainders, schedule

Numbered = Callable[..., BlockSource]


@pytest.mark.parametrize("weights", [[1], [1, 1, 1], [1, 2], [0.5, 0.3, 0.2], [1e-3, 5, 7.7, 0.02], [20, 103, 306]])
def test_counts_are_the_whole_numbers_nearest_to_the_weights(weights: list[float]) -> None:
    counts = largest_remainders(weights, 1024)
    assert sum(counts) == 1024
    # Whoever has more than the whole part of its share has a remainder no smaller than whoever has not.
    shares = [Fraction(weight) / sum(map(Fraction, weights)) * 1024 for weight in weights]
    assert all(share - 1 < count < share + 1 for share, count in zip(shares, counts, strict=True))
    raised = [share - int(share) for share, count in zip(shares, counts, strict=True) if count > int(share)]
    kept = [share - int(share) for share, count in zip(shares, counts, strict=True) if count == int(share)]
    assert not raised or not kept or min(raised) >= max(kept) - Fraction(1, 10**9)


def test_equal_remainders_go_to_the_earlier_corpora() -> None:
    assert largest_remainders([1, 1, 1], 1024) == (342, 341, 341)


def test_every_1024_draws_hold_the_counts_in_an_order_of_their_own() -> None:
    first, second = schedule((512, 341, 171), 0, 7, 0, 3), schedule((512, 341, 171), 1, 7, 0, 3)
    for draws in (first, second):
        assert np.bincount(draws).tolist() == [512, 341, 171]
    assert first.tolist() != second.tolist()
    assert first.tolist() != schedule((512, 341, 171), 0, 7, 0, 4).tolist()
    assert first.tolist() == schedule((512, 341, 171), 0, 7, 0, 3).tolist()


def test_without_weights_all_sources_are_read_in_one_order(numbered: Numbered) -> None:
    sources = (numbered("a"), numbered("b"))
    assert Mixture(sources=sources).groups == (sources,)
    assert Mixture(sources=sources, weights={"a": 1, "b": 2}).groups == ((sources[0],), (sources[1],))


def test_mixtures_that_cannot_be_drawn_are_refused(numbered: Numbered) -> None:
    sources = (numbered("a"), numbered("b"))
    with pytest.raises(ValueError, match="needs at least one source"):
        Mixture(sources=())
    with pytest.raises(ValueError, match=r"weights are for a, c, the sources are a, b; name each once"):
        Mixture(sources=sources, weights={"a": 1, "c": 1})
    with pytest.raises(ValueError, match=r"the weight of b is 0, must be above 0; leave the source out"):
        Mixture(sources=sources, weights={"a": 1, "b": 0})
    with pytest.raises(ValueError, match=r"the weight of b is a share of 0\.0001, less than one draw of 1024"):
        Mixture(sources=sources, weights={"a": 1, "b": 0.0001})
    with pytest.raises(CorpusError, match="corpus empty has no samples"):
        Mixture(sources=(numbered("empty", sizes=()),))


def test_weights_by_size_draw_each_corpus_by_its_size(numbered: Numbered, numbered_stream: Callable, take) -> None:
    # One pass of 300 rows, a third of them of the second corpus: exactly that, since the pass gives each row once.
    mixture = Mixture(sources=(numbered("a", (10,) * 20), numbered("b", (10,) * 10, first=1000)))
    stream = numbered_stream(unlabelled=mixture, num_unlabelled=10, passes=1)
    numbers = [number for batch, _ in take(stream, 30) for number in batch]
    assert Counter(number >= 1000 for number in numbers) == {False: 200, True: 100}


def test_weights_hold_in_every_1024_draws_although_samples_fail(numbered_stream: Callable, take) -> None:
    # Two labelled corpora 1:3, one row of the first failing: 256 and 768 draws of every 1024.
    numbers = [number for batch, _ in take(numbered_stream(), 1024) for number in batch[:2]]
    for start in (0, 1024):
        draws = numbers[start : start + 1024]
        assert Counter(number >= 2000 for number in draws) == {False: 256, True: 768}
    assert 1004 not in numbers
