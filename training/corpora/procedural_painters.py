"""What textures look like: a painter for each, of one tileable grey square."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

SIDE = 128  # texels


class Texture(IntEnum):
    """What a surface is covered with."""

    PLASTER = 0
    SOIL = 1
    ROCK = 2
    LEAF = 3
    BRICK = 4
    TILE = 5
    PLANK = 6
    FACADE = 7
    CHECKER = 8
    STRIPE = 9
    COBBLE = 10
    LANE = 11
    BOOKS = 12
    CLOUD = 13


def _noise(generator: np.random.Generator, roughness: float, stretch: float = 1.0) -> NDArray[np.float64]:
    """Noise with a power-law spectrum: amplitude falls as frequency ** -roughness; mean 0.5, within 0..1."""
    frequency = np.fft.fftfreq(SIDE, 1 / SIDE)
    radius = np.hypot(frequency[:, None] * stretch, frequency[None])
    radius[0, 0] = np.inf
    spectrum = np.fft.fft2(generator.standard_normal((SIDE, SIDE))) * radius**-roughness
    field = np.fft.ifft2(spectrum).real
    return np.clip(0.5 + 0.22 * field / field.std(), 0, 1)


def _grid(generator: np.random.Generator, rows: int, columns: int, shift: float) -> tuple[NDArray[np.float64], ...]:
    """Position inside the cell of a grid (two maps, 0..1) and a random value per cell; rows may be shifted."""
    row, column = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    line = np.floor(row * rows).astype(int)
    position = column * columns + shift * (line % 2)
    cell = np.floor(position).astype(int) % columns
    return row * rows % 1, position % 1, generator.random((rows, columns))[line, cell]


def _plaster(generator: np.random.Generator) -> NDArray[np.float64]:
    return 0.7 * _noise(generator, 0.6) + 0.3 * _noise(generator, 1.6)


def _soil(generator: np.random.Generator) -> NDArray[np.float64]:
    return np.clip(0.6 * _noise(generator, 0.9) + 0.6 * _noise(generator, 1.5) - 0.1, 0, 1)


def _rock(generator: np.random.Generator) -> NDArray[np.float64]:
    ridges = 1 - 2 * np.abs(_noise(generator, 1.7) - 0.5)
    return np.clip(0.7 * ridges**3 + 0.3 * _noise(generator, 0.8), 0, 1)


def _leaf(generator: np.random.Generator) -> NDArray[np.float64]:
    clumps, leaves = _noise(generator, 1.3), _noise(generator, 0.7)
    return np.clip(2.2 * (0.5 * clumps + 0.5 * leaves) - 0.6, 0, 1)


def _brick(generator: np.random.Generator) -> NDArray[np.float64]:
    down, across, shade = _grid(generator, 16, 6, 0.5)
    is_joint = (down < 0.14) | (across < 0.06)
    return np.where(is_joint, 1.0, np.clip(0.5 * shade + 0.3 * _noise(generator, 0.7) - 0.1, 0, 1))


def _tile(generator: np.random.Generator) -> NDArray[np.float64]:
    down, across, shade = _grid(generator, 4, 4, 0.0)
    is_joint = (down < 0.06) | (across < 0.06)
    return np.where(is_joint, 1.0, 0.25 * shade + 0.15 * _noise(generator, 1.2))


def _plank(generator: np.random.Generator) -> NDArray[np.float64]:
    down, _, shade = _grid(generator, 8, 2, 0.7)
    grain = _noise(generator, 1.1, stretch=8.0)
    return np.where(down < 0.08, 1.0, np.clip(0.5 * shade + 0.5 * grain, 0, 1))


def _facade(generator: np.random.Generator) -> NDArray[np.float64]:
    """Storeys of windows, four by four; some are lit or shaded, all have a frame and a sill."""
    down, across, shade = _grid(generator, 4, 4, 0.0)
    left, top = generator.uniform(0.12, 0.3), generator.uniform(0.15, 0.3)
    bottom = generator.uniform(0.7, 0.88)
    is_window = (across > left) & (across < 1 - left) & (down > top) & (down < bottom)
    is_bar = np.abs(across - 0.5) < 0.03
    wall = 0.15 * _noise(generator, 0.9) + np.where((down > bottom) & (down < bottom + 0.06), 0.25, 0.0)
    return np.where(is_window & ~is_bar, 0.65 + 0.35 * shade, wall)


def _checker(generator: np.random.Generator) -> NDArray[np.float64]:
    row, column = np.mgrid[0:SIDE, 0:SIDE] * 4 // SIDE
    return 0.85 * ((row + column) % 2) + 0.15 * _noise(generator, 0.8)


def _stripe(generator: np.random.Generator) -> NDArray[np.float64]:
    widths = generator.integers(3, 14, size=64)
    values = np.repeat(generator.random(64), widths)[:SIDE]
    return np.tile(0.85 * values, (SIDE, 1)) + 0.15 * _noise(generator, 0.6)


def _cobble(generator: np.random.Generator) -> NDArray[np.float64]:
    """Stones: distance to the nearest of scattered points against the second nearest."""
    row, column = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    cells = 6
    grid_row, grid_column = np.mgrid[0:cells, 0:cells]
    points = np.stack([grid_row.ravel(), grid_column.ravel()], 1) + generator.uniform(0.1, 0.9, (cells * cells, 2))
    offset = np.abs(np.stack([row, column])[:, None] - (points / cells).T[:, :, None, None])
    offset = np.minimum(offset, 1 - offset)  # tiles
    distance = np.sort(np.hypot(*offset), axis=0)
    gap = (distance[1] - distance[0]) * cells
    return np.where(gap < 0.12, 1.0, 0.5 * _noise(generator, 1.0))


def _lane(generator: np.random.Generator) -> NDArray[np.float64]:
    """A road over its whole width: edge lines and a dashed centre line on asphalt."""
    row, column = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    is_line = (np.abs(column - 0.5) < 0.012) & (row < 0.5)
    is_line |= np.abs(np.abs(column - 0.5) - 0.44) < 0.01
    return np.where(is_line, 0.9, 0.25 * _noise(generator, 0.5) + 0.1 * _noise(generator, 1.5))


def _books(generator: np.random.Generator) -> NDArray[np.float64]:
    """Shelves of book backs."""
    image = np.zeros((SIDE, SIDE))
    shelf = SIDE // 4
    for top in range(0, SIDE, shelf):
        column = 0
        while column < SIDE:
            width, height = int(generator.integers(3, 9)), int(generator.integers(shelf // 2, shelf - 3))
            image[top + shelf - 3 - height : top + shelf - 3, column : column + width - 1] = generator.uniform(0.3, 1)
            column += width
        image[top + shelf - 3 : top + shelf] = 0.25
    return image


def _cloud(generator: np.random.Generator) -> NDArray[np.float64]:
    return np.clip(1.6 * _noise(generator, 1.7) - 0.35, 0, 1)


PAINTERS = {
    Texture.PLASTER: _plaster,
    Texture.SOIL: _soil,
    Texture.ROCK: _rock,
    Texture.LEAF: _leaf,
    Texture.BRICK: _brick,
    Texture.TILE: _tile,
    Texture.PLANK: _plank,
    Texture.FACADE: _facade,
    Texture.CHECKER: _checker,
    Texture.STRIPE: _stripe,
    Texture.COBBLE: _cobble,
    Texture.LANE: _lane,
    Texture.BOOKS: _books,
    Texture.CLOUD: _cloud,
}
