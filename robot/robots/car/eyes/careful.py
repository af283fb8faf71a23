"""Driving by sight on a course that nobody has shown the driver: slower, and where it is too fast steered along the middle of what is free.

A driver who sees a look that he cannot read goes on straight and fast, and flips the wheel from side to side. A brake of the speed alone does
not mend that, and a harder one makes it worse; what an encoder tells to be free is better than what the driver makes of the same picture. So
the more speed he asks for than is allowed, the more the middle of the way is steered instead.
"""

import math

import numpy as np
from numba import njit

from robot.robots.car.eyes.sight import WHEELBASE_M, hold_back, middle_arc
from robot.tasks.race_track.task import STEER_MAX_RAD

TRUSTED = 0.6  # of what is told to be free
HANDED_OVER = 1.0  # asked for so much more than is allowed, as an action, the middle alone is steered


@njit(cache=True)
def drive_carefully(actions, free_m, speed_m_s, grip, held, allowed_m_s):
    """As `sight.hold_back`, which see; of held (n, 2) the steering is changed too."""
    trusted_m = TRUSTED * free_m
    hold_back(actions, trusted_m, speed_m_s, grip, held, allowed_m_s)
    turned = actions.copy()
    for i in range(len(actions)):
        share = min(1.0, max(0.0, actions[i, 1] - held[i, 1]) / HANDED_OVER)
        middle = math.atan(WHEELBASE_M * middle_arc(free_m[i])) / STEER_MAX_RAD
        turned[i, 0] += share * (min(1.0, max(-1.0, middle)) - turned[i, 0])
    hold_back(turned, trusted_m, speed_m_s, grip, held, allowed_m_s)


def carefully(actions: np.ndarray, free_m: np.ndarray, speed_m_s: np.ndarray) -> np.ndarray:
    """What is executed in place of actions (n, 2) float32, on a dry floor. free_m (n, len(PATHS_PER_M)); speed_m_s (n,)."""
    held = np.empty(actions.shape, np.float32)
    drive_carefully(actions.astype(np.float32), free_m, speed_m_s, 1.0, held, np.empty(len(actions)))
    return held
