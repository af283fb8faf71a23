"""How fast a car goes that measures nothing but by its lidar: what the motor should do, corrected by the walls it moves past.

An extended Kalman filter in a frame of its own: pose, speed and yaw rate. Between two ticks the throttle's model and the
steering's lead; then the tick's points are matched with the walls seen within the last metres (`GrowingField`), and what moves
the pose moves, through the covariance, speed and yaw rate with it. No map is needed, and none could mislead it.

What comes out has the form of a motor controller's reading, so that nobody behind it knows the difference; how sure it is
of the speed is `sigma_m_s`, which the brake adds. Without walls it is as old as they are: the monitors stop the car.
"""

import math
from collections import deque

import numpy as np
from numba import njit

from drivers.base import LIDAR_POINTS_MAX, NEVER_S, LidarReading, VescReading
from robot.robots.car.estimation.fusion import N_STATE, correct
from robot.robots.car.estimation.growing_field import KNOWN_M, GrowingField
from robot.robots.car.estimation.pulsed_motor import GAINS, PulsedMotor
from robot.robots.car.estimation.scan_matching import deskew, match
from robot.robots.car.estimation.single_track import steady_sideslip
from sim.portable_math import inverse, product

X, Y, YAW, V, RATE = range(N_STATE)
ROBUST_M = 0.08
ITERATIONS = 4
POINTS_MIN, CONFIRMED_SHARE = 10, 0.6
LOOK_ROUND_S = 0.4  # standing, before the first points are trusted as walls
LOST_S = 0.5  # without walls that agree: what is known of them is worth nothing
FORGET_M, REBUILD_M = 6.0, 3.0
ACCEL_SIGMA_M_S2 = 3.0  # what the throttle's model misses: volts, gears, tyres
RATE_SIGMA_RAD_S2 = 6.0
POSITION_SIGMA_M, YAW_SIGMA_RAD = 0.002, 0.001  # a tick
RATE_TAU_S = 0.08  # of the yaw rate behind the wheels
FRESH_S = 0.1  # a speed is a reading as long as walls were seen so lately
UNSURE = (0.012, 0.006)  # m, rad: of the way and the turn that speed and yaw rate tell of a tick
GAIN_TAU_S, STEADY_M_S2, GAIN_FROM_M_S = 2.0, 1.0, 0.6
SIGMAS = 2.0  # by which the brake thinks the car faster


@njit(cache=True)
def predict(state, covariance, accel, rate_rad_s, v_y, dt_s):
    """Move state (5,) and covariance (5, 5) on by a tick, in place. rate_rad_s: that the wheels' angle would give."""
    keep = math.exp(-dt_s / RATE_TAU_S)
    v, rate = state[V], state[RATE]
    v_now = v + accel * dt_s
    rate_now = rate_rad_s + keep * (rate - rate_rad_s)
    turned = 0.5 * (rate + rate_now) * dt_s
    middle = state[YAW] + 0.5 * turned
    cos_m, sin_m = math.cos(middle), math.sin(middle)
    rolled = 0.5 * (v + v_now) * dt_s
    dx, dy = rolled * cos_m - v_y * dt_s * sin_m, rolled * sin_m + v_y * dt_s * cos_m
    state[X] += dx
    state[Y] += dy
    state[YAW] += turned
    state[V], state[RATE] = v_now, rate_now
    jacobian = np.eye(N_STATE)
    by_rate = 0.5 * (1.0 + keep) * dt_s
    jacobian[X, YAW], jacobian[Y, YAW] = -dy, dx
    jacobian[X, V], jacobian[Y, V] = cos_m * dt_s, sin_m * dt_s
    jacobian[X, RATE], jacobian[Y, RATE] = -0.5 * dy * by_rate, 0.5 * dx * by_rate
    jacobian[YAW, RATE] = by_rate
    jacobian[RATE, RATE] = keep
    covariance[:] = product(product(jacobian, covariance), jacobian.T)
    covariance[X, X] += POSITION_SIGMA_M**2
    covariance[Y, Y] += POSITION_SIGMA_M**2
    covariance[YAW, YAW] += YAW_SIGMA_RAD**2
    covariance[V, V] += (ACCEL_SIGMA_M_S2 * dt_s) ** 2
    covariance[RATE, RATE] += (RATE_SIGMA_RAD_S2 * dt_s) ** 2


