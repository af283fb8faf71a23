"""The car along a centreline, and the adjoint of it: how what a drive leads to depends on what was commanded.

`drive` integrates the equations of `sim/car/model.py` in the course's own (Frenet) frame by RK4 and keeps a tape; `reverse`
walks the tape backwards. The derivatives are written by hand beside the equations and held to automatic differentiation
and to finite differences by `tests/sim/car/test_adjoint.py`.

State of a car, float64 (N_STATE,): s (m), lateral (m, left positive), heading_error (rad), v_x, v_y (m/s),
yaw_rate (rad/s), steer (rad).
"""

import math

import numpy as np
from numba import njit

from sim.car.model import (
    GRAVITY_M_S2,
    P_ACCEL,
    P_BRAKE,
    P_DRAG,
    P_FRONT,
    P_GRIP_F,
    P_GRIP_R,
    P_HEIGHT,
    P_INERTIA,
    P_MASS,
    P_POWER_SPEED,
    P_REAR,
    P_ROLLING,
    P_SPEED_TAU,
    P_STEER_MAX,
    P_STEER_RATE,
    P_STIFF_F,
    P_STIFF_R,
    P_TRIM,
    SLIP_SPEED_MIN,
    body_derivative,
    drive_acceleration,
    steering_rate,
    track_derivative,
)

N_STATE = 7
S, LATERAL, HEADING_ERROR, V_X, V_Y, YAW_RATE, STEER = range(N_STATE)
TAPE_COLUMNS = 4 * N_STATE + 2  # the state at each RK4 stage; the acceleration and steering rate held over the step

# Everything that fastmath allows except the assumption that no number is NaN or infinite.
FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}


@njit(inline="always")
def curvature_at(curvature, first_row, n_rows, spacing_m, s):
    """Curvature (1/m) and its slope (1/m^2) at `s`; the course's rows are curvature[first_row : first_row + n_rows]."""
    exact = s / spacing_m
    floor = math.floor(exact)
    row = int(floor) % n_rows
    here = curvature[first_row + row]
    there = curvature[first_row + (row + 1 if row + 1 < n_rows else 0)]
    return here + (exact - floor) * (there - here), (there - here) / spacing_m


@njit(cache=True, fastmath=FAST)
def drive(state, commands, p, curvature, first_row, n_rows, spacing_m, step_s, tape):
    """Advance `state` in place through len(commands) RK4 steps of `step_s`.

    commands (n, 2): steering angle (rad) and speed (m/s) that reach the wheels during each step. p: packed parameters.
    tape (n, TAPE_COLUMNS) float64 is written for `reverse`.
    """
    s, lateral, error = state[S], state[LATERAL], state[HEADING_ERROR]
    v_x, v_y, yaw_rate, steer = state[V_X], state[V_Y], state[YAW_RATE], state[STEER]
    for step in range(commands.shape[0]):
        row = tape[step]
        accel = drive_acceleration(v_x, commands[step, 1], p)
        rate = steering_rate(steer, commands[step, 0], p, step_s)
        sum_s = sum_lateral = sum_error = sum_vx = sum_vy = sum_r = 0.0
        at_s, at_lateral, at_error, at_vx, at_vy, at_r, at_steer = s, lateral, error, v_x, v_y, yaw_rate, steer
        for stage in range(4):
            base = stage * N_STATE
            row[base + S] = at_s
            row[base + LATERAL] = at_lateral
            row[base + HEADING_ERROR] = at_error
            row[base + V_X] = at_vx
            row[base + V_Y] = at_vy
            row[base + YAW_RATE] = at_r
            row[base + STEER] = at_steer
            bend, _ = curvature_at(curvature, first_row, n_rows, spacing_m, at_s)
            ds, dlateral, derror = track_derivative(at_lateral, at_error, at_vx, at_vy, at_r, bend)
            dvx, dvy, dr = body_derivative(at_vx, at_vy, at_r, at_steer, accel, p)
            weight = 1.0 if stage == 0 or stage == 3 else 2.0
            sum_s += weight * ds
            sum_lateral += weight * dlateral
            sum_error += weight * derror
            sum_vx += weight * dvx
            sum_vy += weight * dvy
            sum_r += weight * dr
            ahead = step_s if stage == 2 else 0.5 * step_s
            at_s, at_lateral, at_error = s + ahead * ds, lateral + ahead * dlateral, error + ahead * derror
            at_vx, at_vy, at_r = v_x + ahead * dvx, v_y + ahead * dvy, yaw_rate + ahead * dr
            at_steer = steer + ahead * rate
        row[4 * N_STATE] = accel
        row[4 * N_STATE + 1] = rate
        k = step_s / 6.0
        s += k * sum_s
        lateral += k * sum_lateral
        error += k * sum_error
        v_x += k * sum_vx
        v_y += k * sum_vy
        yaw_rate += k * sum_r
        steer += step_s * rate
    state[S] = s
    state[LATERAL] = lateral
    state[HEADING_ERROR] = error
    state[V_X] = v_x
    state[V_Y] = v_y
    state[YAW_RATE] = yaw_rate
    state[STEER] = steer


