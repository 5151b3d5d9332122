"""Which network a file of bare tensors is of: the size by its shapes, the rest by its name or by what the user states.

The files of V1, V2 and V2 metric have the same names and shapes, and neither the number of attention heads, nor the
blocks that the decoder reads, nor the head's activation and range are in them. The releases' file names decide.
"""

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from .checkpoint_lookup import CheckpointError
from .configuration_depth_anything import DepthAnythingConfig
from .released_architectures import ARCHITECTURES

SIZES = tuple(ARCHITECTURES)
OFFICIAL_SIZES = {"vits": "small", "vitb": "base", "vitl": "large", "vitg": "giant"}
RELEASED_MAX_DEPTHS_M = {"hypersim": 20, "indoor": 20, "vkitti": 80, "outdoor": 80}

# The stem of a released file, or the name of its repository or folder, with "-" read as "_".
_PRECISION = r"(?:_(?:fp16|fp32|bf16))?"
_RELEASED_NAMES = (
    re.compile(rf"depth_anything_(?P<size>vit[sbl])14{_PRECISION}"),
    re.compile(rf"depth_anything_(?P<v2>v2)_(?P<size>vit[sblg]|small|base|large|giant){_PRECISION}"),
    re.compile(
        r"depth_anything_(?P<v2>v2)_metric_(?P<domain>hypersim|indoor|vkitti|outdoor)_"
        rf"(?P<size>vit[sbl]|small|base|large){_PRECISION}"
    ),
)

_DINOV2_NAME = re.compile(r"dinov2_(?P<size>vit[sblg](?=14)|small|base|large|giant)(?:14_pretrain)?")
ENCODER_FIELDS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "patch_size", "image_size")

DepthType = Literal["relative", "metric"]


