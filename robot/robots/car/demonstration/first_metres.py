"""Before anything is driven: half a metre, slowly, that shows whether the car is wired as its file says.

Two legs of LEG_M, one steering left of where the way is free, one right of it; before, between and after them the car
stands and looks around. Three things measure each leg by themselves: wheels (how far), gyro (how much turned) and the
lidar, by matching the view after it with the view before it (`looking_round.py`: how far, where to, how much turned). What does
not fit together is a mistake in the car's file or on the car, and two that agree tell which of the three is wrong
(`wiring.py`):

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
from enum import IntEnum

import numpy as np
from numba import njit

from drivers.base import LidarReading, VescReading
from robot.robots.car.demonstration.gap_follower import CURVATURES, choose
from robot.robots.car.demonstration.looking_round import View
from robot.robots.car.demonstration.wiring import (
    LEG_MIN_M,
    RUNAWAY_M_S,
    SPEED_M_S,
    Leg,
    Measured,
    judge,
    judge_wheels,
    measure,
)
from robot.robots.car.shield.supervision import FULL_BRAKE_A, Command
from sim.car.model import P_FRONT, P_HALF_LENGTH, P_HALF_WIDTH, P_REAR, P_STEER_MAX
from sim.portable_math import cos_sin

ROLLED_MIN_M = 0.06  # in a leg; wheels that tell less do not turn, or tell it wrongly
LEG_M = 0.25  # by the wheels, until the brakes are asked for
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
POINTS_MIN = 150


class Stage(IntEnum):
    """What the check is doing."""

    LOOK = 0
    AIM = 1
    ROLL = 2
    HALT = 3
    DONE = 4


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
