"""The virtual Crazyflie's state estimator: an extended Kalman filter as that of the firmware, with its blind spots.

Mueller, Hamer, D'Andrea, Fusing ultra-wideband range measurements with accelerometers and rate gyroscopes for
quadrocopter state estimation, ICRA 2015; Mueller, Hehn, D'Andrea, Covariance correction step for Kalman filtering with an
attitude, JGCD 2017. Rates, noises and bounds are those of crazyflie-firmware (kalman_core_params_defaults.h,
estimator_kalman.c). In flight the accelerometer's x and y are not used, and the gyro's bias, a thrust that is not along z, and drag
unless the filter is told of it, are not in the model: what they do is taken for tilt and velocity.

State: position (world, m), velocity (body, m/s), attitude error (body, rad), beside the reference attitude `q` (4, body to
world). Covariance `p` (9, 9).
"""

import math

import numpy as np
from numba import njit

from sim.quadrotor.model import GRAVITY_M_S2, rotation_matrix

N_ERROR_STATE = 9
(K_POSITION, K_VELOCITY, K_ATTITUDE) = (0, 3, 6)
PREDICT_MS = 10
ACCELERATION_XY_M_S2, ACCELERATION_Z_M_S2, GYRO_RAD_S = 0.5, 1.0, 0.1  # process noise, standard deviations
VARIANCE_MIN, VARIANCE_MAX = 1e-6, 100.0
REVERSION = 0.001  # a prediction, towards level, of a drone that stands (unless its deck asks for none)
POSITION_MAX_M, SPEED_MAX_M_S = 100.0, 10.0  # beyond them the firmware starts the filter anew
START_DEVIATIONS = (100.0, 100.0, 1.0, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01)


@njit(cache=True)
def begin(x, q, p, place, yaw):
    """Start the filter where the drone is told that it stands."""
    x[:] = 0.0
    x[:3] = place
    q[:] = math.cos(0.5 * yaw), 0.0, 0.0, math.sin(0.5 * yaw)
    p[:] = 0.0
    for k in range(N_ERROR_STATE):
        p[k, k] = START_DEVIATIONS[k] ** 2


@njit(cache=True)
def rotated(q, a, b, c):
    """`q` after a rotation by the vector (a, b, c), rad, in the body's frame."""
    angle = math.sqrt(a * a + b * b + c * c) + 1e-9
    w, share = math.cos(0.5 * angle), math.sin(0.5 * angle) / angle
    i, j, k = share * a, share * b, share * c
    out = (
        q[0] * w - q[1] * i - q[2] * j - q[3] * k,
        q[1] * w + q[0] * i + q[2] * k - q[3] * j,
        q[2] * w + q[0] * j + q[3] * i - q[1] * k,
        q[3] * w + q[0] * k + q[1] * j - q[2] * i,
    )
    length = math.sqrt(out[0] ** 2 + out[1] ** 2 + out[2] ** 2 + out[3] ** 2)
    return out[0] / length, out[1] / length, out[2] / length, out[3] / length


@njit(cache=True)
def turn_back(a, d_0, d_1, d_2):
    """Write to a[6:, 6:] how an attitude error changes when the reference turns by 2 d, to second order."""
    a[6, 6], a[6, 7], a[6, 8] = 1.0 - 0.5 * (d_1 * d_1 + d_2 * d_2), d_2 + 0.5 * d_0 * d_1, -d_1 + 0.5 * d_0 * d_2
    a[7, 6], a[7, 7], a[7, 8] = -d_2 + 0.5 * d_0 * d_1, 1.0 - 0.5 * (d_0 * d_0 + d_2 * d_2), d_0 + 0.5 * d_1 * d_2
    a[8, 6], a[8, 7], a[8, 8] = d_1 + 0.5 * d_0 * d_2, -d_0 + 0.5 * d_1 * d_2, 1.0 - 0.5 * (d_0 * d_0 + d_1 * d_1)


@njit(cache=True)
def propagate(p, a):
    """p = a p a', in place."""
    half = np.zeros((N_ERROR_STATE, N_ERROR_STATE))
    for i in range(N_ERROR_STATE):
        for k in range(N_ERROR_STATE):
            if a[i, k] != 0.0:
                for j in range(N_ERROR_STATE):
                    half[i, j] += a[i, k] * p[k, j]
    for i in range(N_ERROR_STATE):
        for j in range(N_ERROR_STATE):
            total = 0.0
            for k in range(N_ERROR_STATE):
                total += half[i, k] * a[j, k]
            p[i, j] = total


@njit(cache=True)
def bound(p):
    """Keep `p` symmetric and within what the firmware allows."""
    for i in range(N_ERROR_STATE):
        for j in range(i, N_ERROR_STATE):
            mean = min(VARIANCE_MAX, 0.5 * (p[i, j] + p[j, i]))
            p[i, j] = p[j, i] = max(VARIANCE_MIN, mean) if i == j else mean


