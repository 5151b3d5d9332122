"""What a model card says, as data."""

from dataclasses import dataclass

from .configuration_depth_anything import DepthAnythingConfig

UNKNOWN_LICENCE = "unknown"


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A set of training images: its name, how many images, what for, and under which terms."""

    name: str
    images: str
    role: str
    terms: str


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """One number.

    Attributes:
        data: name of the benchmark.
        metric: "abs_rel", "delta1", or another metric's name.
        value: as printed or measured.
        protocol: name and, in a few words, what it does.
        source, source_url: who says so; "" for whoever writes the card.
    """

    data: str
    metric: str
    value: float
    protocol: str
    source: str
    source_url: str


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """All that a card says.

    Attributes:
        title: heading, and the model's name in the metadata.
        model_id: Hub id or folder in the lines that show how to use it.
        config: of the network; None for a repository that has no model yet.
        num_parameters: of the network; None where nobody counted.
        licence: Hub identifier of the terms of these weights, "unknown" where nobody says.
        licence_note: a sentence about it.
        base_model: Hub id of the weights that these were trained from.
        origin: where these weights come from, such as the converted file; ends up in the table.
        version: 1 or 2 for the paper whose recipe this is; None cites both.
        data, data_note: what it was trained on.
        recipe, hardware: how, on what.
        results, results_note: how well, by which protocol.
        tags: more tags than those that follow from the config.
    """

    title: str
    model_id: str
    config: DepthAnythingConfig | None
    num_parameters: int | None = None
    licence: str = UNKNOWN_LICENCE
    licence_note: str = ""
    base_model: str | None = None
    origin: str = ""
    version: int | None = None
    data: tuple[DataSource, ...] = ()
    data_note: str = ""
    recipe: str = "Not stated."
    hardware: str = "not stated."
    results: tuple[EvaluationResult, ...] = ()
    results_note: str = "No numbers are stated for these weights."
    tags: tuple[str, ...] = ()

    @property
    def is_metric(self) -> bool:
        """Whether the model predicts metres."""
        return self.config is not None and self.config.depth_estimation_type == "metric"
