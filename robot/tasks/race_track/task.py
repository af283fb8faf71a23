"""Race track: drive laps of a course as fast as the car can, without touching its walls.

Everything that the task means is in this file, as Numba functions that the batched simulator, the first-order trainer
and the control loop all call: what the policy sees, what its action asks for, what it is paid, when an episode ends.

Observation, float32 (50,). Lengths in m, speeds in m/s, angles in rad, scaled to about one:

    | field                          | index | meaning                                                     |
    | ------------------------------ | ----- | ----------------------------------------------------------- |
    | v_x / 3 - 1                    | 0     | forward speed                                               |
    | v_y                            | 1     | sideways speed, estimated                                   |
    | yaw_rate / 3                   | 2     |                                                             |
    | steer_command / STEER_MAX      | 3     | command now in force, before this decision                  |
    | speed_command / 3 - 1          | 4     |                                                             |
    | previous actions               | 5-8   | last action, then the one before: 0.2 s, over the delay     |
    | left room, right room          | 9-10  | from the car's centre to the wall, 1 = 1 m                  |
    | 2 sin, cos of heading error    | 11-12 | against the centreline                                      |
    | preview points                 | 13-32 | x, y in the car's frame, at PREVIEW_M ahead                 |
    | corridor's widths ahead        | 33-44 | left, right at WIDTH_PREVIEW_M ahead                        |
    | curvature ahead                | 45-49 | 1/m at CURVATURE_PREVIEW_M ahead                            |

Action, float32 (2,), each in [-1, 1]: where the steering should go (left positive), and the speed. The command moves
there no faster than STEER_SLEW and SPEED_SLEW allow: the limits are part of the task, so that learner and robot agree.
"""

import math

import numpy as np
from numba import njit

from policies.fields import Field
from sim.car.command_limits import CommandLimits
from sim.portable_math import cos_sin

TICK_S = 0.02  # the control loop's period
TICKS_PER_DECISION = 5
DECISION_S = TICK_S * TICKS_PER_DECISION

LIMITS = CommandLimits()
STEER_MAX_RAD, STEER_SLEW_RAD_S = LIMITS.steer_max_rad, LIMITS.steer_slew_rad_s
SPEED_MIN_M_S, SPEED_MAX_M_S, SPEED_SLEW_M_S2 = LIMITS.speed_min_m_s, LIMITS.speed_max_m_s, LIMITS.speed_slew_m_s2

PREVIEW_M = np.array([0.4, 0.8, 1.2, 1.7, 2.2, 2.8, 3.5, 4.3, 5.2, 6.2])
WIDTH_PREVIEW_M = np.array([0.5, 1.2, 2.0, 3.0, 4.2, 5.6])
CURVATURE_PREVIEW_M = np.array([0.0, 1.2, 2.4, 3.6, 4.8])
N_POINTS, N_WIDTHS, N_CURVATURES = len(PREVIEW_M), len(WIDTH_PREVIEW_M), len(CURVATURE_PREVIEW_M)
N_STATE = 13
# Where an observation has what transitions are read for; see `motion_seen`.
SEEN_V_X, SEEN_V_Y, SEEN_YAW_RATE, SEEN_STEER, SEEN_SPEED, SEEN_LAST_ACTION, SEEN_EARLIER_ACTION = 0, 1, 2, 3, 4, 5, 7
PREVIEW_COLUMNS = 2 * N_POINTS + 2 * N_WIDTHS + N_CURVATURES + 2  # the last two: widths here
OBSERVATION_SIZE = N_STATE + PREVIEW_COLUMNS - 2
ACTION_SIZE = 2

# Seen in a mirror, the task is the same: observation[MIRROR_COLUMNS] * MIRROR_SIGN with action * MIRROR_ACTION_SIGN
# is what the car would see and do on the mirrored course. Learners use it to double their data.
MIRROR_COLUMNS = np.arange(OBSERVATION_SIZE)
MIRROR_COLUMNS[[9, 10]] = [10, 9]
MIRROR_COLUMNS[N_STATE + 2 * N_POINTS : OBSERVATION_SIZE - N_CURVATURES].reshape(-1, 2)[:] = np.arange(
    N_STATE + 2 * N_POINTS, OBSERVATION_SIZE - N_CURVATURES
).reshape(-1, 2)[:, ::-1]
MIRROR_SIGN = np.ones(OBSERVATION_SIZE, np.float32)
MIRROR_SIGN[[1, 2, 3, 5, 7, 11]] = -1.0
MIRROR_SIGN[N_STATE + 1 : N_STATE + 2 * N_POINTS : 2] = -1.0
MIRROR_SIGN[OBSERVATION_SIZE - N_CURVATURES :] = -1.0
MIRROR_ACTION_SIGN = np.array([-1.0, 1.0], np.float32)

