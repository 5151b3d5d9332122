from __future__ import annotations

import io
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from PIL import Image, ImageOps

from depth_anything import DepthAnythingImageProcessor
from depth_anything.modeling_depth_anything import DepthAnythingForDepthEstimation
from depth_anything.training import build_corpus, label_corpus
from depth_anything.training.augmentation import TrainingTransform, TransformSettings
from depth_anything.training.corpora.registry import open_corpus
from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.corpora.shard_blocks import ParquetBlocks
from depth_anything.training.corpora.shard_manifest import Manifest
from depth_anything.training.corpora.shard_stores import open_folder
from depth_anything.training.example_batches import stack_sides
from depth_anything.training.mixture import Mixture
from depth_anything.training.network_identity import weights_sha256
from depth_anything.training.pseudo_labels import Teacher
from depth_anything.training.pseudo_targets import LiveTargets, stored_targets
from depth_anything.training.stream import TrainingStream
from depth_anything.training.stream_settings import StreamSettings
from depth_anything.training.teacher_loading import load_sky_segmenter, load_teacher

SIZES = ((40, 60), (60, 40), (48, 48))  # height and width
SIDE = 28
# 32 samples a shard, the least there is; on the CPU, where two runs give the same bits.
SMALL = ("--short-side", str(SIDE), "--shard-size", "0.01", "--device", "cpu")


def write_pictures(root: Path, num_pictures: int) -> Path:
    """Smooth pictures of three sizes; number 5 lies on its side and says so in EXIF."""
    noise = np.random.default_rng(0)
    root.mkdir()
    for number in range(num_pictures):
        height, width = SIZES[number % 3 if number % 4 else 0]
        coarse = Image.fromarray(noise.integers(0, 256, (5, 6, 3), np.uint8))
        exif = Image.Exif()
        if number == 5:
            exif[0x0112] = 6
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(
            root / f"{number:04d}.jpg", quality=95, exif=exif
        )
    return root


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures", 70)


def arguments(root: Path, teacher: Path, out: Path, *more: str) -> list[str]:
    return ["image_folder", "--root", str(root), "--teacher", str(teacher), "--out", str(out), *SMALL, *more]


def rows_of(out: Path) -> list[dict[str, object]]:
    return [row for path in sorted(out.glob("*.parquet")) for row in pyarrow.parquet.read_table(path).to_pylist()]


def files_of(out: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(out.rglob("*")) if path.is_file() and path.name != ".lock")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def manifest_of(out: Path) -> Manifest:
    return Manifest.from_json((out / "manifest.json").read_text(), str(out))


def test_every_row_has_the_file_of_the_picture_and_the_label_that_the_teacher_gives_the_whole_of_it(
    pictures: Path, tiny_checkpoint: Path, tiny_model: DepthAnythingForDepthEstimation, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, out, "--batch", "4")) == 0
    rows = rows_of(out)
    assert [row["key"] for row in rows] == [f"{number:04d}.jpg" for number in range(70)]
    processor = DepthAnythingImageProcessor(size={"height": SIDE, "width": SIDE})
    for row in rows:
        assert row["image"]["bytes"] == (pictures / row["key"]).read_bytes()
        levels = np.asarray(Image.open(io.BytesIO(row["label"])))
        assert levels.dtype == np.uint16
        assert levels.shape == (row["label_height"], row["label_width"])
        upright = ImageOps.exif_transpose(Image.open(pictures / row["key"]))
        with torch.no_grad():
            predicted = tiny_model(**processor(upright, return_tensors="pt")).predicted_depth[0].double().numpy()
        half_level = (predicted.max() - predicted.min()) / 131070
        stored = row["label_offset"] + row["label_scale"] * levels
        np.testing.assert_allclose(stored, predicted, rtol=0, atol=half_level + 2e-6)
        assert (row["kind"], row["quantity"], row["confidence"], row["sky"]) == (
            "pseudo_label",
            "disparity",
            None,
            None,
        )