@njit(inline="always")
def body_adjoint(v_x, v_y, yaw_rate, steer, accel, p, l_vx, l_vy, l_r):
    """Adjoints of (v_x, v_y, yaw_rate, steer, accel), from those of `body_derivative`'s three results."""
    mass, inertia, front, rear = p[P_MASS], p[P_INERTIA], p[P_FRONT], p[P_REAR]
    grip_front, grip_rear = p[P_GRIP_F], p[P_GRIP_R]
    shift = mass * p[P_HEIGHT] / (front + rear)
    load_front = mass * GRAVITY_M_S2 * rear / (front + rear) - accel * shift
    load_rear = mass * GRAVITY_M_S2 * front / (front + rear) + accel * shift
    used_front, used_rear = accel / (grip_front * GRAVITY_M_S2), accel / (grip_rear * GRAVITY_M_S2)
    left_front = math.sqrt(max(0.05, 1.0 - used_front * used_front))
    left_rear = math.sqrt(max(0.05, 1.0 - used_rear * used_rear))
    cos_d, sin_d = math.cos(steer), math.sin(steer)
    slip_speed = max(abs(v_x), SLIP_SPEED_MIN)
    slip_front = (v_x * sin_d - (v_y + front * yaw_rate) * cos_d) / slip_speed
    slip_rear = -(v_y - rear * yaw_rate) / slip_speed
    x_front = p[P_STIFF_F] * slip_front / left_front
    x_rear = p[P_STIFF_R] * slip_rear / left_rear
    inv_front = 1.0 / math.sqrt(1.0 + x_front * x_front)
    inv_rear = 1.0 / math.sqrt(1.0 + x_rear * x_rear)
    curve_front, curve_rear = x_front * inv_front, x_rear * inv_rear  # the tyre curve, and below its slope
    slope_front, slope_rear = inv_front * inv_front * inv_front, inv_rear * inv_rear * inv_rear

    l_front = (l_vy * cos_d - l_vx * sin_d) / mass + l_r * front * cos_d / inertia  # adjoint of the front tyres' force
    l_rear = l_vy / mass - l_r * rear / inertia
    l_slip_front = l_front * grip_front * load_front * slope_front * p[P_STIFF_F]
    l_slip_rear = l_rear * grip_rear * load_rear * slope_rear * p[P_STIFF_R]

    force_front = grip_front * load_front * left_front * curve_front
    g_steer = -force_front * ((l_vx * cos_d + l_vy * sin_d) / mass + l_r * front * sin_d / inertia)
    g_steer += l_slip_front * (v_x * cos_d + (v_y + front * yaw_rate) * sin_d) / slip_speed

    g_accel = l_vx + shift * (
        l_rear * grip_rear * left_rear * curve_rear - l_front * grip_front * left_front * curve_front
    )
    if 1.0 - used_front * used_front > 0.05:  # the adjoint of left_front is l_front * grip_front * ...
        g_accel -= (
            l_front * load_front * (curve_front - x_front * slope_front) * used_front / (GRAVITY_M_S2 * left_front)
        )
    if 1.0 - used_rear * used_rear > 0.05:
        g_accel -= l_rear * load_rear * (curve_rear - x_rear * slope_rear) * used_rear / (GRAVITY_M_S2 * left_rear)

    under = v_x * v_x + 0.01
    g_vx = l_slip_front * sin_d / slip_speed - l_vy * yaw_rate
    g_vx -= l_vx * (2.0 * p[P_DRAG] * abs(v_x) + p[P_ROLLING] * 0.01 / (under * math.sqrt(under)))
    if abs(v_x) > SLIP_SPEED_MIN:
        g_vx -= math.copysign(1.0, v_x) * (l_slip_front * slip_front + l_slip_rear * slip_rear) / slip_speed
    g_vy = -(l_slip_front * cos_d + l_slip_rear) / slip_speed + l_vx * yaw_rate
    g_r = (l_slip_rear * rear - l_slip_front * front * cos_d) / slip_speed + l_vx * v_y - l_vy * v_x
    return g_vx, g_vy, g_r, g_steer, g_accel


