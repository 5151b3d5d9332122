import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from depth_anything.training import build_corpus, inspect_corpus

DepthTree = Callable[..., Path]
LINES = ["corpus", "samples", "image size", "label", "valid", "sky", "skipped", "throughput"]


@pytest.fixture
def inspected(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, str]]:
    """The lines that an inspection prints, by their name."""

    def run(*words: str, exit_code: int = 0) -> dict[str, str]:
        capsys.readouterr()
        assert inspect_corpus.main([*words]) == exit_code
        return {line[:10].strip(): line[12:] for line in capsys.readouterr().out.splitlines()}

    return run


def test_a_raw_corpus_is_measured_over_all_of_it(
    depth_tree: DepthTree, inspected: Callable[..., dict[str, str]]
) -> None:
    root = depth_tree(120)
    depths = {path: np.load(path) for path in sorted(root.glob("depth/*/*.npy"))}
    (root / "images/0/0000.jpg").write_bytes(b"damaged")
    Image.new("RGB", (64, 48)).save(root / "images/1/0119.jpg")
    np.save(root / "depth/1/0119.npy", np.full((48, 64), 5, np.float32))
    found = inspected("image_depth_tree", "--root", str(root), "--limit", "500")
    assert list(found) == LINES
    good = [depth for path, depth in depths.items() if path.stem not in ("0000", "0119")]
    medians = np.median([np.median(depth[depth > 0]) for depth in good])
    assert found["samples"].startswith("120, listed in ")
    assert found["samples"].endswith("; 120 inspected")
    assert found["image size"] == "32x24 (100%)", "the flat label of the other gives no target"
    assert found["label"] == (
        f"metric_depth: min {min(depth[depth > 0].min() for depth in good):.4g}, median {medians:.4g}, "
        f"max {max(depth.max() for depth in good):.4g} m"
    )
    shares = [(depth > 0).mean() for depth in good]
    assert found["valid"] == f"{np.mean(shares):.1%} of the pixels, least {min(shares):.1%}"
    assert found["sky"] == "not marked"
    assert found["skipped"] == "2: 1 damaged_image, 1 flat_label"
    assert inspected("image_depth_tree", "--root", str(root), "--limit", "7")["samples"].endswith("; 7 inspected")


def test_shards_are_measured_and_say_what_their_build_skipped(
    depth_tree: DepthTree, tmp_path: Path, inspected: Callable[..., dict[str, str]]
) -> None:
    root, out = depth_tree(70), tmp_path / "out"
    (root / "depth/0/0003.npy").unlink()
    words = ["image_depth_tree", "--root", str(root), "--out", str(out), "--shard-size", "0.05"]
    assert build_corpus.main(words) == 0
    found = inspected("--shards", str(out), "--verify")
    assert found["when built"] == "69 samples in 3 shards, 0.2 MB; 1 skipped (1 missing_label)"
    assert found["samples"] == "69; 69 inspected"
    raw = inspected("image_depth_tree", "--root", str(root))
    assert [raw[name] for name in ("corpus", "image size", "valid")] == [
        found[name] for name in ("corpus", "image size", "valid")
    ]
    shard = out / "train-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-1])
    found = inspected("image_depth_tree", "--shards", str(out), "--verify", exit_code=1)
    assert found["BAD SHARD"].startswith("train-00001.parquet: its SHA-256 is ")
    assert found["skipped"] == "32: 32 unreadable_file"


def test_the_sheet_shows_samples_from_everywhere(depth_tree: DepthTree, tmp_path: Path) -> None:
    root, sheet = depth_tree(100), tmp_path / "sheet.png"
    assert inspect_corpus.main(["image_depth_tree", "--root", str(root), "--sheet", str(sheet)]) == 0
    with Image.open(sheet) as labelled:
        assert labelled.width == 2 * 3 * (240 + 6) + 6
        assert labelled.height == 10 * (180 + 14 + 6) + 6, "every fifth of 100 samples, two in a row"
        # The third cell is the mask: light and black alone.
        mask = np.asarray(labelled.crop((2 * 246 + 6, 6, 3 * 246, 186)))
    assert set(np.unique(mask)) == {0, 235}
    assert inspect_corpus.main(["image_folder", "--root", str(root), "--sheet", str(sheet)]) == 0
    with Image.open(sheet) as pictures:
        assert (pictures.width, pictures.height) == (6 * 246 + 6, 4 * 200 + 6)


def test_a_corpus_without_labels_has_none_to_measure(
    depth_tree: DepthTree, inspected: Callable[..., dict[str, str]]
) -> None:
    found = inspected("image_folder", "--root", str(depth_tree(3)), "--option", r"only=.*images")
    assert found["label"] == "none"
    assert "valid" not in found
    assert found["samples"].endswith("; 3 inspected")


def test_rendered_scenes_are_inspected_by_the_name_of_their_domain(
    tmp_path: Path, inspected: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def render_scene(domain: str, index: int, *, size: tuple[int, int], seed: int = 0) -> SimpleNamespace:
        depth_m = np.linspace(1, 2 + index, size[0] * size[1], dtype=np.float32).reshape(size)
        sky = np.arange(size[0])[:, None] < size[0] // 4 + np.zeros(size, int)
        return SimpleNamespace(
            image=np.zeros((*size, 3), np.uint8), depth_m=np.where(sky, np.float32(np.inf), depth_m), sky=sky
        )

    library = ModuleType("procedural")
    library.DOMAINS, library.render_scene = ("labelled", "held-out"), render_scene  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "depth_anything.training.corpora.procedural", library)
    sheet = tmp_path / "sheet.png"
    found = inspected("procedural:held-out", "--limit", "5", "--sheet", str(sheet))
    assert (found["corpus"], found["samples"]) == ("procedural:held-out", "not counted; 5 inspected")
    assert found["sky"] == "25.0% of the pixels"
    assert found["label"].endswith("max 6 m")
    assert sheet.exists()
    assert inspected("procedural", "--limit", "1")["corpus"] == "procedural:labelled"
    assert inspect_corpus.main(["procedural:other"]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "inspect_corpus: name a corpus and its --root, or --shards"),
        (["irs"], "inspect_corpus: corpus irs needs --root, where its data set lies"),
        (["irs", "--root", "."], "corpus irs: nothing found in ."),
        (["irs", "--root", ".", "--verify"], "--verify compares shards with their manifest; it goes with --shards"),
        (["--shards", ".", "--root", "."], "--shards needs no --root and no --option; leave them out"),
        (["--shards", "."], ". has no manifest.json; build_corpus writes it when all shards are there"),
        (["irs", "--root", ".", "--sheet", "sheet.jpg"], "--sheet is sheet.jpg; name a .png file in a folder that ex"),
    ],
)
def test_mistakes_on_the_command_line_are_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert inspect_corpus.main(words) == 2
    assert message in capsys.readouterr().err


def test_shards_of_another_corpus_than_the_named_one_are_refused(
    depth_tree: DepthTree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert build_corpus.main(["image_depth_tree", "--root", str(depth_tree(1)), "--out", out]) == 0
    assert inspect_corpus.main(["irs", "--shards", out]) == 2
    assert f"{out} holds the corpus image_depth_tree, not irs" in capsys.readouterr().err


def test_a_corpus_without_one_good_sample_fails(
    depth_tree: DepthTree, inspected: Callable[..., dict[str, str]]
) -> None:
    root = depth_tree(2)
    for path in root.glob("images/*/*"):
        path.write_bytes(b"")
    found = inspected("image_depth_tree", "--root", str(root), exit_code=1)
    assert (found["image size"], found["skipped"]) == ("none", "2: 2 damaged_image")
