"""A window of flight, and how its cost depends on the policy: what `robot/robots/quadrotor/training/first_order.py` learns from.

Many drones are simulated at once (`sim.quadrotor.adjoint`), the policy deciding, with latency, sensor noise and
disturbances; then the exact derivative of the window's cost by the policy's weights is carried back through drones,
latency, actions, actor and observation.

All prices are on what the policy observes, whose first 18 columns every flying task gives the same meaning (see
`robot/tasks/hover.py`): the window needs of a task just `observe`, and that its further columns, if there are any, do
not depend on the drone's state.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit, uintp

from policies import first_order, lane_products
from policies.first_order import backward, forward, unpack, weight_gradient
from robot.tasks import hover
from sim.quadrotor import adjoint as quadrotor_adjoint
from sim.quadrotor.adjoint import LANES, ROWS_STATE, advance, reverse
from sim.quadrotor.model import N_STATE, STEP_S
from sim.quadrotor.rows import state_at
from sim.single_precision import CPU, OPTIONS, specialise

SEEN_POSITION, SEEN_ROTATION, SEEN_VELOCITY, SEEN_RATE = hover.SPEC.places(
    "position_error", "rotation", "velocity_error", "angular_rate"
)
observe: Any = None  # supplied by `build_window`: the task's


class Objective(NamedTuple):
    """What a decision costs, all float32."""

    position: float = 15.0  # per metre, far away
    position_knee_m: float = 0.05  # nearer than this the price is quadratic
    attitude: float = 2.0  # of 1 - q_w^2
    velocity: float = 0.1
    rate: float = 0.02
    action: float = 0.02  # of the squared difference to hovering
    action_change: float = 6.0  # of the squared difference to the last action
    wall: float = 2000.0  # of the squared distance, in each coordinate, beyond
    wall_m: float = 0.3
    crash_m: float = 1.0  # a drone so far away, or turning so fast, no longer counts
    crash_rate_rad_s: float = 60.0
    discount: float = 0.98  # of the adjoint, each decision
    adjoint_max: float = 1e4  # length to which a drone's adjoint is clipped


class Tape(NamedTuple):
    """A window of `n` drones in blocks of lanes, float32; first axis of most: the decision."""

    states: np.ndarray  # (horizon + 1, blocks, N_STATE, LANES)
    commands: np.ndarray  # (horizon, blocks, N_ROTORS, LANES) that reach the rotors
    observations: np.ndarray  # (horizon, n, inputs)
    first: np.ndarray  # (horizon, n, hidden)
    second: np.ndarray
    actions: np.ndarray  # (history + horizon, n, N_ROTORS), those before the window first
    d_first: np.ndarray  # gradients by what is above
    d_second: np.ndarray
    d_actions: np.ndarray
    d_observation: np.ndarray  # (n, inputs)
    d_commands: np.ndarray  # (blocks, N_ROTORS, LANES)
    d_state: np.ndarray  # (blocks, N_STATE, LANES)


class Drones(NamedTuple):
    """What is constant in a window."""

    parameters: np.ndarray  # (blocks, N_PARAMETERS, LANES)
    delay_shares: np.ndarray  # (taps, n): share of the newest action, the one before, ... in what reaches the rotors
    hover_actions: np.ndarray  # (n,)
    ages: np.ndarray  # (n,) decisions since the start, at the window's beginning
    task_memory: np.ndarray  # (blocks, columns + MEMORY_SIZE, LANES): room for an observation, and the task's numbers
    crashes: np.ndarray  # (n,) written: the decision at which a drone ceased to count


def look(state, ages, t, task_memory, actions, noise, out):
    """Observations (n, inputs) at decision t: the task's, with noise (n, columns), and past actions, newest first."""
    columns, history, rows = noise.shape[1], actions.shape[0], uintp(task_memory.shape[1])
    memory, flat = task_memory.reshape(-1), state.reshape(-1)
    for block in range(uintp(state.shape[0])):
        for lane in range(LANES):
            at = block * rows * LANES + lane
            time_s = (ages[block * LANES + lane] + np.float32(t)) * STEP_S
            seen = state_at(flat, block * ROWS_STATE * LANES + lane, LANES)
            observe(seen, time_s, memory, at + uintp(columns) * LANES, at, LANES)
    for block in range(state.shape[0]):
        for lane in range(LANES):
            n = block * LANES + lane
            for k in range(columns):
                out[n, k] = task_memory[block, k, lane] + noise[n, k]
            for j in range(history):
                for rotor in range(4):
                    out[n, columns + 4 * j + rotor] = actions[history - 1 - j, n, rotor]


