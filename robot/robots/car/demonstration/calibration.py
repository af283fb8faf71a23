"""What the slow lap says about this very car: its steering's trim, and how late its commands take effect.

The yaw rate of a slowly driven car is that of the linear single-track model (Rajamani, Vehicle Dynamics and Control,
2nd ed., eq. 2.31) for the steering angle that the wheels had: the command, later, plus the trim. The model is linear
in the angle, so for each latency that might be, the trim follows by least squares; the latency that leaves the
smallest residuals is the measured one. Speed and yaw rate come from the drivers, tyres and masses from the data sheet:
at walking pace they hardly matter.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from drivers.base import VescReading
from sim.car.model import (
    GRAVITY_M_S2,
    P_FRONT,
    P_GRIP_F,
    P_GRIP_R,
    P_INERTIA,
    P_MASS,
    P_REAR,
    P_STEER_RATE,
    P_STIFF_F,
    P_STIFF_R,
    PHYSICS_STEP_S,
)
from sim.portable_math import inverse, product

LATENCIES_S = np.arange(0.0, 0.151, 0.01)
MOVING_M_S = 0.4
SAMPLES_MIN = 200  # 4 s of driving
STANDING_SAMPLES_MIN = 10
SLOWEST_M_S = 0.3  # the model's speed is held above it: the equations divide by it
TRIM_SURE_RAD, LATENCY_SURE_S = 0.004, 0.008  # standard deviations that are good enough
CORRELATED = 5.0  # neighbouring residuals are alike: so many samples count as one


@dataclass(frozen=True)
class Calibration:
    """A car's steering, as measured. `trim_rad` is what the wheels add to a command; take it off before sending."""

    trim_rad: float
    latency_s: float  # from the tick in which a command is sent until the wheels begin to follow it
    trim_sigma_rad: float  # standard deviations of the two
    latency_sigma_s: float

    @property
    def confident(self) -> bool:
        """Whether the lap had enough bends, and enough steering, to tell."""
        return self.trim_sigma_rad < TRIM_SURE_RAD and self.latency_sigma_s < LATENCY_SURE_S


@njit(cache=True)
def yaw_rates(times_s, steer_rad, speed_m_s, sample_s, latency_s, p, out):
    """Model's yaw rate, rad/s, at `sample_s` (n,), for commands of `times_s` (m,), each in force until the next.

    steer_rad, speed_m_s (m,): command, and speed measured, of each tick. p: `CarParameters.packed()`. out (n,).
    """
    front = p[P_GRIP_F] * p[P_MASS] * GRAVITY_M_S2 * p[P_REAR] / (p[P_FRONT] + p[P_REAR]) * p[P_STIFF_F]
    rear = p[P_GRIP_R] * p[P_MASS] * GRAVITY_M_S2 * p[P_FRONT] / (p[P_FRONT] + p[P_REAR]) * p[P_STIFF_R]
    a, b, h = p[P_FRONT], p[P_REAR], 0.5 * PHYSICS_STEP_S
    v_y = yaw_rate = 0.0
    wheels = steer_rad[0]
    tick, sample, step = 0, 0, 0
    now = times_s[0]
    while sample < sample_s.shape[0]:
        # A command acts from the step whose start is nearest to its arrival, as in the simulators.
        while tick + 1 < times_s.shape[0] and times_s[tick + 1] + latency_s < now + 0.5 * PHYSICS_STEP_S:
            tick += 1
        v_x = max(SLOWEST_M_S, abs(speed_m_s[tick]))
        most = p[P_STEER_RATE] * PHYSICS_STEP_S
        before, wheels_before = yaw_rate, wheels
        wheels += min(most, max(-most, steer_rad[tick] - wheels))
        angle = 0.5 * (wheels_before + wheels)
        # The trapezoidal rule: stable at any step, and without a lag of its own.
        a11 = h * (front + rear) / (p[P_MASS] * v_x)
        a12 = h * ((a * front - b * rear) / (p[P_MASS] * v_x) + v_x)
        a21 = h * (a * front - b * rear) / (p[P_INERTIA] * v_x)
        a22 = h * (a * a * front + b * b * rear) / (p[P_INERTIA] * v_x)
        right_1 = (1.0 - a11) * v_y - a12 * yaw_rate + 2.0 * h * front / p[P_MASS] * angle
        right_2 = (1.0 - a22) * yaw_rate - a21 * v_y + 2.0 * h * a * front / p[P_INERTIA] * angle
        determinant = (1.0 + a11) * (1.0 + a22) - a12 * a21
        v_y = ((1.0 + a22) * right_1 - a12 * right_2) / determinant
        yaw_rate = ((1.0 + a11) * right_2 - a21 * right_1) / determinant
        step += 1
        now = times_s[0] + step * PHYSICS_STEP_S
        while sample < sample_s.shape[0] and sample_s[sample] <= now:
            share = max(0.0, 1.0 - (now - sample_s[sample]) / PHYSICS_STEP_S)
            out[sample] = before + share * (yaw_rate - before)
            sample += 1


