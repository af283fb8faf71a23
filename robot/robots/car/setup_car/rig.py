"""A car of which nothing is known: its devices in their own units, moved slowly, and stopped whatever happens.

The servo is told a position, 0 to 1; speeds and ways are what the wheels would make by the robot's file; lidar and IMU
are in axes of their own. While nobody knows where on the car the lidar sits, nothing may come nearer to it than a car
could reach: it may look in any direction, from any place near the middle of the body.
"""

import math
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import numpy as np

from drivers.base import LidarReading, VescReading
from drivers.vesc import Vesc, VescLimits, VescSettings
from drivers.vesc_protocol import fault_name
from robot.commissioning.steps import SetupError
from robot.commissioning.undisturbed import undisturbed
from robot.robots.car.demonstration.looking_round import View
from robot.runtime.clock import Clock
from sim.car.model import CarParameters

TICK_S = 0.02
BRAKE_A = 12.0  # gently: wheels that lock tell nothing
MOUNT_UNSURE_M = 0.2  # how far from the body's middle a lidar may sit
STOPPING_M = 0.12  # from the tick in which something comes too near, with the longest delay
NEAR_POINTS = 4  # so many points make a thing: one alone may be dust
RECENT_S = 0.25  # a revolution of the slowest lidar
STALE_S = 0.3
RUNAWAY_M_S = 1.2  # by the wheels, of a car that was told 0.5
STANDING_M_S = 0.05
SETTLE_S, LOOK_S = 0.2, 0.4
REST_MAX_S = 3.0
START_S = 30.0  # for a lidar that has just got its power


@dataclass(frozen=True)
class Row:
    """One tick. servo: position told; told_m_s: speed; 0: brakes. The rest as `VescReading`, by the file's gains."""

    time_s: float
    servo: float
    told_m_s: float
    vesc: VescReading


class Rig:
    """The car's devices, opened. Use as a context: it leaves with standing wheels.

    motor, lidar: drivers' settings of the robot's file. car: body and axles as believed.
    """

    def __init__(self, motor: VescSettings, lidar: Any, car: CarParameters, clock: Clock) -> None:
        self.file, self.clock = motor, clock
        raw = replace(motor, servo_gain=1.0, servo_offset=0.5, servo_min=0.0, servo_max=1.0, imu_upside_down=False,
                      imu_yaw_rad=0.0)  # fmt: skip
        self.vesc = Vesc(raw, clock, VescLimits(steer_max_rad=0.5, brake_current_a=BRAKE_A))
        self.lidar = lidar
        self.reach_m = math.hypot(car.half_length_m, car.half_width_m) + MOUNT_UNSURE_M
        self.rows: list[Row] = []
        self.reading = VescReading()
        self._points: LidarReading | None = None
        self._servo = motor.servo_offset
        self._recent: list[tuple[float, np.ndarray]] = []

    def __enter__(self) -> "Rig":
        """Open both devices and wait until both speak. Raises LinkLost, SetupError."""
        self.vesc.open()
        try:
            self.lidar.open()
            begin_s = self.clock.now()
            while not (self.vesc.firmware and self._fresh and self._recent):
                self._wait()
                if self.vesc.too_old or self.clock.now() - begin_s > START_S:
                    raise SetupError(self.vesc.trouble() or self.lidar.trouble() or "the lidar sends no points")
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    @undisturbed()
    def _release(self) -> None:
        """Brake until the wheels stand, for a while, whoever interrupts; then let go of both devices. Never raises."""
        try:
            begin_s = self.clock.now()
            while self.clock.now() - begin_s < REST_MAX_S:
                self.vesc.brake(BRAKE_A)
                self._wait()
                if self._fresh and abs(self.reading.erpm_speed_m_s) < STANDING_M_S:
                    break
        except ConnectionError:
            pass  # the device is gone, or the virtual car's process: nobody is left to be told
        finally:
            self.vesc.stop()
            self.lidar.stop()
            self.vesc.close()
            self.lidar.close()

    @property
    def _fresh(self) -> bool:
        return max(self.reading.values_age_s, self.reading.imu_age_s) < STALE_S

    def _wait(self) -> None:
        """Let a tick pass and take in what the devices say."""
        self.clock.sleep_until(self.clock.now() + TICK_S)
        self.reading = self.vesc.read()
        self._points = points = self.lidar.read()
        now = self.clock.now()
        if len(seen := points.distance_m[points.distance_m > 0.0]):
            self._recent.append((now, seen))
        self._recent = [entry for entry in self._recent if now - entry[0] < RECENT_S]

    def tick(self, servo: float, speed_m_s: float) -> Row:
        """Tell the car something and let a tick pass. speed_m_s: by the file's gain; 0 brakes.

        Raises SetupError where the car is not fit to go on: silent, faulty, too fast. LinkLost: a cable.
        """
        self._servo = servo
        if speed_m_s == 0.0:
            self.vesc.brake(BRAKE_A, servo - 0.5)
        else:
            self.vesc.write(servo - 0.5, speed_m_s)
        told_s = self.clock.now()
        self._wait()
        reading = self.reading
        if reading.fault_code:
            raise SetupError(f"the motor controller reports a fault: {fault_name(reading.fault_code)}")
        if not self._fresh:
            raise SetupError(self.vesc.trouble() or f"the motor controller has not answered for {STALE_S} s")
        if self._points is None or self._points.scan_age_s > STALE_S:
            raise SetupError(self.lidar.trouble() or f"the lidar has sent no points for {STALE_S} s")
        if abs(reading.erpm_speed_m_s) > RUNAWAY_M_S:
            raise SetupError(
                f"the wheels turn at {reading.erpm_speed_m_s:.1f} m/s although they were told {speed_m_s} m/s"
            )
        row = Row(told_s, servo, speed_m_s, reading)
        self.rows.append(row)
        return row

    @property
    def nearest_m(self) -> float:
        """Distance to the nearest thing around the lidar, in any direction."""
        seen = np.concatenate([entry[1] for entry in self._recent]) if self._recent else np.empty(0)
        if len(seen) < NEAR_POINTS:
            raise SetupError("the lidar sees nothing around it: is it covered?")
        return float(np.partition(seen, NEAR_POINTS - 1)[NEAR_POINTS - 1])

    @property
    def room_m(self) -> float:
        """How far the car may go, in any direction."""
        return self.nearest_m - self.reach_m - STOPPING_M

    def stand(self) -> View:
        """Brake until the car stands, and look around."""
        begin_s = still_s = self.clock.now()
        view = View()
        while self.clock.now() - still_s < SETTLE_S + LOOK_S:
            self.tick(self._servo, 0.0)
            now = self.clock.now()
            if abs(self.reading.erpm_speed_m_s) >= STANDING_M_S:
                still_s = now
                view = View()
            elif now - still_s > SETTLE_S and self._points is not None:
                view.add(self._points)
            if now - begin_s > REST_MAX_S:
                raise SetupError("the wheels do not come to rest although they are braked")
        return view

    def aim(self, servo: float, seconds: float) -> None:
        """Turn the front wheels, at rest."""
        begin_s = self.clock.now()
        while self.clock.now() - begin_s < seconds:
            self.tick(servo, 0.0)
