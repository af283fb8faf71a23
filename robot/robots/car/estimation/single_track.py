"""How the car slides, and how much its tyres hold: an extended Kalman filter on the dynamic single-track model.

Nobody measures the sideways speed. But the gyro's change from sample to sample says what the two axles' forces do, the
accelerometer what they add up to, and both follow from speed, sideways speed, steering and the axles' grips (`sim.car.model`). So a filter
of those, fed with the commands that the wheels have got by now, knows the sideways speed to 2 or 3 cm/s, and what either
axle holds as soon as a corner has asked for it. The state lives at the newest IMU sample and is brought to now by the same equations.

State (6,) float64: v_x, v_y (m/s), yaw_rate (rad/s), grip of front and rear tyres (shares of the believed car's), trim (rad:
what the wheels add to what they are told).
"""

import math
from collections import deque
from typing import NamedTuple

import numpy as np
from numba import njit

from drivers.base import VescReading
from robot.robots.car.estimation.odometry import ACCEL_MAX_M_S2, STALE_S
from sim.car.model import (
    GRAVITY_M_S2,
    P_FRONT,
    P_GRIP_F,
    P_GRIP_R,
    P_MOTOR_GAIN,
    P_REAR,
    P_STEER_RATE,
    P_STIFF_R,
    body_derivative,
    drive_acceleration,
)
from sim.portable_math import product

V_X, V_Y, YAW_RATE, FRONT_GRIP, REAR_GRIP, TRIM = range(6)
N_STATE = 6
N_MOTION = 3  # of them, how the car moves
GRIPS = (0.3, 1.6)  # shares that are thought possible
GRIP_SIGMA = 0.15  # of a car that has not cornered yet: it may be on ice
ALIKE = 0.8  # correlation of front and rear before all measuring: the floor is the same
RELIED_ON = 0.95  # share of the measured grip, on the slickest floor too
MODEL_SIGMA, LEAST_SIGMAS = 0.008, 4.0  # what no measuring takes away; how far below the measured grip the least is
STEP_S = 0.005  # the tyres answer within 10 ms at walking pace
TICK_S = 0.02  # that the noise is stated for
PROCESS_SIGMA = np.array([0.02, 0.01, 0.07, 0.001, 0.001, 5e-5])  # what the model misses in a tick
WHEEL_SIGMA_M_S, WHEEL_SIGMA_SHARE = 0.02, 0.005
GYRO_SIGMA_RAD_S = 0.007
ACCEL_SIGMA_M_S2 = 0.25  # and half as much again for every m/s: the chassis shakes
START_SIGMA = np.array([0.05, 0.1, 0.05])
TRIM_SIGMA_RAD = 0.03
CORNERING_M_S2 = 3.5  # neither asked for nor felt: gentle driving tells stiffness rather than grip
JUMP_M_S, JUMP_RAD_S = 1.0, 4.0  # no tyre does that in a tick: the car was hit or lifted;
TURN_MAX_RAD_S2 = 60.0  # nor, for longer, more than this, or more than ACCEL_MAX_M_S2
SENT_KEPT = 16  # commands, more than the longest latency
UNTOLD_S = 0.1  # without a command for so long, nobody knows how the wheels stand
CURRENT_HOLDS_S = 0.03  # for longer, the motor's current says nothing of what the motor does
RECKONED_S = 3.0  # without readings: any stop has ended by then
DIFFERENCES = np.array([1e-4, 1e-4, 1e-4, 1e-3, 1e-3, 1e-4])
GRIP_USED_MAX = 0.9


@njit(cache=True)
def steady_sideslip(v_x, yaw_rate, p):
    """v_y, m/s, of a car (`CarParameters.packed()`) that has long been turning at this speed and yaw rate.

    The rear tyres carry the lateral force of the rear axle's share of the mass: the inverse of the tyre's formula.
    """
    used = v_x * yaw_rate / (p[P_GRIP_R] * GRAVITY_M_S2)
    used = min(GRIP_USED_MAX, max(-GRIP_USED_MAX, used))
    slip = used / math.sqrt(1.0 - used * used) / p[P_STIFF_R]
    return p[P_REAR] * yaw_rate - v_x * slip


