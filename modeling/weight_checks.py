"""Whether tensors are a network's own, all of them, and fit to compute with."""

from collections.abc import Mapping

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedModel

from .checkpoint_lookup import CheckpointError
from .configuration_depth_anything import DepthAnythingConfig
from .official_weights import QKV, WeightLayout, name_in_layout
from .tensor_files import shown

FLOAT_DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)

RESHAPED = "in another shape"
PROGRESS_AFTER_S = 1.0  # a bar that would be over at once only flickers


def check_tensors(
    tensors: Mapping[str, Tensor],
    config: DepthAnythingConfig,
    network: type[PreTrainedModel],
    source: str,
    layout: WeightLayout = WeightLayout.TRANSFORMERS,
) -> None:
    """Lets only the network's own tensors pass, all of them, in its shapes, as floats.

    Args:
        tensors: under our names.
        config: of the network.
        network: its class.
        source: of the tensors, for errors.
        layout: whose names the user knows them by; of an encoder alone the decoder may be missing.

    Raises:
        CheckpointError: naming the first few tensors that are missing, not the network's, or in another shape.
    """
    with torch.device("meta"):
        expected = network(config).state_dict()
    if layout.is_encoder_alone:
        expected = {name: tensor for name, tensor in expected.items() if name.startswith("backbone.")}
    reshaped = {
        name: f" {_shape(tensors[name], name, layout)} instead of {_shape(tensor, name, layout)}"
        for name, tensor in expected.items()
        if name in tensors and tensors[name].shape != tensor.shape
    }
    faults = {
        "missing": [name for name in expected if name not in tensors],
        "not the network's": [name for name in tensors if name not in expected],
        RESHAPED: list(reshaped),
        "no plain floats": [name for name, tensor in tensors.items() if not _is_plain(tensor)],
    }
    found = []
    for fault, names in faults.items():
        theirs = {name_in_layout(name, layout) + (reshaped[name] if fault == RESHAPED else "") for name in names}
        if theirs:
            found.append(f"{len(theirs)} {fault}: {shown(list(theirs))}")
    if found:
        raise CheckpointError(f"The weights of {source} do not fit the network. Tensors {'; '.join(found)}.")


def _shape(tensor: Tensor, name: str, layout: WeightLayout) -> tuple[int, ...]:
    """The shape as the file has it: query, key and value are one tensor in the official layouts."""
    if ".qkv." in name_in_layout(name, layout) and tensor.ndim:
        return (len(QKV) * tensor.shape[0], *tensor.shape[1:])
    return tuple(tensor.shape)


def _is_plain(tensor: Tensor) -> bool:
    return tensor.dtype in FLOAT_DTYPES and tensor.layout is torch.strided and not tensor.is_meta


def check_finite(tensors: Mapping[str, Tensor], source: str, layout: WeightLayout = WeightLayout.TRANSFORMERS) -> None:
    """Lets only tensors without NaN and infinity pass; all are read, with a progress bar where that takes a while.

    Raises:
        CheckpointError: naming the first few others.
    """
    num_bytes = sum(tensor.nbytes for tensor in tensors.values())
    broken = []
    with tqdm(total=num_bytes, desc="Reading", unit="B", unit_scale=True, delay=PROGRESS_AFTER_S, leave=False) as bar:
        for name, tensor in tensors.items():
            if not tensor.isfinite().all():
                broken.append(name_in_layout(name, layout))
            bar.update(tensor.nbytes)
    if broken:
        raise CheckpointError(
            f"The weights of {source} are broken: {len(broken)} tensors hold NaN or infinity: {shown(broken)}."
        )
