from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import DepthAnythingForDepthEstimation as NativeDepthAnything

from depth_anything.configuration_depth_anything import DepthAnythingConfig
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation
from depth_anything.training.network_identity import identity_of, weights_sha256
from depth_anything.training.network_input import PixelNormalisation
from depth_anything.training.pseudo_labels import Teacher, agreement
from depth_anything.training.sky_segmentation import SkySegmenter

MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
SIZES = [(28, 42), (42, 28), (28, 42), (28, 28), (28, 42), (42, 28), (28, 42)]


def images(sizes: list[tuple[int, int]] = SIZES) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(3, *size, generator=generator) for size in sizes]


class Formula(nn.Module):
    """A network that is a formula of its input, (B, 3, h, w) to (B, h, w)."""

    def __init__(self, formula: Callable[[Tensor], Tensor], name: str = "predicted_depth") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.formula = formula
        self.name = name
        self.seen: list[Tensor] = []

    def forward(self, pixel_values: Tensor) -> SimpleNamespace:
        self.seen.append(pixel_values)
        return SimpleNamespace(**{self.name: self.weight * self.formula(pixel_values)})


def sky_where_bright() -> SkySegmenter:
    """Sky where red is above 0.5, which every picture knows at a quarter of its size."""
    network = Formula(
        lambda pixels: torch.stack([pixels[:, 0, ::4, ::4] - 0.5, 0 * pixels[:, 0, ::4, ::4]], 1), "logits"
    )
    network.config = SimpleNamespace(id2label={0: "sky", 1: "ground"})
    return SkySegmenter(network)


def test_labels_are_what_the_network_predicts(tiny_model: DepthAnythingForDepthEstimation) -> None:
    (label,) = Teacher(tiny_model).label(images([(28, 42)]))
    with torch.no_grad():
        expected = tiny_model(images([(28, 42)])[0][None]).predicted_depth[0]
    torch.testing.assert_close(label.disparity, expected, rtol=0, atol=0)
    assert label.disparity.dtype == torch.float32
    assert label.sky is None
    assert label.confidence is None


def test_groups_of_equal_size_give_what_single_images_give(tiny_model: DepthAnythingForDepthEstimation) -> None:
    batches: list[tuple[int, ...]] = []
    tiny_model.register_forward_pre_hook(lambda _, arguments: batches.append(tuple(arguments[0].shape)))
    together = Teacher(tiny_model, has_confidence=True, max_batch=3).label(images())
    assert sorted(batches) == sorted(2 * [(3, 3, 28, 42), (1, 3, 28, 42), (2, 3, 42, 28), (1, 3, 28, 28)])
    alone = [Teacher(tiny_model, has_confidence=True).label([image])[0] for image in images()]
    for one, other, size in zip(together, alone, SIZES, strict=True):
        assert one.disparity.shape == size
        torch.testing.assert_close(one.disparity, other.disparity, rtol=1e-5, atol=1e-6)
        assert (one.confidence - other.confidence).abs().max() <= 1.01 / 255


def test_a_teacher_is_frozen_in_eval_mode_and_no_module(tiny_model: DepthAnythingForDepthEstimation) -> None:
    teacher = Teacher(tiny_model.train())
    assert not isinstance(teacher, nn.Module)
    assert not any(module.training for module in tiny_model.modules())
    assert not any(parameter.requires_grad for parameter in tiny_model.parameters())
    image = images([(28, 28)])[0].requires_grad_()
    disparity = teacher.label([image])[0].disparity
    assert not disparity.requires_grad
    (torch.ones(28, 28, requires_grad=True) * disparity).sum().backward()  # a loss may keep it for its gradient


def test_a_teacher_on_a_cpu_convolves_with_channels_last(tiny_model: DepthAnythingForDepthEstimation) -> None:
    network = Teacher(tiny_model).network
    convolutions = [weight for weight in network.parameters() if weight.ndim == 4 and weight.shape[2] > 1]
    assert convolutions
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in convolutions)


