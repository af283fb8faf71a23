"""Courses: a closed centreline with the room on each side of it, and the tracks that are drawn by code."""

from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Course:
    """A closed course, sampled every `spacing_m` along its centreline. All arrays (n,) float64, SI, map frame."""

    name: str
    spacing_m: float
    x: np.ndarray
    y: np.ndarray
    heading: np.ndarray  # rad, unwrapped
    curvature: np.ndarray  # 1/m, left positive
    width_left: np.ndarray  # m, centreline to the left wall
    width_right: np.ndarray

    @property
    def length_m(self) -> float:
        return self.spacing_m * len(self.x)

    def packed(self) -> np.ndarray:
        """(n, 7) float64 for the kernels: x, y, cos heading, sin heading, curvature, width_left, width_right."""
        columns = (self.x, self.y, np.cos(self.heading), np.sin(self.heading), self.curvature,
                   self.width_left, self.width_right)  # fmt: skip
        return np.ascontiguousarray(np.stack(columns, axis=1))


@njit(cache=True)
def project(course, spacing_m, x, y, yaw, row, back, ahead):
    """Place on a packed course: (row, s, lateral, heading_error), searching rows row-back .. row+ahead.

    Pass back = 0, ahead = len(course) - 1 to search the whole course.
    """
    n = course.shape[0]
    best, nearest = 1e30, row
    for offset in range(-back, ahead + 1):
        k = (row + offset) % n
        distance = (course[k, 0] - x) ** 2 + (course[k, 1] - y) ** 2
        if distance < best:
            best, nearest = distance, k
    dx, dy = x - course[nearest, 0], y - course[nearest, 1]
    cos_h, sin_h = course[nearest, 2], course[nearest, 3]
    along = dx * cos_h + dy * sin_h
    lateral = -dx * sin_h + dy * cos_h
    along /= max(0.2, 1.0 - lateral * course[nearest, 4])
    sin_y, cos_y = np.sin(yaw), np.cos(yaw)
    heading = course[nearest, 4] * along
    error = np.arctan2(sin_y * cos_h - cos_y * sin_h, cos_y * cos_h + sin_y * sin_h) - heading
    return nearest, (nearest * spacing_m + along) % (n * spacing_m), lateral, error
