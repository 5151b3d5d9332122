"""Images per second and memory of the student's step against a plain loop of equal arithmetic, in the same run.

    python tests/benchmarks/training.py [--size small] [--labelled 1] [--unlabelled 2] [--repeats 5] [--version 1]
    python tests/benchmarks/training.py --device cuda --size base --labelled 8 --unlabelled 16 --compile

data: examples of 1024x768 pictures in memory, with strong views; one process, no overlap with the step.
teacher: a live one of the same size as the student, on whole images.
student: frozen encoder's features, CutMix, forward, losses, backward and AdamW, from the teacher's maps on.
losses: all three alone, forward and backward, on given predictions and features.

The plain loop is transformers' own network with the same weights and images, whose losses go image by image and region
by region with boolean indexing; it never compiles. That both compute the same is checked before: the losses are
printed. Both take turns (A B A B ...); each row prints both medians and the median of the ratios with their range.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from depth_anything.configuration_depth_anything import DepthAnythingConfig
from depth_anything.loss_depth_anything import relative_depth_loss
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation
from depth_anything.released_architectures import architecture_fields
from depth_anything.training.augmentation import TeacherView, TrainingTransform, TransformSettings
from depth_anything.training.corpora.sample import LabelKind, Sample
from depth_anything.training.cutmix import CutMixSettings
from depth_anything.training.example_batches import stack_sides
from depth_anything.training.loss_settings import V1_LOSSES, V2_LOSSES, LossSettings
from depth_anything.training.losses import feature_alignment_loss, pseudo_label_loss
from depth_anything.training.pseudo_labels import Teacher
from depth_anything.training.pseudo_targets import LiveTargets, PseudoTargets
from depth_anything.training.student_preparation import ReferenceEncoder, StudentPreparation
from depth_anything.training.tasks import StudentTask
from depth_anything.training.training_batch import TrainingBatch

HEIGHT, WIDTH, CROP = 768, 1024, 518
LEARNING_RATE = 5e-6


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two ways, as steps without arguments."""

    teacher: Callable[[], object]
    student: Callable[[], object]
    losses: Callable[[], object]


def main() -> int:
    """Runs all rows."""
    arguments = parse_arguments()
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    losses = V1_LOSSES if arguments.version == 1 else V2_LOSSES
    examples = make_examples(arguments.labelled, arguments.unlabelled)
    raw = on_device(examples(), device)
    ours, theirs, describe = both_sides(arguments, raw, losses, device)
    print(f"ViT-{arguments.size}, V{arguments.version} losses, {arguments.labelled} labelled + {arguments.unlabelled} "
          f"unlabelled images at {CROP}, {device_name(device)}, {torch.get_num_threads()} threads, "
          f"{arguments.precision}, torch {torch.__version__}, transformers {transformers.__version__}")  # fmt: skip
    print(describe())
    num_images = arguments.labelled + arguments.unlabelled
    step = timed(examples, 3, device)
    print(f"{'data':<9} ours {step / num_images * 1000:8.1f} ms per image")
    seconds = {}
    for name in ("teacher", "student", "losses"):
        count = arguments.unlabelled if name == "teacher" else num_images
        repeats = arguments.repeats * (4 if name == "losses" else 1)
        seconds[name] = compare(name, getattr(theirs, name), getattr(ours, name), count, repeats, device)
    print(f"the losses take {seconds['losses'] / seconds['student']:.2%} of the student's step")
    for name, side in (("ours", ours), ("plain loop", theirs)):
        print(f"peak memory of the student's step, {name}: {peak_mib(side.student, device):.0f} MiB")
    if arguments.peak_tflops:
        with FlopCounterMode(display=False) as counter:
            ours.student()
        share = counter.get_total_flops() / seconds["student"] / (arguments.peak_tflops * 1e12)
        print(f"the student's step reaches {share:.1%} of {arguments.peak_tflops:g} TFLOP/s")
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("small", "base", "large"), default="small")
    parser.add_argument("--version", type=int, choices=(1, 2), default=1, help="whose losses")
    parser.add_argument("--labelled", type=int, default=1)
    parser.add_argument("--unlabelled", type=int, default=2, help="even")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="default: bfloat16 on a GPU")
    parser.add_argument("--compile", action="store_true", help="compile our task; the plain loop never is")
    parser.add_argument("--peak_tflops", type=float, help="of the device and precision: 989 for an H100 in bfloat16")
    arguments = parser.parse_args()
    arguments.precision = arguments.precision or ("float32" if arguments.device == "cpu" else "bfloat16")
    return arguments


