"""Weights files of every kind that people have, and of the kinds that they should not have."""

from __future__ import annotations

import os
import pickle
import signal
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from depth_anything.checkpoint_lookup import CheckpointError
from depth_anything.tensor_files import PICKLE_SUFFIXES, WEIGHT_SUFFIXES, read_tensors

Tensors = dict[str, Tensor]


class MakesFolder:
    """An object whose pickle makes a folder wherever it is read without care."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def tensors() -> Tensors:
    """Two tensors under names like a network's."""
    return {"pretrained.norm.weight": torch.arange(6.0).view(2, 3), "depth_head.bias": torch.ones(4).half()}


def assert_same(found: Tensors, expected: Tensors) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].equal(tensor)


def prefixed(prefix: str, tensors: Tensors) -> Tensors:
    return {prefix + name: tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda tensors: tensors, id="bare"),
        pytest.param(OrderedDict, id="ordered"),
        pytest.param(lambda tensors: {"model": tensors, "epoch": 3}, id="model"),
        pytest.param(lambda tensors: {"state_dict": tensors}, id="state_dict"),
        pytest.param(lambda tensors: {"model_state_dict": tensors, "loss": 0.5}, id="model_state_dict"),
        pytest.param(lambda tensors: {"module": tensors, "ds_version": "0.16"}, id="module"),
        pytest.param(lambda tensors: {"model": {"state_dict": {"module": tensors}}}, id="nests in nests"),
        pytest.param(lambda tensors: prefixed("module.", tensors), id="data-parallel"),
        pytest.param(lambda tensors: prefixed("_orig_mod.", tensors), id="compiled"),
        pytest.param(lambda tensors: prefixed("module._orig_mod.", tensors), id="compiled, then data-parallel"),
        pytest.param(lambda tensors: prefixed("_orig_mod.module.", tensors), id="data-parallel, then compiled"),
        pytest.param(lambda tensors: {"state_dict": prefixed("model.", tensors), "epoch": 1}, id="Lightning"),
        pytest.param(
            lambda tensors: {name: nn.Parameter(tensor) for name, tensor in tensors.items()}, id="parameters"
        ),
    ],
)
@pytest.mark.parametrize("is_mapped", [False, True])
def test_the_networks_tensors_are_found_in_every_nest_and_wrapper(
    wrap: Callable[[Tensors], Any], is_mapped: bool, tensors: Tensors, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(wrap(tensors), path)
    assert_same(read_tensors(path, is_mapped=is_mapped), tensors)


def test_latest_pth_of_the_v2_training_code_gives_its_network(tensors: Tensors, tmp_path: Path) -> None:
    parameters = [nn.Parameter(tensor.float()) for tensor in tensors.values()]
    optimizer = torch.optim.AdamW(parameters, lr=5e-6)
    sum(parameter.sum() for parameter in parameters).backward()
    optimizer.step()
    torch.save(
        {
            "model": prefixed("module.", tensors),
            "optimizer": optimizer.state_dict(),
            "epoch": 7,
            "previous_best": {"d1": 0.9, "abs_rel": 0.07, "rmse": 100},
        },
        tmp_path / "latest.pth",
    )
    assert_same(read_tensors(tmp_path / "latest.pth"), tensors)


def test_a_prefix_that_not_all_names_have_is_part_of_the_names(tensors: Tensors, tmp_path: Path) -> None:
    expected = {**prefixed("module.", tensors), "other": torch.zeros(1)}
    torch.save(expected, tmp_path / "weights.pth")
    assert_same(read_tensors(tmp_path / "weights.pth"), expected)


@pytest.mark.parametrize("is_mapped", [False, True])
@pytest.mark.parametrize("suffix", [*PICKLE_SUFFIXES, ".PTH"])
@pytest.mark.parametrize("is_zip", [True, False])
def test_both_of_torchs_formats_are_read_whatever_the_ending(
    is_zip: bool, suffix: str, is_mapped: bool, tensors: Tensors, tmp_path: Path
) -> None:
    path = tmp_path / f"weights{suffix}"
    torch.save(tensors, path, _use_new_zipfile_serialization=is_zip)
    assert zipfile.is_zipfile(path) == is_zip
    assert_same(read_tensors(path, is_mapped=is_mapped), tensors)


@pytest.mark.parametrize("is_mapped", [False, True])
def test_safetensors_are_read_and_their_wrappers_taken_off(is_mapped: bool, tensors: Tensors, tmp_path: Path) -> None:
    save_file(prefixed("module.", tensors), tmp_path / "weights.safetensors")
    assert_same(read_tensors(tmp_path / "weights.safetensors", is_mapped=is_mapped), tensors)


def save_raw_pickle(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))  # what torch writes; the reader warns of any other