def test_rows_manifest_and_card_say_which_teacher_made_the_labels_and_on_what_terms(
    pictures: Path, tiny_checkpoint: Path, tiny_model: DepthAnythingForDepthEstimation, sky_checkpoint: Path,
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "out"
    more = ("--sky", str(sky_checkpoint), "--confidence", "--limit", "40")
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, out, *more)) == 0
    assert "40 samples in 2 shards" in capsys.readouterr().out
    teacher = {"name": "tiny-checkpoint", "revision": None, "weights_sha256": weights_sha256(tiny_model)}
    maker = manifest_of(out).teacher
    assert maker["teacher"] == teacher
    assert maker["sky"]["name"] == "segformer"
    assert (maker["short_side"], maker["has_confidence"], maker["precision"]) == (SIDE, True, "float32")
    for row in rows_of(out):
        mask, sky = (np.asarray(Image.open(io.BytesIO(row[name]))) for name in ("mask", "sky"))
        np.testing.assert_array_equal(mask, ~sky)
    assert {row["teacher"] for row in rows_of(out)} == {json.dumps(maker, sort_keys=True)}
    card = (out / "README.md").read_text()
    assert f"predictions of `tiny-checkpoint` (SHA-256 of its tensors `{teacher['weights_sha256']}`)" in card
    assert "with the sky found by `segformer`" in card
    assert "Terms of use: your own. Source: your disk." in card
    assert str(tmp_path) not in card + (out / "manifest.json").read_text() + rows_of(out)[0]["teacher"]


def test_stored_labels_give_the_student_the_targets_of_the_live_teacher_to_16_bits(
    pictures: Path, tiny_checkpoint: Path, sky_checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    more = ("--sky", str(sky_checkpoint), "--confidence", "--batch", "5")
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, out, *more)) == 0
    sky = load_sky_segmenter(str(sky_checkpoint), device="cpu")
    teacher = load_teacher(str(tiny_checkpoint), device="cpu", sky=sky, has_confidence=True)
    settings = TransformSettings(crop_size=SIDE, teacher_view="whole", min_confidence=0.7, as_uint8=True)
    transform = TrainingTransform(settings)
    reader = open_corpus("image_folder", pictures)
    live_examples = [transform(reader.load(item), seed) for seed, item in enumerate(reader.items())]
    stored = ParquetBlocks(out)
    assert stored.kind is LabelKind.PSEUDO_LABEL
    samples = [
        sample for block in range(3) for sample in stored.read_block(block, range(stored.rows_per_block[block]))
    ]
    stored_examples = [transform(sample, seed) for seed, sample in enumerate(samples)]
    live_side = stack_sides([], live_examples)["unlabelled"]
    stored_side = stack_sides([], stored_examples)["unlabelled"]
    for name in ("pixel_values", "strong_pixel_values", "geometry"):
        torch.testing.assert_close(stored_side[name], live_side[name], rtol=0, atol=0)
    assert 10 < live_side["geometry"][:, 5].sum() < 60, "some are flipped"
    live, kept = LiveTargets(teacher, min_confidence=0.7)(live_side), stored_targets(stored_side)
    assert (live.valid == kept.valid).float().mean() > 0.9999  # a confidence may round to the other side
    both = live.valid & kept.valid
    assert 0.3 < both.float().mean() < 0.95
    sky_share = (live.values[both] == 0).float().mean()
    assert 0.05 < sky_share < 0.95
    assert ((live.values == 0) == (kept.values == 0))[both].float().mean() > 0.9999
    for sample, one, other, counts in zip(samples, live.values, kept.values, both, strict=True):
        half_level = sample.label.scale / 2
        assert (one - other)[counts].abs().max() <= half_level + 2e-6


def test_images_of_one_size_run_together_in_full_batches(
    pictures: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[tuple[int, ...]] = []
    label = Teacher.label
    monkeypatch.setattr(
        Teacher, "label", lambda self, images: batches.append((len(images), *images[0].shape)) or label(self, images)
    )
    more = ("--batch", "4", "--limit", "32")
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, tmp_path / "out", *more)) == 0
    by_size: dict[tuple[int, ...], list[int]] = {}
    for number, *size in batches:
        by_size.setdefault(tuple(size), []).append(number)
    assert set(by_size) == {(3, 28, 42), (3, 42, 28), (3, 28, 28)}
    assert sum(map(sum, by_size.values())) == 32
    assert all(number == 4 for numbers in by_size.values() for number in numbers[:-1])


