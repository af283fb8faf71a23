"""Track a trajectory: hover about a set-point that moves along a closed, smooth path.

Errors take the place of position and velocity; for the rest this is `robot/tasks/hover.py`. Everything that the task
means is in this file, as Numba functions that the batched simulator, the trainers and the evaluation all call.

Observation, float32 (30 + 4 per past action): OBSERVATION_FIELDS, nothing that a real drone lacks, as whoever plans the
path knows it ahead; then past actions, as hovering has them.

Action, float32 (4,), each in [-1, 1]: command of a rotor, (action + 1) / 2 of full speed.

A path is a Fourier series of HARMONICS harmonics, packed as PATH_SIZE numbers: the angular rate of a lap, rad/s, and for
x, y and z the amplitudes, m, of sin and cos of each harmonic. It begins at the origin, where drones start; the set-point
goes from rest to full speed in WARM_UP_S, as in "Learning to Fly in Seconds" (Eschmann et al., 2024), whose controller
flies the figure-of-eight below. Each episode draws a random path, as `prepare` says.
"""

import math

import numpy as np
from numba import njit

from policies.fields import Field, scales
from robot.tasks import hover
from robot.tasks.hover import ends as ends_at_rest
from robot.tasks.hover import observe as observe_at_rest
from robot.tasks.hover import reward as reward_at_rest
from robot.tasks.hover import write_three
from robot.tasks.spec import Merit, TaskSpec
from sim.quadrotor.model import STEP_S

ACCELERATION_SCALE = 0.2
PREVIEW_S = 0.1  # between the accelerations that a drone is told
HARMONICS = np.uintp(6)
PATH_SIZE = 1 + 6 * int(HARMONICS)
MEMORY_SIZE = PATH_SIZE  # the path is what the simulator keeps for each drone
WARM_UP_S = 2.0
LAP_S, SIZE_M = 5.5, 1.0
LAPS_S = (LAP_S, 3.5)  # of the figures-of-eight that a policy is judged by

# Random paths: root mean squares over a lap, and how fast amplitudes fall with the harmonic.
SIZE_LOW_M, SIZE_HIGH_M, FLATNESS = 0.3, 0.9, 0.4
SPEED_LOW_M_S, SPEED_HIGH_M_S, ACCELERATION_HIGH_M_S2 = 0.2, 2.0, 5.5
RANDOM_HARMONICS = np.uintp(3)

# A sum of h sines is at most sqrt(2 h) times its root mean square; the warm-up adds speed over time.
ACCELERATION_MAX_M_S2 = math.sqrt(2 * int(RANDOM_HARMONICS)) * (ACCELERATION_HIGH_M_S2 + SPEED_HIGH_M_S / WARM_UP_S)
OBSERVATION_FIELDS = (
    *hover.OBSERVATION_FIELDS,
    Field("path_acceleration", 12, "m/s^2", ACCELERATION_SCALE, 0.0, "x, y, z, world, now, in 0.1, 0.2 and 0.3 s",
          -ACCELERATION_MAX_M_S2, ACCELERATION_MAX_M_S2),
)  # fmt: skip
ACTION_FIELDS = hover.ACTION_FIELDS
SPEC = TaskSpec(
    name="track_trajectory",
    text="a quadrotor follows a smooth path that it sees ahead",
    robot="quadrotor",
    observation=OBSERVATION_FIELDS,
    action=ACTION_FIELDS,
    decision_s=STEP_S,
    merit=Merit("position_error_m", "m"),
    episode="flight",
)
OBSERVATION_SCALE = scales(OBSERVATION_FIELDS)
OBSERVATION_SIZE = SPEC.observation_size  # without past actions
(ACCELERATION,) = SPEC.places("path_acceleration")
SET_POINT = np.uintp(9)  # position, velocity, acceleration
DECISIONS_MAX = 600

# Position, attitude, velocity, action. To follow a path is to tilt: attitude costs little.
REWARD_WEIGHTS = np.array([5.0, 0.5, 0.1, 0.01])
STARTS, BOX_M, SPEED_MAX_M_S, RATE_MAX_RAD_S = hover.STARTS, hover.BOX_M, hover.SPEED_MAX_M_S, hover.RATE_MAX_RAD_S

ONE, TWO, THREE = np.uintp(1), np.uintp(2), np.uintp(3)


def figure_of_eight(lap_s: float = LAP_S, size_m: float = SIZE_M) -> np.ndarray:
    """A Lissajous figure that lies along x, +-size_m long and +-size_m / 2 wide: a path, float32 (PATH_SIZE,).

    Raises ValueError for a lap that takes no time.
    """
    if lap_s <= 0.0:
        raise ValueError(f"lap_s: found {lap_s}, allowed: more than 0")
    path = np.zeros(PATH_SIZE, np.float32)
    path[0] = 2.0 * math.pi / lap_s
    amplitudes(path)[0, 0, 0], amplitudes(path)[1, 1, 0] = -size_m, -0.5 * size_m
    return path


