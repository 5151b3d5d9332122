"""The network: equal to the official and to the native one, trainable, and at home in torch and transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor, nn

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation
from depth_anything.loss_depth_anything import affine_invariant_loss, gradient_matching_loss, silog_loss
from depth_anything.official_weights import from_official_state_dict

NUM_PARAMETERS = {"small": 24_785_089, "base": 97_470_785, "large": 335_315_649, "giant": 1_258_132_225}


@pytest.fixture
def metric_model(tiny_config: DepthAnythingConfig) -> DepthAnythingForDepthEstimation:
    fields = {**tiny_config.to_dict(), "depth_estimation_type": "metric", "max_depth": 20}
    torch.manual_seed(0)
    return DepthAnythingForDepthEstimation(DepthAnythingConfig(**fields)).eval()


def random_pixels(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_outputs_equal_the_official_codes_at_every_size(
    golden_file: Path, golden_config: DepthAnythingConfig, assert_golden_outputs: Callable[[nn.Module], None]
) -> None:
    model = DepthAnythingForDepthEstimation(golden_config).eval()
    model.load_state_dict(from_official_state_dict(torch.load(golden_file, weights_only=True)))
    assert_golden_outputs(model)


def names_in_native_files(shapes: dict[str, torch.Size]) -> dict[str, torch.Size]:
    """Shapes under the names of the Hub's files, from those that some releases of transformers use in memory."""
    in_files = {}
    for name, shape in shapes.items():
        for in_memory, in_file in (
            ("q_proj", "attention.query"),
            ("k_proj", "attention.key"),
            ("v_proj", "attention.value"),
            ("o_proj", "output.dense"),
            ("down_proj", "weights_out"),
        ):
            name = name.replace(in_memory, in_file)
        if "up_proj" not in name:  # joined with the gate
            is_gate = "gate_proj" in name
            in_files[name.replace("gate_proj", "weights_in")] = (
                torch.Size((2 * shape[0], *shape[1:])) if is_gate else shape
            )
    return in_files


@pytest.mark.parametrize("size", NUM_PARAMETERS)
@pytest.mark.parametrize("version", [1, 2])
def test_every_size_has_the_native_files_keys_and_shapes(size: Any, version: Any) -> None:
    config = DepthAnythingConfig.from_size(size, version=version)
    with torch.device("meta"):
        ours = DepthAnythingForDepthEstimation(config)
        native = transformers.DepthAnythingForDepthEstimation(transformers.DepthAnythingConfig(**config.to_dict()))
    shapes = {name: tensor.shape for name, tensor in ours.state_dict().items()}
    assert shapes == names_in_native_files({name: tensor.shape for name, tensor in native.state_dict().items()})
    assert sum(shape.numel() for shape in shapes.values()) == NUM_PARAMETERS[size]