def look_adjoint(state, d_observation, scale, columns, d_state, d_actions):
    """Reverse of `look`: add to the adjoints of the state and of the past actions."""
    history = d_actions.shape[0]
    for block in range(state.shape[0]):
        for lane in range(LANES):
            n = block * LANES + lane
            d, s, l = d_observation[n], state[block], d_state[block]
            for k in range(3):
                l[k, lane] += scale[SEEN_POSITION + k] * d[SEEN_POSITION + k]
                l[7 + k, lane] += scale[SEEN_VELOCITY + k] * d[SEEN_VELOCITY + k]
                l[10 + k, lane] += scale[SEEN_RATE + k] * d[SEEN_RATE + k]
            w, x, y, z = s[3, lane], s[4, lane], s[5, lane], s[6, lane]
            r = SEEN_ROTATION
            xx, xy, xz, yx, yy, yz = d[r], d[r + 1], d[r + 2], d[r + 3], d[r + 4], d[r + 5]
            zx, zy, zz = d[r + 6], d[r + 7], d[r + 8]
            l[3, lane] += 2.0 * (z * (yx - xy) + y * (xz - zx) + x * (zy - yz))
            l[4, lane] += 2.0 * (y * (xy + yx) + z * (xz + zx) + w * (zy - yz)) - 4.0 * x * (yy + zz)
            l[5, lane] += 2.0 * (x * (xy + yx) + w * (xz - zx) + z * (yz + zy)) - 4.0 * y * (xx + zz)
            l[6, lane] += 2.0 * (w * (yx - xy) + x * (xz + zx) + y * (yz + zy)) - 4.0 * z * (xx + yy)
            for j in range(history):
                for rotor in range(4):
                    d_actions[history - 1 - j, n, rotor] += d[columns + 4 * j + rotor]


def delay(actions, shares, commands):
    """Commands that reach the rotors: actions (taps, n, 4), the newest last, as old as each drone's latency."""
    taps = actions.shape[0]
    for block in range(commands.shape[0]):
        for lane in range(LANES):
            n = block * LANES + lane
            for rotor in range(4):
                mean = np.float32(0.0)
                for tap in range(taps):
                    mean += shares[tap, n] * actions[taps - 1 - tap, n, rotor]
                commands[block, rotor, lane] = 0.5 + 0.5 * mean


def delay_adjoint(d_commands, shares, d_actions):
    """Reverse of `delay`: add to the adjoint of the actions."""
    taps = d_actions.shape[0]
    for block in range(d_commands.shape[0]):
        for lane in range(LANES):
            n = block * LANES + lane
            for rotor in range(4):
                for tap in range(taps):
                    d_actions[taps - 1 - tap, n, rotor] += 0.5 * shares[tap, n] * d_commands[block, rotor, lane]


def crash(observations, scale, objective, t, state, crashes):
    """Note who ceases to count at decision t, and put them to rest, so that their numbers stay finite."""
    for n in range(observations.shape[0]):
        seen = observations[n]
        near, slow = True, True
        for k in range(3):
            near = near and abs(seen[SEEN_POSITION + k]) < objective.crash_m * scale[SEEN_POSITION + k]
            slow = slow and abs(seen[SEEN_RATE + k]) < objective.crash_rate_rad_s * scale[SEEN_RATE + k]
        if not (near and slow):
            block, lane = n // LANES, n % LANES
            crashes[n] = min(crashes[n], t)
            for row in range(13):
                state[block, row, lane] = 1.0 if row == 3 else 0.0


def price(observations, scale, objective, t, crashes, gradient):
    """What the observed states cost, summed over the drones that still count; adds to the gradient (n, inputs)."""
    total = 0.0
    knee = objective.position_knee_m
    for n in range(observations.shape[0]):
        if t >= crashes[n]:
            continue
        seen, d = observations[n], gradient[n]
        p, r = SEEN_POSITION, SEEN_ROTATION
        x, y, z = seen[p] / scale[p], seen[p + 1] / scale[p + 1], seen[p + 2] / scale[p + 2]
        distance = math.sqrt(x * x + y * y + z * z + knee * knee)
        total += objective.position * (distance - knee)
        total += 0.25 * objective.attitude * (3.0 - seen[r] - seen[r + 4] - seen[r + 8])
        for k in range(3):
            error = seen[p + k] / scale[p + k]
            beyond = max(0.0, abs(error) - objective.wall_m)
            velocity = seen[SEEN_VELOCITY + k] / scale[SEEN_VELOCITY + k]
            rate = seen[SEEN_RATE + k] / scale[SEEN_RATE + k]
            total += objective.wall * beyond * beyond + objective.velocity * velocity * velocity
            total += objective.rate * rate * rate
            wall = 2.0 * objective.wall * beyond * (1.0 if error > 0.0 else -1.0)
            d[p + k] += (objective.position * error / distance + wall) / scale[p + k]
            d[r + 4 * k] -= 0.25 * objective.attitude
            d[SEEN_VELOCITY + k] += 2.0 * objective.velocity * velocity / scale[SEEN_VELOCITY + k]
            d[SEEN_RATE + k] += 2.0 * objective.rate * rate / scale[SEEN_RATE + k]
    return total


