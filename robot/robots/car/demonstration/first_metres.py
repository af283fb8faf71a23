"""Before anything is driven: half a metre, slowly, that shows whether the car is wired as its file says.

Two legs of LEG_M, one steering left of where the way is free, one right of it; before, between and after them the car
stands and looks around. Three things measure each leg by themselves: wheels (how far), gyro (how much turned) and the
lidar, by matching the view after it with the view before it (how far, where to, how much turned). What does not fit
together is a mistake in the car's file or on the car, and two that agree tell which of the three is wrong:

    gyro and lidar turn against the steering      the steering is reversed, or the motor runs backwards
    the lidar alone turns the other way           it is mirrored: upside down
    the gyro alone turns the other way            the IMU is upside down
    the lidar moves elsewhere than ahead          it is turned on the car
    it moves farther or less far                  the wheels' gain is wrong
    nothing turns                                 the servo does not move

A car that differs from its data sheet as cars do (trim, latency, grip, some per cent of wheel radius) passes. Where the
lidar sees no features along the way, only what gyro and wheels show is judged.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numba import njit

from drivers.base import LIDAR_POINTS_MAX, LidarReading, VescReading
from robot.robots.car.demonstration.gap_follower import CURVATURES, choose
from robot.robots.car.estimation.growing_field import KNOWN_M, insert
from robot.robots.car.estimation.scan_matching import deskew, distance_and_slope, match, solve3
from robot.robots.car.shield.supervision import FULL_BRAKE_A, Command
from sim.car.model import P_FRONT, P_HALF_LENGTH, P_HALF_WIDTH, P_REAR, P_STEER_MAX
from sim.portable_math import cos_sin, inverse

SPEED_M_S = 0.5
ROLLED_MIN_M = 0.06  # in a leg; wheels that tell less do not turn, or tell it wrongly
LEG_M, LEG_MIN_M = 0.25, 0.1  # by the wheels, until the brakes are asked for; shorter ones say too little
STOPPING_M = 0.12  # from then on, with the longest latency
GAP_M, SIDE_GAP_M = 0.07, 0.03  # to be left between the car and what is ahead, or beside its way
ROOM_M = 0.5  # before the nose
HORIZON_M = 1.5
SWING_RAD = 0.2  # to either side of the free way
CENTRE_MAX_RAD = 0.15
AIM_S = 0.45  # for the wheels to turn at rest
LOOK_S = 0.3  # more than a revolution of the slowest lidar
SETTLE_S = 0.15  # standing, before looking
LEG_MAX_S = 2.5
STANDING_M_S = 0.05
RUNAWAY_M_S = 1.2  # by the accelerometer alone: much faster than asked for
POINTS_MIN = 150
BINS, DIRECTIONS_MIN = 360, 90
AHEAD_RAD, AHEAD_DIRECTIONS = 0.7, 14  # to either side, in which every direction must be looked at
SPREAD_MAX_M, SPREAD_PER_M = 0.1, 0.04  # of what is averaged
WALL_STEP_M, WALL_GAP_M = 0.02, 0.2  # between neighbours so close there is a wall
HALF_EXTENT_M, RESOLUTION_M, REACH_M = 8.0, 0.05, 7.0  # of the view that is matched
GUESSES_M, DIRECTIONS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 16
TRIED = 12  # of the guesses: the best ones are followed up
PRIOR_SIGMA = (0.2, 0.2, 0.2)  # m, m, rad: about a guess
COARSE_M, FINE_M = 0.2, 0.08  # robust scales
ITERATIONS = 12
NOISE_M, OUTLIER_M = 0.02, 0.1  # of a point from the line between two others
UNSEEN_M = 0.01  # standard deviation of a way that the walls do not tell
COST_MAX = 0.5  # of a match that counts
RIVAL_M, RIVAL_COST = 0.2, 0.05  # another place so far along that fits hardly worse: the walls do not tell

RESPONSE_MIN, RESPONSE_MAX = 0.5, 1.8  # turning, as a multiple of what the steering should give
NO_RESPONSE = 0.25
WHEELS_MAX = 1.15  # by how much wheels and lidar may differ, either way
LIDAR_YAW_MAX_RAD = math.radians(7.0)
TRIM_MAX_RAD = 0.17


class Stage(IntEnum):
    """What the check is doing."""

    LOOK = 0
    AIM = 1
    ROLL = 2
    HALT = 3
    DONE = 4


@dataclass(frozen=True)
class Leg:
    """What a leg showed. moved: x, y (m), yaw (rad) in the view before it, by the lidar; None where that is not known."""

    steer_rad: float
    rolled_m: float
    turned_rad: float  # by the gyro
    moved: tuple[float, float, float] | None


@dataclass(frozen=True)
class Measured:
    """How the car differs from its file: 1, 1, 0, 0 for a perfect one. None: not seen by the lidar."""

    response: float  # turning by the gyro, over what the steering should give
    lidar_response: float | None  # the same by the lidar
    wheels: float | None  # way by the lidar, over way by the wheels
    lidar_yaw_rad: float | None  # direction in which the lidar sees the car go ahead
    trim_rad: float  # angle of the wheels when told to point ahead


@njit(cache=True)
def free_along(points, curvature, side_m):
    """How far the car's origin can go along an arc, m, until a point ahead of it (k, 3) is within side_m of the arc."""
    free_m = HORIZON_M
    for k in range(points.shape[0]):
        x, y = points[k, 0], points[k, 1]
        to_centre, across = 1.0 - curvature * y, curvature * x
        lateral, along = y, x
        if abs(curvature) > 1e-6:
            lateral = (1.0 - math.sqrt(to_centre * to_centre + across * across)) / curvature
            along = math.atan2(across, to_centre) / curvature
        if 0.0 < along < free_m and abs(lateral) < side_m:
            free_m = along
    return free_m


