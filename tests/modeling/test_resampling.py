from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from torch import Tensor

from depth_anything.filter_taps import opencv_taps, pillow_taps
from depth_anything.resampling import _sum_by_gathering, resample_antialiased_into, resample_into

ONE, ZERO = torch.ones(3, 1, 1), torch.zeros(3, 1, 1)
# (H, W) -> (h, w): smaller, larger, both at once, more than four times smaller, one sample, more rows than a block
RESIZINGS = [
    ((37, 53), (28, 42)),
    ((20, 31), (42, 56)),
    ((19, 90), (42, 28)),
    ((140, 150), (14, 28)),
    ((1, 1), (3, 2)),
]


@pytest.fixture
def random_image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (140, 150, 3), dtype=np.uint8)


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def cubic_convolution(signal: np.ndarray, num_out: int) -> np.ndarray:
    """Keys' cubic convolution of the first axis with a = -0.75, sample by sample in float64."""

    def kernel(distance: float, a: float = -0.75) -> float:
        x = abs(distance)
        if x <= 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0

    num_in = len(signal)
    result = np.zeros((num_out, *signal.shape[1:]))
    for position in range(num_out):
        centre = float(np.float32((position + 0.5) * num_in / num_out - 0.5))
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            result[position] += kernel(centre - tap) * signal[min(max(tap, 0), num_in - 1)]
    return result


def resampled(image: Tensor, size: tuple[int, int], kernel: str = "cubic") -> Tensor:
    out = torch.empty(3, *size)
    resample_into(out, image, kernel, ONE, ZERO)
    return out


@pytest.mark.parametrize(("size_in", "size_out"), RESIZINGS)
def test_cubic_resizing_is_cubic_convolution_with_the_border_repeated(
    random_image: np.ndarray, size_in: tuple[int, int], size_out: tuple[int, int]
) -> None:
    image = random_image[: size_in[0], : size_in[1]]
    rows = cubic_convolution(image.astype(np.float64), size_out[0])
    expected = cubic_convolution(rows.swapaxes(0, 1), size_out[1]).transpose(2, 1, 0)
    found = resampled(torch.from_numpy(image).permute(2, 0, 1), size_out)
    np.testing.assert_allclose(found.numpy(), expected, atol=5e-4)  # of 255, for weights in float32


@pytest.mark.parametrize(("size_in", "size_out"), RESIZINGS)
def test_linear_resizing_is_that_of_torch(
    random_image: np.ndarray, size_in: tuple[int, int], size_out: tuple[int, int]
) -> None:
    image = torch.from_numpy(random_image[: size_in[0], : size_in[1]]).permute(2, 0, 1).float()
    expected = F.interpolate(image[None], size=size_out, mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(
        resampled(image, size_out, "linear"), expected, atol=5e-3, rtol=0
    )  # its positions are float32


@pytest.mark.parametrize(("size_in", "size_out"), RESIZINGS)
def test_the_way_for_accelerators_gives_the_same_as_the_blocks_of_rows(
    random_image: np.ndarray, size_in: tuple[int, int], size_out: tuple[int, int]
) -> None:
    image = torch.from_numpy(random_image[: size_in[0], : size_in[1]]).permute(2, 0, 1)
    down, along = (opencv_taps(before, after, "cubic") for before, after in zip(size_in, size_out, strict=True))
    gathered = _sum_by_gathering(_sum_by_gathering(image, 1, down), 2, along)
    torch.testing.assert_close(gathered, resampled(image, size_out), atol=2e-4, rtol=0)


def test_the_layout_in_memory_does_not_change_a_bit(random_image: np.ndarray) -> None:
    interleaved = torch.from_numpy(random_image).permute(2, 0, 1)[:, 3:100, 5:90]
    four_channels = torch.from_numpy(np.dstack([random_image, random_image[..., :1]])).permute(2, 0, 1)
    expected = resampled(interleaved, (28, 42))
    for other in (interleaved.contiguous(), interleaved.mT.contiguous().mT, four_channels[:3, 3:100, 5:90]):
        assert torch.equal(resampled(other, (28, 42)), expected)


def test_a_second_thread_does_not_change_a_bit(random_image: np.ndarray, one_thread: None) -> None:
    image = torch.from_numpy(random_image).permute(2, 0, 1)
    expected = resampled(image, (56, 56))
    torch.set_num_threads(2)
    assert torch.equal(resampled(image, (56, 56)), expected)


def test_equal_sizes_change_no_value(random_image: np.ndarray) -> None:
    image = torch.from_numpy(random_image).permute(2, 0, 1)
    assert torch.equal(resampled(image, (140, 150)), image.float())


def test_scale_and_shift_are_applied_per_channel(random_image: np.ndarray) -> None:
    image = torch.from_numpy(random_image).permute(2, 0, 1)
    scale, shift = torch.tensor([1.0, 2.0, -3.0])[:, None, None], torch.tensor([0.5, 0.0, 7.0])[:, None, None]
    found = torch.empty(3, 28, 42)
    resample_into(found, image, "cubic", scale, shift)
    expected = resampled(image, (28, 42)) * scale + shift
    torch.testing.assert_close(found, expected)


def test_one_channel_of_grey_is_written_to_all_three(random_image: np.ndarray) -> None:
    grey = torch.from_numpy(random_image[..., 0])[None]
    assert torch.equal(resampled(grey, (28, 42)), resampled(grey.repeat(3, 1, 1), (28, 42)))


@pytest.mark.parametrize(("size_in", "size_out"), [*RESIZINGS, ((140, 150), (42, 28)), ((90, 60), (518, 350))])
@pytest.mark.parametrize(("kernel", "name"), [("cubic", Image.BICUBIC), ("linear", Image.BILINEAR)])
def test_antialiased_resizing_is_within_a_grey_level_of_pillow(
    random_image: np.ndarray, size_in: tuple[int, int], size_out: tuple[int, int], kernel: str, name: int
) -> None:
    image = random_image[: size_in[0], : size_in[1]]
    expected = np.asarray(Image.fromarray(image).resize(size_out[::-1], name)).transpose(2, 0, 1)
    found = torch.empty(3, *size_out)
    resample_antialiased_into(found, torch.from_numpy(image).permute(2, 0, 1), kernel, ONE, ZERO)
    assert np.abs(found.numpy() - expected).max() <= 1
    assert (found.numpy() != expected).mean() < 0.02


def test_antialiased_floats_are_not_rounded_to_grey_levels(random_image: np.ndarray) -> None:
    image = torch.from_numpy(random_image).permute(2, 0, 1).float()
    expected = F.interpolate(image[None], size=(28, 42), mode="bicubic", antialias=True)[0]
    found = torch.empty(3, 28, 42)
    resample_antialiased_into(found, image, "cubic", ONE, ZERO)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_the_antialiased_way_for_accelerators_uses_the_same_taps(random_image: np.ndarray) -> None:
    image = torch.from_numpy(random_image).permute(2, 0, 1).float()
    found = torch.empty(3, 28, 42)
    resample_antialiased_into(found, image, "cubic", ONE, ZERO)
    gathered = _sum_by_gathering(image, 2, pillow_taps(150, 42, "cubic"))
    gathered = _sum_by_gathering(gathered, 1, pillow_taps(140, 28, "cubic"))
    torch.testing.assert_close(found, gathered, atol=2e-4, rtol=0)
