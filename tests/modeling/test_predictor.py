import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from depth_anything.checkpoint_lookup import CheckpointError
from depth_anything.configuration_depth_anything import DepthAnythingConfig
from depth_anything.image_processing_depth_anything import DepthAnythingImageProcessor
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation
from depth_anything.predictor import DepthPredictor, NonFiniteDepthError


@pytest.fixture
def predictor(tiny_model: DepthAnythingForDepthEstimation) -> DepthPredictor:
    """A predictor that works at 70 pixels, so that a call takes milliseconds."""
    return DepthPredictor(tiny_model, device="cpu", input_size=70)


@pytest.fixture
def metric_model(tiny_config: DepthAnythingConfig) -> DepthAnythingForDepthEstimation:
    torch.manual_seed(0)
    fields = tiny_config.to_dict() | {"depth_estimation_type": "metric", "max_depth": 20}
    return DepthAnythingForDepthEstimation(DepthAnythingConfig.from_dict(fields)).eval()


def noise(height: int, width: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def by_hand(model: DepthAnythingForDepthEstimation, image: Image.Image, size: int = 70) -> np.ndarray:
    """Processor, network and post-processing called one by one."""
    processor = DepthAnythingImageProcessor(size={"height": size, "width": size})
    pixel_values = torch.stack(list(processor(image)["pixel_values"]))
    with torch.no_grad():
        outputs = model(pixel_values=pixel_values)
    maps = processor.post_process_depth_estimation(outputs, target_sizes=[image.size[::-1]])
    return maps[0]["predicted_depth"].numpy()


def test_one_image_gives_what_the_parts_give_one_by_one(
    predictor: DepthPredictor, tiny_model: DepthAnythingForDepthEstimation
) -> None:
    image = noise(90, 120)
    disparity = predictor(image).disparity
    assert (disparity.shape, disparity.dtype) == ((90, 120), np.float32)
    assert disparity.std() > 0
    np.testing.assert_allclose(disparity, by_hand(tiny_model, image), rtol=0, atol=1e-6)


def test_the_default_is_the_official_size_rule(tiny_model: DepthAnythingForDepthEstimation) -> None:
    assert DepthPredictor(tiny_model)(noise(24, 32)).processed_size == (518, 686)


def test_a_list_comes_back_in_its_order_whatever_the_sizes(tiny_model: DepthAnythingForDepthEstimation) -> None:
    images = [noise(80, 80, 0), noise(60, 90, 1), noise(80, 80, 2), noise(90, 60, 3), noise(60, 90, 4)]
    results = DepthPredictor(tiny_model, input_size=70, batch_size=2)(images)
    for image, result in zip(images, results, strict=True):
        np.testing.assert_allclose(result.disparity, by_hand(tiny_model, image), rtol=0, atol=1e-5)


def test_images_of_one_processed_size_run_together(
    tiny_model: DepthAnythingForDepthEstimation, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = DepthPredictor(tiny_model, input_size=70, batch_size=2)
    batches = []
    monkeypatch.setattr(
        predictor, "_network", lambda pixel_values: (batches.append(len(pixel_values)), tiny_model(pixel_values))[1]
    )
    predictor([noise(60, 90), noise(80, 80), noise(40, 40), noise(60, 90), noise(160, 160)])
    assert batches == [2, 2, 1]


def test_a_stream_holds_at_most_two_batches_of_images(tiny_model: DepthAnythingForDepthEstimation) -> None:
    predictor = DepthPredictor(tiny_model, input_size=70, batch_size=2)
    taken = 0

    def images():
        nonlocal taken
        for width in range(70, 2000, 14):  # every one of another processed size
            taken += 1
            yield width, noise(70, width)

    next(predictor.stream(images()))
    assert taken == 4


def test_a_stream_leaves_out_what_it_cannot_process_and_says_which(predictor: DepthPredictor, tmp_path: Path) -> None:
    failures = []
    pairs = [("good", noise(80, 80)), ("gone", tmp_path / "gone.png"), ("also good", noise(80, 80))]
    results = dict(predictor.stream(pairs, on_error=lambda key, error: failures.append((key, str(error)))))
    assert list(results) == ["good", "also good"]
    assert failures == [("gone", f"{tmp_path / 'gone.png'}: No such file or directory")]


@pytest.mark.parametrize("kind", ["path", "text path", "array", "tensor"])
def test_every_kind_of_input_gives_the_same(predictor: DepthPredictor, tmp_path: Path, kind: str) -> None:
    image = noise(80, 100)
    image.save(tmp_path / "image.png")
    given = {
        "path": tmp_path / "image.png",
        "text path": str(tmp_path / "image.png"),
        "array": np.asarray(image),
        "tensor": torch.from_numpy(np.array(image)).permute(2, 0, 1),
    }[kind]
    np.testing.assert_allclose(predictor(given).disparity, predictor(image).disparity, rtol=0, atol=1e-6)


def test_a_batch_array_gives_one_result_per_image(predictor: DepthPredictor) -> None:
    results = predictor(np.stack([np.asarray(noise(80, 100, seed)) for seed in (1, 2)]))
    assert [result.disparity.shape for result in results] == [(80, 100), (80, 100)]


@pytest.mark.parametrize("through_a_file", [True, False])
def test_the_map_is_upright_by_exif(predictor: DepthPredictor, tmp_path: Path, through_a_file: bool) -> None:
    upright = noise(100, 80)
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    path = tmp_path / "turned.png"
    turned.save(path, exif=exif)
    result = predictor(path if through_a_file else Image.open(path))
    assert result.disparity.shape == (100, 80)
    np.testing.assert_allclose(result.disparity, predictor(upright).disparity, rtol=0, atol=1e-6)


def test_a_relative_model_has_no_metres_and_says_why(predictor: DepthPredictor) -> None:
    result = predictor(noise(70, 70))
    assert (result.quantity, result.unit) == ("disparity", "1/m up to unknown scale and shift")
    with pytest.raises(AttributeError, match="unknown scale and shift, from which no metres follow: read disparity"):
        _ = result.depth_m


def test_a_metric_model_gives_metres_and_no_disparity(metric_model: DepthAnythingForDepthEstimation) -> None:
    result = DepthPredictor(metric_model, input_size=70)(noise(70, 70))
    assert (result.quantity, result.unit) == ("depth_m", "m")
    assert 0 <= result.depth_m.min() <= result.depth_m.max() <= 20
    with pytest.raises(AttributeError, match="predicts metres, not disparity: read depth_m"):
        _ = result.disparity


def test_a_folder_loads_as_our_classes_whatever_processor_it_names(tiny_checkpoint: Path) -> None:
    path = tiny_checkpoint / "preprocessor_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(settings | {"image_processor_type": "DPTImageProcessor"}))
    predictor = DepthPredictor(tiny_checkpoint, device="cpu")
    assert type(predictor.model) is DepthAnythingForDepthEstimation
    assert type(predictor.image_processor) is DepthAnythingImageProcessor
    assert predictor(noise(24, 32)).processed_size == (518, 686)


def test_a_folder_gives_the_weights_that_were_saved(
    tiny_checkpoint: Path, tiny_model: DepthAnythingForDepthEstimation
) -> None:
    image = noise(80, 90)
    loaded = DepthPredictor(tiny_checkpoint, device="cpu", input_size=70)
    np.testing.assert_allclose(loaded(image).disparity, by_hand(tiny_model, image), rtol=0, atol=1e-6)


def test_a_folder_without_processor_settings_uses_the_released_ones_and_says_so(
    tiny_checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tiny_checkpoint / "preprocessor_config.json").unlink()
    assert DepthPredictor(tiny_checkpoint, device="cpu")(noise(24, 32)).processed_size == (518, 686)
    assert "no preprocessor_config.json: the released models' settings are used" in caplog.text


def test_a_checkpoint_that_lacks_a_tensor_is_refused_and_not_filled_at_random(tiny_checkpoint: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny_checkpoint / "model.safetensors")
    del weights["head.conv1.weight"]
    save_file(weights, tiny_checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks 1 tensors of the network.*head\.conv1\.weight"):
        DepthPredictor(tiny_checkpoint, device="cpu")


def test_damaged_weights_are_refused_with_the_checkpoint_named(tiny_checkpoint: Path) -> None:
    (tiny_checkpoint / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="tiny-checkpoint' cannot be loaded"):
        DepthPredictor(tiny_checkpoint, device="cpu")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", torch.bfloat16])
def test_half_precision_stays_close_to_float32(tiny_checkpoint: Path, dtype: str | torch.dtype) -> None:
    image = noise(80, 90)
    exact = DepthPredictor(tiny_checkpoint, device="cpu", input_size=70)(image).disparity
    half = DepthPredictor(tiny_checkpoint, device="cpu", input_size=70, dtype=dtype)
    assert half.dtype in (torch.bfloat16, torch.float16)
    result = half(image).disparity
    assert result.dtype == np.float32
    assert 0 < np.abs(result - exact).max() < 0.05 * exact.max()


def test_dtype_auto_is_the_checkpoints_own(tiny_checkpoint: Path, tiny_model: DepthAnythingForDepthEstimation) -> None:
    tiny_model.to(torch.bfloat16).save_pretrained(tiny_checkpoint)
    assert DepthPredictor(tiny_checkpoint, device="cpu").dtype == torch.float32
    assert DepthPredictor(tiny_checkpoint, device="cpu", dtype="auto").dtype == torch.bfloat16


def test_output_that_is_not_finite_is_an_error_and_no_map(tiny_model: DepthAnythingForDepthEstimation) -> None:
    with torch.no_grad():
        tiny_model.head.conv3.bias.fill_(torch.nan)
    with pytest.raises(NonFiniteDepthError, match="float32 is not finite; the weights may be damaged"):
        DepthPredictor(tiny_model, input_size=70)(noise(70, 70))


def test_a_model_in_training_stays_in_training_and_is_run_in_eval_mode(
    tiny_model: DepthAnythingForDepthEstimation,
) -> None:
    modes = []
    tiny_model.train().register_forward_pre_hook(lambda module, _: modes.append(module.training))
    DepthPredictor(tiny_model, input_size=70)(noise(70, 70))
    assert modes == [False]
    assert tiny_model.training
    assert tiny_model.head.training


def test_another_class_of_model_is_refused_with_the_way_out() -> None:
    with pytest.raises(TypeError, match=r"got torch\.nn\.modules\.linear\.Identity; give the folder"):
        DepthPredictor(torch.nn.Identity())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "gpu"}, "device 'gpu' is not known; choose auto, cpu, cuda"),
        ({"device": "meta"}, "device 'meta' is not known; choose auto, cpu, cuda"),
        ({"device": "xpu"}, "device 'xpu' is not known"),
        ({"device": None}, "device None is not known"),
        ({"device": torch.device("meta")}, "device 'meta' is not known"),
        ({"batch_size": 1.5}, r"batch_size must be a whole number of at least 1, got 1\.5"),
        ({"batch_size": "2"}, "batch_size must be a whole number of at least 1, got '2'"),
        ({"input_size": 70.0}, r"input_size must be a whole number of at least 1, got 70\.0"),
        ({"revision": "main"}, "revision 'main' is of a Hub checkpoint, but the model .* is a folder"),
        ({"device": "cuda:99"}, "device 'cuda:99' is not there"),
        ({"dtype": "int8"}, "dtype 'int8' is not on offer; choose auto, float32"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        ({"input_size": 0}, "input_size must be a whole number of at least 1, got 0"),
    ],
)
def test_a_setting_that_is_not_on_offer_is_named(tiny_checkpoint: Path, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DepthPredictor(tiny_checkpoint, **settings)


def test_an_unreadable_image_of_a_list_is_named_by_its_place(predictor: DepthPredictor, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"image 1 of the list: .*text\.png: not a picture"):
        predictor([noise(70, 70), tmp_path / "text.png"])


@pytest.mark.parametrize(("out_indices", "align_corners"), [([5, 6, 7, 8], False), ([2, 4, 6, 8], True)])
@pytest.mark.parametrize("from_folder", [True, False])
def test_upsampling_follows_the_version_of_the_network_where_no_file_states_it(
    tiny_config: DepthAnythingConfig, tmp_path: Path, out_indices: list[int], align_corners: bool, from_folder: bool
) -> None:
    fields = tiny_config.to_dict()
    layers = {"num_hidden_layers": 8, "out_indices": out_indices, "out_features": None, "stage_names": None}
    fields["backbone_config"] = {**fields["backbone_config"], **layers}
    model = DepthAnythingForDepthEstimation(DepthAnythingConfig.from_dict(fields))
    model.save_pretrained(tmp_path)
    settings = DepthAnythingImageProcessor().to_dict()
    del settings["align_corners"]
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    predictor = DepthPredictor(tmp_path if from_folder else model, device="cpu")
    assert predictor.image_processor.align_corners is align_corners


def test_upsampling_stays_what_the_processors_file_states(tiny_checkpoint: Path) -> None:
    DepthAnythingImageProcessor(align_corners=False).save_pretrained(tiny_checkpoint)
    assert DepthPredictor(tiny_checkpoint, device="cpu").image_processor.align_corners is False


@pytest.mark.parametrize("through_a_file", [True, False])
def test_an_orientation_that_exif_does_not_know_is_no_turn(
    predictor: DepthPredictor, tmp_path: Path, through_a_file: bool
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    path = tmp_path / "odd.png"
    noise(100, 80).save(path, exif=exif)
    assert predictor(path if through_a_file else Image.open(path)).disparity.shape == (100, 80)


def test_settings_nested_in_a_processor_config_are_read(tiny_checkpoint: Path) -> None:
    path = tiny_checkpoint / "preprocessor_config.json"
    settings = json.loads(path.read_text()) | {"size": {"height": 140, "width": 140}}
    path.unlink()
    (tiny_checkpoint / "processor_config.json").write_text(json.dumps({"image_processor": settings}))
    assert DepthPredictor(tiny_checkpoint, device="cpu")(noise(50, 50)).processed_size == (140, 140)


@pytest.mark.parametrize("text", ["{", "[1]", '{"resize_method": "stretch"}'])
def test_a_damaged_processor_file_is_refused_with_the_checkpoint_named(tiny_checkpoint: Path, text: str) -> None:
    (tiny_checkpoint / "preprocessor_config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"image processor.* of .*tiny-checkpoint' cannot be"):
        DepthPredictor(tiny_checkpoint, device="cpu")


def test_too_little_memory_of_the_cpu_is_the_failure_of_its_images_alone(
    predictor: DepthPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = predictor.model

    def limited(pixel_values: torch.Tensor) -> object:
        if pixel_values.shape[-1] > 70:
            torch.empty(1 << 60)
        return network(pixel_values)

    monkeypatch.setattr(predictor, "_network", limited)
    failures = []
    pairs = [("wide", noise(70, 200)), ("small", noise(70, 70))]
    results = dict(predictor.stream(pairs, on_error=lambda key, error: failures.append((key, str(error)))))
    assert list(results) == ["small"]
    assert failures == [
        ("wide", "too little memory for an input of shape (1, 3, 70, 196): lower batch_size or input_size")
    ]


def test_another_class_of_image_processor_is_refused_with_the_way_to_ours(
    tiny_model: DepthAnythingForDepthEstimation,
) -> None:
    with pytest.raises(TypeError, match=r"got torch\.nn\..*Identity; get ours from its folder with Depth"):
        DepthPredictor(tiny_model, image_processor=torch.nn.Identity())  # type: ignore[arg-type]


def test_a_revision_of_a_model_object_is_refused(tiny_model: DepthAnythingForDepthEstimation) -> None:
    with pytest.raises(ValueError, match="revision 'main' is of a Hub id, but model is a DepthAnythingForDepth"):
        DepthPredictor(tiny_model, revision="main")


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ([noise(70, 70)], "image 1 of the list: a list is no image"),
        (None, "image 1 of the list: a NoneType is no image"),
        (np.zeros((2, 70, 70, 3), np.uint8), "image 1 of the list: a batch inside a list"),
        (np.zeros((70, 70, 7), np.uint8), r"image 1 of the list: it has shape \(70, 70, 7\)"),
    ],
)
def test_a_list_element_that_is_no_image_is_named_by_its_place(
    predictor: DepthPredictor, element: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        predictor([noise(70, 70), element])  # type: ignore[list-item]


def test_an_input_size_becomes_a_multiple_where_the_size_is_fixed(
    tiny_model: DepthAnythingForDepthEstimation,
) -> None:
    processor = DepthAnythingImageProcessor(resize_method="fixed", size={"height": 70, "width": 70})
    predictor = DepthPredictor(tiny_model, image_processor=processor, input_size=100)
    assert predictor(noise(50, 90)).processed_size == (98, 98)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resize_method": "pad"}, "input_size has no effect on an image processor that does not resize"),
        ({"resize_method": "upper_bound"}, "input_size 10 leaves no room for a patch: set it to at least 14"),
    ],
)
def test_an_input_size_that_the_rule_cannot_use_is_refused(
    tiny_model: DepthAnythingForDepthEstimation, settings: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        DepthPredictor(tiny_model, image_processor=DepthAnythingImageProcessor(**settings), input_size=10)


def test_the_text_of_a_result_leaves_out_the_array(predictor: DepthPredictor) -> None:
    assert repr(predictor(noise(70, 70))) == "DepthResult(quantity='disparity', processed_size=(70, 70))"