@njit(cache=True)
def move(x, wheels_rad, accels, step_s, p, out):
    """The state (6,) some steps later (midpoint rule), into `out`; returns the sideways acceleration there, m/s^2.

    wheels_rad (steps + 1,): the front wheels' angle at the ends of the steps. accels (steps + 1,): of the motor at the
    wheels, m/s^2, in each step and after the last. p: a scratch copy of the car, whose grips are overwritten.
    """
    v_x, v_y, yaw_rate = x[V_X], x[V_Y], x[YAW_RATE]
    front, rear = p[P_GRIP_F], p[P_GRIP_R]
    p[P_GRIP_F], p[P_GRIP_R] = front * x[FRONT_GRIP], rear * x[REAR_GRIP]
    half, trim = 0.5 * step_s, x[TRIM]
    for k in range(wheels_rad.shape[0] - 1):
        a_x, a_y, a_r = body_derivative(v_x, v_y, yaw_rate, wheels_rad[k] + trim, accels[k], p)
        middle = trim + 0.5 * (wheels_rad[k] + wheels_rad[k + 1])
        a_x, a_y, a_r = body_derivative(v_x + half * a_x, v_y + half * a_y, yaw_rate + half * a_r, middle, accels[k], p)
        v_x, v_y, yaw_rate = v_x + step_s * a_x, v_y + step_s * a_y, yaw_rate + step_s * a_r
    _, a_y, _ = body_derivative(v_x, v_y, yaw_rate, wheels_rad[-1] + trim, accels[-1], p)
    p[P_GRIP_F], p[P_GRIP_R] = front, rear
    out[:] = x
    out[V_X], out[V_Y], out[YAW_RATE] = v_x, v_y, yaw_rate
    return a_y + v_x * yaw_rate


@njit(cache=True)
def carry_out(v_x, measured_m_s2, told, step_s, p, accels):
    """What the motor does in each step, m/s^2, into `accels` (n,). told (n, 2): speed, m/s, and brake, A; what is not a number
    leaves it as it was measured."""
    for k in range(accels.shape[0]):
        speed, brake_a = told[k]
        if math.isnan(speed):
            accels[k] = measured_m_s2
        elif brake_a > 0.0:
            accels[k] = -brake_a * p[P_MOTOR_GAIN] if v_x > 0.0 else 0.0
        else:
            accels[k] = drive_acceleration(v_x, speed, p)
        v_x += step_s * accels[k]


@njit(cache=True)
def take_in(x, covariance, innovation, row, sigma, blind):
    """Correct state and covariance, in place, by a scalar of derivative `row` (6,). blind: the grips learn nothing."""
    across = np.zeros(N_STATE)
    for i in range(N_STATE):
        for j in range(N_STATE):
            across[i] += covariance[i, j] * row[j]
    gain = across / (np.sum(row * across) + sigma * sigma)
    if blind:
        gain[FRONT_GRIP] = gain[REAR_GRIP] = 0.0
    left = np.empty((N_STATE, N_STATE))
    for i in range(N_STATE):
        x[i] += gain[i] * innovation
        for j in range(N_STATE):
            left[i, j] = (1.0 if i == j else 0.0) - gain[i] * row[j]
    after = product(product(left, covariance), left.T)  # Joseph's form: right for any gain
    for i in range(N_STATE):
        for j in range(N_STATE):
            covariance[i, j] = after[i, j] + sigma * sigma * (gain[i] * gain[j])


@njit(cache=True)
def log_likelihood(innovation, covariance, row, sigma):
    """Of a scalar measured with `sigma`, of derivative `row` (6,), but for a constant."""
    variance = sigma * sigma
    for i in range(N_STATE):
        for j in range(N_STATE):
            variance += row[i] * covariance[i, j] * row[j]
    return -0.5 * (innovation * innovation / variance + math.log(variance))


