"""The data sets of the benchmarks: where each lies below the data root, where it comes from, and what reads it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.evaluation.da_2k_pairs import open_da_2k_pairs
from depth_anything.training.evaluation.ddad_frames import open_ddad_frames
from depth_anything.training.evaluation.diml_frames import open_diml_frames
from depth_anything.training.evaluation.diode_frames import open_diode_frames
from depth_anything.training.evaluation.diw_pairs import open_diw_pairs
from depth_anything.training.evaluation.eth3d_frames import open_eth3d_frames
from depth_anything.training.evaluation.folder_frames import open_folder_frames
from depth_anything.training.evaluation.frames import FrameSource
from depth_anything.training.evaluation.ibims_frames import open_ibims_frames
from depth_anything.training.evaluation.listed_frames import (
    HYPERSIM_SPLIT_TABLE,
    KITTI_LIST,
    VIRTUAL_KITTI_TRAIN_LIST,
    open_hypersim_frames,
    open_kitti_frames,
    open_virtual_kitti_frames,
)
from depth_anything.training.evaluation.nyuv2_frames import LABELED_FILE, SPLITS_FILE, TEST_LIST, open_nyuv2_frames
from depth_anything.training.evaluation.pair_frames import PairSource
from depth_anything.training.evaluation.sintel_frames import open_sintel_frames
from depth_anything.training.evaluation.sunrgbd_frames import open_sunrgbd_frames

Source = TypeVar("Source", FrameSource, PairSource)


class BenchmarkDataError(ValueError):
    """A benchmark's files are not as its protocol expects; the message says what is, what should be and what to do."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkData(Generic[Source]):
    """One data set.

    Attributes:
        name: what protocols call it.
        title: what people call it.
        folder: below the data root; "" is the data root itself.
        layout: the files that are read, below the folder.
        obtained: where to get them.
        open: what reads them: from the folder, and from options by name, text each.
    """

    name: str
    title: str
    folder: str
    layout: str
    obtained: str
    open: Callable[..., Source]

    def source(self, data_root: str | os.PathLike[str], options: Mapping[str, str]) -> Source:
        """The frames or pairs below a data root.

        Raises:
            BenchmarkDataError: the files are not there, or there is no such option.
        """
        unknown = sorted(set(options) - set(self.option_names))
        if unknown:
            its_options = ", ".join(self.option_names) or "none"
            raise BenchmarkDataError(
                f"data set {self.name} has no option {', '.join(unknown)}; its options are {its_options}"
            )
        root = Path(data_root).expanduser() / self.folder
        if not root.exists():
            raise BenchmarkDataError(f"{self.title}: there is no {root}; {self.expectation}")
        try:
            return self.open(root, **options)
        except CorpusError as error:
            raise BenchmarkDataError(f"{self.title}: {error}; {self.expectation}") from error

    @property
    def option_names(self) -> tuple[str, ...]:
        """What may be chosen about its files."""
        return tuple(inspect.signature(self.open).parameters)[1:]

    @property
    def expectation(self) -> str:
        """What has to lie where, and where it comes from, in words."""
        where = f"<data root>/{self.folder}" if self.folder else "the data root"
        return f"{where} holds {self.layout} (from {self.obtained})"


ZOEDEPTH_LISTS = "github.com/isl-org/ZoeDepth, train_test_inputs/"

