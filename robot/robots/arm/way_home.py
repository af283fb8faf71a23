"""The way on which an arm comes to rest if nobody thinks any more, left where the guardians find it.

A plan is (2 + WAY_MAX, 6) numbers: in the first row how many points the way has, and whether the servos hold at all; in the second
the goals that they were told last, which carry the arm's weight; then the points, the nearest one first and the one at which the
arm may be let go last: five joint angles, rad, and how fast the joint that has furthest to go turns on the way there, rad/s, so that
the hand goes at a walking pace.
"""

from collections.abc import Sequence

import numpy as np

from robot.shared_memory.plan_block import PlanBlock

WAY_MAX, JOINTS = 30, 5
WAY_HOME_S = 9.0  # it is over by then
SHAPE = (2 + WAY_MAX, JOINTS + 1)
PACE = JOINTS  # where it is in a point


def way_home(holds: bool, goal_rad: np.ndarray, points: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """The plan of these points, at most WAY_MAX."""
    plan = np.zeros(SHAPE)
    plan[0, :2] = len(points), holds
    plan[1, :JOINTS] = goal_rad
    for row, point in enumerate(points, 2):
        plan[row] = point
    return plan


def points_of(plan: np.ndarray) -> tuple[bool, np.ndarray, list[np.ndarray]]:
    """Whether the servos hold, their goals, and the points."""
    return bool(plan[0, 1]), plan[1, :JOINTS].copy(), [plan[row].copy() for row in range(2, 2 + int(plan[0, 0]))]


def on_the_way(goal_rad: np.ndarray, point_rad: np.ndarray, pace_rad_s: float, passed_s: float) -> np.ndarray:
    """By how much goals change in `passed_s` on the way to a point, together."""
    away = point_rad - goal_rad
    furthest = float(np.abs(away).max())
    change: np.ndarray = away * min(1.0, pace_rad_s * passed_s / max(furthest, 1e-9))
    return change


class WayHome(PlanBlock):
    """The arm's: it has a point to go to."""

    shape = SHAPE

    @staticmethod
    def leads_to_rest(plan: np.ndarray) -> bool:
        return bool(1 <= plan[0, 0] <= WAY_MAX)
