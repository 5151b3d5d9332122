"""Resampled position embeddings against PyTorch's own bicubic kernel, asked as the two codes ask it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from depth_anything.position_interpolation import interpolate_position_grid

SIZES = [(1, 1), (3, 5), (5, 5), (7, 5), (5, 9), (20, 11), (37, 49)]


@pytest.fixture
def grid() -> Tensor:
    """Five by five embeddings of three channels."""
    return torch.randn(5, 5, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_official_way_samples_at_the_scale_that_the_official_code_gives(
    grid: Tensor, height: int, width: int
) -> None:
    image = grid.permute(2, 0, 1)[None]
    scale = ((height + 0.1) / 5, (width + 0.1) / 5)
    expected = torch.nn.functional.interpolate(image, scale_factor=scale, mode="bicubic")[0].permute(1, 2, 0)
    if (height, width) == (5, 5):
        expected = grid  # the official code returns the embeddings as they are
    torch.testing.assert_close(interpolate_position_grid(grid, height, width, official=True), expected)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_native_way_samples_at_the_exact_ratio(grid: Tensor, height: int, width: int) -> None:
    image = grid.permute(2, 0, 1)[None]
    expected = torch.nn.functional.interpolate(image, size=(height, width), mode="bicubic")[0].permute(1, 2, 0)
    torch.testing.assert_close(interpolate_position_grid(grid, height, width, official=False), expected)


@pytest.mark.parametrize("official", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_trained_size_gives_every_bit_back(grid: Tensor, official: bool, dtype: torch.dtype) -> None:
    grid = grid.to(dtype)
    assert interpolate_position_grid(grid, 5, 5, official=official).equal(grid)


def test_a_lowered_matmul_precision_changes_nothing(grid: Tensor) -> None:
    expected = interpolate_position_grid(grid, 7, 9, official=True)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert interpolate_position_grid(grid, 7, 9, official=True).equal(expected)
    finally:
        torch.set_float32_matmul_precision(before)


def test_autocast_and_half_precision_weights_sample_in_float32(grid: Tensor) -> None:
    half = grid.to(torch.bfloat16)
    expected = interpolate_position_grid(half.float(), 7, 9, official=True).to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = interpolate_position_grid(half, 7, 9, official=True)
    assert actual.equal(expected)
