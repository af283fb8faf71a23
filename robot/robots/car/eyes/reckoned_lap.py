"""The demonstration lap of a car that has neither map nor lidar: the way that wheels and gyro tell, closed into a course.

The lap begins a little after the car has begun to drive, for where it was put, or has come to stand, it need not point along its course. It is
closed when the car crosses the line there again, about where and in the direction in which it left. What the reckoning is off by then is
spread over the lap.
"""

import math

import numpy as np

from robot.robots.car.estimation.tracker import Estimate
from sim.closed_line import way_along
from sim.tracks.track import Course, closed_course

LEAD_IN_M = 3.0  # before it begins
LAP_MIN_M = 8.0  # no course is shorter
ASIDE_MAX_M, TURNED_MAX_RAD = 1.5, 0.6  # of the start, at most, what the reckoning is off by after a lap
AWAY_M = 2.5  # that a lap leads away from its start, at the least
POINT_EVERY_M = 0.4
HALF_WIDTH_M = 0.6  # that is taken for free on either side of where the car has driven


class ReckonedLap:
    """Takes in where the car is, tick by tick; `closed` once it has come round."""

    def __init__(self) -> None:
        self.began_s: float | None = None
        self.closed = False
        self.off = (0.0, 0.0, 0.0)  # x, y (m), yaw (rad) of the car where it really is at the start
        self._way: list[tuple[float, float]] = []
        self._driven_m: list[float] = []  # to each point of the way
        self._began_at = (0.0, 0.0, 0.0)  # x, y (m), yaw (rad), as reckoned
        self._led_in_m = self._here_m = self._x_before = 0.0
        self._been_away = False

    def watch(self, now_s: float, rolled_m: float, estimate: Estimate) -> None:
        """A tick. What is rolled back is taken off the way: it was no part of it."""
        self._led_in_m += rolled_m
        if self.closed or self._led_in_m < LEAD_IN_M:
            return
        if self.began_s is None:
            self._began_at = estimate.x, estimate.y, estimate.yaw
        x, y, yaw = self._from_its_beginning(estimate)
        if self.began_s is None:
            self.began_s, rolled_m = now_s, 0.0
            self._way.append((x, y))
            self._driven_m.append(0.0)
        self._here_m += rolled_m
        while len(self._way) > 1 and self._driven_m[-1] > self._here_m:
            self._way.pop()
            self._driven_m.pop()
        if self._here_m - self._driven_m[-1] >= POINT_EVERY_M:
            self._way.append((x, y))
            self._driven_m.append(self._here_m)
        self._been_away = self._been_away or math.sqrt(x * x + y * y) > AWAY_M
        crosses = self._x_before < 0.0 <= x and abs(y) < ASIDE_MAX_M and abs(yaw) < TURNED_MAX_RAD
        self._x_before = x
        if crosses and self._been_away and self._here_m > LAP_MIN_M:
            self.closed, self.off = True, (x, y, yaw)

    def _from_its_beginning(self, estimate: Estimate) -> tuple[float, float, float]:
        x0, y0, yaw0 = self._began_at
        cos_0, sin_0, ahead, left = math.cos(yaw0), math.sin(yaw0), estimate.x - x0, estimate.y - y0
        return (cos_0 * ahead + sin_0 * left, cos_0 * left - sin_0 * ahead,
                math.remainder(estimate.yaw - yaw0, 2.0 * math.pi))  # fmt: skip

    def course(self) -> Course:
        """The closed course, whose frame is that of the car where the lap began, with as much room on either side as is taken for free."""
        points, (x, y, _) = np.array(self._way), self.off
        arc = way_along(np.concatenate([points, [(x, y)]]))
        share = arc[:-1] / arc[-1]
        closed = points - share[:, None] * np.array([[x, y]])
        if arc[-1] - arc[-2] < 0.5 * POINT_EVERY_M:
            closed = closed[:-1]  # too near to the first one
        width = np.full(len(closed), HALF_WIDTH_M)
        return closed_course("reckoned", closed, width, width)
