"""The groups of settings that belong to no other file: networks, data, validation, and the run itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from depth_anything.training.augmentation import TeacherView
from depth_anything.training.bfloat16_support import multiplies_bfloat16
from depth_anything.training.evaluation.metrics import METRICS


class RunKind(str, Enum):
    """What a run trains."""

    TEACHER = "teacher"  # on labelled images alone
    STUDENT = "student"  # on images that a teacher labels, or has labelled, with labelled ones or without
    TOY = "toy"  # both, small, on rendered scenes


class Precision(str, Enum):
    """In what the networks compute; weights and losses are float32 in any case."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def faster_precision() -> Precision:
    """The one that this machine is faster in."""
    return Precision.BFLOAT16 if multiplies_bfloat16() else Precision.FLOAT32


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """Where the network starts, and the frozen networks beside it."""

    start_from: str = field(
        default="facebook/dinov2-large",
        metadata={
            "help": "folder, file or Hub id of a DINOv2 encoder, which gets a fresh decoder, or of a Depth Anything "
            "checkpoint, which goes on; nano is the package's own small encoder"
        },
    )
    version: int = field(
        default=2, metadata={"help": "blocks that a fresh decoder reads: 1 the last four, 2 four spread ones"}
    )
    teacher: str | None = field(
        default=None,
        metadata={"help": "folder or Hub id of the network that labels live; none: the shards hold its labels"},
    )
    teacher_view: TeacherView = field(
        default=TeacherView.WHOLE,
        metadata={"help": "what a live teacher sees: whole, as stored labels are made, or crop, which is cheaper"},
    )
    sky_model: str | None = field(
        default=None,
        metadata={"help": "segmentation model whose sky gets disparity 0 in live labels; none looks for no sky"},
    )
    reference: str | None = field(
        default=None,
        metadata={"help": "frozen DINOv2 encoder that the student's features are held to; none: that of start_from"},
    )

    def __post_init__(self) -> None:
        if self.version not in (1, 2):
            raise ValueError(f"version is {self.version!r}, must be 1 or 2")
        object.__setattr__(self, "teacher_view", TeacherView(self.teacher_view))


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Which corpora, how much of each in a batch, and how they are read.

    A corpus is a folder, URL or `hub:owner/name` of shards; a name of the README's table, whose shards lie in `shards`
    under that name; NAME=ROOT for a data set as it was downloaded, such as `image_folder=/my/photos`; or rendered:
    `procedural:labelled`, `procedural:unlabelled`.
    """

    labelled: tuple[str, ...] = field(default=(), metadata={"help": "corpora with labels"})
    unlabelled: tuple[str, ...] = field(
        default=(), metadata={"help": "corpora of pictures alone, or those that label_corpus.py has labelled"}
    )
    shards: str | None = field(
        default=None, metadata={"help": "folder, URL or hub:owner that holds the shards of corpora given by name"}
    )
    labelled_shares: tuple[float, ...] = field(
        default=(), metadata={"help": "share of each labelled corpus, in their order; none: by size"}
    )
    num_labelled: int = field(default=0, metadata={"help": "labelled images in a batch of one process"})
    num_unlabelled: int = field(default=0, metadata={"help": "unlabelled images in a batch of one process"})
    passes: int = field(
        default=0, metadata={"help": "over the unlabelled images, or the labelled ones without such; 0 has no end"}
    )
    crop_size: int = field(default=518, metadata={"help": "side of the crops in pixels, a multiple of 14"})
    has_strong_view: bool = field(
        default=True, metadata={"help": "change colours and blur in the student's picture; see the group student_view"}
    )
    min_confidence: float = field(
        default=0.0, metadata={"help": "pseudo labels: pixels with less confidence, 0 to 1, do not count"}
    )
    num_workers: int = field(default=4, metadata={"help": "processes that read, of each process that trains"})
    max_failed_share: float = field(
        default=0.05, metadata={"help": "share of a corpus' samples that may fail before the run stops"}
    )
    scene_size: int = field(default=224, metadata={"help": "side of rendered scenes in pixels"})
    num_scenes: int = field(default=1_000_000, metadata={"help": "rendered scenes in one pass"})
    scene_seed: int = field(default=0, metadata={"help": "another one renders other scenes"})

    def __post_init__(self) -> None:
        for side in ("labelled", "unlabelled"):
            corpora, count = getattr(self, side), getattr(self, f"num_{side}")
            if bool(corpora) != (count > 0) or count < 0:
                raise ValueError(
                    f"num_{side} is {count} and {side} names {len(corpora)} corpora; give both, or neither"
                )
        if self.labelled_shares and len(self.labelled_shares) != len(self.labelled):
            raise ValueError(
                f"labelled_shares has {len(self.labelled_shares)} numbers for {len(self.labelled)} corpora; give one "
                "for each, or none to mix by size"
            )
        if self.labelled_shares and self.passes and not self.unlabelled:
            raise ValueError(
                "labelled_shares repeat small corpora, so passes over them have no length; set passes to 0 and "
                "num_steps, or leave out labelled_shares"
            )


@dataclass(frozen=True, kw_only=True)
class ValidationSettings:
    """What is scored while training goes on: by the README's rule, scale and shift fitted in disparity."""

    corpora: tuple[str, ...] = field(default=(), metadata={"help": "labelled corpora that nothing is trained on"})
    num_images: int = field(default=64, metadata={"help": "images of each corpus, spread over all of it"})
    batch_size: int = field(default=8, metadata={"help": "images that are scored together by each process"})
    score: str = field(default="abs_rel", metadata={"help": "metric by which the best network is known"})
    max_depth_m: float = field(
        default=80.0, metadata={"help": "farther pixels do not count; labels up to scale: in their unit"}
    )
    num_panels: int = field(default=4, metadata={"help": "pictures in the trackers' panels; 0 draws none"})

    def __post_init__(self) -> None:
        for name, least in {"num_images": 1, "batch_size": 1, "num_panels": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, must be {least} or more")
        if not self.max_depth_m > 0:
            raise ValueError(f"max_depth_m is {self.max_depth_m!r}, must be above 0, such as 80")
        smaller_is_better = [name for name, metric in METRICS.items() if not metric.higher_is_better]
        if self.score not in smaller_is_better:
            raise ValueError(f"score is {self.score!r}, must be one of {', '.join(smaller_is_better)}")


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Where a run writes, and how it is carried out."""

    out: str = field(default="runs/training", metadata={"help": "folder of the run"})
    resume: str | None = field(
        default=None,
        metadata={
            "help": "go on: from the newest checkpoint in out (auto), or this one",
            "nargs": "?",
            "const": "auto",
        },
    )
    seed: int = field(default=0, metadata={"help": "of weights, data and everything else"})
    precision: Precision = field(
        default_factory=faster_precision,
        metadata={"help": "in what the networks compute; default: bfloat16 on hardware that multiplies it"},
    )
    num_threads: int = field(
        default=0,
        metadata={
            "help": "threads of each process on a CPU; 0: the machine's cores, divided among its processes "
            "(accelerate launch alone would give each one thread)"
        },
    )
    trackers: tuple[str, ...] = field(
        default=("tensorboard",), metadata={"help": "of Accelerate, such as tensorboard and wandb; none for none"}
    )
    push_to_hub: str | None = field(
        default=None, metadata={"help": "owner/name to push the trained network to; checked before the first step"}
    )
    is_private: bool = field(default=False, metadata={"help": "make a new repository private"})
    license: str | None = field(
        default=None, metadata={"help": "terms of the trained weights for their card; none: those of start_from"}
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", Precision(self.precision))
        for name in ("seed", "num_threads"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, must be 0 or more")
