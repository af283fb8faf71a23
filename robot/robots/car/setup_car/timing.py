"""How late commands act, and how the IMU lies: from what gyro and accelerometer show while the car starts, turns, stops.

Delay: the car rolls and the steering is turned over. The yaw rate of a slow car is speed * tan(angle) / wheelbase, and
the wheels follow the command at the servo's own rate: the delay that explains the gyro best is looked for, and how sure
it is follows from how much worse its neighbours explain it.

IMU: a car that starts or brakes on its way is pushed along it: where the accelerometer says the push comes from, there
is ahead.
"""

import math

import numpy as np

from robot.robots.car.setup_car.legs import Leg
from robot.robots.car.setup_car.rig import TICK_S, Row
from robot.robots.car.setup_car.values import Value, measured

DELAYS_S = np.arange(0.0, 0.2501, 0.005)
FINE_S = 0.002  # of the wheels' own movement
GYRO_NOISE_RAD_S = 0.005
CORRELATED = 4.0  # neighbouring residuals are alike
BODY_LAG_S = 0.004  # of the command on the wire, and of a slow car's yaw behind its wheels
DELAY_FLOOR_S = 0.008
IMU_YAW_FLOOR_RAD = 0.02


def yaw_rates(rows: list[Row], angles_rad: np.ndarray, gain: float, delay_s: float, wheelbase_m: float,
              steer_rate_rad_s: float) -> np.ndarray:  # fmt: skip
    """Expected at the moments when the gyro measured, rad/s (n,). angles_rad (n,): told; gain: way over way by the file."""
    told_s = np.array([row.time_s for row in rows])
    sampled_s = told_s + TICK_S - np.array([row.vesc.imu_age_s for row in rows])
    fine_s = np.arange(told_s[0], told_s[-1] + TICK_S, FINE_S)
    target = angles_rad[np.clip(np.searchsorted(told_s + delay_s, fine_s, side="right") - 1, 0, None)]
    angle, most = np.empty_like(fine_s), steer_rate_rad_s * FINE_S
    now = target[0]
    for k in range(len(fine_s)):
        now += min(most, max(-most, target[k] - now))
        angle[k] = now
    valued_s = told_s + TICK_S - np.array([row.vesc.values_age_s for row in rows])
    speed = gain * np.interp(sampled_s, valued_s, [row.vesc.erpm_speed_m_s for row in rows])
    return speed * np.tan(np.interp(sampled_s, fine_s, angle)) / wheelbase_m


def delay(wiggles: list[tuple[list[Row], np.ndarray, np.ndarray]], gain: float, wheelbase_m: float,
          steer_rate_rad_s: float) -> Value:  # fmt: skip
    """wiggles: rows, angles told (n,), and yaw rates measured (n,), left positive, without the gyro's bias."""
    sums = np.zeros(len(DELAYS_S))
    samples = 0
    for rows, angles, measured_rad_s in wiggles:
        samples += len(rows)
        for i, delay_s in enumerate(DELAYS_S):
            expected = yaw_rates(rows, angles, gain, float(delay_s), wheelbase_m, steer_rate_rad_s)
            sums[i] += float(np.sum((measured_rad_s - expected) ** 2))
    best = int(np.argmin(sums))
    if not 0 < best < len(sums) - 1:
        return measured("actuation_s", float(DELAYS_S[best]), math.inf, 0.0)
    below, least, above = sums[best - 1 : best + 2]
    bend = max(float(below - 2.0 * least + above), 1e-12)
    offset = min(1.0, max(-1.0, 0.5 * float(below - above) / bend))
    variance = CORRELATED * max(GYRO_NOISE_RAD_S**2, float(least) / samples)
    step_s = float(DELAYS_S[1])
    sigma_s = step_s * math.sqrt(2.0 * variance / bend)
    return measured(
        "actuation_s", max(0.0, float(DELAYS_S[best]) + offset * step_s - BODY_LAG_S), sigma_s, DELAY_FLOOR_S
    )


def imu_yaw(legs: list[Leg], gain: float, over: float) -> Value:
    """Direction of the IMU's x axis on the car. gain: negative where the motor runs backwards; over: -1 upside down."""
    along, across = [], []
    pushes = []
    for leg in legs:
        rows = leg.rows
        speed = gain * np.array([row.vesc.erpm_speed_m_s for row in rows])
        accel = np.array([(row.vesc.accel_x_m_s2, over * row.vesc.accel_y_m_s2) for row in rows])
        accel -= np.median(accel[:20], axis=0)
        push = np.gradient(speed, TICK_S)
        pushes.append(push)
        along.append(accel[:, 0])
        across.append(accel[:, 1])
    push, x, y = map(np.concatenate, (pushes, along, across))
    power = float(push @ push)
    if power == 0.0:
        return measured("imu_yaw_rad", 0.0, math.inf, 0.0)
    ahead, aside = float(push @ x) / power, float(push @ y) / power  # of one m/s^2 ahead, in the IMU's axes
    yaw = -math.atan2(aside, ahead)
    size = math.hypot(ahead, aside)
    off = x * (-aside) + y * ahead  # across the push, times its size
    sigma = math.sqrt(CORRELATED * float(np.mean(off**2)) / power) / max(size * size, 1e-9)
    return measured("imu_yaw_rad", yaw, sigma, IMU_YAW_FLOOR_RAD)
