"""Recover: hover (`robot/tasks/hover.py`) after having been thrown: any attitude, 3 m/s, 10 rad/s, and room to fall.

Same observation, action and reward; an episode ends BOX_M from the goal. A policy for one flies the other.
"""

from numba import njit

from robot.tasks.hover import (
    ACTION_FIELDS,
    DECISIONS_MAX,
    MEMORY_SIZE,
    OBSERVATION_FIELDS,
    OBSERVATION_SCALE,
    OBSERVATION_SIZE,
    RATE_MAX_RAD_S,
    RECOVERY_STARTS,
    REWARD_WEIGHTS,
    SPEC,
    SPEED_MAX_M_S,
    observe,
    prepare,
    reward,
    within,
)

__all__ = [
    "ACTION_FIELDS", "BOX_M", "DECISIONS_MAX", "MEMORY_SIZE", "OBSERVATION_FIELDS", "OBSERVATION_SCALE",
    "OBSERVATION_SIZE", "RATE_MAX_RAD_S", "REWARD_WEIGHTS", "SPEC", "SPEED_MAX_M_S", "STARTS", "ends", "observe", "prepare",
    "reward",
]  # fmt: skip

BOX_M = 5.0
STARTS = RECOVERY_STARTS


@njit(forceinline=True)
def ends(s, time_s, memory, own, stride):
    """Whether the drone has left the box, or its numbers have left their range (NaN included)."""
    return not within(s, BOX_M)