class LidarSpeed:
    """Feed `update` once a tick. car: `CarParameters.packed()` that the robot believes in."""

    def __init__(self, car: np.ndarray) -> None:
        self.car, self.motor = car, PulsedMotor(car)
        self._map = GrowingField()
        self._state = np.zeros(N_STATE)
        self._covariance = np.diag(np.array([1e-6, 1e-6, 1e-6, 1e-4, 1e-4]))
        self._points = np.empty((LIDAR_POINTS_MAX, 3))
        self._information = np.empty((3, 3))
        self._time_s: float | None = None
        self._began_s: float | None = None  # seeing
        self._seen_s = -NEVER_S  # when walls last agreed
        self._odometer_m = self._rebuilt_m = 0.0
        self._kept: deque[tuple[float, np.ndarray, np.ndarray]] = deque()  # way, pose, points

    @property
    def margin_m_s(self) -> float:
        """How much faster than it seems the car may be."""
        return SIGMAS * math.sqrt(max(0.0, self._covariance[V, V]))

    def update(
        self, now_s: float, link: VescReading, sent: tuple[float, float, float], latency_s: float, lidar: LidarReading
    ) -> VescReading:
        """A tick's reading in the place of the motor controller's. link: whose values are as old as the last that it obeyed.

        sent: speed (m/s), brake current (A), steering (rad) that the last tick really sent.
        """
        dt_s = 0.0 if self._time_s is None else now_s - self._time_s
        self._time_s = now_s
        self.motor.tell(now_s, dt_s, sent, latency_s)
        before = float(self._state[V])
        self._predict(now_s, dt_s)
        self._see(now_s, lidar)
        self._odometer_m += self._state[V] * dt_s
        self._learn_gain(dt_s)
        v, rate = float(self._state[V]), float(self._state[RATE])
        unseen_s = now_s - self._seen_s
        age_s = max(link.values_age_s, 0.0 if unseen_s < FRESH_S else unseen_s)
        return self.motor.reading(v, rate, v - before, dt_s, self._odometer_m, age_s)

    def _predict(self, now_s: float, dt_s: float) -> None:
        car, state = self.car, self._state
        v = float(state[V])
        accel = self.motor.accelerates(now_s, dt_s, v)
        predict(state, self._covariance, accel, self.motor.turns(dt_s, v), steady_sideslip(v, state[RATE], car), dt_s)
        if self.motor.stands(now_s, v):
            state[V] = state[RATE] = 0.0
            self._covariance[V:, :] = 0.0
            self._covariance[:, V:] = 0.0
            self._covariance[V, V] = self._covariance[RATE, RATE] = 1e-4

    def _see(self, now_s: float, lidar: LidarReading) -> None:
        """Correct by the tick's points, and take them for walls."""
        state = self._state
        v_y = steady_sideslip(float(state[V]), float(state[RATE]), self.car)
        count = deskew(lidar.angle_rad, lidar.distance_m, lidar.age_s, state[V], v_y, state[RATE], self._points)
        if count < POINTS_MIN:
            return
        self._began_s = now_s if self._began_s is None else self._began_s
        if now_s - self._seen_s > LOST_S and not self.motor.was_driven(now_s) and state[V] == 0.0:
            self._began_s = now_s
            self._kept.clear()
            self._map.clear()
        if now_s - self._began_s < LOOK_ROUND_S:
            self._seen_s = now_s
        else:
            pose = state[:3].copy()
            on_wall, judged = match(
                self._points, count, pose, inverse(self._covariance[:3, :3]), self._map.distance_m, self._map.frame, ROBUST_M,
                KNOWN_M - 0.01, ITERATIONS, self._information,
            )  # fmt: skip
            if judged < POINTS_MIN or on_wall < CONFIRMED_SHARE * judged:
                return
            correct(state, self._covariance, pose, self._information)
            self._seen_s = now_s
        pose = state[:3].copy()
        self._kept.append((self._odometer_m, pose, self._points[:count].copy()))
        self._map.insert(self._points, count, pose)
        if abs(self._odometer_m - self._rebuilt_m) > REBUILD_M:
            self._rebuild()

    def _rebuild(self) -> None:
        """Forget what was seen long ago: drift in between would pull the car to where a wall only seems to be."""
        self._rebuilt_m = self._odometer_m
        while abs(self._odometer_m - self._kept[0][0]) > FORGET_M:
            self._kept.popleft()
        self._map.clear()
        for _, pose, points in self._kept:
            self._map.insert(points, len(points), pose)

    def _learn_gain(self, dt_s: float) -> None:
        """From steady driving."""
        motor, speed = self.motor, self.motor.acting[0]
        if speed > GAIN_FROM_M_S and self._state[V] > GAIN_FROM_M_S and abs(motor.accel_m_s2) < STEADY_M_S2:
            share = 1.0 - math.exp(-dt_s / GAIN_TAU_S)
            motor.gain += share * (float(self._state[V]) / speed - motor.gain)
            motor.gain = min(GAINS[1], max(GAINS[0], motor.gain))

    def throttle(self, speed_m_s: float, brake_a: float) -> tuple[float, float]:
        """See `PulsedMotor`."""
        return self.motor.throttle(float(self._state[V]), speed_m_s, brake_a)