@njit(cache=True)
def advance(x, covariance, wheels_rad, accels, step_s, wheel_m_s, gyro_rad_s, accel_y_m_s2, p):
    """Move state and covariance, in place, to the next IMU sample, and correct them by what was measured there.

    Returns the log-likelihood of what gyro and accelerometer measured, but for a constant.
    """
    steps = wheels_rad.shape[0] - 1
    after, other, jacobian, row = np.empty(N_STATE), np.empty(N_STATE), np.empty((N_STATE, N_STATE)), np.zeros(N_STATE)
    move(x, wheels_rad, accels, step_s, p, after)
    for j in range(N_STATE):
        beside = x.copy()
        beside[j] += DIFFERENCES[j]
        move(beside, wheels_rad, accels, step_s, p, other)
        jacobian[:, j] = (other - after) / DIFFERENCES[j]
    x[:] = after
    covariance[:] = product(product(jacobian, covariance), jacobian.T)
    for j in range(N_STATE):
        covariance[j, j] += PROCESS_SIGMA[j] ** 2 * (steps * step_s / TICK_S)
    for grip in (FRONT_GRIP, REAR_GRIP):
        shrink = min(1.0, GRIP_SIGMA / math.sqrt(covariance[grip, grip]))
        covariance[grip, :] *= shrink
        covariance[:, grip] *= shrink
    asked = wheel_m_s * wheel_m_s * wheels_rad[-1] / (p[P_FRONT] + p[P_REAR])
    blind = max(abs(asked), abs(wheel_m_s * gyro_rad_s)) < CORNERING_M_S2
    row[V_X] = 1.0
    take_in(x, covariance, wheel_m_s - x[V_X], row, WHEEL_SIGMA_M_S + WHEEL_SIGMA_SHARE * abs(wheel_m_s), blind)
    row[:] = 0.0
    row[YAW_RATE] = 1.0
    likelihood = log_likelihood(gyro_rad_s - x[YAW_RATE], covariance, row, GYRO_SIGMA_RAD_S)
    take_in(x, covariance, gyro_rad_s - x[YAW_RATE], row, GYRO_SIGMA_RAD_S, blind)
    if abs(accel_y_m_s2) < ACCEL_MAX_M_S2:
        expected = move(x, wheels_rad[-1:], accels[-1:], step_s, p, after)
        for j in range(N_STATE):
            beside = x.copy()
            beside[j] += DIFFERENCES[j]
            row[j] = (move(beside, wheels_rad[-1:], accels[-1:], step_s, p, other) - expected) / DIFFERENCES[j]
        sigma = ACCEL_SIGMA_M_S2 * (1.0 + 0.5 * abs(wheel_m_s))
        likelihood += log_likelihood(accel_y_m_s2 - expected, covariance, row, sigma)
        take_in(x, covariance, accel_y_m_s2 - expected, row, sigma, blind)
    for grip in (FRONT_GRIP, REAR_GRIP):
        x[grip] = min(GRIPS[1], max(GRIPS[0], x[grip]))
    return likelihood


class Told(NamedTuple):
    """A command, and when it reaches the wheels."""

    at_s: float
    steer_rad: float
    speed_m_s: float
    brake_a: float


