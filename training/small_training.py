"""Teacher and student at the size of a laptop, on scenes in memory: what `toy` and `ablate.py` have in common.

Both start from nano, whose features are worth keeping: a rate of the encoder a hundred times the paper's fits the
labelled scenes better and unseen kinds of scenes worse; ten times is what a few hundred steps bear.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from tqdm import tqdm

from depth_anything import DepthAnythingForDepthEstimation, DepthAnythingImageProcessor
from depth_anything.training.augmentation import TrainingTransform, TransformSettings
from depth_anything.training.cutmix import CutMixSettings
from depth_anything.training.example_batches import stack_sides
from depth_anything.training.loop import train
from depth_anything.training.loop_settings import LoopSettings
from depth_anything.training.loop_setup import RawBatch, make_accelerator, use_cores
from depth_anything.training.loss_settings import LossSettings
from depth_anything.training.mixture import Mixture
from depth_anything.training.nano_encoder import nano_depth_model
from depth_anything.training.optimisation import OptimiserSettings
from depth_anything.training.pseudo_labels import Teacher
from depth_anything.training.scene_sets import SceneBlocks, SceneSet
from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_settings import StreamSettings
from depth_anything.training.student_preparation import ReferenceEncoder, StudentPreparation
from depth_anything.training.student_view import StudentViewSettings
from depth_anything.training.tasks import StudentTask, Task, TeacherTask


@dataclass(frozen=True, kw_only=True)
class SmallTraining:
    """How a small network is trained, by each process.

    Attributes:
        num_labelled, num_unlabelled: scenes in a batch; a teacher's has labelled ones alone.
        optimiser: rates and what belongs to them.
        loop: `num_steps` of it is the length.
        losses: their weights; `feature_weight` counts where there is feature alignment.
        view: of the student's strong views.
        cutmix: of their boxes.
    """

    num_labelled: int
    num_unlabelled: int = 0
    optimiser: OptimiserSettings
    loop: LoopSettings
    losses: LossSettings = field(default_factory=LossSettings)
    view: StudentViewSettings = field(default_factory=StudentViewSettings)
    cutmix: CutMixSettings = field(default_factory=CutMixSettings)


@dataclass(frozen=True, kw_only=True)
class StudentParts:
    """What a student has of the paper's recipe, beside labelled and pseudo-labelled scenes.

    Attributes:
        has_strong_views: colour jitter, greyscale, blur and CutMix of the pseudo-labelled scenes.
        has_feature_alignment: hold on to the features of frozen nano.
    """

    has_strong_views: bool = True
    has_feature_alignment: bool = True


def train_small_teacher(
    scenes: SceneSet, training: SmallTraining, *, seed: int, accelerator: Accelerator
) -> DepthAnythingForDepthEstimation:
    """A network trained on labelled scenes alone, from nano, with flips and nothing stronger.

    Args:
        scenes: labelled ones.
        training: its batches, rates and length.
        seed: of the decoder, of the scenes' order and of the flips.
        accelerator: made by `small_accelerator`.
    """
    task = TeacherTask(nano_depth_model(seed), training.losses)
    stream = _stream(scenes, None, None, training, None, seed, accelerator)
    return _run_steps(task, StudentPreparation(), stream, training, accelerator, "teacher")


def train_small_student(
    labelled: SceneSet,
    unlabelled: SceneSet,
    pseudo_labels: NDArray[np.float32],
    training: SmallTraining,
    parts: StudentParts,
    *,
    seed: int,
    accelerator: Accelerator,
) -> DepthAnythingForDepthEstimation:
    """A network trained on labelled and pseudo-labelled scenes, fresh from nano.

    Args:
        labelled: scenes with depth.
        unlabelled: scenes whose depth is not looked at.
        pseudo_labels: of the teacher, for the unlabelled scenes; see `small_pseudo_labels`.
        training: its batches, rates and length.
        parts: of the recipe.
        seed: of the decoder, of the scenes' order and of the views.
        accelerator: made by `small_accelerator`.
    """
    reference, losses = None, replace(training.losses, feature_weight=0.0)
    if parts.has_feature_alignment:
        precision = "bfloat16" if accelerator.mixed_precision == "bf16" else "float32"
        backbone = nano_depth_model(seed).backbone
        reference = ReferenceEncoder(backbone, precision=precision, device=accelerator.device)
        losses = training.losses
    task = StudentTask(nano_depth_model(seed), losses, None if reference is None else reference.width)
    view = training.view if parts.has_strong_views else None
    stream = _stream(labelled, unlabelled, pseudo_labels, training, view, seed, accelerator)
    preparation = StudentPreparation(reference=reference, alignment_view=losses.alignment_view)
    return _run_steps(task, preparation, stream, training, accelerator, "student")


def small_pseudo_labels(
    teacher: DepthAnythingForDepthEstimation, scenes: SceneSet, *, use_bf16: bool
) -> NDArray[np.float32]:
    """The teacher's disparity of each scene, seen whole and clean; float32, (N, S, S)."""
    labeller = Teacher(teacher, precision="bfloat16" if use_bf16 else "float32", max_batch=32)
    pixels = torch.from_numpy(scenes.images).permute(0, 3, 1, 2)
    labels = np.empty_like(scenes.depth_m)
    for start in tqdm(range(0, len(scenes), 32), desc="pseudo labels", unit="batch", leave=False):
        for offset, label in enumerate(labeller.label(pixels[start : start + 32])):
            labels[start + offset] = label.disparity.cpu().numpy()
    return labels


