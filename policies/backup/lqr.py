"""A linear-quadratic regulator that hovers a quadrotor and follows a moving set-point, from what the drone measures.

The gain is that of the simulator's own equations, linearised by finite differences in hover and sampled at the rate of
decisions, with the integral of the position error as further states (Anderson, Moore, Optimal Control, 1990, ch. 2, 9).
Rotor speeds are not measured: the regulator runs the motors' lag on the commands that it has given.

Columns of the gain, deviations from hover:

    0-2    position error, yaw frame, m           9-11   angular rate, body, rad/s
    3-5    rotation vector, body, rad             12-15  rotor speeds, by the motors' lag
    6-8    velocity error, yaw frame, m/s         16-18  integral of the position error, yaw frame, m s
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numba import njit

from policies.backup.set_point import POSITION, RATE, VELOCITY, rotor_shares, tilt_towards, yaw_of
from sim.quadrotor.model import GRAVITY_M_S2, N_ROTORS, STEP_S, QuadrotorParameters, rk4_step

N_DEVIATIONS, N_REGULATED = 16, 19
DIFFERENCE = 1e-4  # of the finite differences, in each column's unit
INTEGRAL_LIMIT_M_S = 0.5


@dataclass(frozen=True)
class Tolerances:
    """Deviations that cost as much as each other (Bryson's rule). `command` is one rotor's, in [0, 1]."""

    position_m: float = 0.3
    tilt_rad: float = 1.0
    yaw_rad: float = 0.5
    velocity_m_s: float = 1.5
    rate_rad_s: float = 1.1
    integral_m_s: float = 0.13
    command: float = 0.15

    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Diagonals of the quadratic cost: of the regulated columns (N_REGULATED,) and of the commands (N_ROTORS,)."""
        tolerances = [*[self.position_m] * 3, self.tilt_rad, self.tilt_rad, self.yaw_rad, *[self.velocity_m_s] * 3,
                      *[self.rate_rad_s] * 3, *[math.inf] * N_ROTORS, *[self.integral_m_s] * 3]  # fmt: skip
        return np.array(tolerances) ** -2, np.full(N_ROTORS, self.command**-2)


@njit(cache=True)
def next_deviation(deviation, command, p, hover_speed, hover_command):
    """Deviations (N_DEVIATIONS,), all small, one decision later, under `command` (N_ROTORS,) less the hover command.

    p: packed parameters.
    """
    d, u, m = deviation, command + hover_command, deviation[12:] + hover_speed
    q_w = math.sqrt(1.0 - 0.25 * (d[3] * d[3] + d[4] * d[4] + d[5] * d[5]))
    state = (d[0], d[1], d[2], q_w, 0.5 * d[3], 0.5 * d[4], 0.5 * d[5], d[6], d[7], d[8], d[9], d[10], d[11],
             m[0], m[1], m[2], m[3])  # fmt: skip
    s = rk4_step(state, (u[0], u[1], u[2], u[3]), p, STEP_S, None)
    after = np.empty(N_DEVIATIONS)
    for k in range(3):
        after[k], after[3 + k] = s[k], 2.0 * s[4 + k]
    for k in range(6, N_DEVIATIONS):
        after[k] = s[k + 1]
    return after - hover_speed * (np.arange(N_DEVIATIONS) >= 12)


def gain(quadrotor: QuadrotorParameters, tolerances: Tolerances = Tolerances()) -> np.ndarray:
    """The regulator's gain (N_ROTORS, N_REGULATED): commands are those of hover less the gain times the deviations."""
    hover = quadrotor.packed(), quadrotor.hover_speed(), quadrotor.hover_command()

    def slopes(to_deviation: np.ndarray, to_command: np.ndarray) -> np.ndarray:
        columns = [
            (next_deviation(x, u, *hover) - next_deviation(-x, -u, *hover)) / (2 * DIFFERENCE)
            for x, u in zip(DIFFERENCE * to_deviation, DIFFERENCE * to_command, strict=True)
        ]
        return np.stack(columns, axis=1)

    a, b = np.eye(N_REGULATED), np.zeros((N_REGULATED, N_ROTORS))
    a[:N_DEVIATIONS, :N_DEVIATIONS] = slopes(np.eye(N_DEVIATIONS), np.zeros((N_DEVIATIONS, N_ROTORS)))
    a[N_DEVIATIONS:, :3] = STEP_S * np.eye(3)
    b[:N_DEVIATIONS] = slopes(np.zeros((N_ROTORS, N_DEVIATIONS)), np.eye(N_ROTORS))
    q, r = (np.diag(weights) for weights in tolerances.weights())
    cost = scipy.linalg.solve_discrete_are(a, b, q, r)
    return np.linalg.solve(r + b.T @ cost @ b, b.T @ cost @ a)


@njit(cache=True)
def regulate(gain, hover, seen, acceleration, integral, rotors, actions):
    """One decision of n regulators; see `Lqr`.

    gain (N_ROTORS, N_REGULATED). hover: hover speed, hover command, shares of the motors' lag made up in a decision,
    up and down. integral (3, n) and rotors (N_ROTORS, n) are the regulators' memory.
    """
    speed, command, rise, fall = hover
    deviation = np.empty(N_REGULATED)
    for i in range(seen.shape[1]):
        cos_yaw, sin_yaw = yaw_of(seen, i)
        a_x, a_y, a_z = acceleration[0, i], acceleration[1, i], acceleration[2, i] + GRAVITY_M_S2
        for k in range(3):
            reach = integral[k, i] + STEP_S * seen[POSITION + k, i]
            integral[k, i] = min(INTEGRAL_LIMIT_M_S, max(-INTEGRAL_LIMIT_M_S, reach))
            deviation[k], deviation[6 + k] = seen[POSITION + k, i], seen[VELOCITY + k, i]
            deviation[9 + k], deviation[16 + k] = seen[RATE + k, i], integral[k, i]
        for first in (0, 6, 16):
            x, y = deviation[first], deviation[first + 1]
            deviation[first], deviation[first + 1] = cos_yaw * x + sin_yaw * y, cos_yaw * y - sin_yaw * x
        turn_x, turn_y = tilt_towards(seen, i, a_x, a_y, a_z)
        deviation[3], deviation[4], deviation[5] = -turn_x, -turn_y, math.atan2(sin_yaw, cos_yaw)
        boost = math.sqrt(math.sqrt(a_x * a_x + a_y * a_y + a_z * a_z) / GRAVITY_M_S2)
        for k in range(N_ROTORS):
            deviation[12 + k] = rotors[k, i] - boost * speed
        for k in range(N_ROTORS):
            u = boost * command
            for j in range(N_REGULATED):
                u -= gain[k, j] * deviation[j]
            u = min(1.0, max(0.0, u))
            behind = u * (speed / command) - rotors[k, i]
            rotors[k, i] += behind * (rise if behind > 0.0 else fall)
            actions[k, i] = 2.0 * u - 1.0


class Lqr:
    """Regulators of n quadrotors."""

    def __init__(self, quadrotor: QuadrotorParameters, n: int, tolerances: Tolerances = Tolerances()) -> None:
        self.gain = gain(quadrotor, tolerances)
        self.hover = (quadrotor.hover_speed(), quadrotor.hover_command(), *rotor_shares(quadrotor))
        self.integral, self.rotors = np.zeros((3, n)), np.zeros((N_ROTORS, n))
        self.reset()

    def reset(self) -> None:
        """Forget what was flown."""
        self.integral[:] = 0.0
        self.rotors[:] = self.hover[0]

    def act(self, seen: np.ndarray, acceleration: np.ndarray, actions: np.ndarray) -> None:
        """Write actions (N_ROTORS, n) in [-1, 1], for `seen` (N_SEEN, n) of `policies/backup/set_point.py`.

        acceleration (3, n): the set-point's, world, m/s^2.
        """
        regulate(self.gain, self.hover, seen, acceleration, self.integral, self.rotors, actions)
