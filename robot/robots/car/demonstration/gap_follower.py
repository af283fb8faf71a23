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
from robot.robots.car.estimation.recent_points import RecentPoints
from robot.robots.car.estimation.scan_matching import deskew
from robot.robots.car.estimation.tracker import Estimate

SPEED_M_S = 1.5
CREEP_M_S = 0.5
CURVATURES = np.linspace(-1.25, 1.25, 51)  # 1/m; the tightest is a little less than full lock
HORIZON_M = 2.0
SKIPPED_M = 0.4  # what lies beside the car now, no arc can change
REACH_M = 3.0
KEEP_M = 1.1
BODY_M = 0.25  # half the car's width and some air: nearer to the arc a point blocks it
APPROACH_MAX_RAD, APPROACH_RAD_PER_M = 0.6, 0.8
TURN_PER_RAD_M = 1.2
# Costs: for each metre of an arc that is blocked, m^2 of room that it lacks, (1/m)^2 of curvature off the inner wall's,
# and (1/m)^2 of change of curvature.
BLOCKED_COST, SHORT_COST, WALL_COST, CHANGE_COST = 4.0, 20.0, 0.02, 0.1
SURE_TURN_RAD = 1.0
POINTS_MIN = 60


@njit(cache=True)
def room_along(points, curvature):
    """(clearance, free length) of an arc of HORIZON_M from the car's origin, m.

    points (k, 3): x, y in the car's frame. The clearance is the distance from the arc, its first part aside, to the
    nearest point, REACH_M if none is nearer. A point within BODY_M of the arc ends it.
    """
    free, clearance = HORIZON_M, REACH_M
    end = curvature * HORIZON_M
    end_x = math.sin(end) / curvature if abs(curvature) > 1e-6 else HORIZON_M
    end_y = (1.0 - math.cos(end)) / curvature if abs(curvature) > 1e-6 else 0.0
    for k in range(points.shape[0]):
        x, y = points[k, 0], points[k, 1]
        if abs(curvature) < 1e-6:
            along, lateral = x, y
        else:  # the angle around the arc's centre, and the distance from it
            to_centre, across = 1.0 - curvature * y, curvature * x
            lateral = (1.0 - math.sqrt(to_centre * to_centre + across * across)) / curvature
            along = math.atan2(across, to_centre) / curvature
        if 0.0 < along < HORIZON_M:
            if abs(lateral) < BODY_M:
                free = min(free, along)
            if along > SKIPPED_M:
                clearance = min(clearance, abs(lateral))
        else:
            clearance = min(clearance, max(math.sqrt((x - end_x) ** 2 + (y - end_y) ** 2), BODY_M))
    return clearance, free


@njit(cache=True)
def along_inner_wall(points, inner_side):
    """Curvature, 1/m, that brings the car to KEEP_M from the nearest wall on its inner side, and along it."""
    nearest, bearing = 1e30, 0.0
    for k in range(points.shape[0]):
        x, y = points[k, 0], points[k, 1] * inner_side
        angle = math.atan2(y, x)
        if -0.3 < angle < 2.6:
            distance = math.sqrt(x * x + y * y)
            if distance < nearest:
                nearest, bearing = distance, angle
    approach = min(APPROACH_MAX_RAD, max(-APPROACH_MAX_RAD, APPROACH_RAD_PER_M * (nearest - KEEP_M)))
    return inner_side * TURN_PER_RAD_M * (bearing - 0.5 * math.pi + approach)


@njit(cache=True)
def choose(points, curvatures, inner_side, last_curvature):
    """(curvature, free length) of the best arc; inner_side: +1 where the island is to the left, -1 to the right."""
    wanted = along_inner_wall(points, inner_side)
    n = curvatures.shape[0]
    clearance, free = np.empty(n), np.empty(n)
    for i in range(n):
        clearance[i], free[i] = room_along(points, curvatures[i])
    enough = min(KEEP_M, clearance.max())
    best_cost, best = 1e30, 0
    for i in range(n):
        short = max(0.0, enough - clearance[i])
        cost = BLOCKED_COST * (HORIZON_M - free[i]) + SHORT_COST * short * short
        cost += WALL_COST * (curvatures[i] - wanted) ** 2 + CHANGE_COST * (curvatures[i] - last_curvature) ** 2
        if cost < best_cost:
            best_cost, best = cost, i
    return curvatures[best], free[best]


class GapFollower:
    """A driver for the demonstration lap. Call `command` at every tick; equal readings give equal commands."""

    def __init__(self, wheelbase_m: float, steer_max_rad: float) -> None:
        self.wheelbase_m, self.steer_max_rad = wheelbase_m, steer_max_rad
        self.recent = RecentPoints()
        self.time_s: float | None = None
        self.turned_rad = 0.0
        self.inner_side = 1
        self.curvature = 0.0
        self._points = np.empty((LIDAR_POINTS_MAX, 3))

    def command(self, now_s: float, estimate: Estimate, vesc: VescReading, lidar: LidarReading) -> tuple[float, float]:
        """(steer in rad, speed in m/s) for this tick. Stands still while the lidar shows too little.

        Of the estimate it uses the speeds alone, not the place.
        """
        dt_s = 0.0 if self.time_s is None else now_s - self.time_s
        self.time_s = now_s
        count = deskew(
            lidar.angle_rad, lidar.distance_m, lidar.age_s, estimate.v_x, estimate.v_y, estimate.yaw_rate, self._points
        )
        turned = estimate.yaw_rate * dt_s
        self.recent.add(now_s, estimate.v_x * dt_s, estimate.v_y * dt_s, turned, self._points, count, lidar.revolution)
        self.turned_rad += turned
        if abs(self.turned_rad) > SURE_TURN_RAD:
            self.inner_side = 1 if self.turned_rad > 0.0 else -1
        scan = self.recent.scan(now_s)
        if len(scan) < POINTS_MIN:
            return 0.0, 0.0
        self.curvature, free_m = choose(scan, CURVATURES, self.inner_side, self.curvature)
        steer = math.atan(self.wheelbase_m * self.curvature)
        speed = min(SPEED_M_S, max(CREEP_M_S, SPEED_M_S * free_m / (0.75 * HORIZON_M)))
        return min(self.steer_max_rad, max(-self.steer_max_rad, steer)), speed
