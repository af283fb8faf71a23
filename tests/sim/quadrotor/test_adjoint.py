"""The quadrotor's training step against Runge-Kutta, its adjoint against finite differences and torch's autograd."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numba import njit

from sim.quadrotor import adjoint as quadrotor_adjoint
from sim.quadrotor import model as quadrotor
from sim.quadrotor.adjoint import LANES, advance, reverse, training_step, training_step_adjoint
from sim.quadrotor.model import (
    N_PARAMETERS,
    N_ROTORS,
    N_STATE,
    P_FORCE_X,
    P_LATENCY,
    STEP_S,
    derivative,
    load_parameters,
)
from sim.single_precision import OPTIONS, specialise

QUADROTORS = ("crazyflie_2_0", "crazyflie_2_1", "racer_5_inch")


def some(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A state in full flight, commands, parameters with disturbances, and an adjoint."""
    rng = np.random.default_rng(seed)
    attitude = rng.normal(size=4)
    state = np.concatenate([
        rng.normal(size=3), attitude / np.linalg.norm(attitude), rng.normal(0, 3, 3), rng.normal(0, 5, 3), rng.random(4),
    ])  # fmt: skip
    p = load_parameters(name).packed()
    p[P_FORCE_X:P_LATENCY] = rng.normal(0, 1e-3, 6)
    return state, rng.random(4), p, rng.normal(size=N_STATE)


def plain_step(state: np.ndarray, u: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.array(training_step(tuple(state), tuple(u), tuple(p)))


@pytest.mark.parametrize("name", QUADROTORS)
@pytest.mark.parametrize("seed", range(3))
def test_the_adjoint_agrees_with_finite_differences_in_double_precision(name: str, seed: int) -> None:
    state, u, p, l = some(name, seed)
    by_state, by_command = training_step_adjoint(
        tuple(state), tuple(u), tuple(p), tuple(plain_step(state, u, p)), tuple(l)
    )
    small = 1e-6
    expected = [
        l @ (plain_step(state + small * d, u, p) - plain_step(state - small * d, u, p)) / (2 * small)
        for d in np.eye(17)
    ]
    np.testing.assert_allclose(by_state, expected, rtol=1e-6, atol=1e-7)
    expected = [
        l @ (plain_step(state, u + small * d, p) - plain_step(state, u - small * d, p)) / (2 * small) for d in np.eye(4)
    ]
    np.testing.assert_allclose(by_command, expected, rtol=1e-6, atol=1e-7)


def with_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same equations with torch's square root, uncompiled, so that autograd sees every operation."""
    names = dict(vars(quadrotor)) | dict(vars(quadrotor_adjoint)) | {"math": SimpleNamespace(sqrt=torch.sqrt)}
    for key, value in list(names.items()):
        plain = getattr(value, "py_func", value)
        if type(plain).__name__ == "function" and plain.__module__ in ("sim.quadrotor.model", "sim.quadrotor.adjoint"):
            names[key] = type(plain)(plain.__code__, names, key)
    return names[function.__name__]


def test_the_adjoint_agrees_with_automatic_differentiation_over_many_steps() -> None:
    state, _, p, l = some("crazyflie_2_1", 7)
    commands = np.random.default_rng(8).random((20, N_ROTORS))
    states = [state]
    for u in commands:
        states.append(plain_step(states[-1], u, p))
    by_state: tuple[float, ...] = tuple(l)
    by_commands = []
    for s, u, after in reversed(list(zip(states, commands, states[1:], strict=False))):
        by_state, by_u = training_step_adjoint(tuple(s), tuple(u), tuple(p), tuple(after), by_state)
        by_commands.insert(0, by_u)

    step = with_torch(training_step)
    start, controls = torch.tensor(state, requires_grad=True), torch.tensor(commands, requires_grad=True)
    reached: tuple[torch.Tensor, ...] = tuple(start)
    for u in controls:
        reached = step(reached, tuple(u), tuple(p))
    (torch.stack(reached) @ torch.tensor(l)).backward()
    np.testing.assert_allclose(by_state, start.grad, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(by_commands, controls.grad, rtol=1e-9, atol=1e-9)


def exactly(state: np.ndarray, u: np.ndarray, p: np.ndarray, substeps: int = 50) -> np.ndarray:
    """The classical Runge-Kutta method on `derivative`, fine enough to be exact here."""
    h = STEP_S / substeps

    def rate(s: np.ndarray) -> np.ndarray:
        return np.array(derivative(tuple(s), tuple(u), tuple(p), None))

    for _ in range(substeps):
        k1 = rate(state)
        k2 = rate(state + 0.5 * h * k1)
        k3 = rate(state + 0.5 * h * k2)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + rate(state + h * k3))
    return state


@pytest.mark.parametrize("name", QUADROTORS[:2])
def test_the_training_step_stays_near_exact_integration_over_half_a_second(name: str) -> None:
    """Within 2 cm and 2 degrees of it, after an open-loop manoeuvre of half a second."""
    parameters = load_parameters(name)
    p, hover = parameters.packed(), parameters.hover_command()
    state = np.zeros(N_STATE)
    state[3], state[7], state[13:] = 1.0, 0.5, parameters.hover_speed()
    near = state.copy()
    for k in range(50):
        u = hover + 0.01 * np.sin(0.2 * k + np.arange(4))
        state, near = exactly(state, u, p, 5), plain_step(near, u, p)
    assert np.abs(near[:3] - state[:3]).max() < 0.02
    attitude = state[3:7] / np.linalg.norm(state[3:7])
    assert 2 * math.acos(min(1.0, abs(near[3:7] @ attitude))) < math.radians(2.0)


def test_blocks_of_lanes_do_what_the_scalar_functions_do() -> None:
    """In single precision, with every lane another drone."""
    blocks, lanes = 2, int(LANES)
    drones = [some(QUADROTORS[k % 3], k) for k in range(blocks * lanes)]
    state, commands, parameters, adjoint = (
        np.ascontiguousarray(np.stack(rows).reshape(blocks, lanes, -1).transpose(0, 2, 1), np.float32)
        for rows in zip(*drones, strict=True)
    )
    after, by_command = np.empty_like(state), np.empty_like(commands)
    assert parameters.shape == (blocks, N_PARAMETERS, lanes)
    flat = [x.reshape(-1) for x in (state, commands, parameters, after, adjoint, by_command)]
    njit(cache=True, **OPTIONS)(specialise(advance))(*flat[:4])
    njit(cache=True, **OPTIONS)(specialise(reverse))(*flat)
    for k, (s, u, p, l) in enumerate(drones):
        block, lane = divmod(k, lanes)
        expected = plain_step(s, u, p)
        np.testing.assert_allclose(after[block, :, lane], expected, rtol=1e-4, atol=1e-4)
        by_s, by_u = training_step_adjoint(tuple(s), tuple(u), tuple(p), tuple(expected), tuple(l))
        np.testing.assert_allclose(adjoint[block, :, lane], by_s, rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(by_command[block, :, lane], by_u, rtol=2e-3, atol=2e-3)