@pytest.mark.parametrize("swiglu", [False, True])
def test_a_file_of_either_class_loads_whole_into_the_other_with_equal_outputs(
    tiny_config: DepthAnythingConfig, tmp_path: Path, swiglu: bool
) -> None:
    tiny_config.backbone_config.use_swiglu_ffn = swiglu
    torch.manual_seed(0)
    ours = DepthAnythingForDepthEstimation(tiny_config).eval()
    ours.save_pretrained(tmp_path / "ours")
    native, report = transformers.DepthAnythingForDepthEstimation.from_pretrained(
        tmp_path / "ours", output_loading_info=True
    )
    assert not any(report.values()), report
    native.eval().save_pretrained(tmp_path / "native")
    again, report = DepthAnythingForDepthEstimation.from_pretrained(tmp_path / "native", output_loading_info=True)
    assert not any(report.values()), report
    keys = [set(load_file(tmp_path / name / "model.safetensors")) for name in ("ours", "native")]
    assert keys[0] == keys[1] == set(ours.state_dict())
    pixels = random_pixels(2, 3, 70, 70)  # the size of the position embeddings, at which both interpolations agree
    with torch.no_grad():
        expected = ours(pixels).predicted_depth
        assert expected.std() > 0.01
        torch.testing.assert_close(native(pixels).predicted_depth, expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(again.eval()(pixels).predicted_depth, expected, atol=0, rtol=0)


@pytest.mark.parametrize("interpolation", ["official", "native"])
def test_the_native_interpolation_can_be_chosen_and_differs_at_other_sizes(
    tiny_model: DepthAnythingForDepthEstimation, tmp_path: Path, interpolation: str
) -> None:
    with torch.no_grad():
        tiny_model.backbone.embeddings.position_embeddings.normal_()
    tiny_model.config.position_interpolation = interpolation
    tiny_model.save_pretrained(tmp_path)
    ours = DepthAnythingForDepthEstimation.from_pretrained(tmp_path).eval()
    native = transformers.DepthAnythingForDepthEstimation.from_pretrained(tmp_path).eval()
    pixels = random_pixels(1, 3, 98, 42)
    with torch.no_grad():
        difference = (ours(pixels).predicted_depth - native(pixels).predicted_depth).abs().max()
    assert difference < 1e-5 if interpolation == "native" else difference > 1e-3


def test_relative_labels_give_the_weighted_sum_of_two_losses(tiny_model: DepthAnythingForDepthEstimation) -> None:
    pixels, labels = random_pixels(2, 3, 70, 84), torch.rand(2, 70, 84)
    labels[0, :9] = float("nan")
    labels[1, :, 5] = float("inf")
    tiny_model.config.gradient_weight = 0.5
    output = tiny_model(pixels, labels=labels)
    parts = (output.predicted_depth, labels, labels.isfinite())
    torch.testing.assert_close(output.loss, affine_invariant_loss(*parts) + 0.5 * gradient_matching_loss(*parts))
    assert output.to_tuple()[0] is output.loss


def test_metric_labels_count_between_zero_and_max_depth(metric_model: DepthAnythingForDepthEstimation) -> None:
    pixels, labels = random_pixels(2, 3, 70, 70), torch.rand(2, 70, 70) * 30 - 5
    labels[0, 0] = float("nan")
    output = metric_model(pixels, labels=labels)
    assert 0 < output.predicted_depth.min() < output.predicted_depth.max() < 20
    valid = (labels > 0) & (labels <= 20)
    torch.testing.assert_close(output.loss, silog_loss(output.predicted_depth, labels, valid))


def test_a_mask_decides_which_finite_labels_count(metric_model: DepthAnythingForDepthEstimation) -> None:
    pixels, labels = random_pixels(1, 3, 70, 70), torch.rand(1, 70, 70) * 40
    mask = torch.rand(1, 70, 70) < 0.5
    output = metric_model(pixels, labels=labels, valid_mask=mask)
    torch.testing.assert_close(output.loss, silog_loss(output.predicted_depth, labels, mask & (labels > 0)))


def test_a_mask_never_brings_back_labels_that_are_not_finite(tiny_model: DepthAnythingForDepthEstimation) -> None:
    pixels, labels = random_pixels(1, 3, 70, 70), torch.rand(1, 70, 70)
    labels[0, 3] = float("nan")
    output = tiny_model(pixels, labels=labels, valid_mask=torch.ones(1, 70, 70, dtype=torch.bool))
    torch.testing.assert_close(output.loss, tiny_model(pixels, labels=labels).loss)


def test_no_pixel_of_a_fresh_relative_network_starts_behind_the_closed_relu(tiny_config: DepthAnythingConfig) -> None:
    for seed in range(5):
        torch.manual_seed(seed)
        with torch.no_grad():
            predicted = DepthAnythingForDepthEstimation(tiny_config)(random_pixels(2, 3, 70, 70)).predicted_depth
        assert (predicted > 0).float().mean() > 0.95


@pytest.mark.parametrize("interpreted_as", ["relative", "metric"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_freshly_initialised_network_starts_to_train(
    tiny_config: DepthAnythingConfig, interpreted_as: str, dtype: torch.dtype
) -> None:
    kind = {"depth_estimation_type": interpreted_as, "max_depth": 20 if interpreted_as == "metric" else None}
    config = DepthAnythingConfig(**{**tiny_config.to_dict(), **kind})
    rows, columns = torch.meshgrid(torch.linspace(0.1, 1, 70), torch.linspace(0.1, 1, 70), indexing="ij")
    labels = torch.stack([rows + columns, rows + 3 * columns**2])
    pixels = torch.stack([labels, -labels, labels.sqrt()], dim=1)
    for seed in range(3):
        torch.manual_seed(seed)
        model = DepthAnythingForDepthEstimation(config).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        losses = []
        for _ in range(20):
            with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
                loss = model(pixels, labels=labels).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        assert losses[-1] < 0.5 * losses[0], losses


def test_every_parameter_gets_a_gradient_and_unused_tensors_are_buffers(
    tiny_model: DepthAnythingForDepthEstimation,
) -> None:
    tiny_model.train()(random_pixels(2, 3, 70, 70), labels=torch.rand(2, 70, 70)).loss.backward()
    assert all(parameter.grad is not None for parameter in tiny_model.parameters())
    buffers = {name for name, _ in tiny_model.named_buffers()}
    unused = {f"convolution{i}.{kind}" for i in (1, 2) for kind in ("weight", "bias")}
    expected = {f"neck.fusion_stage.layers.0.residual_layer1.{name}" for name in unused}
    assert buffers == expected | {"backbone.embeddings.mask_token"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_the_same_map_up_to_rounding(
    tiny_model: DepthAnythingForDepthEstimation, dtype: torch.dtype
) -> None:
    pixels = random_pixels(1, 3, 84, 112)
    with torch.no_grad():
        expected = tiny_model(pixels).predicted_depth
        actual = tiny_model.to(dtype)(pixels).predicted_depth
    assert actual.dtype == dtype
    assert actual.isfinite().all()
    error = (actual.float() - expected).abs().max() / (expected.max() - expected.min())
    assert error < 8 * torch.finfo(dtype).eps


def test_attention_implementations_agree(tiny_model: DepthAnythingForDepthEstimation) -> None:
    pixels = random_pixels(2, 3, 84, 112)
    with torch.no_grad():
        assert tiny_model.config._attn_implementation == "sdpa"
        expected = tiny_model(pixels).predicted_depth
        tiny_model.set_attn_implementation("eager")
        torch.testing.assert_close(tiny_model(pixels).predicted_depth, expected, atol=1e-5, rtol=0)


def test_an_image_does_not_depend_on_its_batch(tiny_model: DepthAnythingForDepthEstimation) -> None:
    pixels = random_pixels(3, 3, 84, 70)
    with torch.no_grad():
        together = tiny_model(pixels).predicted_depth
        alone = torch.cat([tiny_model(pixel[None]).predicted_depth for pixel in pixels])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_hidden_states_and_attentions_are_returned_on_demand(tiny_model: DepthAnythingForDepthEstimation) -> None:
    pixels = random_pixels(1, 3, 70, 84)
    tiny_model.set_attn_implementation("eager")
    output = tiny_model(pixels, output_hidden_states=True, output_attentions=True)
    assert [tuple(state.shape) for state in output.hidden_states] == [(1, 31, 32)] * 5
    assert [tuple(weights.shape) for weights in output.attentions] == [(1, 2, 31, 31)] * 4
    torch.testing.assert_close(output.attentions[0].sum(-1), torch.ones(1, 2, 31))
    plain = tiny_model(pixels)
    assert plain.hidden_states is None
    assert plain.attentions is None


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_changes_no_gradient(
    tiny_model: DepthAnythingForDepthEstimation, reentrant: bool
) -> None:
    pixels, labels = random_pixels(1, 3, 70, 70), torch.rand(1, 70, 70)
    gradients = []
    for checkpointed in (False, True):
        if checkpointed:
            tiny_model.gradient_checkpointing_enable({"use_reentrant": reentrant})
        tiny_model.train().zero_grad()
        tiny_model(pixels, labels=labels).loss.backward()
        gradients.append([parameter.grad.clone() for parameter in tiny_model.parameters()])
    assert tiny_model.is_gradient_checkpointing
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, plain, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(13, 14), (75, 98), (70, 0)])
def test_a_size_that_is_no_multiple_of_the_patch_is_refused(
    tiny_model: DepthAnythingForDepthEstimation, height: int, width: int
) -> None:
    with pytest.raises(ValueError, match=f"{height}x{width}.*multiples of patch_size 14"):
        tiny_model(torch.zeros(1, 3, height, width))


def test_one_patch_is_enough(tiny_model: DepthAnythingForDepthEstimation) -> None:
    assert tiny_model(random_pixels(1, 3, 14, 14)).predicted_depth.shape == (1, 14, 14)


def test_wrong_channels_and_misplaced_labels_are_refused(tiny_model: DepthAnythingForDepthEstimation) -> None:
    with pytest.raises(ValueError, match=r"must be \(batch, 3, height, width\)"):
        tiny_model(torch.zeros(1, 4, 70, 70))
    with pytest.raises(ValueError, match="give the processor depth_maps"):
        tiny_model(torch.zeros(1, 3, 70, 70), labels=torch.zeros(1, 480, 640))


def test_fields_that_from_pretrained_sets_are_checked(tiny_checkpoint: Path) -> None:
    for field, message in (
        ({"depth_estimation_type": "metric"}, "needs max_depth in metres, got None"),
        ({"position_interpolation": "bilinear"}, "choose one of official, native"),
        ({"gradient_weight": -3.0}, "gradient_weight must be"),
    ):
        with pytest.raises(ValueError, match=message):
            DepthAnythingForDepthEstimation.from_pretrained(tiny_checkpoint, **field)
    metric = DepthAnythingForDepthEstimation.from_pretrained(
        tiny_checkpoint, depth_estimation_type="metric", max_depth=80
    )
    assert metric.head.max_depth == 80
    assert metric.head.is_metric


def test_a_mask_of_another_type_or_shape_is_refused(tiny_model: DepthAnythingForDepthEstimation) -> None:
    pixels, labels = random_pixels(1, 3, 70, 70), torch.rand(1, 70, 70)
    for mask in (torch.ones(1, 70, 70), torch.ones(1, 1, 70, 70, dtype=torch.bool)):
        with pytest.raises(ValueError, match="valid_mask must be bool and of the labels' shape"):
            tiny_model(pixels, labels=labels, valid_mask=mask)


def test_a_model_without_memory_knows_the_shape_of_its_output(tiny_config: DepthAnythingConfig) -> None:
    with torch.device("meta"):
        model = DepthAnythingForDepthEstimation(tiny_config)
        assert model(torch.empty(1, 3, 70, 84)).predicted_depth.shape == (1, 70, 84)


def test_the_trainer_accumulates_as_it_would_train_whole_batches(tiny_checkpoint: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    samples = [
        {"pixel_values": random_pixels(3, 70, 70, seed=i), "labels": random_pixels(70, 70, seed=i)} for i in range(4)
    ]
    weights = []
    for batch_size, steps in ((4, 1), (1, 4)):
        model = DepthAnythingForDepthEstimation.from_pretrained(tiny_checkpoint)
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / "run"),
            per_device_train_batch_size=batch_size,
            gradient_accumulation_steps=steps,
            max_steps=1,
            learning_rate=1e-4,
            optim="sgd",
            max_grad_norm=0.0,
            report_to=[],
            save_strategy="no",
            remove_unused_columns=False,
            use_cpu=True,
            disable_tqdm=True,
        )
        transformers.Trainer(model=model, args=arguments, train_dataset=samples).train()
        weights.append(model.head.conv1.weight.detach())
    start = DepthAnythingForDepthEstimation.from_pretrained(tiny_checkpoint).head.conv1.weight.detach()
    step = weights[0] - start
    assert step.abs().max() > 1e-6
    torch.testing.assert_close(weights[1] - start, step, rtol=1e-2, atol=1e-6)


def test_device_map_places_and_offloads_whole_blocks(tiny_checkpoint: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    expected = DepthAnythingForDepthEstimation.from_pretrained(tiny_checkpoint).eval()
    model = DepthAnythingForDepthEstimation.from_pretrained(
        tiny_checkpoint,
        device_map={"backbone": "cpu", "neck": "disk", "head": "cpu"},
        offload_folder=tmp_path / "offload",
    ).eval()
    pixels = random_pixels(1, 3, 70, 70)
    with torch.no_grad():
        torch.testing.assert_close(model(pixels).predicted_depth, expected(pixels).predicted_depth)


@pytest.mark.slow
def test_compile_has_one_graph_for_all_batches_of_one_size(tiny_model: DepthAnythingForDepthEstimation) -> None:
    from torch._dynamo.testing import CompileCounterWithBackend

    counter = CompileCounterWithBackend("inductor")
    compiled = torch.compile(tiny_model, fullgraph=True, backend=counter)
    with torch.no_grad():
        for seed in range(3):
            pixels = random_pixels(2, 3, 84, 112, seed=seed)
            expected = tiny_model(pixels).predicted_depth
            torch.testing.assert_close(compiled(pixels).predicted_depth, expected, atol=1e-4, rtol=1e-4)
    assert counter.frame_count == 1


@pytest.mark.slow
def test_compile_takes_the_loss_into_the_graph(tiny_model: DepthAnythingForDepthEstimation) -> None:
    pixels, labels = random_pixels(2, 3, 70, 70), torch.rand(2, 70, 70)
    compiled = torch.compile(tiny_model.train(), fullgraph=True, backend="aot_eager")
    expected = tiny_model(pixels, labels=labels).loss
    torch.testing.assert_close(compiled(pixels, labels=labels).loss, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_export_with_dynamic_sizes_equals_the_model(tiny_model: DepthAnythingForDepthEstimation) -> None:
    dimensions = {index: 14 * torch.export.Dim(name, min=2, max=99) for index, name in ((2, "rows"), (3, "columns"))}
    exported = torch.export.export(
        tiny_model,
        (random_pixels(2, 3, 84, 112),),
        dynamic_shapes={"pixel_values": {0: torch.export.Dim("batch", max=64), **dimensions}},
    ).module()
    for shape in ((1, 3, 70, 70), (2, 3, 84, 112), (3, 3, 140, 42)):
        pixels = random_pixels(*shape)
        with torch.no_grad():
            torch.testing.assert_close(exported(pixels).predicted_depth, tiny_model(pixels).predicted_depth)


def _train_on_one_rank(rank: int, folder: str, checkpoint: str) -> None:
    """Three data-parallel steps; every rank leaves its weights in `folder`."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    torch.set_num_threads(1)
    model = DepthAnythingForDepthEstimation.from_pretrained(checkpoint).train()
    wrapped = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=1e-4)
    for step in range(3):
        pixels = random_pixels(4, 3, 70, 70, seed=step)[2 * rank : 2 * rank + 2]
        wrapped(pixels, labels=pixels[:, 0]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    torch.save(model.state_dict(), f"{folder}/rank{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_train_as_one_without_looking_for_unused_parameters(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    torch.multiprocessing.start_processes(
        _train_on_one_rank, args=(str(tmp_path), str(tiny_checkpoint)), nprocs=2, start_method="fork"
    )
    ranks = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]
    model = DepthAnythingForDepthEstimation.from_pretrained(tiny_checkpoint).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    for step in range(3):
        pixels = random_pixels(4, 3, 70, 70, seed=step)
        model(pixels, labels=pixels[:, 0]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    for name, expected in model.state_dict().items():
        assert ranks[0][name].equal(ranks[1][name])
        torch.testing.assert_close(ranks[0][name], expected, atol=1e-5, rtol=1e-4)