def make_examples(num_labelled: int, num_unlabelled: int) -> Callable[[], dict[str, Any]]:
    """What gives the batch of examples, made anew by each call; the first image of each pair has a box."""
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    rows = np.mgrid[0:HEIGHT, 0:WIDTH][0] / HEIGHT
    depth_m = (1 / (rows + 0.1) + generator.random((HEIGHT, WIDTH))).astype(np.float32)
    unlabelled = Sample(image=picture, kind=LabelKind.NONE, corpus="benchmark", key="0")
    labelled = replace(unlabelled, label=depth_m, valid=depth_m > 1.2, kind=LabelKind.METRIC_DEPTH)
    settings = TransformSettings(teacher_view=TeacherView.WHOLE, cutmix=CutMixSettings(probability=1.0))
    transform = TrainingTransform(settings)

    def make() -> dict[str, Any]:
        batch = stack_sides(
            [transform(labelled, seed) for seed in range(num_labelled)],
            [transform(unlabelled, seed) for seed in range(num_unlabelled)],
        )
        batch["unlabelled"]["mix_box"][1::2] = 0  # half of the images, as with the default probability
        return batch

    return make


def both_sides(
    arguments: argparse.Namespace, raw: dict[str, Any], losses: LossSettings, device: torch.device
) -> tuple[Side, Side, Callable[[], str]]:
    """Our steps, those of the plain loop, and what tells their losses."""
    config = DepthAnythingConfig(**architecture_fields(arguments.size, 2))
    student, teacher = (DepthAnythingForDepthEstimation(config).to(device) for _ in range(2))
    frozen = copy.deepcopy(student.backbone)
    plain_student, plain_teacher = (as_native(network).to(device) for network in (student, teacher))
    plain_frozen = copy.deepcopy(plain_student.backbone).requires_grad_(False).eval()
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=arguments.precision == "bfloat16")

    live = LiveTargets(Teacher(teacher, precision=arguments.precision))
    targets = live(raw["unlabelled"])
    prepare = StudentPreparation(lambda _: targets, ReferenceEncoder(frozen, precision=arguments.precision))
    task = StudentTask(student, losses, config.backbone_config.hidden_size).train()
    optimiser = torch.optim.AdamW(task.parameters(), lr=LEARNING_RATE, fused=True)
    run = torch.compile(task) if arguments.compile else task
    batch = prepare(raw)
    given = given_outputs(batch)

    def our_step() -> Tensor:
        with autocast:
            loss: Tensor = run(prepare(raw))["loss"]
        return stepped(loss, optimiser)

    def our_losses() -> None:
        disparity, features = given
        our_loss(task, disparity, features, batch).backward()

    plain = PlainLoop(plain_student, plain_frozen, losses, targets)
    plain_optimiser = torch.optim.AdamW(plain_student.parameters(), lr=LEARNING_RATE, fused=True)

    def plain_step() -> Tensor:
        with autocast:
            loss = plain.loss(raw)
        return stepped(loss, plain_optimiser)

    def plain_losses() -> None:
        plain.losses(*given, batch, batch.reference_features).backward()

    @torch.no_grad()
    def plain_labels() -> object:
        images = raw["unlabelled"]["whole_pixel_values"]
        with autocast:
            return [plain_teacher(image[None]).predicted_depth for image in images]

    def describe() -> str:
        with autocast, torch.no_grad():
            return f"equal arithmetic: loss {float(task(batch)['loss']):.5f} and {float(plain.loss(raw)):.5f}"

    return (
        Side(teacher=lambda: live(raw["unlabelled"]), student=our_step, losses=our_losses),
        Side(teacher=plain_labels, student=plain_step, losses=plain_losses),
        describe,
    )


