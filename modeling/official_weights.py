"""Names of the official checkpoints' tensors and ours: one table, read in both directions.

The official network keeps query, key and value of a block in one matrix; splitting and joining it is exact, so
official -> ours -> official gives every bit back.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

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


def from_official_state_dict(official: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under our names; `query`, `key` and `value` are views of the official `qkv`.

    Raises:
        ValueError: a name that no official checkpoint has; the message lists the first few.
    """
    converted: dict[str, Tensor] = {}
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


def _renamed(tensors: Mapping[str, Tensor], rules: list[tuple[re.Pattern[str], str]]) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    unknown = []
    for name, tensor in tensors.items():
        match = next(((found, target) for rule, target in rules if (found := rule.fullmatch(name))), None)
        if match is None:
            unknown.append(name)
        else:
            renamed[match[0].expand(match[1])] = tensor
    if unknown:
        raise ValueError(
            f"{len(unknown)} of {len(tensors)} tensor names belong to no Depth Anything checkpoint: "
            f"{', '.join(sorted(unknown)[:5])}{', ...' if len(unknown) > 5 else ''}"
        )
    return renamed
