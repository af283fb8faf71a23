"""Race track: drive laps of a course as fast as the car can, without touching its walls.

Everything that the task means is in this file, as Numba functions that the batched simulator, the first-order trainer
and the control loop all call: what the policy sees, what its action asks for, what it is paid, when an episode ends.

Observation, float32 (50,): OBSERVATION_FIELDS, in SI units scaled to about one: the car's motion, the commands in
force, the last two actions (0.2 s, over the delay), its place in the corridor, and what lies ahead.

Action, float32 (2,), each in [-1, 1]: where the steering should go (left positive), and the speed. The command moves
there no faster than STEER_SLEW and SPEED_SLEW allow: the limits are part of the task, so that learner and robot agree.
"""

import math

import numpy as np
from numba import njit

from policies.fields import Field
from robot.tasks.spec import Merit, TaskSpec
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
PREVIEW_COLUMNS = 2 * N_POINTS + 2 * N_WIDTHS + N_CURVATURES + 2  # the last two: widths here

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
        low, high = -ROOM_MAX_M - float(distance), ROOM_MAX_M + float(distance)
        fields.append(Field(f"preview_{number}_x", 1, "m", scale, 1.0 / scale, f"{where}, forward", low, high))
        fields.append(Field(f"preview_{number}_y", 1, "m", scale, 0.0, f"{where}, left", low, high, mirror=(-1,)))
    return fields


WIDTHS_MEANING = f"left, right of the centreline at {WIDTH_PREVIEW_M.tolist()} m"
CURVATURE_MEANING = f"left positive, at {CURVATURE_PREVIEW_M.tolist()} m ahead"
FASTEST_M_S, SIDEWAYS_MAX_M_S, YAW_RATE_MAX_RAD_S, ROOM_MAX_M, CURVATURE_MAX_PER_M = 12.0, 5.0, 24.0, 20.0, 3.0
OBSERVATION_FIELDS = (
    Field("speed", 1, "m/s", 1.0 / 3.0, 3.0, "forward", -FASTEST_M_S, FASTEST_M_S),
    Field("sideways_speed", 1, "m/s", 1.0, 0.0, "left, estimated", -SIDEWAYS_MAX_M_S, SIDEWAYS_MAX_M_S, (-1,)),
    Field("yaw_rate", 1, "rad/s", 1.0 / 3.0, 0.0, "counter-clockwise from above",
          -YAW_RATE_MAX_RAD_S, YAW_RATE_MAX_RAD_S, (-1,)),
    Field("steer_command", 1, "rad", 1.0 / STEER_MAX_RAD, 0.0, "in force before this decision, left positive",
          -STEER_MAX_RAD, STEER_MAX_RAD, (-1,)),
    Field("speed_command", 1, "m/s", 1.0 / 3.0, 3.0, "in force before this decision", 0.0, SPEED_MAX_M_S),
    Field("last_action", 2, "1", 1.0, 0.0, "as decided, -1 to 1", -1.0, 1.0, (-1, 2)),
    Field("action_before", 2, "1", 1.0, 0.0, "the one before the last", -1.0, 1.0, (-1, 2)),
    Field("room", 2, "m", 1.0, 0.0, "from the car's centre to the wall: left, right", -2.0, ROOM_MAX_M, (2, 1)),
    Field("heading_error_sine", 1, "1", 2.0, 0.0, "against the centreline, counter-clockwise", -1.0, 1.0, (-1,)),
    Field("heading_error_cosine", 1, "1", 1.0, 0.0, "against the centreline", -1.0, 1.0),
    *preview_point_fields(),
    Field("widths_ahead", 2 * N_WIDTHS, "m", 1.0, 0.0, WIDTHS_MEANING, 0.0, ROOM_MAX_M, (2, 1)),
    Field("curvature_ahead", N_CURVATURES, "1/m", 1.0, 0.0, CURVATURE_MEANING,
          -CURVATURE_MAX_PER_M, CURVATURE_MAX_PER_M, (-1,)),
)  # fmt: skip
ACTION_FIELDS = (
    Field("steer", 1, "rad", 1.0 / STEER_MAX_RAD, 0.0, f"goal, left positive, reached at {STEER_SLEW_RAD_S} rad/s",
          -STEER_MAX_RAD, STEER_MAX_RAD, (-1,)),
    Field("speed", 1, "m/s", 2.0 / (SPEED_MAX_M_S - SPEED_MIN_M_S), 0.5 * (SPEED_MAX_M_S + SPEED_MIN_M_S),
          f"goal, reached at {SPEED_SLEW_M_S2} m/s^2", SPEED_MIN_M_S, SPEED_MAX_M_S),
)  # fmt: skip
SPEC = TaskSpec(
    name="race_track",
    text="laps of a course, as fast as the car can, without touching its walls",
    robot="car",
    observation=OBSERVATION_FIELDS,
    action=ACTION_FIELDS,
    decision_s=DECISION_S,
    merit=Merit("lap_s", "s"),
    episode="lap",
    explored_s=0.95,  # a car averages shorter tries away
)
OBSERVATION_SIZE, ACTION_SIZE = SPEC.observation_size, SPEC.action_size

