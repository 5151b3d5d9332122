"""Which machines compute in bfloat16 where nobody says in what."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from depth_anything.training import settings_groups, training_run
from depth_anything.training.bfloat16_support import multiplies_bfloat16
from depth_anything.training.recipes import STUDENT_RECIPES
from depth_anything.training.settings import Precision
from depth_anything.training.settings_groups import RunSettings


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("is_supported", [True, False])
def test_a_cpu_does_what_onednn_can(monkeypatch: pytest.MonkeyPatch, is_supported: bool) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: is_supported, raising=False)
    assert multiplies_bfloat16() is is_supported


@pytest.mark.usefixtures("cpu")
def test_a_torch_without_onednn_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", object())
    assert not multiplies_bfloat16()


@pytest.mark.parametrize("is_native", [True, False])
def test_a_gpu_does_where_it_imitates_nothing(monkeypatch: pytest.MonkeyPatch, is_native: bool) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation or is_native)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: not is_native, raising=False)
    assert multiplies_bfloat16() is is_native
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    assert multiplies_bfloat16() is not is_native, "the CPU is asked where Accelerate is told to take it"


@pytest.mark.parametrize(("is_fast", "precision"), [(True, Precision.BFLOAT16), (False, Precision.FLOAT32)])
def test_a_run_takes_the_faster_one_unless_told(
    monkeypatch: pytest.MonkeyPatch, is_fast: bool, precision: Precision
) -> None:
    monkeypatch.setattr(settings_groups, "multiplies_bfloat16", lambda: is_fast)
    assert RunSettings().precision is precision
    for told in Precision:
        assert RunSettings(precision=told).precision is told


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize("is_fast", [True, False])
def test_bfloat16_is_warned_of_where_float32_is_faster(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, precision: Precision, is_fast: bool
) -> None:
    monkeypatch.setattr(training_run, "multiplies_bfloat16", lambda: is_fast)
    settings = STUDENT_RECIPES["toy"]
    settings = replace(settings, run=replace(settings.run, precision=precision, num_threads=torch.get_num_threads()))
    training_run.accelerator_for(settings, cpu=True)
    is_warned = "set --precision float32" in caplog.text
    assert is_warned is (precision is Precision.BFLOAT16 and not is_fast)
