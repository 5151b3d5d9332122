"""The embedded corpus as its users see it: repeatable, exact at its edges, different in its domains, not a ramp."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from depth_anything.training.corpora.procedural import CLASS_NAMES, DOMAINS, ProceduralScene, render_scene
from depth_anything.training.corpora.procedural_rays import EyeRays, Window

SMALL = (64, 64)
NUM_SCENES = 48
MAX_ROW_SHARE = 0.75  # measured over 150 scenes at 96x96: 0.5 to 0.65 in the three domains


@pytest.fixture(scope="module")
def scenes() -> dict[str, list[ProceduralScene]]:
    """The first scenes of every domain, small."""
    return {domain: [render_scene(domain, index, size=SMALL) for index in range(NUM_SCENES)] for domain in DOMAINS}


def digest(scene: ProceduralScene) -> str:
    parts = (scene.image, scene.depth_m, scene.sky, scene.object_class)
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def test_a_scene_has_the_promised_types_and_shapes() -> None:
    scene = render_scene("unlabelled", 3, size=(50, 71))
    assert (scene.image.shape, scene.image.dtype) == ((50, 71, 3), np.uint8)
    assert (scene.depth_m.shape, scene.depth_m.dtype) == ((50, 71), np.float32)
    assert (scene.sky.shape, scene.sky.dtype) == ((50, 71), np.bool_)
    assert (scene.object_class.shape, scene.object_class.dtype) == ((50, 71), np.uint8)


@pytest.mark.slow  # importing the package takes seconds
def test_any_order_and_another_process_give_the_same_bits(scenes: dict[str, list[ProceduralScene]]) -> None:
    chosen = [(domain, index) for domain in DOMAINS for index in (7, 2)]
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_procedural as t\n"
        f"for domain, index in {chosen[::-1]!r}: print(t.digest(t.render_scene(domain, index, size=t.SMALL)))"
    )
    folder = __file__.rpartition("/")[0]
    result = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    expected = [digest(scenes[domain][index]) for domain, index in chosen]
    assert result.stdout.split() == expected[::-1]


def test_rendering_leaves_the_global_random_state_alone() -> None:
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = digest(render_scene("labelled", 0, size=(32, 32)))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert digest(render_scene("labelled", 0, size=(32, 32))) == first


def test_no_two_scenes_are_equal_within_or_across_domains_or_seeds(scenes: dict[str, list[ProceduralScene]]) -> None:
    depths = [scene.depth_m.tobytes() for domain in DOMAINS for scene in scenes[domain]]
    depths += [
        render_scene(domain, index, size=SMALL, seed=1).depth_m.tobytes() for domain in DOMAINS for index in (0, 1)
    ]
    assert len(set(depths)) == len(depths)


def test_sky_is_exactly_where_depth_is_infinite_and_the_class_is_sky(scenes: dict[str, list[ProceduralScene]]) -> None:
    for scene in (scene for domain in DOMAINS for scene in scenes[domain]):
        np.testing.assert_array_equal(scene.sky, np.isinf(scene.depth_m))
        np.testing.assert_array_equal(scene.sky, scene.object_class == CLASS_NAMES.index("sky"))
        assert (scene.depth_m > 0.1).all()
        assert scene.object_class.max() < len(CLASS_NAMES)


def test_every_domain_has_scenes_with_and_without_sky(scenes: dict[str, list[ProceduralScene]]) -> None:
    for domain in DOMAINS:
        shares = [scene.sky.mean() for scene in scenes[domain]]
        assert sum(share > 0.1 for share in shares) >= NUM_SCENES // 8
        assert sum(share == 0 for share in shares) >= NUM_SCENES // 8
        assert max(shares) < 0.97


def test_a_jump_in_depth_is_an_edge_of_a_class_or_of_one_thing_before_another(
    scenes: dict[str, list[ProceduralScene]],
) -> None:
    jumps, explained, chance = 0, 0, 0.0
    for scene in (scene for domain in DOMAINS for scene in scenes[domain]):
        near = np.minimum(scene.depth_m[:, 1:], scene.depth_m[:, :-1])
        far = np.maximum(scene.depth_m[:, 1:], scene.depth_m[:, :-1])
        is_jump = far > 2 * near
        is_edge = scene.object_class[:, 1:] != scene.object_class[:, :-1]
        jumps += int(is_jump.sum())
        explained += int((is_jump & is_edge).sum())
        chance += float(is_edge.mean()) / (3 * NUM_SCENES)
    assert jumps > 1000
    assert explained / jumps > 0.8  # the rest: a crown before a crown, a hill before a hill
    assert chance < 0.1


def test_the_same_scene_at_twice_the_size_has_the_same_depth() -> None:
    for domain in DOMAINS:
        for index in range(6):
            small = render_scene(domain, index, size=(48, 64))
            large = render_scene(domain, index, size=(96, 128))
            disparity = (1 / large.depth_m).reshape(48, 2, 64, 2).mean(axis=(1, 3))  # pixel centres differ by half one
            error = np.abs(1 / small.depth_m - disparity) / max(float(disparity.max()), 1e-6)
            assert np.median(error) < 0.005
            assert (error > 0.05).mean() < 0.1
            same = large.object_class[::2, ::2] == small.object_class
            assert same.mean() > 0.85


def test_a_wider_picture_continues_the_narrow_one() -> None:
    for index in range(4):
        narrow = render_scene("labelled", index, size=(60, 60)).depth_m
        wide = render_scene("labelled", index, size=(60, 100)).depth_m
        np.testing.assert_allclose(wide[:, 20:80], narrow, rtol=1e-4)


def test_drawing_every_thing_and_shadow_over_the_whole_picture_changes_nothing(
    scenes: dict[str, list[ProceduralScene]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def whole(self: EyeRays, outlines: NDArray[np.float64]) -> list[Window | None]:
        return [self.whole for _ in outlines]

    monkeypatch.setattr(EyeRays, "windows", whole)
    for domain in DOMAINS:
        for index in range(10):
            slow = render_scene(domain, index, size=SMALL)
            np.testing.assert_array_equal(scenes[domain][index].depth_m, slow.depth_m)
            np.testing.assert_array_equal(scenes[domain][index].object_class, slow.object_class)
            difference = np.abs(scenes[domain][index].image.astype(int) - slow.image).max(axis=2)
            assert (difference > 8).mean() < 0.005, (domain, index)  # what is above a lamp shades nothing


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 5)])
def test_any_size_is_rendered(size: tuple[int, int]) -> None:
    for domain in DOMAINS:
        for index in range(3):
            assert render_scene(domain, index, size=size).image.shape == (*size, 3)


def row_share(disparity: NDArray[np.float64]) -> float:
    """Share of the variance of disparity that the best value per row explains."""
    variance = disparity.var()
    return 1.0 - float(((disparity - disparity.mean(axis=1, keepdims=True)) ** 2).mean() / variance)


def test_the_row_of_a_pixel_does_not_tell_its_depth(scenes: dict[str, list[ProceduralScene]]) -> None:
    for domain in DOMAINS:
        maps = [np.where(scene.sky, 0.0, 1 / scene.depth_m.astype(np.float64)) for scene in scenes[domain]]
        assert np.mean([row_share(disparity) for disparity in maps]) < MAX_ROW_SHARE
        # Nor does one ramp for all scenes: each map, scaled to 0..1, against the mean map of the domain.
        scaled = np.stack([(disparity - disparity.min()) / np.ptp(disparity) for disparity in maps])
        assert ((scaled - scaled.mean(axis=0)) ** 2).mean() > 0.5 * scaled.var()


def picture_statistics(scene: ProceduralScene) -> list[float]:
    """Mean and spread of the colours, saturation, and the median difference of neighbours."""
    image = scene.image.astype(float)
    saturation = np.ptp(image, axis=2) / np.maximum(image.max(axis=2), 1)
    difference = np.abs(np.diff(image, axis=1)).mean(axis=2)
    return [*image.mean(axis=(0, 1)), *image.std(axis=(0, 1)), float(saturation.mean()), float(np.median(difference))]


def test_the_domain_of_a_picture_can_be_told_from_its_nearest_neighbour_in_eight_statistics(
    scenes: dict[str, list[ProceduralScene]],
) -> None:
    statistics = np.array([picture_statistics(scene) for domain in DOMAINS for scene in scenes[domain]])
    statistics = (statistics - statistics.mean(axis=0)) / statistics.std(axis=0)
    distance = np.linalg.norm(statistics[:, None] - statistics, axis=2)
    np.fill_diagonal(distance, np.inf)
    domain = np.repeat(np.arange(len(DOMAINS)), NUM_SCENES)
    assert (domain[distance.argmin(axis=1)] == domain).mean() > 0.5  # by chance a third


def test_unlabelled_pictures_are_more_varied_and_noisier_than_labelled_ones(
    scenes: dict[str, list[ProceduralScene]],
) -> None:
    def brightness_spread(domain: str) -> float:
        return float(np.std([scene.image.mean() for scene in scenes[domain]]))

    def noise(domain: str) -> float:
        """Median difference of neighbours: what is left of flat surfaces."""
        differences = [np.abs(np.diff(scene.image.astype(int), axis=1)).mean(axis=2) for scene in scenes[domain]]
        return float(np.median([np.median(difference) for difference in differences]))

    assert brightness_spread("unlabelled") > 1.5 * brightness_spread("labelled")
    assert noise("unlabelled") > 2 * noise("labelled")


def test_each_domain_shows_a_good_part_of_the_classes_and_held_out_its_own(
    scenes: dict[str, list[ProceduralScene]],
) -> None:
    seen = {
        domain: {CLASS_NAMES[number] for scene in scenes[domain] for number in np.unique(scene.object_class)}
        for domain in DOMAINS
    }
    assert min(map(len, seen.values())) >= 12
    assert {"column", "barrel"} <= seen["held-out"] - seen["unlabelled"]
    assert seen["labelled"] <= seen["unlabelled"]


def test_hills_come_near_in_the_unlabelled_domain_alone(scenes: dict[str, list[ProceduralScene]]) -> None:
    hill = CLASS_NAMES.index("hill")
    nearest_m = {
        domain: min(scene.depth_m[scene.object_class == hill].min(initial=np.inf) for scene in scenes[domain])
        for domain in ("labelled", "unlabelled")
    }
    assert nearest_m["unlabelled"] < 10
    assert 60 < nearest_m["labelled"] < np.inf  # behind parks


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"domain": "train"}, "domain is 'train', must be one of 'labelled', 'unlabelled', 'held-out'"),
        ({"index": -1}, "index is -1, must be 0 or more"),
        ({"seed": -5}, "seed is -5, must be 0 or more"),
        ({"size": (0, 10)}, r"size is \(0, 10\), must be \(height, width\)"),
        ({"size": (10,)}, r"size is \(10,\), must be \(height, width\)"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_allowed(arguments: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"domain": "labelled", "index": 0} | arguments
    with pytest.raises(ValueError, match=message):
        render_scene(**given)  # type: ignore[arg-type]
