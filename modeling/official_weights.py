"""Names of the official checkpoints' tensors and ours: one table, read in both directions.

The official network keeps query, key and value of a block in one matrix; splitting and joining it is exact, so
official -> ours -> official gives every bit back. The plain DINOv2 encoders, from which training starts, have the
encoder's names without a prefix: the official ones those of the official column, transformers' `Dinov2Model` ours.
"""

import re
from collections.abc import Iterable, Mapping
from enum import Enum

import torch
from torch import Tensor

from .tensor_files import shown

REGISTERS = "register_tokens"
OFFICIAL_ENCODER_PREFIX = "pretrained."
ENCODER_PREFIX = "backbone."
QKV = ("query", "key", "value")
NUM_FUSION_BLOCKS = 4  # the official decoder numbers its maps 1..4 from fine to coarse, its refinenets likewise

# (official, ours); {n} is a number and {t} "weight" or "bias", the same on both sides.
# Source: DepthAnything/Depth-Anything-V2, depth_anything_v2/dpt.py and dinov2.py; V1 has the same names.
_BLOCK = ("pretrained.blocks.{n}.", "backbone.encoder.layer.{n}.")
_TABLE: tuple[tuple[str, str], ...] = (
    ("pretrained.cls_token", "backbone.embeddings.cls_token"),
    ("pretrained.pos_embed", "backbone.embeddings.position_embeddings"),
    ("pretrained.mask_token", "backbone.embeddings.mask_token"),
    ("pretrained.patch_embed.proj.{t}", "backbone.embeddings.patch_embeddings.projection.{t}"),
    ("pretrained.norm.{t}", "backbone.layernorm.{t}"),
    *(
        (_BLOCK[0] + official, _BLOCK[1] + ours)
        for official, ours in (
            ("norm1.{t}", "norm1.{t}"),
            ("attn.qkv.{t}", "attention.attention.qkv.{t}"),
            ("attn.proj.{t}", "attention.output.dense.{t}"),
            ("ls1.gamma", "layer_scale1.lambda1"),
            ("norm2.{t}", "norm2.{t}"),
            ("mlp.fc1.{t}", "mlp.fc1.{t}"),
            ("mlp.fc2.{t}", "mlp.fc2.{t}"),
            ("mlp.w12.{t}", "mlp.weights_in.{t}"),
            ("mlp.w3.{t}", "mlp.weights_out.{t}"),
            ("ls2.gamma", "layer_scale2.lambda1"),
        )
    ),
    ("depth_head.projects.{n}.{t}", "neck.reassemble_stage.layers.{n}.projection.{t}"),
    ("depth_head.resize_layers.{n}.{t}", "neck.reassemble_stage.layers.{n}.resize.{t}"),
    *((f"depth_head.scratch.layer{i + 1}_rn.weight", f"neck.convs.{i}.weight") for i in range(NUM_FUSION_BLOCKS)),
    *(
        (f"depth_head.scratch.refinenet{NUM_FUSION_BLOCKS - i}.{official}", f"neck.fusion_stage.layers.{i}.{ours}")
        for i in range(NUM_FUSION_BLOCKS)
        for official, ours in (
            ("out_conv.{t}", "projection.{t}"),
            ("resConfUnit1.conv1.{t}", "residual_layer1.convolution1.{t}"),
            ("resConfUnit1.conv2.{t}", "residual_layer1.convolution2.{t}"),
            ("resConfUnit2.conv1.{t}", "residual_layer2.convolution1.{t}"),
            ("resConfUnit2.conv2.{t}", "residual_layer2.convolution2.{t}"),
        )
    ),
    ("depth_head.scratch.output_conv1.{t}", "head.conv1.{t}"),
    ("depth_head.scratch.output_conv2.0.{t}", "head.conv2.{t}"),
    ("depth_head.scratch.output_conv2.2.{t}", "head.conv3.{t}"),
)


