"""Poses that reach the virtual Crazyflie by radio: the packets of a motion capture system, and an estimate that needs them.

Packets by Bitcraze's crtp_localization.md and crtp_localization_service.c: port 6, channel 0 a position, channel 1 type 8
a pose, type 9 packed poses of several drones, channel 2 packed positions. A drone that has no positioning of its own is
lost without them: its estimate is the last pose, carried on by sensors whose error grows.
"""

import math
import struct

import numpy as np

from drivers.emulators.crazyflie_body import E_V_X, E_X, Body
from drivers.emulators.crazyflie_setpoint import decompressed_quaternion

POSE, PACKED_POSES = 8, 9  # first bytes on channel 1
MY_ID = 0xE7  # last byte of the address that every Crazyflie has at first
STEP_S = 0.001
BIAS_M_S2 = 0.12  # of an accelerometer and an attitude that nothing corrects
POSITION_VARIANCE_M2, VELOCITY_VARIANCE = 1e-5, 5e-4  # of an estimate that is kept up to date
VELOCITY_VARIANCE_S = 2.5e-3  # what a second without a pose adds (process noise of 0.5 m/s^2, kalman_core.c)
VARIANCE_MAX = 100.0

Pose = tuple[tuple[float, float, float], tuple[float, float, float, float] | None]


class Localization:
    """Takes poses; `external`: the estimate depends on them."""

    def __init__(self, body: Body, external: bool = False) -> None:
        self._body = body
        self.external = external
        self.reset_wanted = False  # kalman.resetEstimation
        self._silent_s = math.inf if external else 0.0
        self._position_error_m, self._velocity_error_m_s = np.zeros(3), np.zeros(3)
        angle = np.random.default_rng(0).uniform(-math.pi, math.pi)
        self._bias_m_s2 = BIAS_M_S2 * np.array([math.cos(angle), math.sin(angle), -0.5])

    @property
    def position_variance_m2(self) -> float:
        """kalman.varX"""
        return min(VARIANCE_MAX, POSITION_VARIANCE_M2 + VELOCITY_VARIANCE_S * self._silent_s**3 / 3.0)

    @property
    def velocity_variance(self) -> float:
        """kalman.varPX, m^2/s^2"""
        return min(VARIANCE_MAX, VELOCITY_VARIANCE + VELOCITY_VARIANCE_S * self._silent_s)

    def take(self, channel: int, data: bytes) -> None:
        """A packet for port 6."""
        pose = pose_of(channel, data)
        if pose is None or not self.external:
            return
        seen = self._body.estimate[E_X : E_X + 3] - self._position_error_m
        error = np.array(pose[0]) - seen
        if self._silent_s < 1.0:  # what the velocity must have been wrong by, to be that far off
            self._velocity_error_m_s -= 0.2 * (self._position_error_m - error) / max(self._silent_s, 0.01)
        else:
            self._velocity_error_m_s[:] = 0.0
        self._position_error_m, self._silent_s = error, 0.0

    def update(self) -> None:
        """One millisecond, after the body's: move its estimate by what is wrong with it."""
        wanted, self.reset_wanted = self.reset_wanted, False
        if not self.external:
            return
        if wanted:  # at the origin, and at rest
            self._position_error_m = -self._body.estimate[E_X : E_X + 3]
            self._velocity_error_m_s[:] = 0.0
        if not math.isfinite(self._silent_s):
            self._silent_s = 10.0
        self._silent_s += STEP_S
        if self._silent_s > 0.02:
            self._velocity_error_m_s += STEP_S * self._bias_m_s2
        self._position_error_m = self._position_error_m + STEP_S * self._velocity_error_m_s
        self._body.estimate[E_X : E_X + 3] += self._position_error_m
        self._body.estimate[E_V_X : E_V_X + 3] += self._velocity_error_m_s


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
