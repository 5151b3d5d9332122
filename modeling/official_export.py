"""Our weights as the official code reads them."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from .new_folder import parents_of, refuse_existing
from .official_weights import to_official_state_dict
from .tensor_files import SAFETENSORS_SUFFIX, storable

OFFICIAL_SUFFIXES = (".pth", SAFETENSORS_SUFFIX)


def write_official(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Writes the tensors of our names under the official ones, whole or not at all.

    Args:
        tensors: of the whole model.
        path: of the file to be; `.pth` for the official code, or `.safetensors`.

    Raises:
        FileExistsError: there is such a file.
        ValueError: another ending, or tensors that are not our model's.
    """
    if path.suffix not in OFFICIAL_SUFFIXES:
        raise ValueError(f"an official checkpoint is a file that ends in {' or '.join(OFFICIAL_SUFFIXES)}, not {path}")
    refuse_existing(path)
    official = {name: tensor.cpu() for name, tensor in storable(to_official_state_dict(tensors)).items()}
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with parents_of(path):
        try:
            if path.suffix == SAFETENSORS_SUFFIX:
                save_file(official, partial)
            else:
                # A view would take the whole storage that it is cut from into the file.
                torch.save({name: t.clone() if _is_part(t) else t for name, t in official.items()}, partial)
            refuse_existing(path)  # somebody else may have been faster
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _is_part(tensor: Tensor) -> bool:
    return tensor.untyped_storage().nbytes() != tensor.nbytes