def small_accelerator(loop: LoopSettings, use_bf16: bool) -> Accelerator:
    """What all small trainings of a process run by, one after another."""
    accelerator = make_accelerator(loop, mixed_precision="bf16" if use_bf16 else "no")
    use_cores(accelerator, num_threads=0)
    return accelerator


def small_processor(size: int) -> DepthAnythingImageProcessor:
    """The image processor that a network trained at this side in pixels is saved with."""
    return DepthAnythingImageProcessor(size={"height": size, "width": size})


def _stream(
    labelled: SceneSet,
    unlabelled: SceneSet | None,
    pseudo_labels: NDArray[np.float32] | None,
    training: SmallTraining,
    view: StudentViewSettings | None,
    seed: int,
    accelerator: Accelerator,
) -> TrainingStream[RawBatch]:
    """Endless batches at the size of the scenes, one process preparing them."""
    transform = TrainingTransform(
        TransformSettings(
            crop_size=labelled.images.shape[1],
            student_view=view,
            cutmix=None if view is None else training.cutmix,
        )
    )
    settings = StreamSettings(
        labelled=Mixture(sources=[SceneBlocks(labelled)]),
        unlabelled=None if unlabelled is None else Mixture(sources=[SceneBlocks(unlabelled, pseudo_labels)]),
        num_labelled=training.num_labelled,
        num_unlabelled=0 if unlabelled is None else training.num_unlabelled,
        seed=seed,
        rank=accelerator.process_index,
        world_size=accelerator.num_processes,
        num_workers=1,
        prefetch_batches=4,
    )
    return TrainingStream(settings, transform=transform, collate=stack_sides)


def _run_steps(
    task: Task,
    prepare: StudentPreparation,
    stream: TrainingStream[RawBatch],
    training: SmallTraining,
    accelerator: Accelerator,
    title: str,
) -> DepthAnythingForDepthEstimation:
    outcome = train(
        task=task,
        prepare=prepare,
        stream=stream,
        accelerator=accelerator,
        optimiser_settings=training.optimiser,
        settings=training.loop,
        description=title,
    )
    accelerator.free_memory()  # the next network is prepared by the same accelerator
    if outcome.was_stopped:
        raise KeyboardInterrupt
    assert isinstance(outcome.model, DepthAnythingForDepthEstimation)
    return outcome.model.eval()