class SingleTrack:
    """How one car moves in its own frame. Tell it every command (`sent`), and feed `update` once a tick.

    car: `CarParameters.packed()` that the robot believes in.
    v_x, v_y (m/s), yaw_rate (rad/s): now. grip_shares: of front and rear tyres, of what the believed car's have;
    least_grip_shares: what they have at the least. log_likelihood: of all samples so far, but for a constant.
    """

    def __init__(self, car: np.ndarray, share: float = 1.0, sigma: float = GRIP_SIGMA) -> None:
        """share, sigma: what the tyres of both axles have before all measuring, and its standard deviation."""
        self.car = car.copy()
        self.log_likelihood = 0.0
        self.state, self.now = np.array([0.0, 0.0, 0.0, share, share, 0.0]), np.zeros(N_STATE)
        self.covariance = np.diag(np.concatenate([START_SIGMA, [sigma, sigma, TRIM_SIGMA_RAD]]) ** 2)
        self.covariance[[FRONT_GRIP, REAR_GRIP], [REAR_GRIP, FRONT_GRIP]] = ALIKE * sigma**2
        self.sample_s = -math.inf  # of the state
        self._reckoned_s = 0.0  # for how long nothing was measured
        self.wheels_rad = 0.0  # front wheels' angle at the state's time
        self._sent: deque[Told] = deque(maxlen=SENT_KEPT)

    @property
    def v_x(self) -> float:
        return float(self.now[V_X])

    @property
    def v_y(self) -> float:
        return float(self.now[V_Y])

    @property
    def yaw_rate(self) -> float:
        return float(self.now[YAW_RATE])

    @property
    def grip_shares(self) -> tuple[float, float]:
        return float(self.state[FRONT_GRIP]), float(self.state[REAR_GRIP])

    @property
    def least_grip_shares(self) -> tuple[float, float]:
        """No more tail-happy than it is believed to be, if at all: each axle's own least, known at its own time, would make
        a car that spins by itself, which no way to brake can save.
        """
        front, rear = self.grip_shares
        least_rear = self._least(REAR_GRIP)
        return min(self._least(FRONT_GRIP), least_rear * max(1.0, front / rear)), least_rear

    def _least(self, axle: int) -> float:
        share = float(self.state[axle])
        sigma = math.sqrt(self.covariance[axle, axle] + MODEL_SIGMA**2)
        floor = min(
            1.0 - LEAST_SIGMAS * GRIP_SIGMA, RELIED_ON * share
        )  # what was thought possible before all measuring
        return max(GRIPS[0], floor, share - LEAST_SIGMAS * sigma)

    def sent(self, now_s: float, steer_rad: float, speed_m_s: float, brake_a: float, latency_s: float) -> None:
        """A command goes out: what servo and motor are told, and how long it takes until the wheels follow."""
        self._sent.append(Told(now_s + latency_s, steer_rad, speed_m_s, brake_a))

    def update(self, now_s: float, vesc: VescReading, bias_rad_s: float, standing: bool) -> None:
        """Take in a tick's readings, less the gyro's bias. A standing car neither slides nor turns.

        Without fresh, finite readings the car is reckoned to do what it is told, for RECKONED_S; then it counts as still.
        Without commands, it counts as one that turns steadily.
        """
        measured = vesc.erpm_speed_m_s + vesc.motor_current_a + vesc.yaw_rate_rad_s
        if not (vesc.imu_age_s < STALE_S and vesc.values_age_s < STALE_S and math.isfinite(measured)):
            self._reckon(now_s)
            return
        if self._reckoned_s > 0.0:
            self._reckoned_s, self.sample_s = 0.0, -math.inf
        sample_s, gyro = now_s - vesc.imu_age_s, vesc.yaw_rate_rad_s - bias_rad_s
        accel = min(ACCEL_MAX_M_S2, max(-ACCEL_MAX_M_S2, vesc.motor_current_a * self.car[P_MOTOR_GAIN]))
        wheel = vesc.erpm_speed_m_s + accel * (vesc.values_age_s - vesc.imu_age_s)
        known = not standing and self._commanded(now_s)
        since_s = sample_s - self.sample_s
        if since_s > 1e-4:
            jumped = abs(wheel - self.state[V_X]) > max(JUMP_M_S, ACCEL_MAX_M_S2 * since_s)
            jumped = jumped or abs(gyro - self.state[YAW_RATE]) > max(JUMP_RAD_S, TURN_MAX_RAD_S2 * since_s)
            if known and not jumped and since_s < STALE_S:
                wheels, step_s = self._wheels(since_s)
                accels = np.full(len(wheels), accel)
                if since_s > CURRENT_HOLDS_S:  # by the mean that brings it to the speed which was measured
                    move(self.state, wheels, accels, step_s, self.car, self.now)
                    accels[:-1] += (wheel - self.now[V_X]) / since_s
                self.log_likelihood += advance(
                    self.state, self.covariance, wheels, accels, step_s, wheel, gyro, vesc.accel_y_m_s2, self.car
                )
                self.wheels_rad = wheels[-1]
            else:
                self._begin(0.0 if standing else wheel, 0.0 if standing else gyro)
                self.wheels_rad = self._goal(sample_s)
            self.sample_s = sample_s
        self.now[:] = self.state
        if known and now_s > self.sample_s:
            wheels, step_s = self._wheels(now_s - self.sample_s)
            move(
                self.state,
                wheels,
                self._accels(accel, len(wheels), step_s, CURRENT_HOLDS_S),
                step_s,
                self.car,
                self.now,
            )

    def _commanded(self, now_s: float) -> bool:
        return bool(self._sent) and now_s - self._sent[-1].at_s < UNTOLD_S

    def _reckon(self, now_s: float) -> None:
        """Nothing is measured: go on by the equations and what was told, as long as that is worth anything."""
        elapsed_s = now_s - self.sample_s
        self._reckoned_s += elapsed_s
        worth_it = self._reckoned_s < RECKONED_S and self._commanded(now_s)
        if worth_it and elapsed_s > 0.0:
            wheels, step_s = self._wheels(elapsed_s)
            move(self.state, wheels, self._accels(0.0, len(wheels), step_s, 0.0), step_s, self.car, self.now)
            self.wheels_rad, self.sample_s = wheels[-1], now_s
        if not worth_it or self.now[V_X] <= 0.0:
            self.now[:N_MOTION] = 0.0
        self.state[:N_MOTION] = self.now[:N_MOTION]

    def _begin(self, v_x: float, yaw_rate: float) -> None:
        """Know nothing but what is measured: a car that was set down, hit, or driven by somebody else."""
        self.state[:N_MOTION] = v_x, steady_sideslip(v_x, yaw_rate, self.car), yaw_rate
        self.covariance[:N_MOTION, :] = 0.0
        self.covariance[:, :N_MOTION] = 0.0
        self.covariance[range(N_MOTION), range(N_MOTION)] = np.square(START_SIGMA)

    def _told(self, time_s: float) -> Told | None:
        """The command that had reached the wheels by then."""
        return next((told for told in reversed(self._sent) if told.at_s <= time_s), None)

    def _goal(self, time_s: float) -> float:
        """The steering angle that the wheels were told by then."""
        told = self._told(time_s)
        return self.wheels_rad if told is None else told.steer_rad

    def _wheels(self, duration_s: float) -> tuple[np.ndarray, float]:
        """The wheels' angle from the state's time on, in equal steps, and how long a step is."""
        steps = math.ceil(duration_s / STEP_S - 1e-3)
        step_s = duration_s / steps
        wheels = np.empty(steps + 1)
        wheels[0] = self.wheels_rad
        most = self.car[P_STEER_RATE] * step_s
        for k in range(steps):
            to_go = self._goal(self.sample_s + (k + 0.5) * step_s) - wheels[k]
            wheels[k + 1] = wheels[k] + min(most, max(-most, to_go))
        return wheels, step_s

    def _accels(self, measured_m_s2: float, count: int, step_s: float, holds_s: float) -> np.ndarray:
        """What the motor does (count,) from the state's time on, m/s^2: as measured for `holds_s`, then as it was told."""
        told, accels = np.full((count, 2), math.nan), np.empty(count)
        for k in range(round(holds_s / step_s), count):
            command = self._told(self.sample_s + (k + 0.5) * step_s)
            if command is not None:
                told[k] = command.speed_m_s, command.brake_a
        carry_out(self.state[V_X], measured_m_s2, told, step_s, self.car, accels)
        return accels
