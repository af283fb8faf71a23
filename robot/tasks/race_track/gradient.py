"""What a window of race-track driving costs, and its gradient with respect to the actor's weights.

A window is `horizon` decisions of a batch of cars. Each is: observe, act, slew the commands tick by tick, let those
that are through the delay line move the car. The cost is the way not covered, plus soft walls on the body's corners,
plus a little for sliding and for restless actions; a car that has crashed stops counting. Everything here is the
adjoint of `race_track.py`, which is called for the forward pass, and is held to it by tests.

State of a car in a window, float64 (N_LANE,): the seven of `sim/car/adjoint.py`; the commands in force (steer_rad,
speed_m_s); those in force one decision earlier; the last action; the action before it.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from policies.first_order import backward, forward, unpack, weight_gradient
from robot.tasks.race_track.task import (
    ACTION_SIZE,
    DECISION_S,
    N_POINTS,
    OBSERVATION_SIZE,
    POINT_SCALE,
    PREVIEW_COLUMNS,
    SEEN_ACTION_BEFORE,
    SEEN_AHEAD,
    SEEN_COSINE,
    SEEN_LAST_ACTION,
    SEEN_ROOM,
    SEEN_SIDEWAYS_SPEED,
    SEEN_SINE,
    SEEN_SPEED,
    SEEN_SPEED_COMMAND,
    SEEN_STEER_COMMAND,
    SEEN_YAW_RATE,
    SPEED_MAX_M_S,
    SPEED_MIN_M_S,
    SPEED_SLEW_M_S2,
    STEER_MAX_RAD,
    STEER_SLEW_RAD_S,
    TICK_S,
    TICKS_PER_DECISION,
    observe,
    slew,
    target,
)
from sim.car.adjoint import FAST, HEADING_ERROR, LATERAL, TAPE_COLUMNS, V_X, V_Y, YAW_RATE, S, drive, reverse
from sim.car.model import P_DELAY, P_HALF_LENGTH, P_HALF_WIDTH, P_STEER_MAX

COMMAND, EARLIER_COMMAND, LAST_ACTION, EARLIER_ACTION = 7, 9, 11, 13
N_LANE = 15
N_NOISE = 6  # errors of the estimate: s, lateral, heading_error, v_x, v_y, yaw_rate

SPEED_PER_ACTION = 0.5 * (SPEED_MAX_M_S - SPEED_MIN_M_S)


class Objective(NamedTuple):
    """What the cost weighs. Lengths in m; the way covered counts 1 a metre."""

    margin_m: float = 0.06  # the soft wall stands this far inside the wall
    softness_m: float = 0.02
    wall_quadratic: float = 300.0
    wall_linear: float = 10.0
    sliding: float = 2.0  # on the square of the slip angle beyond SLIDING_MAX
    restlessness: float = 0.02  # on the squared change of the action
    leak: float = 0.2  # share of the gradient let through a command's rate limit
    dead_m: float = 0.3  # a body this far beyond the soft wall has crashed
    adjoint_max: float = 20.0  # norm to which a car's adjoint is clipped after each decision


class Courses(NamedTuple):
    """Several closed courses in one set of arrays. Rows are courses' stations, one course after the other."""

    table: np.ndarray  # (rows, PREVIEW_COLUMNS) float32, `race_track.preview_table`
    curvature: np.ndarray  # (rows,) float64, 1/m
    first_row: np.ndarray  # (courses,) int64
    n_rows: np.ndarray  # (courses,) int64
    spacing_m: np.ndarray  # (courses,) float64


SLIDING_MAX = 0.35  # rad
HEADING_MAX = 1.4  # rad; beyond it a car has crashed too
PARTS = 2  # places of a decision that are looked at: at speed, a whole decision's way would jump over a corner
SLOW_M_S = 1.3  # below it the tyres answer so quickly that RK4 needs steps of half the length


