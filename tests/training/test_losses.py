"""The losses against slow loops in float64, their invariances, their gradients and their masks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_anything.loss_depth_anything import relative_depth_loss
from depth_anything.training.losses import feature_alignment_loss, pseudo_label_loss, within_lower_share

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
VERSIONS = {
    "v1": {},
    "v2": {"gradient_weight": 2.0, "trimmed_share": 0.1},
    "gradient": {"gradient_weight": 0.5},
    "trimmed": {"trimmed_share": 0.1},
}


class Maps(NamedTuple):
    pred: Tensor
    target: Tensor
    valid: Tensor
    inside: Tensor


@pytest.fixture
def maps() -> Maps:
    """Four images of 13x17: a small box, a large one that leaves a thin rim, none, and one whose inside has no label.

    The number of valid pixels is odd in some regions and even in others.
    """
    generator = torch.Generator().manual_seed(0)
    pred, target = (torch.rand(4, 13, 17, generator=generator, dtype=torch.float64) * 5 + 0.1 for _ in range(2))
    valid = torch.rand(4, 13, 17, generator=generator) < torch.tensor([0.7, 1.1, 0.4, 0.9])[:, None, None]
    inside = torch.zeros(4, 13, 17, dtype=torch.bool)
    inside[0, 2:7, 3:12] = True
    inside[1, :12, 1:] = True
    inside[3, 5:11, 0:5] = True
    valid[3, 5:11, 0:5] = False
    return Maps(pred, target, valid, inside)


def slow_normalised(values: list[float]) -> list[float]:
    median = sorted(values)[(len(values) - 1) // 2]
    deviation = sum(abs(value - median) for value in values) / len(values)
    return [(value - median) / deviation for value in values]


def slow_loss(
    pred: Array, target: Array, valid: Mask, inside: Mask, gradient_weight: float = 0.0, trimmed_share: float = 0.0
) -> float:
    """Equations 6 to 8 region by region, then V2's terms, all in plain loops."""
    height, width = pred.shape
    difference: dict[tuple[int, int], float] = {}
    for region in (True, False):
        pixels = [(y, x) for y in range(height) for x in range(width) if valid[y, x] and inside[y, x] == region]
        if pixels:
            predicted = slow_normalised([pred[pixel] for pixel in pixels])
            wanted = slow_normalised([target[pixel] for pixel in pixels])
            difference.update(zip(pixels, (p - w for p, w in zip(predicted, wanted, strict=True)), strict=True))
    worst_first = sorted(difference, key=lambda pixel: -abs(difference[pixel]))
    for pixel in worst_first[: int(len(difference) * trimmed_share + 1e-9)]:
        del difference[pixel]
    of_region = {region: [abs(d) for pixel, d in difference.items() if inside[pixel] == region] for region in (0, 1)}
    num_kept = max(len(difference), 1)
    loss = sum(len(region) / num_kept * float(np.mean(region)) for region in of_region.values() if region)
    for stride in (1, 2, 4, 8):
        on_grid = {pixel for pixel in difference if pixel[0] % stride == 0 and pixel[1] % stride == 0}
        gradient = 0.0
        for y, x in on_grid:
            for other in ((y + stride, x), (y, x + stride)):
                if other in on_grid and inside[other] == inside[y, x]:
                    gradient += abs(difference[other] - difference[y, x])
        loss += gradient_weight * gradient / max(len(on_grid), 1)
    return loss


@pytest.mark.parametrize("version", VERSIONS)
def test_the_loss_is_the_mean_over_images_of_a_slow_reference(maps: Maps, version: str) -> None:
    images = [tuple(part.numpy() for part in image) for image in zip(*maps, strict=True)]
    expected = np.mean([slow_loss(*image, **VERSIONS[version]) for image in images])
    actual = pseudo_label_loss(*maps, **VERSIONS[version])
    assert actual.dtype == torch.float32
    np.testing.assert_allclose(actual.item(), expected, rtol=1e-5)


def test_regions_are_weighed_by_their_area(maps: Maps) -> None:
    """Equation 8, with the loss of each region from the labelled loss on that region alone."""
    pred, target, _, inside = (part[:2] for part in maps)
    everywhere = torch.ones_like(inside)
    expected = []
    for image in range(2):
        one = slice(image, image + 1)
        of_regions = [relative_depth_loss(pred[one], target[one], region[one], 0.0) for region in (inside, ~inside)]
        area = inside[image].float().mean()
        expected.append(area * of_regions[0] + (1 - area) * of_regions[1])
    torch.testing.assert_close(pseudo_label_loss(pred, target, everywhere, inside), torch.stack(expected).mean())


