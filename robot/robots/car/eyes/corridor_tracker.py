"""Where a car is that sees no walls it could measure: dead reckoning, held to the course by what is true of every car that drives on it.

Wheels, gyro and the single-track model tell the way (`fusion.predict`). What drifts away is brought back by two things that hold on
average: whoever drives along a course is somewhere near its middle, and moves somewhere along it. They are weak, and wrong for seconds at
a time, as a fast line cuts corners; but they never drift. Each bend then tells how far along the course the car is.

It moves along it, and does not point along it: in a bend a fast car's nose points inwards, on a course that turns one way by 6 degrees on
average, and so far the place would turn.
"""

import math

import numpy as np
from numba import njit

from drivers.base import VescReading
from robot.robots.car.course_place import CoursePlace
from robot.robots.car.estimation import fusion
from robot.robots.car.estimation.odometry import Odometry
from robot.robots.car.estimation.single_tracks import SingleTracks
from robot.robots.car.estimation.tracker import BIAS_SIGMA_RAD_S, STANDING_RATE_MAX_RAD_S, V_Y_SIGMA_M_S, Estimate
from robot.tasks.race_track.task import DECISION_S

ASIDE_SIGMA_M, TURNED_SIGMA_RAD = (
    0.4,
    0.2,
)  # of a car from the course's middle, and of its way from the course's direction
SLOW_M_S = 0.3  # slower, which way it slides is not known
ALIKE_S = 1.5  # for so long it is as far off as it was: what is told each decision counts as less
WRONG_FOR_S = 3.0  # what nothing but the camera measures is wrong for so long in the same way: its mount, its look
CLOSED_SIGMA = (0.4, 0.4, 0.1)  # m, m, rad: of a car that has come round


@njit(cache=True)
def take_in(state, covariance, off, row, sigma):
    """Correct state (5,) and covariance (5, 5), in place, by a measurement that is `off` what was expected. row (5,): its derivative."""
    n = len(state)
    across = np.zeros(n)
    for i in range(n):
        for j in range(n):
            across[i] += covariance[i, j] * row[j]
    spread = sigma * sigma
    for i in range(n):
        spread += row[i] * across[i]
    for i in range(n):
        state[i] += across[i] / spread * off
    for i in range(n):
        for j in range(n):
            covariance[i, j] -= across[i] * across[j] / spread


class CorridorTracker:
    """Of one car. Its frame: x ahead, y left of where the car stood at first. car: `CarParameters.packed()`."""

    def __init__(self, car: np.ndarray) -> None:
        self.odometry, self.single_tracks = Odometry(), SingleTracks(car)
        self.state = np.zeros(fusion.N_STATE)
        self.covariance = np.diag([0.0, 0.0, 0.0, V_Y_SIGMA_M_S**2, BIAS_SIGMA_RAD_S**2])
        self.unsure = (
            0.0,
            0.0,
        )  # m/s, rad/s: standard deviations of speed and yaw rate, where only the camera tells them
        self._time_s: float | None = None
        self._held_s = 0.0  # since the course told something

    def sent(self, now_s: float, servo_rad: float, speed_m_s: float, brake_a: float, latency_s: float) -> None:
        """A command goes out: what servo and motor are told, and how long it takes until the wheels follow."""
        self.single_tracks.sent(now_s, servo_rad, speed_m_s, brake_a, latency_s)

    def update(self, now_s: float, vesc: VescReading) -> Estimate:
        """Take in a tick's readings; returns the state at `now_s`."""
        elapsed_s = 0.0 if self._time_s is None else now_s - self._time_s
        self._time_s = now_s
        motion, body, state = self.odometry.update(now_s, vesc), self.single_tracks, self.state
        standing = motion.wheel_known and motion.imu_known and abs(motion.v_x) < fusion.STANDING_M_S
        standing = standing and abs(motion.yaw_rate) < STANDING_RATE_MAX_RAD_S
        v_y_before = body.v_y
        body.update(now_s, vesc, state[fusion.BIAS], standing)
        motion.carry_on(body.v_x, body.yaw_rate + state[fusion.BIAS], elapsed_s)
        fusion.predict(state, self.covariance, v_y_before, body.v_y, motion.rolled_m, motion.turned_rad,
                       motion.wheel_known, motion.imu_known, elapsed_s)  # fmt: skip
        if standing:
            fusion.stand_still(state, self.covariance, vesc.yaw_rate_rad_s)
        else:
            self._held_s += elapsed_s
            yaw, (speed, rate) = state[fusion.YAW], self.unsure
            along, variance = (math.cos(yaw), math.sin(yaw)), speed * speed * WRONG_FOR_S * elapsed_s
            for i in (fusion.X, fusion.Y):
                for j in (fusion.X, fusion.Y):
                    self.covariance[i, j] += variance * along[i] * along[j]
            self.covariance[fusion.YAW, fusion.YAW] += rate * rate * WRONG_FOR_S * elapsed_s
        return Estimate(
            time_s=now_s, x=float(state[fusion.X]), y=float(state[fusion.Y]), yaw=math.remainder(state[fusion.YAW], 2.0 * math.pi),
            v_x=body.v_x, v_y=float(state[fusion.V_Y]), yaw_rate=body.yaw_rate, quality=1.0, lost=False, pose_age_s=0.0,
            grip_shares=body.grip_shares, least_grip_shares=body.least_grip_shares,
        )  # fmt: skip

    def hold_to(self, place: CoursePlace) -> None:
        """A car that drives by itself is on the course: once for each decision's time in which it moved."""
        if self._held_s < DECISION_S:
            return
        weaker, self._held_s = math.sqrt(ALIKE_S / self._held_s), 0.0
        cos_h, sin_h = place.packed[place.row, 2], place.packed[place.row, 3]
        aside, turned = np.zeros(fusion.N_STATE), np.zeros(fusion.N_STATE)
        aside[fusion.X], aside[fusion.Y], turned[fusion.YAW] = -sin_h, cos_h, 1.0
        take_in(self.state, self.covariance, -place.lateral, aside, weaker * ASIDE_SIGMA_M)
        slides_rad = math.atan2(self.state[fusion.V_Y], max(SLOW_M_S, self.single_tracks.v_x))
        take_in(self.state, self.covariance, -(place.heading_error + slides_rad), turned, weaker * TURNED_SIGMA_RAD)

    def put(self, x: float, y: float, yaw: float) -> None:
        """Believe to be there, as well as somebody knows who has come round."""
        self.state[: fusion.YAW + 1] = x, y, yaw
        self.covariance[: fusion.YAW + 1, :] = 0.0
        self.covariance[:, : fusion.YAW + 1] = 0.0
        self.covariance[range(3), range(3)] = np.square(CLOSED_SIGMA)
