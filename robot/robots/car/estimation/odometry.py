"""How the car moves, from wheel speed, gyro and accelerometer: readings of different ages, brought to the tick's time.

A sensor is integrated by the trapezoidal rule up to its newest sample, and from there to now along the line through the
last two. What a tick adds is the difference of two such integrals, so that a guess made in one tick is corrected by the
sample that arrives in the next: the integral never lags and never drifts from the samples' own.
"""

import math
from dataclasses import dataclass

from drivers.base import VescReading

TAIL_MAX_S = 0.06  # an older sample is held, not extrapolated: its slope says nothing about now
STALE_S = 0.2  # older readings are as good as none
ACCEL_MAX_M_S2 = 15.0  # beyond what tyres can do: the chassis was hit


@dataclass
class Integral:
    """The integral of a sampled signal up to now."""

    sample_s: float = -math.inf
    sample: float = 0.0
    slope: float = 0.0  # of the last two samples, 1/s
    to_sample: float = 0.0
    to_now: float = 0.0

    def advance(self, now_s: float, age_s: float, sample: float) -> tuple[float, float]:
        """Take in the newest sample, `age_s` old. Returns (what the integral gained since the last call, value now)."""
        at_s = now_s - age_s
        if at_s > self.sample_s + 1e-4:
            step_s = at_s - self.sample_s
            if step_s < STALE_S:
                self.to_sample += 0.5 * (self.sample + sample) * step_s
                self.slope = (sample - self.sample) / step_s
            else:
                self.to_sample = self.to_now
                self.slope = 0.0
            self.sample_s, self.sample = at_s, sample
        tail_s = now_s - self.sample_s
        slope_s = min(tail_s, TAIL_MAX_S)
        before = self.to_now
        self.to_now = self.to_sample + self.sample * tail_s + self.slope * slope_s * (tail_s - 0.5 * slope_s)
        return self.to_now - before, self.sample + self.slope * slope_s


@dataclass
class Motion:
    """What a tick's readings say about the car's motion. The car's frame: x forward, y left."""

    v_x: float = 0.0  # m/s, now
    yaw_rate: float = 0.0  # rad/s, now, as the gyro has it: with its bias
    rolled_m: float = 0.0  # since the last tick
    turned_rad: float = 0.0  # since the last tick, with the gyro's bias
    wheel_known: bool = False
    imu_known: bool = False

    def carry_on(self, v_x: float, yaw_rate: float, elapsed_s: float) -> None:
        """Take what nothing measures from a model: speed, m/s, and yaw rate, rad/s, as the gyro would have it, since the last tick."""
        if not self.wheel_known:
            self.rolled_m = v_x * elapsed_s
        if not self.imu_known:
            self.turned_rad = yaw_rate * elapsed_s


class Odometry:
    """Wheel speed and IMU in the tick's time. Nothing of it depends on a map."""

    def __init__(self) -> None:
        self.roll, self.turn = Integral(), Integral()
        self.motion = Motion()

    def update(self, now_s: float, vesc: VescReading) -> Motion:
        """The motion since the last call and now. Sensors that are silent for STALE_S count as still, as unknown."""
        wheel, imu = vesc.values_age_s < STALE_S, vesc.imu_age_s < STALE_S
        motion = Motion(wheel_known=wheel, imu_known=imu)
        if wheel:
            motion.rolled_m, motion.v_x = self.roll.advance(now_s, vesc.values_age_s, vesc.erpm_speed_m_s)
            if imu:  # the accelerometer is a better slope than two noisy speeds
                tail_s = min(vesc.values_age_s, TAIL_MAX_S)
                motion.v_x = vesc.erpm_speed_m_s + _within(vesc.accel_x_m_s2) * tail_s
        if imu:
            motion.turned_rad, motion.yaw_rate = self.turn.advance(now_s, vesc.imu_age_s, vesc.yaw_rate_rad_s)
        self.motion = motion
        return motion


def _within(accel_m_s2: float) -> float:
    return min(ACCEL_MAX_M_S2, max(-ACCEL_MAX_M_S2, accel_m_s2))
