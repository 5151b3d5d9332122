"""The corpora by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from depth_anything.released_data import DATA_TERMS
from depth_anything.training.corpora.bdd100k import VideosAndPicturesReader
from depth_anything.training.corpora.blendedmvs import BlendedMvsReader
from depth_anything.training.corpora.corpus_spec import CorpusSpec
from depth_anything.training.corpora.diml import DimlIndoorReader, DimlOutdoorReader
from depth_anything.training.corpora.hrwsi import HrwsiReader
from depth_anything.training.corpora.hub_images import HubImagesReader
from depth_anything.training.corpora.hypersim import HypersimReader
from depth_anything.training.corpora.irs import IrsReader
from depth_anything.training.corpora.lsun import LsunReader
from depth_anything.training.corpora.megadepth import MegaDepthReader
from depth_anything.training.corpora.own_pairs import ImageDepthTreeReader, PairListReader
from depth_anything.training.corpora.pictures import PicturesReader
from depth_anything.training.corpora.reader import CorpusError, Reader
from depth_anything.training.corpora.split_lists import KittiEigenReader, NyuV2Reader
from depth_anything.training.corpora.tartanair import TartanAirReader
from depth_anything.training.corpora.virtual_kitti import VirtualKitti2Reader

V1_LABELLED = "labelled, V1"
V1_UNLABELLED = "unlabelled, V1 and V2"
V2_SYNTHETIC = "synthetic, V2"
METRIC = "metric fine-tuning"
OWN = "your own data"


def open_corpus(name: str, root: str | os.PathLike[str], **options: Any) -> Reader:
    """The reader of a corpus by its name in `CORPORA`; arguments as for `CorpusSpec.open`.

    Raises:
        CorpusError: there is no such corpus or root, or the reader has no such option.
    """
    if name not in CORPORA:
        raise CorpusError(f"there is no corpus {name!r}; there are {', '.join(CORPORA)}")
    return CORPORA[name].open(root, **options)


RESEARCH = "research use"
TRAIN_ONLY = r"(?!(.*/)?(index|test|val|validation)/)"
ZOEDEPTH_LISTS = "lists in github.com/isl-org/ZoeDepth, train_test_inputs/"

_ALL = (
    CorpusSpec(
        "blendedmvs",
        "BlendedMVS, + and ++",
        V1_LABELLED,
        115_000,
        BlendedMvsReader,
        DATA_TERMS["BlendedMVS"],
        "github.com/YoYo000/BlendedMVS, releases",
    ),
    CorpusSpec(
        "diml_indoor",
        "DIML/CVL RGB-D, indoor",
        V1_LABELLED,
        927_000,
        DimlIndoorReader,
        DATA_TERMS["DIML"],
        "dimlrgbd.github.io",
    ),
    CorpusSpec(
        "diml_outdoor",
        "DIML/CVL RGB-D, outdoor",
        V1_LABELLED,
        927_000,
        DimlOutdoorReader,
        DATA_TERMS["DIML"],
        "dimlrgbd.github.io",
    ),
    CorpusSpec(
        "hrwsi",
        "HR-WSI",
        V1_LABELLED,
        20_000,
        HrwsiReader,
        DATA_TERMS["HRWSI"],
        "github.com/KexianHust/Structure-Guided-Ranking-Loss",
    ),
    CorpusSpec(
        "irs",
        "IRS, Indoor Robotics Stereo",
        V1_LABELLED,
        103_000,
        IrsReader,
        DATA_TERMS["IRS"],
        "github.com/HKBU-HPML/IRS",
    ),
    CorpusSpec(
        "megadepth",
        "MegaDepth v1",
        V1_LABELLED,
        128_000,
        MegaDepthReader,
        DATA_TERMS["MegaDepth"],
        "cs.cornell.edu/projects/megadepth",
    ),
    CorpusSpec(
        "tartanair",
        "TartanAir v1",
        V1_LABELLED,
        306_000,
        TartanAirReader,
        DATA_TERMS["TartanAir"],
        "github.com/castacks/tartanair_tools; hf.co/datasets/theairlabcmu/tartanair",
    ),
    CorpusSpec(
        "hypersim",
        "Hypersim",
        V2_SYNTHETIC,
        60_000,
        HypersimReader,
        DATA_TERMS["Hypersim"],
        "github.com/apple/ml-hypersim",
    ),
    CorpusSpec(
        "virtual_kitti_2",
        "Virtual KITTI 2",
        V2_SYNTHETIC,
        20_000,
        VirtualKitti2Reader,
        DATA_TERMS["Virtual KITTI 2"],
        "europe.naverlabs.com, Virtual KITTI 2 (rgb and depth archives)",
    ),
    CorpusSpec("nyuv2", "NYU Depth v2", METRIC, 24_231, NyuV2Reader, RESEARCH, f"sync.zip of BTS; {ZOEDEPTH_LISTS}"),
    CorpusSpec(
        "kitti_eigen",
        "KITTI, Eigen split",
        METRIC,
        23_158,
        KittiEigenReader,
        "CC BY-NC-SA 3.0",
        f"cvlibs.net, raw data and annotated depth; {ZOEDEPTH_LISTS}",
    ),
    CorpusSpec(
        "bdd100k",
        "BDD100K",
        V1_UNLABELLED,
        8_200_000,
        VideosAndPicturesReader,
        DATA_TERMS["BDD100K"],
        "bdd-data.berkeley.edu",
        {"only": r"(?!(.*/)?labels/)"},
    ),
    CorpusSpec(
        "google_landmarks",
        "Google Landmarks v2",
        V1_UNLABELLED,
        4_100_000,
        PicturesReader,
        DATA_TERMS["Google Landmarks"],
        "github.com/cvdfoundation/google-landmark",
        {"only": TRAIN_ONLY},
    ),
    CorpusSpec(
        "imagenet_21k",
        "ImageNet-21K",
        V1_UNLABELLED,
        13_100_000,
        PicturesReader,
        DATA_TERMS["ImageNet-21K"],
        "image-net.org, winter21_whole.tar.gz",
    ),
    CorpusSpec(
        "lsun", "LSUN, scenes", V1_UNLABELLED, 9_800_000, LsunReader, DATA_TERMS["LSUN"], "github.com/fyu/lsun"
    ),
    CorpusSpec(
        "objects365",
        "Objects365 v2",
        V1_UNLABELLED,
        1_700_000,
        PicturesReader,
        DATA_TERMS["Objects365"],
        "objects365.org",
        {"only": TRAIN_ONLY},
    ),
    CorpusSpec(
        "open_images",
        "Open Images V7",
        V1_UNLABELLED,
        7_800_000,
        PicturesReader,
        DATA_TERMS["Open Images V7"],
        "github.com/cvdfoundation/open-images-dataset",
        {"only": TRAIN_ONLY + r".*\.jpe?g$"},
    ),
    CorpusSpec(
        "places365",
        "Places365",
        V1_UNLABELLED,
        6_500_000,
        PicturesReader,
        DATA_TERMS["Places365"],
        "places2.csail.mit.edu",
        {"only": r"(?!(.*/)?(val|test)(_|/))"},
    ),
    CorpusSpec(
        "sa_1b",
        "SA-1B",
        V1_UNLABELLED,
        11_100_000,
        PicturesReader,
        DATA_TERMS["SA-1B"],
        "ai.meta.com/datasets/segment-anything-downloads",
    ),
    CorpusSpec(
        "image_depth_tree", "folders images/ and depth/", OWN, None, ImageDepthTreeReader, "your own", "your disk"
    ),
    CorpusSpec("pair_list", "text list of pairs", OWN, None, PairListReader, "your own", "your disk"),
    CorpusSpec("image_folder", "any folder of pictures", OWN, None, PicturesReader, "your own", "your disk"),
    CorpusSpec("webdataset", "any WebDataset", OWN, None, PicturesReader, "your own", "your disk"),
    CorpusSpec("video_folder", "any folder of videos", OWN, None, VideosAndPicturesReader, "your own", "your disk"),
    CorpusSpec(
        "hub",
        "any data set on the Hub with a column of pictures",
        OWN,
        None,
        HubImagesReader,
        "those of its card",
        "hf.co/datasets",
    ),
)

CORPORA: Mapping[str, CorpusSpec] = MappingProxyType({spec.name: spec for spec in _ALL})