@njit(cache=True, fastmath=FAST)
def observe_adjoint(s, lateral, heading_error, table, first_row, n_rows, spacing_m, g, lane):
    """Add to `lane` (N_LANE,) the adjoint of what `observe` read, from the observation's adjoint `g` (50,)."""
    exact = s / spacing_m
    floor = math.floor(exact)
    part = exact - floor
    row = int(floor) % n_rows
    here = table[first_row + row]
    there = table[first_row + (row + 1 if row + 1 < n_rows else 0)]
    cos_e, sin_e = math.cos(heading_error), math.sin(heading_error)
    lane[V_X] += g[SEEN_SPEED] / 3.0
    lane[V_Y] += g[SEEN_SIDEWAYS_SPEED]
    lane[YAW_RATE] += g[SEEN_YAW_RATE] / 3.0
    lane[COMMAND] += g[SEEN_STEER_COMMAND] / STEER_MAX_RAD
    lane[COMMAND + 1] += g[SEEN_SPEED_COMMAND] / 3.0
    for k in range(2):
        lane[LAST_ACTION + k] += g[SEEN_LAST_ACTION + k]
        lane[EARLIER_ACTION + k] += g[SEEN_ACTION_BEFORE + k]
    n, left, right = PREVIEW_COLUMNS, g[SEEN_ROOM], g[SEEN_ROOM + 1]
    g_part = left * (there[n - 2] - here[n - 2]) + right * (there[n - 1] - here[n - 1])
    g_lateral = right - left
    g_error = 2.0 * g[SEEN_SINE] * cos_e - g[SEEN_COSINE] * sin_e
    for k in range(N_POINTS):
        dx, dy = there[2 * k] - here[2 * k], there[2 * k + 1] - here[2 * k + 1]
        px, py = here[2 * k] + part * dx, here[2 * k + 1] + part * dy - lateral
        g_along, g_across = g[SEEN_AHEAD + 2 * k] * POINT_SCALE[k], g[SEEN_AHEAD + 2 * k + 1] * POINT_SCALE[k]
        g_px, g_py = g_along * cos_e - g_across * sin_e, g_along * sin_e + g_across * cos_e
        g_error += g_along * (py * cos_e - px * sin_e) - g_across * (px * cos_e + py * sin_e)
        g_lateral -= g_py
        g_part += g_px * dx + g_py * dy
    for k in range(2 * N_POINTS, PREVIEW_COLUMNS - 2):
        g_part += g[SEEN_AHEAD + k] * (there[k] - here[k])
    lane[S] += g_part / spacing_m
    lane[LATERAL] += g_lateral
    lane[HEADING_ERROR] += g_error


@njit(inline="always")
def tick_at_wheels(time_s, actuation_s):
    """Which tick's command the wheels get `time_s` into a decision: 0 is its first, -1 the last of the one before."""
    return math.floor((time_s - actuation_s) / TICK_S + 1e-6)


@njit(inline="always")
def reachable(a0, a1, car):
    """What an action asks for, and a packed car is told: (steer_rad, speed_m_s). No wheel is told to turn further than it can."""
    steer, speed = target(a0, a1)
    return min(car[P_STEER_MAX], max(-car[P_STEER_MAX], steer)), speed


@njit(cache=True)
def decide(lane, action, car, step_s, commands):
    """Act: write the commands (steps, 2) that reach the wheels of a packed car meanwhile, and move the lane's commands and actions on.

    Returns the squared change of the action.
    """
    restless, actuation_s = 0.0, car[P_DELAY]
    goals = reachable(action[0], action[1], car)
    earlier_goals = reachable(lane[LAST_ACTION], lane[LAST_ACTION + 1], car)
    for axis in range(2):
        rate = STEER_SLEW_RAD_S if axis == 0 else SPEED_SLEW_M_S2
        goal, earlier_goal = goals[axis], earlier_goals[axis]
        for step in range(commands.shape[0]):
            tick = tick_at_wheels(step * step_s, actuation_s)
            if tick >= 0:
                commands[step, axis] = slew(lane[COMMAND + axis], goal, rate, (tick + 1) * TICK_S)
            else:
                since = (tick + 1 + TICKS_PER_DECISION) * TICK_S
                commands[step, axis] = slew(lane[EARLIER_COMMAND + axis], earlier_goal, rate, since)
        restless += (action[axis] - lane[LAST_ACTION + axis]) ** 2
        lane[EARLIER_COMMAND + axis] = lane[COMMAND + axis]
        lane[COMMAND + axis] = slew(lane[COMMAND + axis], goal, rate, DECISION_S)
        lane[EARLIER_ACTION + axis] = lane[LAST_ACTION + axis]
        lane[LAST_ACTION + axis] = action[axis]
    return restless


