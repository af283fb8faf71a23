"""The car's state among walls: wheel speed, gyro, accelerometer and lidar, fused at every tick.

Each tick predicts the pose by odometry and corrects it with the tick's own lidar points, about a fifth of a revolution,
each moved to the tick's time. No point is used twice, so the filter knows what it knows. The quality is the share of
points that lie on the map's walls, over about a revolution; if it stays bad the car is lost: someone put it elsewhere.

State advances only with readings and times passed in, so that the same readings give the same estimates, bit for bit.
"""

import math
from dataclasses import dataclass

import numpy as np

from drivers.base import LIDAR_POINTS_MAX, LidarReading, VescReading
from robot.robots.car.estimation import fusion
from robot.robots.car.estimation.odometry import Odometry
from robot.robots.car.estimation.recent_points import RecentPoints
from robot.robots.car.estimation.scan_matching import deskew, match
from robot.robots.car.estimation.single_track import GRIP_SIGMA, LEAST_SIGMAS
from robot.robots.car.estimation.single_tracks import SingleTracks
from sim.car.model import load_parameters
from sim.portable_math import inverse

Pose = tuple[float, float, float]  # x, y (m), yaw (rad) in the map's frame

ITERATIONS = 4
POINTS_MIN = 10  # fewer say nothing
CONFIRMED_SHARE = 0.3  # of a tick's points on walls, for the pose to be corrected by them
QUALITY_TIME_CONSTANT_S = 0.12  # about a revolution
QUALITY_LOST = 0.5
QUALITY_FOUND = 0.9
LOST_AFTER_S = 0.15
FRESH_S = 0.25  # an older pose is worth less
WORTHLESS_S = 1.0
STANDING_RATE_MAX_RAD_S = 0.1  # a standing car that turns is being carried
V_Y_SIGMA_M_S = 0.1
BIAS_SIGMA_RAD_S = 0.02


LEAST_SHARE = 1.0 - LEAST_SIGMAS * GRIP_SIGMA  # of a car that has not cornered yet


@dataclass(frozen=True, slots=True)
class Estimate:
    """Where the car is and how it moves, at `time_s`. Map frame for the pose, car frame for the speeds."""

    time_s: float
    x: float  # m
    y: float
    yaw: float  # rad, in (-pi, pi]
    v_x: float  # m/s, forward
    v_y: float  # m/s, to the left
    yaw_rate: float  # rad/s, counter-clockwise, without the gyro's bias
    quality: float  # 0 to 1: share of recent lidar points that the map explains, less for an old pose
    lost: bool  # the pose is not to be trusted: stand still and `relocalise`
    pose_age_s: float  # since walls last confirmed the pose
    grip_shares: tuple[float, float] = (1.0, 1.0)  # of what front and rear tyres are believed to hold
    least_grip_shares: tuple[float, float] = (LEAST_SHARE, LEAST_SHARE)  # what they hold at the least


