"""Reach: bring the end of what an arm holds to a place, and to rest there."""

import numpy as np

from policies.fields import Field, offsets, scales
from robot.tasks.arm_hand import JOINT_FIELDS, JOINTS, steps
from robot.tasks.spec import Merit, TaskSpec

DECISION_S, LONGEST_S = 0.1, 5.0
STEP_M, STEP_RAD = 0.02, 0.1  # of the end and of its attitude, in a decision
WITHIN_M, STILL_RAD_S = 0.01, 0.1
STEP_COST, COST_A_M = 0.02, 1.0

OBSERVATION_FIELDS = (
    *JOINT_FIELDS,
    Field("away", 3, "m", 20.0, meaning="from the end to the place, in the base's frame", mirror=(1, -2, 3)),
    Field("away_near", 3, "m", 80.0, meaning="the same, where it matters", mirror=(1, -2, 3)),
    Field("ahead", 5, "rad", 20.0, meaning="goals, from where the joints are", mirror=JOINTS),
    Field("elapsed", 1, "s", 0.4, 2.5),
)
SPEC = TaskSpec(
    name="reach",
    text="an arm brings what it holds to a place, and to rest there",
    robot="arm",
    observation=OBSERVATION_FIELDS,
    action=steps(STEP_M, STEP_RAD),
    decision_s=DECISION_S,
    merit=Merit("reach_s", "s"),
    episode="reach",
    learner={
        "gamma": 0.95, "std_start": 0.03, "alpha_start": 0.0003, "entropy_start": -5.0, "entropy_end": -10.0, "entropy_steps": 3000,
        "average_share": 0.05, "average_share_end": 0.05, "rates_end": 1.0, "imitation_updates": 1200, "anchor": 20.0,
        "anchor_end": 1.0, "anchor_steps": 4000,
    },
    improver={"updates_per_step": 2, "updates_per_actor": 2},
)  # fmt: skip

OFFSETS, SCALES = offsets(OBSERVATION_FIELDS), scales(OBSERVATION_FIELDS)
AWAY, SPEEDS = SPEC.seen["away"], SPEC.seen["joint_speeds"]
SHOWN_NEAR_M = 0.04  # of `away_near`, at most


def observe(
    joint_rad: np.ndarray, joint_rad_s: np.ndarray, goal_rad: np.ndarray, action: np.ndarray, away_m: np.ndarray, elapsed_s: float
) -> np.ndarray:  # fmt: skip
    """What is seen, float32: joints (5,), speeds, goals and the last action alike, away_m (3,)."""
    near = np.minimum(np.maximum(away_m, -SHOWN_NEAR_M), SHOWN_NEAR_M)
    raw = np.concatenate([joint_rad, joint_rad_s, action, away_m, near, goal_rad - joint_rad, [elapsed_s]])
    seen: np.ndarray = ((raw - OFFSETS) * SCALES).astype(np.float32)
    return seen


def distance_m(seen: np.ndarray) -> float:
    """From the place."""
    away = seen[AWAY].astype(np.float64) / SCALES[AWAY]
    return float(np.sqrt((away * away).sum()))


def reached(seen: np.ndarray) -> bool:
    """Whether the end is there and at rest."""
    fastest = float(np.abs(seen[SPEEDS].astype(np.float64) / SCALES[SPEEDS]).max())
    return distance_m(seen) < WITHIN_M and fastest < STILL_RAD_S


def reward(seen: np.ndarray) -> float:
    """Of the decision that led to what is seen."""
    return (1.0 if reached(seen) else 0.0) - STEP_COST - COST_A_M * distance_m(seen)
