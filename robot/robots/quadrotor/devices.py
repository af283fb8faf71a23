"""The quadrotor's devices, as the control loop sees them: the Crazyflie, and the motion capture that tells it its place."""

import math
from dataclasses import replace

import numpy as np

from drivers.base import LinkLost
from drivers.crazyflie import Crazyflie
from drivers.motion_capture import MotionCapture
from drivers.reading_record import fill, fill_text, forget
from robot.robots.quadrotor.app_words import FIELDS, LOGGED, PARAMETERS
from robot.robots.quadrotor.drone_file import DroneFile
from robot.robots.quadrotor.records import APP_BYTES, APP_PACKETS, ARM_MOTORS, KEEP, POSITION, RATES
from robot.runtime.clock import Clock
from robot.runtime.driver_device import DriverDevice
from robot.runtime.robot import Device
from sim.quadrotor.model import QuadrotorParameters

DRAG = ("kalman.dragB_x", "kalman.dragB_y")


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
            for row, packet in zip(
                record["app_packets"].reshape(APP_PACKETS, APP_BYTES), driver.app_packets(APP_PACKETS), strict=False
            ):
                row[0] = len(packet)
                row[1 : 1 + len(packet)] = np.frombuffer(packet, np.uint8)
            fill_text(record["firmware"], driver.firmware)
            fill_text(record["trouble"], driver.trouble())
        except LinkLost as error:
            self.lost = str(error)
            fill_text(record["trouble"], self.lost)
            raise

    def absent(self, record: np.ndarray) -> None:
        forget(record)
        record["app_packets"] = 0
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


class MotionCaptureDevice(DriverDevice):
    """What forwards poses to the drone."""

    def __init__(self, driver: MotionCapture) -> None:
        super().__init__(driver)
        self.capture = driver

    def read(self, record: np.ndarray) -> None:
        super().read(record)
        fill_text(record["trouble"], self.capture.trouble())

    def write(self, outputs: np.ndarray) -> None:
        """It has to know when the drone flies: a pose that stays the same is wrong from then on."""
        self.capture.airborne = bool(outputs["figures"]["airborne"])


def tell_drag(driver: Crazyflie, quadrotor: QuadrotorParameters) -> None:
    """Tell the drone's estimator how the air slows it, without waiting; firmware that has no such parameters goes without.

    They are 0 as it comes: then drag is taken for tilt and speed, 8 % of a 2.1's with the Lighthouse. Acceleration over speed, 1/s
    (kalman_core.c), across the rotors' axis; along it the accelerometer feels the drag. Raises LinkLost.
    """
    for name in DRAG:
        if driver.has_parameter(name):
            driver.set_parameter(name, quadrotor.drag_across_n_s_m / quadrotor.mass_kg)


def devices_of(drone: DroneFile, uri: str, tick_s: float, clock: Clock) -> dict[str, Device]:
    """Those of a robot's file; uri: of the drone, which may be a virtual one."""
    driver = Crazyflie(replace(drone.crazyflie, uri=uri), clock, round(1000 * tick_s), LOGGED)
    devices: dict[str, Device] = {"crazyflie": CrazyflieDevice(driver)}
    if drone.motion_capture is not None:
        devices["motion_capture"] = MotionCaptureDevice(MotionCapture(drone.motion_capture, clock, driver))
    return devices
