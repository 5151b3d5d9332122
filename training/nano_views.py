"""What nano learns from: a crop of a rendered scene as it is and as a strong view of it, and what each part shows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from depth_anything.training.corpora.procedural import render_scene
from depth_anything.training.nano_settings import LABELLED_PERIOD, NanoSettings
from depth_anything.training.scene_seeds import SceneRange
from depth_anything.training.student_view import StudentViewSettings, drawn_student_view, student_view

CELL_SIZE = 2  # pixels: side of the cells whose classes are asked for; 7 x 7 of them make a patch


class SceneViews(NamedTuple):
    """One scene, or a batch of them with a leading dimension."""

    clean: Tensor  # (3, S, S), RGB from 0 to 1, float32
    strong: Tensor  # (3, S, S): the same crop under a strong view
    cell_classes: Tensor  # (S / 2, S / 2), int64, index into `procedural.CLASS_NAMES`


class NanoScenes(Dataset[SceneViews]):
    """Scenes of one range in their order, every third of the labelled domain; depth is rendered and thrown away.

    Args:
        scenes: the range.
        settings: sizes, the number of scenes, and the seed of crops, flips and views.
        count: scenes in this data set.
    """

    def __init__(self, scenes: SceneRange, settings: NanoSettings, count: int) -> None:
        self.scenes = scenes
        self.settings = settings
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, position: int) -> SceneViews:
        """The views of a scene, the same whenever they are asked for."""
        size, crop_size = self.settings.scene_size, self.settings.crop_size
        domain = "labelled" if position % LABELLED_PERIOD == 0 else "unlabelled"
        scene = render_scene(domain, self.scenes.index(position), size=(size, size), seed=self.scenes.seed)
        generator = np.random.default_rng((self.settings.seed, self.scenes.seed, position))
        top, left = generator.integers(0, size - crop_size + 1, 2).tolist()
        window = (slice(top, top + crop_size), slice(left, left + crop_size))
        image, classes = scene.image[window], scene.object_class[window]
        if generator.random() < 0.5:
            image, classes = image[:, ::-1], classes[:, ::-1]
        pixels = np.ascontiguousarray(image.transpose(2, 0, 1), np.float32) / np.float32(255)
        clean = torch.from_numpy(pixels)
        view = drawn_student_view(StudentViewSettings(), generator)
        cells = np.ascontiguousarray(classes[::CELL_SIZE, ::CELL_SIZE], np.int64)
        return SceneViews(clean, student_view(clean, view), torch.from_numpy(cells))
