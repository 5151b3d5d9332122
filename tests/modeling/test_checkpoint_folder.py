"""What is checked of a folder before it may be pushed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from depth_anything import DepthAnythingForDepthEstimation
from depth_anything.checkpoint_cards import trained_facts
from depth_anything.checkpoint_folder import check_folder
from depth_anything.checkpoint_lookup import CheckpointError
from depth_anything.model_card import build_card


@pytest.fixture
def folder(tiny_checkpoint: Path, tiny_model: DepthAnythingForDepthEstimation) -> Path:
    """A folder that passes."""
    facts = trained_facts(tiny_model.config, model_id="here", parameters=1, base=None, licence="apache-2.0")
    build_card(facts).save(tiny_checkpoint / "README.md")
    return tiny_checkpoint


def rewrite_weights(folder: Path, **changes: torch.Tensor | None) -> None:
    """Replaces tensors by name ("__" stands for "."), or removes those that are None."""
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in changes.items():
        key = name.replace("__", ".")
        if tensor is None:
            del tensors[key]
        else:
            tensors[key] = tensor
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_whole_checkpoint_passes_with_all_its_files(folder: Path) -> None:
    (folder / "examples").mkdir()
    (folder / "examples" / "room.png").write_bytes(b"picture")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref")
    checked = check_folder(folder)
    names = {path.as_posix() for path in checked.files}
    assert names == {
        "README.md",
        "config.json",
        "examples/room.png",
        "model.safetensors",
        "preprocessor_config.json",
    }
    assert [path.as_posix() for path in checked.left_out] == [".git/HEAD"]


def test_a_sharded_checkpoint_passes_and_one_without_a_shard_does_not(
    folder: Path, tiny_model: DepthAnythingForDepthEstimation
) -> None:
    (folder / "model.safetensors").unlink()
    tiny_model.save_pretrained(folder, max_shard_size="60KB")
    check_folder(folder)
    second = sorted(folder.glob("model-*.safetensors"))[1]
    second.unlink()
    with pytest.raises(CheckpointError, match=f"lacks weights: {second.name}"):
        check_folder(folder)


@pytest.mark.parametrize("name", ["optimizer.pt", "pytorch_model.bin", "runs/state.pkl", "scaler.ckpt"])
def test_files_that_can_carry_code_are_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"anything")
    with pytest.raises(CheckpointError, match=rf"can carry code .*: {name}\. Only safetensors are pushed"):
        check_folder(folder)


def test_a_folder_that_is_not_there_never_asks_the_hub_for_one_of_its_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        check_folder(tmp_path / "owner" / "name")


def test_weights_that_were_cut_short_are_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match="is damaged or cut short"):
        check_folder(folder)


def test_missing_strange_and_misshapen_tensors_are_named_in_one_error(folder: Path) -> None:
    changes = {
        "head__conv3__bias": None,
        "extra__weight": torch.zeros(1),
        "head__conv3__weight": torch.zeros(2, 8, 1, 1),
    }
    rewrite_weights(folder, **changes)
    with pytest.raises(CheckpointError) as caught:
        check_folder(folder)
    assert "1 missing: head.conv3.bias" in str(caught.value)
    assert "1 not the network's: extra.weight" in str(caught.value)
    assert "1 in another shape: head.conv3.weight (2, 8, 1, 1) instead of (1, 8, 1, 1)" in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_a_diverged_run_left_are_refused(folder: Path, value: float) -> None:
    rewrite_weights(folder, head__conv3__bias=torch.full((1,), value))
    with pytest.raises(CheckpointError, match=r"1 tensors hold NaN or infinity: head\.conv3\.bias"):
        check_folder(folder)


def test_a_folder_without_an_image_processor_is_refused(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no preprocessor_config\.json: save the image processor too"):
        check_folder(folder)


def test_a_processor_whose_settings_are_not_offered_is_refused(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps({"resize_method": "squash"}))
    with pytest.raises(CheckpointError, match="squash"):
        check_folder(folder)


def test_a_folder_without_a_card_is_refused_with_what_to_do(folder: Path) -> None:
    (folder / "README.md").unlink()
    with pytest.raises(CheckpointError, match=r"has no model card .*: say --license"):
        check_folder(folder)


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        ("pipeline_tag: depth-estimation\nlibrary_name: transformers", "license is absent"),
        ("license: mit\nlibrary_name: transformers", "pipeline_tag is None"),
        ("license: mit\npipeline_tag: depth-estimation", "library_name is absent"),
        ("license: other\npipeline_tag: depth-estimation\nlibrary_name: transformers", "without a license_name"),
        ("license: [", "metadata cannot be read"),
    ],
)
def test_a_card_that_the_hub_could_not_use_is_refused(folder: Path, metadata: str, fault: str) -> None:
    (folder / "README.md").write_text(f"---\n{metadata}\n---\n# Card\n")
    with pytest.raises(CheckpointError, match=fault):
        check_folder(folder)
