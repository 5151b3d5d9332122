"""Rendered scenes for an inspection."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import numpy as np

from depth_anything.training.corpora.corpus_inspection import Found, Selection
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind, Sample

CORPUS = "procedural"
DEFAULT_DOMAIN = "labelled"


def is_procedural(name: str) -> bool:
    """True for `procedural` and `procedural:<domain>`."""
    return name.partition(":")[0] == CORPUS


def domain_of(name: str) -> str:
    """The domain that `procedural:<domain>` names.

    Raises:
        CorpusError: there is no such domain.
    """
    domains = importlib.import_module(f"depth_anything.training.corpora.{CORPUS}").DOMAINS
    domain = name.partition(":")[2] or DEFAULT_DOMAIN
    if domain not in domains:
        known = ", ".join(f"{CORPUS}:{domain}" for domain in domains)
        raise CorpusError(f"there is no corpus {name!r}; there are {known}")
    return domain


def select_from_procedural(
    name: str, num_selected: int, *, size: tuple[int, int] = (224, 224), seed: int = 0
) -> Selection:
    """The first scenes, rendered when they are asked for, with their labels whatever the domain is for.

    Args:
        name: `procedural:<domain>`.
        num_selected: scenes.
        size: height and width.
        seed: of all scenes.

    Raises:
        CorpusError: there is no such domain.
    """
    library = importlib.import_module(f"depth_anything.training.corpora.{CORPUS}")
    domain = domain_of(name)

    def samples() -> Iterator[Found]:
        for index in range(num_selected):
            scene = library.render_scene(domain, index, size=size, seed=seed)
            yield Sample(
                image=scene.image,
                label=np.where(scene.sky, np.float32(0), scene.depth_m),
                valid=~scene.sky,
                sky=scene.sky,
                kind=LabelKind.METRIC_DEPTH,
                corpus=f"{CORPUS}:{domain}",
                key=str(index),
            )

    return Selection(f"{CORPUS}:{domain}", LabelKind.METRIC_DEPTH, None, None, num_selected, samples())
