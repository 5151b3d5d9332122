import numpy as np
import pytest
import torch
from torch import Tensor

from depth_anything.training.nano_objective import NanoTask, view_agreement_loss
from depth_anything.training.nano_settings import NanoSettings
from depth_anything.training.nano_views import SceneViews

NUM_CLASSES = 30


@pytest.fixture
def task() -> NanoTask:
    torch.manual_seed(0)
    settings = NanoSettings(out="unused", hidden_size=12, num_layers=1, num_heads=2, scene_size=28, crop_size=28)
    return NanoTask(settings.encoder_config(), agreement_weight=0.5)


def views(num_scenes: int = 3) -> SceneViews:
    generator = torch.Generator().manual_seed(1)
    clean, strong = torch.rand(2, num_scenes, 3, 28, 28, generator=generator)
    return SceneViews(clean, strong, torch.randint(0, NUM_CLASSES, (num_scenes, 14, 14), generator=generator))


def slow_agreement(first: Tensor, second: Tensor) -> float:
    total = np.mean((first.double().numpy() - second.double().numpy()) ** 2)
    for tokens in (first.double().numpy(), second.double().numpy()):
        num_channels = tokens.shape[1]
        hinge = sum(max(0.0, 1 - np.sqrt(tokens[:, channel].var() + 1e-4)) for channel in range(num_channels))
        covariance = np.cov(tokens, rowvar=False)
        squares = sum(covariance[i, j] ** 2 for i in range(num_channels) for j in range(num_channels) if i != j)
        total += 0.5 * (hinge / num_channels + 0.04 * squares / num_channels)
    return float(total)


def test_agreement_is_what_vicreg_says() -> None:
    generator = torch.Generator().manual_seed(2)
    first = torch.randn(40, 6, generator=generator) * torch.tensor([0.2, 0.5, 1, 2, 1, 1])
    second = first + 0.3 * torch.randn(40, 6, generator=generator)
    assert float(view_agreement_loss(first, second)) == pytest.approx(slow_agreement(first, second), rel=1e-5)


def test_tokens_that_are_all_alike_cost_more_than_tokens_that_differ_and_are_pulled_apart() -> None:
    alike = torch.full((8, 5), 0.7, requires_grad=True)
    apart = torch.randn(4000, 5, generator=torch.Generator().manual_seed(3)) * 1.1
    assert float(view_agreement_loss(alike, alike)) == pytest.approx(0.99, abs=1e-3)  # 1 - sqrt(1e-4)
    assert float(view_agreement_loss(apart, apart)) < 0.01
    nearly = alike.detach() + 0.01 * torch.randn(8, 5, generator=torch.Generator().manual_seed(4))
    nearly.requires_grad_()
    view_agreement_loss(nearly, nearly).backward()
    assert nearly.grad is not None
    centred = nearly.detach() - nearly.detach().mean(0)
    assert float((nearly.grad * centred).sum()) < 0  # a step downhill makes them differ more
    assert nearly.grad.isfinite().all()


def test_scores_lie_where_their_cells_do(task: NanoTask) -> None:
    tokens = torch.randn(2, 4, 12, generator=torch.Generator().manual_seed(5))
    logits = task.cell_logits(tokens).view(2, 14, 14, NUM_CLASSES)
    for row, column in [(0, 0), (0, 6), (0, 7), (6, 13), (7, 0), (9, 3), (13, 13)]:
        patch = (row // 7) * 2 + column // 7
        first = ((row % 7) * 7 + column % 7) * NUM_CLASSES
        expected = task.classifier(tokens[:, patch])[:, first : first + NUM_CLASSES]
        torch.testing.assert_close(logits[:, row, column], expected)


def test_the_loss_is_cross_entropy_in_both_views_and_weighted_agreement(task: NanoTask) -> None:
    batch = views()
    parts = task(batch)
    log_shares = [task.cell_logits(task.tokens(images)).log_softmax(-1) for images in (batch.clean, batch.strong)]
    truth = batch.cell_classes.flatten(1)
    expected = -torch.stack([each.gather(2, truth[..., None]).mean() for each in log_shares]).mean()
    torch.testing.assert_close(parts["classes"], expected)
    tokens = [task.tokens(images).flatten(0, 1) for images in (batch.clean, batch.strong)]
    torch.testing.assert_close(parts["agreement"], view_agreement_loss(*tokens))
    torch.testing.assert_close(parts["loss"], parts["classes"] + 0.5 * parts["agreement"])
    right = (log_shares[0].argmax(-1) == truth).float().mean()
    torch.testing.assert_close(parts["accuracy"], right)


def test_pixels_are_normalised_as_for_dinov2(task: NanoTask) -> None:
    images = views().clean
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = (images - mean[:, None, None]) / std[:, None, None]
    expected = task.encoder(pixel_values=pixels).last_hidden_state[:, 1:]
    torch.testing.assert_close(task.tokens(images), expected)