def random_path(rng: np.random.Generator, speed_m_s: float | None = None) -> np.ndarray:
    """A path as episodes have it, or one of another speed (root mean square): float32 (PATH_SIZE,)."""
    path = rng.random(PATH_SIZE, np.float32)
    prepare(path, np.uintp(0), ONE)
    if speed_m_s is not None:
        squares = (amplitudes(path) ** 2).sum(axis=(0, 2))
        path[0] = speed_m_s / math.sqrt(0.5 * float(squares @ np.arange(1, int(HARMONICS) + 1) ** 2))
    return path


def through_waypoints(points: np.ndarray, lap_s: float) -> np.ndarray:
    """The path of least snap through points (n, 3), m, and back to the first, which becomes the origin.

    Each stretch takes a share of the lap that grows with its length (Mellinger, Kumar, Minimum Snap Trajectory
    Generation and Control for Quadrotors, 2011, here among closed paths of HARMONICS harmonics). Returns float32
    (PATH_SIZE,). Raises ValueError for more points than such paths can pass through, or fewer than two.
    """
    points = np.asarray(points, float)
    most = 2 * int(HARMONICS) + 1
    if points.ndim != 2 or points.shape[1] != 3 or not 2 <= len(points) <= most:
        raise ValueError(f"points: found shape {points.shape}, allowed: (2 to {most}, 3)")
    stretches = np.linalg.norm(np.diff(points, axis=0, append=points[:1]), axis=1)
    if lap_s <= 0.0 or stretches.min() <= 0.0:
        raise ValueError("waypoints: found two in the same place, or a lap of no time")
    angle = 2.0 * math.pi * np.cumsum(stretches)[:-1] / stretches.sum()
    order = np.arange(1, int(HARMONICS) + 1)
    waves = np.stack([np.sin(np.outer(angle, order)), np.cos(np.outer(angle, order)) - 1.0], axis=2)
    # Snap is amplitude times order^4: in its unit, the shortest solution is the one of least snap.
    snap = np.repeat(order.astype(float) ** 4, 2)
    solution, *_ = np.linalg.lstsq(waves.reshape(len(angle), -1) / snap, points[1:] - points[0], rcond=None)
    path = np.zeros(PATH_SIZE, np.float32)
    path[0] = 2.0 * math.pi / lap_s
    amplitudes(path)[:] = (solution / snap[:, None]).T.reshape(3, -1, 2)
    return path


def amplitudes(path: np.ndarray) -> np.ndarray:
    """A view of a path's amplitudes, m, as (axis, harmonic, sin or cos)."""
    return path[1:].reshape(3, int(HARMONICS), 2)


@njit(cache=True)
def set_points(path, decisions):
    """Set-points of a path at the rate of decisions: position, velocity, acceleration, float32 (decisions, SET_POINT)."""
    out = np.empty((decisions, SET_POINT), np.float32)
    for k in range(decisions):
        position, velocity, acceleration = set_point(path, np.uintp(0), ONE, STEP_S * k)
        for j in range(3):
            out[k, j], out[k, 3 + j], out[k, 6 + j] = position[j], velocity[j], acceleration[j]
    return out


@njit(forceinline=True)
def set_point(memory, own, stride, time_s):
    """Position, velocity and acceleration, three scalars each, of the path at memory[own], memory[own + stride], ...

    The warm-up stretches time: at `time_s` the set-point has come as far along the path as it would in `path_s`.
    """
    rate = memory[own]
    warm_s = min(time_s, WARM_UP_S)
    path_s = 0.5 * warm_s * warm_s / WARM_UP_S + (time_s - warm_s)
    pace = warm_s / WARM_UP_S
    gain = 1.0 / WARM_UP_S if time_s < WARM_UP_S else 0.0
    sine, cosine = math.sin(rate * path_s), math.cos(rate * path_s)
    x = along(memory, own + stride, stride, sine, cosine, rate)
    y = along(memory, own + stride + TWO * HARMONICS * stride, stride, sine, cosine, rate)
    z = along(memory, own + stride + TWO * TWO * HARMONICS * stride, stride, sine, cosine, rate)
    square = pace * pace
    return (
        (x[0], y[0], z[0]),
        (pace * x[1], pace * y[1], pace * z[1]),
        (square * x[2] + gain * x[1], square * y[2] + gain * y[1], square * z[2] + gain * z[1]),
    )