def test_a_student_streams_the_shards_as_its_unlabelled_side(
    pictures: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, out)) == 0
    settings = StreamSettings(unlabelled=Mixture(sources=[ParquetBlocks(out)]), num_unlabelled=7, passes=1)
    transform = TrainingTransform(TransformSettings(crop_size=SIDE))
    with TrainingStream(settings, transform=transform, collate=stack_sides) as stream:
        batches = list(stream)
    assert len(batches) == 10
    assert set(batches[0]["unlabelled"]) == {
        "pixel_values", "strong_pixel_values", "labels", "valid_mask", "geometry", "mix_box",
    }  # fmt: skip
    assert stored_targets(batches[0]["unlabelled"]).values.shape == (7, SIDE, SIDE)


def test_rendered_scenes_and_shards_are_labelled_too(pictures: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    scenes, shards, out = tmp_path / "scenes", tmp_path / "shards", tmp_path / "out"
    words = ["--teacher", str(tiny_checkpoint), *SMALL]
    rendered = ["procedural:unlabelled", "--option", "num_scenes=5", "--option", "size=[28,42]", "--out", str(scenes)]
    assert label_corpus.main([*rendered, *words]) == 0
    from depth_anything.training.corpora.procedural import render_scene

    rows = rows_of(scenes)
    assert [row["key"] for row in rows] == [f"{number:07d}" for number in range(5)]
    scene = render_scene("unlabelled", 3, size=(28, 42))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(rows[3]["image"]["bytes"]))), scene.image)
    build = ["image_folder", "--root", str(pictures), "--out", str(shards), "--shard-size", "0.05"]
    assert build_corpus.main(build) == 0
    assert label_corpus.main(["--shards", str(shards), "--out", str(out), *words]) == 0
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, tmp_path / "raw")) == 0
    assert [row["label"] for row in rows_of(out)] == [row["label"] for row in rows_of(tmp_path / "raw")]
    assert manifest_of(out).terms == "your own"


def test_threads_change_nothing(pictures: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, one, "--batch", "3")) == 0
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, many, "--batch", "3", "--workers", "5")) == 0
    assert files_of(one) == files_of(many)


def test_what_is_labelled_is_never_labelled_again_and_a_lost_shard_is(
    pictures: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, out)) == 0
    before = files_of(out)
    labelled: list[int] = []
    label = Teacher.label
    monkeypatch.setattr(Teacher, "label", lambda self, images: labelled.append(len(images)) or label(self, images))
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, out)) == 0
    assert labelled == []
    (out / "train-00001.parquet").unlink()
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, out)) == 0
    assert sum(labelled) == 32
    assert files_of(out) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--confidence"], "was begun with has_confidence False, and now it is True"),
        (["--precision", "bfloat16"], "was begun with precision 'float32', and now it is 'bfloat16'"),
        (["--short-side", "42"], "was begun with short_side 28, and now it is 42"),
        (["--limit", "3"], "was begun with limit 4, and now it is 3"),
    ],
)
def test_other_settings_in_the_same_folder_are_refused(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: list[str], message: str
) -> None:
    root, out = write_pictures(tmp_path / "few", 4), tmp_path / "out"
    assert label_corpus.main(arguments(root, tiny_checkpoint, out, "--limit", "4")) == 0
    before = files_of(out)
    assert label_corpus.main(arguments(root, tiny_checkpoint, out, "--limit", "4", *change)) == 2
    assert message in capsys.readouterr().err
    assert files_of(out) == before


