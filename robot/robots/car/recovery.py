"""Automatic reset: after a crash, or when stuck, the car frees itself and drives back to walking pace along the course.

    HALT    full brake until the car stands, at first for HALT_S: the lidar sees all around
    AIM     choose an arc (back or ahead; left, straight or right) and turn the wheels at rest
    LEG     drive the arc, no further than lidar says it is free
    REJOIN  pure pursuit along the course at walking pace, until straight and well inside for REJOIN_S

A leg is the arc that leaves the nose closest to the course's direction. Going back is tried first. An arc on which the
car did not move is not tried again before all others; legs grow longer; then the estimator is asked to find the car
anew; after LEGS_MAX legs or TIME_MAX_S the car stops and a person is asked. Sees only the estimate, wheels and lidar.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numba import njit

from drivers.base import LidarReading
from policies.backup.pure_pursuit import pursue
from robot.robots.car.estimation.lidar_period import LidarPeriod
from robot.robots.car.shield.supervision import FULL_BRAKE_A, Command
from robot.tasks.race_track.task import STEER_SLEW_RAD_S, TICK_S
from sim.car.model import P_FRONT, P_HALF_LENGTH, P_HALF_WIDTH, P_REAR, P_STEER_MAX
from sim.portable_math import cos_sin

HALT_S = 0.3
LOOK_S = 0.1  # after a leg: it has looked around all the while
STANDING_M_S = 0.08
LEG_SPEED_M_S = 0.8
REJOIN_SPEED_M_S = 1.0
REJOIN_LOOKAHEAD_M = 0.7
REJOIN_S = 0.6
REJOIN_HEADING_RAD = 0.35
REJOIN_FROM_RAD = 1.1  # heading error from which pursuit can take over
REJOIN_AHEAD_M = 0.9  # free way that pursuit needs at its start
GAP_M = 0.06  # kept between body and what the lidar sees
NOISE_M = 0.03  # of the lidar: a point within the gap may seem so much closer
LEG_MIN_M = 0.08
LEG_M = 0.55
LEG_GROWS_M = 0.12
WEDGED_STALLS = 2  # legs in a row that ended against something
WEDGED_LEG_M = 0.16
ONWARDS_LEG_M = 0.4
WEDGED_SIDES = ((1.0, -1.0), (-1.0, 1.0), (0.3, -0.3), (-0.3, 0.3), (-1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, -1.0))
WEDGED_SPEED_M_S = 0.5
AIM_S = 0.06  # until the servo follows
BLOCKED_S = 0.4  # told to drive for so long without moving
BLOCKED_M = 0.02
RELOCALISE_LEGS = 30
LEGS_MAX = 60
TIME_MAX_S = 60.0
MEMORY_POINTS, EARLIER_POINTS = 4096, 1024
EARLIER_A_TICK = 5  # of a tick's points, evenly so many are remembered for longer
MEMORY_S = 0.16  # at least, and MEMORY_PERIODS of the lidar
MEMORY_PERIODS = 1.5
DIRECTIONS = 72  # in which the lidar looks, or does not
BLIND_S = 4.0  # what it does not look at now, it remembers so long
ARC_STEP_M = 0.03
SIDES = (0.0, -1.0, 1.0, -0.3, 0.3)  # shares of the tightest turn; the wide ones leave a wall that the flank touches
ARCS = tuple((direction, side) for direction in (-1.0, 1.0) for side in SIDES)


class Phase(IntEnum):
    """What the recovery is doing."""

    IDLE = 0
    HALT = 1
    AIM = 2
    LEG = 3
    REJOIN = 4
    DONE = 5
    FAILED = 6


@dataclass(frozen=True, slots=True)
class Place:
    """Where the estimate says the car is on the course."""

    s: float
    lateral: float
    heading_error: float
    room_left_m: float  # of the course here, from its centreline
    room_right_m: float


@njit(cache=True)
def free_distance(points, count, curvature, direction, reach_m, half_length, half_width, rear_axle, gap_m):
    """How far the car can drive an arc before its body, `gap_m` larger all round, meets a point; at most `reach_m`.

    points: (n, 2) float64 in the car's frame, m, the first `count` valid; curvature 1/m, left positive; direction 1
    ahead, -1 back. A point that is within the gap at the start blocks only if the car comes closer to it.
    """
    long, wide = half_length + gap_m, half_width + gap_m
    nearest_start = np.empty(count)
    for k in range(count):
        nearest_start[k] = max(0.0, min(long - abs(points[k, 0]), wide - abs(points[k, 1])))
    steps = int(reach_m / ARC_STEP_M)
    for step in range(1, steps + 1):
        distance = direction * step * ARC_STEP_M
        yaw = curvature * distance
        if abs(curvature) > 1e-6:
            x, y = math.sin(yaw) / curvature, (1.0 - math.cos(yaw)) / curvature
        else:
            x, y = distance, 0.0
        cos_y, sin_y = math.cos(yaw), math.sin(yaw)
        x += rear_axle * (cos_y - 1.0)
        y += rear_axle * sin_y
        for k in range(count):
            dx, dy = points[k, 0] - x, points[k, 1] - y
            inside_x = long - abs(dx * cos_y + dy * sin_y)
            inside_y = wide - abs(dy * cos_y - dx * sin_y)
            if min(inside_x, inside_y) > nearest_start[k] + NOISE_M:
                return (step - 1) * ARC_STEP_M
    return reach_m


class Ring:
    """Points in odometry's frame, with the time when each was seen; the newest replace the oldest."""

    def __init__(self, size: int) -> None:
        self.at = np.zeros((size, 2))
        self.seen_s = np.full(size, -math.inf)
        self._next = 0

    def add(self, points: np.ndarray, time_s: float) -> None:
        """Points (k, 2)."""
        slots = (self._next + np.arange(len(points))) % len(self.at)
        self.at[slots], self.seen_s[slots] = points, time_s
        self._next = int((self._next + len(points)) % len(self.at))