@dataclass(frozen=True, kw_only=True)
class Release:
    """A released checkpoint.

    Attributes:
        size: a key of `ARCHITECTURES`.
        version: 1 or 2.
        max_depth_m: of a metric model, in metres; None for a relative one.
    """

    size: str
    version: int
    max_depth_m: float | None = None

    @property
    def depth_type(self) -> DepthType:
        """Of `DepthAnythingConfig.depth_estimation_type`."""
        return "relative" if self.max_depth_m is None else "metric"

    @property
    def checkpoint(self) -> str | None:
        """Hub id of the release in transformers' format; None for V2 giant, which was never released."""
        if self.size == "giant":
            return None
        if self.version == 1:
            return f"LiheYoung/depth-anything-{self.size}-hf"
        domain = "" if self.max_depth_m is None else "Metric-Indoor-" if self.max_depth_m == 20 else "Metric-Outdoor-"
        return f"depth-anything/Depth-Anything-V2-{domain}{self.size.capitalize()}-hf"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What the user says of a file; None leaves it to the file's name and shapes.

    Attributes:
        size: a key of `ARCHITECTURES`, or the official code's name of the encoder.
        version: 1 reads the last four blocks of the encoder, 2 reads four spread ones.
        depth_type: "relative" or "metric".
        max_depth_m: range of a metric model in metres.
    """

    size: str | None = None
    version: int | None = None
    depth_type: DepthType | None = None
    max_depth_m: float | None = None

    def __post_init__(self) -> None:
        """Checks what can be checked without the file."""
        if self.size is not None and self.size not in (*SIZES, *OFFICIAL_SIZES):
            raise ValueError(f"size {self.size!r} is not known; choose {', '.join((*SIZES, *OFFICIAL_SIZES))}")
        if self.version not in (None, 1, 2):
            raise ValueError(
                f"version {self.version!r} is not known; choose 1 (last four blocks) or 2 (spread blocks)"
            )
        if self.depth_type not in (None, "relative", "metric"):
            raise ValueError(f"depth_type {self.depth_type!r} is not known; choose relative or metric")
        if self.max_depth_m is not None and not 0 < self.max_depth_m < float("inf"):
            raise ValueError(
                f"max_depth {self.max_depth_m} is no positive number of metres; the releases have 20 and 80"
            )
        if self.max_depth_m is not None and self.depth_type == "relative":
            raise ValueError(f"max_depth {self.max_depth_m} is of a metric model, but depth_type is 'relative'")


def named_release(names: Iterable[str]) -> Release | None:
    """The release that the first telling name is of, None where no name tells.

    Args:
        names: of the file without its ending, then of its folder or repository.
    """
    for name in names:
        plain = name.lower().replace("-", "_")
        for pattern in _RELEASED_NAMES:
            if match := pattern.fullmatch(plain):
                found = match.groupdict()
                return Release(
                    size=OFFICIAL_SIZES.get(found["size"], found["size"]),
                    version=2 if found.get("v2") else 1,
                    max_depth_m=RELEASED_MAX_DEPTHS_M.get(found.get("domain") or ""),
                )
    return None


def named_dinov2(names: Iterable[str]) -> str | None:
    """Hub id of the released DINOv2 encoder that the first telling name is of, None where no name tells."""
    for name in names:
        if match := _DINOV2_NAME.fullmatch(name.lower().replace("-", "_")):
            return f"facebook/dinov2-{OFFICIAL_SIZES.get(match['size'], match['size'])}"
    return None


def architecture_of(config: DepthAnythingConfig) -> Release | None:
    """The release whose architecture a configuration is, whoever trained the weights; None for any other."""
    for size, version in itertools.product(SIZES, (1, 2)):
        released = DepthAnythingConfig.from_size(size, version=version)  # type: ignore[arg-type]
        encoder: Any = released.backbone_config
        own: Any = config.backbone_config
        if (
            all(getattr(own, name) == getattr(encoder, name) for name in ENCODER_FIELDS)
            and list(own.out_indices) == list(encoder.out_indices)
            and list(config.neck_hidden_sizes) == list(released.neck_hidden_sizes)
            and config.fusion_hidden_size == released.fusion_hidden_size
        ):
            return Release(size=size, version=version, max_depth_m=config.max_depth)
    return None


def identified_config(
    tensors: Mapping[str, Tensor], stated: Statement, named: Release | None, source: str
) -> tuple[DepthAnythingConfig, Release | None]:
    """The network of a released size that the tensors are of, and the release where it is the named one.

    Args:
        tensors: the encoder's under our names, and the decoder's where the file has one.
        stated: overrides what the name says.
        named: what the file's name says.
        source: the file, for errors.

    Raises:
        CheckpointError: no released size, or something that only the user can say; the message names the flag.
    """
    measured = size_by_shapes(tensors)
    size = OFFICIAL_SIZES.get(stated.size or "", stated.size) or measured
    if measured and size != measured:
        raise CheckpointError(f"The weights of {source} are of size {measured}, not {size}: leave out --size.")
    if size is None:
        raise CheckpointError(
            f"The weights of {source} are of no released size ({_measures(tensors)}): give the network's config.json "
            "by --config (in Python: config)."
        )
    version = stated.version or (named.version if named else None)
    if version is None:
        raise CheckpointError(
            f"The name of {source} is not a release's, and nothing in the weights tells V1 from V2: say --version 1 "
            "or --version 2 (in Python: version)."
        )
    depth_type = stated.depth_type or (
        "metric" if stated.max_depth_m is not None else named.depth_type if named else None
    )
    if depth_type is None:
        raise CheckpointError(
            f"The name of {source} is not a release's, and nothing in the weights tells disparity from metres: say "
            "--depth-type relative, or --depth-type metric and --max-depth (in Python: depth_type, max_depth)."
        )
    max_depth_m = None
    if depth_type == "metric":
        max_depth_m = stated.max_depth_m or (named.max_depth_m if named else None)
        if max_depth_m is None:
            raise CheckpointError(
                f"The range of the metric model {source} is in no tensor: say --max-depth in metres, 20 for the "
                "released indoor checkpoints and 80 for the outdoor ones (in Python: max_depth)."
            )
    config = DepthAnythingConfig.from_size(
        size,  # type: ignore[arg-type]
        version=version,  # type: ignore[arg-type]
        depth_estimation_type=depth_type,
        max_depth=max_depth_m,
    )
    is_named = named == Release(size=size, version=version, max_depth_m=max_depth_m)
    return config, named if is_named else None


def size_by_shapes(tensors: Mapping[str, Tensor]) -> str | None:
    """The released size that the tensors are of, or of a part of which they are; None for any other."""
    measured = _measured(tensors)
    for size, released in ARCHITECTURES.items():
        agreements = (
            measured.get("hidden_size", released.hidden_size) == released.hidden_size,
            measured.get("num_layers", 0) <= released.num_layers,
            set(measured.get("neck_sizes", ())) <= set(released.neck_sizes),
            measured.get("fusion_size", released.fusion_size) == released.fusion_size,
        )
        if measured and all(agreements):
            return size
    return None


def _measured(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    if (token := tensors.get("backbone.embeddings.cls_token")) is not None and token.ndim:
        measured["hidden_size"] = token.shape[-1]
        layers = {name.split(".")[3] for name in tensors if name.startswith("backbone.encoder.layer.")}
        measured["num_layers"] = len(layers)
    projections = [tensors.get(f"neck.reassemble_stage.layers.{n}.projection.bias") for n in range(4)]
    if (convolution := tensors.get("neck.convs.0.weight")) is not None and convolution.ndim:
        measured["fusion_size"] = convolution.shape[0]
        measured["neck_sizes"] = tuple(bias.shape[0] for bias in projections if bias is not None and bias.ndim)
    return measured


def _measures(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {value}" for name, value in _measured(tensors).items()) or "no encoder found"
