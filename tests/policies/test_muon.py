"""Muon's steps."""

from functools import partial

import numpy as np

from policies.actor import hidden_matrices, weight_count, weight_views
from policies.muon import Muon, orthogonalised

LAYERS = (12, 8, 8, 4)
HIDDEN = partial(hidden_matrices, layers=LAYERS)


def test_orthogonalised_keeps_the_singular_vectors_and_levels_the_singular_values() -> None:
    rng = np.random.default_rng(0)
    for shape in ((20, 8), (8, 20), (8, 8)):
        left, _, right = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
        found = orthogonalised(left @ np.diag(np.geomspace(1.0, 0.1, 8)) @ right)
        values = np.diag(left.T @ found @ right.T)
        assert values.min() > 0.6 and values.max() < 1.3
        np.testing.assert_allclose(found, left @ np.diag(values) @ right, atol=1e-6)


def test_it_descends_a_badly_scaled_bowl() -> None:
    rng = np.random.default_rng(1)
    goal = rng.normal(size=weight_count(LAYERS)).astype(np.float32)
    weights, steepness = np.zeros_like(goal), np.geomspace(1.0, 100.0, goal.size).astype(np.float32)
    muon = Muon(weights, HIDDEN, iterations=200, last_share=0.01)
    for _ in range(200):
        muon.step(steepness * (weights - goal))
    assert np.abs(weights - goal).mean() < 0.1 * np.abs(goal).mean()


def test_a_gradient_that_is_not_finite_moves_nothing() -> None:
    weights = np.ones(weight_count(LAYERS), np.float32)
    gradient = np.ones_like(weights)
    gradient[3] = np.nan
    Muon(weights, HIDDEN, iterations=10).step(gradient)
    assert (weights == 1.0).all()


def test_a_matrix_with_more_inputs_than_outputs_moves_further() -> None:
    weights = np.zeros(weight_count(LAYERS), np.float32)
    gradient = np.random.default_rng(3).normal(size=weights.size).astype(np.float32)
    Muon(weights, HIDDEN, iterations=10, rate=0.1).step(gradient)
    (first, _), (asked, _) = weight_views(weights, LAYERS)[0], weight_views(gradient, LAYERS)[0]
    np.testing.assert_allclose(first, -0.1 * np.sqrt(12 / 8) * orthogonalised(asked), rtol=1e-3, atol=1e-5)


def test_a_step_remembers_the_gradients_before_it_however_long_they_were() -> None:
    rng = np.random.default_rng(4)
    gradients = rng.normal(size=(2, weight_count(LAYERS))).astype(np.float32)
    gradients /= np.linalg.norm(gradients, axis=1, keepdims=True)

    def moved(first_length: float) -> np.ndarray:
        weights = np.zeros(weight_count(LAYERS), np.float32)
        muon = Muon(weights, HIDDEN, iterations=10, rate=0.1, last_share=1.0)
        muon.step(np.float32(first_length) * gradients[0])
        before = weights.copy()
        muon.step(gradients[1])
        return weight_views(weights - before, LAYERS)[1][0]

    ahead = 1.9 * gradients[1] + 0.81 * gradients[0]  # Nesterov's, with a momentum of 0.9
    expected = -0.1 * orthogonalised(weight_views(ahead, LAYERS)[1][0])
    np.testing.assert_allclose(moved(1.0), expected, atol=1e-4)
    np.testing.assert_allclose(moved(1e6), expected, atol=1e-4)


def test_a_hidden_matrix_moves_by_the_rate_in_every_direction_of_the_gradient() -> None:
    weights = np.zeros(weight_count(LAYERS), np.float32)
    gradient = np.random.default_rng(2).normal(size=weights.size).astype(np.float32)
    Muon(weights, HIDDEN, iterations=10, rate=0.1).step(gradient)
    moved = np.linalg.svd(weight_views(weights, LAYERS)[1][0], compute_uv=False)
    assert moved.min() > 0.06 and moved.max() < 0.13
