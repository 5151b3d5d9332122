"""From settings to what a run consists of: stream, task, preparation of batches, validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator

from depth_anything.training.augmentation import TrainingTransform, TransformSettings
from depth_anything.training.corpora.blocks import BlockSource
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.corpus_sources import SourceSettings, open_sources
from depth_anything.training.depth_validation import DepthValidation
from depth_anything.training.example_batches import stack_sides
from depth_anything.training.loop_setup import Prepare
from depth_anything.training.mixture import Mixture
from depth_anything.training.pseudo_targets import LiveTargets, stored_targets
from depth_anything.training.settings import RunKind, Settings
from depth_anything.training.start_networks import reference_backbone, start_network
from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_settings import StreamSettings
from depth_anything.training.student_preparation import ReferenceEncoder, StudentPreparation
from depth_anything.training.tasks import StudentTask, Task, TeacherTask
from depth_anything.training.teacher_loading import load_sky_segmenter, load_teacher


@dataclass(frozen=True, kw_only=True)
class Corpora:
    """The opened corpora of a run."""

    labelled: list[BlockSource]
    unlabelled: list[BlockSource]
    validation: list[BlockSource]


def open_corpora(settings: Settings) -> Corpora:
    """The corpora that the settings name, none of them in two places.

    Raises:
        CorpusError: one cannot be opened, or does not go with the other settings.
    """
    data = settings.data
    where = SourceSettings(
        shards=data.shards, scene_size=data.scene_size, num_scenes=data.num_scenes, scene_seed=data.scene_seed
    )
    # Held-out scenes: another seed renders others, so that nothing is validated on what it was trained on.
    held_out = SourceSettings(
        shards=data.shards, scene_size=data.scene_size, num_scenes=data.num_scenes, scene_seed=data.scene_seed + 1
    )
    corpora = Corpora(
        labelled=open_sources(data.labelled, where),
        unlabelled=open_sources(data.unlabelled, where),
        validation=open_sources(settings.validation.corpora, held_out),
    )
    trained_on = set(data.labelled) | set(data.unlabelled)
    for name in settings.validation.corpora:
        if name in trained_on and not name.startswith("procedural:"):
            raise CorpusError(f"corpus {name} is trained on and validated on; give other data to one of them")
    if settings.kind is RunKind.STUDENT:
        _check_labels(corpora.unlabelled, settings.model.teacher)
    return corpora


def make_stream(settings: Settings, corpora: Corpora, accelerator: Accelerator) -> TrainingStream[Any]:
    """The stream of this process.

    Raises:
        ValueError: settings that contradict each other.
        CorpusError: corpora that do not go together.
    """
    data = settings.data
    labelled = None
    if corpora.labelled:
        names = [source.corpus for source in corpora.labelled]
        weights = dict(zip(names, data.labelled_shares, strict=True)) if data.labelled_shares else None
        labelled = Mixture(sources=corpora.labelled, weights=weights)
    stream_settings = StreamSettings(
        labelled=labelled,
        unlabelled=Mixture(sources=corpora.unlabelled) if corpora.unlabelled else None,
        num_labelled=data.num_labelled,
        num_unlabelled=data.num_unlabelled,
        seed=settings.run.seed,
        rank=accelerator.process_index,
        world_size=accelerator.num_processes,
        num_workers=data.num_workers,
        passes=data.passes or None,
        max_failed_share=data.max_failed_share,
        pin_memory=accelerator.device.type == "cuda",
    )
    return TrainingStream(
        stream_settings, transform=TrainingTransform(transform_settings(settings)), collate=stack_sides
    )


def transform_settings(settings: Settings) -> TransformSettings:
    """How samples become examples."""
    data, cutmix = settings.data, settings.cutmix
    return TransformSettings(
        crop_size=data.crop_size,
        student_view=settings.student_view if data.has_strong_view else None,
        cutmix=cutmix if settings.kind is RunKind.STUDENT and cutmix.probability else None,
        teacher_view=settings.model.teacher_view if settings.model.teacher is not None else None,
        min_confidence=data.min_confidence,
        as_uint8=True,
    )


def make_task(settings: Settings, accelerator: Accelerator) -> tuple[Task, Prepare]:
    """What is trained, and what makes its batches, with all that is frozen.

    Raises:
        CheckpointError: a network that cannot be had.
        ValueError: networks that do not go together.
    """
    model = start_network(settings.model.start_from, version=settings.model.version, seed=settings.run.seed)
    if settings.kind is RunKind.TEACHER:
        return TeacherTask(model, settings.losses), StudentPreparation()
    device, precision = accelerator.device, settings.run.precision.value
    reference = None
    if settings.losses.feature_weight:
        backbone = reference_backbone(settings.model.reference, model, settings.model.version)
        reference = ReferenceEncoder(backbone, precision=precision, device=device)
    task = StudentTask(model, settings.losses, None if reference is None else reference.width)
    find_targets = stored_targets if settings.model.teacher is None else _live_targets(settings, device)
    return task, StudentPreparation(find_targets, reference, alignment_view=settings.losses.alignment_view)


def make_validation(settings: Settings, corpora: Corpora, accelerator: Accelerator) -> DepthValidation | None:
    """What scores the network; None without corpora to do it on.

    Raises:
        CorpusError: a corpus without depth.
    """
    wanted = settings.validation
    if not corpora.validation:
        return None
    return DepthValidation(
        corpora.validation,
        accelerator,
        crop_size=settings.data.crop_size,
        num_images=wanted.num_images,
        batch_size=wanted.batch_size,
        max_depth_m=wanted.max_depth_m,
        score=wanted.score,
        num_shown=wanted.num_panels,
    )


def _live_targets(settings: Settings, device: torch.device) -> LiveTargets:
    name, sky_model, least = settings.model.teacher, settings.model.sky_model, settings.data.min_confidence
    assert name is not None
    teacher = load_teacher(
        name,
        sky=None if sky_model is None else load_sky_segmenter(sky_model, device=device),
        has_confidence=least > 0,
        precision=settings.run.precision.value,
        device=device,
    )
    return LiveTargets(teacher, view=settings.model.teacher_view, min_confidence=least)


def _check_labels(sources: Sequence[BlockSource], teacher: str | None) -> None:
    for source in sources:
        if source.kind is LabelKind.NONE and teacher is None:
            raise CorpusError(
                f"corpus {source.corpus} has pictures alone and there is no teacher; give --teacher, or label it by "
                "label_corpus.py first"
            )
        if source.kind is LabelKind.PSEUDO_LABEL and teacher is not None:
            raise CorpusError(
                f"corpus {source.corpus} has been labelled already; leave out --teacher, or give the pictures alone"
            )
