"""`depth-anything convert`: both ways, bit for bit, and nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation, DepthAnythingImageProcessor
from depth_anything.cli import main
from depth_anything.conversion.convert_checkpoint import main as run_by_path
from depth_anything.model_card import card_faults, is_untouched
from depth_anything.official_weights import from_official_state_dict, to_official_state_dict

Convert = Callable[..., int]

SCRIPT = Path(__file__).parents[2] / "conversion" / "convert_checkpoint.py"
FOLDER_FILES = {"README.md", "config.json", "model.safetensors", "preprocessor_config.json"}
MAX_PEAK = 1.3  # peak memory above the interpreter's, in sizes of the file
KIBIBYTE = 1024


def load(path: Path) -> dict[str, Tensor]:
    return load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].equal(tensor), name


def run_python(code: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert run.returncode == 0, run.stderr
    return run


@pytest.fixture
def golden_config_file(golden_config: DepthAnythingConfig, workplace: Path) -> Path:
    """`golden_config` as a file."""
    golden_config.save_pretrained(workplace / "golden")
    return workplace / "golden" / "config.json"


@pytest.fixture
def dinov2_file(tiny_official: Path, workplace: Path) -> Path:
    """The encoder of `tiny_model` as the official DINOv2 code saves one."""
    prefix = "pretrained."
    official = load(tiny_official)
    path = workplace / "dinov2_vitt14_pretrain.pth"
    torch.save({name.removeprefix(prefix): t for name, t in official.items() if name.startswith(prefix)}, path)
    return path


def test_golden_outputs_hold_after_conversion_and_after_a_round_trip(
    convert: Convert,
    golden_file: Path,
    golden_config_file: Path,
    assert_golden_outputs: Callable[[nn.Module], None],
    workplace: Path,
) -> None:
    assert convert(golden_file, "there", "--config", golden_config_file) == 0
    assert_golden_outputs(DepthAnythingForDepthEstimation.from_pretrained(workplace / "there"))
    assert convert("there", "back.pth") == 0
    assert convert("back.pth", "again", "--config", "there/config.json") == 0
    assert_golden_outputs(DepthAnythingForDepthEstimation.from_pretrained(workplace / "again"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_official_to_transformers_and_back_gives_every_bit_and_every_type_back(
    convert: Convert, golden_file: Path, golden_config_file: Path, suffix: str, workplace: Path
) -> None:
    assert convert(golden_file, "there", "--config", golden_config_file) == 0
    expected = load(golden_file)
    assert_same(load(workplace / "there" / "model.safetensors"), from_official_state_dict(expected))
    assert convert("there", f"back{suffix}") == 0
    assert_same(load(workplace / f"back{suffix}"), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_file_of_half_precision_stays_one(
    convert: Convert, dtype: torch.dtype, tiny_official: Path, tiny_config_file: Path, workplace: Path
) -> None:
    expected = {name: tensor.to(dtype) for name, tensor in load(tiny_official).items()}
    torch.save(expected, workplace / "half.pth")
    assert convert("half.pth", "there", "--config", tiny_config_file) == 0
    assert json.loads((workplace / "there" / "config.json").read_text())["dtype"] == str(dtype).split(".")[1]
    assert DepthAnythingForDepthEstimation.from_pretrained(workplace / "there").dtype == dtype
    assert convert("there", "back.pth") == 0
    assert_same(load(workplace / "back.pth"), expected)


def test_the_folder_is_what_from_official_and_save_pretrained_write_and_a_card(
    convert: Convert, tiny_official: Path, tiny_config: DepthAnythingConfig, tiny_config_file: Path, workplace: Path
) -> None:
    assert convert("mine.pth", "there", "--config", tiny_config_file) == 0
    DepthAnythingForDepthEstimation.from_official(tiny_official, config=tiny_config).save_pretrained("saved")
    there, saved = workplace / "there", workplace / "saved"
    assert {path.name for path in there.iterdir()} == FOLDER_FILES
    assert json.loads((there / "config.json").read_text()) == json.loads((saved / "config.json").read_text())
    assert_same(load(there / "model.safetensors"), load(saved / "model.safetensors"))
    assert {path.stat().st_mode for path in there.iterdir()} == {(saved / "config.json").stat().st_mode}


def test_the_folder_loads_in_transformers_that_know_nothing_of_this_package(
    convert: Convert, golden_file: Path, golden_config_file: Path, golden_name: str, workplace: Path
) -> None:
    assert convert(golden_file, "there", "--config", golden_config_file) == 0
    code = """
