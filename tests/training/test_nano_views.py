from typing import Any

import numpy as np
import pytest
import torch

from depth_anything.training import nano_views
from depth_anything.training.corpora.procedural import ProceduralScene
from depth_anything.training.nano_settings import NanoSettings
from depth_anything.training.nano_views import NanoScenes
from depth_anything.training.scene_seeds import NANO_TRAINING, SceneRange

SETTINGS = NanoSettings(out="unused", scene_size=40, crop_size=28)
RANGE = SceneRange(seed=7, domains=("labelled", "unlabelled"), first=100, count=6)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """Domain, number and seed of the scenes that were rendered; their classes are their red, at most 29."""
    calls: list[tuple[str, int, int]] = []

    def render(domain: str, index: int, *, size: tuple[int, int], seed: int) -> ProceduralScene:
        calls.append((domain, index, seed))
        image = np.random.default_rng(index).integers(0, 30, (*size, 3), np.uint8)
        nowhere: Any = None
        return ProceduralScene(image=image, depth_m=nowhere, sky=nowhere, object_class=image[..., 0])

    monkeypatch.setattr(nano_views, "render_scene", render)
    return calls


def test_scenes_are_those_of_the_range_in_their_order_a_third_of_them_narrow(
    asked: list[tuple[str, int, int]],
) -> None:
    scenes = NanoScenes(RANGE, SETTINGS, 6)
    for position in range(len(scenes)):
        scenes[position]  # rendered without any depth
    assert asked == [
        ("labelled", 100, 7),
        ("unlabelled", 101, 7),
        ("unlabelled", 102, 7),
        ("labelled", 103, 7),
        ("unlabelled", 104, 7),
        ("unlabelled", 105, 7),
    ]


@pytest.mark.usefixtures("asked")
def test_cells_have_the_class_of_their_upper_left_pixel_in_the_same_crop_and_flip() -> None:
    scenes = NanoScenes(RANGE, SETTINGS, 6)
    for position in range(6):
        views = scenes[position]
        assert views.clean.shape == views.strong.shape == (3, 28, 28)
        red = (views.clean[0] * 255).round().long()
        assert torch.equal(views.cell_classes, red[::2, ::2])


@pytest.mark.usefixtures("asked")
def test_crops_move_and_mirror() -> None:
    windows = set()
    for seed in range(20):
        settings = NanoSettings(out="unused", scene_size=40, crop_size=28, seed=seed)
        clean = (NanoScenes(RANGE, settings, 6)[0].clean * 255).round().byte().numpy()
        image = np.random.default_rng(100).integers(0, 30, (40, 40, 3), np.uint8).transpose(2, 0, 1)
        found = [
            (top, left, step)
            for top in range(13)
            for left in range(13)
            for step in (1, -1)
            if np.array_equal(image[:, top : top + 28, left : left + 28][:, :, ::step], clean)
        ]
        assert len(found) == 1
        windows.add(found[0])
    assert len(windows) > 10
    assert {step for *_, step in windows} == {1, -1}


def test_a_scene_gives_the_same_views_whenever_it_is_asked_for() -> None:
    one, other = (NanoScenes(NANO_TRAINING, SETTINGS, 4)[3] for _ in range(2))
    assert all(torch.equal(first, second) for first, second in zip(one, other, strict=True))
    assert not torch.equal(one.clean, one.strong)
