"""The way on which an arm comes to rest if nobody thinks any more, left where the guardians find it.

A plan is (1 + WAY_MAX, 5) numbers: in the first row how many points the way has, and whether the servos hold at all; then the
points, joint angles, rad, the nearest one first and the one at which the arm may be let go last.
"""

from collections.abc import Sequence

import numpy as np

from robot.shared_memory.plan_block import PlanBlock

WAY_MAX, JOINTS = 30, 5
SHAPE = (1 + WAY_MAX, JOINTS)


def way_home(holds: bool, points: Sequence[np.ndarray]) -> np.ndarray:
    """The plan of these points, at most WAY_MAX."""
    plan = np.zeros(SHAPE)
    plan[0, :2] = len(points), holds
    for row, point in enumerate(points, 1):
        plan[row] = point
    return plan


def points_of(plan: np.ndarray) -> tuple[bool, list[np.ndarray]]:
    """Whether the servos hold, and the points."""
    return bool(plan[0, 1]), [plan[row].copy() for row in range(1, 1 + int(plan[0, 0]))]


class WayHome(PlanBlock):
    """The arm's: it has a point to go to."""

    shape = SHAPE

    @staticmethod
    def leads_to_rest(plan: np.ndarray) -> bool:
        return bool(1 <= plan[0, 0] <= WAY_MAX)
