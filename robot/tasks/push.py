"""Push: bring a block that lies on a table to a place, with closed fingers.

A camera sees the block. All is seen and done along the way that the block has to go: from behind it, and to either side.
"""

import numpy as np

from policies.fields import Field, offsets, scales
from robot.tasks.arm_hand import JOINT_FIELDS, JOINTS, steps
from robot.tasks.spec import Merit, TaskSpec

DECISION_S, LONGEST_S = 0.1, 8.0
STEP_M, STEP_RAD = 0.015, 0.1  # of the hand and of its attitude, in a decision
WITHIN_M = 0.012  # of the block from its place
BEHIND_M, LOW_M = 0.036, 0.006  # where a push begins: from the block's middle, and below it
STEP_COST, COST_A_M = 0.02, 0.2

OBSERVATION_FIELDS = (
    *JOINT_FIELDS,
    Field("heading", 2, "", meaning="of the block's way: outwards, across, where the block is", mirror=(1, -2)),
    Field(
        "behind",
        3,
        "m",
        20.0,
        meaning="from where a push begins to the hand: along the way, across, up",
        mirror=(1, -2, 3),
    ),
    Field("behind_near", 3, "m", 80.0, meaning="the same, where it matters", mirror=(1, -2, 3)),
    Field("left", 1, "m", 15.0, 0.05, meaning="of the block's way"),
    Field("side", 1, "rad", 2.0, meaning="of the block's nearest side, from its way", mirror=(-1,)),
    Field("tilt", 1, "", 5.0, meaning="of the way that the hand points, outwards"),
    Field("turn", 1, "rad", 3.0, meaning="by which the hand would be across again", mirror=(-1,)),
    Field("ahead", 5, "rad", 20.0, meaning="goals, from where the joints are", mirror=JOINTS),
    Field("elapsed", 1, "s", 0.25, 4.0),
)
SPEC = TaskSpec(
    name="push",
    text="an arm pushes a block to a place on its table",
    robot="arm",
    observation=OBSERVATION_FIELDS,
    action=steps(STEP_M, STEP_RAD, "of the hand: along the block's way, across, up"),
    decision_s=DECISION_S,
    merit=Merit("push_s", "s"),
    episode="push",
    learner={
        "gamma": 0.95, "std_start": 0.03, "alpha_start": 0.0003, "entropy_start": -25.0, "entropy_end": -30.0, "entropy_steps": 3000,
        "average_share": 0.05, "average_share_end": 0.05, "rates_end": 1.0, "imitation_updates": 3000, "anchor": 20.0,
        "anchor_end": 1.0, "anchor_steps": 6000,
    },
    simulated=False,
)  # fmt: skip

OFFSETS, SCALES = offsets(OBSERVATION_FIELDS), scales(OBSERVATION_FIELDS)
LEFT = SPEC.seen["left"].start
SHOWN_NEAR_M = 0.03  # of `behind_near`, at most


def observe(
    joint_rad: np.ndarray, joint_rad_s: np.ndarray, goal_rad: np.ndarray, action: np.ndarray, heading: np.ndarray, behind_m: np.ndarray,
    left_m: float, side_rad: float, tilt: float, turn_rad: float, elapsed_s: float,
) -> np.ndarray:  # fmt: skip
    """What is seen, float32: joints (5,), speeds, goals and the last action alike, heading (2,), behind_m (3,)."""
    near = np.minimum(np.maximum(behind_m, -SHOWN_NEAR_M), SHOWN_NEAR_M)
    raw = np.concatenate([joint_rad, joint_rad_s, action, heading, behind_m, near, [left_m, side_rad, tilt, turn_rad],
                          goal_rad - joint_rad, [elapsed_s]])  # fmt: skip
    seen: np.ndarray = ((raw - OFFSETS) * SCALES).astype(np.float32)
    return seen


def left_m(seen: np.ndarray) -> float:
    """Of the block's way."""
    return float(seen[LEFT]) / float(SCALES[LEFT]) + float(OFFSETS[LEFT])


def pushed(seen: np.ndarray) -> bool:
    """Whether the block is where it is to be."""
    return left_m(seen) < WITHIN_M


def reward(seen: np.ndarray) -> float:
    """Of the decision that led to what is seen."""
    return (1.0 if pushed(seen) else 0.0) - STEP_COST - COST_A_M * left_m(seen)
