"""The quadrotor's devices, as the control loop sees them: the Crazyflie, and the motion capture that tells it its place."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from drivers.base import LinkLost
from drivers.crazyflie import Crazyflie, CrazyflieSettings
from drivers.reading_record import fill, fill_text, forget
from robot.robots.quadrotor.app_words import FIELDS, LOGGED, PARAMETERS
from robot.robots.quadrotor.motion_capture import MotionCapture, MotionCaptureSettings
from robot.robots.quadrotor.records import ARM_MOTORS, KEEP, POSITION, RATES
from robot.robots.robot_file import CrazyflieLink
from robot.runtime.clock import Clock
from robot.runtime.robot import Device


class CrazyflieDevice:
    """The drone. A flight whose link broke is over: the drone comes down by itself, and nobody connects again."""

    def __init__(self, driver: Crazyflie) -> None:
        self.driver = driver
        self.lost = ""  # why the link is
        self.open, self.close, self.stop = driver.open, driver.close, driver.stop

    def check(self) -> None:
        """What app it carries, and whether it is fit, the mission looks at."""

    def read(self, record: np.ndarray) -> None:
        driver = self.driver
        try:
            reading = driver.read()
            fill(record, reading)
            for name in LOGGED:
                record[FIELDS[name]] = reading.extra.get(name, math.nan)
            for name in PARAMETERS:
                record[FIELDS[name]] = driver.parameter(name) if driver.has_parameter(name) else math.nan
            fill_text(record["firmware"], driver.firmware)
            fill_text(record["trouble"], driver.trouble())
        except LinkLost as error:
            self.lost = str(error)
            fill_text(record["trouble"], self.lost)
            raise

    def absent(self, record: np.ndarray) -> None:
        forget(record)
        fill_text(record["trouble"], self.lost)

    def write(self, outputs: np.ndarray) -> None:
        """Set-point first, then parameters, and what ends a flight last."""
        command, driver = outputs["command"], self.driver
        try:
            if command["sends"] == POSITION:
                driver.write(tuple(command["position_m"].tolist()), 0.0)
            elif command["sends"] == RATES:
                driver.write_rates(tuple(command["rate_rad_s"].tolist()), float(command["thrust"]))
            for name in PARAMETERS:
                value = float(command[FIELDS[name]])
                if not math.isnan(value):
                    driver.set_parameter(name, value)
            if command["land"]:
                driver.land(float(command["ground_m"]))
            if command["cut"]:
                driver.cut()
            if command["motors"] != KEEP:
                driver.arm(bool(command["motors"] == ARM_MOTORS))
        except LinkLost as error:
            self.lost = str(error)
            raise

    def reconnect(self) -> bool:
        return False


class MotionCaptureDevice:
    """What forwards poses to the drone. begin: makes it; raises ValueError if its port or file cannot be opened."""

    def __init__(self, begin: Callable[[], MotionCapture]) -> None:
        self._begin = begin
        self._capture: MotionCapture | None = None
        self._airborne = False

    def open(self) -> None:
        self._capture = self._begin().__enter__()

    def check(self) -> None:
        """Whether poses come, the mission looks at."""

    def read(self, record: np.ndarray) -> None:
        capture = self._capture
        if capture is None:
            raise LinkLost("motion capture: not open")
        record["pose_age_s"], record["moved_age_s"] = capture.pose_age_s, capture.moved_age_s
        fill_text(record["trouble"], capture.trouble(self._airborne))

    def absent(self, record: np.ndarray) -> None:
        forget(record)

    def write(self, outputs: np.ndarray) -> None:
        """It has to know when the drone flies: a pose that stays the same is wrong from then on."""
        self._airborne = bool(outputs["figures"]["airborne"])

    def reconnect(self) -> bool:
        return False

    def stop(self) -> None:
        """Poses go on for as long as the drone is in the air."""

    def close(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.close()


def devices_of(link: CrazyflieLink, uri: str, tick_s: float, clock: Clock) -> dict[str, Device]:
    """Those of a robot's file; uri: of the drone, which may be a virtual one."""
    settings = CrazyflieSettings(
        uri, reach_m=link.reach_m, height_max_m=link.height_max_m, log_period_ms=round(1000 * tick_s), extra=LOGGED
    )
    driver = Crazyflie(settings, clock)
    devices: dict[str, Device] = {"crazyflie": CrazyflieDevice(driver)}
    if (told := link.motion_capture) is not None:
        file = Path(told.file) if told.file else None
        source = MotionCaptureSettings(told.body, told.address() if told.udp else None, file)
        devices["motion_capture"] = MotionCaptureDevice(lambda: MotionCapture(source, driver, clock))
    return devices