def test_negative_predictions_become_0_and_one_that_is_not_finite_takes_its_whole_map() -> None:
    network = Formula(lambda pixels: pixels[:, 0])
    bad, good = torch.zeros(3, 14, 14), torch.full((3, 14, 14), -1.0)
    good[:, 3] = 2
    bad[0, 0, 0] = torch.inf
    one, other = Teacher(network, has_confidence=True).label([bad, good])
    assert one.disparity.isnan().all()
    assert (one.confidence == 0).all()
    assert (other.disparity[3] == 2).all()
    assert other.disparity.sum() == 28


def test_confidence_is_one_minus_the_normalised_difference_to_the_mirrored_view() -> None:
    ramp = torch.linspace(0, 1, 28)
    network = Formula(lambda pixels: pixels[:, 0].clamp(min=0) * (1 + ramp))  # sees left and right differently
    image = images([(14, 28)])[0]
    (label,) = Teacher(network, has_confidence=True).label([image])

    def normalised(values: np.ndarray) -> np.ndarray:
        centred = values - np.sort(values, axis=None)[(values.size - 1) // 2]
        return centred / np.abs(centred).mean()

    red = image[0].clamp(min=0).double().numpy()
    as_seen, mirrored = red * (1 + ramp.numpy()), red * (1 + ramp.numpy()[::-1])
    expected = np.maximum(0, 1 - np.abs(normalised(as_seen) - normalised(mirrored)))
    assert np.abs(label.confidence.numpy() - expected).max() <= 0.5001 / 255
    assert 0 < expected.min() + expected.std() < expected.max() < 1.0001


def test_agreement_knows_no_scale_and_no_shift_and_is_0_beyond_the_mean_deviation() -> None:
    values = torch.rand(2, 14, 14, generator=torch.Generator().manual_seed(0))
    assert (agreement(values, 3 * values + 2) == 1).all()
    assert (agreement(values * 0 + 4, values * 0 + 5) == 1).all(), "flat maps agree"
    # Median 0 and mean absolute deviation 1 in both; they differ by 0, 1, and 2.
    one = torch.tensor([[[-1.0, 0, 0, 1, 3]]])
    other = torch.tensor([[[-1.0, 0, -1, 3, 0]]])
    torch.testing.assert_close(agreement(one, other), torch.tensor([[[1.0, 1, 0, 0, 0]]]))


def test_sky_has_disparity_0_and_confidence_1() -> None:
    network = Formula(lambda pixels: (pixels.sum(1).abs() + 5) * torch.linspace(1, 2, 28))
    image = torch.zeros(3, 28, 28)
    image[:, :14] = 3
    image[1] += torch.randn(28, 28, generator=torch.Generator().manual_seed(0))
    (label,) = Teacher(network, sky=sky_where_bright(), has_confidence=True).label([image])
    assert label.sky[:10].all()
    assert not label.sky[18:].any()
    assert ((label.disparity == 0) == label.sky).all()
    assert (label.confidence[label.sky] == 1).all()
    assert (label.confidence[~label.sky] < 1).any()


@pytest.mark.parametrize("mean", [(0.5, 0.5, 0.5), (0.485, 0.456, 0.406)])
def test_the_network_sees_its_own_normalisation_of_floats_and_of_levels(mean: tuple[float, ...]) -> None:
    network = Formula(lambda pixels: pixels[:, 0])
    normalisation = PixelNormalisation(mean=mean, std=(0.5, 0.25, 0.2))
    levels = torch.randint(0, 256, (3, 14, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    unit = levels / 255
    Teacher(network, normalisation=normalisation).label([levels, (unit - MEAN) / STD])
    expected = (unit - torch.tensor(mean)[:, None, None]) / torch.tensor([0.5, 0.25, 0.2])[:, None, None]
    for seen in torch.cat(network.seen):
        torch.testing.assert_close(seen, expected, rtol=0, atol=1e-5)


def test_bfloat16_is_autocast_and_labels_stay_float32(tiny_model: DepthAnythingForDepthEstimation) -> None:
    seen: list[torch.dtype] = []
    tiny_model.backbone.encoder.layer[0].mlp.fc1.register_forward_hook(lambda *call: seen.append(call[2].dtype))
    exact = Teacher(tiny_model).label(images([(28, 42)]))[0].disparity
    (label,) = Teacher(tiny_model, precision="bfloat16").label(images([(28, 42)]))
    assert seen == [torch.float32, torch.bfloat16]
    assert label.disparity.dtype == torch.float32
    assert next(tiny_model.parameters()).dtype == torch.float32
    assert 0 < (label.disparity - exact).abs().max() < 0.1 * exact.max()


def test_transformers_own_network_labels_too(
    tiny_model: DepthAnythingForDepthEstimation, tiny_checkpoint: Path
) -> None:
    native = NativeDepthAnything.from_pretrained(tiny_checkpoint)
    assert type(native) is not type(tiny_model)
    image = images([(70, 70)])  # at the size of its position grid the two are equal
    expected = Teacher(tiny_model).label(image)[0].disparity
    torch.testing.assert_close(Teacher(native).label(image)[0].disparity, expected, rtol=1e-4, atol=1e-5)


class Patches(Formula):
    """A network of patches of 16, which refuses every other size."""

    config = SimpleNamespace(patch_size=16)

    def forward(self, pixel_values: Tensor) -> SimpleNamespace:
        assert all(side % 16 == 0 for side in pixel_values.shape[-2:])
        return super().forward(pixel_values)


@pytest.mark.parametrize(("input_size", "seen"), [(None, (64, 96)), ((32, 32), (32, 32))])
def test_a_network_that_wants_another_size_sees_it_and_answers_at_ours(
    input_size: tuple[int, int] | None, seen: tuple[int, int]
) -> None:
    network = Patches(lambda pixels: pixels[:, 0])
    ramp = torch.linspace(0, 1, 98).expand(3, 70, 98)
    (label,) = Teacher(network, input_size=input_size).label([ramp])
    assert network.seen[0].shape[-2:] == seen
    torch.testing.assert_close(label.disparity[:, 8:-8], ramp[0, :, 8:-8], rtol=0, atol=0.01)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"precision": "float16"}, "precision is 'float16'"), ({"max_batch": 0}, "max_batch is 0, must be 1 or more")],
)
def test_settings_that_are_not_on_offer_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Teacher(Formula(lambda pixels: pixels[:, 0]), **settings)