@pytest.mark.parametrize("gradient_weight", [0.0, 2.0])
def test_without_a_box_it_is_the_labelled_loss(maps: Maps, gradient_weight: float) -> None:
    pred, target, valid, inside = maps
    expected = relative_depth_loss(pred, target, valid, gradient_weight)
    for box in (None, torch.zeros_like(inside), torch.ones_like(inside)):
        actual = pseudo_label_loss(pred, target, valid, box, gradient_weight=gradient_weight)
        torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("version", VERSIONS)
def test_scale_and_shift_of_either_region_do_not_change_the_loss(maps: Maps, version: str) -> None:
    pred, target, valid, inside = maps
    expected = pseudo_label_loss(*maps, **VERSIONS[version])
    for region in (inside, ~inside):
        changed = torch.where(region, 3 * pred + 7, pred), torch.where(region, 0.25 * target - 1, target)
        torch.testing.assert_close(pseudo_label_loss(*changed, valid, inside, **VERSIONS[version]), expected)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("content", [torch.nan, torch.inf, 1e30])
def test_what_invalid_pixels_hold_changes_neither_loss_nor_gradient(maps: Maps, version: str, content: float) -> None:
    results = []
    for filling in (0.0, content):
        pred = maps.pred.masked_fill(~maps.valid, filling).requires_grad_()
        target = maps.target.masked_fill(~maps.valid, filling)
        loss = pseudo_label_loss(pred, target, maps.valid, maps.inside, **VERSIONS[version])
        loss.backward()
        assert pred.grad is not None
        assert not pred.grad[~maps.valid].any()
        results.append((loss.detach(), pred.grad))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