import sys
from transformers import AutoModelForDepthEstimation, DPTImageProcessor
model, report = AutoModelForDepthEstimation.from_pretrained(sys.argv[1], output_loading_info=True)
assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"], report
assert type(model).__module__.startswith("transformers."), type(model)
model.save_pretrained(sys.argv[2])
assert DPTImageProcessor.from_pretrained(sys.argv[1]).ensure_multiple_of == 14
assert "depth_anything" not in sys.modules
print(model.config.depth_estimation_type, model.config.max_depth)
"""
    run = run_python(code, workplace / "there", workplace / "native", HF_HUB_OFFLINE="1")
    assert run.stdout.split() == (["metric", "20"] if "metric" in golden_name else ["relative", "1"])
    native = load(workplace / "native" / "model.safetensors")
    converted = {name: tensor.float() for name, tensor in load(workplace / "there" / "model.safetensors").items()}
    assert_same(native, converted)
    # And what transformers saved goes back to the official code.
    assert convert("native", "back.pth") == 0
    assert_same(load(workplace / "back.pth"), {name: tensor.float() for name, tensor in load(golden_file).items()})


@pytest.mark.parametrize(("version", "align_corners"), [("1", False), ("2", True)])
def test_each_version_enlarges_maps_in_its_own_way(
    convert: Convert, version: str, align_corners: bool, small_official: Path, workplace: Path
) -> None:
    assert convert(small_official, "there", "--version", version, "--depth-type", "relative") == 0
    assert DepthAnythingImageProcessor.from_pretrained(workplace / "there").align_corners is align_corners


@pytest.mark.parametrize(
    ("name", "summary", "title", "licence", "blocks"),
    [
        ("depth_anything_vits14.pth", "V1 small, disparity", "V1 Small", "apache-2.0", [9, 10, 11, 12]),
        ("depth_anything_v2_vits.pth", "V2 small, disparity", "V2 Small", "apache-2.0", [3, 6, 9, 12]),
        ("depth_anything_v2_vits_fp16.pth", "V2 small, disparity", "V2 Small", "apache-2.0", [3, 6, 9, 12]),
        (
            "depth_anything_v2_metric_hypersim_vits.pth",
            "V2 small, metres up to 20",
            "V2 Metric Indoor Small",
            "unknown",
            [3, 6, 9, 12],
        ),
        (
            "depth_anything_v2_metric_vkitti_vits.pth",
            "V2 small, metres up to 80",
            "V2 Metric Outdoor Small",
            "unknown",
            [3, 6, 9, 12],
        ),
    ],
)
def test_a_full_size_file_with_a_releases_name_gets_its_network_card_and_licence(
    convert: Convert,
    name: str,
    summary: str,
    title: str,
    licence: str,
    blocks: list[int],
    small_official: Path,
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    os.link(small_official, workplace / name)
    assert convert(name, "out/there") == 0
    printed = capsys.readouterr().out
    assert f"out/there: Depth Anything {summary}, 24.8 M parameters, float32\n" in printed
    assert ("The licence of out/there is unknown" in printed) == (licence == "unknown")
    config = DepthAnythingConfig.from_pretrained(workplace / "out" / "there")
    assert list(config.backbone_config.out_indices) == blocks
    text = (workplace / "out" / "there" / "README.md").read_text(encoding="utf-8")
    assert f"# Depth Anything {title}\n" in text
    assert f"converted from {name} by depth-anything " in text
    assert 'DepthPredictor("out/there")' in text
    assert ModelCard(text).data.license == licence
    assert card_faults(text) == []
    assert is_untouched(text)


def test_flags_stand_for_a_telling_name_and_give_no_releases_card(
    convert: Convert, small_official: Path, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--size", "vits", "--version", "2", "--depth-type", "metric", "--max-depth", "35.5"]
    assert convert(small_official, "there", *flags, "--license", "cc-by-nc-4.0") == 0
    printed = capsys.readouterr().out
    assert "V2 small, metres up to 35.5" in printed
    assert "The weights of there are licensed cc-by-nc-4.0: not for commercial use." in printed
    data = ModelCard((workplace / "there" / "README.md").read_text(encoding="utf-8")).data
    assert (data.license, data.eval_results, data.base_model) == ("cc-by-nc-4.0", None, None)
    assert convert("there", "back.pth") == 0
    assert "to convert it back give --version 2 --depth-type metric --max-depth 35.5" in capsys.readouterr().out


def test_a_release_that_goes_back_under_its_own_name_needs_no_flags(
    convert: Convert, small_official: Path, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(small_official, "there", "--version", "1", "--depth-type", "relative") == 0
    capsys.readouterr()
    assert convert("there", "depth_anything_vits14.pth") == 0
    assert capsys.readouterr().out == "depth_anything_vits14.pth: official format\n"
    assert_same(load(workplace / "depth_anything_vits14.pth"), load(small_official))


def test_a_fine_tuned_file_in_a_folder_named_like_a_release_is_not_that_release(
    convert: Convert, small_official: Path, workplace: Path
) -> None:
    (workplace / "exp" / "depth_anything_v2_vits").mkdir(parents=True)
    weights = {f"module.{name}": tensor for name, tensor in load(small_official).items()}
    torch.save({"model": weights, "epoch": 9}, workplace / "exp" / "depth_anything_v2_vits" / "latest.pth")
    assert convert("exp/depth_anything_v2_vits/latest.pth", "there") == 1


def test_latest_pth_of_the_v2_training_code_converts(
    convert: Convert, tiny_official: Path, tiny_config_file: Path, workplace: Path
) -> None:
    official = load(tiny_official)
    weights = {f"module.{name}": tensor for name, tensor in official.items()}
    best = {"d1": 0.9, "abs_rel": 0.07}
    torch.save({"model": weights, "optimizer": {}, "epoch": 9, "previous_best": best}, workplace / "latest.pth")
    assert convert("latest.pth", "there", "--config", tiny_config_file) == 0
    assert_same(load(workplace / "there" / "model.safetensors"), from_official_state_dict(official))


def test_official_files_are_read_from_safetensors_and_from_a_folder(
    convert: Convert, tiny_official: Path, tiny_config_file: Path, workplace: Path
) -> None:
    (workplace / "folder").mkdir()
    save_file(load(tiny_official), workplace / "folder" / "a.safetensors")
    assert convert("folder", "there", "--config", tiny_config_file) == 0
    expected = from_official_state_dict(load(tiny_official))
    assert_same(load(workplace / "there" / "model.safetensors"), expected)


def test_a_checkpoint_in_shards_goes_back_to_one_official_file(
    convert: Convert, tiny_model: DepthAnythingForDepthEstimation, workplace: Path
) -> None:
    tiny_model.save_pretrained(workplace / "shards", max_shard_size="100KB")
    assert len(list((workplace / "shards").glob("*.safetensors"))) > 1
    assert convert("shards", "back.pth") == 0
    assert_same(load(workplace / "back.pth"), to_official_state_dict(tiny_model.state_dict()))


def test_an_encoder_alone_needs_the_users_word_for_a_fresh_decoder(
    convert: Convert,
    dinov2_file: Path,
    tiny_config_file: Path,
    tiny_official: Path,
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert convert(dinov2_file, "there", "--config", tiny_config_file) == 1
    assert "it predicts no depth. To train from it, say --fresh-decoder, or load it by" in capsys.readouterr().err
    assert convert("mine.pth", "there", "--config", tiny_config_file, "--fresh-decoder") == 1
    assert "--fresh-decoder is for a DINOv2 encoder alone, and mine.pth is" in capsys.readouterr().err
    assert not (workplace / "there").exists()


def test_a_fresh_decoder_is_the_same_each_time_and_the_encoder_is_the_files(
    convert: Convert, dinov2_file: Path, tiny_config_file: Path, tiny_official: Path, workplace: Path
) -> None:
    for target in ("first", "second"):
        assert convert(dinov2_file, target, "--config", tiny_config_file, "--fresh-decoder") == 0
    first, second = (load(workplace / target / "model.safetensors") for target in ("first", "second"))
    assert_same(first, second)
    expected = from_official_state_dict(load(tiny_official))
    for name, tensor in first.items():
        assert tensor.isfinite().all()
        assert tensor.equal(expected[name]) == (name.startswith("backbone.") or not expected[name].any()), name
    assert {path.name for path in (workplace / "first").iterdir()} == FOLDER_FILES


def test_the_card_of_a_fresh_decoder_says_that_it_is_untrained(
    convert: Convert, dinov2_file: Path, tiny_config_file: Path, workplace: Path
) -> None:
    assert convert(dinov2_file, "there", "--config", tiny_config_file, "--fresh-decoder") == 0
    assert "untrained" in (workplace / "there" / "README.md").read_text()


def test_the_parameters_of_a_fresh_decoder_count(
    convert: Convert, dinov2_file: Path, tiny_config: DepthAnythingConfig, workplace: Path
) -> None:
    # Wide enough that the decoder shows in the first decimal of a million.
    fields = {**tiny_config.to_dict(), "fusion_hidden_size": 64}
    DepthAnythingConfig(**fields).save_pretrained(workplace / "wide")
    assert convert(dinov2_file, "there", "--config", "wide/config.json", "--fresh-decoder") == 0
    count = sum(tensor.numel() for tensor in load(workplace / "there" / "model.safetensors").values())
    assert f"| parameters | {count / 1e6:.1f} M |" in (workplace / "there" / "README.md").read_text()


def test_a_fresh_decoder_in_the_official_format_is_written_or_refused(
    convert: Convert, dinov2_file: Path, tiny_config_file: Path, tiny_official: Path, workplace: Path
) -> None:
    flags = ["--to", "official", "--fresh-decoder", "--config", tiny_config_file]
    if convert(dinov2_file, "there.pth", *flags) == 0:
        assert load(workplace / "there.pth").keys() == load(tiny_official).keys()
    else:
        assert not (workplace / "there.pth").exists()


def test_nothing_is_overwritten(
    convert: Convert, tiny_official: Path, tiny_config_file: Path, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "folder").mkdir()
    (workplace / "folder" / "precious").write_text("precious")
    (workplace / "file.pth").write_text("precious")
    assert convert("mine.pth", "folder", "--config", tiny_config_file) == 1
    assert "folder exists and is not overwritten; name another target, or remove it first" in capsys.readouterr().err
    assert convert("tiny", "file.pth") == 1
    assert "file.pth exists and is not overwritten" in capsys.readouterr().err
    assert convert("mine.pth", "mine.pth", "--config", tiny_config_file) == 1
    assert (workplace / "folder" / "precious").read_text() == (workplace / "file.pth").read_text() == "precious"
    assert {path.name for path in workplace.iterdir()} == {"tiny", "mine.pth", "folder", "file.pth"}


@pytest.fixture
def broken(tiny_official: Path, workplace: Path) -> Callable[[str], str]:
    """A file with one fault, by what the fault is; gives its name."""

    def save(fault: str) -> str:
        official = load(tiny_official)
        norm = "pretrained.norm.weight"
        whole = tiny_official.read_bytes()
        tensors: Any = {
            "missing": {name: tensor for name, tensor in official.items() if name != norm},
            "extra": {**official, "pretrained.register_tokens": torch.zeros(1, 4, 32)},
            "misshapen": {**official, norm: torch.zeros(33)},
            "integer": {**official, norm: torch.zeros(32, dtype=torch.long)},
            "NaN": {**official, norm: torch.full((32,), float("nan"))},
            "infinite": {**official, norm: torch.full((32,), float("-inf"))},
            "another network": nn.Linear(2, 2).state_dict(),
            "a module": nn.Linear(2, 2),
            "metric bins": {
                "model": {
                    **{f"module.core.core.{name}": tensor for name, tensor in official.items()},
                    "module.conditional_log_binomial.mlp.0.weight": torch.zeros(1),
                }
            },
        }.get(fault)
        path = workplace / "broken.pth"
        if tensors is not None:
            torch.save(tensors, path)
        else:
            path.write_bytes({"truncated": whole[: len(whole) // 2], "empty": b"", "html": b"<html>"}[fault])
        return path.name

    return save


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", "do not fit the network. Tensors 1 missing: pretrained.norm.weight."),
        ("extra", "1 of 128 tensor names belong to no Depth Anything checkpoint: pretrained.register_tokens"),
        ("misshapen", "Tensors 1 in another shape: pretrained.norm.weight (33,) instead of (32,)."),
        ("integer", "Tensors 1 no plain floats: pretrained.norm.weight."),
        ("NaN", "are broken: 1 tensors hold NaN or infinity: pretrained.norm.weight."),
        ("infinite", "are broken: 1 tensors hold NaN or infinity: pretrained.norm.weight."),
        ("another network", "neither Depth Anything nor DINOv2: bias, weight (2 in all)."),
        ("a module", "its pickle asks for torch.nn.modules.linear.Linear. Only tensors are read"),
        ("metric bins", "it needs the metric-bins model, which this package does not have yet."),
        ("truncated", "is damaged or cut short: "),
        ("empty", "is empty."),
        ("html", "is a web page, not the weights: download the file itself."),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence_and_leaves_nothing(
    convert: Convert,
    broken: Callable[[str], str],
    fault: str,
    message: str,
    tiny_config_file: Path,
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = broken(fault)
    before = {path.name for path in workplace.iterdir()}
    assert convert(name, "new/there", "--config", tiny_config_file) == 1
    error = capsys.readouterr().err
    assert error.startswith("depth-anything convert: ")
    assert message in error
    assert error.count("\n") == 1
    assert {path.name for path in workplace.iterdir()} == before


def test_the_metric_bins_file_of_v1_is_recognised_by_what_it_holds_and_not_asked_for_flags(
    convert: Convert, broken: Callable[[str], str], workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / broken("metric bins")).rename("depth_anything_metric_depth_indoor.pt")
    assert convert("depth_anything_metric_depth_indoor.pt", "there") == 1
    error = capsys.readouterr().err
    assert "ZoeDepth's metric-bins head: it needs the metric-bins model" in error
    assert "--" not in error


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("save_file", OSError(28, "No space left on device")),
        ("load_image_processor", OSError(13, "Permission denied")),
        ("build_card", KeyboardInterrupt()),
    ],
)
def test_whatever_fails_while_the_folder_is_written_leaves_nothing(
    convert: Convert,
    step: str,
    error: BaseException,
    tiny_official: Path,
    tiny_config_file: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from depth_anything.conversion import converted_folder

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(converted_folder, step, fail)
    before = {path.name for path in workplace.iterdir()}
    assert convert("mine.pth", "there", "--config", tiny_config_file) == (1 if isinstance(error, OSError) else 130)
    assert {path.name for path in workplace.iterdir()} == before
    if isinstance(error, OSError):
        assert capsys.readouterr().err.startswith("depth-anything convert: there cannot be written: [Errno ")


@pytest.mark.skipif(sys.platform == "win32", reason="the limit that stands for a full disk is POSIX's")
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    tiny_official: Path, tiny_config_file: Path, tiny_model: DepthAnythingForDepthEstimation, workplace: Path
) -> None:
    tiny_model.save_pretrained(workplace / "model")
    before = {path.name for path in workplace.iterdir()}
    code = """
