"""What is wrong, if anything: a tick's inputs become a set of flags. The supervisor decides what follows from them.

`Monitors` remembers only what it was shown, so the same inputs give the same flags, on the robot and in a replay.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from drivers.base import LidarReading, VescReading
from drivers.vesc import GRAVITY_M_S2

VESC_STALE_S = 0.2
IMU_STALE_S = 0.2
LIDAR_STALE_S = 0.3
VALUES_FROZEN_S = 0.3  # the wheel speed carries noise: the same bits for so long, while it should move, are no news
MOVING_M_S = 0.3
LIDAR_SECTORS = 2880  # finer than the beams of any lidar: two beams in one would never be the same
LIDAR_FROZEN_POINTS = 200
LIDAR_FROZEN_SHARE = 0.8
LATE_S = 0.01
DEADLINE_WINDOW_TICKS = 100
DEADLINE_MISSES = 10  # in the window
BATTERY_FILTER_S = 5.0
BATTERY_LOW_ABOVE_EMPTY_V = 0.6
IMPACT_SHARE = 1.75  # of what the tyres give in any direction
IMPACT_MIN_M_S = 0.25  # speed lost
GRIP_LEAST = 1.0  # brakes and their loop shake the chassis as much on a slippery floor
TOUCHING_M = -0.06  # estimated room between body and wall; the estimate itself is good for a few centimetres
STUCK_S = 1.0
STUCK_COMMAND_M_S = 0.4
STUCK_MOVED_M = 0.1
LEARNER_SILENT_S = 10.0


class Flag(IntFlag):
    """Everything that can be noticed in a tick."""

    NONE = 0
    EMERGENCY = 1 << 0
    NOT_FINITE = 1 << 1
    VESC_LOST = 1 << 2
    LIDAR_LOST = 1 << 3
    VALUES_STALE = 1 << 4
    IMU_STALE = 1 << 5
    LIDAR_STALE = 1 << 6
    VALUES_FROZEN = 1 << 7
    LIDAR_FROZEN = 1 << 8
    DEADLINE = 1 << 9
    VESC_FAULT = 1 << 10
    BATTERY_LOW = 1 << 11
    BATTERY_EMPTY = 1 << 12
    POSE_LOST = 1 << 13
    COLLISION = 1 << 14
    STUCK = 1 << 15
    OFF_COURSE = 1 << 16
    LEARNER_SILENT = 1 << 17
    RECOVERED = 1 << 18  # raised by the recovery, not by a monitor
    RECOVERY_FAILED = 1 << 19
    CORNERED = 1 << 20
    BLOCKED = 1 << 21
    GIVES_WAY = 1 << 22  # raised by whoever lets the car roll back before what blocks it
    HELD = 1 << 24  # told to stand for a while
    EYES_LOST = 1 << 25  # raised by a car with a camera
    EYES_STALE = 1 << 26


@dataclass(frozen=True, slots=True)
class TickInputs:
    """What the monitors look at in one tick."""

    now_s: float
    vesc: VescReading
    lidar: LidarReading
    vesc_up: bool
    lidar_up: bool
    late_s: float  # how late the tick began
    missed_ticks: int  # since the start
    sent_speed_m_s: float  # of the last tick; 0 when braking
    x: float  # estimate, m
    y: float
    pose_lost: bool
    room_m: float = math.inf  # estimated, between body and wall; infinite where no wall is known
    backwards: bool = False  # facing against the course
    cornered: bool = False  # slow already, and the predictive brake finds no way that keeps off the walls
    blocked: bool = False  # something that the map does not have stands in the way
    gives_way: bool = False  # rolling back before it
    emergency: bool = False
    held: bool = False
    learner_age_s: float = 0.0  # of the weights in use; 0 without a learner
    grip: float = 1.05  # friction coefficient that the car is believed to have
    numbers: tuple[float, ...] = ()  # whatever else must be finite: estimate, action


def all_finite(values: Iterable[float]) -> bool:
    """True if none of the values is infinite or not a number."""
    return all(map(math.isfinite, values))


class Monitors:
    """The monitors of one robot. `check` once a tick."""

    def __init__(self, empty_v: float = 9.6) -> None:
        """empty_v: battery voltage below which the robot stops."""
        self._empty_v = empty_v
        self._voltage = 0.0
        self._voltage_s = 0.0
        self._last_values = (0.0, 0.0, 0.0)
        self._changed_s = -math.inf
        self._speed, self._speed_s = 0.0, -math.inf
        self._sectors = np.full(LIDAR_SECTORS, -1.0, np.float32)
        self._same = self._seen = 0
        self._lidar_frozen = False
        self._misses: deque[int] = deque([0] * DEADLINE_WINDOW_TICKS, DEADLINE_WINDOW_TICKS)
        self._missed_ticks = 0
        self._trail: deque[tuple[float, float, float, float]] = deque()

    def check(self, tick: TickInputs) -> Flag:
        """The flags of this tick."""
        vesc = tick.vesc
        readings = (vesc.erpm_speed_m_s, vesc.motor_current_a, vesc.input_voltage_v, vesc.tachometer_m,
                    vesc.accel_x_m_s2, vesc.accel_y_m_s2, vesc.yaw_rate_rad_s)  # fmt: skip
        raised = {
            Flag.EMERGENCY: tick.emergency,
            Flag.HELD: tick.held,
            Flag.NOT_FINITE: not all_finite((*readings, tick.x, tick.y, *tick.numbers)),
            Flag.VESC_LOST: not tick.vesc_up,
            Flag.LIDAR_LOST: not tick.lidar_up,
            Flag.VALUES_STALE: not vesc.values_age_s <= VESC_STALE_S,
            Flag.IMU_STALE: not vesc.imu_age_s <= IMU_STALE_S,
            Flag.LIDAR_STALE: not tick.lidar.scan_age_s <= LIDAR_STALE_S,
            Flag.VALUES_FROZEN: self._values_frozen(tick),
            Flag.LIDAR_FROZEN: self._is_lidar_frozen(tick),
            Flag.DEADLINE: self._misses_deadlines(tick),
            Flag.VESC_FAULT: vesc.fault_code != 0,
            Flag.POSE_LOST: tick.pose_lost,
            Flag.COLLISION: self._hit(tick),
            Flag.STUCK: self._stuck(tick),
            Flag.OFF_COURSE: tick.room_m < TOUCHING_M or tick.backwards,
            Flag.CORNERED: tick.cornered,
            Flag.BLOCKED: tick.blocked,
            Flag.GIVES_WAY: tick.gives_way,
            Flag.LEARNER_SILENT: tick.learner_age_s > LEARNER_SILENT_S,
        }
        return Flag(sum(int(flag) for flag, is_raised in raised.items() if is_raised)) | self._battery(tick)

    def _values_frozen(self, tick: TickInputs) -> bool:
        """Fresh by their age, but always the same bits, while the car drives or is told to."""
        values = (tick.vesc.erpm_speed_m_s, tick.vesc.motor_current_a, tick.vesc.accel_x_m_s2)
        driving = max(abs(values[0]), abs(tick.sent_speed_m_s)) > MOVING_M_S
        if values != self._last_values or not driving or tick.vesc.values_age_s > VESC_STALE_S:
            self._last_values, self._changed_s = values, tick.now_s
        return tick.now_s - self._changed_s > VALUES_FROZEN_S

    def _is_lidar_frozen(self, tick: TickInputs) -> bool:
        """The same distances in the same directions as when it last looked there, though the car has moved on."""
        lidar = tick.lidar
        if len(lidar.distance_m) == 0:
            return self._lidar_frozen and tick.lidar_up
        sector = ((lidar.angle_rad + math.pi) * (LIDAR_SECTORS / (2 * math.pi))).astype(np.int64) % LIDAR_SECTORS
        returned = lidar.distance_m > 0.0
        same = returned & (self._sectors[sector] == lidar.distance_m)
        self._sectors[sector] = lidar.distance_m
        if abs(tick.vesc.erpm_speed_m_s) > MOVING_M_S:
            self._same += int(np.count_nonzero(same))
            self._seen += int(np.count_nonzero(returned))
        else:
            self._same = self._seen = 0
            if self._lidar_frozen and np.any(returned & ~same):
                self._lidar_frozen = False  # even at rest, a lidar that lives has noise
        if self._seen >= LIDAR_FROZEN_POINTS:
            self._lidar_frozen = self._same >= LIDAR_FROZEN_SHARE * self._seen
            self._same = self._seen = 0
        return self._lidar_frozen

    def _misses_deadlines(self, tick: TickInputs) -> bool:
        missed, self._missed_ticks = tick.missed_ticks - self._missed_ticks, tick.missed_ticks
        self._misses.append(missed + (tick.late_s > LATE_S))
        return sum(self._misses) >= DEADLINE_MISSES

    def _battery(self, tick: TickInputs) -> Flag:
        """The voltage sags under load, so it is filtered."""
        voltage = tick.vesc.input_voltage_v
        if not (tick.vesc.values_age_s <= VESC_STALE_S and math.isfinite(voltage)):
            return Flag.NONE
        elapsed = tick.now_s - self._voltage_s if self._voltage > 0.0 else math.inf
        self._voltage += (voltage - self._voltage) * min(1.0, elapsed / BATTERY_FILTER_S)
        self._voltage_s = tick.now_s
        if self._voltage < self._empty_v:
            return Flag.BATTERY_EMPTY
        return Flag.BATTERY_LOW if self._voltage < self._empty_v + BATTERY_LOW_ABOVE_EMPTY_V else Flag.NONE

    def _hit(self, tick: TickInputs) -> bool:
        """An acceleration that tyres cannot cause: felt by the IMU beside that of the corner, or seen in the wheels' speed.

        A corner is no impact, however hard: the car turns as fast as it accelerates sideways. A car that spins turns faster than that.
        """
        vesc = tick.vesc
        impact_m_s2 = IMPACT_SHARE * max(tick.grip, GRIP_LEAST) * GRAVITY_M_S2
        cornering = vesc.erpm_speed_m_s * vesc.yaw_rate_rad_s
        felt_aside = vesc.accel_y_m_s2
        sideways = max(0.0, felt_aside - max(0.0, cornering), min(0.0, cornering) - felt_aside)
        felt_m_s2 = math.sqrt(vesc.accel_x_m_s2 * vesc.accel_x_m_s2 + sideways * sideways)
        felt = vesc.imu_age_s <= IMU_STALE_S and felt_m_s2 > impact_m_s2
        measured_s = tick.now_s - vesc.values_age_s
        lost, elapsed = abs(self._speed) - abs(vesc.erpm_speed_m_s), measured_s - self._speed_s
        seen = lost > max(IMPACT_MIN_M_S, impact_m_s2 * elapsed) and elapsed > 0.0
        if measured_s > self._speed_s:
            self._speed, self._speed_s = vesc.erpm_speed_m_s, measured_s
        return felt or seen

    def _stuck(self, tick: TickInputs) -> bool:
        """Told to drive for a while, and still at the same place."""
        if abs(tick.sent_speed_m_s) < STUCK_COMMAND_M_S:
            self._trail.clear()
            return False
        self._trail.append((tick.now_s, tick.vesc.tachometer_m, tick.x, tick.y))
        while len(self._trail) > 1 and self._trail[1][0] <= tick.now_s - STUCK_S:
            self._trail.popleft()
        since_s, tachometer, x, y = self._trail[0]
        if tick.now_s - since_s < STUCK_S:
            return False
        rolled = abs(tick.vesc.tachometer_m - tachometer)
        went = rolled if tick.pose_lost else math.sqrt((tick.x - x) ** 2 + (tick.y - y) ** 2)
        return min(rolled, went) < STUCK_MOVED_M