def test_a_metric_network_is_refused(tiny_config: DepthAnythingConfig) -> None:
    metric = DepthAnythingConfig(**{**tiny_config.to_dict(), "depth_estimation_type": "metric", "max_depth": 20})
    with pytest.raises(ValueError, match="predicts metres and a teacher has to predict disparity"):
        Teacher(DepthAnythingForDepthEstimation(metric))


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"an image has the shape \(1, 14, 14\), must be \(3, height, width\)"):
        Teacher(Formula(lambda pixels: pixels[:, 0])).label([torch.zeros(1, 14, 14)])


def test_the_identity_knows_every_weight_and_no_folder_of_this_machine(
    tiny_model: DepthAnythingForDepthEstimation, tiny_checkpoint: Path
) -> None:
    before = weights_sha256(tiny_model)
    again = DepthAnythingForDepthEstimation.from_pretrained(tiny_checkpoint)
    assert weights_sha256(again) == before
    identity = identity_of(again, str(tiny_checkpoint))
    assert (identity.name, identity.revision, identity.weights_sha256) == ("tiny-checkpoint", None, before)
    assert identity_of(again, "owner/name", "abc").name == "owner/name"
    with torch.no_grad():
        again.head.conv1.bias[0] += 1e-6
    assert weights_sha256(again) != before