# Where numbers begin in an observation, for compiled code; from SEEN_AHEAD on they come from the preview table.
SEEN_SPEED, SEEN_SIDEWAYS_SPEED, SEEN_YAW_RATE, SEEN_STEER_COMMAND, SEEN_SPEED_COMMAND = SPEC.places(
    "speed", "sideways_speed", "yaw_rate", "steer_command", "speed_command"
)
SEEN_LAST_ACTION, SEEN_ACTION_BEFORE, SEEN_ROOM = SPEC.places("last_action", "action_before", "room")
SEEN_SINE, SEEN_COSINE, SEEN_AHEAD = SPEC.places("heading_error_sine", "heading_error_cosine", "preview_0_x")


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
    ahead = out[SEEN_AHEAD:]
    for k in range(len(ahead)):
        ahead[k] = here[k] + part * (there[k] - here[k])
    cos_e, sin_e = math.cos(heading_error), math.sin(heading_error)
    for k in range(N_POINTS):
        x, y = ahead[2 * k], ahead[2 * k + 1] - lateral
        ahead[2 * k] = (x * cos_e + y * sin_e) * POINT_SCALE[k] - 1.0
        ahead[2 * k + 1] = (y * cos_e - x * sin_e) * POINT_SCALE[k]
    out[SEEN_SPEED] = v_x / 3.0 - 1.0
    out[SEEN_SIDEWAYS_SPEED] = v_y
    out[SEEN_YAW_RATE] = yaw_rate / 3.0
    out[SEEN_STEER_COMMAND] = steer_command / STEER_MAX_RAD
    out[SEEN_SPEED_COMMAND] = speed_command / 3.0 - 1.0
    out[SEEN_LAST_ACTION] = a0
    out[SEEN_LAST_ACTION + 1] = a1
    out[SEEN_ACTION_BEFORE] = b0
    out[SEEN_ACTION_BEFORE + 1] = b1
    left, right = PREVIEW_COLUMNS - 2, PREVIEW_COLUMNS - 1
    out[SEEN_ROOM] = here[left] + part * (there[left] - here[left]) - lateral
    out[SEEN_ROOM + 1] = here[right] + part * (there[right] - here[right]) + lateral
    out[SEEN_SINE] = 2.0 * sin_e
    out[SEEN_COSINE] = cos_e


@njit(cache=True, inline="always")
def motion_seen(observation):
    """What an observation (50,) says of the car: v_x, v_y (m/s), yaw_rate (rad/s), commands in force (rad, m/s)."""
    return (
        3.0 * (observation[SEEN_SPEED] + 1.0),
        observation[SEEN_SIDEWAYS_SPEED],
        3.0 * observation[SEEN_YAW_RATE],
        STEER_MAX_RAD * observation[SEEN_STEER_COMMAND],
        3.0 * (observation[SEEN_SPEED_COMMAND] + 1.0),
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
