"""A first lap by sight: slowly, along the middle of the way that is seen to be free.

A car that knows no course stops blindly where it no longer sees: wheels as they are, with what its corner leaves of the grip. The policy is
too fast for that, and told to be slow it drives where a fast car would, along the inside of every bend. This one needs no more than what an
encoder tells of the free way (`sight.py`): it steers along its middle, and is so slow that its blind stop fits into what is free along the arc
that it steers.
"""

import math

import numpy as np
from numba import njit

from robot.robots.car.eyes.sight import MARGIN_M, WHEELBASE_M, middle_arc
from robot.tasks.race_track.by_camera import PATHS_PER_M
from robot.tasks.race_track.task import STEER_MAX_RAD, action_for

FASTEST_M_S = 2.0
LATE_S = 0.25  # until an old picture is noticed, and the brake is felt
BRAKE_M_S2 = 3.0  # what a blind stop takes of the least grip that a floor is thought to have


@njit(cache=True)
def blind_m_s(free_m, arc_per_m):
    """The speed from which a blind stop along an arc fits into what is free there."""
    k = 0
    while k < len(PATHS_PER_M) - 2 and PATHS_PER_M[k + 1] < arc_per_m:
        k += 1
    share = (arc_per_m - PATHS_PER_M[k]) / (PATHS_PER_M[k + 1] - PATHS_PER_M[k])
    share = min(1.0, max(0.0, share))
    room = max(0.0, free_m[k] + share * (free_m[k + 1] - free_m[k]) - MARGIN_M)
    late_m_s = BRAKE_M_S2 * LATE_S
    return min(FASTEST_M_S, math.sqrt(late_m_s * late_m_s + 2.0 * BRAKE_M_S2 * room) - late_m_s)


def by_sight(free_m: np.ndarray, steer_max_rad: float = STEER_MAX_RAD) -> np.ndarray:
    """The action (2,) float32 for a free way (len(PATHS_PER_M),), m, of a car whose wheels turn so far."""
    steer_rad = math.atan(WHEELBASE_M * float(middle_arc(free_m)))
    steer_rad = min(steer_max_rad, max(-steer_max_rad, steer_rad))
    arc_per_m = math.tan(steer_rad) / WHEELBASE_M
    return np.array(action_for(steer_rad, float(blind_m_s(free_m, arc_per_m))), np.float32)
