"""Poses that reach the virtual Crazyflie by radio: the packets of a motion capture system.

Packets by Bitcraze's crtp_localization.md and crtp_localization_service.c: port 6, channel 0 a position, channel 1 type 8
a pose, type 9 packed poses of several drones, channel 2 packed positions.
"""

import struct

import numpy as np

from drivers.emulators.crazyflie_body import Body
from drivers.emulators.crazyflie_setpoint import decompressed_quaternion

POSE, PACKED_POSES = 8, 9  # first bytes on channel 1
MY_ID = 0xE7  # last byte of the address that every Crazyflie has at first

Pose = tuple[tuple[float, float, float], tuple[float, float, float, float] | None]


def tell_pose(body: Body, channel: int, data: bytes) -> None:
    """Let the estimator know what a packet for port 6 says of this drone, if it says anything."""
    pose = pose_of(channel, data)
    if pose is None:
        return
    place, attitude = pose
    if attitude is None:
        body.external.external_position(np.array(place))
    else:
        x, y, z, w = attitude
        body.external.external_pose(np.array(place), np.array([w, x, y, z]))


def pose_of(channel: int, data: bytes) -> Pose | None:
    """This drone's pose in a packet for port 6: m; quaternion x, y, z, w, body to world; None if there is none."""
    if channel == 0 and len(data) >= 12:
        return struct.unpack_from("<3f", data), None
    if channel == 1 and data[:1] == bytes([POSE]) and len(data) >= 29:
        values = struct.unpack_from("<7f", data, 1)
        return values[:3], values[3:]
    if channel == 1 and data[:1] == bytes([PACKED_POSES]):
        for at in range(1, len(data) - 10, 11):
            number, x, y, z, packed = struct.unpack_from("<B3hI", data, at)
            if number == MY_ID:
                return (0.001 * x, 0.001 * y, 0.001 * z), decompressed_quaternion(packed)
    if channel == 2:
        for at in range(0, len(data) - 6, 7):
            number, x, y, z = struct.unpack_from("<B3h", data, at)
            if number == MY_ID:
                return (0.001 * x, 0.001 * y, 0.001 * z), None
    return None
