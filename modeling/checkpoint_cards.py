"""Cards for checkpoints that the authors did not release: converted, trained or pushed here."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from .configuration_depth_anything import DepthAnythingConfig
from .model_card_facts import UNKNOWN_LICENCE, CardFacts
from .official_identity import Release, architecture_of
from .released_cards import RELEASES, release_facts
from .released_checkpoints import licence_of

BASE_TERMS = "These are the terms of {base}, from which this was trained."


def converted_facts(
    release: Release | None,
    config: DepthAnythingConfig,
    tensors: Mapping[str, Tensor],
    *,
    model_id: str,
    origin: str,
    licence: str | None = None,
) -> CardFacts:
    """Facts of converted weights: the release's where they are one, else what the weights show.

    Args:
        release: that the file's name stands for.
        config: of the network.
        tensors: of the network.
        model_id: for the lines that show how to use it.
        origin: one sentence on the file.
        licence: that the user states; None is the release's, or unknown.
    """
    if release in RELEASES:
        facts = replace(release_facts(release), model_id=model_id, origin=origin)
        return replace(facts, licence=licence, licence_note="") if licence else facts
    return CardFacts(
        title=Path(model_id).name,
        model_id=model_id,
        config=config,
        num_parameters=num_parameters(tensors),
        licence=licence or UNKNOWN_LICENCE,
        origin=origin,
        version=version_of(config),
    )


def trained_facts(
    config: DepthAnythingConfig | None,
    *,
    model_id: str,
    parameters: int | None,
    base: str | None,
    licence: str | None = None,
) -> CardFacts:
    """Facts of weights that were trained here or elsewhere from a named start, as far as they are known.

    Args:
        config: of the network; None for an image processor that is there before its model.
        model_id: Hub id or folder.
        parameters: their number.
        base: Hub id or folder of the weights that training started from; None where nobody says. A folder gives the
            licence in its card, but is not named: nobody else has it.
        licence: that the user states; None is that of the base.
    """
    base_model = base if base and not Path(base).exists() else None
    note = ""
    if licence is None:
        licence = licence_of(base, Path(base)) if base else UNKNOWN_LICENCE
        if base_model and licence != UNKNOWN_LICENCE:
            note = BASE_TERMS.format(base=base_model)
    return CardFacts(
        title=model_id.rstrip("/").rsplit("/", 1)[-1],
        model_id=model_id,
        config=config,
        num_parameters=parameters,
        licence=licence,
        licence_note=note,
        base_model=base_model,
        version=version_of(config) if config else None,
    )


def num_parameters(tensors: Mapping[str, Tensor]) -> int:
    """Numbers in all the tensors together."""
    return sum(tensor.numel() for tensor in tensors.values())


def version_of(config: DepthAnythingConfig) -> int | None:
    """1 or 2 where the architecture is a release's, else None."""
    architecture = architecture_of(config)
    return architecture.version if architecture else None