@njit(cache=True)
def averaged(points, out):
    """Average points (k, 3: x, y, distance) direction by direction into out (BINS, 3); returns how many there are.

    A direction in which near and far things were seen says nothing.
    """
    sums, nearest, farthest = np.zeros((BINS, 4)), np.full(BINS, np.inf), np.zeros(BINS)
    for k in range(points.shape[0]):
        turns = math.atan2(points[k, 1], points[k, 0]) / (2.0 * math.pi)
        i = int((turns - math.floor(turns)) * BINS) % BINS
        sums[i, :3] += points[k]
        sums[i, 3] += 1.0
        nearest[i], farthest[i] = min(nearest[i], points[k, 2]), max(farthest[i], points[k, 2])
    count = 0
    for i in range(BINS):
        if sums[i, 3] > 0.0 and farthest[i] - nearest[i] < SPREAD_MAX_M + SPREAD_PER_M * nearest[i]:
            out[count] = sums[i, :3] / sums[i, 3]
            count += 1
    return count


@njit(cache=True)
def draw_walls(points, field_m, frame):
    """Draw points (k, 3), in the order of their directions, and the walls between neighbours, into an empty field."""
    one = np.empty((1, 3))
    count = points.shape[0]
    for k in range(count):
        following = points[(k + 1) % count]
        dx, dy = following[0] - points[k, 0], following[1] - points[k, 1]
        gap = math.sqrt(dx * dx + dy * dy)
        steps = max(1, math.ceil(gap / WALL_STEP_M)) if gap < WALL_GAP_M else 1
        for step in range(steps):
            one[0, 0] = points[k, 0] + dx * step / steps
            one[0, 1] = points[k, 1] + dy * step / steps
            one[0, 2] = points[k, 2]
            insert(field_m, frame, one, 1, 0.0, 0.0, 0.0)


@njit(cache=True)
def misfit(points, x, y, yaw, field_m, frame, robust_m):
    """Mean of r^2 / (r^2 + robust_m^2) over the points' distances r from the walls, seen from a pose."""
    cos_yaw, sin_yaw = math.cos(yaw), math.sin(yaw)
    total = 0.0
    for k in range(points.shape[0]):
        px = x + points[k, 0] * cos_yaw - points[k, 1] * sin_yaw
        py = y + points[k, 0] * sin_yaw + points[k, 1] * cos_yaw
        distance, _, _ = distance_and_slope(field_m, frame, px, py)
        total += distance * distance / (distance * distance + robust_m * robust_m)
    return total / points.shape[0]


