"""Set-points: what they hold, and how they come in packets.

The fields are those of the firmware's setpoint_t (stabilizer_types.h); packets by crtp_generic_setpoint.md (port 7) and
crtp_commander.md (port 3). Units m, m/s, m/s^2, degrees, deg/s; pitch positive nose up.
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

OFF, ABS, VEL = 0, 1, 2  # how an axis is controlled: not at all, to a place or angle, to a speed
Vector = tuple[float, float, float]
ZERO: Vector = (0.0, 0.0, 0.0)

# Where things are in a packed set-point.
(S_MODE_X, S_MODE_Y, S_MODE_Z, S_MODE_ROLL, S_MODE_PITCH, S_MODE_YAW, S_MODE_QUATERNION) = range(7)
S_BODY_VELOCITY, S_THRUST = 7, 8
S_POSITION, S_VELOCITY, S_ATTITUDE, S_RATE, S_QUATERNION = 9, 12, 15, 18, 21
N_SETPOINT = 25


@dataclass(frozen=True, slots=True)
class Setpoint:
    """What to do; the default stops the motors."""

    modes: tuple[int, ...] = (OFF,) * 7  # x, y, z, roll, pitch, yaw, quaternion
    position_m: Vector = ZERO
    velocity_m_s: Vector = ZERO
    acceleration_m_s2: Vector = ZERO
    attitude_deg: Vector = ZERO  # roll, pitch, yaw
    rate_deg_s: Vector = ZERO
    quaternion: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)  # x, y, z, w
    thrust: float = 0.0  # 0 to 65535
    velocity_is_body: bool = False
    timestamp_ms: int = 0  # when the commander took it

    def packed(self) -> np.ndarray:
        """For `crazyflie_pid`: float64 (N_SETPOINT,), in the order of the S_ constants."""
        return np.array(
            [*self.modes, self.velocity_is_body, self.thrust, *self.position_m, *self.velocity_m_s,
             *self.attitude_deg, *self.rate_deg_s, *self.quaternion],
            dtype=np.float64,
        )  # fmt: skip


def position_setpoint(position_m: Vector, velocity_m_s: Vector, acceleration_m_s2: Vector, yaw_deg: float) -> Setpoint:
    """A place to be at, as the high-level commander gives it."""
    return Setpoint(
        (ABS, ABS, ABS, OFF, OFF, ABS, OFF), position_m, velocity_m_s, acceleration_m_s2, (0.0, 0.0, yaw_deg)
    )


def _stop(data: bytes) -> Setpoint:
    return Setpoint()


def _velocity_world(data: bytes, yaw_sign: float = 1.0) -> Setpoint:
    v_x, v_y, v_z, yaw_rate = struct.unpack("<4f", data)
    return Setpoint(
        (VEL, VEL, VEL, OFF, OFF, VEL, OFF), velocity_m_s=(v_x, v_y, v_z), rate_deg_s=(0.0, 0.0, yaw_sign * yaw_rate)
    )


def _z_distance(data: bytes, yaw_sign: float = 1.0) -> Setpoint:
    roll, pitch, yaw_rate, z = struct.unpack("<4f", data)
    return Setpoint(
        (OFF, OFF, ABS, ABS, ABS, VEL, OFF),
        position_m=(0.0, 0.0, z),
        attitude_deg=(roll, pitch, 0.0),
        rate_deg_s=(0.0, 0.0, yaw_sign * yaw_rate),
    )


def _altitude_hold(data: bytes) -> Setpoint:
    roll, pitch, yaw_rate, v_z = struct.unpack("<4f", data)
    return Setpoint(
        (OFF, OFF, VEL, ABS, ABS, VEL, OFF),
        velocity_m_s=(0.0, 0.0, v_z),
        attitude_deg=(roll, pitch, 0.0),
        rate_deg_s=(0.0, 0.0, yaw_rate),
    )


def _hover(data: bytes, yaw_sign: float = 1.0) -> Setpoint:
    v_x, v_y, yaw_rate, z = struct.unpack("<4f", data)
    return Setpoint(
        (VEL, VEL, ABS, OFF, OFF, VEL, OFF),
        position_m=(0.0, 0.0, z),
        velocity_m_s=(v_x, v_y, 0.0),
        rate_deg_s=(0.0, 0.0, yaw_sign * yaw_rate),
        velocity_is_body=True,
    )


def _full_state(data: bytes) -> Setpoint:
    v = struct.unpack("<9hI3h", data)
    milli = [value / 1000.0 for value in v]
    rates = [math.degrees(value) for value in milli[10:]]
    return Setpoint(
        (ABS, ABS, ABS, OFF, OFF, OFF, ABS),
        (milli[0], milli[1], milli[2]),
        (milli[3], milli[4], milli[5]),
        (milli[6], milli[7], milli[8]),
        rate_deg_s=(rates[0], rates[1], rates[2]),
        quaternion=decompressed_quaternion(v[9]),
    )


def _position(data: bytes) -> Setpoint:
    x, y, z, yaw_deg = struct.unpack("<4f", data)
    return position_setpoint((x, y, z), ZERO, ZERO, yaw_deg)


def _manual(data: bytes) -> Setpoint:
    roll, pitch, yaw_rate, thrust, is_rate = struct.unpack("<fffH?", data)
    if is_rate:
        return Setpoint((OFF, OFF, OFF, VEL, VEL, VEL, OFF), rate_deg_s=(roll, pitch, yaw_rate), thrust=thrust)
    return Setpoint(
        (OFF, OFF, OFF, ABS, ABS, VEL, OFF),
        attitude_deg=(roll, pitch, 0.0),
        rate_deg_s=(0.0, 0.0, yaw_rate),
        thrust=thrust,
    )


# Types 1, 2 and 5 are from before protocol version 9; their yaw rate has the opposite sign. Type 3, CPPM, is left out.
DECODERS: dict[int, Callable[[bytes], Setpoint]] = {
    0: _stop,
    1: lambda data: _velocity_world(data, -1.0),
    2: lambda data: _z_distance(data, -1.0),
    4: _altitude_hold,
    5: lambda data: _hover(data, -1.0),
    6: _full_state,
    7: _position,
    8: _velocity_world,
    9: _z_distance,
    10: _hover,
    11: _manual,
}


def generic_setpoint(data: bytes) -> Setpoint | None:
    """The set-point in a packet for port 7, channel 0; None if it is none (unknown type, length, not a number)."""
    if not data or data[0] not in DECODERS:
        return None
    try:
        setpoint = DECODERS[data[0]](data[1:])
    except struct.error:
        return None
    return setpoint if np.isfinite(setpoint.packed()).all() else None


RPYT = struct.Struct("<fffH")
RPYT_THRUST_MIN, RPYT_THRUST_MAX = 1000, 60000


def rpyt_setpoint(data: bytes) -> Setpoint | None:
    """The set-point in a packet for port 3: roll and pitch in degrees, yaw rate, thrust in 16 bits."""
    if len(data) != RPYT.size:
        return None
    roll, pitch, yaw_rate, thrust = RPYT.unpack(data)
    if not all(map(math.isfinite, (roll, pitch, yaw_rate))):
        return None
    return Setpoint(
        (OFF, OFF, OFF, ABS, ABS, VEL, OFF),
        attitude_deg=(roll, pitch, 0.0),
        rate_deg_s=(0.0, 0.0, yaw_rate),
        thrust=0.0 if thrust < RPYT_THRUST_MIN else min(thrust, RPYT_THRUST_MAX),
    )


def decompressed_quaternion(packed: int) -> tuple[float, float, float, float]:
    """x, y, z, w from 32 bits (quatcompress.h): the largest's index, then sign and 9 bits of each of the others."""
    largest = packed >> 30
    q = [0.0] * 4
    for k in range(3, -1, -1):
        if k != largest:
            size = (packed & 0x1FF) / 511 / math.sqrt(2)
            q[k] = -size if packed & 0x200 else size
            packed >>= 10
    q[largest] = math.sqrt(max(0.0, 1.0 - sum(value * value for value in q)))
    return q[0], q[1], q[2], q[3]
