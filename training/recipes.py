"""Named complete recipes: those of the papers, one for your own images, and the toy.

Where the data lie is yours to say: `--shards` holds a folder for every corpus named here, and a student's `unlabelled`
are the shards that `label_corpus.py` wrote, or plain ones with `--teacher`.

What the papers do not state is marked "ours". Batches are of one process; the papers give totals or nothing, so set
`num_labelled`, `num_unlabelled` and `accumulation_steps` for your machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from depth_anything.training.loop_settings import LoopSettings
from depth_anything.training.loss_settings import V1_LOSSES, V2_LOSSES
from depth_anything.training.optimisation import OptimiserSettings
from depth_anything.training.settings import (
    DataSettings,
    ModelSettings,
    RunKind,
    RunSettings,
    Settings,
)

V1_LABELLED = ("blendedmvs", "diml_indoor", "diml_outdoor", "hrwsi", "irs", "megadepth", "tartanair")
V2_LABELLED = ("blendedmvs", "hypersim", "irs", "tartanair", "virtual_kitti_2")
UNLABELLED = ("bdd100k", "google_landmarks", "imagenet_21k", "lsun", "objects365", "open_images", "places365", "sa_1b")
SIZES = ("small", "base", "large")
TOY = "toy"

# V1: AdamW, encoder 5e-6, decoder ten times that, linear decay (section 4.1). Decay 0.01, clipping at 1 and no warm-up
# are ours. V2: "Adam", 5e-6 and 5e-5 (section 7.1), taken as AdamW, which its metric code has.
OPTIMISER = OptimiserSettings()

LOOP = LoopSettings(save_every=2000, validate_every=5000, log_every=50)  # ours
LARGE_LOOP = replace(LOOP, gradient_checkpointing=True)  # ours


def _v1_teacher() -> Settings:
    """Section 4.1: ViT-L from DINOv2, six labelled sets (DIML has two halves), only flips, 20 epochs."""
    return Settings(
        recipe="v1-teacher",
        kind=RunKind.TEACHER,
        model=ModelSettings(start_from="facebook/dinov2-large", version=1),
        data=DataSettings(labelled=V1_LABELLED, num_labelled=8, passes=20),  # 8: ours
        losses=V1_LOSSES,
        optimiser=OPTIMISER,
        loop=LARGE_LOOP,
        run=RunSettings(out="runs/v1-teacher"),
    )


def _v1_student(size: str) -> Settings:
    """Section 4.1: fresh from DINOv2, labelled to unlabelled 1:2 in every batch, one pass over the unlabelled."""
    return Settings(
        recipe=f"v1-student-{size}",
        kind=RunKind.STUDENT,
        model=ModelSettings(start_from=f"facebook/dinov2-{size}", version=1),
        data=DataSettings(
            labelled=V1_LABELLED,
            unlabelled=UNLABELLED,
            num_labelled=4,  # 4 and 8: ours, but for the ratio
            num_unlabelled=8,
            passes=1,
            num_workers=8,  # ours
        ),
        losses=V1_LOSSES,
        optimiser=OPTIMISER,
        loop=LARGE_LOOP if size == "large" else LOOP,
        run=RunSettings(out=f"runs/v1-student-{size}"),
    )


def _v2_teacher() -> Settings:
    """Sections 5 and 7.1: ViT-G on five synthetic sets, batches of 64, 160,000 steps; gradient matching twice."""
    return Settings(
        recipe="v2-teacher",
        kind=RunKind.TEACHER,
        model=ModelSettings(start_from="facebook/dinov2-giant", version=2),
        data=DataSettings(labelled=V2_LABELLED, num_labelled=4),  # on 16 processes, to make 64
        losses=V2_LOSSES,
        optimiser=OPTIMISER,
        loop=replace(LARGE_LOOP, num_steps=160_000),
        run=RunSettings(out="runs/v2-teacher"),
    )


def _v2_student(size: str) -> Settings:
    """Sections 5 and 7.1: pseudo-labelled images alone, batches of 192, 480,000 steps; the worst 10 % left out."""
    return Settings(
        recipe=f"v2-student-{size}",
        kind=RunKind.STUDENT,
        model=ModelSettings(start_from=f"facebook/dinov2-{size}", version=2),
        data=DataSettings(unlabelled=UNLABELLED, num_unlabelled=12, num_workers=8),  # on 16 processes, to make 192
        losses=V2_LOSSES,
        optimiser=OPTIMISER,
        loop=replace(LARGE_LOOP if size == "large" else LOOP, num_steps=480_000),
        run=RunSettings(out=f"runs/v2-student-{size}"),
    )


def _adapt() -> Settings:
    """Ours: your own pictures, any checkpoint as teacher, a student that goes on from a released one.

    Labels are made live. All but the student's losses and views, which are V1's, is chosen for thousands of images
    where the papers have millions: the decoder is not fresh, and there are several passes.
    """
    return Settings(
        recipe="adapt",
        kind=RunKind.STUDENT,
        model=ModelSettings(
            start_from="depth-anything/Depth-Anything-V2-Small-hf", teacher="depth-anything/Depth-Anything-V2-Small-hf"
        ),
        data=DataSettings(unlabelled=("image_folder=images",), num_unlabelled=8, passes=10),
        losses=V1_LOSSES,
        optimiser=OptimiserSettings(encoder_lr=5e-6, decoder_lr=5e-6),  # both are trained already
        loop=replace(LOOP, log_every=10, save_every=500, validate_every=500),
        run=RunSettings(out="runs/adapt"),
    )


def _toy() -> Settings:
    """Ours: teacher, labels and student on rendered scenes, in minutes on a CPU; `toy_run` says what it does.

    The rates are 10 and 20 times the paper's, for a few hundred steps have to do. Larger ones of the encoder, and more
    steps, fit the labelled scenes better and the unlabelled ones worse: they spoil nano's features, as the paper says
    of DINOv2's.
    """
    return Settings(
        recipe=TOY,
        kind=RunKind.TOY,
        model=ModelSettings(start_from="nano"),
        data=DataSettings(
            labelled=("procedural:labelled",),
            unlabelled=("procedural:unlabelled",),
            num_labelled=3,
            num_unlabelled=6,
            crop_size=112,
            scene_size=112,
            num_workers=1,
        ),
        losses=V1_LOSSES,
        optimiser=OptimiserSettings(encoder_lr=5e-5, decoder_lr=1e-3, num_warmup_steps=20),
        loop=LoopSettings(log_every=10, validate_every=0, save_every=0),
        run=RunSettings(out="runs/toy", trackers=()),
    )


def _by_name(*recipes: Settings) -> Mapping[str, Settings]:
    return MappingProxyType({settings.recipe: settings for settings in recipes})


TEACHER_RECIPES = _by_name(_v1_teacher(), _v2_teacher())
STUDENT_RECIPES = _by_name(
    _toy(), *(_v1_student(size) for size in SIZES), *(_v2_student(size) for size in SIZES), _adapt()
)