@njit(inline="always")
def track_adjoint(lateral, heading_error, v_x, v_y, curvature, l_s, l_lateral, l_error):
    """Adjoints of (lateral, heading_error, v_x, v_y, yaw_rate, curvature), from those of `track_derivative`."""
    cos_e, sin_e = math.cos(heading_error), math.sin(heading_error)
    free = 1.0 - lateral * curvature
    inverse = 1.0 / max(0.2, free)
    ds = (v_x * cos_e - v_y * sin_e) * inverse
    l_ds = l_s - l_error * curvature
    g_error = l_lateral * (v_x * cos_e - v_y * sin_e) - l_ds * (v_x * sin_e + v_y * cos_e) * inverse
    g_vx = l_ds * cos_e * inverse + l_lateral * sin_e
    g_vy = l_lateral * cos_e - l_ds * sin_e * inverse
    stretch = l_ds * ds * inverse if free > 0.2 else 0.0
    return stretch * curvature, g_error, g_vx, g_vy, l_error, stretch * lateral - l_error * ds


@njit(inline="always")
def drive_adjoint(v_x, speed_command, p):
    """Partial derivatives of `drive_acceleration`: (by v_x, by speed_command)."""
    accel = (speed_command - v_x) / p[P_SPEED_TAU]
    speed = max(abs(v_x), 0.1)
    drive_max = p[P_ACCEL] * min(1.0, p[P_POWER_SPEED] / speed)
    forwards = v_x >= 0.0
    upper = drive_max if forwards else p[P_BRAKE]
    lower = -p[P_BRAKE] if forwards else -drive_max
    if lower <= accel <= upper:
        return -1.0 / p[P_SPEED_TAU], 1.0 / p[P_SPEED_TAU]
    by_power = abs(v_x) > max(0.1, p[P_POWER_SPEED]) and (accel > upper) == forwards
    return (-drive_max / speed if by_power else 0.0), 0.0


@njit(inline="always")
def steering_adjoint(steer, steer_command, p, step_s):
    """Partial derivatives of `steering_rate`: (by steer, by steer_command)."""
    inside = abs(steer_command) <= p[P_STEER_MAX]
    aim = min(p[P_STEER_MAX], max(-p[P_STEER_MAX], steer_command)) + p[P_TRIM]
    if abs(aim - steer) > p[P_STEER_RATE] * step_s:
        return 0.0, 0.0
    return -1.0 / step_s, (1.0 / step_s if inside else 0.0)