@pytest.mark.parametrize("version", VERSIONS)
def test_gradients_are_those_of_finite_differences(maps: Maps, version: str) -> None:
    """The loss is computed in float32, so the slow reference in float64 is the one that is moved."""
    maps.pred.requires_grad_()
    pseudo_label_loss(*maps, **VERSIONS[version]).backward()
    generator = np.random.default_rng(0)
    for image in range(4):
        pred, target, valid, inside = (part[image].detach().numpy() for part in maps)
        for _ in range(3):
            direction = generator.standard_normal(pred.shape)
            moved = [
                slow_loss(pred + step * direction, target, valid, inside, **VERSIONS[version])
                for step in (-1e-7, 1e-7)
            ]
            slope = (moved[1] - moved[0]) / 2e-7 / 4  # the mean over four images
            actual = (maps.pred.grad[image].numpy() * direction).sum()
            np.testing.assert_allclose(actual, slope, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("version", VERSIONS)
def test_empty_and_flat_regions_give_zeros_and_finite_gradients(maps: Maps, version: str) -> None:
    pred, target, valid, inside = maps
    one_pixel = torch.zeros_like(valid)
    one_pixel[:, 6, 6] = True
    flat = torch.full_like(pred, 2.0)
    for prediction, labels, mask, expected in [
        (pred, target, torch.zeros_like(valid), 0.0),
        (pred, target, one_pixel, 0.0),
        (flat, flat, valid, 0.0),
        (target.clone(), target, valid, 0.0),
        (flat, target, valid, None),
        (pred, flat, valid, None),
    ]:
        leaf = prediction.clone().requires_grad_()
        loss = pseudo_label_loss(leaf, labels, mask, inside, **VERSIONS[version])
        loss.backward()
        assert expected is None or loss.item() == expected
        assert loss.isfinite()
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()


def test_an_image_without_labels_adds_zero_and_leaves_the_others(maps: Maps) -> None:
    valid = maps.valid.clone()
    valid[1] = False
    others = [0, 2, 3]
    all_four = pseudo_label_loss(maps.pred, maps.target, valid, maps.inside, **VERSIONS["v2"])
    three = pseudo_label_loss(*(part[others] for part in maps), **VERSIONS["v2"])
    torch.testing.assert_close(all_four, three * 3 / 4)


@pytest.mark.parametrize("version", VERSIONS)
def test_halves_of_a_batch_have_the_mean_loss_of_the_whole(maps: Maps, version: str) -> None:
    halves = [
        pseudo_label_loss(*(part[half] for part in maps), **VERSIONS[version]) for half in (slice(2), slice(2, 4))
    ]
    torch.testing.assert_close(torch.stack(halves).mean(), pseudo_label_loss(*maps, **VERSIONS[version]))


def test_trimming_leaves_out_a_tenth_of_each_images_valid_pixels() -> None:
    values = torch.rand(3, 10, 10, generator=torch.Generator().manual_seed(0))
    valid = torch.ones(3, 10, 10, dtype=torch.bool)
    valid[1, :, 5:] = False
    valid[2] = False
    kept = within_lower_share(values, valid, 0.9)
    assert kept.sum((1, 2)).tolist() == [90, 45, 0]
    for image in range(2):
        # The authors' rule: v is the 10 % largest value of the image, and what is below it stays.
        ordered = values[image][valid[image]].sort(descending=True).values
        threshold = ordered[len(ordered) // 10 - 1]
        assert torch.equal(kept[image], valid[image] & (values[image] < threshold))


def test_trimming_few_or_equal_pixels_leaves_some() -> None:
    valid = torch.zeros(1, 4, 4, dtype=torch.bool)
    valid[0, 0] = True
    assert torch.equal(within_lower_share(torch.rand(1, 4, 4), valid, 0.9), valid)
    assert within_lower_share(torch.rand(1, 4, 4), valid, 0.1).sum() == 1
    assert torch.equal(within_lower_share(torch.zeros(1, 4, 4), valid, 0.5), valid)


def slow_alignment(features: Array, reference: Array, margin: float) -> float:
    distances = []
    for one, other in zip(features, reference, strict=True):
        cosine = float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
        if cosine <= margin:
            distances.append(1 - cosine)
    return float(np.mean(distances)) if distances else 0.0


@pytest.fixture
def features() -> tuple[Tensor, Tensor]:
    """Of three images with 6 patches: some alike, some not; all alike; none alike."""
    generator = torch.Generator().manual_seed(0)
    reference = torch.randn(3, 6, 8, generator=generator, dtype=torch.float64)
    noise = torch.randn(3, 6, 8, generator=generator, dtype=torch.float64)
    amount = torch.tensor([[0.1, 0.2, 0.3, 2, 3, 4], [0.1] * 6, [5.0] * 6], dtype=torch.float64)
    return 3 * reference + amount[:, :, None] * 3 * noise, reference


def test_alignment_is_the_mean_over_images_of_a_slow_reference(features: tuple[Tensor, Tensor]) -> None:
    of_images = [slow_alignment(one.numpy(), other.numpy(), 0.85) for one, other in zip(*features, strict=True)]
    assert of_images[1] == 0
    assert 0 < of_images[0] < of_images[2]
    actual = feature_alignment_loss(*features, 0.85)
    assert actual.dtype == torch.float32
    np.testing.assert_allclose(actual.item(), np.mean(of_images), rtol=1e-6)


def test_alignment_pulls_only_patches_below_the_margin(features: tuple[Tensor, Tensor]) -> None:
    student = features[0].clone().requires_grad_()
    feature_alignment_loss(student, features[1], 0.85).backward()
    cosine = torch.nn.functional.cosine_similarity(*features, dim=2)
    assert student.grad is not None
    assert torch.equal(student.grad.abs().sum(2) > 0, cosine <= 0.85)
    step = 1e-6
    direction = torch.randn(features[0].shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moved = [
        np.mean([slow_alignment(a.numpy(), b.numpy(), 0.85) for a, b in zip(changed, features[1], strict=True)])
        for changed in (features[0] - step * direction, features[0] + step * direction)
    ]
    np.testing.assert_allclose((student.grad * direction).sum(), (moved[1] - moved[0]) / (2 * step), rtol=1e-4)


def test_lengths_of_features_do_not_count_and_zero_vectors_do_no_harm(features: tuple[Tensor, Tensor]) -> None:
    student, reference = features
    expected = feature_alignment_loss(student, reference, 0.85)
    torch.testing.assert_close(feature_alignment_loss(7 * student, 0.1 * reference, 0.85), expected)
    zero = torch.zeros_like(student).requires_grad_()
    loss = feature_alignment_loss(zero, reference, 0.85)
    loss.backward()
    assert loss.item() == 1  # the cosine of nothing is 0
    assert zero.grad is not None
    assert zero.grad.isfinite().all()


def test_losses_are_float32_inside_autocast(maps: Maps, features: tuple[Tensor, Tensor]) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        inside_autocast = (
            pseudo_label_loss(maps.pred.bfloat16(), *maps[1:], **VERSIONS["v2"]),
            feature_alignment_loss(features[0].float(), features[1].float(), 0.85),
        )
    outside = (
        pseudo_label_loss(maps.pred.bfloat16().float(), *maps[1:], **VERSIONS["v2"]),
        feature_alignment_loss(*features, 0.85),
    )
    torch.testing.assert_close(inside_autocast, outside, rtol=1e-6, atol=0)


def test_maps_and_features_that_do_not_fit_are_refused(maps: Maps, features: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(ValueError, match="of one shape"):
        pseudo_label_loss(maps.pred[:, :5], maps.target, maps.valid, maps.inside)
    with pytest.raises(ValueError, match="must be bool"):
        pseudo_label_loss(maps.pred, maps.target, maps.valid, maps.inside.float())
    with pytest.raises(ValueError, match=r"\(3, 6, 4\) and \(3, 6, 8\); a linear projection"):
        feature_alignment_loss(features[0][:, :, :4], features[1], 0.85)
