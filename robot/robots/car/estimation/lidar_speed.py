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
from robot.robots.car.estimation.scan_matching import deskew, match
from robot.robots.car.estimation.single_track import steady_sideslip
from sim.car.model import (
    P_BRAKE,
    P_DRAG,
    P_FRONT,
    P_FULL_V,
    P_MOTOR_GAIN,
    P_REAR,
    P_ROLLING,
    P_SPEED_TAU,
    P_STEER_RATE,
)
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
STANDS_S, STANDS_M_S = 0.3, 0.25  # so long told to stand, and no faster, it stands
FELT_TAU_S = 0.06
FRESH_S = 0.1  # a speed is a reading as long as walls were seen so lately
NEUTRAL_M_S2 = 1.5  # of the motor at neutral
# Slides are felt by nobody, so the grip is never measured: what is believed of it, and what it is at the least.
GRIP_SHARES, LEAST_GRIP_SHARES = (0.6, 0.6), (0.4, 0.4)
FASTEST_M_S = 3.0  # beyond, a car slides before the walls tell
UNSURE = (0.012, 0.006)  # m, rad: of the way and the turn that speed and yaw rate tell of a tick
GAINS, GAIN_TAU_S, STEADY_M_S2, GAIN_FROM_M_S = (0.5, 1.8), 2.0, 1.0, 0.6  # of speed over what the throttle was to give
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
    """Feed `update` once a tick. car: `CarParameters.packed()` that the robot believes in.

    gain: how fast the car goes for each m/s that its throttle was to give.
    """

    def __init__(self, car: np.ndarray) -> None:
        self.car = car
        self.gain = 1.0
        self._map = GrowingField()
        self._state = np.zeros(N_STATE)
        self._covariance = np.diag(np.array([1e-6, 1e-6, 1e-6, 1e-4, 1e-4]))
        self._points = np.empty((LIDAR_POINTS_MAX, 3))
        self._information = np.empty((3, 3))
        self._told: deque[tuple[float, float, float, float]] = deque()  # when it acts: speed, brake current, steering
        self._acting = (0.0, 0.0, 0.0)
        self._wheels_rad = 0.0
        self._accel = 0.0  # that the motor should give
        self._felt = 0.0  # what an accelerometer would feel: how the speed changes
        self._time_s: float | None = None
        self._began_s: float | None = None  # seeing
        self._seen_s = -NEVER_S  # when walls last agreed
        self._driven_s = -NEVER_S
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
        self._told.append((now_s - dt_s + latency_s, *sent))
        while self._told and self._told[0][0] <= now_s:
            self._acting = self._told.popleft()[1:]
        before = float(self._state[V])
        self._predict(now_s, dt_s)
        self._see(now_s, lidar)
        self._odometer_m += self._state[V] * dt_s
        self._learn_gain(dt_s)
        v, rate = float(self._state[V]), float(self._state[RATE])
        if dt_s > 0.0:
            self._felt += (1.0 - math.exp(-dt_s / FELT_TAU_S)) * ((v - before) / dt_s - self._felt)
        unseen_s = now_s - self._seen_s
        age_s = max(link.values_age_s, 0.0 if unseen_s < FRESH_S else unseen_s)
        drive = self._accel / self.car[P_MOTOR_GAIN]
        return VescReading(v, drive, float(self.car[P_FULL_V]), 0, self._odometer_m, self._felt, v * rate, 9.81, rate,
                           age_s, age_s)  # fmt: skip

    def _predict(self, now_s: float, dt_s: float) -> None:
        car, state = self.car, self._state
        speed, brake_a, steer_rad = self._acting
        v = float(state[V])
        drive = 0.0
        if speed != 0.0:
            drive = (self.gain * speed - v) / car[P_SPEED_TAU]
            drive = max(0.0, drive) if speed > 0.0 else min(0.0, drive)
            self._driven_s = now_s
        else:
            most = brake_a * car[P_MOTOR_GAIN] if brake_a > 0.0 else NEUTRAL_M_S2
            drive = -math.copysign(min(most, abs(v) / max(dt_s, 1e-3)), v)
        self._accel = min(car[P_BRAKE], max(-car[P_BRAKE], drive))
        resist = 0.0 if speed == 0.0 else car[P_DRAG] * v * abs(v) + car[P_ROLLING] * v / math.sqrt(v * v + 0.01)
        most_rad = car[P_STEER_RATE] * dt_s
        self._wheels_rad += min(most_rad, max(-most_rad, steer_rad - self._wheels_rad))
        wanted = v * math.tan(self._wheels_rad) / (car[P_FRONT] + car[P_REAR])
        predict(state, self._covariance, self._accel - resist, wanted, steady_sideslip(v, state[RATE], car), dt_s)
        if now_s - self._driven_s > STANDS_S and abs(v) < STANDS_M_S:
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
        if now_s - self._seen_s > LOST_S and now_s - self._driven_s > STANDS_S and state[V] == 0.0:
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
        speed = self._acting[0]
        if speed > GAIN_FROM_M_S and self._state[V] > GAIN_FROM_M_S and abs(self._accel) < STEADY_M_S2:
            share = 1.0 - math.exp(-dt_s / GAIN_TAU_S)
            self.gain += share * (float(self._state[V]) / speed - self.gain)
            self.gain = min(GAINS[1], max(GAINS[0], self.gain))

    def throttle(self, speed_m_s: float, brake_a: float) -> tuple[float, float]:
        """(speed, brake current) for the motor that make of a speed asked for what a speed loop would: no controller does."""
        if brake_a > 0.0 or speed_m_s <= 0.0:
            return (0.0, brake_a) if brake_a > 0.0 else (speed_m_s / self.gain, 0.0)
        slower = (float(self._state[V]) - speed_m_s) / self.car[P_SPEED_TAU]
        if slower > NEUTRAL_M_S2:
            return 0.0, min(slower, float(self.car[P_BRAKE])) / float(self.car[P_MOTOR_GAIN])
        return speed_m_s / self.gain, 0.0