class Tracker:
    """Tracks one car in one distance field. Feed `update` once a tick, and tell it what is `sent`.

    field_m (h, w) float32, frame (5,): see `sim.distance_field.OccupancyGrid`. Points farther than `known_m` from every
    wall are where the field knows nothing. robust_m: a point so far from a wall counts a quarter. car:
    `CarParameters.packed()`, of the data sheet's F1TENTH if none is told.
    """

    def __init__(
        self, field_m: np.ndarray, frame: np.ndarray, known_m: float, robust_m: float, car: np.ndarray | None = None
    ) -> None:
        self.field_m, self.frame = field_m, frame
        self.known_m, self.robust_m = known_m, robust_m
        self.car = load_parameters().packed() if car is None else car
        self.odometry = Odometry()
        self.single_tracks = SingleTracks(self.car)
        self.recent = RecentPoints()
        self.state = np.zeros(fusion.N_STATE)
        self.covariance = np.diag([0.0, 0.0, 0.0, V_Y_SIGMA_M_S**2, BIAS_SIGMA_RAD_S**2])
        self.unsure = (
            0.0,
            0.0,
        )  # m, rad: what odometry adds in a tick to the pose's error, beyond that of wheels and gyro
        self.time_s: float | None = None
        self.confirmed_s = -math.inf
        self.bad_s = 0.0  # for how long `share` has been bad
        self.share = 0.0  # of recent points that lie on walls
        self.placed = False  # a lost car that has a place goes on matching: it may find itself again
        self.lost = True
        self.count = 0  # of the last tick's points, in `points`
        self.points = np.empty((LIDAR_POINTS_MAX, 3))
        self._information = np.empty((3, 3))

    def put(self, pose: Pose, sigma: tuple[float, float, float]) -> None:
        """Believe that the car is at `pose`, give or take `sigma` (m, m, rad)."""
        self.state[:3] = pose
        self.covariance[:3, :] = 0.0
        self.covariance[:, :3] = 0.0
        self.covariance[range(3), range(3)] = np.square(sigma)
        self.placed = True

    def sent(self, now_s: float, servo_rad: float, speed_m_s: float, brake_a: float, latency_s: float) -> None:
        """A command goes out: what servo and motor are told, and how long it takes until the wheels follow."""
        self.single_tracks.sent(now_s, servo_rad, speed_m_s, brake_a, latency_s)

    def update(self, now_s: float, vesc: VescReading, lidar: LidarReading) -> Estimate:
        """Take in a tick's readings; returns the state at `now_s`, which must not go back."""
        dt_s = 0.0 if self.time_s is None else now_s - self.time_s
        if dt_s < 0.0:
            raise ValueError(f"estimator: time went back by {-dt_s:.3f} s to {now_s:.3f}: it must not")
        self.time_s = now_s
        motion, body = self.odometry.update(now_s, vesc), self.single_tracks
        state, covariance = self.state, self.covariance
        standing = motion.wheel_known and motion.imu_known and abs(motion.v_x) < fusion.STANDING_M_S
        standing = standing and abs(motion.yaw_rate) < STANDING_RATE_MAX_RAD_S
        v_y_before = body.v_y
        body.update(now_s, vesc, state[fusion.BIAS], standing)
        motion.carry_on(body.v_x, body.yaw_rate + state[fusion.BIAS], dt_s)
        fusion.predict(
            state, covariance, v_y_before, body.v_y, motion.rolled_m, motion.turned_rad, motion.wheel_known,
            motion.imu_known, dt_s,
        )  # fmt: skip
        position_m, yaw_rad = self.unsure
        if position_m > 0.0 and not standing:
            covariance[range(3), range(3)] += (position_m * position_m, position_m * position_m, yaw_rad * yaw_rad)
        if standing:
            fusion.stand_still(state, covariance, vesc.yaw_rate_rad_s)
        count = deskew(
            lidar.angle_rad, lidar.distance_m, lidar.age_s, body.v_x, state[fusion.V_Y], body.yaw_rate, self.points
        )
        turned = motion.turned_rad - state[fusion.BIAS] * dt_s
        self.recent.add(now_s, motion.rolled_m, state[fusion.V_Y] * dt_s, turned, self.points, count,
                        lidar.revolution)  # fmt: skip
        self.count = count
        self._match(now_s, count, dt_s)
        age_s = now_s - self.confirmed_s
        self._judge(age_s, dt_s)
        freshness = min(1.0, max(0.0, (WORTHLESS_S - age_s) / (WORTHLESS_S - FRESH_S)))
        return Estimate(
            time_s=now_s, x=float(state[0]), y=float(state[1]), yaw=math.remainder(state[2], 2.0 * math.pi),
            v_x=body.v_x, v_y=float(state[fusion.V_Y]), yaw_rate=body.yaw_rate, quality=self.share * freshness,
            lost=self.lost, pose_age_s=age_s, grip_shares=body.grip_shares,
            least_grip_shares=body.least_grip_shares,
        )  # fmt: skip

    def _match(self, now_s: float, count: int, dt_s: float) -> None:
        """Correct the pose by the tick's points, and count how many of them lie on walls."""
        if count < POINTS_MIN or not self.placed:
            return
        pose = self.state[:3].copy()
        prior = inverse(self.covariance[:3, :3])
        on_wall, judged = match(
            self.points, count, pose, prior, self.field_m, self.frame, self.robust_m, self.known_m, ITERATIONS,
            self._information,
        )  # fmt: skip
        if judged < POINTS_MIN:
            return
        share = on_wall / judged
        # Points that the pose does not explain must not pull it along: they would hide that the car is elsewhere.
        self.share += (share - self.share) * (1.0 - math.exp(-dt_s / QUALITY_TIME_CONSTANT_S))
        if share > CONFIRMED_SHARE:
            fusion.correct(self.state, self.covariance, pose, self._information)
            self.confirmed_s = now_s

    def _judge(self, age_s: float, dt_s: float) -> None:
        """Decide whether the car is lost: bad for a while, and found again only when good."""
        bad = self.share < QUALITY_LOST or age_s > WORTHLESS_S
        self.bad_s = self.bad_s + dt_s if bad else 0.0
        if self.bad_s > LOST_AFTER_S:
            self.lost = True
        elif self.lost and self.share > QUALITY_FOUND and age_s < FRESH_S:
            self.lost = False
