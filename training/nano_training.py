"""The loop that trains nano, and the check of what it learned."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm
from transformers import Dinov2Model

from depth_anything.training.corpora.procedural import CLASS_NAMES
from depth_anything.training.nano_objective import NanoTask
from depth_anything.training.nano_settings import NanoSettings
from depth_anything.training.nano_views import NanoScenes, SceneViews
from depth_anything.training.scene_seeds import NANO_CHECK, NANO_TRAINING

NUM_CHECKED = 256
SMOOTHING = 0.98  # of the figures beside the progress bar


@dataclass(frozen=True, kw_only=True)
class NanoOutcome:
    """What a training gave."""

    encoder: Dinov2Model
    figures: dict[str, float]  # on scenes that were not trained on, see `checked_figures`
    seconds: float
    device: torch.device


def train_nano(settings: NanoSettings) -> NanoOutcome:
    """A trained encoder, in float32 and eval mode on the CPU."""
    start = time.monotonic()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.num_threads)
    task = NanoTask(settings.encoder_config(), settings.agreement_weight).to(device)
    optimizer = torch.optim.AdamW(_groups(task, settings.weight_decay), lr=settings.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_share(step, settings))
    smoothed: dict[str, float] = {}
    with tqdm(total=settings.num_steps, desc="nano", unit="step") as bar:
        for views in _batches(NanoScenes(NANO_TRAINING, settings, settings.num_scenes), settings, device):
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.use_bf16):
                parts = task(views)
            parts["loss"].backward()
            nn.utils.clip_grad_norm_(task.parameters(), settings.max_gradient_norm, error_if_nonfinite=True)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            for name, value in parts.items():
                latest = float(value.detach())
                smoothed[name] = SMOOTHING * smoothed.get(name, latest) + (1 - SMOOTHING) * latest
            bar.update()
            bar.set_postfix({name: f"{value:.3f}" for name, value in smoothed.items()}, refresh=False)
    figures = checked_figures(task, settings, device)
    return NanoOutcome(
        encoder=task.encoder.cpu().eval(), figures=figures, seconds=time.monotonic() - start, device=device
    )


def rate_share(step: int, settings: NanoSettings) -> float:
    """The share of the highest learning rate at a step: a straight rise, then half a cosine to 0."""
    if step < settings.num_warmup_steps:
        return (step + 1) / settings.num_warmup_steps
    progress = (step - settings.num_warmup_steps) / (settings.num_steps - settings.num_warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * progress))


@torch.no_grad()
def checked_figures(task: NanoTask, settings: NanoSettings, device: torch.device) -> dict[str, float]:
    """What the task does on scenes that it was not trained on.

    Returns:
        `cell accuracy`: share of cells whose class is right, clean view. `strong view's cell accuracy`. `mean class
        recall`: of the classes that occur. `agreement of views`: mean cosine between the tokens of a patch in both
        views, about the mean token. `agreement of strangers`: the same between patches of different scenes.
        `dimensions in use`: squared sum of the covariance's eigenvalues over the sum of their squares.
    """
    was_training = task.training
    task.eval()
    hits = torch.zeros(2)
    confusion = torch.zeros(len(CLASS_NAMES), len(CLASS_NAMES))
    kept: list[tuple[Tensor, Tensor]] = []
    for views in _batches(NanoScenes(NANO_CHECK, settings, NUM_CHECKED), settings, device):
        tokens = [task.tokens(images) for images in (views.clean, views.strong)]
        truth = views.cell_classes.flatten(1)
        found = torch.stack([task.cell_logits(each).argmax(-1) for each in tokens])
        hits += (found == truth).float().sum((1, 2)).cpu()
        pairs = truth.flatten() * len(CLASS_NAMES) + found[0].flatten()
        confusion += torch.bincount(pairs, minlength=confusion.numel()).view_as(confusion).cpu()
        kept.append((tokens[0].cpu(), tokens[1].cpu()))
    task.train(was_training)
    occurring = confusion.sum(1) > 0
    recall = confusion.diagonal()[occurring] / confusion.sum(1)[occurring]
    clean, strong = (torch.cat(each) for each in zip(*kept, strict=True))
    shares = (hits / confusion.sum()).tolist()
    return {
        "cell accuracy": shares[0],
        "strong view's cell accuracy": shares[1],
        "mean class recall": float(recall.mean()),
        **_token_figures(clean, strong),
    }


def _token_figures(clean: Tensor, strong: Tensor) -> dict[str, float]:
    mean = clean.mean((0, 1))
    clean, strong = clean - mean, strong - mean
    cosine = torch.cosine_similarity(clean, strong, dim=-1).mean()
    strangers = torch.cosine_similarity(clean, clean.roll(1, 0), dim=-1).mean()
    eigenvalues = torch.linalg.eigvalsh(torch.cov(clean.flatten(0, 1).mT))
    dimensions = eigenvalues.sum().square() / eigenvalues.square().sum()
    return {
        "agreement of views": float(cosine),
        "agreement of strangers": float(strangers),
        "dimensions in use": float(dimensions),
    }


def _batches(scenes: NanoScenes, settings: NanoSettings, device: torch.device) -> Iterator[SceneViews]:
    loader = DataLoader(
        scenes, settings.scenes_per_step, num_workers=settings.num_workers, pin_memory=device.type == "cuda"
    )
    for views in loader:
        yield SceneViews(*(tensor.to(device, non_blocking=True) for tensor in views))


def _groups(task: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    matrices = [each for each in task.parameters() if each.ndim in (2, 4)]  # tokens and positions have 3 dimensions
    others = [each for each in task.parameters() if each.ndim not in (2, 4)]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