@njit(cache=True)
def find_motion(points, field_m, frame, guesses, prior, found):
    """Match points (k, 3) with a view from the best of guesses (n, 3: x, y, yaw); poses and misfits in found (m, 4)."""
    information = np.empty((3, 3))
    costs = np.empty(guesses.shape[0])
    for i in range(guesses.shape[0]):
        costs[i] = misfit(points, guesses[i, 0], guesses[i, 1], guesses[i, 2], field_m, frame, COARSE_M)
    for i in range(found.shape[0]):
        guess = np.argmin(costs)
        costs[guess] = np.inf
        pose = guesses[guess].copy()
        for robust_m in (COARSE_M, FINE_M):
            match(points, points.shape[0], pose, prior, field_m, frame, robust_m, math.inf, np.int64(ITERATIONS),
                  information)  # fmt: skip
        found[i, :3] = pose
        found[i, 3] = misfit(points, pose[0], pose[1], pose[2], field_m, frame, FINE_M)


@njit(cache=True)
def refine(points, walls, pose, information):
    """Move a pose (3,), in place, to where points (k, 3) lie best on the lines between neighbours of walls (n, 3).

    information (3, 3): receives the squares of the points' normals by the pose: what is unseen along is small there.
    Returns the mean of r^2 / (r^2 + NOISE_M^2) over the points' distances r, 1 where there is no wall.
    """
    slope, step = np.empty(3), np.empty(3)
    count, cost = walls.shape[0], 1.0
    for _ in range(ITERATIONS):
        cost = 0.0
        information[:], slope[:] = 0.0, 0.0
        cos_yaw, sin_yaw = math.cos(pose[2]), math.sin(pose[2])
        for k in range(points.shape[0]):
            ox = points[k, 0] * cos_yaw - points[k, 1] * sin_yaw
            oy = points[k, 0] * sin_yaw + points[k, 1] * cos_yaw
            best, across, normal_x, normal_y = OUTLIER_M, 0.0, 0.0, 0.0
            for i in range(count):
                j = (i + 1) % count
                dx, dy = walls[j, 0] - walls[i, 0], walls[j, 1] - walls[i, 1]
                length = math.sqrt(dx * dx + dy * dy)
                if not 1e-4 < length < WALL_GAP_M:
                    continue
                px, py = pose[0] + ox - walls[i, 0], pose[1] + oy - walls[i, 1]
                along = (px * dx + py * dy) / length
                off = (py * dx - px * dy) / length
                if 0.0 <= along <= length and abs(off) < best:
                    best, across, normal_x, normal_y = abs(off), off, -dy / length, dx / length
            square = best * best
            cost += square / (square + NOISE_M * NOISE_M) if best < OUTLIER_M else 1.0
            if best < OUTLIER_M:
                by_yaw = normal_y * ox - normal_x * oy
                weight = 1.0 / (1.0 + (across / NOISE_M) ** 2)
                jacobian = (normal_x, normal_y, by_yaw)
                for a in range(3):
                    slope[a] += weight * jacobian[a] * across
                    for b in range(3):
                        information[a, b] += weight * jacobian[a] * jacobian[b]
        solve3(information + 1e-3 * np.eye(3), slope, step)
        pose -= step
        if abs(step[0]) + abs(step[1]) + abs(step[2]) < 1e-5:
            break
    return cost / points.shape[0]


