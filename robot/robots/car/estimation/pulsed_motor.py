"""What a motor does that is driven by pulses, and the wheels behind a servo, by what they were told: of a car that measures neither."""

import math
from collections import deque

import numpy as np

from drivers.base import NEVER_S, VescReading
from sim.car.model import (
    P_BRAKE,
    P_DRAG,
    P_FRONT,
    P_FULL_V,
    P_MOTOR_GAIN,
    P_REAR,
    P_ROLLING,
    P_SPEED_TAU,
    P_STEER_RATE,
)

STANDS_S, STANDS_M_S = 0.3, 0.25  # so long told to stand, and no faster, it stands
NEUTRAL_M_S2 = 1.5  # of the motor at neutral
FELT_TAU_S = 0.06
GAINS = (0.5, 1.8)  # of speed over what the throttle was to give, at least and at most
# Slides are felt by nobody, so the grip is never measured: what is believed of it, and what it is at the least.
GRIP_SHARES, LEAST_GRIP_SHARES = (0.6, 0.6), (0.4, 0.4)
FASTEST_M_S = 3.0  # beyond, a car slides before anything tells


class PulsedMotor:
    """Call `tell` once a tick, then `accelerates` and `turns`. car: `CarParameters.packed()` that the robot believes in.

    gain: how fast the car goes for each m/s that its throttle was to give. acting: speed (m/s), brake current (A), steering (rad) that
    have reached it by now. accel_m_s2: that the motor should give.
    """

    def __init__(self, car: np.ndarray) -> None:
        self.car, self.gain = car, 1.0
        self.acting = (0.0, 0.0, 0.0)
        self.accel_m_s2 = 0.0
        self._told: deque[tuple[float, float, float, float]] = deque()  # when it acts: speed, brake current, steering
        self._wheels_rad = 0.0
        self._driven_s = -NEVER_S
        self._felt_m_s2 = 0.0  # what an accelerometer would feel: how the speed changes

    def tell(self, now_s: float, dt_s: float, sent: tuple[float, float, float], latency_s: float) -> None:
        """sent: speed (m/s), brake current (A), steering (rad) that the last tick really sent."""
        self._told.append((now_s - dt_s + latency_s, *sent))
        while self._told and self._told[0][0] <= now_s:
            self.acting = self._told.popleft()[1:]

    def accelerates(self, now_s: float, dt_s: float, v_m_s: float) -> float:
        """A car of this speed, m/s^2."""
        car, (speed, brake_a, _) = self.car, self.acting
        if speed != 0.0:
            drive = (self.gain * speed - v_m_s) / car[P_SPEED_TAU]
            drive = max(0.0, drive) if speed > 0.0 else min(0.0, drive)
            self._driven_s = now_s
        else:
            most = brake_a * car[P_MOTOR_GAIN] if brake_a > 0.0 else NEUTRAL_M_S2
            drive = -math.copysign(min(most, abs(v_m_s) / max(dt_s, 1e-3)), v_m_s)
        self.accel_m_s2 = min(car[P_BRAKE], max(-car[P_BRAKE], drive))
        rolls = car[P_DRAG] * v_m_s * abs(v_m_s) + car[P_ROLLING] * v_m_s / math.sqrt(v_m_s * v_m_s + 0.01)
        return float(self.accel_m_s2 - (0.0 if speed == 0.0 else rolls))

    def turns(self, dt_s: float, v_m_s: float) -> float:
        """The yaw rate that the wheels' angle would give a car of this speed, rad/s."""
        most_rad = self.car[P_STEER_RATE] * dt_s
        self._wheels_rad += min(most_rad, max(-most_rad, self.acting[2] - self._wheels_rad))
        return float(v_m_s * math.tan(self._wheels_rad) / (self.car[P_FRONT] + self.car[P_REAR]))

    def was_driven(self, now_s: float) -> bool:
        """Within the time that it takes to stand."""
        return now_s - self._driven_s <= STANDS_S

    def stands(self, now_s: float, v_m_s: float) -> bool:
        """Whether a car that seems so fast stands."""
        return not self.was_driven(now_s) and abs(v_m_s) < STANDS_M_S

    def reading(
        self, v_m_s: float, rate_rad_s: float, gained_m_s: float, dt_s: float, odometer_m: float, age_s: float
    ) -> VescReading:
        """As a motor controller would give it that measures. gained_m_s: of speed, in the last tick."""
        if dt_s > 0.0:
            self._felt_m_s2 += (1.0 - math.exp(-dt_s / FELT_TAU_S)) * (gained_m_s / dt_s - self._felt_m_s2)
        drive_a = self.accel_m_s2 / self.car[P_MOTOR_GAIN]
        return VescReading(v_m_s, drive_a, float(self.car[P_FULL_V]), 0, odometer_m, self._felt_m_s2, v_m_s * rate_rad_s, 9.81,
                           rate_rad_s, age_s, age_s)  # fmt: skip

    def throttle(self, v_m_s: float, speed_m_s: float, brake_a: float) -> tuple[float, float]:
        """(speed, brake current) for the motor that make of a speed asked for what a speed loop would: no controller does."""
        if brake_a > 0.0 or speed_m_s <= 0.0:
            return (0.0, brake_a) if brake_a > 0.0 else (speed_m_s / self.gain, 0.0)
        slower = (v_m_s - speed_m_s) / self.car[P_SPEED_TAU]
        if slower > NEUTRAL_M_S2:
            return 0.0, min(slower, float(self.car[P_BRAKE])) / float(self.car[P_MOTOR_GAIN])
        return speed_m_s / self.gain, 0.0
