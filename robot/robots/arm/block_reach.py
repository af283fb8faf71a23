"""Where on its table an arm can work on a block."""

import math
from collections.abc import Sequence

import numpy as np

BEARING_RAD, IN_REACH_RAD = 0.25, 0.4  # from straight ahead, to either side: where it is brought, and can be worked on
UPRIGHT = 0.98  # on an edge it is left to the stage
CLEAR_M = 0.03  # over where blocks lie: out of the way


def drawn_place(rng: np.random.Generator, pan_m: float, between_m: tuple[float, float]) -> tuple[float, float]:
    """A place for a block, x and y, m. pan_m: the first joint's axis, along x; between_m: how far from it."""
    distance_m, bearing = float(rng.uniform(*between_m)), float(rng.uniform(-BEARING_RAD, BEARING_RAD))
    return pan_m + distance_m * math.cos(bearing), distance_m * math.sin(bearing)


def in_reach(
    place_m: Sequence[float] | np.ndarray, frame: np.ndarray, pan_m: float, between_m: tuple[float, float]
) -> bool:
    """Whether a block lies flat where the hand can work on it; frame (3, 3): its attitude."""
    x, y, (near, far) = place_m[0] - pan_m, place_m[1], between_m
    flat = float(np.abs(frame[2]).max()) > UPRIGHT
    return flat and near < math.sqrt(x * x + y * y) < far and abs(math.atan2(y, x)) < IN_REACH_RAD
