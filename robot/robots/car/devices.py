"""The car's devices, as the control loop sees them: motor controller and lidar, wired as the robot's file says."""

from dataclasses import replace

import numpy as np

from drivers.base import LidarReading, VescCommand, VescReading
from drivers.declared import make_driver
from drivers.pca9685 import Pca9685
from drivers.reading_record import Field, fill, forget, reading_fields, reading_of
from drivers.vesc import Vesc
from robot.robots.car.car_file import load_car
from robot.runtime.clock import Clock
from robot.runtime.driver_device import DriverDevice
from robot.runtime.robot import Device
from robot.runtime.session_file import SessionFile

VERSION_PATIENCE_S = 1.0  # for the motor controller to tell its firmware's version
VERSION_POLL_S = 0.02
NOTHING_SENT = VescCommand(0.0, 0.0)
FIELDS: dict[str, list[Field]] = {
    "motor": [
        *reading_fields(VescReading),
        ("sent_steer_rad", "f8"),  # what the last tick really sent
        ("sent_speed_m_s", "f8"),
        ("sent_brake_a", "f8"),
        ("up", "u4"),  # 0: the link is lost
    ],
    "lidar": [*reading_fields(LidarReading), ("up", "u4")],
}


class Motor:
    """The motor controller; what was really sent to it is a part of what it reads next.

    One that measures nothing tells only how long ago it obeyed.
    """

    def __init__(self, vesc: Vesc | Pca9685, clock: Clock) -> None:
        self.vesc, self.clock = vesc, clock
        self.sent = NOTHING_SENT
        self.open, self.close = vesc.open, vesc.close
        self.stop, self.reconnect = vesc.stop, vesc.reconnect

    def check(self) -> None:
        """Let it tell its version. Raises ConnectionError if it does not, ValueError if it is too old.

        An ESC that has just got its power is shown neutral until it obeys.
        """
        while isinstance(self.vesc, Pca9685) and self.vesc.is_arming:
            self.clock.sleep_until(self.clock.now() + VERSION_POLL_S)
            self.vesc.read()
        begin_s = self.clock.now()
        while not self.vesc.firmware:
            if self.clock.now() - begin_s > VERSION_PATIENCE_S:
                raise ConnectionError(self.vesc.trouble())
            self.clock.sleep_until(self.clock.now() + VERSION_POLL_S)
            self.vesc.read()
        if self.vesc.too_old:
            raise ValueError(self.vesc.trouble())

    def read(self, record: np.ndarray) -> None:
        reading = self.vesc.read()
        fill(record, reading if isinstance(reading, VescReading) else VescReading(values_age_s=reading.obeyed_age_s))

    def absent(self, record: np.ndarray) -> None:
        forget(record)
        record["sent_steer_rad"], record["sent_speed_m_s"] = self.sent.steer_rad, self.sent.speed_m_s
        record["sent_brake_a"] = self.sent.brake_current_a

    def write(self, outputs: np.ndarray) -> None:
        command = outputs["command"]
        servo_rad = float(command["servo_rad"])
        self.sent = NOTHING_SENT
        if command["brake_a"] > 0.0:
            self.sent = self.vesc.brake(float(command["brake_a"]), servo_rad)
        else:
            self.sent = self.vesc.write(servo_rad, float(command["speed_m_s"]))


def devices(session: SessionFile, clock: Clock) -> dict[str, Device]:
    """Those of a session, on the ports that it found. Raises ValueError for what is wrong in the robot's file."""
    robot = load_car(session.robot)
    return {
        "motor": Motor(make_driver(replace(robot.motor, port=session.ports["motor"]), clock), clock),
        "lidar": DriverDevice(make_driver(replace(robot.lidar, port=session.ports["lidar"]), clock)),
    }


def vesc_reading(readings: np.ndarray) -> VescReading:
    """What the motor controller delivered, of a READINGS record."""
    return reading_of(readings["motor"], VescReading)


def really_sent(readings: np.ndarray) -> tuple[float, float, float]:
    """Speed (m/s), brake current (A) and steering (rad) that the last tick sent, of a READINGS record."""
    motor = readings["motor"]
    return float(motor["sent_speed_m_s"]), float(motor["sent_brake_a"]), float(motor["sent_steer_rad"])


def lidar_reading(readings: np.ndarray) -> LidarReading:
    """What the lidar delivered, of a READINGS record."""
    return reading_of(readings["lidar"], LidarReading)