def as_native(network: nn.Module) -> nn.Module:
    """transformers' own network with the same weights."""
    with tempfile.TemporaryDirectory() as folder:  # the names of tensors in memory differ, those in files do not
        network.save_pretrained(folder)
        return transformers.DepthAnythingForDepthEstimation.from_pretrained(folder).train()


def stepped(loss: Tensor, optimiser: torch.optim.Optimizer) -> Tensor:
    """The loss, after the optimiser's step."""
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return loss


def given_outputs(batch: TrainingBatch) -> tuple[Tensor, Tensor]:
    """Predictions and features that ask for gradients."""
    assert batch.labels is not None
    assert batch.targets is not None
    assert batch.reference_features is not None
    truth = torch.cat([batch.labels, batch.targets])
    noise = torch.rand_like(truth)
    disparity = (truth + truth.std() * noise).requires_grad_()
    features = (batch.reference_features.float() + torch.randn_like(batch.reference_features.float())).requires_grad_()
    return disparity, features


def our_loss(task: StudentTask, disparity: Tensor, features: Tensor, batch: TrainingBatch) -> Tensor:
    """The task's own losses of given outputs."""
    settings, count = task.settings, len(batch.labels)
    labelled = relative_depth_loss(disparity[:count], batch.labels, batch.labels_valid, settings.gradient_weight)
    unlabelled = pseudo_label_loss(
        disparity[count:], batch.targets, batch.targets_valid, batch.inside,
        gradient_weight=settings.gradient_weight, trimmed_share=settings.trimmed_share,
    )  # fmt: skip
    return labelled + unlabelled + feature_alignment_loss(features, batch.reference_features, settings.feature_margin)


class PlainLoop:
    """The step as one would write it down: image by image, region by region."""

    def __init__(self, student: Any, frozen: Any, settings: LossSettings, targets: PseudoTargets) -> None:
        self.student, self.frozen, self.settings, self.targets = student, frozen, settings, targets

    def loss(self, raw: dict[str, Any]) -> Tensor:
        """The total of the step."""
        labelled, side = raw["labelled"], raw["unlabelled"]
        strong, clean, values, valid = (
            maps.clone()
            for maps in (side["strong_pixel_values"], side["pixel_values"], self.targets.values, self.targets.valid)
        )
        inside = torch.zeros_like(valid)
        for index, (top, left, height, width) in enumerate(side["mix_box"].tolist()):
            rows, columns, other = slice(top, top + height), slice(left, left + width), index ^ 1
            inside[index, rows, columns] = True
            for mixed, source in ((strong, side["strong_pixel_values"]), (clean, side["pixel_values"]),
                                  (values, self.targets.values), (valid, self.targets.valid)):  # fmt: skip
                mixed[index, ..., rows, columns] = source[other, ..., rows, columns]
        with torch.no_grad():
            reference = self.frozen(clean).feature_maps[-1][:, 1:]
        pixels = torch.cat([labelled["pixel_values"], strong])
        maps = self.student.backbone(pixels).feature_maps
        patches = pixels.shape[-2] // 14, pixels.shape[-1] // 14
        disparity = self.student.head(self.student.neck(maps, *patches), *patches)
        batch = TrainingBatch(labels=labelled["labels"], labels_valid=labelled["valid_mask"], targets=values,
                              targets_valid=valid, inside=inside)  # fmt: skip
        return self.losses(
            disparity.float(), maps[-1][len(labelled["labels"]) :, 1:].float(), batch, reference.float()
        )

    def losses(self, disparity: Tensor, features: Tensor, batch: TrainingBatch, reference: Tensor) -> Tensor:
        """The three losses of given outputs."""
        count = len(batch.labels)
        whole = torch.ones_like(batch.labels_valid[0])
        labelled = [
            self.map_loss(disparity[i], batch.labels[i], batch.labels_valid[i], whole, 0.0) for i in range(count)
        ]
        unlabelled = [
            self.map_loss(disparity[count + i], batch.targets[i], batch.targets_valid[i], batch.inside[i],
                          self.settings.trimmed_share)
            for i in range(len(batch.targets))
        ]  # fmt: skip
        alignment = []
        for one, other in zip(features, reference, strict=True):
            cosine = nn.functional.cosine_similarity(one, other, dim=-1)
            apart = cosine[cosine <= self.settings.feature_margin]
            alignment.append((1 - apart).mean() if len(apart) else cosine.sum() * 0)
        return sum(torch.stack(parts).mean() for parts in (labelled, unlabelled, alignment))

    def map_loss(self, pred: Tensor, target: Tensor, valid: Tensor, inside: Tensor, trimmed: float) -> Tensor:
        """One image: both regions normalised apart, then the means over its pixels."""
        if not trimmed and not self.settings.gradient_weight:
            parts = []
            for region in (valid & inside, valid & ~inside):
                if region.any():
                    error = (normalised(pred[region]) - normalised(target[region])).abs().mean()
                    parts.append(error * region.sum() / valid.sum())
            return sum(parts)
        difference = torch.zeros_like(pred)
        for region in (valid & inside, valid & ~inside):
            if region.any():
                difference[region] = normalised(pred[region]) - normalised(target[region])
        if trimmed:
            errors = difference.detach().abs()
            kept = errors[valid].sort().values[: int(valid.sum()) - int(trimmed * int(valid.sum()))]
            valid = valid & (errors <= kept[-1])
        loss = difference[valid].abs().mean()
        for stride in (1, 2, 4, 8):
            d, v, r = (each[::stride, ::stride] for each in (difference, valid, inside))
            across = v[:, 1:] & v[:, :-1] & (r[:, 1:] == r[:, :-1])
            down = v[1:] & v[:-1] & (r[1:] == r[:-1])
            total = (d[:, 1:] - d[:, :-1])[across].abs().sum() + (d[1:] - d[:-1])[down].abs().sum()
            loss = loss + self.settings.gradient_weight * total / v.sum()
        return loss


