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
from robot.demonstration.gap_follower import CURVATURES, choose, room_along
from robot.estimation.growing_field import KNOWN_M, insert
from robot.estimation.scan_matching import deskew, match, normal_equations
from robot.safety.supervisor import FULL_BRAKE_A, Command
from sim.car import P_FRONT, P_HALF_LENGTH, P_REAR, P_STEER_MAX
from sim.portable_math import cos_sin

SPEED_M_S = 0.5
LEG_M, LEG_MIN_M = 0.25, 0.1  # by the wheels, until the brakes are asked for; shorter ones say too little
STOPPING_M = 0.12  # from then on, with the longest latency
GAP_M = 0.1  # to be left between the nose and what is ahead
SWING_RAD = 0.2  # to either side of the free way
CENTRE_MAX_RAD = 0.15
AIM_S = 0.45  # for the wheels to turn at rest
LOOK_S = 0.25  # more than a revolution of the slowest lidar
SETTLE_S = 0.15  # standing, before looking
LEG_MAX_S = 2.5
STANDING_M_S = 0.05
RUNAWAY_M_S = 1.2  # by the accelerometer alone: much faster than asked for
POINTS_MIN, POINTS_USED = 150, 400
HALF_EXTENT_M, RESOLUTION_M = 8.0, 0.05  # of the view that is matched
GUESSES_M, DIRECTIONS = (0.0, 0.12, 0.25, 0.4, 0.6), 16
PRIOR_SIGMA = (0.2, 0.2, 0.2)  # m, m, rad: about a guess
COARSE_M, FINE_M = 0.2, 0.08  # robust scales
ITERATIONS = 12
SHARE_MIN = 0.7  # of points that lie on walls, for a match to count
RIVAL_M, RIVAL_COST = 0.08, 1.25  # another match so far away that costs little more: the walls do not tell

RESPONSE_MIN, RESPONSE_MAX = 0.5, 1.8  # turning, as a multiple of what the steering should give
NO_RESPONSE = 0.25
WHEELS_MAX = 1.2  # by how much wheels and lidar may differ, either way
LIDAR_YAW_MAX_RAD = math.radians(8.0)
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
def find_motion(points, field_m, frame, guesses, prior, found):
    """Match points (k, 3) with a view from each of guesses (n, 3: x, y, yaw); poses and costs come in found (n, 4)."""
    information, slope = np.empty((3, 3)), np.empty(3)
    count = points.shape[0]
    for i in range(guesses.shape[0]):
        pose = guesses[i].copy()
        for robust_m in (COARSE_M, FINE_M):
            match(points, count, pose, prior, field_m, frame, robust_m, math.inf, ITERATIONS, information)
        found[i, :3] = pose
        found[i, 3] = normal_equations(
            points, count, pose[0], pose[1], pose[2], field_m, frame, FINE_M, math.inf, information, slope
        )[0]