def test_another_teacher_sky_corpus_or_run_in_the_same_folder_is_refused(
    tiny_checkpoint: Path, tiny_model: DepthAnythingForDepthEstimation, sky_checkpoint: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    root, out = write_pictures(tmp_path / "few", 4), tmp_path / "out"
    assert label_corpus.main(arguments(root, tiny_checkpoint, out)) == 0
    assert label_corpus.main(arguments(root, tiny_checkpoint, out, "--sky", str(sky_checkpoint))) == 2
    assert "was begun with sky None, and now it is {'name': 'segformer'" in capsys.readouterr().err
    with torch.no_grad():
        tiny_model.head.conv1.bias += 1e-3
    tiny_model.save_pretrained(tiny_checkpoint)  # the name stays, the weights do not
    assert label_corpus.main(arguments(root, tiny_checkpoint, out)) == 2
    assert "was begun with teacher {'name': 'tiny-checkpoint'" in capsys.readouterr().err
    with torch.no_grad():
        tiny_model.head.conv1.bias -= 1e-3
    with open_folder(tmp_path / "busy"):
        assert label_corpus.main(arguments(root, tiny_checkpoint, tmp_path / "busy")) == 2
    assert "another process builds into" in capsys.readouterr().err


def test_a_corpus_that_has_changed_is_refused(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = write_pictures(tmp_path / "few", 4), tmp_path / "out"
    assert label_corpus.main(arguments(root, tiny_checkpoint, out)) == 0
    (root / "0002.jpg").unlink()
    assert label_corpus.main(arguments(root, tiny_checkpoint, out)) == 2
    assert f"corpus image_folder lists other samples than when {out} was begun" in capsys.readouterr().err


def test_damaged_pictures_are_skipped_with_their_reason_and_too_many_stop_the_run(
    pictures: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "0003.jpg").write_bytes(b"damaged")
    out = tmp_path / "out"
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, out)) == 0
    assert "69 samples in 3 shards" in capsys.readouterr().out
    assert manifest_of(out).skipped == (("0003.jpg", "damaged_image", "not a picture that Pillow can read"),)
    for number in range(10):
        (pictures / f"{number:04d}.jpg").write_bytes(b"damaged")
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, tmp_path / "bad")) == 1
    assert "10 of 70 samples failed, more than the share of 0.05 that --max-failures" in capsys.readouterr().err
    assert not (tmp_path / "bad/manifest.json").exists()
    assert [path.name for path in (tmp_path / "bad").glob("*.parquet")] != ["train-00000.parquet"]


