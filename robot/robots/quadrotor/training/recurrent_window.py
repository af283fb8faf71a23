"""A window of flight under a policy with memory, and how its cost depends on the policy: any quadrotor's training.

As `robot/robots/quadrotor/training/window.py`, for `policies/recurrent_actor.py`: one block of LANES drones, every number of
them a row, so that a whole decision is a few products and loops over lanes. Each drone is another quadrotor, with noise, gusts
and latency of its own. What the policy remembers is carried from window to window, and its adjoint back through one.

What a decision costs is `decision.py`'s, as there.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit, uintp

from policies import lane_products, recurrent_gradient
from policies.recurrent_gradient import Gates, Room, backward, forward
from robot.robots.quadrotor.training import decision
from robot.robots.quadrotor.training.decision import (
    crash,
    delay,
    delay_adjoint,
    forget,
    look_adjoint,
    price,
    price_actions,
    price_calm,
    restrain,
)
from sim.quadrotor import adjoint as quadrotor_adjoint
from sim.quadrotor.adjoint import ROWS_COMMAND, ROWS_STATE, advance, reverse
from sim.quadrotor.model import P_FORCE_X, STEP_S, gust_step
from sim.quadrotor.rows import state_at
from sim.single_precision import CPU, OPTIONS, specialise

LANES = uintp(64)  # drones of a window: enough for a product to be quick, few enough for a core's cache
GUST_TIME_S = 0.5
GUST_KEEP = math.exp(-STEP_S / GUST_TIME_S)
GUST_ROWS = 3
observe: Any = None  # supplied by `build_window`: the task's


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
    costs: np.ndarray  # (LANES,)


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


def add_rows(rows, first, out):
    """out (few, LANES) += as many rows, from the first on."""
    for k in range(out.shape[0]):
        for i in range(LANES):
            out[k, i] += rows[first + k, i]


def blow(drones, normals):
    """A decision's force: the constant one, and gusts that follow their noise. normals (3, LANES)."""
    for k in range(GUST_ROWS):
        for i in range(LANES):
            drones.gusts[k, i] = gust_step(drones.gusts[k, i], normals[k, i], GUST_KEEP)
            drones.parameters[P_FORCE_X + k, i] = drones.force_n[k, i] + drones.gust_n[i] * drones.gusts[k, i]


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

    adjoints.costs[:] = 0.0
    adjoints.state[:] = 0.0
    adjoints.memory[:] = 0.0
    tape.d_actions[:] = 0.0
    for t in range(horizon - 1, -1, -1):
        now = taps + t
        reverse(tape.states[t].reshape(-1), tape.commands[t].reshape(-1), parameters, tape.states[t + 1].reshape(-1),
                adjoints.state.reshape(-1), adjoints.commands.reshape(-1))  # fmt: skip
        delay_adjoint(adjoints.commands, now, drones.delay_shares, tape.d_actions)
        price_actions(tape.actions[now], tape.actions[now - 1], drones.hover_actions, objective, t, drones.crashes,
                      adjoints.costs, tape.d_actions[now], tape.d_actions[now - 1])  # fmt: skip
        restrain(tape.d_actions[now].reshape(-1), ROWS_COMMAND, np.float32(1.0), objective.action_adjoint_max)
        forget(t, drones.crashes, adjoints.state)
        forget(t, drones.crashes, adjoints.memory)
        done = Gates(gates.reset[t], gates.update[t], gates.candidate[t], gates.recalled[t])
        backward(weights, tape.seen[t], tape.memories[t], tape.encoded[t], done, tape.memories[t + 1], tape.actions[now],
                 tape.d_actions[now], adjoints.memory, adjoints.seen, gradient, adjoints.policy)  # fmt: skip
        price(tape.seen[t].reshape(-1), scale, objective, t, drones.crashes, adjoints.costs, adjoints.seen.reshape(-1))
        price_calm(tape.seen[t].reshape(-1), scale, objective, t, drones.ages, drones.crashes, adjoints.costs,
                   adjoints.seen.reshape(-1))  # fmt: skip
        look_adjoint(tape.states[t], adjoints.seen, scale, adjoints.state)
        add_rows(adjoints.seen, adjoints.seen.shape[0] - 4, tape.d_actions[now - 1])
        restrain(adjoints.state.reshape(-1), ROWS_STATE, objective.discount, objective.adjoint_max)
        restrain(
            adjoints.memory.reshape(-1), uintp(adjoints.memory.shape[0]), np.float32(1.0), objective.memory_adjoint_max
        )
    return adjoints.costs.sum() / (horizon * drones.crashes.size)


@cache
def build_window(task: Any) -> Callable[..., float]:
    """`window` for a task, in single precision: compiled once, then cached on disk. Runs beside other threads."""
    homes = (decision, quadrotor_adjoint, recurrent_gradient, lane_products)
    products = {"product": lane_products.product, "outer": lane_products.outer}
    compiled: Callable[..., float] = njit(cache=True, nogil=True, **OPTIONS)(
        specialise(window, CPU, homes, LANES=LANES, observe=task.observe, **products)
    )
    return compiled
