"""The model card of what `toy` trains."""

from __future__ import annotations

from collections.abc import Mapping

from depth_anything import DepthAnythingForDepthEstimation
from depth_anything.checkpoint_cards import num_parameters
from depth_anything.model_card_facts import CardFacts, DataSource, EvaluationResult
from depth_anything.training.frame_scores import FrameScores
from depth_anything.training.settings import Settings

PROTOCOL = "least-squares scale and shift in disparity, depth up to 80 m"


def card_facts(
    settings: Settings, student: DepthAnythingForDepthEstimation, scores: Mapping[str, Mapping[str, FrameScores]]
) -> CardFacts:
    """What the model card of `toy`'s student says.

    Args:
        settings: of the run.
        student: the network.
        scores: by set of frames and predictor.
    """
    teacher_batch = settings.data.num_labelled + settings.data.num_unlabelled
    results = []
    for name, rows in scores.items():
        row = rows["student"]
        for metric, value in (("abs_rel", row.abs_rel), ("delta1", row.delta1), ("ordinal accuracy", row.ordinal)):
            results.append(
                EvaluationResult(
                    data=name, metric=metric, value=round(value, 4), protocol=PROTOCOL, source="", source_url=""
                )
            )
    return CardFacts(
        title="toy student",
        model_id=settings.run.out,
        config=student.config,
        num_parameters=num_parameters(student.state_dict()),
        licence="apache-2.0",
        origin="trained from nano, the small encoder of this package, by the recipe toy",
        data=(
            DataSource(
                name="procedural:labelled",
                images=str(settings.toy.num_labelled_scenes),
                role="rendered scenes with depth",
                terms="made by this package",
            ),
            DataSource(
                name="procedural:unlabelled",
                images=str(settings.toy.num_unlabelled_scenes),
                role="rendered scenes that the teacher labelled",
                terms="made by this package",
            ),
        ),
        data_note="No photograph was among them: this shows the recipe, and is no network to use.",
        recipe=(
            f"Teacher: {settings.toy.num_teacher_steps} steps of {teacher_batch} labelled scenes. "
            f"Student: {settings.toy.num_student_steps} steps of {settings.data.num_labelled} labelled and "
            f"{settings.data.num_unlabelled} pseudo-labelled scenes, CutMix, strong views, features held to nano's. "
            f"{settings.data.crop_size} pixels, rates {settings.optimiser.encoder_lr:g} and "
            f"{settings.optimiser.decoder_lr:g}, seed {settings.run.seed}."
        ),
        hardware="one CPU or GPU, minutes",
        results=tuple(results),
        results_note="On rendered scenes that were not trained on.",
    )