def test_a_teacher_whose_output_is_not_finite_labels_nothing(
    tiny_checkpoint: Path, tiny_model: DepthAnythingForDepthEstimation, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    root, out = write_pictures(tmp_path / "few", 4), tmp_path / "out"
    with torch.no_grad():
        tiny_model.head.conv1.bias[0] = torch.nan
    tiny_model.save_pretrained(tiny_checkpoint)
    assert label_corpus.main(arguments(root, tiny_checkpoint, out)) == 1
    assert "4 of 4 samples failed" in (message := capsys.readouterr().err)
    assert "4 times non_finite_prediction, as 0000.jpg: the teacher's output has values that are not" in message


def test_an_error_of_the_network_or_the_disk_ends_the_run_and_leaves_no_broken_shard(
    pictures: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label, calls = Teacher.label, []

    def failing(self: Teacher, images: list[torch.Tensor]) -> object:
        calls.append(len(images))
        if sum(calls) > 40:
            raise RuntimeError("out of memory")
        return label(self, images)

    with monkeypatch.context() as patched:
        patched.setattr(Teacher, "label", failing)
        with pytest.raises(RuntimeError, match="out of memory"):
            label_corpus.main(arguments(pictures, tiny_checkpoint, tmp_path / "out"))
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.endswith(".partial")]
    with monkeypatch.context() as patched:
        patched.setattr("depth_anything.training.label_building.write_rows", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            label_corpus.main(arguments(pictures, tiny_checkpoint, tmp_path / "out"))
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, tmp_path / "out")) == 0
    assert label_corpus.main(arguments(pictures, tiny_checkpoint, tmp_path / "whole")) == 0
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["image_folder"], "corpus image_folder needs --root, where its data set lies"),
        ([], "name a corpus and its --root, or --shards"),
        (
            ["procedural:labelled", "--option", "num_scenes=3"],
            "corpus procedural:labelled has labels of kind metric_depth; pseudo labels are for unlabelled corpora",
        ),
        (["procedural:unlabelled"], "corpus procedural:unlabelled has no end; say how many scenes by --option"),
        (["image_folder", "--root", ".", "--out", "s3://bucket"], "--out s3://bucket is a URL; label into a folder"),
        (
            ["image_depth_tree", "--root", "."],
            "corpus image_depth_tree has labels of kind metric_depth; pseudo labels",
        ),
        (
            ["image_folder", "--root", ".", "--short-side", "500"],
            "--short-side 500 is no multiple of 14; set it to 504",
        ),
        (["image_folder", "--root", ".", "--teacher", "nowhere/at-all/x"], "nowhere/at-all/x' does not exist"),
        (["image_folder", "--root", ".", "--device", "abacus"], "device 'abacus' is not known"),
        (["--shards", ".", "--root", "."], "--shards needs no --root and no --option; leave them out"),
    ],
)
def test_mistakes_on_the_command_line_are_told(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(write_pictures(tmp_path / "few", 1))
    for folder in ("images", "depth"):
        (tmp_path / "few" / folder).mkdir()
    out = tmp_path / "out"
    teacher = [] if "--teacher" in words else ["--teacher", str(tiny_checkpoint)]
    assert label_corpus.main(["--out", str(out), *words, *teacher]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_labels_are_not_labelled_again(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = write_pictures(tmp_path / "few", 4), tmp_path / "out"
    assert label_corpus.main(arguments(root, tiny_checkpoint, out)) == 0
    words = ["--shards", str(out), "--teacher", str(tiny_checkpoint), "--out", str(tmp_path / "again"), *SMALL]
    assert label_corpus.main(words) == 2
    assert "corpus image_folder was labelled by a teacher already" in capsys.readouterr().err


ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}  # as torchrun sets it, for equal bits


@pytest.mark.slow
def test_two_processes_make_what_one_makes(tiny_checkpoint: Path, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", 140)
    (pictures / "0003.jpg").write_bytes(b"damaged")
    one, two = tmp_path / "one", tmp_path / "two"
    script = label_corpus.__file__
    alone = [sys.executable, script, *arguments(pictures, tiny_checkpoint, one)]
    subprocess.run(alone, check=True, env=ONE_THREAD)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    together = [*launcher, script, *arguments(pictures, tiny_checkpoint, two)]
    done = subprocess.run(together, check=True, env=ONE_THREAD, capture_output=True, text=True)
    assert done.stdout.count("139 samples in 5 shards") == 1, "one process reports"
    assert files_of(one) == files_of(two)
    assert len(rows_of(two)) == len({row["key"] for row in rows_of(two)}) == 139


def in_one_thread(words: list[str]) -> None:
    torch.set_num_threads(1)  # a forked process lacks the threads of its parent's pools; and for equal bits
    raise SystemExit(label_corpus.main(words))


def test_a_run_killed_at_random_points_ends_as_an_uninterrupted_one(tiny_checkpoint: Path, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", 400)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    processes = multiprocessing.get_context("fork")

    def begun(out: Path) -> multiprocessing.Process:
        process = processes.Process(target=in_one_thread, args=(arguments(pictures, tiny_checkpoint, out),))
        process.start()
        return process

    process = begun(whole)
    process.join()
    assert process.exitcode == 0
    choice = random.Random(0)
    num_kept = [0]
    for _ in range(4):
        process = begun(killed)
        while len(list(killed.glob("records/*.json"))) <= num_kept[-1] and process.is_alive():
            time.sleep(0.002)
        process.join(choice.uniform(0, 0.05))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        for shard in killed.glob("train-*.parquet"):
            assert shard.read_bytes() == (whole / shard.name).read_bytes(), "what has its final name is whole"
        num_kept.append(len(list(killed.glob("records/*.json"))))
    assert num_kept == sorted(num_kept)
    assert num_kept[1] > 0
    process = begun(killed)
    process.join()
    assert process.exitcode == 0
    assert files_of(killed) == files_of(whole)
