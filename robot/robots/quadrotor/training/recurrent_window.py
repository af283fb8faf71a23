"""A window of flight under a policy with memory, and how its cost depends on the policy: any quadrotor's training.

As `robot/robots/quadrotor/training/window.py`, for `policies/recurrent_actor.py`: one block of LANES drones, every number of
them a row, so that a whole decision is a few products and loops over lanes. Each drone is another quadrotor, with noise, gusts
and latency of its own. What the policy remembers is carried from window to window, and its adjoint back through one.

Prices are on what the policy observes, as in that file, which see.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit, uintp

from policies import lane_products, recurrent_gradient
from policies.recurrent_gradient import Gates, Room, backward, forward
from robot.robots.quadrotor.training.window import SEEN_POSITION, SEEN_RATE, SEEN_ROTATION, SEEN_VELOCITY
from sim.quadrotor import adjoint as quadrotor_adjoint
from sim.quadrotor.adjoint import advance, reverse
from sim.quadrotor.model import P_FORCE_X, STEP_S, gust_step
from sim.quadrotor.rows import state_at
from sim.single_precision import CPU, OPTIONS, specialise

LANES = uintp(64)  # drones of a window: enough for a product to be quick, few enough for a core's cache
GUST_TIME_S = 0.5
GUST_KEEP = math.exp(-STEP_S / GUST_TIME_S)
GUST_ROWS = 3
observe: Any = None  # supplied by `build_window`: the task's


class Objective(NamedTuple):
    """What a decision costs, all float32."""

    position: float = 15.0  # per metre, far away
    position_knee_m: float = 0.05  # nearer than this the price is quadratic
    near: float = (
        0.0  # per metre more, close by: between these two distances, so that who is far away pays no more for going on
    )
    near_knee_m: float = 0.02
    near_m: float = 0.15
    attitude: float = 2.0  # of 1 - q_w^2
    velocity: float = 0.1
    rate: float = 0.02
    action: float = 0.02  # of the squared difference to hovering
    action_change: float = 6.0  # of the squared difference to the last action
    wall: float = 500.0  # of the squared distance, in each coordinate, beyond
    wall_m: float = 0.5
    wall_thickness_m: float = 0.3  # after which the price of the distance is linear
    fast: float = 30.0  # of the square of what each velocity has more than
    fast_m_s: float = 1.6
    crash_m: float = 2.0  # a drone so far away, or turning so fast, no longer counts
    crash_rate_rad_s: float = 60.0
    discount: float = 0.99  # of the drone's adjoint, each decision
    adjoint_max: float = 1e4  # length to which it is clipped
    memory_adjoint_max: float = 1e4  # ... and that of the memory
    action_adjoint_max: float = 1e3  # ... and that of an action, which the next decision sees: a memory as well


class Tape(NamedTuple):
    """A window, float32, lanes last; first axis: the decision."""

    states: np.ndarray  # (horizon + 1, N_STATE, LANES)
    commands: np.ndarray  # (horizon, N_ROTORS, LANES) that reach the rotors
    seen: np.ndarray  # (horizon, inputs, LANES): observation, what is told, and the last action
    encoded: np.ndarray  # (horizon, encoder, LANES)
    memories: np.ndarray  # (horizon + 1, memory, LANES)
    gates: Gates  # (horizon, memory, LANES) each
    actions: np.ndarray  # (taps + horizon, N_ROTORS, LANES), those before the window first
    d_actions: np.ndarray


class Adjoints(NamedTuple):
    """Room for what is carried back, and for a decision's."""

    state: np.ndarray  # (N_STATE, LANES)
    memory: np.ndarray  # (memory, LANES)
    seen: np.ndarray  # (inputs, LANES)
    commands: np.ndarray  # (N_ROTORS, LANES)
    policy: Room


