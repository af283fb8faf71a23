"""Insert a peg into a hole whose place is known to a few millimetres: sparse success, as SERL has it (Luo et al., 2024).

The robot sees its joints, how hard its servos work, and where its peg is in the hole's frame as a camera sees the hole. The camera is
wrong by more than the clearance, so contact has to tell the rest: what was felt lately (slow averages), and for how long it has
been searched (a clock), are seen as well.
"""

import math

import numpy as np
from numba import njit

from policies.fields import Field, offsets, scales
from robot.tasks.arm_hand import JOINT_FIELDS, JOINTS, steps
from robot.tasks.spec import Merit, TaskSpec

DECISION_S, LONGEST_S = 0.1, 10.0
STEP_M, STEP_RAD = 0.006, 0.06  # of the peg's end and of its attitude, in a decision
INSERTED_M = 0.0095  # below the board's surface, as it is seen: by more than the camera can be wrong
TELLS_M = 0.004  # below it, at least, is one that is in: by less than INSERTED_M, for who does not go by that
ASIDE_M = 0.012  # from the hole's middle, as it is seen: further away it is another edge that the peg is below
CAMERA_M, CAMERA_MOST = (
    0.002,
    2.0,
)  # what it is wrong by along the board, one standard deviation, and how many of them at most
CAMERA_OFFSET_M = 0.003  # what it may always be wrong by besides, to either side, where nobody has measured it well
OTHERWISE = 4  # errors of the camera that an insertion is seen with besides its own
OUT_M, OUT_ASIDE_M = (0.03, 0.06), 0.02  # over the hole, where the peg is out of it
STEP_COST = 0.02
# Around the hole: where it is searched.
ROOM_LOW_M, ROOM_HIGH_M, ROOM_RAD = (-0.025, -0.025, -0.03), (0.025, 0.025, 0.06), 0.3
SLOWLY = 0.85  # of an average that is kept from decision to decision
CYCLE_S = 2.0  # of the clock
OBSERVATION_FIELDS = (
    *JOINT_FIELDS,
    Field("aside", 2, "m", 50.0, meaning="the peg's end in the hole's frame, as it is seen", mirror=(1, -2)),
    Field("height", 1, "m", 25.0, meaning="of the peg's end over the hole, as it is seen"),
    Field("tilt", 2, "", 5.0, meaning="x and y of the way that the peg points, in the hole's frame", mirror=(1, -2)),
    Field("turn", 1, "", 5.0, meaning="x of the jaw's axis, in the hole's frame", mirror=(-1,)),
    Field("loads", 5, "", 2.0, meaning="of the servos' full duty", mirror=JOINTS),
    Field("ahead", 5, "rad", 20.0, meaning="goals, from where the joints are", mirror=JOINTS),
    Field("height_near", 1, "m", 150.0, meaning="the height, where it matters"),
    Field("clock", 2, "", meaning=f"sine and cosine of a cycle of {CYCLE_S:.0f} s"),
    Field("elapsed", 1, "s", 0.2, 5.0),
    Field("wanted", 1, "", meaning="1: in; -1: out again"),
    Field("slow_aside", 2, "m", 50.0, meaning="average of the last decisions", mirror=(1, -2)),
    Field("slow_height", 1, "m", 25.0, meaning="average of the last decisions"),
    Field("slow_loads", 5, "", 2.0, meaning="average of the last decisions", mirror=JOINTS),
)


