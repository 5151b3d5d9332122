"""The proof of a conversion, and that it fails where it should."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation
from depth_anything.conversion import compare_outputs
from depth_anything.conversion.compare_outputs import Comparison, main, swapped_tensor

SCRIPT = Path(__file__).parents[2] / "conversion" / "compare_outputs.py"
SMALL = ["--sizes", "70x98", "140x70"]


@pytest.fixture
def converted(tiny_model: DepthAnythingForDepthEstimation, workplace: Path) -> str:
    """The folder that `tiny_official` becomes."""
    tiny_model.save_pretrained(workplace / "converted")
    return "converted"


def test_a_pair_agrees_bit_for_bit_and_the_negative_control_is_noticed(
    tiny_official: Path, converted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tiny_official), converted, *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("70x98: largest difference 0; before the last activation 0 of a range of ")
    assert lines[1].startswith("140x70: largest difference 0; ")
    assert lines[0].endswith(": agrees")
    assert lines[1].endswith(": agrees")
    assert lines[2].startswith("negative control, ")
    assert lines[2].endswith(": DIFFERS")
    assert lines[3:] == ["equal outputs, and the negative control was noticed"]


def test_golden_files_and_what_they_convert_to_agree(
    golden_file: Path, golden_config: DepthAnythingConfig, workplace: Path
) -> None:
    model = DepthAnythingForDepthEstimation.from_official(golden_file, config=golden_config)
    model.save_pretrained(workplace / "converted")
    assert main([str(golden_file), "converted", "--sizes", "126x182"]) == 0


def test_a_converted_file_of_half_precision_agrees_in_float32(
    tiny_model: DepthAnythingForDepthEstimation, workplace: Path
) -> None:
    tiny_model.half()
    tiny_model.save_official(workplace / "half.pth")
    tiny_model.save_pretrained(workplace / "half")
    assert main(["half.pth", "half", "--sizes", "70x70"]) == 0


@pytest.mark.parametrize(
    "name", ["head.conv3.bias", "neck.convs.0.weight", "backbone.encoder.layer.0.attention.attention.key.weight"]
)
def test_one_tensor_of_other_weights_is_enough_to_fail(
    name: str,
    tiny_official: Path,
    tiny_model: DepthAnythingForDepthEstimation,
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        tiny_model.get_parameter(name).add_(torch.randn(tiny_model.get_parameter(name).shape) * 0.1)
    tiny_model.save_pretrained(workplace / "other")
    assert main([str(tiny_official), "other", *SMALL]) == 1
    printed = capsys.readouterr().out
    assert "70x98: " in printed
    assert printed.endswith("FAILED: the outputs differ\n")


def test_a_negative_control_that_is_not_noticed_fails(
    tiny_official: Path, converted: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def no_swap(_: object) -> Any:
        yield "a tensor taken from itself"

    monkeypatch.setattr(compare_outputs, "swapped_tensor", no_swap)
    assert main([str(tiny_official), converted, *SMALL]) == 1
    assert "FAILED: the negative control was not noticed" in capsys.readouterr().out


def test_a_swap_is_one_and_is_undone(tiny_model: DepthAnythingForDepthEstimation) -> None:
    before = {name: tensor.clone() for name, tensor in tiny_model.state_dict().items()}
    with swapped_tensor(tiny_model) as swap:
        changed = [name for name, tensor in tiny_model.state_dict().items() if not tensor.equal(before[name])]
        name, other = swap.split(" taken from ")
        assert changed == [name]
        assert tiny_model.state_dict()[name].equal(before[other])
    assert all(tensor.equal(before[name]) for name, tensor in tiny_model.state_dict().items())


def test_a_swap_is_undone_after_an_error_too(tiny_model: DepthAnythingForDepthEstimation) -> None:
    before = {name: tensor.clone() for name, tensor in tiny_model.state_dict().items()}

    def fail() -> None:
        with swapped_tensor(tiny_model):
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fail()
    assert all(tensor.equal(before[name]) for name, tensor in tiny_model.state_dict().items())


def test_a_network_in_which_no_swap_changes_anything_is_refused(tiny_model: DepthAnythingForDepthEstimation) -> None:
    with torch.no_grad():
        for parameter in tiny_model.parameters():
            parameter.fill_(0.5)
    with pytest.raises(ValueError, match="no two different tensors of one shape to swap"), swapped_tensor(tiny_model):
        pytest.fail("the block was entered")


@pytest.mark.parametrize(
    ("logit_difference", "logit_range", "agrees"),
    [
        (0.0, 2.0, True),
        (1.9e-5, 2.0, True),
        (2.1e-5, 2.0, False),
        (0.0, 0.0, False),  # a flat map equals every other flat one
        (float("nan"), 2.0, False),
        (0.0, float("nan"), False),
    ],
)
def test_the_bound_is_relative_to_the_range_and_neither_flat_nor_nan_agrees(
    logit_difference: float, logit_range: float, agrees: bool
) -> None:
    comparison = Comparison((70, 70), depth_difference=0, logit_difference=logit_difference, logit_range=logit_range)
    assert comparison.agrees is agrees


@pytest.mark.parametrize("size", ["70", "70x", "x70", "70x70x70", "7x7", "-70x70", "70,70", "70.0x70"])
def test_a_size_that_is_none_is_answered_with_an_example(
    size: str, tiny_official: Path, converted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_request:
        main([str(tiny_official), converted, f"--sizes={size}"])
    assert exit_request.value.code == 2
    assert f"{size!r} is no size such as 518x686, multiples of 14" in capsys.readouterr().err


def test_a_size_that_is_no_multiple_of_14_is_a_mistake_of_the_command_line(
    tiny_official: Path, converted: str
) -> None:
    with pytest.raises(SystemExit):
        main([str(tiny_official), converted, "--sizes", "15x15"])


@pytest.mark.parametrize(
    ("official", "folder", "message"),
    [
        ("gone.pth", "converted", "The weights file 'gone.pth' does not exist."),
        ("mine.pth", "gone", "The model folder 'gone' does not exist, and that is no Hub id"),
        ("converted", "converted", "is in transformers' format: load it by from_pretrained."),
        ("mine.pth", "mine.pth", "The model 'mine.pth' is a file: give the folder of a checkpoint"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(
    official: str,
    folder: str,
    message: str,
    tiny_official: Path,
    converted: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([official, folder, *SMALL]) == 1
    error = capsys.readouterr().err
    assert error.startswith("compare_outputs.py: ")
    assert message in error


def test_the_file_runs_by_its_path(tiny_official: Path, converted: str) -> None:
    command = [sys.executable, str(SCRIPT), "mine.pth", converted, "--sizes", "70x70"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith("equal outputs, and the negative control was noticed\n")
    assert run.stderr == ""
