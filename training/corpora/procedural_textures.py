"""Tileable grey textures with their mip levels in one table, so that one lookup serves every surface of a picture.

A value of 0 stands for a material's first colour, 1 for its second.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from depth_anything.training.corpora.procedural_painters import PAINTERS, SIDE, Texture
from depth_anything.training.corpora.procedural_rays import Floats

Indices = NDArray[np.int32]

NUM_LEVELS = 8  # 128, 64, ... 1
NUM_VARIANTS = 6
SLOT = 2 * SIDE * SIDE  # rows of one texture: its level of n x n texels starts at n * n, which leaves gaps
EXPONENT_BIT = 23  # of a float32, where its exponent starts
EXPONENT_OF_ONE = 127
MIN_FOOTPRINT = 1e-6
SEED = 20240119


def slot(texture: Texture, variant: int) -> int:
    """Where a texture starts in the table."""
    return (texture * NUM_VARIANTS + variant) * SLOT


def sample(start: Indices | int, u: Floats, v: Floats, footprint: Floats | np.float32) -> Floats:
    """Values of textures, linear between texels of the level where a pixel covers about one texel.

    Args:
        start: what `slot` gave, per pixel or one for all.
        u: position to the right in periods of the texture.
        v: position in the other direction, of u's shape.
        footprint: what a pixel covers, in periods.
    """
    texels = np.maximum(footprint, MIN_FOOTPRINT)
    texels *= np.float32(SIDE * math.sqrt(2))
    # The level is the exponent of `texels`, and the side of its square, 2 ** (7 - level), is a float made of that.
    bits = texels.view(np.int32)
    bits >>= EXPONENT_BIT
    np.clip(bits, EXPONENT_OF_ONE, EXPONENT_OF_ONE + NUM_LEVELS - 1, out=bits)
    np.subtract(2 * EXPONENT_OF_ONE + NUM_LEVELS - 1, bits, out=bits)
    bits <<= EXPONENT_BIT
    side = bits.view(np.float32)
    position = np.empty((2, *u.shape), np.float32)
    np.multiply(u, side, out=position[0])
    np.multiply(v, side, out=position[1])
    num_texels = side.astype(np.int32)
    column, row = split_texels(position, num_texels)
    row |= num_texels  # a level's n rows come after n others
    row *= num_texels
    row += column
    row += start
    return bilinear(_patches().take(row.astype(np.intp), axis=0), position)


def sample_nearest(start: int, u: Floats, v: Floats, level: int = 0) -> Floats:
    """Values of one texture at the nearest texel of one of its levels: a fifth of the time of `sample`."""
    side = SIDE >> level
    column, row = (u * np.float32(side)).astype(np.int64), (v * np.float32(side)).astype(np.int64)
    row &= side - 1
    row *= side
    column &= side - 1
    row += column
    first = start + side * side
    return _patches()[first : first + side * side, 0].take(row)


def split_texels(position: Floats, num_texels: Indices | int) -> Indices:
    """Column and row of the texel at positions to the right and down, (2, ...), of which the rest within it stays.

    Args:
        position: in texels; overwritten.
        num_texels: side of the tiled square, a power of two.
    """
    corner = np.floor(position)
    position -= corner
    texels = corner.astype(np.int32)
    texels &= num_texels - 1
    return texels


def patches_of(image: NDArray[np.float64]) -> Floats:
    """What `bilinear` needs of every texel of a tileable square, (side * side, 4): one lookup instead of four."""
    right, below = np.roll(image, -1, axis=1), np.roll(image, -1, axis=0)
    corner = np.roll(below, -1, axis=1)
    patches = np.stack([image, right - image, below - image, corner - right - below + image], axis=-1)
    return patches.reshape(-1, 4).astype(np.float32)


def bilinear(patches: Floats, position: Floats) -> Floats:
    """Values within texels, of patches (..., 4) and positions to the right and down (2, ...) from 0 to 1."""
    across, down = position
    value, slope = across * patches[..., 1], across * patches[..., 3]
    value += patches[..., 0]
    slope += patches[..., 2]
    slope *= down
    value += slope
    return value


@lru_cache(maxsize=1)
def _patches() -> Floats:
    table = np.zeros((len(Texture) * NUM_VARIANTS * SLOT, 4), np.float32)
    for texture in Texture:
        for variant in range(NUM_VARIANTS):
            generator = np.random.default_rng(np.random.SeedSequence((SEED, texture, variant)))
            image = PAINTERS[texture](generator)
            for _ in range(NUM_LEVELS):
                first = slot(texture, variant) + image.size
                table[first : first + image.size] = patches_of(image)
                half = len(image) // 2
                image = image.reshape(half, 2, half, 2).mean(axis=(1, 3)) if half else image
    return table
