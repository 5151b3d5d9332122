from __future__ import annotations

import pytest
import torch

from depth_anything.depth_upsampling import upsampled_depth, without_padding
from depth_anything.resize_geometry import planned_geometry


def test_bilinear_with_aligned_corners_keeps_the_corner_values() -> None:
    depth = torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])
    expected = torch.tensor([[[0.0, 0.5, 1.0], [1.0, 1.5, 2.0], [2.0, 2.5, 3.0]]])
    torch.testing.assert_close(upsampled_depth(depth, (3, 3), "bilinear", align_corners=True), expected)


def test_bilinear_without_aligned_corners_keeps_half_pixel_centres() -> None:
    depth = torch.tensor([[[0.0, 1.0]]])
    expected = torch.tensor([[[0.0, 0.25, 0.75, 1.0]]])
    torch.testing.assert_close(upsampled_depth(depth, (1, 4), "bilinear", align_corners=False), expected)


def test_bicubic_stays_within_each_map_s_own_range() -> None:
    depth = torch.zeros(2, 8, 8)
    depth[0, :, 4:] = 1
    depth[1, :, 4:] = -5
    overshooting = torch.nn.functional.interpolate(depth[:, None], size=(33, 33), mode="bicubic", align_corners=False)
    assert overshooting.min() < -5
    assert overshooting[0].min() < 0
    limited = upsampled_depth(depth, (33, 33), "bicubic", align_corners=False)
    assert limited.amin((1, 2)).tolist() == [0, -5]
    assert limited.amax((1, 2)).tolist() == [1, 0]


def test_nearest_invents_no_value() -> None:
    depth = torch.rand(1, 5, 7)
    resized = upsampled_depth(depth, (11, 10), "nearest", align_corners=True)
    assert resized.shape == (1, 11, 10)
    assert set(resized.flatten().tolist()) <= set(depth.flatten().tolist())


def test_what_padding_added_is_what_is_cut_off() -> None:
    padding = planned_geometry((30, 41), "pad", False, (0, 0), 14).padding
    image = torch.rand(30, 41)
    padded = torch.nn.functional.pad(image, (padding.left, padding.right, padding.top, padding.bottom))
    assert torch.equal(without_padding(padded, (30, 41), 14), image)


def test_a_size_that_is_not_padded_to_the_map_s_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"target size \(60, 41\) is padded to \(70, 42\), but the map is \(42, 42\)"):
        without_padding(torch.zeros(42, 42), (60, 41), 14)
