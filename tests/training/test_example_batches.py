from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from depth_anything.training.augmentation import TrainingTransform, TransformSettings
from depth_anything.training.corpora.sample import LabelKind, Sample
from depth_anything.training.example_batches import normalise_on_device, stack_sides


def sample(kind: LabelKind) -> Sample:
    generator = np.random.default_rng(5)
    image = generator.integers(0, 256, (70, 100, 3), np.uint8)
    if kind is LabelKind.NONE:
        return Sample(image=image, kind=kind, corpus="test", key="0")
    label = 1 + generator.random((70, 100), np.float32)
    return Sample(image=image, label=label, valid=label > 0, kind=kind, corpus="test", key="0")


def example(kind: LabelKind, seed: int = 0, crop_size: int = 56, as_uint8: bool = False) -> dict[str, torch.Tensor]:
    return TrainingTransform(TransformSettings(crop_size=crop_size, as_uint8=as_uint8))(sample(kind), seed)


def unlabelled_side(examples: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return stack_sides([], examples)["unlabelled"]


def test_labelled_and_unlabelled_examples_are_stacked_apart_and_keep_their_order() -> None:
    labelled = [example(LabelKind.METRIC_DEPTH, seed) for seed in range(2)]
    unlabelled = [example(LabelKind.NONE, seed) for seed in range(3)]
    batch = stack_sides(labelled, unlabelled)
    assert set(batch["labelled"]) == {"pixel_values", "labels", "valid_mask", "geometry"}
    assert set(batch["unlabelled"]) == {"pixel_values", "strong_pixel_values", "geometry", "mix_box"}
    for side, examples in (("labelled", labelled), ("unlabelled", unlabelled)):
        for name, values in batch[side].items():
            torch.testing.assert_close(values, torch.stack([one[name] for one in examples]))


def test_a_side_without_examples_is_left_out() -> None:
    assert list(stack_sides([example(LabelKind.METRIC_DEPTH)], [])) == ["labelled"]
    assert list(stack_sides([], [example(LabelKind.NONE)])) == ["unlabelled"]
    assert stack_sides([], []) == {}


def test_examples_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match=r"differ in entries or sizes: .*same settings"):
        stack_sides([], [example(LabelKind.NONE), example(LabelKind.NONE, crop_size=42)])


def test_a_batch_comes_out_of_a_worker_process_as_it_was_made() -> None:
    examples = [example(LabelKind.NONE, seed) for seed in range(2)]
    (batch,) = DataLoader(examples, batch_size=2, collate_fn=unlabelled_side, num_workers=1)
    for name, values in unlabelled_side(examples).items():
        torch.testing.assert_close(batch[name], values, rtol=0, atol=0)


def test_normalising_on_the_device_equals_normalising_before_up_to_half_a_grey_level() -> None:
    before = unlabelled_side([example(LabelKind.NONE, seed) for seed in range(2)])
    after = normalise_on_device(unlabelled_side([example(LabelKind.NONE, seed, as_uint8=True) for seed in range(2)]))
    half_level = 0.501 / 255 / 0.224
    torch.testing.assert_close(after["strong_pixel_values"], before["strong_pixel_values"], rtol=0, atol=half_level)
    assert after["pixel_values"].dtype == torch.float32
    # Black and white, by hand.
    levels = torch.tensor([0, 255], dtype=torch.uint8).expand(1, 3, 1, 2)
    expected = [[-0.485 / 0.229, 0.515 / 0.229], [-0.456 / 0.224, 0.544 / 0.224], [-0.406 / 0.225, 0.594 / 0.225]]
    torch.testing.assert_close(
        normalise_on_device({"pixel_values": levels})["pixel_values"][0, :, 0], torch.tensor(expected)
    )


def test_float_pixels_and_other_entries_are_left_as_they_are() -> None:
    batch = stack_sides([example(LabelKind.METRIC_DEPTH)], [])["labelled"]
    for name, values in normalise_on_device(batch).items():
        assert values is batch[name]


def test_whole_images_of_any_sizes_are_a_list_that_comes_out_of_a_worker_as_it_was_made() -> None:
    transform = TrainingTransform(TransformSettings(crop_size=56, teacher_view="whole", as_uint8=True))
    samples = [
        replace(sample(LabelKind.NONE), image=np.full(size, 9, np.uint8)) for size in ((70, 99, 3), (90, 60, 3))
    ]
    examples = [transform(one, seed) for seed, one in enumerate(samples)]
    (batch,) = DataLoader(examples, batch_size=2, collate_fn=unlabelled_side, num_workers=1)
    assert [tuple(whole.shape) for whole in batch["whole_pixel_values"]] == [(3, 56, 84), (3, 84, 56)]
    for whole, one in zip(batch["whole_pixel_values"], examples, strict=True):
        torch.testing.assert_close(whole, one["whole_pixel_values"], rtol=0, atol=0)
    assert batch["pixel_values"].shape == (2, 3, 56, 56)
    assert normalise_on_device(batch)["whole_pixel_values"] is batch["whole_pixel_values"]
