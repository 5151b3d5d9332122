from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.blendedmvs import BlendedMvsReader
from depth_anything.training.corpora.sample import LabelKind, Reason, Sample, SampleError

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
SCENE = "5a0000000000000000000001"


def write_scene(write: Write, encoded: Encode, pfm: Encode, ramp: NDArray[np.float32]) -> None:
    """A scene with its odd cases: a header with blanks, masked pictures, a hole, an empty map, a lost map."""
    hole = ramp.copy()
    hole[:, 16:] = 0
    maps = [ramp, hole, np.zeros_like(ramp)]
    headers = ["Pf\n{w} {h}\n-1.000000\n", "Pf \n{w} {h} \n-1.0\n", "Pf\n{w} {h}\n-1.000000\n"]
    for number, (values, header) in enumerate(zip(maps, headers, strict=True)):
        write(f"set/{SCENE}/rendered_depth_maps/{number:08d}.pfm", pfm(values, header))
    for number in range(4):
        write(f"set/{SCENE}/blended_images/{number:08d}.jpg", encoded(number, "JPEG"))
        write(f"set/{SCENE}/blended_images/{number:08d}_masked.jpg", encoded(number, "JPEG"))
    write(f"set/{SCENE}/cams/pair.txt", b"4\n")
    write(f"set/{SCENE}/cams/00000000_cam.txt", b"extrinsic\n")


def test_pictures_are_paired_with_upright_depth_and_their_masked_copies_left_out(
    tmp_path: Path, write: Write, encoded: Encode, pfm: Encode, ramp: NDArray[np.float32], samples_of: Callable
) -> None:
    write_scene(write, encoded, pfm, ramp)
    samples = samples_of(BlendedMvsReader("blendedmvs", tmp_path))
    keys = [f"set/{SCENE}/blended_images/{number:08d}.jpg" for number in range(4)]
    assert list(samples) == keys
    first, hole = samples[keys[0]], samples[keys[1]]
    assert isinstance(first, Sample)
    assert isinstance(hole, Sample)
    np.testing.assert_array_equal(first.label, ramp)
    assert first.kind is LabelKind.DEPTH_UP_TO_SCALE
    assert first.valid.all()
    assert not hole.valid[:, 16:].any()
    assert hole.valid[:, :16].all()


def test_empty_and_lost_maps_are_refused_by_their_reasons(
    tmp_path: Path, write: Write, encoded: Encode, pfm: Encode, ramp: NDArray[np.float32], samples_of: Callable
) -> None:
    write_scene(write, encoded, pfm, ramp)
    errors = list(samples_of(BlendedMvsReader("blendedmvs", tmp_path)).values())[2:]
    assert all(isinstance(error, SampleError) for error in errors)
    assert [error.reason for error in errors] == [Reason.EMPTY_LABEL, Reason.MISSING_LABEL]
    assert "00000003.pfm" in errors[1].detail


def test_a_map_with_less_than_a_hundredth_of_its_pixels_is_as_good_as_empty(
    tmp_path: Path, write: Write, encoded: Encode, pfm: Encode, ramp: NDArray[np.float32], samples_of: Callable
) -> None:
    for number, num_pixels in enumerate((7, 8)):  # of 768
        values = np.zeros_like(ramp)
        values.flat[:num_pixels] = 2
        write(f"{SCENE}/rendered_depth_maps/{number}.pfm", pfm(values))
        write(f"{SCENE}/blended_images/{number}.jpg", encoded(0, "JPEG"))
    few, enough = samples_of(BlendedMvsReader("blendedmvs", tmp_path)).values()
    assert isinstance(few, SampleError)
    assert isinstance(enough, Sample)
