from itertools import combinations

import pytest

from depth_anything.training import scene_seeds
from depth_anything.training.corpora.procedural import DOMAINS
from depth_anything.training.scene_seeds import PURPOSES, SceneRange

TRAINING = [name for name in PURPOSES if name.endswith("training")]


@pytest.mark.parametrize(("one", "other"), list(combinations(PURPOSES, 2)))
def test_no_scene_serves_two_purposes(one: str, other: str) -> None:
    assert not PURPOSES[one].overlaps(PURPOSES[other])


def test_every_range_is_in_the_table() -> None:
    ranges = [value for value in vars(scene_seeds).values() if isinstance(value, SceneRange)]
    assert sorted(map(repr, ranges)) == sorted(map(repr, PURPOSES.values()))


@pytest.mark.parametrize("purpose", TRAINING)
def test_the_third_domain_is_never_trained_on(purpose: str) -> None:
    assert set(PURPOSES[purpose].domains) == {"labelled", "unlabelled"}


def test_all_domains_exist() -> None:
    assert all(set(scenes.domains) <= set(DOMAINS) for scenes in PURPOSES.values())


@pytest.mark.parametrize(
    ("other", "is_shared"),
    [
        (SceneRange(seed=1, domains=("unlabelled", "held-out"), first=19, count=1), True),
        (SceneRange(seed=1, domains=("unlabelled",), first=0, count=11), True),
        (SceneRange(seed=1, domains=("unlabelled",), first=0, count=100), True),
        (SceneRange(seed=1, domains=("unlabelled",), first=20, count=5), False),
        (SceneRange(seed=1, domains=("unlabelled",), first=0, count=10), False),
        (SceneRange(seed=2, domains=("unlabelled",), first=10, count=10), False),
        (SceneRange(seed=1, domains=("held-out",), first=10, count=10), False),
    ],
)
def test_ranges_overlap_where_seed_domain_and_number_are_shared(other: SceneRange, is_shared: bool) -> None:
    scenes = SceneRange(seed=1, domains=("labelled", "unlabelled"), first=10, count=10)
    assert scenes.overlaps(other) is is_shared
    assert other.overlaps(scenes) is is_shared


def test_a_position_beyond_the_range_is_refused() -> None:
    scenes = SceneRange(seed=1, domains=("labelled",), first=10, count=3)
    assert [scenes.index(position) for position in range(3)] == [10, 11, 12]
    with pytest.raises(IndexError, match="position 3 is outside of the 3 scenes of seed 1"):
        scenes.index(3)
