import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from depth_anything.training.corpora.own_pairs import ImageDepthTreeReader, PairListReader
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import LabelKind, Reason, Sample, training_target

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
Ramp = NDArray[np.float32]


@pytest.fixture
def levels(ramp: Ramp) -> np.ndarray:
    return (ramp * 1000).round().astype(np.uint16)


def test_a_tree_is_paired_by_folder_and_stem_and_scaled(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, samples_of: Callable, levels: np.ndarray
) -> None:
    write("images/b/one.jpg", encoded(0, "JPEG"))
    write("images/a/one.two.PNG", encoded(1))
    write("depth/b/one.png", png16(levels))
    write("depth/a/one.two.png", png16(levels * 2))
    samples = samples_of(ImageDepthTreeReader("mine", tmp_path, depth_scale=0.001))
    assert list(samples) == ["a/one.two.PNG", "b/one.jpg"]
    np.testing.assert_allclose(samples["b/one.jpg"].label, levels / 1000.0, rtol=1e-6)
    np.testing.assert_allclose(samples["a/one.two.PNG"].label, levels / 500.0, rtol=1e-6)


def test_float_labels_need_no_scale_and_their_holes_are_no_label(
    tmp_path: Path, write: Write, encoded: Encode, pfm: Encode, ramp: Ramp, samples_of: Callable
) -> None:
    write("images/a.jpg", encoded(0, "JPEG"))
    write("images/b.jpg", encoded(0, "JPEG"))
    ramp[0, :4] = [np.nan, np.inf, 0, -1]
    write("depth/a.pfm", pfm(ramp))
    np.save(tmp_path / "depth" / "b.npy", ramp)
    for sample in samples_of(ImageDepthTreeReader("mine", tmp_path)).values():
        assert isinstance(sample, Sample)
        assert np.flatnonzero(~sample.valid).tolist() == [0, 1, 2, 3]
        np.testing.assert_array_equal(sample.label[1:], ramp[1:])


def test_whole_numbers_without_a_scale_are_refused_before_anything_is_read(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, levels: np.ndarray
) -> None:
    write("images/a.jpg", encoded(0, "JPEG"))
    write("depth/a.png", png16(levels))
    with pytest.raises(CorpusError, match=r"a\.png holds numbers without a unit; set depth_scale: 0\.001 for mill"):
        next(ImageDepthTreeReader("mine", tmp_path).items())


def test_the_kind_says_whether_larger_is_nearer(
    tmp_path: Path, write: Write, encoded: Encode, pfm: Encode, ramp: Ramp, samples_of: Callable
) -> None:
    write("images/a.jpg", encoded(0, "JPEG"))
    write("depth/a.pfm", pfm(ramp))
    corners = {}
    for kind in ("metric_depth", "depth_up_to_scale", "disparity_affine"):
        sample = samples_of(ImageDepthTreeReader("mine", tmp_path, kind=kind)).popitem()[1]
        assert sample.kind is LabelKind(kind)
        corners[kind] = training_target(sample).values[-1, -1]
    assert corners == {"metric_depth": 0, "depth_up_to_scale": 0, "disparity_affine": 1}


def test_a_picture_without_depth_is_told_and_one_with_two_stops(
    tmp_path: Path, write: Write, encoded: Encode, pfm: Encode, ramp: Ramp, samples_of: Callable
) -> None:
    write("images/a.jpg", encoded(0, "JPEG"))
    write("depth/b.pfm", pfm(ramp))
    error = samples_of(ImageDepthTreeReader("mine", tmp_path)).popitem()[1]
    assert (error.reason, error.detail) == (Reason.MISSING_LABEL, "images/a.jpg has none in depth")
    write("depth/a.pfm", pfm(ramp))
    write("depth/a.npy", b"")
    with pytest.raises(CorpusError, match=r"images/a\.jpg has the labels a\.npy, a\.pfm; keep one"):
        list(ImageDepthTreeReader("mine", tmp_path).items())


def test_a_tree_without_its_folders_and_options_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="has no folder images"):
        ImageDepthTreeReader("mine", tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "depth").mkdir()
    with pytest.raises(CorpusError, match="depth_scale is 0; it is positive"):
        ImageDepthTreeReader("mine", tmp_path, depth_scale=0)
    with pytest.raises(CorpusError, match="kind is 'depth'; the kinds of labels are metric_depth, depth_up_to_scale"):
        ImageDepthTreeReader("mine", tmp_path, kind="depth")
    with pytest.raises(CorpusError, match="kind is 'none'"):
        ImageDepthTreeReader("mine", tmp_path, kind="none")
    with pytest.raises(CorpusError, match=r"nothing found in .*; looked for images/\*\*/\* beside depth"):
        next(ImageDepthTreeReader("mine", tmp_path).items())


