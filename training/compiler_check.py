"""Whether `torch.compile` has the compiler that it writes its code for: it looks for one in the first step only."""

from __future__ import annotations

import os
import shutil

import torch

# Variable that names the compiler, and what is taken without it: kernels for the CPU are C++, Triton's launchers C.
COMPILERS = {"cpu": ("CXX", ("g++", "clang++")), "cuda": ("CC", ("gcc", "clang"))}


def require_compiler(device: torch.device) -> None:
    """Lets only machines pass that can compile for the device.

    Args:
        device: of the networks; kinds other than CPU and CUDA pass unseen.

    Raises:
        ValueError: no compiler is there.
    """
    if device.type not in COMPILERS:
        return
    variable, names = COMPILERS[device.type]
    wanted = (os.environ[variable],) if variable in os.environ else names
    if not any(shutil.which(name) for name in wanted):
        raise ValueError(
            f"compile needs {' or '.join(wanted)} on this machine, and there is none; install one, name another by "
            f"the variable {variable}, or leave compile out"
        )