@njit(inline="always")
def goal_share(command, goal, rate, elapsed_s, leak):
    """Share of a slewed command's adjoint that goes to its goal, the rest to the command before."""
    return 1.0 if abs(goal - command) <= rate * elapsed_s else leak


@njit(inline="always")
def action_share(a0, axis, car, leak):
    """By how much a goal that a packed car is told, of steering or speed, changes with the action's part: beyond the end stops
    only a share of that is let through, as beyond a rate limit."""
    if axis == 1:
        return SPEED_PER_ACTION
    return STEER_MAX_RAD if abs(a0 * STEER_MAX_RAD) <= car[P_STEER_MAX] else leak * STEER_MAX_RAD


@njit(cache=True)
def decide_adjoint(lane, action, car, step_s, restless_adjoint, leak, g_commands, g, g_action):
    """Reverse of `decide`, for the `lane` before it: carry `g` (N_LANE,) back in place and write g_action (2,).

    restless_adjoint: twice the weight of the squared change of the action.
    """
    actuation_s = car[P_DELAY]
    goals = reachable(action[0], action[1], car)
    earlier_goals = reachable(lane[LAST_ACTION], lane[LAST_ACTION + 1], car)
    for axis in range(2):
        rate = STEER_SLEW_RAD_S if axis == 0 else SPEED_SLEW_M_S2
        by_action = action_share(action[0], axis, car, leak)
        by_earlier_action = action_share(lane[LAST_ACTION], axis, car, leak)
        command, goal = lane[COMMAND + axis], goals[axis]
        earlier_command, earlier_goal = lane[EARLIER_COMMAND + axis], earlier_goals[axis]
        share = goal_share(command, goal, rate, DECISION_S, leak)
        g_goal = share * g[COMMAND + axis]
        g_command = (1.0 - share) * g[COMMAND + axis] + g[EARLIER_COMMAND + axis]
        g_earlier_goal = g_earlier_command = 0.0
        for step in range(g_commands.shape[0]):
            tick = tick_at_wheels(step * step_s, actuation_s)
            adjoint = g_commands[step, axis]
            if tick >= 0:
                share = goal_share(command, goal, rate, (tick + 1) * TICK_S, leak)
                g_goal += share * adjoint
                g_command += (1.0 - share) * adjoint
            else:
                since = (tick + 1 + TICKS_PER_DECISION) * TICK_S
                share = goal_share(earlier_command, earlier_goal, rate, since, leak)
                g_earlier_goal += share * adjoint
                g_earlier_command += (1.0 - share) * adjoint
        change = restless_adjoint * (action[axis] - lane[LAST_ACTION + axis])
        g_action[axis] = g[LAST_ACTION + axis] + g_goal * by_action + change
        g[LAST_ACTION + axis] = g[EARLIER_ACTION + axis] + g_earlier_goal * by_earlier_action - change
        g[EARLIER_ACTION + axis] = 0.0
        g[COMMAND + axis] = g_command
        g[EARLIER_COMMAND + axis] = g_earlier_command


@njit(cache=True)
def clip(g, most):
    """Shorten the vector `g`, in place, to a norm of `most`."""
    norm = 0.0
    for j in range(g.size):
        norm += g[j] * g[j]
    if norm > most * most:
        g *= most / math.sqrt(norm)


@njit(inline="always")
def softplus(x):
    """(log(1 + e^x), its slope), without overflow."""
    if x > 20.0:
        return x, 1.0
    e = math.exp(x)
    return math.log(1.0 + e), e / (1.0 + e)


