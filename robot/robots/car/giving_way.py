"""Giving way: a car that has waited for somebody rolls back a little, where the lidar sees that it may.

Who stands close before the nose may find no way past it, and the car no way round them. After AFTER_S the car rolls back
BACK_M at half of walking pace, on the arc that leaves its nose closest to the course's direction, if all directions behind
it gave an echo within the last revolution, none of them near, and nobody is remembered there: a car whose lidar does not
look back never does. It looks again in every tick, and stands at once where that no longer holds. It does so as often as it
has to, for whoever stands before a car that came nearer again may be as stuck as before, but never goes farther than FARTHEST_M
behind the place where it had to wait first.
"""

import math

import numpy as np

from drivers.base import LidarReading
from robot.robots.car.recovery import SIDES, STANDING_M_S, ScanMemory, free_distance
from robot.robots.car.shield.supervision import FULL_BRAKE_A, Command
from sim.car.model import P_FRONT, P_HALF_LENGTH, P_HALF_WIDTH, P_REAR, P_STEER_MAX

AFTER_S = 4.0  # of waiting, for each time
FARTHEST_M = 2.0
ONWARDS_M = 1.0  # ahead of where it had to wait first, all of it is over
BACK_M, LEAST_M = 0.5, 0.2  # as far as it goes, and what must be free to begin with
BACK_M_S = 0.35
GAP_M = 0.15  # kept between body and what the lidar sees: somebody may step nearer
AIM_S = 0.5  # the wheels turn at rest
TIME_MAX_S = 4.0
DELAY_S, BRAKING_S2_M = 0.15, 0.2  # of the way to stand, from a speed: latency and a revolution, then brakes
BEHIND_RAD, SECTORS = math.radians(50.0), 33  # to either side of straight back; sectors that must all have an echo


class GivingWay:
    """One car's giving way. `watch` once a tick; while `active`, `command` is what to do."""

    def __init__(self, car: np.ndarray) -> None:
        """car: `CarParameters.packed()`."""
        self._half_length, self._half_width = float(car[P_HALF_LENGTH]), float(car[P_HALF_WIDTH])
        self._rear_axle, self._wheelbase = float(car[P_REAR]), float(car[P_FRONT] + car[P_REAR])
        self.steer_max_rad = float(car[P_STEER_MAX])  # how far the wheels turn
        self._memory = ScanMemory()
        self.command = Command(0.0, 0.0, FULL_BRAKE_A)
        self._forget()

    def _forget(self) -> None:
        self.active = False
        self.waited_s = 0.0  # at this place, in all
        self.times = 0
        self._way_m = 0.0  # along the course since it had to wait first
        self._side = self._since_s = self._rolled_m = 0.0
        self._stops = False

    def watch(self, elapsed_s: float, waits: bool, may: bool, way_m: float, v_x: float, yaw_rate: float,
              lidar: LidarReading, nobody_behind: bool, heading_error: float) -> None:  # fmt: skip
        """Take in a tick. waits: for what is in the way; may: nothing else is wrong; way_m: along the course since the
        last tick; v_x (m/s): the wheels' speed; nobody_behind: none is remembered within BACK_M; heading_error (rad): to
        the course."""
        if self.waited_s > 0.0:
            self._way_m += way_m
            if self._way_m > ONWARDS_M:
                self._forget()
        if not (waits or self.active):
            return
        self._memory.add(elapsed_s, v_x, yaw_rate, lidar)
        self.waited_s += elapsed_s
        # Not what it recalls of where it does not look: somebody may stand there by now.
        points = self._memory.seen_now()
        if self.active:
            self._go_on(elapsed_s, may and nobody_behind and seen_behind(points), v_x, points)
        elif (
            may and abs(v_x) < STANDING_M_S and self._way_m > -FARTHEST_M and self.waited_s > AFTER_S * (self.times + 1)
        ):
            self._begin(nobody_behind and seen_behind(points), points, heading_error)

    @property
    def _tightest(self) -> float:
        """Curvature, 1/m."""
        return math.tan(self.steer_max_rad) / self._wheelbase

    def _free_m(self, points: np.ndarray, side: float) -> float:
        return float(free_distance(points, len(points), side * self._tightest, -1.0, BACK_M, self._half_length,
                                   self._half_width, self._rear_axle, GAP_M))  # fmt: skip

    def _begin(self, free: bool, points: np.ndarray, heading_error: float) -> None:
        best, chosen = math.inf, None
        for side in SIDES if free else ():
            free_m = self._free_m(points, side)
            turned = abs(math.remainder(heading_error - free_m * side * self._tightest, 2.0 * math.pi))
            if free_m >= LEAST_M and turned - 0.3 * free_m < best:
                best, chosen = turned - 0.3 * free_m, side
        if chosen is None:
            return
        self.active, self._stops, self._side = True, False, chosen
        self.times += 1
        self._since_s = self._rolled_m = 0.0
        self._steer(0.0, FULL_BRAKE_A)

    def _go_on(self, elapsed_s: float, free: bool, v_x: float, points: np.ndarray) -> None:
        self._since_s += elapsed_s
        self._rolled_m += max(0.0, -v_x) * elapsed_s
        left_m = min(BACK_M - self._rolled_m, self._free_m(points, self._side))
        too_near = left_m <= DELAY_S * abs(v_x) + BRAKING_S2_M * v_x * v_x
        self._stops = self._stops or not free or too_near or self._since_s > TIME_MAX_S
        if self._stops and abs(v_x) < STANDING_M_S:
            self.active = False
        if self._stops or self._since_s < AIM_S:
            self._steer(0.0, FULL_BRAKE_A)
        else:
            self._steer(-BACK_M_S, 0.0)

    def _steer(self, speed_m_s: float, brake_a: float) -> None:
        self.command = Command(math.atan(self._side * math.tan(self.steer_max_rad)), speed_m_s, brake_a)


def seen_behind(points: np.ndarray) -> bool:
    """Whether there is an echo (points (n, 2), m, in the car's frame) in every direction behind the car."""
    if not len(points):
        return False
    behind = np.array([math.remainder(math.atan2(y, x) - math.pi, 2.0 * math.pi) for x, y in points.tolist()])
    sector = np.floor((behind + BEHIND_RAD) * (SECTORS / (2.0 * BEHIND_RAD)))
    return len(np.unique(sector[(sector >= 0) & (sector < SECTORS)])) == SECTORS
