"""Official checkpoints: read, identified and checked against the network before they are used."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import logging

from .checkpoint_lookup import CONFIG_NAME, CheckpointError
from .configuration_depth_anything import DepthAnythingConfig
from .official_identity import DepthType, Release, Statement, identified_config, named_release, size_by_shapes
from .official_weights import WeightLayout, to_our_state_dict, weight_layout
from .tensor_files import read_tensors
from .weight_checks import check_tensors
from .weight_source import WeightSource

# A network computes in one of these. A file in any other type, or in several, is computed with in float32.
COMPUTE_DTYPES = (torch.float32, torch.bfloat16, torch.float16)

Model = TypeVar("Model", bound=PreTrainedModel)


@dataclass(frozen=True)
class IdentifiedWeights:
    """What a file turned out to hold.

    Attributes:
        tensors: under our names, in the types of the file; of a DINOv2 encoder the part `backbone.*` alone.
        config: of the network that they belong to.
        layout: by whose names the file went.
        release: the released checkpoint that the file's name stands for; None for any other.
    """

    tensors: dict[str, Tensor]
    config: DepthAnythingConfig
    layout: WeightLayout
    release: Release | None

    @property
    def dtype(self) -> torch.dtype:
        """What a network with these weights computes in."""
        dtypes = {tensor.dtype for tensor in self.tensors.values()}
        return dtypes.pop() if len(dtypes) == 1 and dtypes <= set(COMPUTE_DTYPES) else torch.float32


def read_weights(
    source: WeightSource,
    stated: Statement,
    config: DepthAnythingConfig | None,
    network: type[PreTrainedModel],
    *,
    is_mapped: bool = False,
) -> IdentifiedWeights:
    """The tensors of a source, under our names, all of them those of the network.

    Args:
        source: a weights file, or a checkpoint in transformers' format, of which the configuration counts.
        stated: what the user says of a weights file.
        config: of the network in a weights file; None finds it out.
        network: class of the model.
        is_mapped: leave the tensors in the files, which must then stay as they are while they live.

    Raises:
        CheckpointError: a file that cannot be read, cannot be identified, or holds another network.
    """
    if source.checkpoint is not None:
        config = read_config(source.checkpoint.folder)
        tensors = {}
        for path in source.checkpoint.weight_files():
            tensors.update(read_tensors(path, is_mapped=is_mapped))
        check_tensors(tensors, config, network, repr(source.name))
        return IdentifiedWeights(tensors, config, WeightLayout.TRANSFORMERS, None)
    assert source.file is not None
    return _read_file(source.file, source.telling_names(), stated, config, network, is_mapped)


def _read_file(
    path: Path,
    names: tuple[str, ...],
    stated: Statement,
    config: DepthAnythingConfig | None,
    network: type[PreTrainedModel],
    is_mapped: bool,
) -> IdentifiedWeights:
    tensors = read_tensors(path, is_mapped=is_mapped)
    source = repr(str(path))
    try:
        layout = weight_layout(tensors)
        tensors = to_our_state_dict(tensors, layout)
    except ValueError as error:
        raise CheckpointError(f"The weights file {source} cannot be used: {error}.") from error
    release = None
    if config is None:
        if layout is WeightLayout.TRANSFORMERS:
            raise CheckpointError(
                f"The weights file {source} has transformers' names: give its folder, with its {CONFIG_NAME}, or that "
                "file by --config (in Python: config)."
            )
        if layout.is_encoder_alone:  # the decoder is still to be made, so there is nothing to find out about it
            stated = replace(stated, version=stated.version or 2, depth_type=stated.depth_type or _stated_type(stated))
        config, release = identified_config(tensors, stated, named_release(names), source)
    check_tensors(tensors, config, network, source, layout)
    return IdentifiedWeights(tensors, config, layout, release)


def _stated_type(stated: Statement) -> DepthType:
    return "relative" if stated.max_depth_m is None else "metric"


def load_official(
    network: type[Model], source: WeightSource, stated: Statement, config: DepthAnythingConfig | None
) -> Model:
    """A model of the class with the weights of an official checkpoint, in eval mode.

    Raises:
        CheckpointError: as `read_weights`; or no official checkpoint, with the method that loads it.
    """
    if source.checkpoint is not None:
        raise CheckpointError(
            f"The checkpoint {source.name!r} is in transformers' format: load it by from_pretrained."
        )
    weights = read_weights(source, stated, config, network)
    if weights.layout.is_encoder_alone:
        raise CheckpointError(
            f"The file {str(source.file)!r} is {weights.layout.value}: it predicts no depth. As the start of training "
            "load it by from_dinov2."
        )
    return model_of(network, weights)


def load_dinov2(
    network: type[Model],
    source: WeightSource,
    config: DepthAnythingConfig | None,
    version: int,
    overrides: Mapping[str, Any],
) -> Model:
    """A model of the class with a DINOv2 encoder's weights and a fresh decoder, in eval mode.

    Raises:
        CheckpointError: as `read_weights`; or a file that is no DINOv2 encoder alone.
        ValueError: a config beside its own fields.
    """
    if config is not None and overrides:
        raise ValueError(f"config describes the whole network: leave out {', '.join(overrides)}, or set it there")
    # An encoder alone has neither a version nor a depth type: both are the user's choice of a decoder.
    stated = Statement(version=version, depth_type="relative")  # type: ignore[arg-type]
    weights = read_weights(source, stated, config, network)
    if not weights.layout.is_encoder_alone:
        raise CheckpointError(f"{source.name!r} is {weights.layout.value}, not a DINOv2 encoder alone.")
    unknown = [name for name in overrides if name not in DepthAnythingConfig.__dataclass_fields__]
    if unknown:
        raise ValueError(f"DepthAnythingConfig has no field {', '.join(unknown)}")
    if overrides:
        size = size_by_shapes(weights.tensors)
        chosen = DepthAnythingConfig.from_size(size, version=version, **overrides)  # type: ignore[arg-type]
        weights = replace(weights, config=chosen)
    return model_of(network, weights)


def model_of(network: type[Model], weights: IdentifiedWeights) -> Model:
    """A model of the class with these weights; what an encoder alone lacks is filled as for a new network."""
    verbosity = logging.get_verbosity()
    if weights.layout.is_encoder_alone:
        logging.set_verbosity_error()  # the report of tensors that the file lacks: it lacks the decoder, as it should
    try:
        model: Model = network.from_pretrained(
            None, config=weights.config, state_dict=dict(weights.tensors), dtype=weights.dtype
        )
    finally:
        logging.set_verbosity(verbosity)
    # Where training may start from, for the card of what comes of it.
    model.name_or_path = (weights.release.checkpoint if weights.release else None) or ""
    model.config.name_or_path = model.name_or_path
    return model


def read_config(path: Path) -> DepthAnythingConfig:
    """The configuration in a JSON file, or in the folder of a checkpoint.

    Raises:
        CheckpointError: no such file, or not of a Depth Anything network.
    """
    file = path / CONFIG_NAME if path.is_dir() else path
    try:
        fields: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if fields.get("model_type", DepthAnythingConfig.model_type) != DepthAnythingConfig.model_type:
            raise ValueError(f"its model_type is {fields['model_type']!r}, not {DepthAnythingConfig.model_type!r}")
        config: DepthAnythingConfig = DepthAnythingConfig.from_dict(fields)
    except OSError as error:
        raise CheckpointError(f"The configuration {str(file)!r} cannot be read: {error.strerror}.") from None
    except Exception as error:  # no JSON, no object, or what the fields' own checks raise, in two libraries' classes
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"The configuration {str(file)!r} describes no Depth Anything network: {reason}"
        ) from error
    return config
