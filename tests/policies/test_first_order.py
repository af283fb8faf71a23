"""Passes through the actor, held to torch's automatic differentiation; and the descent."""

import itertools

import numpy as np
import pytest
import torch

from policies.actor import Actor, actor_layers, weight_count, weight_views
from policies.first_order import EXPLORATION_STD, Adam, backward, first_weights, forward, unpack, weight_gradient

LAYERS = actor_layers(50, 2, (16, 16))
ROWS = 12


def some_weights(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.2, weight_count(LAYERS)).astype(np.float32)


def test_batched_forward_is_the_actors() -> None:
    weights = some_weights(0)
    observation = np.random.default_rng(1).normal(size=(ROWS, 50)).astype(np.float32)
    first, second, action = (np.empty((ROWS, width), np.float32) for width in (16, 16, 2))
    forward(unpack(weights, 50, 16, 2), observation, first, second, action)
    actor = Actor(LAYERS, weights)
    np.testing.assert_allclose(action, [actor.mean(row) for row in observation], atol=1e-6)


def test_backward_agrees_with_automatic_differentiation() -> None:
    weights = some_weights(2)
    rng = np.random.default_rng(3)
    observation = rng.normal(size=(ROWS, 50)).astype(np.float32)
    d_action = rng.normal(size=(ROWS, 2)).astype(np.float32)

    x, flat = torch.tensor(observation, requires_grad=True), torch.tensor(weights, requires_grad=True)
    start, h = 0, x
    for inputs, outputs in itertools.pairwise(LAYERS):
        matrix = flat[start : start + inputs * outputs].reshape(inputs, outputs)
        start += (inputs + 1) * outputs
        h = torch.tanh(h @ matrix + flat[start - outputs : start])
    (h[:, :2] * torch.tensor(d_action)).sum().backward()
    assert x.grad is not None and flat.grad is not None

    network = unpack(weights, 50, 16, 2)
    first, second, action = (np.empty((ROWS, width), np.float32) for width in (16, 16, 2))
    forward(network, observation, first, second, action)
    d_first, d_second, d_observation = np.empty_like(first), np.empty_like(second), np.empty_like(observation)
    backward(network, first, second, action, d_first, d_second, d_action, d_observation)
    gradient = np.full_like(weights, np.nan)
    weight_gradient(observation, first, second, d_first, d_second, d_action, gradient)
    np.testing.assert_allclose(d_observation, x.grad.numpy(), atol=2e-5)
    np.testing.assert_allclose(gradient, flat.grad.numpy(), atol=2e-5)


def test_first_weights_act_as_asked_and_explore_a_little() -> None:
    wanted = np.array([0.0, -0.6])
    weights = first_weights(LAYERS, np.random.default_rng(4), wanted)
    actor = Actor(LAYERS, weights)
    observation = np.random.default_rng(5).normal(size=50).astype(np.float32)
    assert actor.mean(observation) == pytest.approx(wanted, abs=0.3)
    assert actor.mean(np.zeros(50, np.float32)) == pytest.approx(wanted, abs=1e-6)
    noisy = actor.sample(observation, np.ones(2, np.float32))
    spread = np.arctanh(noisy.astype(float)) - np.arctanh(actor.mean(observation).astype(float))
    assert spread == pytest.approx([EXPLORATION_STD] * 2, rel=1e-2)


def test_only_the_mean_is_trained() -> None:
    """A gradient from `weight_gradient` leaves the outputs for the log standard deviation alone."""
    rng = np.random.default_rng(6)
    rows = [rng.normal(size=(ROWS, width)).astype(np.float32) for width in (50, 16, 16, 16, 16, 2)]
    gradient = np.empty(weight_count(LAYERS), np.float32)
    weight_gradient(*rows, gradient)
    matrix, bias = weight_views(gradient, LAYERS)[-1]
    assert not matrix[:, 2:].any() and not bias[2:].any()
    assert matrix[:, :2].all() and bias[:2].all()


def test_adam_is_torchs_with_clipping_and_a_cosine() -> None:
    rng = np.random.default_rng(7)
    start = rng.normal(size=30).astype(np.float32)
    weights, parameter = start.copy(), torch.tensor(start, requires_grad=True)
    ours = Adam(weights, iterations=20, rate=0.01, last_rate=0.001, clip_norm=1.0)
    theirs = torch.optim.Adam([parameter], lr=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 20, eta_min=0.001)
    for _ in range(20):
        gradient = rng.normal(size=30).astype(np.float32)
        ours.step(gradient)
        parameter.grad = torch.tensor(gradient)
        torch.nn.utils.clip_grad_norm_([parameter], 1.0)
        theirs.step()
        schedule.step()
    np.testing.assert_allclose(weights, parameter.detach().numpy(), atol=2e-6)


def test_a_gradient_that_is_not_finite_is_dropped() -> None:
    weights = np.ones(3, np.float32)
    Adam(weights, iterations=5, rate=0.1, last_rate=0.01).step(np.array([1.0, np.nan, 0.0], np.float32))
    assert weights.tolist() == [1.0, 1.0, 1.0]
