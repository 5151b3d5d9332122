import math
from pathlib import Path

import pytest
import torch
from transformers import Dinov2Model

from depth_anything.training.nano_settings import NanoSettings
from depth_anything.training.nano_training import rate_share, train_nano
from depth_anything.training.pretrain_nano import main

TINY = {
    "hidden_size": 16,
    "num_layers": 1,
    "num_heads": 2,
    "scene_size": 32,
    "crop_size": 28,
    "scenes_per_step": 64,
    "num_steps": 4,
    "num_warmup_steps": 1,
    "num_workers": 1,
}


@pytest.fixture(autouse=True)
def same_number_of_threads_afterwards() -> object:
    """The training sets torch's number of threads, as a command may and a test may not."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def tiny(out: Path, **changed: object) -> list[str]:
    return [f"--out={out}", *(f"--{name}={value}" for name, value in {**TINY, **changed}.items())]


@pytest.mark.slow
def test_the_command_writes_an_encoder_that_transformers_reads_and_a_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "nano"
    assert main(tiny(out)) == 0
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    encoder, report = Dinov2Model.from_pretrained(out, output_loading_info=True)
    assert not any(report[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert encoder.dtype is torch.float16
    assert encoder.config.hidden_size == 16
    assert encoder.config.image_size == 28
    card = (out / "README.md").read_text()
    assert f"python training/pretrain_nano.py --out={out}" in card
    assert "| cell accuracy | 0." in card
    assert "domain `held-out` never" in card
    assert "cell accuracy" in capsys.readouterr().out
    assert main(tiny(out)) == 2
    assert "exists and is not overwritten" in capsys.readouterr().err


@pytest.mark.slow
def test_two_trainings_give_the_same_weights_and_another_seed_others() -> None:
    encoders = [train_nano(NanoSettings(out="unused", seed=seed, **TINY)).encoder for seed in (0, 0, 1)]
    weights = [torch.cat([each.flatten() for each in encoder.parameters()]) for encoder in encoders]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_rate_rises_and_falls_as_half_a_cosine() -> None:
    settings = NanoSettings(out="unused", num_steps=104, num_warmup_steps=4)
    assert [rate_share(step, settings) for step in range(5)] == [0.25, 0.5, 0.75, 1, 1]
    assert rate_share(54, settings) == pytest.approx(0.5)
    assert rate_share(79, settings) == pytest.approx(0.5 - 0.5 * math.sqrt(0.5))
    assert rate_share(104, settings) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"crop_size": 30}, "crop_size is 30 and scene_size 32; the first has to be a multiple of 14"),
        ({"crop_size": 42}, "no larger than the second"),
        ({"hidden_size": 15}, "hidden_size is 15; it has to be a multiple of num_heads, 2"),
        ({"num_steps": 1}, "num_warmup_steps is 1; it has to be below num_steps, 1"),
        ({"num_steps": 1_000_000}, "nano has 1000000 scenes to train on"),
        ({"learning_rate": 0}, "learning_rate is 0.0; it has to be above 0"),
        ({"seed": -1}, "seed is -1; it has to be 0 or more"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(
    changed: dict[str, object], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(tiny(tmp_path / "nano", **changed)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
