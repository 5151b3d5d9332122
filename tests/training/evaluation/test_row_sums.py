from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from depth_anything.training.evaluation import row_sums
from depth_anything.training.evaluation.row_sums import BLOCK_PIXELS, RowPass, sum_rows

SCORE_TWICE = """
import logging, torch
logging.basicConfig(format="%(name)s: %(message)s")
from depth_anything.training.evaluation.scoring import RowPass, ScoringRule, score_images
from depth_anything.training.evaluation.scoring_rule import Alignment, PredictionKind
depth_m = 1 + torch.arange(400 * 400.0).view(1, 400, 400) % 97
prediction = 1 / depth_m + depth_m.sin() / 50
rule = ScoringRule(alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=80)
for row_pass in (RowPass.AUTO, RowPass.AUTO, RowPass.EAGER):
    scores = score_images(prediction, depth_m, depth_m > 2, PredictionKind.RELATIVE_DISPARITY, rule, row_pass=row_pass)
    print([values.item() for values in scores.values.values()])
"""


def scaled_sum(values: Tensor, mask: Tensor, factor: Tensor) -> tuple[Tensor, ...]:
    weight = mask.double()
    return (factor * values.double() * weight).sum(-1), weight.sum(-1)


@pytest.mark.parametrize("shape", [(3, 5, 7), (2, 300, 400), (1, 1, 70_000), (1, 0, 4), (2, 4, 0)])
def test_sums_are_taken_over_each_image_however_many_blocks_it_has(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    values, mask = torch.randn(shape, generator=generator), torch.rand(shape, generator=generator) < 0.5
    factor = 1 + torch.arange(shape[0], dtype=torch.float64)
    sums, counts = sum_rows(scaled_sum, [values, mask], [factor], RowPass.EAGER)
    expected = [f * v.double()[m].sum() for f, v, m in zip(factor, values, mask, strict=True)]
    torch.testing.assert_close(sums, torch.stack(expected), rtol=1e-10, atol=1e-10)
    assert counts.tolist() == [int(m.sum()) for m in mask]


@pytest.mark.parametrize("width", [BLOCK_PIXELS // 7, BLOCK_PIXELS // 2, BLOCK_PIXELS, BLOCK_PIXELS + 1, 70_000])
def test_a_block_holds_as_many_rows_as_fit_and_one_that_is_wider_alone(width: int) -> None:
    seen: list[tuple[int, ...]] = []

    def noted(values: Tensor, mask: Tensor, factor: Tensor) -> tuple[Tensor, ...]:
        seen.append(tuple(values.shape))
        return scaled_sum(values, mask, factor)

    values = torch.randn((2, 5, width), generator=torch.Generator().manual_seed(0))
    sums, counts = sum_rows(noted, [values, torch.ones_like(values).bool()], [torch.ones(2).double()], RowPass.EAGER)
    rows_that_fit = {BLOCK_PIXELS // 7: 7, BLOCK_PIXELS // 2: 2}.get(width, 1)
    assert BLOCK_PIXELS % 7 == 0, "so that seven rows fill a block to its last pixel"
    whole, rest = divmod(10, rows_that_fit)
    assert seen == [(rows_that_fit, width)] * whole + [(rest, width)] * (rest > 0)
    torch.testing.assert_close(sums, values.double().sum((1, 2)), rtol=1e-10, atol=1e-9)
    assert counts.tolist() == [5 * width] * 2


def test_maps_that_are_views_of_others_are_summed_as_they_look() -> None:
    values = torch.randn((2, 9, 11, 3), generator=torch.Generator().manual_seed(0))[..., 1].transpose(1, 2)
    mask = torch.ones(2, 20, 18, dtype=torch.bool)[:, ::2, ::2][:, :, :9].repeat(1, 2, 1)[:, :11]
    sums, _ = sum_rows(scaled_sum, [values, mask], [torch.ones(2).double()])
    torch.testing.assert_close(sums, values.double().sum((1, 2)))


def test_only_large_images_are_compiled_on_their_own_account(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[int, ...]] = []

    def noted(kernel: row_sums.RowKernel, rows: list[Tensor], numbers: list[Tensor]) -> tuple[Tensor, ...]:
        compiled.append(tuple(rows[0].shape))
        return kernel(*rows, *numbers)

    monkeypatch.setattr(row_sums, "_compiled", noted)
    monkeypatch.setattr(row_sums, "compiler_works", lambda: True)
    for height in (127, 128):  # of 1024 pixels each: one row below 2^17 pixels, and the number itself
        sum_rows(scaled_sum, [torch.ones(9, height, 1024)] * 2, [torch.ones(9).double()])
    assert compiled == [(9 * 128, 1024)]


@pytest.mark.slow
def test_without_a_compiler_images_are_scored_all_the_same_and_the_log_says_so_once(tmp_path: Path) -> None:
    environment = {**os.environ, "CXX": "/no/compiler", "PATH": "", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", SCORE_TWICE], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert run.returncode == 0, run.stderr
    automatic, again, eager = run.stdout.splitlines()
    assert automatic == again == eager
    assert run.stderr.count("torch.compile does not work here") == 1
    assert "InvalidCxxCompiler" in run.stderr