class View:
    """What the lidar sees from where the car stands."""

    def __init__(self) -> None:
        self.points = np.empty((0, 3))
        self._one = np.empty((LIDAR_POINTS_MAX, 3))

    def add(self, lidar: LidarReading) -> None:
        """A tick's points, of a car at rest."""
        count = deskew(lidar.angle_rad, lidar.distance_m, lidar.age_s, 0.0, 0.0, 0.0, self._one)
        self.points = np.concatenate([self.points, self._one[:count]])

    def motion_from(self, before: "View", turned_rad: float) -> tuple[float, float, float] | None:
        """How the car has moved since an earlier view (x, y, yaw in that view's frame); None if the walls do not tell.

        turned_rad: by the gyro, whose sign is not believed.
        """
        cells = round(2.0 * HALF_EXTENT_M / RESOLUTION_M)
        field_m = np.full((cells, cells), KNOWN_M, np.float32)
        frame = np.array([-HALF_EXTENT_M, -HALF_EXTENT_M, 1.0, 0.0, 1.0 / RESOLUTION_M])
        insert(field_m, frame, before.points, len(before.points), 0.0, 0.0, 0.0)
        near = self.points[self.points[:, 2] < HALF_EXTENT_M - max(GUESSES_M) - KNOWN_M]
        if len(near) < POINTS_MIN:
            return None
        points = np.ascontiguousarray(near[:: max(1, len(near) // POINTS_USED)])
        cosines, sines = cos_sin(np.arange(DIRECTIONS) * (2.0 * math.pi / DIRECTIONS))
        guesses = np.array([
            (radius * cosine, radius * sine, yaw)
            for radius in GUESSES_M
            for cosine, sine in zip(cosines, sines, strict=True)
            for yaw in (turned_rad, -turned_rad)
        ])  # fmt: skip
        found = np.empty((len(guesses), 4))
        find_motion(points, field_m, frame, guesses, np.diag(1.0 / np.square(PRIOR_SIGMA)), found)
        best = found[int(np.argmin(found[:, 3]))]
        apart = found[:, :2] - best[:2]
        rivals = np.sqrt(apart[:, 0] ** 2 + apart[:, 1] ** 2) > RIVAL_M
        if np.any(found[rivals, 3] < RIVAL_COST * best[3]):
            return None
        on_wall, judged = match(
            points, len(points), best[:3].copy(), np.eye(3), field_m, frame, FINE_M, math.inf, 1, np.empty((3, 3))
        )
        return (float(best[0]), float(best[1]), float(best[2])) if on_wall > SHARE_MIN * judged else None


class FirstMetres:
    """The check of one car. Call `step` once a tick while `active`; then `command` is what it wants.

    car: `CarParameters.packed()` as believed. `finding`: what is wrong, in words; empty while nothing is.
    """

    def __init__(self, car: np.ndarray) -> None:
        self.wheelbase_m = float(car[P_FRONT] + car[P_REAR])
        self.rear_axle_m = float(car[P_REAR])
        self.nose_m = float(car[P_HALF_LENGTH])
        self.swing_rad = min(SWING_RAD, float(car[P_STEER_MAX]))
        self.centre_max_rad = min(CENTRE_MAX_RAD, float(car[P_STEER_MAX]) - self.swing_rad)
        self.stage = Stage.LOOK
        self.finding = ""
        self.skipped = False  # there was no room
        self.measured: Measured | None = None
        self.legs: list[Leg] = []
        self.command = Command(0.0, 0.0, FULL_BRAKE_A)
        self.view, self.before = View(), View()
        self._since_s = -math.inf  # of the stage; of standing in LOOK and HALT
        self._steer_rad = self._sent_rad = 0.0
        self._leg_m = LEG_M
        self._from_m = self._turned_rad = 0.0
        self._pushed = np.zeros(2)  # m/s, by the accelerometer
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
            runaway = float(self._pushed @ self._pushed) > RUNAWAY_M_S * RUNAWAY_M_S
            rolled = abs(vesc.tachometer_m - self._from_m) >= self._leg_m
            if rolled or runaway or not may_drive or now_s - self._since_s > LEG_MAX_S:
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
        self.view.add(lidar)
        self._rest += (vesc.accel_x_m_s2, vesc.accel_y_m_s2, vesc.yaw_rate_rad_s, 1.0)
        if now_s - self._since_s < LOOK_S or len(self.view.points) < POINTS_MIN:
            return
        if self._leg_m_begun:
            rolled_m = vesc.tachometer_m - self._from_m
            if abs(rolled_m) < LEG_MIN_M / 2.0 and float(self._pushed @ self._pushed) < 1.0:
                self._end(
                    "the wheels do not turn although the motor is told to: check the motor's cables and its setup"
                )
                return
            moved = self.view.motion_from(self.before, self._turned_rad)
            self.legs.append(Leg(self._sent_rad, rolled_m, self._turned_rad, moved))
        if len(self.legs) == 2:
            self.measured = measure(self.legs, self.wheelbase_m, self.rear_axle_m)
            self._end(judge(self.measured))
            return
        self._begin_leg(now_s, vesc)

    @property
    def _leg_m_begun(self) -> bool:
        return len(self.before.points) > 0

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
        _, free_m = room_along(self.view.points, math.tan(self._steer_rad) / self.wheelbase_m)
        self._leg_m = min(LEG_M, free_m - self.nose_m - GAP_M - STOPPING_M)
        if self._leg_m < LEG_MIN_M:
            self.skipped = True
            self._end("")
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
                "tell VESC Tool how it lies"
            )
        if m.lidar_response is not None and backwards:
            return "the motor runs backwards: invert its direction in VESC Tool"
        doubt = "" if m.lidar_response is not None else ", or the IMU lies upside down"
        return f"the steering is reversed (it turns {m.response:.2f} times as it should){doubt}: change the sign of servo_gain"
    if m.lidar_yaw_rad is not None and m.lidar_response is not None and m.wheels is not None:
        turned = (
            f"it is turned by {math.degrees(m.lidar_yaw_rad):.0f} deg: take {m.lidar_yaw_rad:.2f} off mount_yaw_rad"
        )
        if m.lidar_response < 0.0:
            there = f", and {turned}" if abs(m.lidar_yaw_rad) > LIDAR_YAW_MAX_RAD else ""
            return f"the lidar sees left and right exchanged: change mirrored{there}"
        if abs(m.lidar_yaw_rad) > LIDAR_YAW_MAX_RAD:
            return f"the lidar does not look where the file says: {turned}"
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
