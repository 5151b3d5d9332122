"""Official checkpoints in Python: `from_official`, `save_official` and `from_dinov2`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation
from depth_anything.checkpoint_lookup import CheckpointError
from depth_anything.official_checkpoint import read_config
from depth_anything.official_weights import to_official_state_dict

NORM = "pretrained.norm.weight"


@pytest.fixture
def official(tiny_model: DepthAnythingForDepthEstimation) -> dict[str, Tensor]:
    """The tensors of `tiny_model` under the official names."""
    return to_official_state_dict(tiny_model.state_dict())


@pytest.fixture
def dinov2_file(official: dict[str, Tensor], tmp_path: Path) -> Path:
    """The encoder of `tiny_model` as the official DINOv2 code saves one."""
    path = tmp_path / "dinov2_vitt14_pretrain.pth"
    prefix = "pretrained."
    torch.save({name.removeprefix(prefix): t for name, t in official.items() if name.startswith(prefix)}, path)
    return path


def assert_same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].equal(tensor), name


def encoder_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in model.state_dict().items() if name.startswith("backbone.")}


def test_from_official_gives_the_official_codes_outputs(
    golden_file: Path, golden_config: DepthAnythingConfig, assert_golden_outputs: Callable[[nn.Module], None]
) -> None:
    assert_golden_outputs(DepthAnythingForDepthEstimation.from_official(golden_file, config=golden_config))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_official_to_ours_and_back_gives_every_bit_of_a_float32_network_back(
    golden_file: Path, golden_config: DepthAnythingConfig, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"back{suffix}"
    DepthAnythingForDepthEstimation.from_official(golden_file, config=golden_config).save_official(path)
    back = load_file(path) if suffix == ".safetensors" else torch.load(path, weights_only=True)
    # The files hold a few float64 tensors among their float32 ones, in which a network does not compute.
    assert_same(back, {name: t.float() for name, t in torch.load(golden_file, weights_only=True).items()})


def test_the_model_is_ready_to_predict_and_to_train(
    official: dict[str, Tensor], tiny_config: DepthAnythingConfig, tmp_path: Path
) -> None:
    torch.save(official, tmp_path / "a.pth")
    model = DepthAnythingForDepthEstimation.from_official(tmp_path / "a.pth", config=tiny_config)
    assert not model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    model(torch.ones(1, 3, 70, 70)).predicted_depth.mean().backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_type_of_the_file_stays(
    dtype: torch.dtype, official: dict[str, Tensor], tiny_config: DepthAnythingConfig, tmp_path: Path
) -> None:
    expected = {name: tensor.to(dtype) for name, tensor in official.items()}
    torch.save(expected, tmp_path / "a.pth")
    model = DepthAnythingForDepthEstimation.from_official(tmp_path / "a.pth", config=tiny_config)
    assert model.dtype == dtype
    model.save_official(tmp_path / "back.pth")
    assert_same(torch.load(tmp_path / "back.pth", weights_only=True), expected)


@pytest.mark.parametrize(
    "dtypes",
    [(torch.float32, torch.float16), (torch.float16, torch.bfloat16), (torch.float64, torch.float64)],
)
def test_a_file_of_several_types_or_of_doubles_is_computed_with_in_float32(
    dtypes: tuple[torch.dtype, torch.dtype],
    official: dict[str, Tensor],
    tiny_config: DepthAnythingConfig,
    tmp_path: Path,
) -> None:
    tensors = {name: tensor.to(dtypes[name == NORM]) for name, tensor in official.items()}
    torch.save(tensors, tmp_path / "a.pth")
    model = DepthAnythingForDepthEstimation.from_official(tmp_path / "a.pth", config=tiny_config)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_model_survives_its_files_deletion(
    suffix: str, official: dict[str, Tensor], tiny_config: DepthAnythingConfig, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    save_file(official, path) if suffix == ".safetensors" else torch.save(official, path)
    model = DepthAnythingForDepthEstimation.from_official(path, config=tiny_config)
    path.unlink()
    assert_same(to_official_state_dict(model.state_dict()), official)


@pytest.mark.parametrize(
    "suffix",
    [
        ".pth",
        pytest.param(".safetensors"),
    ],
)
def test_a_model_does_not_change_with_its_file(
    suffix: str, official: dict[str, Tensor], tiny_config: DepthAnythingConfig, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    save_file(official, path) if suffix == ".safetensors" else torch.save(official, path)
    model = DepthAnythingForDepthEstimation.from_official(path, config=tiny_config)
    num_bytes = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(num_bytes // 2)
        file.write(bytes(num_bytes - num_bytes // 2))
    assert_same(to_official_state_dict(model.state_dict()), official)


def test_a_network_of_a_released_size_needs_its_name_alone(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        model = DepthAnythingForDepthEstimation(DepthAnythingConfig.from_size("small", version=1))
    model.save_official(tmp_path / "depth_anything_vits14.pth")
    loaded = DepthAnythingForDepthEstimation.from_official(tmp_path / "depth_anything_vits14.pth")
    assert_same(loaded.state_dict(), model.state_dict())
    assert list(loaded.config.backbone_config.out_indices) == [9, 10, 11, 12]
    (tmp_path / "depth_anything_vits14.pth").rename(tmp_path / "mine.pth")
    with pytest.raises(CheckpointError, match=r"say --version 1 or --version 2 \(in Python: version\)"):
        DepthAnythingForDepthEstimation.from_official(tmp_path / "mine.pth")
    stated = DepthAnythingForDepthEstimation.from_official(tmp_path / "mine.pth", version=2, max_depth=12)
    assert list(stated.config.backbone_config.out_indices) == [3, 6, 9, 12]
    assert (stated.config.depth_estimation_type, stated.config.max_depth) == ("metric", 12)


@pytest.mark.parametrize("flag", [{"size": "small"}, {"version": 2}, {"depth_type": "relative"}, {"max_depth": 20}])
def test_a_config_beside_what_it_describes_is_refused(flag: dict[str, Any], tiny_config: DepthAnythingConfig) -> None:
    with pytest.raises(ValueError, match="config describes the whole network: leave out size, version, depth_type"):
        DepthAnythingForDepthEstimation.from_official("gone.pth", config=tiny_config, **flag)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({NORM: None}, r"Tensors 1 missing: pretrained\.norm\.weight\."),
        (
            {NORM: torch.zeros(33)},
            r"Tensors 1 in another shape: pretrained\.norm\.weight \(33,\) instead of \(32,\)",
        ),
        ({NORM: torch.zeros(32, dtype=torch.long)}, r"Tensors 1 no plain floats: pretrained\.norm\.weight\."),
        ({NORM: torch.zeros(32, dtype=torch.complex64)}, r"Tensors 1 no plain floats: pretrained\.norm\.weight\."),
        (
            {"pretrained.blocks.4.norm1.weight": torch.zeros(32)},
            r"Tensors 1 not the network's: pretrained\.blocks\.4\.norm1\.weight\.",
        ),
        ({"pretrained.register_tokens": torch.zeros(1, 4, 32)}, r"1 of 128 tensor names .*: pretrained\.register_tok"),
        (
            {NORM: None, "pretrained.cls_token": torch.zeros(1, 1, 8)},
            r"Tensors 1 missing: pretrained\.norm\.weight; 1 in another shape: pretrained\.cls_token",
        ),
    ],
    ids=["missing", "misshapen", "integer", "complex", "a block too many", "unknown", "several faults"],
)
def test_a_tensor_that_does_not_fit_is_named(
    change: dict[str, Tensor | None],
    message: str,
    official: dict[str, Tensor],
    tiny_config: DepthAnythingConfig,
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.pth"
    torch.save({name: tensor for name, tensor in {**official, **change}.items() if tensor is not None}, path)
    with pytest.raises(CheckpointError, match=message) as error:
        DepthAnythingForDepthEstimation.from_official(path, config=tiny_config)
    assert repr(str(path)) in str(error.value)


def test_of_many_offenders_the_first_five_are_named(
    official: dict[str, Tensor], tiny_config: DepthAnythingConfig, tmp_path: Path
) -> None:
    kept = {name: tensor for name, tensor in official.items() if ".blocks.3." not in name}
    torch.save(kept, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"Tensors 14 missing: (pretrained\.\S+, ){5}\.\.\.\.$"):
        DepthAnythingForDepthEstimation.from_official(tmp_path / "a.pth", config=tiny_config)


@pytest.mark.parametrize("present", ["pretrained.", "depth_head."])
def test_of_an_official_file_with_one_half_alone_the_other_is_said_to_be_missing(
    present: str, official: dict[str, Tensor], tiny_config: DepthAnythingConfig, tmp_path: Path
) -> None:
    torch.save({name: tensor for name, tensor in official.items() if name.startswith(present)}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError) as error:
        DepthAnythingForDepthEstimation.from_official(tmp_path / "a.pth", config=tiny_config)
    assert "another network" not in str(error.value)


@pytest.mark.parametrize("absent", [".blocks.11.", ".projects.1."])
def test_what_a_file_of_a_released_size_lacks_is_named_as_missing(absent: str, tmp_path: Path) -> None:
    with torch.device("meta"):
        model = DepthAnythingForDepthEstimation(DepthAnythingConfig.from_size("small"))
    official = to_official_state_dict(model.state_dict())
    kept = {name: torch.zeros(1).expand(tensor.shape) for name, tensor in official.items() if absent not in name}
    torch.save(kept, tmp_path / "depth_anything_v2_vits.pth")
    with pytest.raises(CheckpointError, match="missing"):
        DepthAnythingForDepthEstimation.from_official(tmp_path / "depth_anything_v2_vits.pth")


@pytest.mark.parametrize("name", ["pretrained.cls_token", "depth_head.scratch.layer1_rn.weight"])
def test_a_measured_tensor_without_dimensions_is_no_traceback(
    name: str, official: dict[str, Tensor], tmp_path: Path
) -> None:
    torch.save({**official, name: torch.tensor(1.0)}, tmp_path / "depth_anything_v2_vits.pth")
    with pytest.raises(CheckpointError):
        DepthAnythingForDepthEstimation.from_official(tmp_path / "depth_anything_v2_vits.pth")


def test_a_checkpoint_in_transformers_format_is_sent_to_from_pretrained(tiny_checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is in transformers' format: load it by from_pretrained\."):
        DepthAnythingForDepthEstimation.from_official(tiny_checkpoint)


def test_transformers_weights_without_their_configuration_ask_for_it(
    tiny_checkpoint: Path, tiny_config: DepthAnythingConfig, tiny_model: DepthAnythingForDepthEstimation
) -> None:
    path = tiny_checkpoint / "model.safetensors"
    with pytest.raises(CheckpointError, match=r"has transformers' names: give its folder, with its config\.json, or"):
        DepthAnythingForDepthEstimation.from_official(path)
    loaded = DepthAnythingForDepthEstimation.from_official(path, config=tiny_config)
    assert_same(loaded.state_dict(), tiny_model.state_dict())


def test_save_official_overwrites_nothing_and_takes_two_endings(
    tiny_model: DepthAnythingForDepthEstimation, tmp_path: Path
) -> None:
    path = tmp_path / "a.pth"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match=r"a\.pth exists and is not overwritten; name another target"):
        tiny_model.save_official(path)
    with pytest.raises(ValueError, match=r"ends in \.pth or \.safetensors, not .*a\.bin"):
        tiny_model.save_official(tmp_path / "a.bin")
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_save_official_leaves_nothing_half_written(
    suffix: str, tiny_model: DepthAnythingForDepthEstimation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(content: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("depth_anything.official_export.torch.save", full_disk)
    monkeypatch.setattr("depth_anything.official_export.save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        tiny_model.save_official(tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_save_official_writes_each_tensor_and_not_what_it_is_cut_from(
    tiny_model: DepthAnythingForDepthEstimation, tmp_path: Path
) -> None:
    wide = torch.randn(1000, 32)
    tiny_model.backbone.layernorm.weight = nn.Parameter(wide[3])
    tiny_model.save_official(tmp_path / "a.pth")
    content = torch.load(tmp_path / "a.pth", weights_only=True)
    assert content[NORM].equal(wide[3])
    assert content[NORM].untyped_storage().nbytes() == 32 * 4


def test_a_home_folder_is_understood(
    tiny_model: DepthAnythingForDepthEstimation,
    tiny_config: DepthAnythingConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    tiny_model.save_official("~/new/a.pth")
    assert (tmp_path / "new" / "a.pth").is_file()
    DepthAnythingForDepthEstimation.from_official("~/new/a.pth", config=tiny_config)


@pytest.mark.parametrize("kind", [{}, {"depth_estimation_type": "metric", "max_depth": 20}])
def test_from_dinov2_takes_the_encoder_and_starts_the_decoder_anew(
    kind: dict[str, Any],
    dinov2_file: Path,
    tiny_model: DepthAnythingForDepthEstimation,
    tiny_config: DepthAnythingConfig,
) -> None:
    config = DepthAnythingConfig(**{**tiny_config.to_dict(), **kind})
    torch.manual_seed(1)
    first = DepthAnythingForDepthEstimation.from_dinov2(dinov2_file, config=config)
    second = DepthAnythingForDepthEstimation.from_dinov2(dinov2_file, config=config)
    assert_same(encoder_of(first), encoder_of(tiny_model))
    decoder = first.state_dict().keys() - encoder_of(first).keys()
    # Those that a new network draws at random differ from call to call; the rest starts at zero, as in a new one.
    new = DepthAnythingForDepthEstimation(config).state_dict()
    for name in decoder:
        values = first.state_dict()[name]
        assert values.isfinite().all()
        assert values.equal(second.state_dict()[name]) == (not new[name].any()), name
        if values.numel() > 100 and new[name].any():
            assert float(values.std() / new[name].std()) == pytest.approx(1, abs=0.5), name
    with torch.no_grad():
        assert first(torch.ones(1, 3, 70, 70)).predicted_depth.isfinite().all()


def test_from_dinov2_reads_what_transformers_saved(tiny_config: DepthAnythingConfig, tmp_path: Path) -> None:
    torch.manual_seed(0)
    fields = {**tiny_config.backbone_config.to_dict(), "out_features": None, "out_indices": None}
    dinov2 = transformers.Dinov2Model(transformers.Dinov2Config.from_dict(fields))
    dinov2.save_pretrained(tmp_path)
    model = DepthAnythingForDepthEstimation.from_dinov2(tmp_path, config=tiny_config)
    expected = load_file(tmp_path / "model.safetensors")
    assert_same({name.removeprefix("backbone."): t for name, t in encoder_of(model).items()}, expected)


def test_from_dinov2_finds_the_released_size_and_takes_the_users_choice_of_a_decoder(
    shared_dir: Path, tmp_path: Path
) -> None:
    shapes = json.loads((shared_dir / "golden" / "official_state_dict_shapes.json").read_text())["v2_vits"]
    prefix = "pretrained."
    encoder = {n.removeprefix(prefix): torch.zeros(shape) for n, shape in shapes.items() if n.startswith(prefix)}
    path = tmp_path / "dinov2_vits14_pretrain.pth"
    torch.save(encoder, path)
    default = DepthAnythingForDepthEstimation.from_dinov2(path).config
    assert list(default.backbone_config.out_indices) == [3, 6, 9, 12]
    assert default.depth_estimation_type == "relative"
    chosen = DepthAnythingForDepthEstimation.from_dinov2(
        path, version=1, depth_estimation_type="metric", max_depth=20
    ).config
    assert list(chosen.backbone_config.out_indices) == [9, 10, 11, 12]
    assert (chosen.depth_estimation_type, chosen.max_depth) == ("metric", 20)
    with pytest.raises(ValueError, match="version 3 is not known"):
        DepthAnythingForDepthEstimation.from_dinov2(path, version=3)


def test_an_encoder_and_a_whole_network_are_each_sent_to_the_right_method(
    dinov2_file: Path, official: dict[str, Tensor], tiny_config: DepthAnythingConfig, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=r"an official DINOv2 encoder: it predicts no depth\..* by from_dinov2"):
        DepthAnythingForDepthEstimation.from_official(dinov2_file, config=tiny_config)
    torch.save(official, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"a\.pth' is an official Depth Anything checkpoint, not a DINOv2 enc"):
        DepthAnythingForDepthEstimation.from_dinov2(tmp_path / "a.pth", config=tiny_config)


def test_a_dinov2_file_given_to_from_official_is_not_asked_for_its_version(shared_dir: Path, tmp_path: Path) -> None:
    shapes = json.loads((shared_dir / "golden" / "official_state_dict_shapes.json").read_text())["v2_vits"]
    prefix = "pretrained."
    encoder = {n.removeprefix(prefix): torch.zeros(shape) for n, shape in shapes.items() if n.startswith(prefix)}
    torch.save(encoder, tmp_path / "dinov2_vits14_pretrain.pth")
    with pytest.raises(CheckpointError, match="predicts no depth"):
        DepthAnythingForDepthEstimation.from_official(tmp_path / "dinov2_vits14_pretrain.pth")


def test_a_config_beside_its_own_fields_is_refused(dinov2_file: Path, tiny_config: DepthAnythingConfig) -> None:
    with pytest.raises(ValueError, match="config describes the whole network: leave out max_depth, or set it there"):
        DepthAnythingForDepthEstimation.from_dinov2(dinov2_file, config=tiny_config, max_depth=20)


def test_a_model_from_a_file_has_no_name_of_a_checkpoint(
    official: dict[str, Tensor], tiny_config: DepthAnythingConfig, tmp_path: Path
) -> None:
    torch.save(official, tmp_path / "a.pth")
    model = DepthAnythingForDepthEstimation.from_official(tmp_path / "a.pth", config=tiny_config)
    assert model.name_or_path in ("", str(tmp_path / "a.pth"))


def test_a_fresh_decoder_is_no_warning(
    dinov2_file: Path, tiny_config: DepthAnythingConfig, caplog: pytest.LogCaptureFixture
) -> None:
    DepthAnythingForDepthEstimation.from_dinov2(dinov2_file, config=tiny_config)
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"config\.json' cannot be read: No such file or directory\."),
        ("{", r"config\.json' describes no Depth Anything network: Expecting property name"),
        ('{"model_type": "bert"}', r"its model_type is 'bert', not 'depth_anything'"),
        ('{"depth_estimation_type": "metric"}', r"a metric model needs max_depth in metres, got None"),
        ('{"fusion_hidden_size": 3}', r"fusion_hidden_size must be even and positive, got 3"),
    ],
)
def test_a_configuration_that_is_none_is_one_sentence(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=message) as error:
        read_config(tmp_path / "config.json")
    assert "\n" not in str(error.value)


def test_a_configuration_is_read_from_its_file_and_from_its_folder(
    tiny_config: DepthAnythingConfig, tmp_path: Path
) -> None:
    tiny_config.save_pretrained(tmp_path)
    for path in (tmp_path, tmp_path / "config.json"):
        assert read_config(path).to_dict() == DepthAnythingConfig.from_pretrained(tmp_path).to_dict()
