"""What a camera makes of light: exposure, lens, sensor, compression. Turns linear RGB into an 8-bit picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.procedural_draws import Draws, Range
from depth_anything.training.corpora.procedural_rays import Floats

GRAIN_SIDE = 512
SEED = 20240121
BLOCK = 8  # of the compression
MIDDLE_GREY = 0.25
CURVE_LENGTH = 4096


@dataclass(frozen=True, kw_only=True)
class PhotoRanges:
    """How strongly cameras of a domain change what they see."""

    exposure: Range  # factor
    white_balance: float  # largest relative change of a channel
    vignette: Range  # loss of light in the corners
    blur: Range  # radius as a share of the shorter side
    noise: Range  # standard deviation of a grey pixel, 0..1
    gamma: Range
    contrast: Range  # 0 is straight, 1 a full S curve
    saturation: Range
    compression: Range  # step of the coarsest coefficient, 0..1


@dataclass(frozen=True, kw_only=True)
class Photo:
    """The settings of one picture."""

    exposure: float
    balance: tuple[float, float, float]
    vignette: float
    blur: float
    noise: float
    gamma: float
    contrast: float
    saturation: float
    compression: float
    grain: tuple[float, float]  # where its noise begins in the table of noise


def draw_photo(draws: Draws, ranges: PhotoRanges) -> Photo:
    """Settings for one picture."""
    return Photo(
        exposure=draws.log_within(ranges.exposure),
        balance=(1 + draws.either_side(ranges.white_balance), 1.0, 1 + draws.either_side(ranges.white_balance)),
        vignette=draws.within(ranges.vignette),
        blur=draws.within(ranges.blur),
        noise=draws.within(ranges.noise),
        gamma=draws.within(ranges.gamma),
        contrast=draws.within(ranges.contrast),
        saturation=draws.within(ranges.saturation),
        compression=draws.within(ranges.compression),
        grain=(draws.unit(), draws.unit()),
    )


def develop(picture: Floats, photo: Photo) -> NDArray[np.uint8]:
    """The 8-bit picture, (H, W, 3), of linear light, (3, H, W)."""
    light = _expose(picture, photo)
    if photo.blur:
        light = _blur(light, photo.blur * min(light.shape[1:]))
    if photo.noise:
        # Shot noise: grows with the root of the light.
        noise = np.maximum(light, 0)
        np.sqrt(noise, out=noise)
        noise += 0.1
        noise *= _grain(light.shape[1:], photo.grain)
        noise *= np.float32(photo.noise)
        light += noise
    light *= CURVE_LENGTH - 1
    screen = _tone_curve(photo).take(light.astype(np.int32), mode="clip")
    if photo.saturation != 1 or photo.compression:
        _recolour(screen, photo.saturation, photo.compression)
    np.clip(screen, 0, 1, out=screen)
    screen *= 255
    screen += 0.5
    image = np.empty((*screen.shape[1:], 3), np.uint8)
    for channel, plane in enumerate(screen):
        image[..., channel] = plane.astype(np.uint8)
    return image


def _tone_curve(photo: Photo) -> Floats:
    """Brightness on the screen for `CURVE_LENGTH` levels of light from 0 to 1."""
    screen = np.linspace(0, 1, CURVE_LENGTH, dtype=np.float32) ** np.float32(1 / photo.gamma)
    return screen + np.float32(photo.contrast) * (screen * screen * (3 - 2 * screen) - screen)


def _expose(picture: Floats, photo: Photo) -> Floats:
    """Light after exposure, white balance and vignetting: the mean becomes a middle grey times the exposure."""
    _, height, width = picture.shape
    brightness = float(np.sqrt(np.maximum(picture[:, ::4, ::4], 0)).mean()) ** 2  # less ruled by sky than the mean is
    level = MIDDLE_GREY / max(brightness, 1e-3)
    gain = np.array(photo.balance, np.float32) * np.float32(level * photo.exposure)
    row = (np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1
    column = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    falloff = 1 - np.float32(photo.vignette / 2) * (row[:, None] ** 2 + column**2)
    light = picture * gain[:, None, None]
    light *= falloff
    return light


def _blur(light: Floats, radius_px: float) -> Floats:
    """Weighted neighbours along both axes, as far as the radius: 1/4 1/2 1/4 at one pixel."""
    reach = max(1, round(radius_px))
    share = np.float32(min(radius_px / reach, 1.0) / 4)
    for axis in (1, 2):
        if light.shape[axis] <= 2 * reach:
            continue
        lines = np.moveaxis(light, axis, 0)
        blurred = lines * (1 - 2 * share)
        sides = lines * share
        blurred[reach:] += sides[:-reach]
        blurred[:-reach] += sides[reach:]
        blurred[:reach] += sides[:reach]  # the margin looks like itself
        blurred[-reach:] += sides[-reach:]
        light = np.moveaxis(blurred, 0, axis)
    return light


def _recolour(screen: Floats, saturation: float, compression: float) -> None:
    """Saturation, coarser colours than brightness, and the blocks of a strong compression; changes (3, H, W)."""
    red, green, blue = screen
    luma = 0.299 * red
    luma += np.multiply(green, 0.587, out=green)
    luma += np.multiply(blue, 0.114, out=green)
    for colour in (red, blue):
        colour -= luma
        colour *= np.float32(saturation)
    if compression:
        _quantize(luma, compression)
        _halve_resolution(red)
        _halve_resolution(blue)
    red += luma
    blue += luma
    np.subtract(luma, np.multiply(red, 0.299, out=green), out=green)
    green -= 0.114 * blue
    green /= np.float32(0.587)


def _quantize(luma: Floats, step: float) -> None:
    """Rounds the 8x8 cosine coefficients of brightness (H, W), high frequencies coarser; odd margins are left."""
    height, width = (side // BLOCK * BLOCK for side in luma.shape)
    if not height or not width:
        return
    basis, steps = _cosines(), _steps() * np.float32(step)
    inside = luma[:height, :width]
    # A row of blocks is one product with a wide matrix along columns; along rows it is one product per block.
    bands, grid = (height // BLOCK, BLOCK, width), (height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    coefficients = (basis @ inside.reshape(bands)).reshape(grid).transpose(0, 2, 1, 3) @ basis.T
    coefficients /= steps
    np.rint(coefficients, out=coefficients)
    coefficients *= steps
    columns = basis.T @ coefficients.transpose(0, 2, 1, 3).reshape(bands)
    inside[...] = (columns.reshape(grid).transpose(0, 2, 1, 3) @ basis).transpose(0, 2, 1, 3).reshape(inside.shape)


def _halve_resolution(colour: Floats) -> None:
    """Gives squares of 2x2 pixels their mean colour."""
    height, width = (side // 2 * 2 for side in colour.shape)
    even = colour[:height, :width]
    mean = even[::2, ::2] + even[1::2, ::2]
    mean += even[::2, 1::2]
    mean += even[1::2, 1::2]
    mean /= 4
    for row in (0, 1):
        for column in (0, 1):
            even[row::2, column::2] = mean


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    """The orthonormal cosine transform, (8, 8)."""
    order, position = np.arange(BLOCK)[:, None], np.arange(BLOCK)[None] + 0.5
    basis = np.cos(np.pi / BLOCK * order * position) * np.sqrt(2 / BLOCK)
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


@lru_cache(maxsize=1)
def _steps() -> Floats:
    """How much coarser a coefficient is than the first, (8, 8)."""
    order = np.arange(BLOCK)
    return (0.25 + (order[:, None] + order) / (2 * BLOCK - 2)).astype(np.float32)


@lru_cache(maxsize=1)
def _normal_table() -> Floats:
    generator = np.random.default_rng(np.random.SeedSequence(SEED))
    return generator.standard_normal((3, GRAIN_SIDE, GRAIN_SIDE), dtype=np.float32)


def _grain(size: tuple[int, ...], start: tuple[float, float]) -> Floats:
    """Normal noise, (3, H, W), a piece of a table: drawing it anew took a tenth of the time of a scene.

    Args:
        size: height and width; larger ones than the table's repeat it.
        start: where the piece begins, as shares of what is left of the table.
    """
    table = _normal_table()
    repeats = [-(-side // GRAIN_SIDE) for side in size]
    if max(repeats) > 1:
        table = np.tile(table, (1, *repeats))
    row, column = (
        int(share * (limit - side)) for share, limit, side in zip(start, table.shape[1:], size, strict=True)
    )
    return table[:, row : row + size[0], column : column + size[1]]