COLLISION_PENALTY = 10.0
OVERRIDE_COST = 0.05
REWARD_SPEED_M_S = 3.0

RUNNING, TERMINATED, TRUNCATED = 0, 1, 2


def preview_table(x, y, heading, curvature, width_left, width_right, spacing_m, closed=True):
    """What lies ahead of every centreline point, in that point's own frame.

    Arguments are (n,) arrays along a centreline sampled every `spacing_m`. Returns float32 (n, PREVIEW_COLUMNS):
    x, y of the preview points; left, right widths ahead; curvatures ahead; left, right width here.
    """
    n = len(x)
    station = np.arange(n)
    cosines, sines = cos_sin(heading)

    def ahead(values, distance):
        exact = station + distance / spacing_m
        low = np.floor(exact).astype(int)
        part = exact - low
        if closed:
            return values[low % n] * (1 - part) + values[(low + 1) % n] * part
        return values[np.minimum(low, n - 1)] * (1 - part) + values[np.minimum(low + 1, n - 1)] * part

    columns = []
    for distance in PREVIEW_M:
        dx, dy = ahead(x, distance) - x, ahead(y, distance) - y
        columns += [dx * cosines + dy * sines, dy * cosines - dx * sines]
    for distance in WIDTH_PREVIEW_M:
        columns += [ahead(width_left, distance), ahead(width_right, distance)]
    columns += [ahead(curvature, distance) for distance in CURVATURE_PREVIEW_M]
    columns += [width_left, width_right]
    return np.ascontiguousarray(np.stack(columns, axis=1), dtype=np.float32)


POINT_SCALE = (1.5 / np.maximum(PREVIEW_M, 1.0)).astype(np.float32)


def preview_point_fields() -> list[Field]:
    """x and y of each preview point."""
    fields = []
    for number, (distance, scale) in enumerate(zip(PREVIEW_M, POINT_SCALE.tolist(), strict=True)):
        where = f"from the car to the centreline {distance} m further on, in the car's frame"
        fields.append(Field(f"preview_{number}_x", 1, "m", scale, 1.0 / scale, f"{where}, forward"))
        fields.append(Field(f"preview_{number}_y", 1, "m", scale, meaning=f"{where}, left"))
    return fields


OBSERVATION_FIELDS = (
    Field("speed", 1, "m/s", 1.0 / 3.0, 3.0, "forward"),
    Field("sideways_speed", 1, "m/s", meaning="left, estimated"),
    Field("yaw_rate", 1, "rad/s", 1.0 / 3.0, meaning="counter-clockwise from above"),
    Field("steer_command", 1, "rad", 1.0 / STEER_MAX_RAD, meaning="in force before this decision, left positive"),
    Field("speed_command", 1, "m/s", 1.0 / 3.0, 3.0, "in force before this decision"),
    Field("last_action", 2, "1", meaning="as decided, -1 to 1"),
    Field("action_before", 2, "1", meaning="the one before the last"),
    Field("room", 2, "m", meaning="from the car's centre to the wall: left, right"),
    Field("heading_error_sine", 1, "1", 2.0, meaning="against the centreline, counter-clockwise"),
    Field("heading_error_cosine", 1, "1", meaning="against the centreline"),
    *preview_point_fields(),
    Field("widths_ahead", 2 * N_WIDTHS, "m", meaning=f"left, right of the centreline at {WIDTH_PREVIEW_M.tolist()} m"),
    Field("curvature_ahead", N_CURVATURES, "1/m", meaning=f"left positive, at {CURVATURE_PREVIEW_M.tolist()} m ahead"),
)
ACTION_FIELDS = (
    Field("steer", 1, "rad", 1.0 / STEER_MAX_RAD, meaning=f"goal, left positive, reached at {STEER_SLEW_RAD_S} rad/s"),
    Field("speed", 1, "m/s", 2.0 / (SPEED_MAX_M_S - SPEED_MIN_M_S), 0.5 * (SPEED_MAX_M_S + SPEED_MIN_M_S),
          f"goal, reached at {SPEED_SLEW_M_S2} m/s^2"),
)  # fmt: skip