@njit(cache=True)
def cost_of_place(lane, p, table, first_row, n_rows, spacing_m, objective, g):
    """Cost of where a car is, adding its adjoint to `g`, and how far the body is beyond the soft wall, m."""
    exact = lane[S] / spacing_m
    floor = math.floor(exact)
    part = exact - floor
    row = int(floor) % n_rows
    here = table[first_row + row]
    there = table[first_row + (row + 1 if row + 1 < n_rows else 0)]
    n = PREVIEW_COLUMNS
    sin_e, cos_e = math.sin(lane[HEADING_ERROR]), math.cos(lane[HEADING_ERROR])
    reach = p[P_HALF_LENGTH] * abs(sin_e) + p[P_HALF_WIDTH] * cos_e
    reach_slope = p[P_HALF_LENGTH] * math.copysign(cos_e, sin_e * cos_e) - p[P_HALF_WIDTH] * sin_e
    cost, beyond = 0.0, -1e9
    for side in range(2):
        sign = 1.0 if side == 0 else -1.0
        column = n - 2 + side
        width_slope = there[column] - here[column]
        x = sign * lane[LATERAL] + reach + objective.margin_m - (here[column] + part * width_slope)
        beyond = max(beyond, x)
        soft, slope = softplus(x / objective.softness_m)
        soft *= objective.softness_m
        cost += objective.wall_quadratic * soft * soft + objective.wall_linear * soft
        slope *= 2.0 * objective.wall_quadratic * soft + objective.wall_linear
        g[LATERAL] += sign * slope
        g[HEADING_ERROR] += slope * reach_slope
        g[S] -= slope * width_slope / spacing_m
    speed = max(1.0, lane[V_X])
    slip = lane[V_Y] / speed
    over = abs(slip) - SLIDING_MAX
    if over > 0.0:
        cost += objective.sliding * over * over
        slope = 2.0 * objective.sliding * math.copysign(over, slip) / speed
        g[V_Y] += slope
        if lane[V_X] > 1.0:
            g[V_X] -= slope * slip
    return cost, beyond


