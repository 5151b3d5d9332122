import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.registry import CORPORA, V1_LABELLED, V1_UNLABELLED, open_corpus
from depth_anything.training.corpora.sample import LabelKind

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]


def test_the_papers_sizes_add_up_to_its_totals() -> None:
    labelled = {spec.title.split(",")[0]: spec.num_images or 0 for spec in CORPORA.values() if spec.use == V1_LABELLED}
    unlabelled = [spec.num_images or 0 for spec in CORPORA.values() if spec.use == V1_UNLABELLED]
    assert len(labelled) == 6, "DIML is one set in two halves"
    assert round(sum(labelled.values()) / 1e6, 1) == 1.6  # "1.5M" in the paper, whose table adds up to 1.599M
    assert len(unlabelled) == 8
    assert 62e6 <= sum(unlabelled) < 63e6


def test_every_corpus_says_its_terms_and_where_to_get_it_and_what_its_labels_mean() -> None:
    for name, spec in CORPORA.items():
        assert spec.name == name
        assert spec.terms
        assert spec.source
        assert spec.reader.looked_for
        assert (spec.kind is LabelKind.NONE) == (spec.use == V1_UNLABELLED or name in {
            "image_folder", "webdataset", "video_folder", "hub",
        })  # fmt: skip
        assert set(spec.options) <= set(inspect.signature(spec.reader).parameters)


def test_a_corpus_is_opened_by_name_with_its_own_options(tmp_path: Path, write: Write, encoded: Encode) -> None:
    for path in (
        "train/patch0/objects365_v1_1.jpg", "val/images/v1/patch0/objects365_v1_2.jpg", "train_0/0123456789abcdef.jpg",
    ):  # fmt: skip
        write(path, encoded(0, "JPEG"))
    keys = [item.key for item in open_corpus("objects365", tmp_path).items()]
    assert keys == ["train/patch0/objects365_v1_1.jpg", "train_0/0123456789abcdef.jpg"]
    assert len(list(open_corpus("objects365", tmp_path, only="").items())) == 3
    assert open_corpus("objects365", str(tmp_path)).corpus == "objects365"


@pytest.mark.parametrize(
    ("name", "kept", "left_out"),
    [
        ("places365", "data_256/v/valley/00000001.jpg", "val_256/Places365_val_00000001.jpg"),
        ("places365", "places365_standard/train/airfield/1.jpg", "places365_standard/val/airfield/1.jpg"),
        ("google_landmarks", "train/0/1/2/0123456789abcdef.jpg", "index/0/1/2/0123456789abcdef.jpg"),
        ("open_images", "train_0/0123456789abcdef.jpg", "validation/0123456789abcdef.jpg"),
        ("open_images", "train_0/0123456789abcdef.jpg", "train-masks/0123456789abcdef_m.png"),
        ("bdd100k", "bdd100k/images/100k/val/0000f77c-6257be58.jpg", "bdd100k/labels/drivable/0000f77c-6257be58.png"),
    ],
)
def test_what_is_no_training_picture_is_left_out(
    tmp_path: Path, write: Write, encoded: Encode, name: str, kept: str, left_out: str
) -> None:
    write(kept, encoded(0, "JPEG"))
    write(left_out, encoded(0, "JPEG"))
    assert [item.key for item in open_corpus(name, tmp_path).items()] == [kept]


def test_unknown_names_roots_and_options_are_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is no corpus 'kitty'; there are blendedmvs, diml_indoor"):
        open_corpus("kitty", tmp_path)
    with pytest.raises(
        CorpusError, match="corpus diml_outdoor has no option threshold; its options are min_confidence"
    ):
        open_corpus("diml_outdoor", tmp_path, threshold=0.5)
    with pytest.raises(CorpusError, match="corpus irs has no option a, b; its options are none"):
        open_corpus("irs", tmp_path, b=1, a=2)
    for name in CORPORA:
        if name != "hub":
            with pytest.raises(CorpusError, match=f"corpus {name}: .*none"):
                open_corpus(name, tmp_path / "none")


def test_every_library_that_is_imported_when_needed_is_in_the_extra() -> None:
    root = Path(__file__).parents[3]
    extra = re.search(r"^train = \[(.*?)\]$", (root / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    assert extra is not None
    code = "".join(path.read_text() for path in (root / "training").rglob("*.py"))
    named = set(re.findall(r'optional_library\("(\w+)"', code))
    assert named <= {name.replace("-", "_") for name in re.findall(r'"([\w-]+)[>=]', extra[1])}


@pytest.mark.slow
def test_no_extra_library_is_imported_before_a_corpus_needs_it() -> None:
    code = (
        "import sys, depth_anything.training.corpora.registry\n"
        "print(sorted({'h5py', 'lmdb', 'OpenEXR', 'av', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
