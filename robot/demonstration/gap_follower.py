"""Drives a first lap with nothing but the lidar: no map, no course, any closed corridor.

At every tick it lays arcs of different curvature through the last revolution's points and looks at the room that each
leaves to its left and right. In a corridor it takes the middle. Where the room is wide it keeps KEEP_M from the inner
wall: the island that a closed course runs around, so that side rooms and open halls cannot lead it astray. Which wall
is the inner one shows in the turn of the lap so far; before there is one, the lap is taken to run counter-clockwise.
"""

import math

import numpy as np
from numba import njit

from drivers.base import LIDAR_POINTS_MAX, LidarReading, VescReading
from robot.estimation.estimator import Estimate
from robot.estimation.recent_points import RecentPoints
from robot.estimation.scan_matching import deskew

WHEELBASE_M = 0.33
STEER_MAX_RAD = 0.4189
SPEED_M_S = 1.5
CREEP_M_S = 0.5
CURVATURES = np.linspace(-1.25, 1.25, 41)  # 1/m; the tightest is a little less than full lock
HORIZON_M = 2.0
REACH_M = 3.0  # room is not looked for farther to the side
KEEP_M = 1.1
BODY_M = 0.25  # half the car's width and some air: nearer to the arc a point blocks it
BLOCKED_COST = 4.0  # for each metre of the horizon that an arc does not reach
CHANGE_COST = 0.05  # for each (1/m)^2 of change of curvature
TURN_COST = 0.02  # for each (1/m)^2 of curvature
SURE_TURN_RAD = 1.0
POINTS_MIN = 60
LOOK_BACK_M = -0.15


@njit(cache=True)
def room_along(points, curvature, horizon_m, reach_m, body_m):
    """Room beside an arc from the car's origin: (left, right, length that is free), m.

    points (k, 3): x, y in the car's frame. Sides are capped at `reach_m`; a point nearer than `body_m` ends the arc.
    """
    free = horizon_m
    left = right = reach_m
    for k in range(points.shape[0]):
        x, y = points[k, 0], points[k, 1]
        if abs(curvature) < 1e-6:
            along, lateral = x, y
        else:
            # Distance from the arc's centre, and the angle around it.
            to_centre = 1.0 - curvature * y
            across = curvature * x
            radius_ratio = math.sqrt(to_centre * to_centre + across * across)
            lateral = (1.0 - radius_ratio) / curvature
            along = math.atan2(across, to_centre) / curvature
        if not LOOK_BACK_M < along < horizon_m:
            continue
        if abs(lateral) < body_m:
            if along > 0.0:
                free = min(free, along)
        elif lateral > 0.0:
            left = min(left, lateral)
        else:
            right = min(right, -lateral)
    return left, right, free


@njit(cache=True)
def choose(points, curvatures, inner_side, last_curvature):
    """(curvature, free length) of the best arc; inner_side: +1 where the island is to the left, -1 to the right."""
    best_cost, best_curvature, best_free = 1e30, 0.0, 0.0
    for curvature in curvatures:
        left, right, free = room_along(points, curvature, HORIZON_M, REACH_M, BODY_M)
        inner, outer = (left, right) if inner_side > 0 else (right, left)
        error = inner - min(KEEP_M, 0.5 * (inner + outer))
        cost = error * error + BLOCKED_COST * (HORIZON_M - free)
        cost += CHANGE_COST * (curvature - last_curvature) ** 2 + TURN_COST * curvature * curvature
        if cost < best_cost:
            best_cost, best_curvature, best_free = cost, curvature, free
    return best_curvature, best_free


class GapFollower:
    """A driver for the demonstration lap. Call `command` at every tick; equal readings give equal commands."""

    def __init__(self) -> None:
        self.recent = RecentPoints()
        self.time_s: float | None = None
        self.turned_rad = 0.0
        self.inner_side = 1
        self.curvature = 0.0
        self._points = np.empty((LIDAR_POINTS_MAX, 3))

    def command(
        self, now_s: float, estimate: Estimate, vesc: VescReading, lidar: LidarReading
    ) -> tuple[float, float]:
        """(steer in rad, speed in m/s) for this tick. Stands still while the lidar shows too little.

        Of the estimate it uses the speeds alone, not the place.
        """
        dt_s = 0.0 if self.time_s is None else now_s - self.time_s
        self.time_s = now_s
        count = deskew(
            lidar.angle_rad, lidar.distance_m, lidar.age_s, estimate.v_x, estimate.v_y, estimate.yaw_rate, self._points
        )
        turned = estimate.yaw_rate * dt_s
        self.recent.add(now_s, estimate.v_x * dt_s, estimate.v_y * dt_s, turned, self._points, count)
        self.turned_rad += turned
        if abs(self.turned_rad) > SURE_TURN_RAD:
            self.inner_side = 1 if self.turned_rad > 0.0 else -1
        scan = self.recent.scan(now_s)
        if len(scan) < POINTS_MIN:
            return 0.0, 0.0
        self.curvature, free_m = choose(scan, CURVATURES, self.inner_side, self.curvature)
        steer = math.atan(WHEELBASE_M * self.curvature)
        speed = min(SPEED_M_S, max(CREEP_M_S, SPEED_M_S * free_m / (0.75 * HORIZON_M)))
        return min(STEER_MAX_RAD, max(-STEER_MAX_RAD, steer)), speed
