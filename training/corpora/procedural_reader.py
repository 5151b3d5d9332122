"""The rendered corpus as a reader, so that shards of it can be built: where rendering would be the slower part."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image

from depth_anything.training.corpora.corpus_spec import CorpusSpec
from depth_anything.training.corpora.procedural_blocks import ProceduralBlocks
from depth_anything.training.corpora.procedural_selection import domain_of
from depth_anything.training.corpora.reader import CorpusError, Item, Reader
from depth_anything.training.corpora.sample import RawSample

USE = "rendered"
PNG_EFFORT = 4  # of zlib: Pillow's default, 6, saves a few hundredths and takes half as long again


class ProceduralReader(Reader):
    """Scenes of one domain, each rendered when it is loaded and its picture encoded as PNG, which changes no bit.

    Samples are those of `ProceduralBlocks`: of `procedural:unlabelled` pictures alone.

    Args:
        corpus: `procedural:<domain>`.
        num_scenes: how many; the corpus itself has no end.
        size: height and width of the pictures, in pixels.
        seed: another seed renders other scenes.

    Raises:
        CorpusError: there is no such domain, or an option cannot be.
    """

    looked_for = "scenes"

    def __init__(
        self, corpus: str, *, num_scenes: int | None = None, size: Sequence[int] = (224, 224), seed: int = 0
    ) -> None:
        if num_scenes is None:
            raise CorpusError(f"corpus {corpus} has no end; say how many scenes by --option num_scenes=100000")
        for name, value in (("num_scenes", num_scenes), ("seed", seed)):
            least = 1 if name == "num_scenes" else 0
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise CorpusError(f"corpus {corpus}: {name} is {value!r}; it is a whole number from {least} on")
        sides = tuple(size) if isinstance(size, Sequence) else ()
        if len(sides) != 2 or not all(isinstance(side, int) and side >= 14 for side in sides):
            raise CorpusError(
                f"corpus {corpus}: size is {size!r}; it is [height, width], each at least 14, such as 224"
            )
        self._blocks = ProceduralBlocks(
            domain_of(corpus), num_scenes=num_scenes, size=(sides[0], sides[1]), seed=seed, rows_per_block=num_scenes
        )
        self.num_scenes = num_scenes
        self.kind = self._blocks.kind
        super().__init__(self._blocks.corpus, self._blocks.corpus)

    def load(self, item: Item) -> RawSample:
        """See `Reader.load`."""
        (sample,) = self._blocks.read_block(0, [int(item.entry)])
        file = io.BytesIO()
        Image.fromarray(sample.image).save(file, "PNG", compress_level=PNG_EFFORT)
        return RawSample(
            image_bytes=file.getvalue(),
            label=sample.label,
            valid=sample.valid,
            sky=sample.sky,
            kind=sample.kind,
            corpus=sample.corpus,
            key=sample.key,
        )

    def _listed(self) -> Iterator[Item]:
        for index in range(self.num_scenes):
            yield Item(key=f"{index:07d}", path="", entry=str(index))

    def _check_root(self) -> None:
        """There is nothing on the disk."""


def open_procedural(name: str, **options: Any) -> tuple[CorpusSpec, ProceduralReader]:
    """The rendered corpus of this name, and what is known of it.

    Args:
        name: `procedural:<domain>`; `procedural` alone is its labelled domain.
        options: those of `ProceduralReader`.

    Raises:
        CorpusError: there is no such domain or option, or an option cannot be.
    """
    known = ("num_scenes", "size", "seed")
    if unknown := sorted(set(options) - set(known)):
        raise CorpusError(f"corpus {name} has no option {', '.join(unknown)}; its options are {', '.join(known)}")
    reader = ProceduralReader(name, **options)
    spec = CorpusSpec(
        reader.corpus,
        f"rendered scenes, {domain_of(name)}",
        USE,
        None,
        ProceduralReader,
        "none: rendered by this repository's code",
        "training/corpora/procedural.py",
    )
    return spec, reader
