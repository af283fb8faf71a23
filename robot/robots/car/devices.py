"""The car's devices, as the control loop sees them: motor controller and lidar, wired as the robot's file says."""

import numpy as np

from drivers.base import LidarReading, VescCommand, VescReading
from drivers.reading_record import Field, fill, forget, reading_fields, reading_of
from drivers.rplidar import RPLidar, RPLidarSettings
from drivers.vesc import Vesc, VescSettings
from robot.robots.robot_file import RobotConfig, load_robot
from robot.runtime.clock import Clock
from robot.runtime.robot import Device
from robot.runtime.session_file import SessionFile

VERSION_PATIENCE_S = 1.0  # for the motor controller to tell its firmware's version
VERSION_POLL_S = 0.02
NOTHING_SENT = VescCommand(0.0, 0.0)
FIELDS: dict[str, list[Field]] = {
    "vesc": [
        *reading_fields(VescReading),
        ("sent_steer_rad", "f8"),  # what the last tick really sent
        ("sent_speed_m_s", "f8"),
        ("sent_brake_a", "f8"),
        ("up", "u4"),  # 0: the link is lost
    ],
    "lidar": [*reading_fields(LidarReading), ("up", "u4")],
}


class Motor:
    """The motor controller; what was really sent to it is a part of what it reads next."""

    def __init__(self, vesc: Vesc, clock: Clock) -> None:
        self.vesc, self.clock = vesc, clock
        self.sent = NOTHING_SENT
        self.open, self.close = vesc.open, vesc.close
        self.stop, self.reconnect = vesc.stop, vesc.reconnect

    def check(self) -> None:
        """Let it tell its version. Raises ConnectionError if it does not, ValueError if it is too old."""
        begin_s = self.clock.now()
        while not self.vesc.firmware:
            if self.clock.now() - begin_s > VERSION_PATIENCE_S:
                raise ConnectionError(self.vesc.trouble())
            self.clock.sleep_until(self.clock.now() + VERSION_POLL_S)
            self.vesc.read()
        if self.vesc.too_old:
            raise ValueError(self.vesc.trouble())

    def read(self, record: np.ndarray) -> None:
        fill(record, self.vesc.read())

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


class Lidar:
    """The lidar."""

    def __init__(self, lidar: RPLidar) -> None:
        self.lidar = lidar
        self.open, self.close = lidar.open, lidar.close
        self.stop, self.reconnect = lidar.stop, lidar.reconnect

    def check(self) -> None:
        """Whatever it is, its driver has already said so."""

    def read(self, record: np.ndarray) -> None:
        fill(record, self.lidar.read())

    def absent(self, record: np.ndarray) -> None:
        forget(record)

    def write(self, outputs: np.ndarray) -> None:
        """It only senses."""


def devices(session: SessionFile, clock: Clock) -> dict[str, Device]:
    """Those of a session. Raises ValueError for what is wrong in the robot's file."""
    robot = load_robot(session.robot)
    return {
        "vesc": Motor(Vesc(vesc_settings(session.ports["vesc"], robot), clock), clock),
        "lidar": Lidar(RPLidar(lidar_settings(session.ports["lidar"], robot), clock)),
    }


def vesc_reading(readings: np.ndarray) -> VescReading:
    """What the motor controller delivered, of a READINGS record."""
    return reading_of(readings["vesc"], VescReading)


def lidar_reading(readings: np.ndarray) -> LidarReading:
    """What the lidar delivered, of a READINGS record."""
    return reading_of(readings["lidar"], LidarReading)


def vesc_settings(port: str, robot: RobotConfig) -> VescSettings:
    """The gains and end stops of the robot's file, on the port that the session found."""
    wiring = robot.vesc
    return VescSettings(
        port=port,
        baud=wiring.baud,
        erpm_per_m_s=wiring.erpm_per_m_s,
        servo_per_rad=wiring.servo_gain,
        servo_centre=wiring.servo_offset,
        servo_min=wiring.servo_min,
        servo_max=wiring.servo_max,
    )


def lidar_settings(port: str, robot: RobotConfig) -> RPLidarSettings:
    """How the robot's file says that the lidar is mounted, on the port that the session found."""
    mount = robot.lidar
    return RPLidarSettings(
        port=port,
        baud=mount.baud,
        mount_yaw_rad=mount.mount_yaw_rad,
        mirrored=mount.mirrored,
        mount_x_m=mount.mount_x_m,
        mount_y_m=mount.mount_y_m,
    )