class View:
    """What the lidar sees from where the car stands."""

    def __init__(self) -> None:
        self.points = np.empty((0, 3))
        self._one = np.empty((LIDAR_POINTS_MAX, 3))
        self._looked = np.zeros(AHEAD_DIRECTIONS, bool)  # in these directions ahead, whether something is there or not

    @property
    def looks_ahead(self) -> bool:
        """Whether the lidar looks where the car goes: one of 270 degrees may be turned away."""
        return bool(self._looked.all())

    def add(self, lidar: LidarReading) -> None:
        """A tick's points, of a car at rest."""
        ahead = lidar.angle_rad[np.abs(lidar.angle_rad) < AHEAD_RAD]
        self._looked[
            ((ahead + AHEAD_RAD) * (AHEAD_DIRECTIONS / (2.0 * AHEAD_RAD))).astype(np.int64) % AHEAD_DIRECTIONS
        ] = True
        count = deskew(lidar.angle_rad, lidar.distance_m, lidar.age_s, 0.0, 0.0, 0.0, self._one)
        self.points = np.concatenate([self.points, self._one[:count]])

    def walls(self) -> np.ndarray:
        """The points (k, 3) without most of their noise, as far as they can be matched."""
        out = np.empty((BINS, 3))
        near = out[: averaged(self.points, out)]
        near = near[near[:, 2] < REACH_M]
        gaps = near - np.roll(near, 1, axis=0)
        joined = gaps[:, 0] ** 2 + gaps[:, 1] ** 2 < WALL_GAP_M**2
        return near[
            joined | np.roll(joined, -1)
        ]  # a point by itself is no wall: it lies where the beam was, not the wall

    def motion_from(self, before: "View", turned_rad: float) -> tuple[float, float, float] | None:
        """How the car has moved since an earlier view (x, y, yaw in that view's frame); None if the walls do not tell.

        turned_rad: by the gyro, whose sign is not believed.
        """
        points, earlier = self.walls(), before.walls()
        if min(len(points), len(earlier)) < DIRECTIONS_MIN:
            return None
        cells = round(2.0 * HALF_EXTENT_M / RESOLUTION_M)
        field_m = np.full((cells, cells), KNOWN_M, np.float32)
        frame = np.array([-HALF_EXTENT_M, -HALF_EXTENT_M, 1.0, 0.0, 1.0 / RESOLUTION_M])
        draw_walls(earlier, field_m, frame)
        cosines, sines = cos_sin(np.arange(DIRECTIONS) * (2.0 * math.pi / DIRECTIONS))
        guesses = np.array([
            (radius * cosine, radius * sine, yaw)
            for radius in GUESSES_M
            for cosine, sine in zip(cosines, sines, strict=True)
            for yaw in (turned_rad, -turned_rad)
        ])  # fmt: skip
        found = np.empty((TRIED, 4))
        find_motion(points[::2].copy(), field_m, frame, guesses, np.diag(1.0 / np.square(PRIOR_SIGMA)), found)
        pose, information = found[int(np.argmin(found[:, 3])), :3].copy(), np.empty((3, 3))
        cost = refine(points, earlier, pose, information)
        spread = NOISE_M * NOISE_M * inverse(information + 1e-3 * np.eye(3))
        if cost > COST_MAX or spread[0, 0] + spread[1, 1] > UNSEEN_M * UNSEEN_M:
            return None
        # The way that the walls tell least: would the car fit in hardly worse a little further along it?
        across = 0.5 * math.atan2(2.0 * information[0, 1], information[0, 0] - information[1, 1])
        for step_m in (-RIVAL_M, RIVAL_M):
            rival = pose + step_m * np.array([-math.sin(across), math.cos(across), 0.0])
            if (
                refine(points, earlier, rival, information) < cost + RIVAL_COST
                and distance_m(rival, pose) > 0.3 * RIVAL_M
            ):
                return None
        return float(pose[0]), float(pose[1]), float(pose[2])


