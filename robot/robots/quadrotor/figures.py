"""What a drone is asked to fly after the policy has taken over: points to hover at, or a figure-of-eight.

A figure says two things for every moment, from where the policy took over: the set-point that the host sends, and the
goal that the drone should be at.
A hovering policy's goal is its set-point; a policy that tracks a path has the path on board, and its set-point stays
where the path begins.
"""

import math
from typing import Any, Protocol

import numpy as np

from robot.tasks import track_trajectory
from robot.tasks.track_trajectory import LAP_S, WARM_UP_S, figure_of_eight, set_point
from sim.quadrotor.model import GRAVITY_M_S2

HOLD_S, MOVE_S = 1.75, 1.5  # at a point; to the next
STEP_M = 0.3
STEPS = np.array([[0.0, 0.0, 0.0], [STEP_M, 0.0, 0.0], [STEP_M, STEP_M, 0.0], [0.0, 0.0, 0.0]])
LAPS = 2
TILT_S = 0.02  # how finely is looked at how far a path tilts


class Figure(Protocol):
    """A flight from hand-over, at 0 s, to `duration_s`."""

    duration_s: float

    def set_point(self, time_s: float) -> np.ndarray:
        """What is sent at a moment: (3,), m, world, from the place of the hand-over."""
        ...

    def goal(self, time_s: float) -> np.ndarray:
        """Where the drone should be at that moment, likewise."""
        ...


def eased(share: float) -> float:
    """From 0 to 1 without a jump in velocity or acceleration (the minimum-jerk polynomial; Flash, Hogan, 1985)."""
    share = min(1.0, max(0.0, share))
    return share * share * share * (10.0 - 15.0 * share + 6.0 * share * share)


class HoverAtPoints:
    """Hold points, one after the other, with smooth moves in between: STEPS take 11.5 s, 7 s of them held still."""

    def __init__(self, points_m: np.ndarray) -> None:
        """points_m: (n, 3), from the place of the hand-over."""
        self._points_m = points_m
        self.duration_s = len(points_m) * HOLD_S + (len(points_m) - 1) * MOVE_S

    def set_point(self, time_s: float) -> np.ndarray:
        leg, within_s = divmod(max(0.0, time_s), HOLD_S + MOVE_S)
        last = len(self._points_m) - 1
        here, following = self._points_m[min(int(leg), last)], self._points_m[min(int(leg) + 1, last)]
        return here + (following - here) * eased((within_s - HOLD_S) / MOVE_S)

    def goal(self, time_s: float) -> np.ndarray:
        return self.set_point(time_s)


class FigureOfEight:
    """Laps of the figure-of-eight of `robot/tasks/track_trajectory.py`, after its warm-up."""

    def __init__(self, lap_s: float = LAP_S) -> None:
        self._path = figure_of_eight(lap_s)
        # The warm-up covers half of its time's worth of path: laps end where they began.
        self.duration_s = LAPS * lap_s + 0.5 * WARM_UP_S
        self.goal(0.0)  # compiles it, while nothing flies yet

    @property
    def tilt_rad(self) -> float:
        """How far a drone tilts at most that follows it, without drag."""
        accelerations = (self._at(time_s)[2] for time_s in np.arange(0.0, self.duration_s, TILT_S))
        return max(math.atan2(math.sqrt(x * x + y * y), z + GRAVITY_M_S2) for x, y, z in accelerations)

    def set_point(self, time_s: float) -> np.ndarray:
        return np.zeros(3)

    def goal(self, time_s: float) -> np.ndarray:
        return np.array(self._at(time_s)[0])

    def _at(self, time_s: float) -> tuple[Any, Any, Any]:
        """Position, velocity, acceleration."""
        moved: tuple[Any, Any, Any] = set_point(self._path, np.uintp(0), track_trajectory.ONE, max(0.0, time_s))
        return moved
