"""What transformers' Auto classes and pipeline return with us imported, and in a process that never imports us."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForDepthEstimation, pipeline
from transformers.models.auto.image_processing_auto import AutoImageProcessor

import depth_anything
from depth_anything import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    DepthAnythingImageProcessor,
    register_auto_classes,
)


@pytest.fixture
def picture() -> Image.Image:
    gradient = torch.arange(96 * 128 * 3).reshape(96, 128, 3) % 251
    return Image.fromarray(gradient.to(torch.uint8).numpy())


@pytest.fixture
def native_checkpoint(tiny_config: DepthAnythingConfig, tmp_path: Path) -> Path:
    """A folder as transformers' own classes write it; its processor file names DPTImageProcessor."""
    folder = tmp_path / "native"
    torch.manual_seed(0)
    config = transformers.DepthAnythingConfig(**tiny_config.to_dict())
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    fields = {
        "image_processor_type": "DPTImageProcessor",
        "size": {"height": 518, "width": 518},
        "keep_aspect_ratio": True,
        "ensure_multiple_of": 14,
        "resample": 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(fields))
    return folder


def run_elsewhere(script: str, *arguments: object) -> str:
    """Output of a process in which `depth_anything` cannot be imported."""
    blocked = "import sys\nsys.modules['depth_anything'] = None\n" + textwrap.dedent(script)
    command = [sys.executable, "-c", blocked, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_a_folder_that_we_saved_gives_our_classes(tiny_checkpoint: Path) -> None:
    assert type(AutoConfig.from_pretrained(tiny_checkpoint)) is DepthAnythingConfig
    assert type(AutoModelForDepthEstimation.from_pretrained(tiny_checkpoint)) is DepthAnythingForDepthEstimation
    assert type(AutoImageProcessor.from_pretrained(tiny_checkpoint)) is DepthAnythingImageProcessor


def test_registering_again_changes_nothing(tiny_checkpoint: Path) -> None:
    register_auto_classes()
    register_auto_classes()
    assert type(AutoModelForDepthEstimation.from_pretrained(tiny_checkpoint)) is DepthAnythingForDepthEstimation


def test_the_pipeline_runs_our_model_behind_our_processor(tiny_checkpoint: Path, picture: Image.Image) -> None:
    estimator = pipeline("depth-estimation", model=str(tiny_checkpoint))
    assert type(estimator.model) is DepthAnythingForDepthEstimation
    assert type(estimator.image_processor) is DepthAnythingImageProcessor
    predicted = estimator(picture)["predicted_depth"]
    processor = DepthAnythingImageProcessor.from_pretrained(tiny_checkpoint)
    with torch.no_grad():
        outputs = estimator.model(**processor(picture, return_tensors="pt"))
    (expected,) = processor.post_process_depth_estimation(outputs, [(96, 128)])
    assert predicted.shape == (96, 128)
    torch.testing.assert_close(predicted, expected["predicted_depth"])


def test_the_pipeline_works_in_bfloat16(tiny_checkpoint: Path, picture: Image.Image) -> None:
    predicted = pipeline("depth-estimation", model=str(tiny_checkpoint), dtype="bfloat16")(picture)["predicted_depth"]
    assert predicted.dtype == torch.float32
    assert predicted.isfinite().all()


def test_a_native_checkpoint_gives_our_model_and_keeps_transformers_processor(native_checkpoint: Path) -> None:
    model = AutoModelForDepthEstimation.from_pretrained(native_checkpoint)
    assert type(model) is DepthAnythingForDepthEstimation
    saved = load_file(native_checkpoint / "model.safetensors")
    assert all(tensor.equal(saved[name]) for name, tensor in model.state_dict().items())
    processor = AutoImageProcessor.from_pretrained(native_checkpoint)
    assert type(processor).__name__.startswith("DPTImageProcessor")
    assert type(DepthAnythingImageProcessor.from_pretrained(native_checkpoint)) is DepthAnythingImageProcessor


def test_true_dpt_checkpoints_are_untouched(tmp_path: Path) -> None:
    config = transformers.DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16, image_size=32,
        backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[4, 4, 4, 4], fusion_hidden_size=4,
    )  # fmt: skip
    transformers.DPTForDepthEstimation(config).save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "DPTImageProcessor"}))
    model = AutoModelForDepthEstimation.from_pretrained(tmp_path)
    assert type(model) is transformers.DPTForDepthEstimation
    assert type(AutoImageProcessor.from_pretrained(tmp_path)).__name__.startswith("DPTImageProcessor")