class Drones(NamedTuple):
    """Who flies, and where they stand in what goes on."""

    parameters: np.ndarray  # (N_PARAMETERS, LANES); their force is written anew at each decision
    force_n: np.ndarray  # (3, LANES) constant, world
    gust_n: np.ndarray  # (LANES,) standard deviation of the gusts' force
    gusts: np.ndarray  # (3, LANES) as shares of it, carried on
    noise: np.ndarray  # (columns, LANES) standard deviations, scaled as the observation
    delay_shares: (
        np.ndarray
    )  # (taps, LANES): share of the newest action, the one before, ... in what reaches the rotors
    hover_actions: np.ndarray  # (LANES,)
    told: np.ndarray  # (numbers, LANES) that the policy is told of its drone; none: no rows
    ages: np.ndarray  # (LANES,) decisions since the start, at the window's beginning
    task_memory: np.ndarray  # (columns + MEMORY_SIZE, LANES): room for an observation, and the task's numbers
    crashes: np.ndarray  # (LANES,) written: the decision at which a drone ceased to count


def look(state, drones, t, blur, last, out):
    """What the policies see at decision t: out (inputs, LANES). blur: normals (columns, LANES)."""
    columns, memory, flat = blur.shape[0], drones.task_memory.reshape(-1), state.reshape(-1)
    own = uintp(columns) * LANES
    for lane in range(LANES):
        time_s = (drones.ages[lane] + np.float32(t)) * STEP_S
        observe(state_at(flat, lane, LANES), time_s, memory, own + lane, lane, LANES)
    for k in range(columns):
        for i in range(LANES):
            out[k, i] = drones.task_memory[k, i] + drones.noise[k, i] * blur[k, i]
    for k in range(drones.told.shape[0]):
        for i in range(LANES):
            out[columns + k, i] = drones.told[k, i]
    for k in range(4):
        for i in range(LANES):
            out[columns + drones.told.shape[0] + k, i] = last[k, i]


def look_adjoint(state, d_seen, scale, d_state, d_last):
    """Reverse of `look`: add to the adjoints of the state and of the last action."""
    p, v, w, r = SEEN_POSITION, SEEN_VELOCITY, SEEN_RATE, SEEN_ROTATION
    for k in range(3):
        for i in range(LANES):
            d_state[k, i] += scale[p + k] * d_seen[p + k, i]
            d_state[7 + k, i] += scale[v + k] * d_seen[v + k, i]
            d_state[10 + k, i] += scale[w + k] * d_seen[w + k, i]
    for i in range(LANES):
        q_w, x, y, z = state[3, i], state[4, i], state[5, i], state[6, i]
        xx, xy, xz = d_seen[r, i], d_seen[r + 1, i], d_seen[r + 2, i]
        yx, yy, yz = d_seen[r + 3, i], d_seen[r + 4, i], d_seen[r + 5, i]
        zx, zy, zz = d_seen[r + 6, i], d_seen[r + 7, i], d_seen[r + 8, i]
        d_state[3, i] += 2.0 * (z * (yx - xy) + y * (xz - zx) + x * (zy - yz))
        d_state[4, i] += 2.0 * (y * (xy + yx) + z * (xz + zx) + q_w * (zy - yz)) - 4.0 * x * (yy + zz)
        d_state[5, i] += 2.0 * (x * (xy + yx) + q_w * (xz - zx) + z * (yz + zy)) - 4.0 * y * (xx + zz)
        d_state[6, i] += 2.0 * (q_w * (yx - xy) + x * (xz + zx) + y * (yz + zy)) - 4.0 * z * (xx + yy)
    first = d_seen.shape[0] - 4
    for k in range(4):
        for i in range(LANES):
            d_last[k, i] += d_seen[first + k, i]


def crash(seen, scale, objective, t, state, crashes):
    """Note who ceases to count at decision t, and put them to rest, so that their numbers stay finite."""
    for i in range(LANES):
        near, slow = True, True
        for k in range(3):
            near = near and abs(seen[SEEN_POSITION + k, i]) < objective.crash_m * scale[SEEN_POSITION + k]
            slow = slow and abs(seen[SEEN_RATE + k, i]) < objective.crash_rate_rad_s * scale[SEEN_RATE + k]
        if not (near and slow):
            crashes[i] = min(crashes[i], t)
            for row in range(13):
                state[row, i] = 1.0 if row == 3 else 0.0
            for row in range(seen.shape[0]):
                seen[row, i] = 0.0


