"""Lift: grasp a block that lies on a table, and lift it.

A camera sees the block, wherever it is. The jaw is told an angle, and presses as hard as the arm lets it; what it feels tells that it holds.
"""

import math

import numpy as np

from policies.fields import Field, offsets, scales
from robot.tasks.arm_hand import JOINT_FIELDS, JOINTS, steps
from robot.tasks.spec import Merit, TaskSpec

DECISION_S, LONGEST_S = 0.1, 6.0
STEP_M, STEP_RAD = 0.015, 0.1  # of the hand and of its attitude, in a decision
JAW_RAD, JAW_EITHER_RAD = 0.2, 0.25  # what the jaw is told: in the middle, and to either side
LIFTED_M, HELD_M = 0.05, 0.02  # over where it lay; from the hand, at most
STEP_COST = 0.02

OBSERVATION_FIELDS = (
    *JOINT_FIELDS,
    Field("last_jaw", 1, "", meaning="1: open; -1: closed"),
    Field("jaw", 1, "rad", 5.0, JAW_RAD),
    Field("jaw_speed", 1, "rad/s", 0.5),
    Field("jaw_load", 1, "", 4.0, meaning="of the servo's full duty; below 0 it closes"),
    Field("away", 3, "m", 20.0, meaning="from the hand to the block: outwards, across, up", mirror=(1, -2, 3)),
    Field("away_near", 3, "m", 80.0, meaning="the same, where it matters", mirror=(1, -2, 3)),
    Field("raised", 1, "m", 30.0, meaning="of the block, from where it lay"),
    Field("tilt", 1, "", 5.0, meaning="of the way that the hand points, outwards"),
    Field("turn", 1, "rad", 3.0, meaning="of the hand, from the block's nearest side", mirror=(-1,)),
    Field("ahead", 5, "rad", 20.0, meaning="goals, from where the joints are", mirror=JOINTS),
    Field("elapsed", 1, "s", 0.33, 3.0),
)
SPEC = TaskSpec(
    name="lift",
    text="an arm grasps a block and lifts it",
    robot="arm",
    observation=OBSERVATION_FIELDS,
    action=(
        *steps(STEP_M, STEP_RAD, "of the hand: outwards, across, up"),
        Field("jaw", 1, "rad", 1.0 / JAW_EITHER_RAD, JAW_RAD, meaning="what it is told"),
    ),
    decision_s=DECISION_S,
    merit=Merit("lift_s", "s"),
    episode="lift",
    learner={
        "gamma": 0.95, "std_start": 0.03, "alpha_start": 0.0003, "entropy_start": -30.0, "entropy_end": -36.0, "entropy_steps": 3000,
        "average_share": 0.05, "average_share_end": 0.05, "rates_end": 1.0, "imitation_updates": 1500, "anchor": 20.0,
        "anchor_end": 1.0, "anchor_steps": 6000,
    },
    simulated=False,
)  # fmt: skip

OFFSETS, SCALES = offsets(OBSERVATION_FIELDS), scales(OBSERVATION_FIELDS)
AWAY, RAISED = SPEC.seen["away"], SPEC.seen["raised"]
SHOWN_NEAR_M = 0.03  # of `away_near`, at most


def from_nearest_side(angle_rad: float) -> float:
    """Of an angle between a hand and a cube: what is left of it, at most an eighth of a turn to either side."""
    quarter = 0.5 * math.pi
    return angle_rad - quarter * math.floor(angle_rad / quarter + 0.5)


def observe(
    joint_rad: np.ndarray, joint_rad_s: np.ndarray, jaw_load: float, goal_rad: np.ndarray, action: np.ndarray, away_m: np.ndarray,
    raised_m: float, tilt: float, turn_rad: float, elapsed_s: float,
) -> np.ndarray:  # fmt: skip
    """What is seen, float32: joints (6,), speeds and the last action alike, goals (6,), away_m (3,)."""
    near = np.minimum(np.maximum(away_m, -SHOWN_NEAR_M), SHOWN_NEAR_M)
    jaw = [action[5], joint_rad[5], joint_rad_s[5], jaw_load]
    raw = np.concatenate([joint_rad[:5], joint_rad_s[:5], action[:5], jaw, away_m, near, [raised_m, tilt, turn_rad],
                          (goal_rad - joint_rad)[:5], [elapsed_s]])  # fmt: skip
    seen: np.ndarray = ((raw - OFFSETS) * SCALES).astype(np.float32)
    return seen


def lifted(seen: np.ndarray) -> bool:
    """Whether the block is up, and in the hand."""
    away = seen[AWAY].astype(np.float64) / SCALES[AWAY]
    raised_m = float(seen[RAISED][0]) / SCALES[RAISED][0]
    return bool(raised_m > LIFTED_M and (away * away).sum() < HELD_M * HELD_M)


def reward(seen: np.ndarray) -> float:
    """Of the decision that led to what is seen."""
    return (1.0 if lifted(seen) else 0.0) - STEP_COST