def seen_otherwise(transitions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An insertion, OTHERWISE times, as it had been seen if the camera had been wrong by something else; none of what was no insertion.

    Once the peg is in, its hand says where the hole was all along. What was done, felt and reached does not depend on what the
    camera said, so each insertion teaches about every error that a camera may have (Andrychowicz et al., 2017, do so with goals).
    """
    last = transitions[-1]["next_observation"]
    if not transitions[-1]["terminated"] or last[WANTED] != IN:  # whoever said that it is in
        return transitions[:0]
    hole_m = last[ASIDE : ASIDE + 2] / SCALES[ASIDE : ASIDE + 2]
    told = []
    for _ in range(OTHERWISE):
        error_m = CAMERA_M * np.clip(rng.standard_normal(2), -CAMERA_MOST, CAMERA_MOST)
        error_m += rng.uniform(-CAMERA_OFFSET_M, CAMERA_OFFSET_M, 2)
        other = transitions.copy()
        for name in ("observation", "next_observation"):
            for place in (ASIDE, SLOW):
                other[name][:, place : place + 2] += (error_m - hole_m) * SCALES[place : place + 2]
        told.append(other)
    return np.concatenate(told)


def shown_wrongly(seen: np.ndarray) -> tuple[float, float, float]:
    """Of what is seen (SIZE,) with the peg in its hole: how far from where it is the camera shows the hole along x and y of the frame that it
    shows, m, and how far turned about its axis, rad. By the middle of what is in: a peg that leans touches above and below it."""
    raw = seen / SCALES + OFFSETS
    x, y = raw[ASIDE : ASIDE + 2] + 0.5 * raw[HEIGHT] * raw[TILT : TILT + 2]
    return -float(x), -float(y), float(raw[TURN])


SPEC = TaskSpec(
    name="peg_insert",
    text="an arm inserts a peg into a hole whose place it knows to a few millimetres",
    robot="arm",
    observation=OBSERVATION_FIELDS,
    action=steps(STEP_M, STEP_RAD),
    decision_s=DECISION_S,
    merit=Merit("insertion_s", "s"),
    episode="insertion",
    learner={
        "gamma": 0.97, "std_start": 0.15, "alpha_start": 0.01, "entropy_start": -3.0, "entropy_end": -6.0, "entropy_steps": 7000,
        "prior_share_end": 0.25, "prior_share_steps": 9000, "average_share": 0.05, "average_share_end": 0.05, "rates_end": 1.0,
        "imitation_updates": 1200, "anchor": 0.5, "anchor_steps": 4000, "updates_per_step": 6,
    },
    improver={"updates_per_step": 2, "updates_per_actor": 2, "std_start": 0.1},
    seen_otherwise=seen_otherwise,
)  # fmt: skip

SIZE = SPEC.observation_size
OFFSETS, SCALES = offsets(OBSERVATION_FIELDS), scales(OBSERVATION_FIELDS)
Q, SPEEDS, ACTION, ASIDE, HEIGHT, TILT, TURN, LOADS, AHEAD, NEAR, CLOCK, ELAPSED, WANTED, SLOW = SPEC.places(
    "pan", "joint_speeds", "last_action", "aside", "height", "tilt", "turn", "loads", "ahead", "height_near", "clock", "elapsed",
    "wanted", "slow_aside",
)  # fmt: skip
SLOW_SIZE = 8  # aside, height, loads
IN, OUT = 1.0, -1.0  # what is wanted


@njit(cache=True)
def observe(joint_rad, joint_rad_s, load, goal_rad, action, pose, place, frame, elapsed_s, wanted, slow, began, out):
    """Into out (SIZE,), float32, what is seen, and into slow (8,) the averages with what is seen now.

    joint_rad, joint_rad_s, load, goal_rad, action (5,); pose (9,): `sim.arm.kinematics`; place (3,), frame (3, 3): the hole's, as it is
    seen; elapsed_s: of the episode. wanted: IN or OUT. began: nothing was seen before, and what is seen is its own average.
    """
    raw = np.zeros(SIZE)
    for k in range(5):
        raw[Q + k], raw[SPEEDS + k], raw[ACTION + k] = joint_rad[k], joint_rad_s[k], action[k]
        raw[LOADS + k], raw[AHEAD + k] = load[k], goal_rad[k] - joint_rad[k]
    for k in range(3):
        for i in range(3):
            raw[ASIDE + k] += frame[i, k] * (pose[i] - place[i])
    for k in range(2):
        for i in range(3):
            raw[TILT + k] += frame[i, k] * pose[3 + i]
    for i in range(3):
        raw[TURN] += frame[i, 0] * pose[6 + i]
    raw[NEAR] = raw[HEIGHT]
    raw[CLOCK] = math.sin(2.0 * math.pi / CYCLE_S * elapsed_s)
    raw[CLOCK + 1] = math.cos(2.0 * math.pi / CYCLE_S * elapsed_s)
    raw[ELAPSED], raw[WANTED] = elapsed_s, wanted
    for k in range(SLOW_SIZE):
        now = raw[ASIDE + k] if k < 3 else raw[LOADS + k - 3]
        slow[k] = now if began else SLOWLY * slow[k] + (1.0 - SLOWLY) * now
        raw[SLOW + k] = slow[k]
    for k in range(SIZE):
        out[k] = np.float32((raw[k] - OFFSETS[k]) * SCALES[k])


@njit(cache=True)
def keep(pose, place, frame, motion):
    """Cut from a motion (5,) what would lead out of the room around the hole, as it is seen; what is outside may come back in."""
    for i in range(3):
        low, high = place[i] + ROOM_LOW_M[i] - pose[i], place[i] + ROOM_HIGH_M[i] - pose[i]
        motion[i] = min(max(motion[i], min(low, 0.0)), max(high, 0.0))
    tilt = turn = 0.0  # that would be upright again
    for i in range(3):
        tilt += frame[i, 0] * pose[3 + i]
        turn -= frame[i, 0] * pose[6 + i]
    if (tilt > ROOM_RAD and motion[3] < 0.0) or (tilt < -ROOM_RAD and motion[3] > 0.0):
        motion[3] = 0.0
    if (turn > ROOM_RAD and motion[4] < 0.0) or (turn < -ROOM_RAD and motion[4] > 0.0):
        motion[4] = 0.0


def inserted(seen: np.ndarray) -> bool:
    """Whether the peg is in the hole, as far as can be seen: an observation."""
    return _within(seen, INSERTED_M)


def tells_where(seen: np.ndarray) -> bool:
    """Whether a peg tells where its hole is, if somebody says that it is in: one that is seen on the board, or below another edge, does not."""
    return _within(seen, TELLS_M)


def _within(seen: np.ndarray, deep_m: float) -> bool:
    """Whether the peg's end is seen so deep, and near the hole's axis."""
    x, y = float(seen[ASIDE]) / SCALES[ASIDE], float(seen[ASIDE + 1]) / SCALES[ASIDE + 1]
    return bool(float(seen[HEIGHT]) / SCALES[HEIGHT] < -deep_m and x * x + y * y < ASIDE_M * ASIDE_M)


def drawn_out(seen: np.ndarray) -> bool:
    """Whether the peg is over its hole again, and far enough for the board to be moved."""
    x, y = float(seen[ASIDE]) / SCALES[ASIDE], float(seen[ASIDE + 1]) / SCALES[ASIDE + 1]
    height = float(seen[HEIGHT]) / SCALES[HEIGHT]
    return bool(OUT_M[0] < height < OUT_M[1] and x * x + y * y < OUT_ASIDE_M * OUT_ASIDE_M)


def reward(seen: np.ndarray) -> float:
    """Of the decision that led to what is seen."""
    return rewarded(inserted(seen) if seen[WANTED] > 0.0 else drawn_out(seen))


def rewarded(done: bool) -> float:
    """Of a decision after which what is wanted is done, or is not."""
    return (1.0 if done else 0.0) - STEP_COST