@njit(forceinline=True)
def along(memory, at, stride, sine, cosine, rate):
    """One coordinate of a path, and its first and second derivative by time, from sine and cosine of the lap's angle."""
    position, velocity, acceleration = 0.0 * rate, 0.0 * rate, 0.0 * rate
    s, c, order = sine, cosine, rate
    for _ in range(HARMONICS):
        a, b = memory[at], memory[at + stride]
        position += a * s + b * (c - 1.0)
        velocity += order * (a * c - b * s)
        acceleration -= order * order * (a * s + b * c)
        s, c, order = s * cosine + c * sine, c * cosine - s * sine, order + rate
        at += stride + stride
    return position, velocity, acceleration


@njit(forceinline=True)
def error_state(s, time_s, memory, own, stride):
    """The state `s` with position and velocity less the set-point's."""
    p, v, _ = set_point(memory, own, stride, time_s)
    return (s[0] - p[0], s[1] - p[1], s[2] - p[2], s[3], s[4], s[5], s[6], s[7] - v[0], s[8] - v[1], s[9] - v[2],
            s[10], s[11], s[12], s[13], s[14], s[15], s[16])  # fmt: skip


@njit(forceinline=True)
def observe(s, time_s, memory, own, out, stride):
    """Write the observation of the state `s` (see `sim.quadrotor.model`) to memory[out], memory[out + stride], ...

    time_s: since the start; own: where in `memory` the path begins.
    """
    observe_at_rest(error_state(s, time_s, memory, own, stride), time_s, memory, own, out, stride)
    three = stride + stride + stride
    out += three * THREE * TWO
    for k in range(4):
        _, _, a = set_point(memory, own, stride, time_s + PREVIEW_S * np.float32(k))
        write_three(
            memory, out, stride, ACCELERATION_SCALE * a[0], ACCELERATION_SCALE * a[1], ACCELERATION_SCALE * a[2]
        )
        out += three


@njit(forceinline=True)
def reward(s, a, hover_action, weights, time_s, memory, own, stride):
    """Pay for a decision `a` (4) in the state `s`; `hover_action`: the action that holds the drone up."""
    return reward_at_rest(
        error_state(s, time_s, memory, own, stride), a, hover_action, weights, time_s, memory, own, stride
    )


@njit(forceinline=True)
def ends(s, time_s, memory, own, stride):
    """Whether the drone is BOX_M away from the set-point, or its numbers have left their range (NaN included)."""
    return ends_at_rest(error_state(s, time_s, memory, own, stride), time_s, memory, own, stride)


@njit(forceinline=True)
def prepare(memory, own, stride):
    """Turn PATH_SIZE numbers, uniform in 0 to 1, into a random path.

    Its directions and its mixture of harmonics are random, flatter than wide; so are its size and its speed, root mean
    squares over a lap, within the constants above, but no path asks for more than ACCELERATION_HIGH_M_S2.
    """
    size_draw = memory[own + (ONE + TWO * THREE * HARMONICS - ONE) * stride]
    speed_draw = memory[own]
    square, square_speed, square_acceleration = 0.0 * speed_draw, 0.0 * speed_draw, 0.0 * speed_draw
    at = own + stride
    for axis in range(THREE):
        for harmonic in range(HARMONICS):
            order = np.float32(harmonic) + 1.0
            share = 1.0 / order if harmonic < RANDOM_HARMONICS else 0.0
            share *= FLATNESS if axis == TWO else 1.0
            for _ in range(TWO):
                amplitude = share * (2.0 * memory[at] - 1.0)
                memory[at] = amplitude
                power = 0.5 * amplitude * amplitude
                square += power
                square_speed += order * order * power
                square_acceleration += order * order * order * order * power
                at += stride
    scale = (SIZE_LOW_M + (SIZE_HIGH_M - SIZE_LOW_M) * size_draw) / math.sqrt(square + 1e-6)
    speed = SPEED_LOW_M_S + (SPEED_HIGH_M_S - SPEED_LOW_M_S) * speed_draw
    by_speed = speed / (scale * math.sqrt(square_speed + 1e-6))
    by_acceleration = math.sqrt(ACCELERATION_HIGH_M_S2 / (scale * math.sqrt(square_acceleration + 1e-6)))
    memory[own] = min(by_speed, by_acceleration)
    at = own + stride
    for _ in range(TWO * THREE * HARMONICS):
        memory[at] *= scale
        at += stride


@njit(cache=True)
def places(paths, time_s, out):
    """Write where the set-points of many drones are: paths (blocks, PATH_SIZE, lanes), out (blocks, 3, lanes), m."""
    blocks, _, lanes = paths.shape
    flat = paths.reshape(-1)
    for block in range(blocks):
        for lane in range(lanes):
            own = np.uintp(block * PATH_SIZE * lanes + lane)
            position, _, _ = set_point(flat, own, np.uintp(lanes), time_s)
            out[block, 0, lane], out[block, 1, lane], out[block, 2, lane] = position