class Calibrator:
    """Collects a slow drive, one call of `add` a tick, and fits it at the end.

    car: `CarParameters.packed()` of the data sheet.
    """

    def __init__(self, car: np.ndarray) -> None:
        self.car = car
        self._rows: list[tuple[float, float, float, float, float]] = []

    def add(self, now_s: float, steer_rad: float, vesc: VescReading) -> None:
        """A tick's readings, and the steering command that was sent in it (before any trim is taken off)."""
        if math.isfinite(vesc.imu_age_s):
            age_s = vesc.imu_age_s
            self._rows.append((now_s, steer_rad, vesc.erpm_speed_m_s, now_s - age_s, vesc.yaw_rate_rad_s))

    def result(self) -> Calibration:
        """The calibration. Raises ValueError if the drive was shorter than SAMPLES_MIN ticks in motion."""
        if not self._rows:
            raise ValueError(f"calibration: found no readings, needed {SAMPLES_MIN} ticks in motion")
        time_s, steer, speed, sample_s, yaw_rate = np.array(self._rows).T.copy()
        moving = np.abs(speed) > MOVING_M_S
        if np.count_nonzero(moving) < SAMPLES_MIN:
            raise ValueError(f"calibration: found {np.count_nonzero(moving)} ticks in motion, needed {SAMPLES_MIN}")
        standing = np.abs(speed) < 0.01
        if np.count_nonzero(standing) >= STANDING_SAMPLES_MIN:
            yaw_rate = yaw_rate - yaw_rate[standing].mean()
        for_one = self._responses(time_s, np.ones_like(steer), speed, sample_s, 0.0)[moving]
        yaw_rate = yaw_rate[moving]
        sums = np.empty(len(LATENCIES_S))
        for i, latency_s in enumerate(LATENCIES_S):
            for_command = self._responses(time_s, steer, speed, sample_s, latency_s)[moving]
            sums[i] = _fit(for_command, for_one, yaw_rate)[1]
        best = min(max(1, int(np.argmin(sums))), len(sums) - 2)
        below, least, above = sums[best - 1 : best + 2]
        curvature = max(below - 2.0 * least + above, 1e-12)
        step_s = LATENCIES_S[1]
        offset = min(1.0, max(-1.0, 0.5 * (below - above) / curvature))
        latency_s = float(LATENCIES_S[best] + offset * step_s)
        solution, residual, normal_inverse = _fit(
            self._responses(time_s, steer, speed, sample_s, latency_s)[moving], for_one, yaw_rate
        )
        gain, constant = solution
        variance = CORRELATED * residual / len(yaw_rate)
        trim = constant / gain
        slope = np.array([[-trim / gain, 1.0 / gain]])
        return Calibration(
            trim_rad=float(trim),
            latency_s=latency_s,
            trim_sigma_rad=math.sqrt(variance * float(product(product(slope, normal_inverse), slope.T)[0, 0])),
            latency_sigma_s=float(step_s * math.sqrt(2.0 * variance / curvature)),
        )

    def _responses(
        self, time_s: np.ndarray, steer: np.ndarray, speed: np.ndarray, sample_s: np.ndarray, latency_s: float
    ) -> np.ndarray:
        out = np.empty(len(sample_s))
        yaw_rates(time_s, steer, speed, sample_s, latency_s, self.car, out)
        return out


def _fit(for_command: np.ndarray, for_one: np.ndarray, yaw_rate: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Least squares of yaw_rate = gain * for_command + constant * for_one: (solution, squared residuals, inverse)."""
    rows = np.stack([for_command, for_one])
    normal_inverse = inverse(product(rows, rows.T))
    solution = product(normal_inverse, product(rows, yaw_rate.reshape(-1, 1)))[:, 0]
    residuals = yaw_rate - solution[0] * for_command - solution[1] * for_one
    return solution, float(np.sum(residuals * residuals)), normal_inverse
