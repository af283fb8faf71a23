"""How far a car could roll along arcs of several curvatures before its body meets a wall or leaves the tape: the truth, in a simulator.

A driver that sees learns to tell this by its camera (`policies/encoder.py`), and a brake goes by what it tells (`sight.py`).
"""

import math
from collections.abc import Sequence

import numpy as np
from numba import njit

from robot.tasks.race_track.by_camera import PATHS_PER_M, SEEN_MAX_M
from robot.tasks.race_track.task import RUNNING, ends
from sim.car.model import CarParameters
from sim.tracks.track import Course

STEP_M = 0.1
TOWARDS_CENTRE_MIN = 0.2  # where normals of the centreline nearly meet, there is no room


class FreeWay:
    """Of bodies like this car's on these courses."""

    def __init__(self, courses: Sequence[Course], car: CarParameters) -> None:
        rows = [np.stack([c.curvature, c.width_left, c.width_right], 1) for c in courses]
        self._rows = np.concatenate(rows)
        counts = np.array([len(part) for part in rows])
        self._first = np.cumsum(counts) - counts
        self._count, self._spacing_m = counts, np.array([c.spacing_m for c in courses])
        self._half = car.half_length_m, car.half_width_m

    def along(self, course: np.ndarray, s: np.ndarray, lateral: np.ndarray, heading_error: np.ndarray) -> np.ndarray:
        """(n, len(PATHS_PER_M)) float32, m, at most SEEN_MAX_M, from places (n,) on courses (n,) by number."""
        free = np.empty((len(s), len(PATHS_PER_M)), np.float32)
        free_along(
            self._rows, self._first[course], self._count[course], self._spacing_m[course], s, lateral, heading_error,
            PATHS_PER_M, *self._half, free,
        )  # fmt: skip
        return free


@njit(cache=True)
def free_along(rows, first, count, spacing_m, s, lateral, heading_error, paths, half_length_m, half_width_m, free):
    """Write into free (n, k), for n places and k paths. rows: curvature, width left, width right of all courses."""
    for i in range(len(s)):
        for k in range(len(paths)):
            at, aside, turned, way = s[i], lateral[i], heading_error[i], 0.0
            while way < SEEN_MAX_M:
                row = first[i] + math.floor(at / spacing_m[i] + 0.5) % count[i]
                curvature, left, right = rows[row]
                if ends(aside, turned, left, right, half_length_m, half_width_m) != RUNNING:
                    break
                towards_centre = max(TOWARDS_CENTRE_MIN, 1.0 - curvature * aside)
                rolled = STEP_M * math.cos(turned) / towards_centre
                at += rolled
                aside += STEP_M * math.sin(turned)
                turned += STEP_M * paths[k] - curvature * rolled
                way += STEP_M
            free[i, k] = min(way, SEEN_MAX_M)