def save_old_format(content: object, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("is_mapped", [False, True])
@pytest.mark.parametrize("save", [torch.save, save_old_format, save_raw_pickle])
def test_code_in_a_pickle_is_refused_and_not_run(
    save: Callable[[object, Path], None], is_mapped: bool, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    path = tmp_path / "weights.pth"
    save({"model": {"depth_head.evil": MakesFolder(marker)}}, path)
    with pytest.raises(CheckpointError, match=r"weights\.pth' was refused: .* asks for \w+\.mkdir\. Only") as error:
        read_tensors(path, is_mapped=is_mapped)
    assert not marker.exists()
    assert "weights_only" not in str(error.value)
    # The file is as dangerous as it looks: a reader without the precaution runs it.
    if save is save_raw_pickle:
        pickle.loads(path.read_bytes())
    else:
        torch.load(path, weights_only=False)
    assert marker.exists()


def test_a_pickle_behind_the_ending_of_safetensors_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_raw_pickle(MakesFolder(tmp_path / "marker"), path)
    with pytest.raises(CheckpointError, match=r"weights\.safetensors' is damaged or cut short"):
        read_tensors(path)
    assert not (tmp_path / "marker").exists()


def test_a_whole_pickled_module_is_refused_by_the_name_of_its_class(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "weights.pt")
    with pytest.raises(
        CheckpointError, match=r"asks for torch\.nn\.modules\.linear\.Linear.* save the network's state"
    ):
        read_tensors(tmp_path / "weights.pt")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_a_torchscript_archive_is_refused_without_the_advice_to_read_it_unsafely(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), tmp_path / "weights.pt")
    with pytest.raises(CheckpointError) as error:
        read_tensors(tmp_path / "weights.pt")
    assert "weights_only" not in str(error.value)


@pytest.mark.parametrize("is_mapped", [False, True])
@pytest.mark.parametrize("kept", [0.01, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["zip.pth", "old.pth", "weights.safetensors"])
def test_a_file_that_was_cut_short_is_said_to_be(
    kind: str, kept: float, is_mapped: bool, tensors: Tensors, tmp_path: Path
) -> None:
    path = tmp_path / kind
    if kind.endswith(".safetensors"):
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind.startswith("zip"))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(CheckpointError, match=rf"{kind}' (is damaged or cut short: \S|was refused)") as error:
        read_tensors(path, is_mapped=is_mapped)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", WEIGHT_SUFFIXES)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "is a web page, not the weights"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 99173660\n",
            "is a git-lfs pointer, not the weights: fetch them by `git lfs pull`",
        ),
    ],
    ids=["empty", "html", "git-lfs pointer"],
)
def test_a_download_that_went_wrong_is_one_sentence(content: bytes, message: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as error:
        read_tensors(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"ema": {}, "epoch": 3, "lr": 0.1}, r"3 entries that are no tensors: ema, epoch, lr; .*model, state_dict"),
        ({"weight": torch.zeros(1), "steps": 3}, "holds 1 entries that are no tensors: steps;"),
        ({0: torch.zeros(1)}, "holds 1 entries that are no tensors: 0;"),
        ({f"n{i}": i for i in range(7)}, r"holds 7 entries that are no tensors: n0, n1, n2, n3, n4, \.\.\.;"),
        ([torch.zeros(1)], "holds a list where names and tensors should be"),
        (torch.zeros(1), "holds a Tensor where names and tensors should be"),
        ({}, "holds nothing where names and tensors should be"),
        ({"model": {}, "epoch": 3}, "holds nothing where names and tensors should be"),
    ],
    ids=["unknown nest", "a number", "a numbered tensor", "many", "list", "tensor", "nothing", "empty nest"],
)
def test_anything_else_than_names_and_tensors_is_named(content: object, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=message):
        read_tensors(tmp_path / "weights.pth")


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="the alarm that ends a hanging test is POSIX's")
def test_a_nest_that_holds_itself_does_not_hang(tmp_path: Path) -> None:
    def ring(*_: object) -> None:
        raise TimeoutError

    nest: dict[str, object] = {}
    nest["model"] = nest
    torch.save(nest, tmp_path / "weights.pth")
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(2)
    try:
        with pytest.raises(CheckpointError):
            read_tensors(tmp_path / "weights.pth")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", ["weights.txt", "weights", "weights.pth.zip", "weights.onnx"])
def test_another_ending_is_answered_with_those_that_are_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(CheckpointError, match=r"has to end in \.pth, \.pt, \.bin, \.ckpt, \.safetensors"):
        read_tensors(tmp_path / name)


def test_a_file_that_is_not_there_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"gone\.pth' cannot be read: No such file or directory\."):
        read_tensors(tmp_path / "gone.pth")
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(CheckpointError, match=r"folder\.pth' cannot be read: Is a directory\."):
        read_tensors(tmp_path / "folder.pth")
