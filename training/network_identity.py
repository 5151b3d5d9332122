"""Which network made something: its name, its revision, and a checksum of its weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn


@dataclass(frozen=True, kw_only=True)
class NetworkIdentity:
    """A network that can be told from every other one.

    Attributes:
        name: Hub id, or the last part of a folder's path, for whole paths name this machine.
        revision: commit of a Hub id; None for a folder.
        weights_sha256: see `weights_sha256`.
    """

    name: str
    revision: str | None
    weights_sha256: str


def identity_of(network: nn.Module, name: str, revision: str | None = None) -> NetworkIdentity:
    """The identity of a network that was loaded by this name: a Hub id, or a folder."""
    shown = Path(name).expanduser().resolve().name if Path(name).expanduser().is_dir() else name
    return NetworkIdentity(name=shown, revision=revision, weights_sha256=weights_sha256(network))


def weights_sha256(network: nn.Module) -> str:
    """SHA-256 over name, type, shape and bytes of every tensor by the order of names, however files hold them."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
