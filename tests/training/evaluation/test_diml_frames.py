"""DIML's test frames in the layout of its sample sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.evaluation.diml_frames import open_diml_frames

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
MILLIMETRES = (np.arange(24 * 32).reshape(24, 32) * 85).astype(np.uint16)


def test_outdoor_depth_counts_however_sure_it_is(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, png8: Encode
) -> None:
    for half, resolution, factor in (("test", "LR", 1), ("test", "HR", 0.5), ("train", "LR", 0.25)):
        for name in ("2", "10"):
            folder = f"outdoor/{half}/{resolution}"
            write(f"{folder}/outleft/{name}.png", encoded())
            write(f"{folder}/outright/{name}.png", encoded(1))
            write(f"{folder}/depthmap/{name}.png", png16(MILLIMETRES * factor))
            write(f"{folder}/confidencemap/{name}.png", png8(np.zeros((24, 32))))
    frames = open_diml_frames(tmp_path)
    assert [frames.key(index) for index in range(len(frames))] == ["outleft/10.png", "outleft/2.png"]
    frame = frames.read(0)
    np.testing.assert_allclose(frame.depth_m, MILLIMETRES / 1000, rtol=1e-6)
    np.testing.assert_array_equal(frame.valid, MILLIMETRES > 0)
    fine = open_diml_frames(tmp_path, resolution="HR").read(0)
    np.testing.assert_allclose(fine.depth_m, (MILLIMETRES * 0.5).astype(np.uint16) / 1000, rtol=1e-6)


@pytest.mark.parametrize("above", ["test", "sample/testset"])
def test_indoor_depth_is_the_filled_one(
    tmp_path: Path, write: Write, encoded: Encode, png16: Encode, above: str
) -> None:
    for scene in ("bedroom", "cafe"):
        write(f"indoor/{above}/LR/{scene}/color/7_c.png", encoded())
        write(f"indoor/{above}/LR/{scene}/depth_filled/7_depth_filled.png", png16(MILLIMETRES))
        write(f"indoor/{above}/LR/{scene}/depth_raw/7_depth_raw.png", png16(MILLIMETRES // 2))
    write(f"indoor/{above}/LR/cafe/color/8_c.png", encoded())
    frames = open_diml_frames(tmp_path, part="indoor")
    assert [frames.key(index) for index in range(len(frames))] == ["bedroom/color/7_c.png", "cafe/color/7_c.png"]
    assert frames.left_out == ("cafe/color/8_c.png has no cafe/depth_filled/8_depth_filled.png",)
    np.testing.assert_allclose(frames.read(1).depth_m, MILLIMETRES / 1000, rtol=1e-6)


def test_a_part_that_is_not_there_is_told(tmp_path: Path, write: Write, encoded: Encode) -> None:
    write("outdoor/train/LR/outleft/1.png", encoded())
    with pytest.raises(CorpusError, match=r"there is no .*/outdoor/test/LR"):
        open_diml_frames(tmp_path)
    with pytest.raises(CorpusError, match="part is 'garden'; it is one of indoor, outdoor"):
        open_diml_frames(tmp_path, part="garden")
    with pytest.raises(CorpusError, match="resolution is 'low'; it is one of LR, HR"):
        open_diml_frames(tmp_path, resolution="low")
