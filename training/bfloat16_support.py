"""Whether this machine multiplies matrices in bfloat16 by itself; where it only imitates that, float32 is faster."""

from __future__ import annotations

import torch
from accelerate.utils import parse_flag_from_env


def multiplies_bfloat16() -> bool:
    """Whether bfloat16 is the faster type on the device that Accelerate takes on this machine.

    On a CPU the one that knows is oneDNN, which wants AVX-512 or ARM's counterpart. Without them torch falls back to
    a plain loop: a step of nano with 24 images took 14 times as long as in float32 (2 cores with AVX2).
    """
    if torch.accelerator.is_available() and not parse_flag_from_env("ACCELERATE_USE_CPU"):
        # GPUs before Ampere imitate it.
        return not torch.cuda.is_available() or torch.cuda.is_bf16_supported(including_emulation=False)
    is_supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)  # absent where torch has no oneDNN
    return is_supported is not None and bool(is_supported())
