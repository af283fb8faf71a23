"""The filter that joins odometry and lidar: an extended Kalman filter of pose, sideways speed and the gyro's bias.

State (5,) float64: x, y (m), yaw (rad), v_y (m/s), gyro bias (rad/s). Forward speed is not in it: the wheels know it
better than anything that could correct them. Sideways, the single-track model leads; the lidar corrects the pose, and
through the covariance the rest.
"""

import math

import numpy as np
from numba import njit

from sim.portable_math import inverse, product

X, Y, YAW, V_Y, BIAS = range(5)
N_STATE = 5

POSITION_NOISE_PER_M = 0.03  # standard deviations, m for each m rolled; wheels slip and differ in radius
POSITION_NOISE_M = 0.002  # a tick
YAW_NOISE_RAD = 0.0008  # a tick
YAW_NOISE_PER_RAD = 0.02  # for each rad turned
V_Y_NOISE_M_S = 0.01  # a tick
BIAS_NOISE_RAD_S = 2e-5  # a tick
BLIND_YAW_NOISE_RAD = 0.05  # a tick without gyro
BLIND_POSITION_NOISE_M = 0.05  # a tick without wheel speed
SIDESLIP_TIME_CONSTANT_S = 0.2  # v_y returns to the single-track model's
STANDING_M_S = 0.02
STANDING_RATE_SIGMA_RAD_S = 0.01  # of a gyro sample at standstill


@njit(cache=True)
def predict(state, covariance, v_y_before, v_y_now, rolled_m, turned_rad, wheel_known, imu_known, dt_s):
    """Move state (5,) and covariance (5, 5) on by one tick of `dt_s`, in place.

    v_y_before, v_y_now: what the single-track model says, m/s, at the last tick and now; see `odometry.Motion` for the
    rest.
    """
    bias = state[BIAS]
    dyaw = turned_rad - bias * dt_s
    keep = math.exp(-dt_s / SIDESLIP_TIME_CONSTANT_S)
    v_y = v_y_now + keep * (state[V_Y] - v_y_before)
    sideways = 0.5 * (state[V_Y] + v_y) * dt_s
    middle = state[YAW] + 0.5 * dyaw
    cos_m, sin_m = math.cos(middle), math.sin(middle)
    dx = rolled_m * cos_m - sideways * sin_m
    dy = rolled_m * sin_m + sideways * cos_m
    state[X] += dx
    state[Y] += dy
    state[YAW] += dyaw
    state[V_Y] = v_y

    jacobian = np.eye(N_STATE)
    jacobian[X, YAW], jacobian[Y, YAW] = -dy, dx
    jacobian[X, V_Y], jacobian[Y, V_Y] = -sin_m * dt_s, cos_m * dt_s
    jacobian[X, BIAS], jacobian[Y, BIAS] = 0.5 * dt_s * dy, -0.5 * dt_s * dx
    jacobian[YAW, BIAS] = -dt_s
    jacobian[V_Y, V_Y] = keep
    covariance[:] = product(product(jacobian, covariance), jacobian.T)
    position = POSITION_NOISE_M + POSITION_NOISE_PER_M * abs(rolled_m)
    yaw = YAW_NOISE_RAD + YAW_NOISE_PER_RAD * abs(turned_rad)
    if not wheel_known:
        position += BLIND_POSITION_NOISE_M
    if not imu_known:
        yaw += BLIND_YAW_NOISE_RAD
    covariance[X, X] += position * position
    covariance[Y, Y] += position * position
    covariance[YAW, YAW] += yaw * yaw
    covariance[V_Y, V_Y] += V_Y_NOISE_M_S**2
    covariance[BIAS, BIAS] += BIAS_NOISE_RAD_S**2


@njit(cache=True)
def stand_still(state, covariance, gyro_rad_s):
    """Learn from a standing car, in place: the gyro shows its bias, and nothing slides."""
    state[V_Y] = 0.0
    covariance[V_Y, :] = 0.0
    covariance[:, V_Y] = 0.0
    covariance[V_Y, V_Y] = 1e-6
    gain = covariance[:, BIAS] / (covariance[BIAS, BIAS] + STANDING_RATE_SIGMA_RAD_S**2)
    state += gain * (gyro_rad_s - state[BIAS])
    row = covariance[BIAS, :].copy()
    for i in range(N_STATE):
        for j in range(N_STATE):
            covariance[i, j] -= gain[i] * row[j]


@njit(cache=True)
def correct(state, covariance, pose, information):
    """Take in, in place, a pose (3,) matched with the state's own as the prior, and what the points knew (3, 3)."""
    prior, before = covariance[:3, :3].copy(), state[:3].copy()
    across = covariance[:, :3].copy()
    gain = product(across, inverse(prior))
    for row in range(N_STATE):
        for column in range(3):
            state[row] += gain[row, column] * (pose[column] - before[column])
    # (prior + information^-1)^-1 without inverting information, which is singular where walls are parallel.
    inner = product(information, inverse(np.eye(3) + product(prior, information)))
    covariance -= product(product(across, inner), across.T)
    covariance[:] = 0.5 * (covariance + covariance.T)