def normalised(values: Tensor) -> Tensor:
    """Zero median and unit mean absolute deviation."""
    centred = values - values.median()
    return centred / centred.abs().mean()


def on_device(raw: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The batch on the device."""
    return {
        side: {
            name: [each.to(device) for each in values] if isinstance(values, list) else values.to(device)
            for name, values in entries.items()
        }
        for side, entries in raw.items()
    }


def timed(step: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Median seconds of a step."""
    measured = []
    for _ in range(repeats):
        wait_for(device)
        start = time.perf_counter()
        step()
        wait_for(device)
        measured.append(time.perf_counter() - start)
    return statistics.median(measured)


def compare(
    name: str,
    theirs: Callable[[], object],
    ours: Callable[[], object],
    num_images: int,
    repeats: int,
    device: torch.device,
) -> float:
    """Prints one row, measured in turns after one warm-up of each; our median seconds."""
    theirs(), ours()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in tqdm(range(repeats), desc=name, leave=False):
        for step, measured in zip((theirs, ours), times, strict=True):
            measured.append(timed(step, 1, device))
    ratios = [a / b for a, b in zip(*times, strict=True)]
    plain, mine = (statistics.median(measured) for measured in times)
    print(f"{name:<9} ours {mine / num_images * 1000:8.1f} ms per image, {num_images / mine:7.2f} images/s   plain "
          f"{plain / num_images * 1000:8.1f} ms, {num_images / plain:7.2f} images/s   ours is "
          f"{statistics.median(ratios):.2f} times as fast ({min(ratios):.2f}..{max(ratios):.2f})")  # fmt: skip
    return mine


def wait_for(device: torch.device) -> None:
    """Until the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak_mib(step: Callable[[], object], device: torch.device) -> float:
    """Highest memory during one step: allocated on a GPU, resident of this process on Linux otherwise."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        step()
        return torch.cuda.max_memory_allocated() / 2**20
    Path("/proc/self/clear_refs").write_text("5")  # the highest size is the present one again
    step()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmHWM")


def device_name(device: torch.device) -> str:
    """The GPU's name, or "CPU"."""
    return torch.cuda.get_device_name() if device.type == "cuda" else "CPU"


if __name__ == "__main__":
    sys.exit(main())
