from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from depth_anything.command_errors import UsageError
from depth_anything.training.compiler_check import require_compiler
from depth_anything.training.recipes import STUDENT_RECIPES
from depth_anything.training.training_run import accelerator_for


@pytest.mark.parametrize(("device", "variable", "name"), [("cpu", "CXX", "g++"), ("cuda", "CC", "gcc")])
def test_a_machine_without_a_compiler_is_refused_and_one_with_it_is_not(
    device: str, variable: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ValueError, match=rf"compile needs {name.replace('+', '.')} or .*, and there is none"):
        require_compiler(torch.device(device))
    for compiler in (name, "own"):
        (tmp_path / compiler).touch(mode=0o755)
    require_compiler(torch.device(device))
    monkeypatch.setenv(variable, "absent")
    with pytest.raises(ValueError, match="compile needs absent on this machine"):
        require_compiler(torch.device(device))
    monkeypatch.setenv(variable, "own")
    require_compiler(torch.device(device))


def test_a_device_with_a_compiler_of_its_own_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    require_compiler(torch.device("mps"))


@pytest.mark.parametrize("recipe", ["toy", "adapt"])
def test_every_recipe_is_refused_compiling_without_a_compiler_before_anything_else(
    recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("CC", "no-such-compiler")
    settings = STUDENT_RECIPES[recipe]
    settings = replace(settings, loop=replace(settings.loop, compile=True))
    with pytest.raises(UsageError, match="compile needs no-such-compiler on this machine"):
        accelerator_for(settings, cpu=True)
