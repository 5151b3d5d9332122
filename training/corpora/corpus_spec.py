"""What is known of a corpus: its size, terms and origin, and the reader that reads it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from depth_anything.training.corpora.reader import CorpusError, Reader
from depth_anything.training.corpora.sample import LabelKind


class DescribedCorpus(Protocol):
    """What a manifest says of a corpus, as `CorpusSpec` has it."""

    @property
    def name(self) -> str:
        """What commands call it."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def use(self) -> str:
        """Which training uses it."""

    @property
    def terms(self) -> str:
        """Of use, in one line."""

    @property
    def source(self) -> str:
        """Where it comes from."""


@dataclass(frozen=True)
class CorpusSpec:
    """One corpus.

    Attributes:
        name: what commands call it.
        title: what people call it.
        use: which training uses it.
        num_images: the paper's count; None where the paper has none. DIML's stands for both of its halves.
        reader: class of its reader.
        terms: of use, in one line; the data set's own text is what binds.
        source: where to get it.
        options: of the reader, where they differ from its defaults.
    """

    name: str
    title: str
    use: str
    num_images: int | None
    reader: type[Reader]
    terms: str
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> LabelKind:
        """What its labels mean, unless an option of the reader says otherwise."""
        return self.reader.kind

    def open(self, root: str | os.PathLike[str], **options: Any) -> Reader:
        """The reader of the corpus at this root.

        Args:
            root: folder of the data set; for `pair_list` the list, for `hub` the id.
            options: of the reader, as its class describes them.

        Raises:
            CorpusError: there is no such root, or the reader has no such option.
        """
        known = [name for name in inspect.signature(self.reader).parameters if name not in ("corpus", "root")]
        unknown = sorted(set(options) - set(known))
        if unknown:
            its_options = ", ".join(known) or "none"
            raise CorpusError(f"corpus {self.name} has no option {', '.join(unknown)}; its options are {its_options}")
        return self.reader(self.name, root, **{**self.options, **options})
