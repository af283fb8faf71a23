"""Carries out a planned stop, feeling only wheels and gyro: the plan's commands for where the car is, not when.

Played by the clock alone, a plan meets a car that brakes harder or less than was thought, and in a slide turns more or
less: it leaves its corner sideways. How far it has come, and so which row it is at, the wheels say; how far it has turned
the gyro says, and what it turned too far is steered against. What is not measured is taken to go as planned.
"""

import math

import numpy as np

from drivers.base import VescReading
from robot.robots.car.shield.stop_plan import BRAKE, SERVO, TICK_S, TURNED, WAY

HEADING_GAIN = 0.6  # steering for each rad that the car points elsewhere than planned: about what its pursuit would do
CORRECTION_MAX_RAD = 0.4  # whatever a gyro says
LEAD_TICKS = 1.0  # that a command is given before its place: too early leaves room, too late does not
MEASURED_S = 0.06  # what is older is not measured
SLOW_M_S = 1.5  # from here on it brakes fully where the plan has ended,
LAST_M_S = 0.3  # and from here on anywhere: no slide can come of it


class StopFollower:
    """One stop by one plan, PLAN_SHAPE, from `ticks` after the plan was written: until then all went as planned."""

    def __init__(self, plan: np.ndarray, ticks: float) -> None:
        self._plan = plan
        self._rows = np.arange(len(plan))
        self._end = int(np.argmax(plan[:, WAY]))  # row in which the car creeps or stands; 0: no path was planned
        self._ticks = ticks
        self._row = min(len(plan) - 1.0, max(0.0, ticks - 1.0))  # where the car is on the plan,
        self._measured_row = self._row  # and was when the newest speed was measured,
        self._way_m = math.nan  # by then gone; not a number before anything was measured
        self._off_rad = 0.0  # turned, beyond what was planned for there

    def _planned(self, column: int, row: float) -> float:
        return float(np.interp(row, self._rows, self._plan[:, column]))

    def _row_at(self, way_m: float) -> float:
        return float(np.interp(way_m, self._plan[: self._end + 1, WAY], self._rows[: self._end + 1]))

    def command(self, ticks: float, reading: VescReading | None) -> tuple[float, float]:
        """(servo_rad, brake_a) to be sent `ticks` after the plan was written; reading: None where nothing answers."""
        elapsed, self._ticks = ticks - self._ticks, ticks
        if self._end == 0:
            row = min(len(self._plan), max(1, round(ticks))) - 1
            return float(self._plan[row, SERVO]), float(self._plan[row, BRAKE])
        measured_before = self._measured_row
        rolls = reading is not None and reading.values_age_s < MEASURED_S and math.isfinite(reading.erpm_speed_m_s)
        if reading is not None and rolls:
            since_m = reading.values_age_s * reading.erpm_speed_m_s
            begun = math.isfinite(self._way_m)
            before_m = self._way_m if begun else self._planned(WAY, self._row) - since_m
            self._way_m = before_m + TICK_S * elapsed * reading.erpm_speed_m_s
            self._measured_row = self._row_at(self._way_m)
            self._row = self._row_at(self._way_m + since_m)
            measured_before = measured_before if begun else self._row_at(before_m)
        else:
            self._row = min(self._end, self._row + elapsed)
            self._measured_row = min(self._end, self._measured_row + elapsed)
            self._way_m = max(self._way_m, self._planned(WAY, self._measured_row))
        if reading is not None and reading.imu_age_s < MEASURED_S and math.isfinite(reading.yaw_rate_rad_s):
            planned_rad = self._planned(TURNED, self._measured_row) - self._planned(TURNED, measured_before)
            self._off_rad += TICK_S * elapsed * reading.yaw_rate_rad_s - planned_rad
        due = min(self._end, self._row + LEAD_TICKS)
        back_rad = min(CORRECTION_MAX_RAD, max(-CORRECTION_MAX_RAD, HEADING_GAIN * self._off_rad))
        brake_a = float(self._plan[int(due), BRAKE])
        slow_m_s = SLOW_M_S if self._row >= self._end else LAST_M_S
        if reading is not None and rolls and abs(reading.erpm_speed_m_s) < slow_m_s:
            brake_a = float(self._plan[-1, BRAKE])
        return self._planned(SERVO, due) - back_rad, brake_a
