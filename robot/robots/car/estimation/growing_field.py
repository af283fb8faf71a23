"""A distance field that grows with what the lidar sees: what a car without a map tracks itself by.

Distances are to the points themselves, not to cells, and are known only near them (KNOWN_M). The field forgets walls
that it saw long ago: what drift did in between must not pull the car to where a wall only seems to be.
"""

import math

import numpy as np
from numba import njit

RESOLUTION_M = 0.05
HALF_EXTENT_M = 45.0  # the course must lie this near to its start
KNOWN_M = 0.25
NEW_M = 0.025  # a point nearer than this to an earlier one says nothing new
LEARN_M = 7.0  # farther points are too noisy to be walls for others


@njit(cache=True)
def insert(field_m, frame, points, count, x, y, yaw):
    """Add the points (count, 3), car frame, seen from a pose, to a field (h, w) float32 of distances, in place."""
    reach = math.ceil(KNOWN_M * frame[4])
    cos_yaw, sin_yaw = math.cos(yaw), math.sin(yaw)
    height, width = field_m.shape
    for k in range(count):
        if points[k, 2] > LEARN_M:
            continue
        column = (x + points[k, 0] * cos_yaw - points[k, 1] * sin_yaw - frame[0]) * frame[4] - 0.5
        row = (y + points[k, 0] * sin_yaw + points[k, 1] * cos_yaw - frame[1]) * frame[4] - 0.5
        i, j = math.floor(row + 0.5), math.floor(column + 0.5)
        if not (reach <= i < height - reach and reach <= j < width - reach):
            continue
        to_centre = math.sqrt((row - i) ** 2 + (column - j) ** 2) / frame[4]
        if abs(field_m[i, j] - to_centre) < NEW_M and field_m[i, j] < KNOWN_M:
            continue
        for m in range(i - reach, i + reach + 1):
            for n in range(j - reach, j + reach + 1):
                distance = math.sqrt((row - m) ** 2 + (column - n) ** 2) / frame[4]
                field_m[m, n] = min(field_m[m, n], np.float32(distance))


class GrowingField:
    """An empty field around the origin, and the way to fill it."""

    def __init__(self) -> None:
        cells = round(2.0 * HALF_EXTENT_M / RESOLUTION_M)
        self.distance_m = np.full((cells, cells), KNOWN_M, np.float32)
        self.frame = np.array([-HALF_EXTENT_M, -HALF_EXTENT_M, 1.0, 0.0, 1.0 / RESOLUTION_M])

    def clear(self) -> None:
        """Forget everything."""
        self.distance_m[:] = KNOWN_M

    def insert(self, points: np.ndarray, count: int, pose: np.ndarray) -> None:
        """Add `count` points (k, 3: x, y, distance in the car's frame, m) seen from a pose (3,)."""
        insert(self.distance_m, self.frame, points, count, pose[0], pose[1], pose[2])
