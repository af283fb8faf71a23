"""Where the car is without a map: odometry held steady by the walls that it has just seen, until the lap closes.

The frame is the car's own: its origin is where it stood at the start. Every tick's points are kept, so that a map can
be made of them once the lap is closed (`robot/robots/car/demonstration/mapping.py`).
"""

import math
from dataclasses import dataclass

import numpy as np

from drivers.base import LidarReading, VescReading
from robot.robots.car.estimation.growing_field import KNOWN_M, GrowingField
from robot.robots.car.estimation.scan_matching import match
from robot.robots.car.estimation.tracker import Estimate, Tracker
from sim.portable_math import inverse

ROBUST_M = 0.08
LOOK_ROUND_S = 0.3  # standing, before the first points are trusted as walls
FORGET_M = 10.0  # driven since a wall was seen
REBUILD_M = 4.0
LAP_MIN_M = 8.0  # no course is shorter
NEAR_START_M, NEAR_START_RAD = 2.5, 0.8
CLOSED_SHARE = 0.75  # of points that must lie on the walls seen at the start
CLOSE_EVERY_M = 0.2
START_SEEN_M = 3.0  # the walls seen while driving this far are the start's
DRIFT_SIGMA = (0.5, 0.5, 0.1)  # m, m, rad: of a lap
GUESSES_M = (-0.6, 0.0, 0.6)
SEARCH_ROBUST_M = (0.2, 0.08)


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A tick's points (k, 3: x, y, distance, m, in the car's frame), and the pose (3,) that they were seen from."""

    time_s: float
    travelled_m: float
    pose: np.ndarray
    points: np.ndarray


class MaplessEstimator(Tracker):
    """Tracks a car on what it sees itself. `closed` tells when it is back where it began.

    Start it while the car stands, and let it stand until `lost` is False.
    """

    def __init__(self, car: np.ndarray | None = None) -> None:
        self.map = GrowingField()
        super().__init__(self.map.distance_m, self.map.frame, known_m=KNOWN_M - 0.01, robust_m=ROBUST_M, car=car)
        self.keyframes: list[Keyframe] = []
        self.travelled_m = 0.0
        self.closing_pose: np.ndarray | None = None  # where the car really is, in the frame of the start, once closed
        self._began_s: float | None = None
        self._rebuilt_m = self._tried_m = 0.0
        self._start: GrowingField | None = None

    @property
    def closed(self) -> bool:
        """Whether the car has come round to its start, confirmed by what it sees there."""
        return self.closing_pose is not None

    def update(self, now_s: float, vesc: VescReading, lidar: LidarReading) -> Estimate:
        """Take in a tick's readings, and learn from its points; returns the state in the start's frame."""
        estimate = super().update(now_s, vesc, lidar)
        self.travelled_m += abs(self.odometry.motion.rolled_m)
        if self.count == 0:
            return estimate
        pose = self.state[:3].copy()
        self.keyframes.append(Keyframe(now_s, self.travelled_m, pose, self.points[: self.count].copy()))
        self.map.insert(self.points, self.count, pose)
        if not self.placed:
            self._began_s = self._began_s or now_s
            if now_s - self._began_s > LOOK_ROUND_S:
                self.put((0.0, 0.0, 0.0), (1e-4, 1e-4, 1e-4))
        if self.travelled_m > self._rebuilt_m + REBUILD_M:
            self._rebuild()
        if not self.closed and self._near_start():
            self._tried_m = self.travelled_m
            self._try_to_close(now_s)
        return estimate

    def _rebuild(self) -> None:
        """Forget what was seen long ago."""
        self._rebuilt_m = self.travelled_m
        self.map.clear()
        for frame in self.keyframes:
            if frame.travelled_m > self.travelled_m - FORGET_M:
                self.map.insert(frame.points, len(frame.points), frame.pose)

    def _near_start(self) -> bool:
        x, y, yaw = self.state[:3]
        near = x * x + y * y < NEAR_START_M * NEAR_START_M and abs(math.remainder(yaw, 2.0 * math.pi)) < NEAR_START_RAD
        due = self.travelled_m > max(LAP_MIN_M, self._tried_m + CLOSE_EVERY_M)
        # Behind the start nothing is closed yet: the lap is to be driven whole.
        return near and due and x > 0.0

    def _try_to_close(self, now_s: float) -> None:
        """Match the last revolution with the walls that were seen at the start."""
        if self._start is None:
            self._start = GrowingField()
            for frame in self.keyframes:
                if frame.travelled_m < START_SEEN_M:
                    self._start.insert(frame.points, len(frame.points), frame.pose)
        scan = self.recent.scan(now_s)
        information = np.empty((3, 3))
        prior = inverse(np.diag(np.square(DRIFT_SIGMA)))
        best_share, best = 0.0, self.state[:3]
        for dx in GUESSES_M:
            for dy in GUESSES_M:
                pose = self.state[:3] + np.array([dx, dy, 0.0])
                pose[2] = math.remainder(pose[2], 2.0 * math.pi)
                for robust_m in SEARCH_ROBUST_M:
                    on_wall, judged = match(
                        scan, len(scan), pose, prior, self._start.distance_m, self._start.frame, robust_m, math.inf, 15,
                        information,
                    )  # fmt: skip
                share = on_wall / max(1, judged)
                if share > best_share:
                    best_share, best = share, pose
        if best_share > CLOSED_SHARE:
            self.closing_pose = best