def distance_m(one: np.ndarray, other: np.ndarray) -> float:
    """Between two poses."""
    return math.sqrt((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2)


def rehearse() -> None:
    """Compile, or load, what the check needs: a tick has no time for that."""
    turn = np.arange(720) * (2.0 * math.pi / 720)
    cosines, sines = cos_sin(turn)
    before, after = View(), View()
    before.points = np.stack([2.0 * cosines, 1.5 * sines, np.full(720, 1.7)], axis=1)
    after.points = before.points - (0.2, 0.05, 0.0)
    free_along(before.points, 0.5, 0.2)
    after.motion_from(before, 0.1)


class FirstMetres:
    """The check of one car. Call `step` once a tick while `active`; then `command` is what it wants.

    car: `CarParameters.packed()` as believed. `finding`: what is wrong, in words; empty while nothing is.
    """

    def __init__(self, car: np.ndarray) -> None:
        self.wheelbase_m = float(car[P_FRONT] + car[P_REAR])
        self.rear_axle_m = float(car[P_REAR])
        self.nose_m, self.side_m = float(car[P_HALF_LENGTH]), float(car[P_HALF_WIDTH])
        self.swing_rad = min(SWING_RAD, float(car[P_STEER_MAX]))
        self.centre_max_rad = min(CENTRE_MAX_RAD, float(car[P_STEER_MAX]) - self.swing_rad)
        self.stage = Stage.LOOK
        self.finding = ""
        self.measured: Measured | None = None
        self.legs: list[Leg] = []
        self.command = Command(0.0, 0.0, FULL_BRAKE_A)
        self.view, self.before = View(), View()
        self._since_s = -math.inf  # of the stage; of standing in LOOK and HALT
        self._steer_rad = self._sent_rad = 0.0
        self._leg_m = LEG_M
        self._from_m = self._turned_rad = 0.0
        self._pushed = np.zeros(2)  # m/s, by the accelerometer
        self._ran_away = False
        self._rest = np.zeros(4)  # sums while standing: accelerations, yaw rate, samples

    @property
    def active(self) -> bool:
        """Whether there is something left to find out."""
        return self.stage is not Stage.DONE

    def step(self, now_s: float, elapsed_s: float, sent_steer_rad: float, vesc: VescReading, lidar: LidarReading,
             may_drive: bool) -> None:  # fmt: skip
        """Take in a tick. sent_steer_rad: what the servo was last told. may_drive: False while a fault stops the car."""
        if not self.active:
            return
        if self.stage is Stage.LOOK:
            self._look(now_s, vesc, lidar, may_drive)
            return
        rest = self._rest[:3] / max(1.0, self._rest[3])
        self._turned_rad += (vesc.yaw_rate_rad_s - rest[2]) * elapsed_s
        self._pushed += (np.array([vesc.accel_x_m_s2, vesc.accel_y_m_s2]) - rest[:2]) * elapsed_s
        stands = abs(vesc.erpm_speed_m_s) < STANDING_M_S
        if self.stage is Stage.AIM:
            self.command = Command(self._steer_rad, 0.0, FULL_BRAKE_A)
            self._pushed[:] = 0.0
            if not may_drive:
                self._since_s = now_s
            elif now_s - self._since_s > AIM_S:
                self._enter(Stage.ROLL, now_s)
        elif self.stage is Stage.ROLL:
            self.command = Command(self._steer_rad, SPEED_M_S)
            self._sent_rad = sent_steer_rad
            self._ran_away |= float((self._pushed**2).sum()) > RUNAWAY_M_S * RUNAWAY_M_S
            rolled = abs(vesc.tachometer_m - self._from_m) >= self._leg_m
            if rolled or self._ran_away or not may_drive or now_s - self._since_s > LEG_MAX_S:
                self._enter(Stage.HALT, now_s)
        elif self.stage is Stage.HALT:
            self.command = Command(self._steer_rad, 0.0, FULL_BRAKE_A)
            if not stands:
                self._since_s = now_s
            elif now_s - self._since_s > SETTLE_S:
                self._start_looking(now_s)

    def _enter(self, stage: Stage, now_s: float) -> None:
        self.stage, self._since_s = stage, now_s

    def _start_looking(self, now_s: float) -> None:
        self._enter(Stage.LOOK, now_s)
        self.view = View()
        self._rest[:] = 0.0

    def _look(self, now_s: float, vesc: VescReading, lidar: LidarReading, may_drive: bool) -> None:
        """Look around at rest; then judge the leg that ended here, and begin the next one."""
        self.command = Command(self.command.steer_rad, 0.0, FULL_BRAKE_A)
        if not may_drive or abs(vesc.erpm_speed_m_s) >= STANDING_M_S:
            self._start_looking(now_s)
            return
        if self._since_s == -math.inf:  # the first tick: a lidar may bring enough points at once, and not of all sides
            self._since_s = now_s
        self.view.add(lidar)
        self._rest += (vesc.accel_x_m_s2, vesc.accel_y_m_s2, vesc.yaw_rate_rad_s, 1.0)
        if now_s - self._since_s < LOOK_S or len(self.view.points) < POINTS_MIN:
            return
        if len(self.before.points):
            moved = self.view.motion_from(self.before, self._turned_rad)
            leg = Leg(self._sent_rad, vesc.tachometer_m - self._from_m, self._turned_rad, moved)
            if abs(leg.rolled_m) < ROLLED_MIN_M or self._ran_away:
                self._end(judge_wheels(leg, self._ran_away))
                return
            self.legs.append(leg)
        if len(self.legs) == 2:
            self.measured = measure(self.legs, self.wheelbase_m, self.rear_axle_m)
            self._end(judge(self.measured))
            return
        self._begin_leg(now_s, vesc)

    def _end(self, finding: str) -> None:
        self.finding = finding
        self.stage = Stage.DONE
        self.view = self.before = View()

    def _begin_leg(self, now_s: float, vesc: VescReading) -> None:
        """Choose where to steer: to one side of the way that is free, or to the other."""
        free_curvature, _ = choose(self.view.points, CURVATURES, 1, 0.0)
        centre = math.atan(self.wheelbase_m * free_curvature)
        centre = min(self.centre_max_rad, max(-self.centre_max_rad, centre))
        side = 1.0 if not self.legs else -1.0
        self._steer_rad = centre + side * self.swing_rad
        free_m = free_along(self.view.points, math.tan(self._steer_rad) / self.wheelbase_m, self.side_m + SIDE_GAP_M)
        self._leg_m = min(LEG_M, free_m - self.nose_m - GAP_M - STOPPING_M)
        if not self.view.looks_ahead:
            self._end(
                "the lidar does not look to where the car goes: its blind side is turned ahead; change mount_yaw_rad to how it "
                "lies on the car"
            )
            return
        if self._leg_m < LEG_MIN_M:
            self._end(
                f"the lidar sees no room ahead to try the car in: put it where {ROOM_M} m are free, and start again; if "
                "they are, mount_yaw_rad is wrong"
            )
            return
        self.before = self.view
        self._from_m, self._turned_rad = vesc.tachometer_m, 0.0
        self._enter(Stage.AIM, now_s)


def measure(legs: list[Leg], wheelbase_m: float, rear_axle_m: float) -> Measured:
    """What two legs say together."""
    first, second = legs
    expected = (math.tan(first.steer_rad) - math.tan(second.steer_rad)) / wheelbase_m
    curvatures = [leg.turned_rad / leg.rolled_m for leg in legs]
    response = (curvatures[0] - curvatures[1]) / expected
    aimed = 0.5 * (math.tan(first.steer_rad) + math.tan(second.steer_rad))
    trim = math.atan(0.5 * (curvatures[0] + curvatures[1]) * wheelbase_m - math.copysign(1.0, response) * aimed)
    seen = [leg.moved for leg in legs if leg.moved is not None]
    if len(seen) < len(legs):
        return Measured(response, None, None, None, trim)
    lidar_response = (seen[0][2] / first.rolled_m - seen[1][2] / second.rolled_m) / expected
    # The way of the centre of gravity: the rear axle's along the heading, and what the turn adds ahead of it. Seen and
    # expected as complex numbers, their ratio is a length and a direction.
    mirrored = -1.0 if lidar_response * response < 0.0 else 1.0
    real = imaginary = squares = 0.0
    for leg, (x, y, yaw) in zip(legs, seen, strict=True):
        y, yaw = mirrored * y, mirrored * yaw
        way_x = leg.rolled_m * math.cos(0.5 * yaw) + rear_axle_m * (math.cos(yaw) - 1.0)
        way_y = leg.rolled_m * math.sin(0.5 * yaw) + rear_axle_m * math.sin(yaw)
        real += x * way_x + y * way_y
        imaginary += y * way_x - x * way_y
        squares += way_x * way_x + way_y * way_y
    return Measured(
        response, lidar_response, math.sqrt(real * real + imaginary * imaginary) / squares,
        math.atan2(imaginary, real), trim,
    )  # fmt: skip


def judge_wheels(leg: Leg, ran_away: bool) -> str:
    """What is wrong where the wheels told of hardly any way, or the car speeded away."""
    way_m = 0.0 if leg.moved is None else math.sqrt(leg.moved[0] ** 2 + leg.moved[1] ** 2)
    if not ran_away and way_m < LEG_MIN_M:
        return "the wheels do not turn although the motor is told to: check the motor's cables and its setup"
    seen = f"went {way_m:.2f} m" if way_m > LEG_MIN_M else f"was pushed to more than {RUNAWAY_M_S} m/s"
    return f"the car {seen} while its wheels told of {leg.rolled_m:.2f} m at {SPEED_M_S} m/s: erpm_per_m_s is far too large"


def judge(m: Measured) -> str:
    """What is wrong with a car that showed this, and what to do about it; empty if nothing is."""
    if abs(m.response) < NO_RESPONSE:
        if m.lidar_response is not None and abs(m.lidar_response) > RESPONSE_MIN:
            return "the gyro does not measure how the car turns: check the IMU in VESC Tool"
        return (
            "the wheels do not follow the steering: check the servo's cable, and enable the servo output in VESC Tool"
        )
    backwards = m.lidar_yaw_rad is not None and abs(m.lidar_yaw_rad) > 0.5 * math.pi
    if m.response < 0.0:
        if m.lidar_response is not None and m.lidar_response > 0.0:
            return (
                "the gyro measures the car turning the other way than the lidar sees it: the IMU lies upside down; "
                "change imu_upside_down, or tell VESC Tool how it lies"
            )
        if m.lidar_response is not None and backwards:
            return "the motor runs backwards: change the sign of erpm_per_m_s, or invert its direction in VESC Tool"
        doubt = "" if m.lidar_response is not None else ", or the IMU lies upside down"
        return f"the steering is reversed (it turns {m.response:.2f} times as it should){doubt}: change the sign of servo_gain"
    if m.lidar_yaw_rad is not None and m.lidar_response is not None and m.wheels is not None:
        yaw_rad, side = m.lidar_yaw_rad, "left" if m.lidar_yaw_rad > 0.0 else "right"
        off = f"it sees the car go {abs(math.degrees(yaw_rad)):.0f} deg to the {side} of ahead"
        if m.lidar_response < 0.0:
            also = f"; then set mount_yaw_rad to {-yaw_rad:.2f} less its present value"
            return f"the lidar sees left and right exchanged: change mirrored{also if abs(yaw_rad) > LIDAR_YAW_MAX_RAD else ''}"
        if abs(yaw_rad) > LIDAR_YAW_MAX_RAD:
            return f"the lidar is turned on the car, {off}: add {-yaw_rad:+.2f} to mount_yaw_rad"
        if not 1.0 / WHEELS_MAX < m.wheels < WHEELS_MAX:
            return f"the car goes {m.wheels:.2f} times as far as its wheels tell: divide erpm_per_m_s by {m.wheels:.2f}"
    response = m.response / (m.wheels or 1.0)
    if not RESPONSE_MIN < response < RESPONSE_MAX:
        return f"the car turns {response:.2f} times as much as its steering should make it: divide servo_gain by {response:.2f}"
    if abs(m.trim_rad) > TRIM_MAX_RAD:
        return (
            f"told to point ahead the wheels point {m.trim_rad:+.2f} rad to the left: take servo_gain times "
            f"{m.trim_rad:+.2f} off servo_offset"
        )
    return ""
