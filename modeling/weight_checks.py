"""Whether tensors are a network's own, all of them, and fit to compute with."""

from collections.abc import Mapping

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedModel

from .checkpoint_lookup import CheckpointError
from .configuration_depth_anything import DepthAnythingConfig
from .tensor_files import shown

PROGRESS_AFTER_S = 1.0  # a bar that would be over at once only flickers


def check_tensors(
    tensors: Mapping[str, Tensor],
    config: DepthAnythingConfig,
    network: type[PreTrainedModel],
    source: str,
    *,
    is_encoder_alone: bool = False,
) -> None:
    """Lets only the network's own tensors pass, all of them, in its shapes, as floats.

    Raises:
        CheckpointError: naming the first few tensors that are missing, not the network's, or in another shape.
    """
    with torch.device("meta"):
        expected = network(config).state_dict()
    if is_encoder_alone:
        expected = {name: tensor for name, tensor in expected.items() if name.startswith("backbone.")}
    reshaped = [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    faults = {
        "missing": [name for name in expected if name not in tensors],
        "not the network's": [name for name in tensors if name not in expected],
        "in another shape": reshaped,
        "no floats": [name for name, tensor in tensors.items() if not tensor.is_floating_point()],
    }
    if found := [f"{len(names)} {fault}: {shown(names)}" for fault, names in faults.items() if names]:
        raise CheckpointError(f"The weights of {source} do not fit the network. Tensors {'; '.join(found)}.")


def check_finite(tensors: Mapping[str, Tensor], source: str) -> None:
    """Lets only tensors without NaN and infinity pass; all are read, with a progress bar where that takes a while.

    Raises:
        CheckpointError: naming the first few others.
    """
    num_bytes = sum(tensor.nbytes for tensor in tensors.values())
    broken = []
    with tqdm(total=num_bytes, desc="Reading", unit="B", unit_scale=True, delay=PROGRESS_AFTER_S, leave=False) as bar:
        for name, tensor in tensors.items():
            if not tensor.isfinite().all():
                broken.append(name)
            bar.update(tensor.nbytes)
    if broken:
        raise CheckpointError(
            f"The weights of {source} are broken: {len(broken)} tensors hold NaN or infinity: {shown(broken)}."
        )
