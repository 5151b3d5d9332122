"""Tensors out of a weights file, whatever wrote it, without running anything that the file may carry.

Files can be mapped into memory, so that tensors that are only copied to another file take no memory of their own.
"""

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from .checkpoint_lookup import CheckpointError

SAFETENSORS_SUFFIX = ".safetensors"
PICKLE_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt")
WEIGHT_SUFFIXES = (*PICKLE_SUFFIXES, SAFETENSORS_SUFFIX)

# What training programs put the network's tensors under, and what wrappers put in front of their names.
NESTS = ("model", "state_dict", "model_state_dict", "module")
MAX_NESTS = 4
WRAPPER_PREFIXES = ("module.", "_orig_mod.", "model.")

LFS_POINTER = b"version https://git-lfs"
NUM_SHOWN = 5  # offenders that an error lists


def read_tensors(path: Path, *, is_mapped: bool = False) -> dict[str, Tensor]:
    """The network's tensors by name, on the CPU.

    A file that holds more than the network, such as `latest.pth` of the V2 training code, gives the network alone, and
    the prefixes of wrappers (`module.` of data-parallel training, `_orig_mod.` of `torch.compile`) are taken off.

    Args:
        path: a file that ends in one of `WEIGHT_SUFFIXES`; one with a pickle is read with `weights_only=True`.
        is_mapped: leave the tensors in the file, which must then stay as it is while they live.

    Raises:
        CheckpointError: no such file, another format, damaged, code in the pickle, or something else than tensors.
    """
    if path.suffix.lower() not in WEIGHT_SUFFIXES:
        raise CheckpointError(
            f"The file {str(path)!r} is no weights file: it has to end in {', '.join(WEIGHT_SUFFIXES)}."
        )
    try:
        with path.open("rb") as file:
            beginning = file.read(len(LFS_POINTER))
    except OSError as error:
        raise CheckpointError(f"The weights file {str(path)!r} cannot be read: {error.strerror}.") from None
    if not beginning:
        raise CheckpointError(f"The weights file {str(path)!r} is empty.")
    if beginning.lstrip().startswith(b"<"):
        raise CheckpointError(f"{str(path)!r} is a web page, not the weights: download the file itself.")
    if beginning == LFS_POINTER:
        raise CheckpointError(
            f"The file {str(path)!r} is a git-lfs pointer, not the weights: fetch them by `git lfs pull`."
        )
    if path.suffix.lower() == SAFETENSORS_SUFFIX:
        content: Any = _read_safetensors(path, is_mapped)
    else:
        content = _read_pickle(path, is_mapped)
    return _without_wrappers(_innermost_nest(content), str(path))


def storable(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors as files can hold them: each contiguous, and in memory that no other one shares.

    What is so already, as the parts of one larger tensor are, is not copied.
    """
    stored: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        own = tensor.detach().contiguous()
        if own.data_ptr() in taken:
            own = own.clone()
        taken.add(own.data_ptr())
        stored[name] = own
    return stored


def shown(names: list[str]) -> str:
    """The first few of the names, sorted, for an error."""
    return ", ".join(sorted(names)[:NUM_SHOWN]) + (", ..." if len(names) > NUM_SHOWN else "")


def _read_safetensors(path: Path, is_mapped: bool) -> dict[str, Tensor]:
    try:
        tensors = load_file(path)  # mapped
        return tensors if is_mapped else {name: tensor.clone() for name, tensor in tensors.items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"The weights file {str(path)!r} is damaged or cut short: {_first_line(error)}"
        ) from error


def _read_pickle(path: Path, is_mapped: bool) -> Any:
    try:
        # The older of torch's formats is no zip file and cannot be mapped.
        return torch.load(path, map_location="cpu", mmap=is_mapped and zipfile.is_zipfile(path), weights_only=True)
    except pickle.UnpicklingError as error:
        # The error's own text advises `weights_only=False`, which is just what a stranger's file must not get.
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise CheckpointError(
            f"The weights file {str(path)!r} was refused: it is no plain file of tensors"
            f"{f', its pickle asks for {named[1]}' if named else ''}. Only tensors are read, never objects or code: "
            "save the network's state_dict alone, best as safetensors."
        ) from error
    except Exception as error:  # a file cut short raises whatever the unpickler stumbles over
        if "TorchScript" in str(error):
            raise CheckpointError(
                f"{str(path)!r} is a TorchScript program, not weights: save the network's state_dict alone."
            ) from error
        raise CheckpointError(
            f"The weights file {str(path)!r} is damaged or cut short: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _innermost_nest(content: Any) -> Any:
    for _ in range(MAX_NESTS):  # a pickle can hold itself
        nest = next((name for name in NESTS if _has_nest(content, name)), None)
        if nest is None:
            break
        content = content[nest]
    return content


def _has_nest(content: Any, name: str) -> bool:
    return isinstance(content, Mapping) and isinstance(content.get(name), Mapping)


def _without_wrappers(content: Any, name: str) -> dict[str, Tensor]:
    if not isinstance(content, Mapping) or not content:
        kind = "nothing" if isinstance(content, Mapping) else f"a {type(content).__name__}"
        raise CheckpointError(f"The weights file {name!r} holds {kind} where names and tensors should be.")
    strange = [str(key) for key, value in content.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    if strange:
        raise CheckpointError(
            f"The weights file {name!r} holds {len(strange)} entries that are no tensors: {shown(strange)}; save the "
            f"network's state_dict alone, or under one of {', '.join(NESTS)}."
        )
    tensors = dict(content)
    while prefix := next((p for p in WRAPPER_PREFIXES if all(key.startswith(p) for key in tensors)), None):
        tensors = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
    return tensors
