"""The quadrotor's training step, and its adjoint: how what a flight leads to depends on what was commanded.

`training_step` takes the equations of `sim.quadrotor.model` through one decision in a single semi-implicit step, cheaper than
the simulator's and as smooth; `training_step_adjoint` is its derivative, written by hand in the order of the step
reversed. Tests hold it to finite differences and to automatic differentiation, and the step to Runge-Kutta.

Both are plain functions of scalars. `advance` and `reverse` run them over blocks of LANES quadrotors in flat memory, row
after row inside a block, so that one vector instruction serves many lanes; they are to be compiled by
`sim.single_precision.specialise`, alone or as part of a trainer.
"""

import math

from numba import uintp

from sim.quadrotor.model import (
    N_PARAMETERS,
    N_ROTORS,
    N_STATE,
    P_ARM_X,
    P_ARM_Y,
    P_DRAG_ACROSS,
    P_DRAG_ALONG,
    P_GYRO_X,
    P_GYRO_Y,
    P_GYRO_Z,
    P_INVERSE_INERTIA_X,
    P_INVERSE_INERTIA_Y,
    P_INVERSE_INERTIA_Z,
    P_INVERSE_MASS,
    P_SAG,
    P_THRUST_1,
    P_THRUST_2,
    P_TORQUE_PER_THRUST,
    STEP_S,
    battery_share,
    body_derivative,
    mixed,
    rotor_rate,
    rotor_thrust,
)
from sim.quadrotor.rows import four, parameters_at, put_four_at, put_state_at, state_at

LANES = uintp(16)
ROWS_STATE, ROWS_PARAMETERS, ROWS_COMMAND = uintp(N_STATE), uintp(N_PARAMETERS), uintp(N_ROTORS)
HALF_STEP_S = 0.5 * STEP_S


def thrusts(m, p):
    """`mixed` thrusts of four rotors at speeds m."""
    return mixed(rotor_thrust(m[0], p), rotor_thrust(m[1], p), rotor_thrust(m[2], p), rotor_thrust(m[3], p))


def motor_gain(behind, p):
    """Share of the way to its command that a rotor covers in a step: the implicit midpoint rule, 1e-3 from exact."""
    part = HALF_STEP_S * rotor_rate(behind, p)
    return 2.0 * part / (1.0 + part)


def turned(q, w):
    """The quaternion `q`, not yet of length one again, after a step at body rates `w`."""
    h = HALF_STEP_S
    return (
        q[0] - h * (q[1] * w[0] + q[2] * w[1] + q[3] * w[2]),
        q[1] + h * (q[0] * w[0] + q[2] * w[2] - q[3] * w[1]),
        q[2] + h * (q[0] * w[1] + q[3] * w[0] - q[1] * w[2]),
        q[3] + h * (q[0] * w[2] + q[1] * w[1] - q[2] * w[0]),
    )


def rotors_step(m, u, p):
    """Of four rotors under commands u: the battery's share, what they lack, their gains, and their speeds half-way."""
    share = battery_share(thrusts(m, p)[0], p)
    behind = u[0] * share - m[0], u[1] * share - m[1], u[2] * share - m[2], u[3] * share - m[3]
    gain = motor_gain(behind[0], p), motor_gain(behind[1], p), motor_gain(behind[2], p), motor_gain(behind[3], p)
    half_way = (m[0] + 0.5 * gain[0] * behind[0], m[1] + 0.5 * gain[1] * behind[1],
                m[2] + 0.5 * gain[2] * behind[2], m[3] + 0.5 * gain[3] * behind[3])  # fmt: skip
    return share, behind, gain, half_way


def training_step(s, u, p):
    """The state (N_STATE) one decision after `s` under commands `u` (4) in [0, 1].

    Rotors by the implicit midpoint rule; velocity and angular rate with the thrusts of the rotors half-way and all else
    as before the step; position and attitude with the mean of the old and the new velocity and rate.
    """
    q, v, w, m = s[3:7], s[7:10], s[10:13], s[13:17]
    _, behind, gain, half_way = rotors_step(m, u, p)
    _, dv, dw = body_derivative(q, v, w, thrusts(half_way, p), p, 1.0)
    new_v = v[0] + STEP_S * dv[0], v[1] + STEP_S * dv[1], v[2] + STEP_S * dv[2]
    new_w = w[0] + STEP_S * dw[0], w[1] + STEP_S * dw[1], w[2] + STEP_S * dw[2]
    r = turned(q, (0.5 * (w[0] + new_w[0]), 0.5 * (w[1] + new_w[1]), 0.5 * (w[2] + new_w[2])))
    scale = 1.0 / math.sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2] + r[3] * r[3])
    h = HALF_STEP_S
    return (
        s[0] + h * (v[0] + new_v[0]), s[1] + h * (v[1] + new_v[1]), s[2] + h * (v[2] + new_v[2]),
        scale * r[0], scale * r[1], scale * r[2], scale * r[3],
        new_v[0], new_v[1], new_v[2], new_w[0], new_w[1], new_w[2],
        m[0] + gain[0] * behind[0], m[1] + gain[1] * behind[1], m[2] + gain[2] * behind[2], m[3] + gain[3] * behind[3],
    )  # fmt: skip