@njit(cache=True, fastmath=FAST)
def reverse(adjoint, commands, p, curvature, first_row, n_rows, spacing_m, step_s, tape, command_adjoint):
    """Carry `adjoint` (N_STATE,), of the state after `drive`, back in place to the state before it.

    The other arguments are those of the `drive` that wrote `tape`. command_adjoint (n, 2) is overwritten.
    """
    l_s, l_lateral, l_error = adjoint[S], adjoint[LATERAL], adjoint[HEADING_ERROR]
    l_vx, l_vy, l_r, l_steer = adjoint[V_X], adjoint[V_Y], adjoint[YAW_RATE], adjoint[STEER]
    for step in range(commands.shape[0] - 1, -1, -1):
        row = tape[step]
        accel = row[4 * N_STATE]
        back_s = back_lateral = back_error = back_vx = back_vy = back_r = 0.0  # the stage after this one's adjoint
        sum_s = sum_lateral = sum_error = sum_vx = sum_vy = sum_r = sum_steer = g_accel = 0.0
        g_rate = step_s * l_steer
        for stage in range(3, -1, -1):
            weight = step_s / 6.0 if stage == 0 or stage == 3 else step_s / 3.0
            ahead = 0.0 if stage == 3 else (step_s if stage == 2 else 0.5 * step_s)  # of the next stage's state
            k_s = weight * l_s + ahead * back_s
            k_lateral = weight * l_lateral + ahead * back_lateral
            k_error = weight * l_error + ahead * back_error
            k_vx = weight * l_vx + ahead * back_vx
            k_vy = weight * l_vy + ahead * back_vy
            k_r = weight * l_r + ahead * back_r
            base = stage * N_STATE
            lateral, error = row[base + LATERAL], row[base + HEADING_ERROR]
            v_x, v_y, yaw_rate, steer = row[base + V_X], row[base + V_Y], row[base + YAW_RATE], row[base + STEER]
            bend, slope = curvature_at(curvature, first_row, n_rows, spacing_m, row[base + S])
            b_vx, b_vy, b_r, b_steer, b_accel = body_adjoint(v_x, v_y, yaw_rate, steer, accel, p, k_vx, k_vy, k_r)
            back_lateral, back_error, t_vx, t_vy, t_r, t_bend = track_adjoint(
                lateral, error, v_x, v_y, bend, k_s, k_lateral, k_error
            )
            back_s, back_vx, back_vy, back_r = t_bend * slope, b_vx + t_vx, b_vy + t_vy, b_r + t_r
            sum_s += back_s
            sum_lateral += back_lateral
            sum_error += back_error
            sum_vx += back_vx
            sum_vy += back_vy
            sum_r += back_r
            sum_steer += b_steer
            g_accel += b_accel
            since_start = 0.0 if stage == 0 else (step_s if stage == 3 else 0.5 * step_s)
            g_rate += since_start * b_steer
        l_s += sum_s
        l_lateral += sum_lateral
        l_error += sum_error
        l_vx += sum_vx
        l_vy += sum_vy
        l_r += sum_r
        l_steer += sum_steer
        by_speed, by_speed_command = drive_adjoint(row[V_X], commands[step, 1], p)
        by_steer, by_steer_command = steering_adjoint(row[STEER], commands[step, 0], p, step_s)
        l_vx += g_accel * by_speed
        l_steer += g_rate * by_steer
        command_adjoint[step, 0] = g_rate * by_steer_command
        command_adjoint[step, 1] = g_accel * by_speed_command
    adjoint[S] = l_s
    adjoint[LATERAL] = l_lateral
    adjoint[HEADING_ERROR] = l_error
    adjoint[V_X] = l_vx
    adjoint[V_Y] = l_vy
    adjoint[YAW_RATE] = l_r
    adjoint[STEER] = l_steer


def new_tape(n_steps: int) -> np.ndarray:
    """Room for the tape of one `drive` of `n_steps` steps."""
    return np.empty((n_steps, TAPE_COLUMNS))