@njit(cache=True)
def window(weights, hidden, lanes, parameters, course, courses, noise, objective, step_s, keep, kept, gradient):
    """Mean cost of a decision over a window, and its gradient by the actor's weights.

    lanes (n, N_LANE) float64: the cars at the start, left at the window's end. parameters (n, sim.car.model.N_PARAMETERS).
    course (n,) int64: which of `courses` each drives. noise (horizon, n, N_NOISE): the estimate's errors. step_s: the
    physics step, which divides DECISION_S; half of it for a car slower than SLOW_M_S. kept (n, N_LANE): the cars after
    `keep` decisions. gradient: flat float32, overwritten.
    """
    horizon, n = noise.shape[0], noise.shape[1]
    most_steps = 2 * round(DECISION_S / step_s)
    network = unpack(weights, OBSERVATION_SIZE, hidden, ACTION_SIZE)
    observation = np.empty((horizon, n, OBSERVATION_SIZE), np.float32)
    first = np.empty((horizon, n, hidden), np.float32)
    second = np.empty((horizon, n, hidden), np.float32)
    action = np.empty((horizon, n, ACTION_SIZE), np.float32)
    before = np.empty((horizon, n, N_LANE))
    commands = np.empty((horizon, n, most_steps, 2))
    tape = np.empty((horizon, n, most_steps, TAPE_COLUMNS))
    counts = np.ones((horizon + 1, n))  # 0 once the car has crashed
    g_place = np.zeros((horizon, n, PARTS, N_LANE))  # of the costs of the places that each decision led to
    cost = 0.0
    for k in range(horizon):
        before[k] = lanes
        for i in range(n):
            x, error, c = lanes[i], noise[k, i], course[i]
            observe(x[V_X] + error[3], x[V_Y] + error[4], x[YAW_RATE] + error[5], x[COMMAND], x[COMMAND + 1],
                    x[LAST_ACTION], x[LAST_ACTION + 1], x[EARLIER_ACTION], x[EARLIER_ACTION + 1],
                    x[S] + error[0], x[LATERAL] + error[1], x[HEADING_ERROR] + error[2],
                    courses.table, courses.first_row[c], courses.n_rows[c], courses.spacing_m[c],
                    observation[k, i])  # fmt: skip
        forward(network, observation[k], first[k], second[k], action[k])
        for i in range(n):
            x, c, p, s_before = lanes[i], course[i], parameters[i], lanes[i, S]
            steps = most_steps if x[V_X] < SLOW_M_S else most_steps // 2
            restless = decide(x, action[k, i], p, DECISION_S / steps, commands[k, i, :steps])
            own, crashed = objective.restlessness * restless, False
            for part in range(PARTS):
                begin, end = steps * part // PARTS, steps * (part + 1) // PARTS
                drive(x, commands[k, i, begin:end], p, courses.curvature, courses.first_row[c], courses.n_rows[c],
                      courses.spacing_m[c], DECISION_S / steps, tape[k, i, begin:end])  # fmt: skip
                place_cost, beyond = cost_of_place(x, p, courses.table, courses.first_row[c], courses.n_rows[c],
                                                   courses.spacing_m[c], objective, g_place[k, i, part])  # fmt: skip
                own += place_cost / PARTS
                crashed = crashed or beyond > objective.dead_m or abs(x[HEADING_ERROR]) > HEADING_MAX
            cost += counts[k, i] * (own - (x[S] - s_before))
            counts[k + 1, i] = 0.0 if crashed else counts[k, i]
        if k == keep - 1:
            kept[:] = lanes

    d_first, d_second, d_action = np.empty_like(first), np.empty_like(second), np.empty_like(action)
    d_observation = np.empty((n, OBSERVATION_SIZE), np.float32)
    g_lanes = np.zeros((n, N_LANE))
    g_commands = np.empty((most_steps, 2))
    g_action = np.empty(2)
    for k in range(horizon - 1, -1, -1):
        for i in range(n):
            x, g, c, count = before[k, i], g_lanes[i], course[i], counts[k, i]
            g[S] -= count
            steps = most_steps if x[V_X] < SLOW_M_S else most_steps // 2
            for part in range(PARTS - 1, -1, -1):
                for j in range(COMMAND):
                    g[j] += count / PARTS * g_place[k, i, part, j]
                clip(g, objective.adjoint_max)
                begin, end = steps * part // PARTS, steps * (part + 1) // PARTS
                reverse(g, commands[k, i, begin:end], parameters[i], courses.curvature, courses.first_row[c],
                        courses.n_rows[c], courses.spacing_m[c], DECISION_S / steps, tape[k, i, begin:end],
                        g_commands[begin:end])  # fmt: skip
            restless = 2.0 * objective.restlessness * count
            decide_adjoint(x, action[k, i], parameters[i], DECISION_S / steps, restless, objective.leak,
                           g_commands[:steps], g, g_action)  # fmt: skip
            g[S] += count
            d_action[k, i, 0] = g_action[0]
            d_action[k, i, 1] = g_action[1]
        backward(network, first[k], second[k], action[k], d_first[k], d_second[k], d_action[k], d_observation)
        for i in range(n):
            x, error, c = before[k, i], noise[k, i], course[i]
            observe_adjoint(x[S] + error[0], x[LATERAL] + error[1], x[HEADING_ERROR] + error[2],
                            courses.table, courses.first_row[c], courses.n_rows[c], courses.spacing_m[c],
                            d_observation[i], g_lanes[i])  # fmt: skip
    rows = horizon * n
    weight_gradient(observation.reshape(rows, -1), first.reshape(rows, -1), second.reshape(rows, -1),
                    d_first.reshape(rows, -1), d_second.reshape(rows, -1), d_action.reshape(rows, -1),
                    gradient)  # fmt: skip
    gradient /= rows
    return cost / rows