def blow(drones, normals):
    """A decision's force: the constant one, and gusts that follow their noise. normals (3, LANES)."""
    for k in range(GUST_ROWS):
        for i in range(LANES):
            drones.gusts[k, i] = gust_step(drones.gusts[k, i], normals[k, i], GUST_KEEP)
            drones.parameters[P_FORCE_X + k, i] = drones.force_n[k, i] + drones.gust_n[i] * drones.gusts[k, i]


def delay(actions, newest, shares, commands):
    """Commands that reach the rotors, as old as each drone's latency; newest: of `actions`, the decision's own."""
    for k in range(4):
        for i in range(LANES):
            mean = np.float32(0.0)
            for tap in range(shares.shape[0]):
                mean += shares[tap, i] * actions[newest - tap, k, i]
            commands[k, i] = 0.5 + 0.5 * mean


def delay_adjoint(d_commands, newest, shares, d_actions):
    """Reverse of `delay`: add to the adjoint of the actions."""
    for k in range(4):
        for i in range(LANES):
            for tap in range(shares.shape[0]):
                d_actions[newest - tap, k, i] += 0.5 * shares[tap, i] * d_commands[k, i]


def price(seen, scale, o, t, crashes, d_seen):
    """What the observed states cost, summed over the drones that still count; adds to the gradient."""
    total = 0.0
    p, v, w, r = SEEN_POSITION, SEEN_VELOCITY, SEEN_RATE, SEEN_ROTATION
    knee = o.position_knee_m
    for i in range(LANES):
        on = 1.0 if t < crashes[i] else 0.0
        x, y, z = seen[p, i] / scale[p], seen[p + 1, i] / scale[p + 1], seen[p + 2, i] / scale[p + 2]
        square = x * x + y * y + z * z
        distance = math.sqrt(square + knee * knee)
        close, away = math.sqrt(square + o.near_knee_m * o.near_knee_m), math.sqrt(square + o.near_m * o.near_m)
        total += on * (o.position * (distance - knee) + o.near * (close - o.near_knee_m - away + o.near_m))
        pull = o.position / distance + o.near / close - o.near / away
        total += on * 0.25 * o.attitude * (3.0 - seen[r, i] - seen[r + 4, i] - seen[r + 8, i])
        for k in range(3):
            error, velocity = seen[p + k, i] / scale[p + k], seen[v + k, i] / scale[v + k]
            rate = seen[w + k, i] / scale[w + k]
            beyond = max(np.float32(0.0), abs(error) - o.wall_m)
            within = min(beyond, o.wall_thickness_m)
            fast = max(np.float32(0.0), abs(velocity) - o.fast_m_s)
            total += on * o.wall * (within * within + 2.0 * o.wall_thickness_m * (beyond - within))
            total += on * (o.velocity * velocity * velocity + o.fast * fast * fast + o.rate * rate * rate)
            wall = 2.0 * o.wall * within * (1.0 if error > 0.0 else -1.0)
            more = 2.0 * o.fast * fast * (1.0 if velocity > 0.0 else -1.0)
            d_seen[p + k, i] += on * (pull * error + wall) / scale[p + k]
            d_seen[v + k, i] += on * (2.0 * o.velocity * velocity + more) / scale[v + k]
            d_seen[w + k, i] += on * 2.0 * o.rate * rate / scale[w + k]
            d_seen[r + 4 * k, i] -= on * 0.25 * o.attitude
    return total


def price_actions(actions, before, hover_actions, o, t, crashes, d_actions, d_before):
    """What a decision's actions cost after those `before`; adds to both gradients, and clears those of the crashed."""
    total = 0.0
    for k in range(4):
        for i in range(LANES):
            on = 1.0 if t < crashes[i] else 0.0
            error, change = actions[k, i] - hover_actions[i], actions[k, i] - before[k, i]
            total += on * (o.action * error * error + o.action_change * change * change)
            d_actions[k, i] = on * (d_actions[k, i] + 2.0 * (o.action * error + o.action_change * change))
            d_before[k, i] -= on * 2.0 * o.action_change * change
    return total


def forget(t, crashes, d_state, d_memory):
    """Nothing is to be learned from what a crashed drone does."""
    for i in range(LANES):
        if t >= crashes[i]:
            for row in range(d_state.shape[0]):
                d_state[row, i] = 0.0
            for row in range(d_memory.shape[0]):
                d_memory[row, i] = 0.0


