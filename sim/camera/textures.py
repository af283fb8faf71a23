"""Textures that tile: what floors, walls and ceilings are made of. Drawn from a seed, never photographs."""

from collections.abc import Iterator

import numpy as np

SIDE = 128  # texels; a power of two, for the kernels wrap coordinates; what is drawn with fits a near cache
CONTRAST = 50.0  # standard deviation around 128, grey levels
COUNT = 10


def textures(seed: int) -> np.ndarray:
    """(COUNT, SIDE, SIDE) uint8, mean near 128. The first one is the smoothest: light on the floor is drawn with it."""
    return np.stack([as_grey(pattern) for pattern in _patterns(np.random.default_rng([seed, 0x7E87]))])


def as_grey(pattern: np.ndarray) -> np.ndarray:
    """A pattern of any scale as grey levels."""
    flat = (pattern - pattern.mean()) / (pattern.std() + 1e-9)
    grey: np.ndarray = np.clip(128.0 + CONTRAST * flat, 0, 255).astype(np.uint8)
    return grey


def _patterns(rng: np.random.Generator) -> Iterator[np.ndarray]:
    y, x = np.mgrid[:SIDE, :SIDE]
    tile = SIDE // int(2 ** rng.integers(1, 4))
    speckle = rng.standard_normal((SIDE, SIDE))
    yield cloud(rng, 1.7)
    yield cloud(rng, 1.0)  # concrete
    yield cloud(rng, 0.5)  # carpet
    yield speckle
    yield (x // tile + y // tile) % 2 + 0.3 * speckle  # chequered
    yield -3.0 * ((x % tile < 2) | (y % tile < 2)) + cloud(rng, 1.0)  # tiles and their joints
    brick = (x + tile * (y // (tile // 2) % 2)) % (2 * tile)
    yield -2.0 * ((y % (tile // 2) < 2) | (brick < 2)) + 0.6 * speckle  # bricks
    yield np.sin(x * (2.0 * np.pi * int(rng.integers(2, 6)) / SIDE)) + 0.5 * cloud(rng, 1.2)  # planks
    yield np.sign(cloud(rng, 1.4))  # stains
    yield np.where(((x % tile > tile // 4) & (y % (2 * tile) > tile)), 0.0, 3.0) + 0.2 * speckle  # panels and lamps


def cloud(rng: np.random.Generator, power: float) -> np.ndarray:
    """Noise whose amplitude falls with the power of its frequency, unit variance."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    frequency[0, 0] = 1.0
    pattern: np.ndarray = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIDE, SIDE))) / frequency**power).real
    return pattern / pattern.std()