@pytest.mark.slow
def test_a_process_that_never_imported_us_loads_the_folder_natively_with_equal_weights(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    loaded = tmp_path / "loaded.safetensors"
    script = """
        from PIL import Image
        from safetensors.torch import save_file
        from transformers import pipeline
        estimator = pipeline("depth-estimation", model=sys.argv[1])
        save_file({k: v.contiguous() for k, v in estimator.model.state_dict().items()}, sys.argv[2])
        shape = tuple(estimator(Image.new("RGB", (64, 48)))["predicted_depth"].shape)
        print(type(estimator.model).__module__, type(estimator.image_processor).__name__, shape)
    """
    module, processor, shape = run_elsewhere(script, tiny_checkpoint, loaded).strip().split(maxsplit=2)
    assert module == "transformers.models.depth_anything.modeling_depth_anything"
    assert processor.startswith("DPTImageProcessor")
    assert shape == "(48, 64)"
    ours = load_file(tiny_checkpoint / "model.safetensors")
    native = load_file(loaded)
    # Natively the attention projections have other names in memory; the values must be the same ones.
    assert sorted(t.double().sum().item() for t in native.values()) == sorted(
        t.double().sum().item() for t in ours.values()
    )


@pytest.mark.slow
def test_a_folder_saved_with_code_is_self_contained(
    tiny_model: DepthAnythingForDepthEstimation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, output = tmp_path / "with-code", tmp_path / "output.safetensors"
    for cls, auto_class in (
        (DepthAnythingConfig, "AutoConfig"),
        (DepthAnythingForDepthEstimation, "AutoModelForDepthEstimation"),
        (DepthAnythingImageProcessor, "AutoImageProcessor"),
    ):
        monkeypatch.setattr(cls, "_auto_class", auto_class)  # what cls.register_for_auto_class(auto_class) does
    tiny_model.save_pretrained(folder)
    DepthAnythingImageProcessor().save_pretrained(folder)
    script = """
        import torch
        from safetensors.torch import save_file
        from transformers import AutoModelForDepthEstimation
        from transformers.models.auto.image_processing_auto import AutoImageProcessor
        model = AutoModelForDepthEstimation.from_pretrained(sys.argv[1], trust_remote_code=True).eval()
        processor = AutoImageProcessor.from_pretrained(sys.argv[1], trust_remote_code=True)
        assert type(model).__module__.startswith("transformers_modules."), type(model)
        assert type(processor).__module__.startswith("transformers_modules."), type(processor)
        inputs = processor(torch.arange(3 * 40 * 50, dtype=torch.uint8).reshape(3, 40, 50), return_tensors="pt")
        with torch.no_grad():
            predicted = model(**inputs, labels=torch.rand(inputs["pixel_values"][:, 0].shape)).predicted_depth
        save_file({"predicted": predicted}, sys.argv[2])
    """
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    run_elsewhere(script, folder, output)
    inputs = DepthAnythingImageProcessor()(
        torch.arange(3 * 40 * 50, dtype=torch.uint8).reshape(3, 40, 50), return_tensors="pt"
    )
    with torch.no_grad():
        expected = tiny_model(**inputs).predicted_depth
    torch.testing.assert_close(load_file(output)["predicted"], expected)


@pytest.mark.slow
def test_importing_us_loads_no_library_that_the_native_model_does_not() -> None:
    script = """
        import sys
        from transformers import DepthAnythingForDepthEstimation
        before = set(sys.modules)
        import depth_anything
        print(*{name.partition(".")[0] for name in set(sys.modules) - before} - {"depth_anything", "transformers"})
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    heavy = {"accelerate", "datasets", "evaluate", "matplotlib", "scipy", "torchvision", "cv2", "pandas"}
    assert not heavy & set(finished.stdout.split())
    assert finished.stderr == ""


def test_every_public_name_exists() -> None:
    assert all(hasattr(depth_anything, name) for name in depth_anything.__all__)
