"""A window of flight, and how its cost depends on the policy: what `robot/robots/quadrotor/training/first_order.py` learns from.

LANES drones are simulated at once (`sim.quadrotor.adjoint`), the policy deciding, with latency, sensor noise and
disturbances; then the exact derivative of the window's cost by the policy's weights is carried back through drones,
latency, actions, actor and observation.

Every number is a row, every drone a column. The gradient by the weights is added up for STRETCH decisions at once. What a decision
costs is `decision.py`'s.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit, uintp

from policies import actor_gradient, lane_products
from policies.actor_gradient import Parts, add_gradient, backward, forward
from robot.robots.quadrotor.training import decision
from robot.robots.quadrotor.training.decision import (
    crash,
    delay,
    delay_adjoint,
    forget,
    look_adjoint,
    price,
    price_actions,
    restrain,
)
from sim.quadrotor import adjoint as quadrotor_adjoint
from sim.quadrotor.adjoint import ROWS_STATE, advance, reverse
from sim.quadrotor.model import STEP_S
from sim.quadrotor.rows import state_at
from sim.single_precision import CPU, OPTIONS, specialise

LANES = uintp(32)  # drones of a window: a strip of lanes
STRETCH = 8  # decisions, of which a window is whole stretches
observe: Any = None  # supplied by `build_window`: the task's


class Tape(NamedTuple):
    """A window, float32, lanes last; first axis: the decision."""

    states: np.ndarray  # (horizon + 1, N_STATE, LANES)
    commands: np.ndarray  # (horizon, N_ROTORS, LANES) that reach the rotors
    seen: np.ndarray  # (horizon, inputs + 1, LANES): observation, past actions, the oldest first, and ones
    first: np.ndarray  # (horizon, hidden + 1, LANES), the last row ones
    second: np.ndarray
    actions: np.ndarray  # (history + horizon, N_ROTORS, LANES), those before the window first
    d_actions: np.ndarray


class Room(NamedTuple):
    """For what is carried back through a window, a decision or a stretch."""

    state: np.ndarray  # (N_STATE, LANES)
    seen: np.ndarray  # (inputs, LANES)
    commands: np.ndarray  # (N_ROTORS, LANES)
    first: np.ndarray  # (STRETCH, hidden, LANES)
    second: np.ndarray
    products: Parts
    costs: np.ndarray  # (LANES,)


class Drones(NamedTuple):
    """What is constant in a window."""

    parameters: np.ndarray  # (N_PARAMETERS, LANES)
    noise: np.ndarray  # (columns,) standard deviations, scaled as the observation
    delay_shares: (
        np.ndarray
    )  # (taps, LANES): share of the newest action, the one before, ... in what reaches the rotors
    hover_actions: np.ndarray  # (LANES,)
    ages: np.ndarray  # (LANES,) decisions since the start, at the window's beginning
    task_memory: np.ndarray  # (columns + MEMORY_SIZE, LANES): room for an observation, and the task's numbers
    crashes: np.ndarray  # (LANES,) written: the decision at which a drone ceased to count


def look(state, drones, t, normals, past, out):
    """What the policies see at decision t, out (inputs + 1, LANES): the task's, with noise of normals (columns, LANES), past
    actions (history, N_ROTORS, LANES), and ones, which nobody changes."""
    columns, memory, flat = normals.shape[0], drones.task_memory.reshape(-1), state.reshape(-1)
    own = uintp(columns) * LANES
    for lane in range(LANES):
        time_s = (drones.ages[lane] + np.float32(t)) * STEP_S
        observe(state_at(flat, lane, LANES), time_s, memory, own + lane, lane, LANES)
    for k in range(columns):
        deviation = drones.noise[k]
        for i in range(LANES):
            out[k, i] = drones.task_memory[k, i] + deviation * normals[k, i]
    actions, rows = past.reshape(-1), out[columns:].reshape(-1)
    for i in range(actions.size):
        rows[i] = actions[i]


def add_to_past(d_seen, columns, d_past):
    """Add the adjoint of what is seen of past actions to theirs."""
    actions, rows = d_past.reshape(-1), d_seen[columns:].reshape(-1)
    for i in range(actions.size):
        actions[i] += rows[i]


def window(weights, tape, drones, horizon, noise, offsets, scale, objective, gradient, room):
    """Fly `horizon` decisions, whole stretches, from tape.states[0]; returns the cost of a decision.

    weights, gradient: `Parts`, whose rows are in the order of the tape; to the second is added the gradient of the cost summed over decisions and drones. noise: flat
    normals; offsets (horizon,): where each decision's begin. scale: of the first columns.
    """
    history, columns = tape.actions.shape[0] - tape.states.shape[0] + 1, drones.noise.size
    count = columns * int(LANES)
    parameters = drones.parameters.reshape(-1)
    drones.crashes[:] = horizon
    for t in range(horizon):
        now, seen = history + t, tape.seen[t]
        normals = noise[offsets[t] : offsets[t] + count].reshape(columns, count // columns)
        look(tape.states[t], drones, t, normals, tape.actions[t:now], seen)
        crash(seen[:columns], scale, objective, t, tape.states[t], drones.crashes)
        forward(weights, seen, tape.first[t], tape.second[t], tape.actions[now])
        delay(tape.actions, now, drones.delay_shares, tape.commands[t])
        advance(tape.states[t].reshape(-1), tape.commands[t].reshape(-1), parameters, tape.states[t + 1].reshape(-1))

    room.costs[:] = 0.0
    room.state[:] = 0.0
    tape.d_actions[:] = 0.0
    for t in range(horizon - 1, -1, -1):
        now, at = history + t, t % STRETCH
        reverse(tape.states[t].reshape(-1), tape.commands[t].reshape(-1), parameters, tape.states[t + 1].reshape(-1),
                room.state.reshape(-1), room.commands.reshape(-1))  # fmt: skip
        delay_adjoint(room.commands, now, drones.delay_shares, tape.d_actions)
        price_actions(tape.actions[now], tape.actions[now - 1], drones.hover_actions, objective, t, drones.crashes,
                      room.costs, tape.d_actions[now], tape.d_actions[now - 1])  # fmt: skip
        forget(t, drones.crashes, room.state)
        backward(weights, tape.first[t], tape.second[t], tape.actions[now], room.first[at], room.second[at],
                 tape.d_actions[now], room.seen)  # fmt: skip
        if at == 0:
            end = t + STRETCH
            add_gradient(tape.seen[t:end], tape.first[t:end], tape.second[t:end], room.first, room.second,
                         tape.d_actions[now : now + STRETCH], gradient, room.products)  # fmt: skip
        price(tape.seen[t].reshape(-1), scale, objective, t, drones.crashes, room.costs, room.seen.reshape(-1))
        look_adjoint(tape.states[t], room.seen, scale, room.state)
        add_to_past(room.seen, columns, tape.d_actions[t:now])
        restrain(room.state.reshape(-1), ROWS_STATE, objective.discount, objective.adjoint_max)
    return room.costs.sum() / (horizon * drones.crashes.size)


@cache
def build_window(task: Any) -> Callable[..., float]:
    """`window` for a task, in single precision: compiled once, then cached on disk. Runs beside other threads."""
    homes = (decision, quadrotor_adjoint, actor_gradient, lane_products)
    compiled: Callable[..., float] = njit(cache=True, nogil=True, **OPTIONS)(
        specialise(window, CPU, homes, LANES=LANES, observe=task.observe)
    )
    return compiled