def training_step_adjoint(s, u, p, after, l):
    """Adjoints of `s` (N_STATE) and of `u` (4), from the adjoint `l` of `after` = training_step(s, u, p)."""
    q, v, w, m = s[3:7], s[7:10], s[10:13], s[13:17]
    share, _, gain, half_way = rotors_step(m, u, p)
    q_w, q_x, q_y, q_z = q

    # The attitude: back through the scaling to length one, then through `turned`.
    mean_x, mean_y, mean_z = 0.5 * (w[0] + after[10]), 0.5 * (w[1] + after[11]), 0.5 * (w[2] + after[12])
    r = turned(q, (mean_x, mean_y, mean_z))
    scale = 1.0 / math.sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2] + r[3] * r[3])
    radial = l[3] * after[3] + l[4] * after[4] + l[5] * after[5] + l[6] * after[6]
    l_w, l_x = scale * (l[3] - radial * after[3]), scale * (l[4] - radial * after[4])
    l_y, l_z = scale * (l[5] - radial * after[5]), scale * (l[6] - radial * after[6])
    h = HALF_STEP_S
    g_q_w = l_w + h * (l_x * mean_x + l_y * mean_y + l_z * mean_z)
    g_q_x = l_x + h * (l_z * mean_y - l_w * mean_x - l_y * mean_z)
    g_q_y = l_y + h * (l_x * mean_z - l_w * mean_y - l_z * mean_x)
    g_q_z = l_z + h * (l_y * mean_x - l_w * mean_z - l_x * mean_y)
    turn_x = 0.5 * h * (l_x * q_w - l_w * q_x + l_y * q_z - l_z * q_y)  # adjoint of the old rate and of the new, each
    turn_y = 0.5 * h * (l_y * q_w - l_w * q_y + l_z * q_x - l_x * q_z)
    turn_z = 0.5 * h * (l_z * q_w - l_w * q_z + l_x * q_y - l_y * q_x)

    # The angular rate: torques, and the gyroscopic terms.
    b_x, b_y, b_z = STEP_S * (l[10] + turn_x), STEP_S * (l[11] + turn_y), STEP_S * (l[12] + turn_z)
    roll, pitch = b_x * p[P_INVERSE_INERTIA_X] * p[P_ARM_Y], b_y * p[P_INVERSE_INERTIA_Y] * p[P_ARM_X]
    yaw = b_z * p[P_INVERSE_INERTIA_Z] * p[P_TORQUE_PER_THRUST]
    gyro_x, gyro_y, gyro_z = p[P_GYRO_X] * b_x, p[P_GYRO_Y] * b_y, p[P_GYRO_Z] * b_z
    g_w_x = l[10] + 2.0 * turn_x + gyro_y * w[2] + gyro_z * w[1]
    g_w_y = l[11] + 2.0 * turn_y + gyro_x * w[2] + gyro_z * w[0]
    g_w_z = l[12] + 2.0 * turn_z + gyro_x * w[1] + gyro_y * w[0]

    # The velocity: thrust and drag along the rotors' axis z, drag across it.
    a_x, a_y, a_z = STEP_S * (l[7] + h * l[0]), STEP_S * (l[8] + h * l[1]), STEP_S * (l[9] + h * l[2])
    z_x, z_y, z_z = 2.0 * (q_x * q_z + q_w * q_y), 2.0 * (q_y * q_z - q_w * q_x), 1.0 - 2.0 * (q_x * q_x + q_y * q_y)
    more_drag = p[P_DRAG_ACROSS] - p[P_DRAG_ALONG]
    speed_along = z_x * v[0] + z_y * v[1] + z_z * v[2]
    along = (thrusts(half_way, p)[0] + more_drag * speed_along) * p[P_INVERSE_MASS]
    across = p[P_DRAG_ACROSS] * p[P_INVERSE_MASS]
    l_thrust = (a_x * z_x + a_y * z_y + a_z * z_z) * p[P_INVERSE_MASS]
    l_speed_along = l_thrust * more_drag
    g_v_x = l[7] + STEP_S * l[0] - across * a_x + l_speed_along * z_x
    g_v_y = l[8] + STEP_S * l[1] - across * a_y + l_speed_along * z_y
    g_v_z = l[9] + STEP_S * l[2] - across * a_z + l_speed_along * z_z
    l_z_x, l_z_y = along * a_x + l_speed_along * v[0], along * a_y + l_speed_along * v[1]
    l_z_z = along * a_z + l_speed_along * v[2]
    g_q_w += 2.0 * (q_y * l_z_x - q_x * l_z_y)
    g_q_x += 2.0 * (q_z * l_z_x - q_w * l_z_y - 2.0 * q_x * l_z_z)
    g_q_y += 2.0 * (q_w * l_z_x + q_z * l_z_y - 2.0 * q_y * l_z_z)
    g_q_z += 2.0 * (q_x * l_z_x + q_y * l_z_y)

    # The rotors: through their thrusts half-way, their speeds after the step, and their load on the battery.
    half_0 = (l_thrust - roll - pitch - yaw) * thrust_slope(half_way[0], p)
    half_1 = (l_thrust - roll + pitch + yaw) * thrust_slope(half_way[1], p)
    half_2 = (l_thrust + roll + pitch - yaw) * thrust_slope(half_way[2], p)
    half_3 = (l_thrust + roll - pitch + yaw) * thrust_slope(half_way[3], p)
    behind_0, behind_1 = gain[0] * (l[13] + 0.5 * half_0), gain[1] * (l[14] + 0.5 * half_1)
    behind_2, behind_3 = gain[2] * (l[15] + 0.5 * half_2), gain[3] * (l[16] + 0.5 * half_3)
    sag = p[P_SAG] * (u[0] * behind_0 + u[1] * behind_1 + u[2] * behind_2 + u[3] * behind_3)
    return (
        l[0], l[1], l[2], g_q_w, g_q_x, g_q_y, g_q_z, g_v_x, g_v_y, g_v_z, g_w_x, g_w_y, g_w_z,
        l[13] + half_0 - behind_0 - sag * thrust_slope(m[0], p),
        l[14] + half_1 - behind_1 - sag * thrust_slope(m[1], p),
        l[15] + half_2 - behind_2 - sag * thrust_slope(m[2], p),
        l[16] + half_3 - behind_3 - sag * thrust_slope(m[3], p),
    ), (share * behind_0, share * behind_1, share * behind_2, share * behind_3)  # fmt: skip