def price_actions(actions, before, hover_actions, objective, d_actions, d_before):
    """What a decision's actions (n, 4) cost after those `before`; adds to both gradients."""
    total = 0.0
    for n in range(actions.shape[0]):
        for rotor in range(4):
            error, change = actions[n, rotor] - hover_actions[n], actions[n, rotor] - before[n, rotor]
            total += objective.action * error * error + objective.action_change * change * change
            d_actions[n, rotor] += 2.0 * (objective.action * error + objective.action_change * change)
            d_before[n, rotor] -= 2.0 * objective.action_change * change
    return total


def forget(t, crashes, d_state, d_actions):
    """Nothing is to be learned from what a crashed drone does."""
    for n in range(crashes.size):
        if t >= crashes[n]:
            block, lane = n // LANES, n % LANES
            for row in range(N_STATE):
                d_state[block, row, lane] = 0.0
            for rotor in range(4):
                d_actions[n, rotor] = 0.0


def restrain(d_state, objective):
    """Discount every drone's adjoint, and clip its length."""
    for block in range(d_state.shape[0]):
        for lane in range(LANES):
            square = np.float32(0.0)
            for row in range(N_STATE):
                square += d_state[block, row, lane] * d_state[block, row, lane]
            factor = objective.discount * min(1.0, objective.adjoint_max / math.sqrt(square + 1e-12))
            for row in range(N_STATE):
                d_state[block, row, lane] *= factor


def window(weights, tape, drones, horizon, noise, offsets, scale, objective, gradient):
    """Fly `horizon` decisions from tape.states[0]; returns the cost of a decision and writes its gradient by `weights`.

    noise: flat normals, scaled; offsets (horizon,): where each decision's begin. scale: of the first columns.
    """
    n, inputs, hidden = tape.d_observation.shape[0], tape.d_observation.shape[1], tape.first.shape[2]
    history, taps = tape.actions.shape[0] - tape.states.shape[0] + 1, drones.delay_shares.shape[0]
    columns = inputs - 4 * history
    network = unpack(weights, inputs, hidden, 4)
    flat_parameters = drones.parameters.reshape(-1)
    drones.crashes[:] = horizon
    for t in range(horizon):
        seen, now = tape.observations[t], history + t
        blur = noise[offsets[t] : offsets[t] + n * columns].reshape(n, columns)
        look(tape.states[t], drones.ages, t, drones.task_memory, tape.actions[t:now], blur, seen)
        crash(seen, scale, objective, t, tape.states[t], drones.crashes)
        forward(network, seen, tape.first[t], tape.second[t], tape.actions[now])
        delay(tape.actions[now + 1 - taps : now + 1], drones.delay_shares, tape.commands[t])
        advance(tape.states[t].reshape(-1), tape.commands[t].reshape(-1), flat_parameters,
                tape.states[t + 1].reshape(-1))  # fmt: skip

    cost = 0.0
    tape.d_state[:] = 0.0
    tape.d_actions[:] = 0.0
    for t in range(horizon - 1, -1, -1):
        seen, now = tape.observations[t], history + t
        reverse(tape.states[t].reshape(-1), tape.commands[t].reshape(-1), flat_parameters,
                tape.states[t + 1].reshape(-1), tape.d_state.reshape(-1), tape.d_commands.reshape(-1))  # fmt: skip
        delay_adjoint(tape.d_commands, drones.delay_shares, tape.d_actions[now + 1 - taps : now + 1])
        cost += price_actions(tape.actions[now], tape.actions[now - 1], drones.hover_actions, objective,
                              tape.d_actions[now], tape.d_actions[now - 1])  # fmt: skip
        forget(t, drones.crashes, tape.d_state, tape.d_actions[now])
        backward(network, tape.first[t], tape.second[t], tape.actions[now], tape.d_first[t], tape.d_second[t],
                 tape.d_actions[now], tape.d_observation)  # fmt: skip
        cost += price(seen, scale, objective, t, drones.crashes, tape.d_observation)
        look_adjoint(tape.states[t], tape.d_observation, scale, columns, tape.d_state, tape.d_actions[t:now])
        restrain(tape.d_state, objective)
    m = horizon * n
    weight_gradient(
        tape.observations[:horizon].reshape(m, inputs), tape.first[:horizon].reshape(m, hidden),
        tape.second[:horizon].reshape(m, hidden), tape.d_first[:horizon].reshape(m, hidden),
        tape.d_second[:horizon].reshape(m, hidden), tape.d_actions[history : history + horizon].reshape(m, 4), gradient,
    )  # fmt: skip
    return cost / m


@cache
def build_window(task: Any) -> Callable[..., float]:
    """`window` for a task, in single precision: compiled once, then cached on disk. Runs beside other threads."""
    homes = (quadrotor_adjoint, first_order, lane_products)
    products = {"product": lane_products.product, "product_by_rows": lane_products.outer,
                "product_over_rows": lane_products.product_over_rows, "transposed": lane_products.transposed}  # fmt: skip
    compiled: Callable[..., float] = njit(cache=True, nogil=True, **OPTIONS)(
        specialise(window, CPU, homes, observe=task.observe, **products)
    )
    return compiled