class ScanMemory:
    """The lidar's points of the last revolution, moved along as the car moves; and in the directions in which it does not
    look, as one of 270 degrees does not look back, some of what it saw there before."""

    def __init__(self) -> None:
        self._recent, self._earlier = Ring(MEMORY_POINTS), Ring(EARLIER_POINTS)
        self._looked_s = np.full(DIRECTIONS, -math.inf)  # in each direction of the car's frame
        self._period = LidarPeriod()
        self._x = self._y = self._yaw = 0.0
        self._time_s = 0.0

    def add(self, elapsed_s: float, v_x: float, yaw_rate: float, lidar: LidarReading) -> None:
        """Take in a tick: how the car moved, and what the lidar saw."""
        self._time_s += elapsed_s
        self._period.update(self._time_s, lidar.revolution)
        middle = self._yaw + 0.5 * elapsed_s * yaw_rate
        self._x += elapsed_s * v_x * math.cos(middle)
        self._y += elapsed_s * v_x * math.sin(middle)
        self._yaw += elapsed_s * yaw_rate
        self._looked_s[directions(lidar.angle_rad)] = self._time_s
        returned = lidar.distance_m > 0.0
        angle = lidar.angle_rad[returned].astype(np.float64) + self._yaw
        distance = lidar.distance_m[returned].astype(np.float64)
        cosines, sines = cos_sin(angle)
        points = np.stack([self._x + distance * cosines, self._y + distance * sines], axis=1)
        self._recent.add(points, self._time_s)
        self._earlier.add(points[:: max(1, len(points) // EARLIER_A_TICK)], self._time_s)

    @property
    def memory_s(self) -> float:
        """For how long what was seen counts as seen now."""
        return max(MEMORY_S, MEMORY_PERIODS * self._period.seconds)

    def seen_now(self) -> np.ndarray:
        """(k, 2) float64: what the lidar sees around the car, in its frame, m."""
        return self._in_car(self._recent.at[self._time_s - self._recent.seen_s <= self.memory_s])

    def points(self) -> np.ndarray:
        """(k, 2) float64: what is known around the car, in its frame, m."""
        recent, memory_s = self.seen_now(), self.memory_s
        blind = self._time_s - self._looked_s > memory_s
        if not blind.any() or blind.all():  # a lidar that is silent has no blind side: what it saw is old
            return recent
        age_s = self._time_s - self._earlier.seen_s
        earlier = self._in_car(self._earlier.at[(age_s > memory_s) & (age_s <= BLIND_S)])
        bearing = np.array([math.atan2(y, x) for x, y in earlier])
        return np.concatenate([recent, earlier[blind[directions(bearing)]]])

    def _in_car(self, points: np.ndarray) -> np.ndarray:
        dx, dy = points[:, 0] - self._x, points[:, 1] - self._y
        cos_y, sin_y = math.cos(self._yaw), math.sin(self._yaw)
        return np.stack([dx * cos_y + dy * sin_y, dy * cos_y - dx * sin_y], axis=1)


def directions(angle_rad: np.ndarray) -> np.ndarray:
    """In which of the DIRECTIONS each angle lies."""
    return np.floor(angle_rad * (DIRECTIONS / (2.0 * math.pi))).astype(np.int64) % DIRECTIONS


class Recovery:
    """The recovery of one robot. `watch` every tick; `begin`, then `step` once a tick until `finished`."""

    def __init__(self, car: np.ndarray) -> None:
        """car: `CarParameters.packed()`."""
        self._half_length, self._half_width = float(car[P_HALF_LENGTH]), float(car[P_HALF_WIDTH])
        self._rear_axle, self._wheelbase = float(car[P_REAR]), float(car[P_FRONT] + car[P_REAR])
        self.steer_max_rad = float(car[P_STEER_MAX])  # how far the wheels turn
        self._memory = ScanMemory()
        self.phase = Phase.IDLE
        self.begin()
        self.phase = Phase.IDLE

    def begin(self) -> None:
        """Start anew, from whatever state."""
        self.phase = Phase.HALT
        self.elapsed_s = 0.0  # duration of this recovery so far
        self.legs = 0
        self.relocalise = False  # True in the tick in which the estimator should find the car anew
        self._phase_s = 0.0
        self._steer = 0.0
        self._arc = (-1.0, 0.0)
        self._leg_m = self._rolled_m = 0.0
        self._aim_s = self._still_s = 0.0
        self._then = Phase.LEG
        self._held = False  # pursuit was tried from here and did not move the car
        self._good_s = 0.0
        self._stalls = self._wedged_legs = 0
        self._gave_way = False  # the last leg did, though the lidar saw no room
        self._blind = False  # this leg goes where the lidar sees no room
        self._blocked: list[tuple[float, float]] = []

    @property
    def _tightest(self) -> float:
        """Curvature, 1/m."""
        return math.tan(self.steer_max_rad) / self._wheelbase

    @property
    def finished(self) -> bool:
        """True when it has come to an end, one way or the other."""
        return self.phase in (Phase.DONE, Phase.FAILED)

    def watch(self, elapsed_s: float, v_x: float, yaw_rate: float, lidar: LidarReading) -> None:
        """Every tick, whoever drives: remember what is around. v_x (m/s): the wheels' speed."""
        self._memory.add(elapsed_s, v_x, yaw_rate, lidar)

    def step(self, elapsed_s: float, v_x: float, place: Place, course: np.ndarray, spacing_m: float) -> Command:
        """One tick, which was watched: what to do now. course: `Course.packed()`."""
        self.elapsed_s += elapsed_s
        self._phase_s += elapsed_s
        self.relocalise = False
        if not self.finished and (self.elapsed_s > TIME_MAX_S or self.legs > LEGS_MAX):
            self._enter(Phase.FAILED)
        if self.phase is Phase.HALT:
            return self._halt(v_x, place, course, spacing_m)
        if self.phase is Phase.AIM:
            return self._aim()
        if self.phase is Phase.LEG:
            return self._leg(elapsed_s, v_x)
        if self.phase is Phase.REJOIN:
            return self._rejoin(elapsed_s, v_x, place, course, spacing_m)
        return self._brake()

    def _enter(self, phase: Phase) -> None:
        self.phase, self._phase_s, self._still_s = phase, 0.0, 0.0

    def _brake(self) -> Command:
        return Command(self._steer, 0.0, FULL_BRAKE_A)

    def _free(self, points: np.ndarray, arc: tuple[float, float], reach_m: float) -> float:
        direction, side = arc
        return float(free_distance(points, len(points), side * self._tightest, direction, reach_m, self._half_length,
                                   self._half_width, self._rear_axle, GAP_M))  # fmt: skip

    def _pursuit(self, place: Place, course: np.ndarray, spacing_m: float) -> float:
        return float(pursue(course, spacing_m, place.s, place.lateral, place.heading_error, REJOIN_LOOKAHEAD_M, 0.0,
                            self._wheelbase, self.steer_max_rad))  # fmt: skip

    def _halt(self, v_x: float, place: Place, course: np.ndarray, spacing_m: float) -> Command:
        """Stand, look around, and decide how to go on."""
        if self._phase_s < (LOOK_S if self.legs else HALT_S) or abs(v_x) > STANDING_M_S:
            return self._brake()
        points = self._memory.points()
        steer = self._pursuit(place, course, spacing_m)
        way_ahead = self._free(points, (1.0, math.tan(steer) / math.tan(self.steer_max_rad)), REJOIN_AHEAD_M)
        if not self._held and abs(place.heading_error) < REJOIN_FROM_RAD and way_ahead >= REJOIN_AHEAD_M:
            self._aim_at(steer, Phase.REJOIN)
            return self._brake()
        self.legs += 1
        if self.legs == RELOCALISE_LEGS:
            self.relocalise = True
            self._enter(Phase.HALT)
            return self._brake()
        self._choose(points, place.heading_error)
        return self._brake()

    def _choose(self, points: np.ndarray, heading_error: float) -> None:
        """Pick the arc after which the nose points best along the course; among equals, the one back."""
        best, chosen = -math.inf, None
        for arc in ARCS:
            direction, side = arc
            free = self._free(points, arc, LEG_M + LEG_GROWS_M * self.legs)
            if free < LEG_MIN_M or arc in self._blocked:
                continue
            turned = heading_error + direction * free * side * self._tightest
            score = 0.3 * min(free, LEG_M) - abs(math.remainder(turned, 2.0 * math.pi)) - 0.4 * (direction > 0.0)
            if score > best:
                best, chosen, self._leg_m = score, arc, free
        self._blind = chosen is None or self._stalls >= WEDGED_STALLS
        if self._blind:  # wedged, closer than the lidar can tell from contact: back and forth by turns
            self._leg_m, chosen = self._wedged_arc()
        assert chosen is not None
        self._arc = chosen
        self._aim_at(math.atan(self._arc[1] * math.tan(self.steer_max_rad)), Phase.LEG)

    def _wedged_arc(self) -> tuple[float, tuple[float, float]]:
        """The next leg of a car that does not see what holds it: on in the direction that gave way, else by turns."""
        if self._gave_way:
            return ONWARDS_LEG_M, (self._arc[0], 0.0)
        there_and_back, ahead = divmod(self._wedged_legs, 2)
        self._wedged_legs += 1
        side = WEDGED_SIDES[there_and_back % len(WEDGED_SIDES)][ahead]
        length = WEDGED_LEG_M * (1 + there_and_back // len(WEDGED_SIDES))
        return length, (1.0 if ahead else -1.0, side)

    def _aim_at(self, steer: float, then: Phase) -> None:
        self._aim_s = abs(steer - self._steer) / STEER_SLEW_RAD_S + AIM_S
        self._steer, self._then, self._rolled_m = steer, then, 0.0
        self._enter(Phase.AIM)

    def _aim(self) -> Command:
        """Turn the wheels before rolling."""
        if self._phase_s >= self._aim_s:
            self._enter(self._then)
        return self._brake()

    def _leg(self, elapsed_s: float, v_x: float) -> Command:
        """Roll along the arc, looking again at what is free."""
        direction = self._arc[0]
        self._rolled_m += max(0.0, direction * v_x) * elapsed_s
        self._still_s = 0.0 if abs(v_x) > STANDING_M_S else self._still_s + elapsed_s
        if self._still_s > BLOCKED_S:
            self._stalls += 1
            self._gave_way = False
            if self._rolled_m >= BLOCKED_M:  # it stands elsewhere now, where other arcs may be free again
                self._blocked.clear()
            self._blocked.append(self._arc)
            self._enter(Phase.HALT)
            return self._brake()
        left = self._leg_m - self._rolled_m
        if not self._blind:
            left = min(left, self._free(self._memory.points(), self._arc, LEG_M))
        braking = 0.06 * abs(v_x) + 0.08 * v_x * v_x  # delay, then brakes
        if self._rolled_m > BLOCKED_M and left <= braking:
            self._blocked.clear()
            self._held = False
            self._gave_way = self._blind and not self._gave_way
            self._stalls = self._stalls if self._gave_way else 0
            self._enter(Phase.HALT)
            return self._brake()
        return Command(self._steer, direction * (WEDGED_SPEED_M_S if self._blind else LEG_SPEED_M_S))

    def _rejoin(self, elapsed_s: float, v_x: float, place: Place, course: np.ndarray, spacing_m: float) -> Command:
        """Follow the course slowly; done when straight and inside for a while, back to HALT when the way is blocked."""
        self._steer = self._pursuit(place, course, spacing_m)
        self._rolled_m += max(0.0, v_x) * elapsed_s
        self._still_s = 0.0 if abs(v_x) > STANDING_M_S else self._still_s + elapsed_s
        side = math.tan(self._steer) / math.tan(self.steer_max_rad)
        ahead = self._free(self._memory.points(), (1.0, side), 0.3)
        if self._still_s > BLOCKED_S or ahead < 0.06 * v_x + 0.08 * v_x * v_x or abs(place.heading_error) > 1.4:
            self._held = self._rolled_m < BLOCKED_M
            self._enter(Phase.HALT)
            return self._brake()
        room = place.room_left_m if place.lateral > 0.0 else place.room_right_m
        good = abs(place.heading_error) < REJOIN_HEADING_RAD and abs(place.lateral) < 0.5 * room and v_x > 0.3
        self._good_s = self._good_s + elapsed_s if good else 0.0
        if self._good_s >= REJOIN_S - 0.5 * TICK_S:
            self._enter(Phase.DONE)
        return Command(self._steer, REJOIN_SPEED_M_S)
