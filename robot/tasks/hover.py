"""Hover: come to rest at the origin, level, from anywhere near it, and stay there.

Everything that the task means is in this file, as Numba functions that the batched simulator, the trainers and the
evaluation all call: what the policy sees, what it is paid, when an episode ends, where it starts.

Observation, float32 (18 + 4 per past action): OBSERVATION_FIELDS, nothing that a real drone lacks; then past actions,
four of each decision, newest first (the simulator's own memory is a ring of them).

Action, float32 (4,), each in [-1, 1]: command of a rotor, (action + 1) / 2 of full speed.

Reward of a decision, ends and starts are those of "Learning to Fly in Seconds" (Eschmann et al., 2024) and its code:
2 - 0.5 (5 |p|^2 + 5 (1 - q_w^2) + 0.01 |v|^2 + 0.01 |a - a_hover|^2), nothing at the end; a box of 0.6 m about the
origin; within 0.2 m, 90 degrees, 1 m/s and 1 rad/s of rest, every tenth exactly there.
"""

import math

import numpy as np
from numba import njit

from policies.fields import Field, scales
from robot.tasks.spec import Merit, TaskSpec
from sim.quadrotor.batch import Starts
from sim.quadrotor.model import STEP_S, rotation_matrix

BOX_M = 0.6
SPEED_MAX_M_S, RATE_MAX_RAD_S = 1000.0, 1000.0  # beyond them the numbers mean nothing

POSITION_SCALE, VELOCITY_SCALE, RATE_SCALE = 2.5, 0.7, 0.15
OBSERVATION_FIELDS = (  # a hovering drone's set-point rests
    Field("position_error", 3, "m", POSITION_SCALE, 0.0, "x, y, z of the body less the set-point's, world, z up",
          -BOX_M, BOX_M),
    Field("rotation", 9, "1", 1.0, 0.0, "rotation matrix body to world, row by row: vector_world = R vector_body",
          -1.0, 1.0),
    Field("velocity_error", 3, "m/s", VELOCITY_SCALE, 0.0, "x, y, z less the set-point's, world",
          -SPEED_MAX_M_S, SPEED_MAX_M_S),
    Field("angular_rate", 3, "rad/s", RATE_SCALE, 0.0, "about the body's x (forward), y (left), z (up)",
          -RATE_MAX_RAD_S, RATE_MAX_RAD_S),
)  # fmt: skip
ACTION_FIELDS = (
    Field("rotor_speed", 4, "of full speed", 2.0, 0.5, "front right, back right, back left, front left, 0 to 1",
          0.0, 1.0),
)  # fmt: skip
SPEC = TaskSpec(
    name="hover",
    text="a quadrotor comes to rest at a point, level, from anywhere near it",
    robot="quadrotor",
    observation=OBSERVATION_FIELDS,
    action=ACTION_FIELDS,
    decision_s=STEP_S,
    merit=Merit("position_error_m", "m"),
    episode="flight",
)
OBSERVATION_SCALE = scales(OBSERVATION_FIELDS)
OBSERVATION_SIZE = SPEC.observation_size  # without past actions
MEMORY_SIZE = 0  # numbers of its own that the task keeps for each drone
DECISIONS_MAX = 500

REWARD_CONSTANT, REWARD_SCALE = 2.0, 0.5
REWARD_WEIGHTS = np.array([5.0, 5.0, 0.01, 0.01])  # position, attitude, velocity, action: the start of a curriculum

STARTS = Starts(position_m=0.2, attitude_rad=math.pi / 2, velocity_m_s=1.0, rate_rad_s=1.0, centred_share=0.1)
RECOVERY_STARTS = Starts(position_m=0.2, attitude_rad=math.pi, velocity_m_s=3.0, rate_rad_s=10.0, centred_share=0.0)


@njit(forceinline=True)
def observe(s, time_s, memory, own, out, stride):
    """Write the observation of the state `s` (see `sim.quadrotor.model`) to memory[out], memory[out + stride], ...

    time_s: since the start; own: where in `memory` the task's MEMORY_SIZE numbers begin. Hovering needs neither.
    """
    r = rotation_matrix(s[3], s[4], s[5], s[6])
    three = stride + stride + stride
    write_three(memory, out, stride, POSITION_SCALE * s[0], POSITION_SCALE * s[1], POSITION_SCALE * s[2])
    out += three
    write_three(memory, out, stride, r[0], r[1], r[2])
    out += three
    write_three(memory, out, stride, r[3], r[4], r[5])
    out += three
    write_three(memory, out, stride, r[6], r[7], r[8])
    out += three
    write_three(memory, out, stride, VELOCITY_SCALE * s[7], VELOCITY_SCALE * s[8], VELOCITY_SCALE * s[9])
    out += three
    write_three(memory, out, stride, RATE_SCALE * s[10], RATE_SCALE * s[11], RATE_SCALE * s[12])


@njit(forceinline=True)
def write_three(memory, at, stride, a, b, c):
    memory[at] = a
    memory[at + stride] = b
    memory[at + stride + stride] = c


@njit(forceinline=True)
def reward(s, a, hover, weights, time_s, memory, own, stride):
    """Pay for a decision `a` (4) in the state `s`; `hover`: the action that holds the drone up."""
    position = s[0] * s[0] + s[1] * s[1] + s[2] * s[2]
    attitude = 1.0 - s[3] * s[3]
    velocity = s[7] * s[7] + s[8] * s[8] + s[9] * s[9]
    action = (a[0] - hover) ** 2 + (a[1] - hover) ** 2 + (a[2] - hover) ** 2 + (a[3] - hover) ** 2
    cost = weights[0] * position + weights[1] * attitude + weights[2] * velocity + weights[3] * action
    return REWARD_CONSTANT - REWARD_SCALE * cost


@njit(forceinline=True)
def ends(s, time_s, memory, own, stride):
    """Whether the drone has left the box, or its numbers have left their range (NaN included)."""
    return not within(s, BOX_M)


@njit(forceinline=True)
def within(s, box_m):
    """Whether the drone is less than `box_m` from the origin in every coordinate, and its numbers in their range."""
    inside = (abs(s[0]) < box_m) & (abs(s[1]) < box_m) & (abs(s[2]) < box_m)
    slow = (abs(s[7]) < SPEED_MAX_M_S) & (abs(s[8]) < SPEED_MAX_M_S) & (abs(s[9]) < SPEED_MAX_M_S)
    turning = (abs(s[10]) < RATE_MAX_RAD_S) & (abs(s[11]) < RATE_MAX_RAD_S) & (abs(s[12]) < RATE_MAX_RAD_S)
    return inside & slow & turning


@njit(forceinline=True)
def prepare(memory, own, stride):
    """Turn the task's MEMORY_SIZE numbers of a new episode, uniform in 0 to 1, into what it keeps. Hovering has none."""