import resource, sys
from depth_anything.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
assert main(["convert", "mine.pth", "there", "--config", "tiny/config.json"]) == 1
assert main(["convert", "model", "back.pth"]) == 1
assert main(["convert", "model", "back.safetensors"]) == 1
"""
    run = run_python(code)
    assert {path.name for path in workplace.iterdir()} == before
    assert run.stderr.count("\n") == 3


@pytest.mark.parametrize("kind", ["channels last", "shared", "expanded", "float8"])
def test_tensors_in_odd_memory_convert_or_are_refused_in_a_sentence(
    convert: Convert, kind: str, tiny_official: Path, tiny_config_file: Path, workplace: Path
) -> None:
    official = load(tiny_official)
    odd: dict[str, Tensor] = {
        "channels last": {
            name: tensor.contiguous(memory_format=torch.channels_last)
            for name, tensor in official.items()
            if tensor.ndim == 4
        },
        "shared": {"pretrained.blocks.0.norm2.weight": official["pretrained.blocks.0.norm1.weight"]},
        "expanded": {"pretrained.norm.weight": torch.ones(1).expand(32)},
        "float8": {name: tensor.to(torch.float8_e4m3fn) for name, tensor in official.items()},
    }[kind]
    torch.save({**official, **odd}, workplace / "odd.pth")
    assert convert("odd.pth", "there", "--config", tiny_config_file) in (0, 1)


def test_a_network_that_the_official_code_cannot_have_is_refused_in_a_sentence(
    convert: Convert, tiny_config: DepthAnythingConfig, workplace: Path
) -> None:
    fields = tiny_config.to_dict()
    fields["backbone_config"] |= {"out_indices": [0, 1, 2, 3, 4], "out_features": None, "stage_names": None}
    fields |= {"neck_hidden_sizes": [8, 16, 16, 16, 16], "reassemble_factors": [4, 2, 1, 1, 0.5]}
    DepthAnythingForDepthEstimation(DepthAnythingConfig(**fields)).save_pretrained(workplace / "five")
    assert convert("five", "five.pth") == 1


def test_what_the_official_file_cannot_say_is_said_to_the_user(
    convert: Convert, tiny_config: DepthAnythingConfig, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = DepthAnythingConfig(**{**tiny_config.to_dict(), "position_interpolation": "native"})
    DepthAnythingForDepthEstimation(config).save_pretrained(workplace / "native")
    assert convert("native", "native.pth") != 0 or "position_interpolation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: SOURCE, TARGET"),
        (["mine.pth"], "the following arguments are required: TARGET"),
        (["mine.pth", "there", "--size", "huge"], "argument --size: invalid choice: 'huge'"),
        (["mine.pth", "there", "--version", "3"], "argument --version: invalid choice: '3'"),
        (["mine.pth", "there", "--depth-type", "depth"], "argument --depth-type: invalid choice: 'depth'"),
        (["mine.pth", "there", "--max-depth", "0"], "'0' is no positive number of metres"),
        (["mine.pth", "there", "--max-depth", "nan"], "'nan' is no positive number of metres"),
        (["mine.pth", "there", "--max-depth", "-5"], "'-5' is no positive number of metres"),
        (["mine.pth", "there", "--depth-type", "relative", "--max-depth", "5"], "max_depth 5 is of a metric model"),
        (
            ["mine.pth", "there", "--config", "tiny/config.json", "--version", "2"],
            "--config describes the whole network: leave out --size, --version, --depth-type, --max-depth",
        ),
        (["mine.pth", "there.pth"], "TARGET there.pth is to be a folder: leave out the ending .pth"),
        (["mine.pth", "there", "--revision", "v1"], "revision 'v1' is of a Hub repository, but 'mine.pth' is a file"),
        (["model", "there"], "TARGET there has to be a file that ends in .pth or .safetensors"),
        (["model", "there.bin"], "TARGET there.bin has to be a file that ends in .pth or .safetensors"),
        (["model", "there", "--to", "transformers"], "model is in transformers' format already; say --to official"),
        (["model", "there.pth", "--version", "2"], "model has a config.json, which describes it: leave out --size"),
        (["model", "there.pth", "--config", "tiny/config.json"], "model has a config.json, which describes it"),
        (
            ["model", "there.pth", "--license", "mit"],
            "--license is for the card of a folder, and an official file has",
        ),
        (["mine.pth", "there", "--overwrite"], "unrecognized arguments: --overwrite"),
    ],
)
def test_a_command_line_that_cannot_be_used_is_answered_with_a_sentence(
    convert: Convert,
    arguments: list[str],
    message: str,
    tiny_official: Path,
    tiny_config_file: Path,
    tiny_model: DepthAnythingForDepthEstimation,
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tiny_model.save_pretrained(workplace / "model")
    before = {path.name for path in workplace.iterdir()}
    assert convert(*arguments) == 2
    assert message in capsys.readouterr().err
    assert {path.name for path in workplace.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.pth", "there"], "The weights file 'gone.pth' does not exist."),
        (["gone", "there"], "folder 'gone' does not exist, and that is no Hub id ('owner/name') either."),
        (["tiny/config.json", "there"], "is no weights file: it has to end in .pth"),
        (["tiny", "there"], "The model folder 'tiny' has no weights"),
        (["mine.pth", "there"], "are of no released size (hidden_size 32, num_layers 4, "),
        (["mine.pth", "there", "--config", "gone.json"], "'gone.json' cannot be read: No such file or directory."),
        (["mine.pth", "mine.pth/there", "--config", "tiny/config.json"], "mine.pth/there cannot be written: "),
    ],
)
def test_what_cannot_be_done_is_answered_with_a_sentence(
    convert: Convert,
    arguments: list[str],
    message: str,
    tiny_official: Path,
    tiny_config_file: Path,
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert convert(*arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (workplace / "there").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "say --version 1 or --version 2"),
        (["--version", "2"], "say --depth-type relative, or --depth-type metric and --max-depth"),
        (["--version", "2", "--depth-type", "metric"], "say --max-depth in metres"),
        (
            ["--version", "2", "--depth-type", "relative", "--size", "base"],
            "are of size small, not base: leave out --size",
        ),
    ],
)
def test_what_neither_name_nor_weights_say_has_to_be_said(
    convert: Convert,
    flags: list[str],
    message: str,
    small_official: Path,
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert convert(small_official, "there", *flags) == 1
    assert message in capsys.readouterr().err
    assert list(workplace.iterdir()) == []


def test_the_help_names_formats_and_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "--help"]) == 0
    text = capsys.readouterr().out
    for word in (
        ".safetensors",
        "Nothing is overwritten",
        "--fresh-decoder",
        "depth_anything_v2_metric_hypersim_vits",
    ):
        assert word in text


def test_the_file_runs_by_its_path(tiny_official: Path, tiny_config_file: Path, workplace: Path) -> None:
    command = [sys.executable, str(SCRIPT), "mine.pth", "there", "--config", str(tiny_config_file)]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(2))
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("there: Depth Anything of its own size, disparity, 0.1 M parameters, float32\n")
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith("convert_checkpoint.py: there exists and is not overwritten")


def test_its_main_ends_like_the_command(
    tiny_official: Path, tiny_config_file: Path, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_by_path(["mine.pth", "there", "--config", str(tiny_config_file)]) == 0
    assert run_by_path(["there", "back.bin"]) == 2
    assert run_by_path(["gone.pth", "other"]) == 1
    assert capsys.readouterr().err == (
        "convert_checkpoint.py: TARGET back.bin has to be a file that ends in .pth or .safetensors\n"
        "convert_checkpoint.py: The weights file 'gone.pth' does not exist.\n"
    )
    assert run_by_path(["there", "back.pth"]) == 0
    assert_same(load(workplace / "back.pth"), load(tiny_official))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of one process alone is read from /proc")
def test_a_vit_l_takes_little_more_memory_than_its_own_size(shared_dir: Path, workplace: Path) -> None:
    shapes = json.loads((shared_dir / "golden" / "official_state_dict_shapes.json").read_text())["v2_vitl"]
    generator = torch.Generator().manual_seed(0)
    path = workplace / "depth_anything_v2_vitl.pth"
    torch.save({name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}, path)
    # ru_maxrss would do but for Linux, where a new process starts with the peak of the one that it was forked from.
    code = """
import re, sys
from pathlib import Path
from depth_anything.cli import main
import depth_anything.conversion.convert_checkpoint
if sys.argv[1:]:
    assert main(["convert", *sys.argv[1:]]) == 0
print("peak", re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""

    def peak_bytes(*arguments: str | Path) -> int:
        return int(run_python(code, *arguments).stdout.split()[-1]) * KIBIBYTE

    alone = peak_bytes()
    num_bytes = path.stat().st_size
    assert num_bytes > 1.3e9
    assert peak_bytes(path, workplace / "there") - alone < MAX_PEAK * num_bytes
    path.unlink()
    assert peak_bytes(workplace / "there", workplace / "back.pth") - alone < MAX_PEAK * num_bytes
