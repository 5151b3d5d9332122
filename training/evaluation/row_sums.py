"""Sums over the pixels of each image of terms computed on the fly, fused by a compiler where there is one.

A kernel is a plain function of rows of pixels (R, W) and of numbers per row (R, 1) that gives sums over each row. It
runs as it stands, a block of rows at a time so that its temporaries stay in the cache; or compiled by `torch.compile`
into one loop over the pixels that has none. Either way each row is summed by itself and the rows of an image in
order: an image's sums depend neither on the rest of its batch nor on the number of threads. The two ways round
differently, by some 1e-15 of the sum of the terms' sizes.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from enum import Enum

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

RowKernel = Callable[..., tuple[Tensor, ...]]
# As many as torch works on with one thread: temporaries stay in the cache, and no operation waits for other threads,
# which on a busy machine takes a hundred times as long as the work.
BLOCK_PIXELS = (1 << 15) - 1
# Compiling takes as long as scoring some hundreds of images of this size as they stand.
COMPILED_FROM_PIXELS = 1 << 17
# Kinds of tensors that one kernel may be compiled for: flags, dtypes.
MAX_VARIANTS = 64


class RowPass(str, Enum):
    """How kernels run."""

    AUTO = "auto"  # compiled for images of 2^17 pixels and more on a CPU with a C++ compiler, else eager
    COMPILED = "compiled"
    EAGER = "eager"


def sum_rows(
    kernel: RowKernel, maps: Sequence[Tensor], numbers: Sequence[Tensor], row_pass: RowPass = RowPass.AUTO
) -> tuple[Tensor, ...]:
    """What the kernel sums, over each image: (B,), float64, in the kernel's order.

    Args:
        kernel: function of `maps` as rows (R, W) and of `numbers` as (R, 1); gives tensors (R,) of float64.
        maps: (B, H, W) each; one of bool comes to the kernel as uint8, which compiled loops read several times faster.
        numbers: (B,) each.
        row_pass: how it runs. Where AUTO finds no compiler it says so once in the log.
    """
    num_images, height, width = maps[0].shape
    rows = [pixels.reshape(num_images * height, width) for pixels in maps]
    rows = [pixels.view(torch.uint8) if pixels.dtype == torch.bool else pixels for pixels in rows]
    row_numbers = [number.repeat_interleave(height)[:, None] for number in numbers]
    is_eager = row_pass is RowPass.EAGER or not rows[0].numel()
    if row_pass is RowPass.AUTO:
        is_eager = is_eager or rows[0].device.type != "cpu" or height * width < COMPILED_FROM_PIXELS
        is_eager = is_eager or not compiler_works()
    sums = _by_blocks(kernel, rows, row_numbers) if is_eager else _compiled(kernel, rows, row_numbers)
    return tuple(each.view(num_images, height).sum(-1) for each in sums)


@functools.cache
def compiler_works() -> bool:
    """Whether `torch.compile` can build for this CPU; tried once per process, and logged if not."""
    probe = torch.ones(2, 2, dtype=torch.float64)
    try:
        _compiled(_probe_kernel, [probe], [])
    except (RuntimeError, OSError) as error:  # of Dynamo, Inductor or the compiler
        reason = str(error).strip().splitlines()[0]
        logger.warning(
            "torch.compile does not work here (%s), so images are scored by uncompiled code: the same numbers to "
            "1e-12, several times slower. A C++ compiler (g++ or clang, or CXX) makes it fast.",
            reason,
        )
        return False
    return True


def _probe_kernel(values: Tensor) -> tuple[Tensor, ...]:
    return (torch.where(values > 0, values, 0.0).sum(-1),)


def _by_blocks(kernel: RowKernel, rows: Sequence[Tensor], numbers: Sequence[Tensor]) -> tuple[Tensor, ...]:
    num_rows, width = rows[0].shape
    on_cpu = rows[0].device.type == "cpu"
    step = max(BLOCK_PIXELS // max(width, 1), 1) if on_cpu else num_rows
    blocks = [
        kernel(*(each[start : start + step] for each in [*rows, *numbers]))
        for start in range(0, max(num_rows, 1), max(step, 1))
    ]
    return tuple(torch.cat(parts) for parts in zip(*blocks, strict=True))


def _compiled(kernel: RowKernel, rows: Sequence[Tensor], numbers: Sequence[Tensor]) -> tuple[Tensor, ...]:
    import torch._dynamo

    with torch._dynamo.config.patch(recompile_limit=MAX_VARIANTS):
        return _compiled_kernel(kernel)(*rows, *numbers)


@functools.cache
def _compiled_kernel(kernel: RowKernel) -> RowKernel:
    return torch.compile(kernel, dynamic=True, fullgraph=True, options={"cpp.max_horizontal_fusion_size": 64})
