"""The ways of a student that its recipes leave open: precisions, sky, views, stored labels, averages, the Hub."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from depth_anything import DepthAnythingForDepthEstimation
from depth_anything.cli import main as depth_anything_main
from depth_anything.training import label_corpus, run_setup, train_student
from depth_anything.training.pseudo_labels import Teacher
from depth_anything.training.pseudo_targets import LiveTargets, PseudoTargets, stored_targets

SIZE = 28
SMALL = f"--crop_size {SIZE} --scene_size 32 --num_workers 0 --log_every 2 --trackers none --num_unlabelled 4".split()
REPOSITORY = "ada/student"

Noted = list[tuple[Tensor, PseudoTargets]]  # clean crops, and their targets before CutMix


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of eight smooth pictures of three sizes."""
    noise, folder = np.random.default_rng(0), tmp_path / "pictures"
    folder.mkdir()
    for number in range(8):
        coarse = Image.fromarray(noise.integers(0, 256, (5, 6, 3), np.uint8))
        coarse.resize((40 + 10 * (number % 3), 50), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


def adapted(start: Path, pictures: Path, out: Path, *others: str) -> list[str]:
    """The command of the recipe `adapt`: two steps, which are one pass over the pictures."""
    return [
        "--recipe=adapt", *SMALL, f"--start_from={start}", f"--teacher={start}", f"--out={out}", "--passes=1",
        f"--unlabelled=image_folder={pictures}", "--precision=float32", "--decoder_lr=1e-3", *others,
    ]  # fmt: skip


def weights_of(folder: Path) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = load_file(folder / "model.safetensors")
    return weights


def noting(find: Callable[..., PseudoTargets], noted: Noted) -> Callable[..., PseudoTargets]:
    def find_and_note(*arguments: Any) -> PseudoTargets:
        targets = find(*arguments)
        noted.append((arguments[-1]["pixel_values"], targets))
        return targets

    return find_and_note


@pytest.mark.parametrize("view", ["whole", "crop"])
def test_sky_and_confidence_of_a_live_teacher_reach_the_student(
    view: str, tiny_checkpoint: Path, sky_checkpoint: Path, pictures: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    noted: Noted = []
    seen: list[tuple[int, ...]] = []
    label = Teacher.label
    monkeypatch.setattr(
        Teacher, "label", lambda self, images: seen.extend(tuple(each.shape) for each in images) or label(self, images)
    )
    monkeypatch.setattr(LiveTargets, "__call__", noting(LiveTargets.__call__, noted))
    others = [f"--sky_model={sky_checkpoint}", f"--teacher_view={view}", "--min_confidence=0.7"]
    assert train_student.main(adapted(tiny_checkpoint, pictures, tmp_path / "run", *others)) == 0
    values, valid = (torch.cat([targets[place] for _, targets in noted]) for place in (0, 1))
    assert values.shape == (8, SIZE, SIZE)
    assert 0.02 < (values[valid] == 0).float().mean() < 0.98
    assert 0.02 < valid.float().mean() < 0.98
    whole = {(3, SIZE, 28), (3, SIZE, 42), (3, 28, 28), (3, 28, 35), (3, 35, 28)}
    assert set(seen) == {(3, SIZE, SIZE)} if view == "crop" else set(seen) <= whole


@pytest.mark.parametrize(
    ("recipe", "others"),
    [
        ("v1-student-small", ["--labelled", "procedural:labelled", "--num_labelled=2"]),
        ("v2-student-small", ["--num_steps=2", "--passes=1"]),
    ],
)
def test_stored_and_live_labels_give_the_student_of_a_recipe_the_same_targets_to_16_bits(
    recipe: str, others: list[str], tiny_checkpoint: Path, pictures: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    labelled = tmp_path / "labelled"
    command = ["image_folder", "--root", str(pictures), "--teacher", str(tiny_checkpoint), "--out", str(labelled)]
    assert label_corpus.main([*command, "--short-side", str(SIZE), "--device", "cpu"]) == 0
    live: Noted = []
    stored: Noted = []
    monkeypatch.setattr(LiveTargets, "__call__", noting(LiveTargets.__call__, live))
    monkeypatch.setattr(run_setup, "stored_targets", noting(stored_targets, stored))
    command = [f"--recipe={recipe}", *SMALL, *others, f"--start_from={tiny_checkpoint}", "--precision=float32"]
    for name, source in (
        ("live", [f"--unlabelled=image_folder={pictures}", f"--teacher={tiny_checkpoint}"]),
        ("stored", [f"--unlabelled={labelled}"]),
    ):
        assert train_student.main([*command, *source, f"--out={tmp_path / name}"]) == 0
    assert len(live) == len(stored) == 2
    for (crops, of_live), (same_crops, of_stored) in zip(live, stored, strict=True):
        torch.testing.assert_close(same_crops, crops, rtol=0, atol=0)
        assert of_live.valid.all()
        assert of_stored.valid.all()
        step = of_live.values.max() / 65535  # at least the step of any of the maps
        assert (of_live.values - of_stored.values).abs().max() <= step
        assert of_live.values.std() > 100 * step


@pytest.mark.slow
def test_everything_that_has_a_state_goes_on_bit_for_bit(
    tiny_checkpoint: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    straight, halved = tmp_path / "straight", tmp_path / "halved"
    others = ["--passes=4", "--accumulation_steps=2", "--ema_decay=0.5", "--save_every=2", "--num_checkpoints=3"]
    others += ["--precision=bfloat16", "--gradient_checkpointing=true"]
    assert train_student.main(adapted(tiny_checkpoint, pictures, straight, *others)) == 0
    shutil.copytree(straight, halved)
    shutil.rmtree(halved / "last")  # as if it had been killed after the first checkpoint
    shutil.rmtree(halved / "checkpoints" / "step-00000004")
    assert train_student.main([*adapted(tiny_checkpoint, pictures, halved, *others), "--resume"]) == 0
    assert "adapt: step 4" in capsys.readouterr().out
    expected, start = weights_of(straight / "last"), weights_of(tiny_checkpoint)
    for name, tensor in weights_of(halved / "last").items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, expected[name]), name
    assert not torch.equal(expected["head.conv3.weight"], start["head.conv3.weight"])


def test_a_student_is_pushed_by_its_run_and_by_the_command_and_is_read_by_plain_transformers(
    hub: Any, tiny_checkpoint: Path, pictures: Path, tmp_path: Path
) -> None:
    others = [f"--push_to_hub={REPOSITORY}", "--license=mit", "--is_private=true"]
    assert train_student.main(adapted(tiny_checkpoint, pictures, tmp_path / "run", *others)) == 0
    last = tmp_path / "run" / "last"
    assert depth_anything_main(["push", str(last), "ada/again"]) == 0
    for name in (REPOSITORY, "ada/again"):
        files = hub.repositories[name].files
        assert files["model.safetensors"] == (last / "model.safetensors").read_bytes()
        assert {"config.json", "preprocessor_config.json", "README.md"} <= set(files)
        assert b"license: mit" in files["README.md"]
    assert [hub.repositories[name].private for name in (REPOSITORY, "ada/again")] == [True, False]

    native = transformers.DepthAnythingForDepthEstimation.from_pretrained(last).eval()
    ours = DepthAnythingForDepthEstimation.from_pretrained(last).eval()
    side = ours.config.backbone_config.image_size  # elsewhere transformers stretches position embeddings otherwise
    pixels = torch.rand(1, 3, side, side)
    with torch.no_grad():
        torch.testing.assert_close(ours(pixels).predicted_depth, native(pixels).predicted_depth, atol=1e-5, rtol=1e-4)


def test_compiling_without_a_compiler_is_refused_before_the_first_step(
    tiny_checkpoint: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert train_student.main(adapted(tiny_checkpoint, pictures, tmp_path / "run", "--compile=true")) == 2
    assert "compile needs no-such-compiler on this machine" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "run").exists()
