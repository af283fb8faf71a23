"""What every driver has in common: readings with an age on every field, and a stop that never fails.

A driver talks to one device over one link. It holds no thread and never reads the time itself: a `Clock` is injected,
so that the same driver runs on the robot, beside an emulator in lockstep, and in a replay. `read` and `write` never
block.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

import numpy as np

NEVER_S = math.inf  # the age of what was never received
LIDAR_POINTS_MAX = 256  # per read; a tick of 20 ms brings about 80


class Clock(Protocol):
    """Where drivers get the time from."""

    def now(self) -> float:
        """Seconds since any fixed moment, monotonic."""
        ...


class LinkLost(ConnectionError):
    """The port is gone: the cable was pulled, or the device left the bus. Call `reconnect`."""


@dataclass(frozen=True, slots=True)
class VescReading:
    """The newest values of a motor controller. A field that was never received is 0 and its age `NEVER_S`."""

    erpm_speed_m_s: float = 0.0  # wheel speed, signed, forward positive
    motor_current_a: float = 0.0
    input_voltage_v: float = 0.0
    fault_code: int = 0  # 0 is none; `drivers.vesc_protocol.FAULT_NAMES`
    tachometer_m: float = 0.0  # signed distance rolled since the controller started
    accel_x_m_s2: float = 0.0  # x forward, y left, z up; +9.81 in z at rest
    accel_y_m_s2: float = 0.0
    accel_z_m_s2: float = 0.0
    yaw_rate_rad_s: float = 0.0  # counter-clockwise positive
    values_age_s: float = NEVER_S  # of speed, current, voltage, fault and tachometer
    imu_age_s: float = NEVER_S  # of accelerations and yaw rate


@dataclass(frozen=True, slots=True)
class LidarReading:
    """The points that arrived since the last read, oldest first. Arrays are (k,) float32, k <= LIDAR_POINTS_MAX."""

    angle_rad: Annotated[np.ndarray, LIDAR_POINTS_MAX]  # car frame: 0 forward, counter-clockwise positive, in [-pi, pi)
    distance_m: Annotated[np.ndarray, LIDAR_POINTS_MAX]  # 0 where nothing came back
    age_s: Annotated[np.ndarray, LIDAR_POINTS_MAX]  # when each point was measured, before the time of the read
    scan_age_s: float  # of the newest point, also when this read brought none; NEVER_S before the first
    revolution: int  # revolutions completed since the scan began


@dataclass(frozen=True, slots=True)
class VescCommand:
    """What was really sent to a motor controller, after limits and refusals."""

    steer_rad: float  # left positive
    speed_m_s: float  # 0 when braking or coasting
    brake_current_a: float = 0.0  # > 0 when the motor was told to brake instead of to hold a speed
    refused: bool = False  # the command asked for was not finite: the driver sent a stop instead


ReadingT = TypeVar("ReadingT", covariant=True)


class Driver(Protocol[ReadingT]):
    """One device. Life: `open`, then `read` (and `write`, where the device acts) every tick, then `stop`, `close`."""

    def open(self) -> None:
        """Open the link and ask the device to start; `read` follows what it answers.

        Raises LinkLost if the port cannot be used; the message says what was looked for, what was found, what to do.
        """
        ...

    def read(self) -> ReadingT:
        """Take in what has arrived and return the newest values. Never blocks. Raises LinkLost if the port is gone."""
        ...

    def trouble(self) -> str:
        """What is wrong with the device, in one line for people; empty while all is well."""
        ...

    def stop(self) -> None:
        """Bring the device to rest. Never raises, also without a port."""
        ...

    def close(self) -> None:
        """Release the port. Never raises; a closed driver may be opened again."""
        ...

    def reconnect(self) -> bool:
        """Try once, without waiting, to open the link again after LinkLost. True when it is open."""
        ...