class WeightLayout(Enum):
    """By whose names a file calls its tensors; the value is what to call the layout in a sentence."""

    OFFICIAL = "an official Depth Anything checkpoint"
    TRANSFORMERS = "a Depth Anything checkpoint of transformers"
    OFFICIAL_DINOV2 = "an official DINOv2 encoder"
    TRANSFORMERS_DINOV2 = "a DINOv2 encoder of transformers"
    METRIC_BINS = "a metric Depth Anything V1 checkpoint with ZoeDepth's metric-bins head"

    @property
    def is_encoder_alone(self) -> bool:
        """A DINOv2 encoder, which has no decoder and so predicts no depth."""
        return self in (WeightLayout.OFFICIAL_DINOV2, WeightLayout.TRANSFORMERS_DINOV2)


# Beginnings of names that one layout alone has: of each group one at least. Half an official network is told as well,
# so that the error can say which half is missing.
_HALLMARKS: tuple[tuple[WeightLayout, tuple[tuple[str, ...], ...]], ...] = (
    (WeightLayout.METRIC_BINS, (("core.core.pretrained.",),)),
    (WeightLayout.OFFICIAL, (("pretrained.blocks.", "pretrained.patch_embed.", "depth_head."),)),
    (WeightLayout.TRANSFORMERS, (("backbone.encoder.layer.", "neck.reassemble_stage.", "neck.fusion_stage."),)),
    (WeightLayout.OFFICIAL_DINOV2, (("patch_embed.",), ("blocks.",))),
    (WeightLayout.TRANSFORMERS_DINOV2, (("embeddings.patch_embeddings.",), ("encoder.layer.",))),
)


def weight_layout(names: Iterable[str]) -> WeightLayout:
    """By whose names the tensors go.

    Raises:
        ValueError: names of another network; the message lists the first few.
    """
    names = list(names)
    for layout, groups in _HALLMARKS:
        if all(any(name.startswith(beginnings) for name in names) for beginnings in groups):
            return layout
    raise ValueError(
        f"the tensors are of another network, neither Depth Anything nor DINOv2: {shown(names)} ({len(names)} in all)"
    )


def to_our_state_dict(tensors: Mapping[str, Tensor], layout: WeightLayout) -> dict[str, Tensor]:
    """Tensors of any layout under our names; those of an encoder alone come as `backbone.*`.

    Raises:
        ValueError: a name that no official checkpoint has, or a layout that needs another network.
    """
    _refuse_metric_bins(layout)
    if layout is WeightLayout.OFFICIAL:
        return from_official_state_dict(tensors)
    if layout is WeightLayout.OFFICIAL_DINOV2:
        if REGISTERS in tensors:
            raise ValueError(f"an encoder with registers is not Depth Anything's, which has none: {REGISTERS}")
        return from_official_state_dict({OFFICIAL_ENCODER_PREFIX + name: tensor for name, tensor in tensors.items()})
    if layout is WeightLayout.TRANSFORMERS_DINOV2:
        return {ENCODER_PREFIX + name: tensor for name, tensor in tensors.items()}
    return dict(tensors)


def from_our_state_dict(ours: Mapping[str, Tensor], layout: WeightLayout) -> dict[str, Tensor]:
    """Tensors of ours under a layout's names, the inverse of `to_our_state_dict`.

    For a layout of an encoder alone `ours` is the part `backbone.*`.

    Raises:
        ValueError: a name that our model does not have, or one beyond the encoder, or a layout of another network.
    """
    _refuse_metric_bins(layout)
    if layout is WeightLayout.TRANSFORMERS:
        return dict(ours)
    if layout.is_encoder_alone and (beyond := [name for name in ours if not name.startswith(ENCODER_PREFIX)]):
        raise ValueError(f"{layout.value} has no place for {shown(beyond)}")
    if layout is WeightLayout.TRANSFORMERS_DINOV2:
        return {name.removeprefix(ENCODER_PREFIX): tensor for name, tensor in ours.items()}
    official = to_official_state_dict(ours)
    if layout is WeightLayout.OFFICIAL_DINOV2:
        return {name.removeprefix(OFFICIAL_ENCODER_PREFIX): tensor for name, tensor in official.items()}
    return official