_WITH_DEPTH = (
    BenchmarkData(
        name="kitti",
        title="KITTI",
        folder="kitti",
        layout="raw_data/<date>/<drive>/image_02/data/*.png, data_depth_annotated/{train,val}/<drive>/proj_depth/... "
        f"and {KITTI_LIST}; with the option truth=lidar raw_data/<date>/<drive>/velodyne_points/data/*.bin and "
        "raw_data/<date>/calib_*.txt instead of the annotated depth",
        obtained="cvlibs.net, raw data (synced+rectified, calibration) and annotated depth; the list: "
        f"{ZOEDEPTH_LISTS}",
        open=open_kitti_frames,
    ),
    BenchmarkData(
        name="nyuv2",
        title="NYU Depth v2",
        folder="nyuv2",
        layout=f"official_splits/test/<scene>/{{rgb_*.jpg,sync_depth_*.png}} and {TEST_LIST}; or with the option "
        f"files=mat {LABELED_FILE} and {SPLITS_FILE}",
        obtained=f"pictures: BTS; list: {ZOEDEPTH_LISTS}; .mat files: "
        "cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html",
        open=open_nyuv2_frames,
    ),
    BenchmarkData(
        name="sintel",
        title="MPI Sintel",
        folder="sintel",
        layout="training/{final,clean}/<scene>/frame_*.png and training/depth/<scene>/frame_*.dpt",
        obtained="sintel.is.tue.mpg.de, the complete data set and the depth of the training part",
        open=open_sintel_frames,
    ),
    BenchmarkData(
        name="ddad",
        title="DDAD",
        folder="ddad",
        layout="ddad_train_val/ddad.json and the scenes beside it; or with the option files=list a list val.txt of "
        "lines <picture> <depth.npy>",
        obtained="github.com/TRI-ML/DDAD",
        open=open_ddad_frames,
    ),
    BenchmarkData(
        name="eth3d",
        title="ETH3D",
        folder="eth3d",
        layout="<scene>/images/dslr_images/*.JPG and <scene>/ground_truth_depth/dslr_images/*.JPG",
        obtained="eth3d.net, high-resolution multi-view, training: dslr_jpg and dslr_depth",
        open=open_eth3d_frames,
    ),
    BenchmarkData(
        name="diode",
        title="DIODE",
        folder="diode",
        layout="val/{indoors,outdoor}/<scene>/<scan>/*.png with *_depth.npy and *_depth_mask.npy",
        obtained="diode-dataset.org, validation",
        open=open_diode_frames,
    ),
    BenchmarkData(
        name="sunrgbd",
        title="SUN RGB-D",
        folder="sunrgbd",
        layout="rgb/img-*.jpg and depth/*.png; or ZoeDepth's rgb/rgb/*.jpg and gt/gt/*.png",
        obtained="github.com/ankurhanda/sunrgbd-meta-data, test part",
        open=open_sunrgbd_frames,
    ),
    BenchmarkData(
        name="ibims1",
        title="iBims-1",
        folder="ibims1",
        layout="ibims1_core_raw/{rgb,depth,mask_invalid,mask_transp}/*.png and ibims1_core_raw/imagelist.txt",
        obtained="lmf.bgu.tum.de/ibims1, core raw",
        open=open_ibims_frames,
    ),
    BenchmarkData(
        name="hypersim",
        title="Hypersim",
        folder="hypersim",
        layout="ai_*_*/images/scene_cam_*_{final_preview/*.tonemap.jpg,geometry_hdf5/*.depth_meters.hdf5} and "
        f"{HYPERSIM_SPLIT_TABLE}",
        obtained="github.com/apple/ml-hypersim; the table: evermotion_dataset/analysis/ there",
        open=open_hypersim_frames,
    ),
    BenchmarkData(
        name="virtual_kitti_2",
        title="Virtual KITTI 2",
        folder="virtual_kitti_2",
        layout=f"Scene*/*/frames/{{rgb,depth}}/Camera_0/* and the list of training frames {VIRTUAL_KITTI_TRAIN_LIST}",
        obtained="europe.naverlabs.com, Virtual KITTI 2; the list: github.com/DepthAnything/Depth-Anything-V2, "
        "metric_depth/dataset/splits/vkitti2/",
        open=open_virtual_kitti_frames,
    ),
    BenchmarkData(
        name="diml",
        title="DIML/CVL RGB-D",
        folder="diml",
        layout="outdoor/test/LR/{outleft,depthmap}/*.png and indoor/test/LR/<scene>/{color,depth_filled}/*.png",
        obtained="dimlrgbd.github.io, sample sets",
        open=open_diml_frames,
    ),
    BenchmarkData(
        name="folder",
        title="your own frames",
        folder="",
        layout="images/**/NAME.jpg and depth/**/NAME.png, or is a text file with lines `<picture> <depth> [<scale>]`",
        obtained="your disk",
        open=open_folder_frames,
    ),
)
_WITH_PAIRS = (
    BenchmarkData(
        name="da_2k",
        title="DA-2K",
        folder="da_2k",
        layout="annotations.json and the pictures that it names",
        obtained="hf.co/datasets/depth-anything/DA-2K",
        open=open_da_2k_pairs,
    ),
    BenchmarkData(
        name="diw",
        title="DIW",
        folder="diw",
        layout="DIW_Annotations/DIW_test.csv and the pictures that it names",
        obtained="www-personal.umich.edu/~wfchen/depth-in-the-wild",
        open=open_diw_pairs,
    ),
)

BENCHMARK_DATA: Mapping[str, BenchmarkData[FrameSource]] = MappingProxyType({data.name: data for data in _WITH_DEPTH})
PAIR_DATA: Mapping[str, BenchmarkData[PairSource]] = MappingProxyType({data.name: data for data in _WITH_PAIRS})
