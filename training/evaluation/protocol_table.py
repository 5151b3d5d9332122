"""The protocols by name, and the frames of one."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from depth_anything.training.evaluation.benchmark_data import BENCHMARK_DATA, PAIR_DATA, BenchmarkDataError
from depth_anything.training.evaluation.frames import FrameSource
from depth_anything.training.evaluation.judged_frames import JudgedFrames
from depth_anything.training.evaluation.pair_frames import PairSource
from depth_anything.training.evaluation.protocol import PairProtocol, Protocol
from depth_anything.training.evaluation.protocols_folder import FOLDER_PROTOCOLS
from depth_anything.training.evaluation.protocols_median import MEDIAN_PROTOCOLS
from depth_anything.training.evaluation.protocols_metric import METRIC_PROTOCOLS
from depth_anything.training.evaluation.protocols_pairs import PAIR_PROTOCOLS
from depth_anything.training.evaluation.protocols_relative import RELATIVE_PROTOCOLS

logger = logging.getLogger(__name__)

OWN_FRAMES = "folder:"  # before a protocol's name: the same rules for the user's own frames
_ALL: tuple[Protocol | PairProtocol, ...] = (
    *RELATIVE_PROTOCOLS,
    *METRIC_PROTOCOLS,
    *MEDIAN_PROTOCOLS,
    *PAIR_PROTOCOLS,
    *FOLDER_PROTOCOLS,
)
PROTOCOLS: Mapping[str, Protocol | PairProtocol] = MappingProxyType({protocol.name: protocol for protocol in _ALL})


class UnknownProtocolError(ValueError):
    """There is no protocol of this name; the message says which there are."""


def find_protocol(name: str) -> Protocol | PairProtocol:
    """The protocol of a name; `folder:NAME` is that protocol for the user's own frames.

    Raises:
        UnknownProtocolError: there is none.
    """
    if name.startswith(OWN_FRAMES):
        protocol = find_protocol(name.removeprefix(OWN_FRAMES))
        if isinstance(protocol, PairProtocol):
            raise UnknownProtocolError(f"{name}: {protocol.name} compares points, which a folder of frames has not")
        return replace(protocol, name=name, data="folder", split="your own frames", num_images=None, data_options={})
    if name not in PROTOCOLS:
        near = difflib.get_close_matches(name, PROTOCOLS, n=3)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownProtocolError(f"there is no protocol {name!r}{meant} There are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def open_frames(
    protocol: Protocol,
    data_root: str | os.PathLike[str],
    options: Mapping[str, str] | None = None,
    *,
    is_count_checked: bool = True,
) -> FrameSource:
    """The frames of a protocol, as it judges them.

    Args:
        protocol: one with frames.
        data_root: folder that holds the data sets, each in a folder of its own; for `folder` protocols the user's
            folder or list itself.
        options: of the data set's reader, before the protocol's own.
        is_count_checked: refuse another number of images than the protocol's.

    Raises:
        BenchmarkDataError: the files are not there, or another number of images is.
    """
    data = BENCHMARK_DATA[protocol.data]
    mask = {"mask": protocol.mask.value} if "mask" in data.option_names else {}
    source = data.source(data_root, {**mask, **protocol.data_options, **(options or {})})
    _check_count(protocol, source, data.expectation, is_count_checked)
    return JudgedFrames(source, protocol)


def open_pairs(
    protocol: PairProtocol,
    data_root: str | os.PathLike[str],
    options: Mapping[str, str] | None = None,
    *,
    is_count_checked: bool = True,
) -> PairSource:
    """The point pairs of a protocol; arguments and errors as of `open_frames`."""
    data = PAIR_DATA[protocol.data]
    source = data.source(data_root, {**protocol.data_options, **(options or {})})
    _check_count(protocol, source, data.expectation, is_count_checked)
    return source


def _check_count(
    protocol: Protocol | PairProtocol, source: FrameSource | PairSource, expectation: str, is_count_checked: bool
) -> None:
    missing = f"{len(source.left_out)} were left out, the first: {source.left_out[0]}" if source.left_out else ""
    if protocol.num_images not in (None, len(source)):
        found = f"protocol {protocol.name} is for {protocol.num_images:,} images and {len(source):,} are there"
        if is_count_checked:
            raise BenchmarkDataError(
                f"{found}{'; ' if missing else ''}{missing}. {expectation}. "
                "To score those that are there all the same, allow any count"
            )
        logger.warning("%s; numbers of the whole benchmark do not compare. %s", found, missing)
    elif missing and protocol.num_images is None:
        logger.warning("%s: %s", protocol.name, missing)
