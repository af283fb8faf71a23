"""Where somebody may stand whom a wall still hides: the far side of a bend.

Where people are about, the predictive brake reckons with one just beyond what the lidar has looked at, so that the car can stop
within what it sees. Where nobody has been met for a while it does not: alone, the car may race.
"""

import math
from collections import deque

import numpy as np
from numba import njit

from robot.robots.car.shield.obstacles import CARE_M, RADIUS_MIN_M, SEEN_M, WALK_M_S
from sim.car.lidar import cast
from sim.tracks.track import Course, place

ABOUT_S = 120.0  # after somebody was last believed to be on the course
SURE_S = 0.5  # of belief: a pose that has slipped looks like somebody until it is doubted
LOOK_S = 0.1  # between two looks: a revolution
LOOKS = 3  # until somebody who comes into view is believed: two revolutions, and a decision that falls due
FROM_M, STEP_M = 0.6, 0.1  # ahead along the course, where it begins to look, and how finely
SIDES = (-1.0, 0.0, 1.0)  # at the right wall, in the middle, at the left wall
INTO_WALL_M = 0.1  # so much less than the way to somebody a beam may go that grazes a wall


@njit(cache=True)
def hidden(x, y, s, course, spacing_m, field_m, frame):
    """(n, 4), as `rollout.gap` takes it: of each side of the course the first place ahead that walls hide from x, y."""
    found, n = np.empty((len(SIDES), 4)), 0
    radius = RADIUS_MIN_M + CARE_M
    for side in SIDES:
        ahead_m = FROM_M
        while ahead_m < SEEN_M:
            row = int((s + ahead_m) / spacing_m) % course.shape[0]
            lateral = side * max(0.0, (course[row, 5] if side > 0.0 else course[row, 6]) - RADIUS_MIN_M)
            px, py, _ = place(course, spacing_m, s + ahead_m, lateral)
            away = math.sqrt((px - x) * (px - x) + (py - y) * (py - y))
            if away > SEEN_M:
                break
            if cast(field_m, frame, x, y, math.atan2(py - y, px - x), away) < away - INTO_WALL_M:
                found[n, 0], found[n, 1] = s + ahead_m, lateral
                found[n, 2], found[n, 3] = radius, WALK_M_S
                n += 1
                break
            ahead_m += STEP_M
    return found[:n].copy()


class BlindBends:
    """On one course. `believed` (n, 4): as `rollout.gap` takes it; empty where nobody is about."""

    def __init__(self) -> None:
        self._looks: deque[np.ndarray] = deque(maxlen=LOOKS)
        self._looked_s = self._met_s = -math.inf
        self._believed_s = math.inf  # since when
        self.believed = np.zeros((0, 4))

    def look(self, now_s: float, somebody: bool, x: float, y: float, s: float, course: Course, packed: np.ndarray,
             field_m: np.ndarray, frame: np.ndarray) -> None:  # fmt: skip
        """Take in where the car is. somebody: is believed to be on the course, beyond doubt; s (m): along it. Others as
        `Obstacles.see`."""
        self._believed_s = min(self._believed_s, now_s) if somebody else math.inf
        if now_s - self._believed_s >= SURE_S:
            self._met_s = now_s
        if now_s - self._met_s > ABOUT_S:
            self.forget()
        elif now_s - self._looked_s >= LOOK_S:
            self._looks.append(hidden(x, y, s, packed, course.spacing_m, field_m, frame))
            self._looked_s, self.believed = now_s, self._looks[0]

    def forget(self) -> None:
        """Where the car is is no longer known, or nobody is about."""
        self._looks.clear()
        self._looked_s, self.believed = -math.inf, np.zeros((0, 4))
