"""The actor for many at once: the one that flies, and its gradient."""

from typing import Any

import numpy as np
import pytest
from numba import njit

from policies import actor_gradient, lane_products
from policies.actor import initial_weights
from policies.actor_gradient import add_gradient, backward, forward, parts, zero_parts
from policies.first_order import backward as backward_of_rows
from policies.first_order import forward as forward_of_rows
from policies.first_order import unpack, weight_gradient
from sim.single_precision import CPU, OPTIONS, specialise

LAYERS, DECISIONS, LANES = (10, 12, 12, 8), 3, 32
INPUTS, HIDDEN, ACTIONS = 10, 12, 4


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def with_ones(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([rows, np.ones((*rows.shape[:-2], 1, LANES), np.float32)], axis=-2)


def test_it_acts_as_the_actor_does_and_its_gradient_is_that_of_the_rows() -> None:
    compiled: list[Any] = [njit(**OPTIONS)(specialise(of, CPU, (actor_gradient, lane_products)))
                for of in (forward, backward, add_gradient)]  # fmt: skip
    weights = initial_weights(LAYERS, np.random.default_rng(1))
    x, d_action = numbers(2, DECISIONS, INPUTS, LANES), numbers(3, DECISIONS, ACTIONS, LANES)
    seen, first, second = (
        with_ones(x),
        with_ones(numbers(4, DECISIONS, HIDDEN, LANES)),
        with_ones(numbers(5, DECISIONS, HIDDEN, LANES)),
    )
    d_first, d_second, d_x = (np.empty((DECISIONS, rows, LANES), np.float32) for rows in (HIDDEN, HIDDEN, INPUTS))
    action, gradient, d_raw = np.empty_like(d_action), np.zeros_like(weights), d_action.copy()
    views = parts(weights, LAYERS)
    for t in range(DECISIONS):
        compiled[0](views, seen[t], first[t], second[t], action[t])
        compiled[1](views, first[t], second[t], action[t], d_first[t], d_second[t], d_raw[t], d_x[t])
    for _ in range(2):  # it adds
        compiled[2](seen, first, second, d_first, d_second, d_raw, parts(gradient, LAYERS), zero_parts(LAYERS))

    def rows(of: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(of.transpose(0, 2, 1)).reshape(DECISIONS * LANES, -1)

    n, network = DECISIONS * LANES, unpack(weights, INPUTS, HIDDEN, ACTIONS)
    by_rows = [np.empty((n, columns), np.float32) for columns in (HIDDEN, HIDDEN, ACTIONS, HIDDEN, HIDDEN, INPUTS)]
    d_rows, expected = rows(d_action), np.empty_like(weights)
    forward_of_rows(network, rows(x), *by_rows[:3])
    backward_of_rows(network, *by_rows[:3], *by_rows[3:5], d_rows, by_rows[5])
    weight_gradient(rows(x), *by_rows[:2], *by_rows[3:5], d_rows, expected)
    np.testing.assert_allclose(rows(action), by_rows[2], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(rows(d_x), by_rows[5], rtol=1e-3, atol=1e-5)
    assert gradient == pytest.approx(2.0 * expected, rel=1e-3, abs=2e-5 * float(np.abs(expected).max()))