def thrust_slope(m, p):
    """Derivative of `rotor_thrust` by the rotor's speed, N."""
    return p[P_THRUST_1] + 2.0 * p[P_THRUST_2] * m


def advance(state, commands, parameters, after):
    """after = training_step(state, commands, parameters), lane by lane; all flat, blocks of rows of LANES."""
    for block in range(uintp(after.size) // (ROWS_STATE * LANES)):
        for lane in range(LANES):
            at, u = block * ROWS_STATE * LANES + lane, four(commands, block * ROWS_COMMAND * LANES + lane, LANES)
            p = parameters_at(parameters, block * ROWS_PARAMETERS * LANES + lane, LANES)
            put_state_at(after, at, LANES, training_step(state_at(state, at, LANES), u, p))


def reverse(state, commands, parameters, after, adjoint, command_adjoint):
    """Carry `adjoint`, of `after`, back in place to that of `state`; overwrites `command_adjoint`. Memory as above."""
    for block in range(uintp(after.size) // (ROWS_STATE * LANES)):
        for lane in range(LANES):
            at, at_u = block * ROWS_STATE * LANES + lane, block * ROWS_COMMAND * LANES + lane
            p = parameters_at(parameters, block * ROWS_PARAMETERS * LANES + lane, LANES)
            s, s_after, l = state_at(state, at, LANES), state_at(after, at, LANES), state_at(adjoint, at, LANES)
            l, l_u = training_step_adjoint(s, four(commands, at_u, LANES), p, s_after, l)
            put_state_at(adjoint, at, LANES, l)
            put_four_at(command_adjoint, at_u, LANES, l_u)
