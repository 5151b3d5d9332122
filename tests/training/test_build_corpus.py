import json
import multiprocessing
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depth_anything.training import build_corpus
from depth_anything.training.corpora import shard_building
from depth_anything.training.corpora.shard_manifest import Manifest
from depth_anything.training.corpora.shard_stores import open_folder

DepthTree = Callable[..., Path]
# 32 samples a shard, the least there is.
SMALL = ("--shard-size", "0.05")


def arguments(root: Path, out: Path | str, *more: str, corpus: str = "image_depth_tree") -> list[str]:
    return [corpus, "--root", str(root), "--out", str(out), *more]


def files_of(out: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(out.rglob("*")) if path.is_file() and path.name != ".lock")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def manifest_of(out: Path) -> Manifest:
    return Manifest.from_json((out / "manifest.json").read_text(), str(out))


def test_datasets_streams_the_shards_with_decoded_pictures(depth_tree: DepthTree, tmp_path: Path) -> None:
    import datasets

    root, out = depth_tree(70), tmp_path / "out"
    assert build_corpus.main(arguments(root, out, *SMALL)) == 0
    pattern = str(out / "train-*.parquet")
    stream = datasets.load_dataset("parquet", data_files=pattern, split="train", streaming=True)
    rows = list(stream)
    assert [row["key"] for row in rows] == [f"0/{number:04d}.jpg" for number in range(70)]
    assert isinstance(stream.features["image"], datasets.Image)
    assert rows[0]["image"].size == (32, 24)
    raw = next(iter(stream.cast_column("image", datasets.Image(decode=False))))
    assert raw["image"]["bytes"] == (root / "images/0/0000.jpg").read_bytes()
    by_card = datasets.load_dataset(str(out), split="train", streaming=True)
    assert sum(1 for _ in by_card) == 70, "the card keeps the JSON files out"


def test_the_manifest_has_counts_and_every_skipped_sample_with_its_reason(
    depth_tree: DepthTree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = depth_tree(150), tmp_path / "out"
    (root / "images/0/0040.jpg").write_bytes(b"damaged")
    (root / "depth/1/0100.npy").unlink()
    assert build_corpus.main(arguments(root, out, *SMALL)) == 0
    assert "148 samples in 5 shards, 0.4 MB; 2 skipped (1 damaged_image, 1 missing_label): " in capsys.readouterr().out
    manifest = manifest_of(out)
    assert [shard.num_rows for shard in manifest.shards] == [32, 31, 32, 31, 22]
    assert [skipped[:2] for skipped in manifest.skipped] == [
        ("0/0040.jpg", "damaged_image"), ("1/0100.jpg", "missing_label"),
    ]  # fmt: skip
    assert manifest.skipped[1].detail == "images/1/0100.jpg has none in depth/1"
    assert (manifest.terms, manifest.source) == ("your own", "your disk")


def test_a_finished_build_is_not_done_again(
    depth_tree: DepthTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = depth_tree(40), tmp_path / "out"
    assert build_corpus.main(arguments(root, out, *SMALL)) == 0
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*.[jp]*")}
    monkeypatch.setattr(shard_building, "write_shard", None)
    assert build_corpus.main(arguments(root, out, *SMALL, "--workers", "2")) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.[jp]*")} == written


@pytest.mark.slow
def test_two_workers_make_what_one_makes(depth_tree: DepthTree, tmp_path: Path) -> None:
    root = depth_tree(200)
    (root / "images/0/0040.jpg").write_bytes(b"damaged")
    one, two = tmp_path / "one", tmp_path / "two"
    assert build_corpus.main(arguments(root, one, *SMALL)) == 0
    assert build_corpus.main(arguments(root, two, *SMALL, "--workers", "2")) == 0
    assert files_of(one) == files_of(two)


def test_a_build_killed_at_random_points_ends_as_an_uninterrupted_one(depth_tree: DepthTree, tmp_path: Path) -> None:
    root = depth_tree(400)
    (root / "images/0/0040.jpg").write_bytes(b"damaged")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    began = time.monotonic()
    assert build_corpus.main(arguments(root, whole, *SMALL)) == 0
    duration_s = time.monotonic() - began
    choice = random.Random(0)
    num_kept = []
    for _ in range(8):
        process = multiprocessing.get_context("fork").Process(
            target=build_corpus.main, args=(arguments(root, killed, *SMALL),)
        )
        process.start()
        process.join(choice.uniform(0, 0.3 * duration_s))
        process.kill()  # by SIGKILL; of a build that has ended already it asks nothing
        process.join()
        for shard in killed.glob("train-*.parquet"):
            assert shard.read_bytes() == (whole / shard.name).read_bytes(), "what has its final name is whole"
        num_kept.append(len(list(killed.glob("records/*.json"))))
    assert num_kept == sorted(num_kept)
    assert build_corpus.main(arguments(root, killed, *SMALL)) == 0
    assert files_of(killed) == files_of(whole)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="asks Linux which processes there are")
def test_the_scripts_workers_end_with_it_when_it_is_killed(depth_tree: DepthTree, tmp_path: Path) -> None:
    root, whole, killed = depth_tree(600), tmp_path / "whole", tmp_path / "killed"
    command = [sys.executable, build_corpus.__file__, *arguments(root, killed, *SMALL, "--workers", "2")]
    deadline = time.monotonic() + 240  # the workers import much, and others may use the machine
    with subprocess.Popen(command) as process:
        workers: list[int] = []
        # On a busy machine one worker finishes a shard before the other has begun.
        while not (len(workers) >= 3 and list(killed.glob("records/*.json"))) and time.monotonic() < deadline:
            time.sleep(0.01)
            workers = _descendants(process.pid)
        process.kill()
    assert len(workers) >= 3, "two workers and the server that they come from"
    assert not (killed / "manifest.json").exists()
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for path in (killed, whole):
        assert build_corpus.main(arguments(root, path, *SMALL)) == 0
    assert files_of(killed) == files_of(whole)


def _descendants(process: int) -> list[int]:
    children = [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return children + [grandchild for child in children for grandchild in _descendants(child)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ["--limit", "8"],
            "was begun with limit 10, and now it is 8; give the same arguments to go on, or build into",
        ),
        (["--quantity", "depth"], "was begun with quantity 'disparity', and now it is 'depth'"),
        (["--option", "depth_scale=2"], r"was begun with options {}, and now it is {'depth_scale': 2}"),
        (["--unchecked"], "was begun with is_checked True, and now it is False"),
        (["--shard-size", "1"], "was begun with shard_size_mb 0.05, and now it is 1.0"),
    ],
)
def test_another_build_into_the_same_folder_is_refused(
    depth_tree: DepthTree, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: list[str], message: str
) -> None:
    root, out = depth_tree(12), tmp_path / "out"
    assert build_corpus.main(arguments(root, out, *SMALL, "--limit", "10")) == 0
    assert manifest_of(out).num_samples == 10
    assert build_corpus.main(arguments(root, out, *SMALL, "--limit", "10", *change)) == 2
    assert message in capsys.readouterr().err