def from_official_state_dict(official: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under our names; `query`, `key` and `value` are views of the official `qkv`.

    Raises:
        ValueError: a name that no official checkpoint has; the message lists the first few.
    """
    converted: dict[str, Tensor] = {}
    unsplittable = [name for name, tensor in official.items() if ".attn.qkv." in name and not _is_in_thirds(tensor)]
    if unsplittable:
        raise ValueError(f"query, key and value are no equal thirds of {shown(unsplittable)}")
    for name, tensor in _renamed(official, _FROM_OFFICIAL).items():
        if ".attention.qkv." in name:
            for part, chunk in zip(QKV, tensor.chunk(3), strict=True):
                converted[name.replace(".qkv.", f".{part}.")] = chunk
        else:
            converted[name] = tensor
    return converted


def to_official_state_dict(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the official names, the inverse of `from_official_state_dict`.

    Raises:
        ValueError: a name that our model does not have, or a block without all of query, key and value; the message
            lists the first few.
    """
    joined: dict[str, Tensor] = {}
    incomplete = []
    for name, tensor in ours.items():
        part = re.search(r"\.attention\.(query|key|value)\.", name)
        if part is None:
            joined[name] = tensor
            continue
        names = [name.replace(f".{part[1]}.", f".{other}.") for other in QKV]
        incomplete += [other for other in names if other not in ours]
        if part[1] == QKV[0] and not incomplete:
            joined[name.replace(f".{part[1]}.", ".qkv.")] = torch.cat([ours[other] for other in names])
    if incomplete:
        raise ValueError(f"query, key and value go together; absent: {', '.join(sorted(set(incomplete))[:5])}")
    return _renamed(joined, _TO_OFFICIAL)


def name_in_layout(ours: str, layout: WeightLayout) -> str:
    """What a layout calls one of our tensors, for errors; query, key and value have one name in the official ones."""
    if layout in (WeightLayout.OFFICIAL, WeightLayout.OFFICIAL_DINOV2):
        whole = re.sub(r"\.attention\.(query|key|value)\.", ".attention.qkv.", ours)
        match = _match(whole, _TO_OFFICIAL)
        ours = match[0].expand(match[1]) if match else ours
    if layout is WeightLayout.OFFICIAL_DINOV2:
        return ours.removeprefix(OFFICIAL_ENCODER_PREFIX)
    return ours.removeprefix(ENCODER_PREFIX) if layout is WeightLayout.TRANSFORMERS_DINOV2 else ours


def _is_in_thirds(tensor: Tensor) -> bool:
    return tensor.ndim > 0 and tensor.shape[0] > 0 and tensor.shape[0] % len(QKV) == 0


def _refuse_metric_bins(layout: WeightLayout) -> None:
    if layout is WeightLayout.METRIC_BINS:
        raise ValueError(
            f"this is {layout.value}: it needs the metric-bins model, which this package does not have yet. The "
            "metric checkpoints of V2 (depth_anything_v2_metric_hypersim_* and _vkitti_*) do convert"
        )


def _compiled(table: tuple[tuple[str, str], ...]) -> list[tuple[re.Pattern[str], str]]:
    """Each source as a pattern and each target as what replaces it."""
    groups = {r"\{n\}": r"(?P<n>\d+)", r"\{t\}": r"(?P<t>weight|bias)"}
    compiled = []
    for source, target in table:
        pattern = re.escape(source)
        for escaped, group in groups.items():
            pattern = pattern.replace(escaped, group)
        compiled.append((re.compile(pattern), target.replace("{n}", r"\g<n>").replace("{t}", r"\g<t>")))
    return compiled


_FROM_OFFICIAL = _compiled(_TABLE)
_TO_OFFICIAL = _compiled(tuple((ours, official) for official, ours in _TABLE))


def _match(name: str, rules: list[tuple[re.Pattern[str], str]]) -> tuple[re.Match[str], str] | None:
    return next(((found, target) for rule, target in rules if (found := rule.fullmatch(name))), None)


def _renamed(tensors: Mapping[str, Tensor], rules: list[tuple[re.Pattern[str], str]]) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    unknown = []
    for name, tensor in tensors.items():
        match = _match(name, rules)
        if match is None:
            unknown.append(name)
        else:
            renamed[match[0].expand(match[1])] = tensor
    if unknown:
        raise ValueError(
            f"{len(unknown)} of {len(tensors)} tensor names belong to no Depth Anything checkpoint: {shown(unknown)}"
        )
    return renamed
