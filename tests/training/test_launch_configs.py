"""The ready files for `accelerate launch --config_file`, read by accelerate's own code; no GPU runs them here."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from accelerate.commands.launch import _validate_launch_command, launch_command_parser

from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation

CONFIGS = Path(__file__).parents[2] / "training" / "configs"


@pytest.mark.parametrize("name", ["ddp", "fsdp2", "deepspeed"])
def test_accelerate_takes_every_line_of_the_file(name: str) -> None:
    path = CONFIGS / f"{name}.yaml"
    parser = launch_command_parser()
    words = [f"--config_file={path}", "--num_processes=4", "train_student.py", "--seed", "1"]
    arguments, _, _ = _validate_launch_command(parser.parse_args(words))  # raises for a key that it does not know
    assert (arguments.num_processes, arguments.mixed_precision) == (4, "bf16")
    assert [arguments.use_fsdp, arguments.use_deepspeed] == [name == "fsdp2", name == "deepspeed"]
    settings = yaml.safe_load(path.read_text())
    for key, value in {**settings.get("fsdp_config", {}), **settings.get("deepspeed_config", {})}.items():
        assert str(getattr(arguments, key)).lower() == str(value).lower(), key


def test_fsdp_shards_the_layers_that_the_network_names() -> None:
    settings = yaml.safe_load((CONFIGS / "fsdp2.yaml").read_text())["fsdp_config"]
    named = settings["fsdp_transformer_layer_cls_to_wrap"].split(",")
    assert named == DepthAnythingForDepthEstimation._no_split_modules