def test_another_root_or_corpus_in_the_same_folder_is_refused(
    depth_tree: DepthTree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, other, out = depth_tree(3), depth_tree(3, "other"), tmp_path / "out"
    assert build_corpus.main(arguments(root, out)) == 0
    assert build_corpus.main(arguments(other, out)) == 2
    assert re.search(r"begun with root '.*/tree', and now it is '.*/other'", capsys.readouterr().err)
    assert build_corpus.main(arguments(root, out, corpus="image_folder")) == 2
    assert "begun with corpus 'image_depth_tree', and now it is 'image_folder'" in capsys.readouterr().err


def test_a_corpus_that_has_changed_under_the_build_is_refused(
    depth_tree: DepthTree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = depth_tree(40), tmp_path / "out"
    assert build_corpus.main(arguments(root, out, *SMALL)) == 0
    (root / "images/0/0000.jpg").rename(root / "images/0/0000a.jpg")
    assert build_corpus.main(arguments(root, out, *SMALL)) == 2
    assert "has changed since" in (message := capsys.readouterr().err)
    assert "train-00000.parquet was made from other files; build into an empty place" in message
    (root / "images/0/0000a.jpg").rename(root / "images/0/0000.jpg")
    for number in range(32, 40):
        (root / f"images/0/{number:04d}.jpg").unlink()
    assert build_corpus.main(arguments(root, out, *SMALL)) == 2
    assert "it no longer reaches train-00001.parquet" in capsys.readouterr().err


def test_too_many_failures_stop_the_build_and_their_shards_are_made_again(
    depth_tree: DepthTree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = depth_tree(64), tmp_path / "out"
    good = {path: path.read_bytes() for path in sorted(root.glob("images/0/*"))[:10]}
    for path in good:
        path.write_bytes(b"damaged")
    for path in sorted(root.glob("depth/0/*"))[32:]:
        path.unlink()  # documented holes, which do not count
    assert build_corpus.main(arguments(root, out, *SMALL)) == 1
    assert (
        "build_corpus: corpus image_depth_tree: 10 of 64 samples failed, more than the share of 0.05 that "
        "--max-failures allows; 10 times damaged_image, as 0/0000.jpg: not a picture that Pillow can read. Mend"
    ) in capsys.readouterr().err
    assert not (out / "manifest.json").exists()
    for path, content in good.items():
        path.write_bytes(content)
    assert build_corpus.main(arguments(root, out, *SMALL)) == 0
    assert manifest_of(out).num_samples == 32
    assert manifest_of(out).num_skipped_by_reason == {"missing_label": 32}
    assert [shard.name for shard in manifest_of(out).shards] == ["train-00000.parquet"], "no shard without rows"


def test_a_large_corpus_stops_at_its_first_bad_thousand(
    depth_tree: DepthTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_building, "MIN_JUDGED", 64)
    root, out = depth_tree(200), tmp_path / "out"
    for path in root.glob("images/0/*"):
        path.write_bytes(b"")
    assert build_corpus.main(arguments(root, out, *SMALL)) == 1
    assert not list(out.glob("*.parquet"))
    assert not list(out.glob("records/*")), "what failed is made again"
    assert build_corpus.main(arguments(root, out, *SMALL, "--max-failures", "1")) == 0
    assert manifest_of(out).num_samples == 100


def test_reasons_name_no_folder_of_this_machine(depth_tree: DepthTree, tmp_path: Path) -> None:
    root, out = depth_tree(2), tmp_path / "out"
    (root / "pairs.txt").write_text("images/0/0000.jpg depth/0/0000.npy\nimages/0/0001.jpg depth/none.npy\n")
    words = arguments(root / "pairs.txt", out, "--max-failures", "1", corpus="pair_list")
    assert build_corpus.main(words) == 0
    assert manifest_of(out).skipped == (("images/0/0001.jpg", "unreadable_file", "depth/none.npy: no such file"),)


def test_unchecked_keeps_what_cannot_be_decoded(depth_tree: DepthTree, tmp_path: Path) -> None:
    root, out = depth_tree(3), tmp_path / "out"
    (root / "images/0/0001.jpg").write_bytes(b"damaged")
    assert build_corpus.main(arguments(root, out, "--unchecked")) == 0
    assert manifest_of(out).num_samples == 3


def test_a_corpus_for_metric_training_keeps_depth(depth_tree: DepthTree, tmp_path: Path) -> None:
    root, out = depth_tree(1), tmp_path / "out"
    assert build_corpus.main(arguments(root, out, "--quantity", "depth")) == 0
    assert manifest_of(out).quantity == "depth"
    from depth_anything.training.corpora.shard_blocks import ParquetBlocks

    (sample,) = ParquetBlocks(out).read_block(0, [0])
    np.testing.assert_allclose(sample.label.to_map(sample.valid), np.load(root / "depth/0/0000.npy"), atol=80 / 131070)


def test_a_missing_root_and_an_empty_corpus_stop_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert build_corpus.main(arguments(tmp_path / "none", out)) == 2
    assert "build_corpus: corpus image_depth_tree: " in (message := capsys.readouterr().err)
    assert "none does not exist; pass the folder that holds the data set" in message
    (tmp_path / "empty").mkdir()
    assert build_corpus.main(arguments(tmp_path / "empty", out, corpus="image_folder")) == 2
    assert "corpus image_folder: nothing found in" in capsys.readouterr().err
    assert not files_of(out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", "0"], "argument --workers: '0' is no whole number above 0"),
        (["--shard-size", "-3"], "argument --shard-size: '-3' is no number above 0"),
        (["--max-failures", "2"], "argument --max-failures: '2' is no share, which is from 0 to 1"),
        (["--option", "depth_scale"], "argument --option: 'depth_scale' is not NAME=VALUE"),
        (["--option", "camera=1"], "corpus image_depth_tree has no option camera; its options are depth_scale, kind"),
        (["--option", "depth_scale=far"], "--option {'depth_scale': 'far'}: a value has the wrong type"),
        (["--out", __file__], f"--out {__file__} is a file; name a folder"),
        (["--out", "s3://bucket/shards"], "--out s3://bucket/shards is a URL; build into a folder and copy it there"),
    ],
)
def test_mistakes_on_the_command_line_are_told(
    depth_tree: DepthTree, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert build_corpus.main([*arguments(depth_tree(1), tmp_path / "out"), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_is_built_into_by_one_process(
    depth_tree: DepthTree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = depth_tree(1), tmp_path / "out"
    with open_folder(out):
        assert build_corpus.main(arguments(root, out)) == 2
    assert f"another process builds into {out}; wait for it, or name another folder" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full/train-00000.parquet").write_bytes(b"another's")
    assert build_corpus.main(arguments(root, tmp_path / "full")) == 2
    assert "holds shards without the plan.json of a build" in capsys.readouterr().err


def test_a_lost_or_shortened_shard_is_made_again(depth_tree: DepthTree, tmp_path: Path) -> None:
    root, out = depth_tree(70), tmp_path / "out"
    assert build_corpus.main(arguments(root, out, *SMALL)) == 0
    before = files_of(out)
    (out / "train-00000.parquet").unlink()
    (out / "train-00001.parquet").write_bytes(before["train-00001.parquet"][:-1])
    (out / "records/train-00002.json").unlink()
    assert build_corpus.main(arguments(root, out, *SMALL)) == 0
    assert files_of(out) == before


def test_the_plan_names_the_request(depth_tree: DepthTree, tmp_path: Path) -> None:
    root, out = depth_tree(40), tmp_path / "out"
    assert build_corpus.main(arguments(root, out, *SMALL, "--option", "kind=depth_up_to_scale")) == 0
    assert json.loads((out / "plan.json").read_text()) == {
        "corpus": "image_depth_tree", "root": str(root), "options": {"kind": "depth_up_to_scale"},
        "quantity": "disparity", "is_checked": True, "limit": None, "shard_size_mb": 0.05,
        "num_items": 40, "items_per_shard": 32,
    }  # fmt: skip