def restrain(adjoint, discount, most):
    """Discount every drone's adjoint (rows, LANES), and clip its length."""
    for i in range(LANES):
        square = np.float32(0.0)
        for row in range(adjoint.shape[0]):
            square += adjoint[row, i] * adjoint[row, i]
        factor = discount * min(np.float32(1.0), most / math.sqrt(square + 1e-12))
        for row in range(adjoint.shape[0]):
            adjoint[row, i] *= factor


def window(weights, tape, drones, horizon, noise, offsets, scale, objective, gradient, adjoints):
    """Fly `horizon` decisions from tape.states[0]; returns the cost of a decision.

    weights, gradient: `Parts`; to the second is added the gradient of the cost summed over decisions and drones. noise: flat
    normals; offsets (horizon,): where each decision's begin.
    """
    taps, columns = drones.delay_shares.shape[0], drones.noise.shape[0]
    parameters, rows = drones.parameters.reshape(-1), columns + GUST_ROWS
    gates = tape.gates
    drones.crashes[:] = horizon
    for t in range(horizon):
        now = taps + t
        normals = noise[offsets[t] : offsets[t] + rows * drones.crashes.size].reshape(rows, drones.crashes.size)
        look(tape.states[t], drones, t, normals[:columns], tape.actions[now - 1], tape.seen[t])
        crash(tape.seen[t], scale, objective, t, tape.states[t], drones.crashes)
        done = Gates(gates.reset[t], gates.update[t], gates.candidate[t], gates.recalled[t])
        forward(weights, tape.seen[t], tape.memories[t], tape.encoded[t], done, tape.memories[t + 1], tape.actions[now],
                adjoints.policy)  # fmt: skip
        delay(tape.actions, now, drones.delay_shares, tape.commands[t])
        blow(drones, normals[columns:])
        advance(tape.states[t].reshape(-1), tape.commands[t].reshape(-1), parameters, tape.states[t + 1].reshape(-1))

    cost = 0.0
    adjoints.state[:] = 0.0
    adjoints.memory[:] = 0.0
    tape.d_actions[:] = 0.0
    for t in range(horizon - 1, -1, -1):
        now = taps + t
        reverse(tape.states[t].reshape(-1), tape.commands[t].reshape(-1), parameters, tape.states[t + 1].reshape(-1),
                adjoints.state.reshape(-1), adjoints.commands.reshape(-1))  # fmt: skip
        delay_adjoint(adjoints.commands, now, drones.delay_shares, tape.d_actions)
        cost += price_actions(tape.actions[now], tape.actions[now - 1], drones.hover_actions, objective, t, drones.crashes,
                              tape.d_actions[now], tape.d_actions[now - 1])  # fmt: skip
        restrain(tape.d_actions[now], np.float32(1.0), objective.action_adjoint_max)
        forget(t, drones.crashes, adjoints.state, adjoints.memory)
        done = Gates(gates.reset[t], gates.update[t], gates.candidate[t], gates.recalled[t])
        backward(weights, tape.seen[t], tape.memories[t], tape.encoded[t], done, tape.memories[t + 1], tape.actions[now],
                 tape.d_actions[now], adjoints.memory, adjoints.seen, gradient, adjoints.policy)  # fmt: skip
        cost += price(tape.seen[t], scale, objective, t, drones.crashes, adjoints.seen)
        look_adjoint(tape.states[t], adjoints.seen, scale, adjoints.state, tape.d_actions[now - 1])
        restrain(adjoints.state, objective.discount, objective.adjoint_max)
        restrain(adjoints.memory, np.float32(1.0), objective.memory_adjoint_max)
    return cost / (horizon * drones.crashes.size)


@cache
def build_window(task: Any) -> Callable[..., float]:
    """`window` for a task, in single precision: compiled once, then cached on disk. Runs beside other threads."""
    homes = (quadrotor_adjoint, recurrent_gradient, lane_products)
    products = {"product": lane_products.product, "outer": lane_products.outer}
    compiled: Callable[..., float] = njit(cache=True, nogil=True, **OPTIONS)(
        specialise(window, CPU, homes, LANES=LANES, observe=task.observe, **products)
    )
    return compiled
