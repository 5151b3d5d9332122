"""The training entries as users run them: by path, by launchers, on rendered scenes, with a tiny network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from accelerate.state import AcceleratorState
from PIL import Image
from safetensors.torch import load_file

from depth_anything import DepthAnythingForDepthEstimation, DepthPredictor
from depth_anything.training import train_student, train_teacher

ROOT = Path(__file__).parents[2]
SIZE = 28
SMALL = f"--crop_size {SIZE} --scene_size 32 --num_workers 0 --precision float32 --log_every 2 --trackers none".split()
LABELLED = ["--labelled", "procedural:labelled", "--num_labelled", "2"]
UNLABELLED = ["--unlabelled", "procedural:unlabelled", "--num_unlabelled", "4"]
VALIDATED = ["--validation_corpora", "procedural:labelled", "--validation_num_images", "4", "--validate_every", "2"]


@pytest.fixture(autouse=True)
def single_process() -> None:
    AcceleratorState._reset_state(reset_partial_state=True)


def teacher_arguments(start: Path, out: Path, *others: str) -> list[str]:
    return [*SMALL, *LABELLED, f"--start_from={start}", f"--out={out}", "--passes=0", *others]


def student_arguments(start: Path, out: Path, *others: str) -> list[str]:
    return ["--recipe=adapt", *SMALL, *UNLABELLED, f"--start_from={start}", f"--out={out}", "--passes=0", *others]


def launched(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=240, check=False
    )


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = load_file(folder / "model.safetensors")
    return weights


def test_a_teacher_leaves_a_network_settings_checkpoints_and_pictures(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = teacher_arguments(tiny_checkpoint, out, *VALIDATED, "--num_steps=4", "--decoder_lr=1e-3")
    assert train_teacher.main(arguments) == 0
    assert sorted(path.name for path in out.iterdir()) == ["best", "checkpoints", "last", "panels", "settings.yaml"]
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["step-00000004"]
    printed = capsys.readouterr().out
    assert f"{out / 'best'}" in printed
    settings = yaml.safe_load((out / "settings.yaml").read_text())
    assert settings["optimiser"]["decoder_lr"] == 1e-3
    assert yaml.safe_load(printed[: printed.index("v1-teacher: step")]) == settings

    start, last = weights_of(tiny_checkpoint), weights_of(out / "last")
    changed = [name for name in start if not torch.equal(start[name], last[name])]
    assert any("backbone" in name for name in changed)
    assert any("head" in name for name in changed)
    predicted = DepthPredictor(out / "best", device="cpu")(np.zeros((40, 50, 3), np.uint8))
    assert predicted.disparity.shape == (40, 50)
    card = (out / "best" / "README.md").read_text()
    for words in ("depth-estimation", "Recipe `v1-teacher`", "abs_rel", "procedural:labelled", "1 x cpu"):
        assert words in card
    with Image.open(out / "panels" / "validation-00000004.png") as panel:
        assert panel.size == (3 * SIZE + 2 * 4, 4 * SIZE + 3 * 4)
    assert (out / "panels" / "training-00000002.png").exists()


def test_a_second_run_is_refused_and_a_resumed_one_ends_as_one_that_ran_through(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    straight, halved = tmp_path / "straight", tmp_path / "halved"
    assert train_teacher.main(teacher_arguments(tiny_checkpoint, straight, "--num_steps=4", "--save_every=2")) == 0
    arguments = teacher_arguments(tiny_checkpoint, halved, "--num_steps=4", "--save_every=2")
    assert train_teacher.main(arguments) == 0
    expected = weights_of(halved / "last")
    # As if it had been killed after the first checkpoint.
    for path in [*(halved / "last").iterdir(), *(halved / "checkpoints" / "step-00000004").iterdir()]:
        path.unlink()
    capsys.readouterr()
    assert train_teacher.main(arguments) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "step-00000002; go on from it by --resume, or name another --out" in message

    assert train_teacher.main([*arguments, "--resume", "--encoder_lr=1e-3"]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "was saved with encoder_lr 5e-06, this run has 0.001" in message
    assert yaml.safe_load((halved / "settings.yaml").read_text())["optimiser"]["encoder_lr"] == 5e-6

    assert train_teacher.main([*arguments, "--resume"]) == 0
    for weights in (expected, weights_of(straight / "last")):
        for name, tensor in weights_of(halved / "last").items():
            assert torch.equal(tensor, weights[name]), name


def test_a_student_learns_from_its_own_folder_of_pictures_and_a_live_teacher(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    noise = np.random.default_rng(0)
    for number in range(8):
        shape = (30 + number, 40, 3)
        Image.fromarray(noise.integers(0, 256, shape, np.uint8)).save(pictures / f"{number}.png")
    out = tmp_path / "run"
    arguments = student_arguments(tiny_checkpoint, out, f"--teacher={tiny_checkpoint}", "--passes=2")
    arguments += [f"--unlabelled=image_folder={pictures}", "--decoder_lr=1e-3", "--ema_decay=0.5"]
    assert train_student.main(arguments) == 0
    record = json.loads((out / "checkpoints" / "step-00000004" / "checkpoint.json").read_text())
    assert record["step"] == 4  # 2 passes over 8 pictures, 4 in each batch
    assert "labelled live" in (out / "last" / "README.md").read_text()
    model = DepthAnythingForDepthEstimation.from_pretrained(out / "last")
    assert not torch.equal(
        model.head.conv3.weight, DepthAnythingForDepthEstimation.from_pretrained(tiny_checkpoint).head.conv3.weight
    )


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (["--teacher=none"], "has pictures alone and there is no teacher"),
        (["--unlabelled=procedural:sea"], "there is no corpus 'procedural:sea'"),
        (["--unlabelled=lsun"], "corpus lsun: say where its shards lie, by --shards"),
        (["--unlabelled=nowhere"], "there is no corpus 'nowhere'"),
        (["--start_from=nowhere"], "'nowhere' does not exist"),
        (["--num_unlabelled=3"], "CutMix mixes pairs"),
        (["--trackers", "lookout"], "the tracker 'lookout' is not installed"),
        (["--resume=nowhere"], "nowhere is no whole checkpoint"),
        (["--crop_size=30"], "crop_size is 30, no multiple of 14; set it to 28"),
        (["--validation_corpora=procedural:unlabelled"], "validate on depth"),
        (["--push_to_hub=me/it", "--license=mit"], "HF_HUB_OFFLINE forbids using the Hugging Face Hub"),
        (["--recipe=v1-teacher"], "invalid choice"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line_before_the_first_step(
    others: list[str],
    words: str,
    tiny_checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    out = tmp_path / "run"
    arguments = student_arguments(tiny_checkpoint, out, f"--teacher={tiny_checkpoint}", "--num_steps=2", *others)
    assert train_student.main(arguments) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("train_student: ")
    assert words in message
    assert not out.exists()


def test_a_folder_of_pictures_without_the_word_that_says_so_is_explained(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pictures").mkdir()
    arguments = student_arguments(tiny_checkpoint, tmp_path / "run", f"--unlabelled={tmp_path / 'pictures'}")
    assert train_student.main([*arguments, f"--teacher={tiny_checkpoint}", "--num_steps=2"]) == 2
    assert f"say image_folder={tmp_path / 'pictures'}" in capsys.readouterr().err


def test_settings_can_be_looked_at_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert train_student.main(["--recipe=v2-student-base", "--seed=7", "--show"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert (shown["recipe"], shown["run"]["seed"], shown["losses"]["trimmed_share"]) == ("v2-student-base", 7, 0.1)


@pytest.mark.slow
def test_accelerate_launches_the_teacher_by_its_path_and_torchrun_a_student_twice(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    arguments = teacher_arguments(tiny_checkpoint, teacher, "--num_steps=2", "--trackers=tensorboard")
    run = launched("-m", "accelerate.commands.launch", "training/train_teacher.py", *arguments)
    assert run.returncode == 0, run.stderr
    assert list((teacher / "trackers").rglob("events.out.tfevents.*"))

    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    arguments = student_arguments(
        tiny_checkpoint, student, f"--teacher={teacher / 'last'}", "--num_steps=2", *VALIDATED, *LABELLED
    )
    run = launched(*launcher, "training/train_student.py", *arguments)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("adapt: step 2") == 1  # said by one of the two
    for complaint in ("arning", "destroy_process_group", "Traceback", "[E", "[W"):
        assert complaint not in run.stderr, run.stderr
    assert "2 x cpu" in (student / "best" / "README.md").read_text()
    record = json.loads((student / "checkpoints" / "step-00000002" / "checkpoint.json").read_text())
    assert record["identity"]["number of processes"] == 2