def test_a_list_is_relative_to_its_folder_in_its_order_with_a_scale_for_each_line(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, pfm: Encode, ramp: Ramp, levels: np.ndarray,
    samples_of: Callable,
) -> None:  # fmt: skip
    write("data/b.jpg", encoded(0, "JPEG"))
    write("data/b.png", png16(levels))
    write("data/my picture.jpg", encoded(1, "JPEG"))
    write("data/my depth.png", png16(levels))
    write("data/c.jpg", encoded(1, "JPEG"))
    write("data/c.pfm", pfm(ramp))
    text = "# picture depth scale\n\nb.jpg b.png 0.00390625\nmy picture.jpg\tmy depth.png\r\nc.jpg c.pfm 1"
    reader = PairListReader("mine", write("data/list.txt", text.encode("utf-8-sig")), depth_scale=0.001)
    samples = samples_of(reader)
    assert list(samples) == ["b.jpg", "my picture.jpg", "c.jpg"]
    np.testing.assert_allclose(samples["b.jpg"].label, levels / 256.0, rtol=1e-6)
    np.testing.assert_allclose(samples["my picture.jpg"].label, levels / 1000.0, rtol=1e-6)
    np.testing.assert_array_equal(samples["c.jpg"].label, ramp)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.jpg", "line 1: 1 fields"),
        ("my a.jpg my a.png", "line 1: 4 fields; .* tabs if a name has blanks"),
        ("a.jpg a.png x", "line 1: the scale is 'x'; it is a positive number"),
        ("a.jpg a.png -1", "the scale is '-1'"),
        ("a.jpg a.png", r"a\.png holds numbers without a unit"),
    ],
)
def test_a_line_that_cannot_be_is_refused_with_its_number(write: Write, line: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        list(PairListReader("mine", write("list.txt", line.encode())).items())


def test_a_list_that_is_missing_or_empty_is_refused(tmp_path: Path, write: Write) -> None:
    with pytest.raises(CorpusError, match=r"none\.txt is no file; pass a text file of pairs"):
        PairListReader("mine", tmp_path / "none.txt")
    with pytest.raises(CorpusError, match="nothing found in"):
        list(PairListReader("mine", write("empty.txt", b"# nothing\n")).items())


def test_a_listed_file_that_is_gone_does_not_end_the_others(
    write: Write, encoded: Encode, pfm: Encode, ramp: Ramp, samples_of: Callable
) -> None:
    write("a.jpg", encoded(0, "JPEG"))
    write("a.pfm", pfm(ramp))
    samples = samples_of(PairListReader("mine", write("list.txt", b"gone.jpg a.pfm\na.jpg gone.pfm\na.jpg a.pfm\n")))
    assert list(samples) == ["gone.jpg", "a.jpg"]


def test_every_real_frame_with_a_16_bit_label_gives_the_depth_that_its_manifest_says(
    shared_dir: Path, write: Write, samples_of: Callable
) -> None:
    root = shared_dir / "rgbd"
    entries = [entry for entry in json.loads((root / "manifest.json").read_text()) if entry["format"] == "png16"]
    entries = [entry for entry in entries if entry["kind"] == "depth"]
    lines = [f"{root / entry['rgb']}\t{root / entry['depth']}\t{entry['scale']}" for entry in entries]
    samples = samples_of(PairListReader("real", write("list.txt", "\n".join(lines).encode())))
    assert len(samples) == len(entries) > 20
    refused = []
    for entry, sample in zip(entries, samples.values(), strict=True):
        if not isinstance(sample, Sample):
            refused.append((entry["source"], sample.reason))
            continue
        # Pillow's 32-bit path instead of its 16-bit one, and inverse depth by hand.
        depth = np.asarray(Image.open(root / entry["depth"]).convert("I"), np.float64) * entry["scale"]
        disparity = 1 / depth[depth > 0]
        expected = (disparity - disparity.min()) / (disparity.max() - disparity.min())
        target = training_target(sample)
        np.testing.assert_array_equal(target.valid, depth > 0)
        np.testing.assert_allclose(target.values[depth > 0], expected, atol=1e-6)
    assert refused == [("promptda_arkit", Reason.LABEL_SIZE)], "its depth is smaller than its picture"