@njit(cache=True)
def predict(x, q, p, acc, gyro, dt, flies, reversion, home, drag):
    """Let the state go on for `dt`: acc (3) m/s^2 and gyro (3) rad/s are means over it; home (4): attitude of a start.

    drag (3): 1/s, how fast the air slows a drone in flight along its axes (kalman.dragB_x and the others, in kalman_core.c).

    A drone that flies is pushed along its z axis alone; one that stands, or is carried, anywhere.
    """
    r = rotation_matrix(q[0], q[1], q[2], q[3])
    v_x, v_y, v_z = x[3], x[4], x[5]
    w_x, w_y, w_z = gyro[0], gyro[1], gyro[2]

    a = np.eye(N_ERROR_STATE)
    b_x, b_y, b_z = (drag[0], drag[1], drag[2]) if flies else (0.0, 0.0, 0.0)
    a[3, 3], a[4, 4], a[5, 5] = 1.0 - dt * b_x, 1.0 - dt * b_y, 1.0 - dt * b_z
    for i in range(3):
        r_x, r_y, r_z = r[3 * i], r[3 * i + 1], r[3 * i + 2]
        a[i, 3], a[i, 4], a[i, 5] = r_x * dt, r_y * dt, r_z * dt
        a[i, 6] = (v_y * r_z - v_z * r_y) * dt
        a[i, 7] = (v_z * r_x - v_x * r_z) * dt
        a[i, 8] = (v_x * r_y - v_y * r_x) * dt
    a[3, 4], a[3, 5] = w_z * dt, -w_y * dt
    a[4, 3], a[4, 5] = -w_z * dt, w_x * dt
    a[5, 3], a[5, 4] = w_y * dt, -w_x * dt
    g = GRAVITY_M_S2 * dt
    a[3, 7], a[3, 8] = g * r[8], -g * r[7]
    a[4, 6], a[4, 8] = -g * r[8], g * r[6]
    a[5, 6], a[5, 7] = g * r[7], -g * r[6]
    turn_back(a, 0.5 * w_x * dt, 0.5 * w_y * dt, 0.5 * w_z * dt)
    propagate(p, a)

    a_x, a_y, a_z = (0.0, 0.0, acc[2]) if flies else (acc[0], acc[1], acc[2])
    d_x, d_y, d_z = v_x * dt + 0.5 * a_x * dt * dt, v_y * dt + 0.5 * a_y * dt * dt, v_z * dt + 0.5 * a_z * dt * dt
    for i in range(3):
        x[i] += r[3 * i] * d_x + r[3 * i + 1] * d_y + r[3 * i + 2] * d_z
    x[2] -= 0.5 * GRAVITY_M_S2 * dt * dt
    x[3] += dt * (a_x + w_z * v_y - w_y * v_z - GRAVITY_M_S2 * r[6] - b_x * v_x)
    x[4] += dt * (a_y - w_z * v_x + w_x * v_z - GRAVITY_M_S2 * r[7] - b_y * v_y)
    x[5] += dt * (a_z + w_y * v_x - w_x * v_y - GRAVITY_M_S2 * r[8] - b_z * v_z)
    q[0], q[1], q[2], q[3] = rotated(q, w_x * dt, w_y * dt, w_z * dt)
    if not flies and reversion > 0.0:
        for k in range(4):
            q[k] = (1.0 - reversion) * q[k] + reversion * home[k]
        q /= math.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2 + q[3] ** 2)


@njit(cache=True)
def add_process_noise(p, dt):
    """What the model does not know, of `dt`."""
    for k in range(3):
        acceleration = ACCELERATION_Z_M_S2 if k == 2 else ACCELERATION_XY_M_S2
        p[k, k] += (acceleration * dt * dt) ** 2
        p[3 + k, 3 + k] += (acceleration * dt) ** 2
        p[6 + k, 6 + k] += (GYRO_RAD_S * dt) ** 2
    bound(p)


@njit(cache=True)
def correct(x, p, h, error, deviation):
    """Learn from one number: `error` is measured less expected, h (9) the expected number's gradient."""
    ph = np.zeros(N_ERROR_STATE)
    total = deviation * deviation
    for i in range(N_ERROR_STATE):
        for j in range(N_ERROR_STATE):
            ph[i] += p[i, j] * h[j]
        total += h[i] * ph[i]
    for i in range(N_ERROR_STATE):
        x[i] += ph[i] / total * error
        for j in range(N_ERROR_STATE):
            p[i, j] -= ph[i] * ph[j] / total
    bound(p)


@njit(cache=True)
def finish(x, q, p):
    """Move the attitude error into the attitude. Returns whether the state is one that the firmware goes on with."""
    a, b, c = x[6], x[7], x[8]
    if abs(a) > 1e-4 or abs(b) > 1e-4 or abs(c) > 1e-4:
        q[0], q[1], q[2], q[3] = rotated(q, a, b, c)
        turn = np.eye(N_ERROR_STATE)
        turn_back(turn, 0.5 * a, 0.5 * b, 0.5 * c)
        propagate(p, turn)
        bound(p)
    x[6:] = 0.0
    sane = True  # a NaN is not
    for k in range(3):
        sane = sane and abs(x[k]) <= POSITION_MAX_M and abs(x[3 + k]) <= SPEED_MAX_M_S
    return sane


@njit(cache=True)
def correct_position(x, p, place, deviation):
    """A measured position (3), m, world."""
    h = np.zeros(N_ERROR_STATE)
    for k in range(3):
        h[k] = 1.0
        correct(x, p, h, place[k] - x[k], deviation)
        h[k] = 0.0


@njit(cache=True)
def correct_attitude(x, q, p, measured, deviation):
    """A measured attitude (4), body to world."""
    h = np.zeros(N_ERROR_STATE)
    # The rotation from q to what was measured, in the body's frame, for small ones; both signs of it are the same.
    w = q[0] * measured[0] + q[1] * measured[1] + q[2] * measured[2] + q[3] * measured[3]
    residual = (
        q[0] * measured[1] - q[1] * measured[0] - q[2] * measured[3] + q[3] * measured[2],
        q[0] * measured[2] - q[2] * measured[0] - q[3] * measured[1] + q[1] * measured[3],
        q[0] * measured[3] - q[3] * measured[0] - q[1] * measured[2] + q[2] * measured[1],
    )
    scale = 2.0 if w >= 0.0 else -2.0
    for k in range(3):
        h[6 + k] = 1.0
        correct(x, p, h, scale * residual[k] - x[6 + k], deviation)
        h[6 + k] = 0.0