@njit(cache=True, inline="always")
def observe(v_x, v_y, yaw_rate, steer_command, speed_command, a0, a1, b0, b1, s, lateral, heading_error,
            table, first_row, n_rows, spacing_m, out):  # fmt: skip
    """Write the observation of one car into `out` (50,).

    a0, a1: last action; b0, b1: the one before. s, lateral (m), heading_error (rad): place on the course whose preview
    rows are table[first_row : first_row + n_rows].
    """
    exact = s / spacing_m
    whole = np.floor(exact)
    part = np.float32(exact - whole)
    row = int(whole)
    if not 0 <= row < n_rows:
        row = row % n_rows
    next_row = row + 1
    if next_row == n_rows:
        next_row = 0
    # Unsigned rows and a length that the compiler does not know: it then does the loop over the columns eight at a time.
    here, there = table[np.uintp(first_row + row)], table[np.uintp(first_row + next_row)]
    ahead = out[N_STATE:]
    for k in range(len(ahead)):
        ahead[k] = here[k] + part * (there[k] - here[k])
    cos_e, sin_e = math.cos(heading_error), math.sin(heading_error)
    for k in range(N_POINTS):
        x, y = ahead[2 * k], ahead[2 * k + 1] - lateral
        ahead[2 * k] = (x * cos_e + y * sin_e) * POINT_SCALE[k] - 1.0
        ahead[2 * k + 1] = (y * cos_e - x * sin_e) * POINT_SCALE[k]
    out[0] = v_x / 3.0 - 1.0
    out[1] = v_y
    out[2] = yaw_rate / 3.0
    out[3] = steer_command / STEER_MAX_RAD
    out[4] = speed_command / 3.0 - 1.0
    out[5] = a0
    out[6] = a1
    out[7] = b0
    out[8] = b1
    left, right = PREVIEW_COLUMNS - 2, PREVIEW_COLUMNS - 1
    out[9] = here[left] + part * (there[left] - here[left]) - lateral
    out[10] = here[right] + part * (there[right] - here[right]) + lateral
    out[11] = 2.0 * sin_e
    out[12] = cos_e


@njit(cache=True, inline="always")
def motion_seen(observation):
    """What an observation (50,) says of the car: v_x, v_y (m/s), yaw_rate (rad/s), commands in force (rad, m/s)."""
    return (
        3.0 * (observation[SEEN_V_X] + 1.0),
        observation[SEEN_V_Y],
        3.0 * observation[SEEN_YAW_RATE],
        STEER_MAX_RAD * observation[SEEN_STEER],
        3.0 * (observation[SEEN_SPEED] + 1.0),
    )


@njit(cache=True, inline="always")
def target(a0, a1):
    """What an action asks for: (steer_rad, speed_m_s)."""
    return a0 * STEER_MAX_RAD, SPEED_MIN_M_S + 0.5 * (a1 + 1.0) * (SPEED_MAX_M_S - SPEED_MIN_M_S)


@njit(cache=True, inline="always")
def action_for(steer_rad, speed_m_s):
    """The action that asks for a steering angle and a speed, clipped to [-1, 1]; the inverse of `target`."""
    a0 = steer_rad / STEER_MAX_RAD
    a1 = 2.0 * (speed_m_s - SPEED_MIN_M_S) / (SPEED_MAX_M_S - SPEED_MIN_M_S) - 1.0
    return min(1.0, max(-1.0, a0)), min(1.0, max(-1.0, a1))


@njit(cache=True, inline="always")
def slew(command, goal, rate, elapsed_s):
    """The command after `elapsed_s` on its way to `goal`, no faster than `rate`."""
    most = rate * elapsed_s
    return command + min(most, max(-most, goal - command))


@njit(cache=True, inline="always")
def reward(progress_m, collided, override):
    """Pay for one decision: progress weighted by its own speed, less a collision, less what the supervisor changed.

    progress_m: along the course in this decision; override: largest |executed - proposed| action component, 0 to 2.
    """
    speed = max(0.0, progress_m) / DECISION_S
    pay = progress_m * speed / REWARD_SPEED_M_S - OVERRIDE_COST * override
    return pay - COLLISION_PENALTY if collided else pay


@njit(cache=True, inline="always")
def ends(lateral, heading_error, width_left, width_right, half_length_m, half_width_m):
    """TERMINATED if the body's box reaches a wall or the car faces backwards, else RUNNING."""
    reach = half_length_m * abs(math.sin(heading_error)) + half_width_m * math.cos(heading_error)
    outside = lateral + reach > width_left or lateral - reach < -width_right
    return TERMINATED if outside or math.cos(heading_error) < -0.2 else RUNNING
