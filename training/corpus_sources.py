"""Corpora as a command line names them, opened for the stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from depth_anything.training.corpora.blocks import BlockSource, RawBlocks
from depth_anything.training.corpora.procedural import DOMAINS
from depth_anything.training.corpora.procedural_blocks import ProceduralBlocks
from depth_anything.training.corpora.procedural_selection import is_procedural
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.registry import CORPORA, open_corpus
from depth_anything.training.corpora.shard_blocks import ParquetBlocks
from depth_anything.training.corpora.shard_manifest import MANIFEST_NAME

HUB_IDS = "hub"  # the registry's corpus whose root is an id; before an id alone it means shards


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """What names alone do not say.

    Attributes:
        shards: folder, URL or hub:owner that holds the shards of corpora given by name; None where there is none.
        scene_size: side of rendered scenes, in pixels.
        num_scenes: rendered scenes in one pass.
        scene_seed: of rendered scenes.
        num_cached_blocks: row groups that a process keeps, of each corpus in shards.
    """

    shards: str | None = None
    scene_size: int = 224
    num_scenes: int = 1_000_000
    scene_seed: int = 0
    num_cached_blocks: int = 8


def open_sources(names: Sequence[str], settings: SourceSettings) -> list[BlockSource]:
    """The corpora in this order; see `open_source`."""
    return [open_source(name, settings) for name in names]


def open_source(name: str, settings: SourceSettings) -> BlockSource:
    """The corpus that a name stands for.

    Args:
        name: `procedural:<domain>`; NAME=ROOT for a data set as it was downloaded; a name of `CORPORA`, for its shards
            below `settings.shards`; or where shards lie: a folder, a URL or hub:owner/name.
        settings: what names alone do not say.

    Raises:
        CorpusError: there is nothing of that name, or not what it should be.
    """
    if is_procedural(name):
        return _rendered(name, settings)
    corpus, equals, root = name.partition("=")
    if equals and corpus in CORPORA:
        return RawBlocks(open_corpus(corpus, Path(root).expanduser() if corpus != HUB_IDS else root))
    if name in CORPORA:
        if settings.shards is None:
            raise CorpusError(
                f"corpus {name}: say where its shards lie, by --shards FOLDER that has a folder {name}, or read the "
                f"data set as it was downloaded by {name}=ROOT"
            )
        return ParquetBlocks(f"{settings.shards.rstrip('/')}/{name}", settings.num_cached_blocks)
    folder = Path(name).expanduser()
    if folder.is_dir() and not (folder / MANIFEST_NAME).is_file():
        raise CorpusError(
            f"{name} is a folder without the {MANIFEST_NAME} of shards; if it holds pictures, say image_folder={name}"
        )
    if not folder.is_dir() and "://" not in name and not name.startswith(f"{HUB_IDS}:"):
        raise CorpusError(
            f"there is no corpus {name!r}: no such folder of shards, and no such name; names are procedural:<domain>, "
            f"{', '.join(CORPORA)}; or NAME=ROOT with one of them"
        )
    return ParquetBlocks(name, settings.num_cached_blocks)


def _rendered(name: str, settings: SourceSettings) -> ProceduralBlocks:
    domain = name.partition(":")[2]
    if domain not in DOMAINS:
        known = ", ".join(f"procedural:{each}" for each in DOMAINS)
        raise CorpusError(f"there is no corpus {name!r}; there are {known}")
    size = (settings.scene_size, settings.scene_size)
    return ProceduralBlocks(domain, num_scenes=settings.num_scenes, size=size, seed=settings.scene_seed)
