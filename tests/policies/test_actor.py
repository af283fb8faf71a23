"""The actor's forward pass, against a plain NumPy one in float64."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from policies.actor import (
    LOG_STD_MAX,
    LOG_STD_MIN,
    Actor,
    actor_layers,
    initial_weights,
    raw_log_std,
    tanh32,
    weight_count,
    weight_views,
)

LAYERS = actor_layers(50, 2)


@njit
def call_tanh32(x):
    return tanh32(x)


def network(weights, observation):
    """(mean, raw log std) in float64, read from the flat vector without the code under test."""
    start, x = 0, observation.astype(float)
    sizes = [(50, 64), (64, 64), (64, 4)]
    for index, (inputs, outputs) in enumerate(sizes):
        matrix = weights[start : start + inputs * outputs].reshape(inputs, outputs)
        start += inputs * outputs
        x = x @ matrix + weights[start : start + outputs]
        start += outputs
        if index < 2:
            x = np.tanh(x)
    assert start == len(weights)
    return x[:2], x[2:]


@pytest.fixture
def actor():
    rng = np.random.default_rng(1)
    weights = initial_weights(LAYERS, rng) + 0.1 * rng.standard_normal(weight_count(LAYERS)).astype(np.float32)
    return Actor(LAYERS, weights)


@settings(deadline=None)
@given(st.floats(-20, 20, width=32))
def test_tanh_agrees_with_the_library(x):
    assert call_tanh32(np.float32(x)) == pytest.approx(math.tanh(x), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_action_is_tanh_of_the_mean(actor, seed):
    observation = np.random.default_rng(seed).standard_normal(50).astype(np.float32)
    mean, _ = network(actor.weights, observation)
    np.testing.assert_allclose(actor.mean(observation), np.tanh(mean), atol=2e-6)


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_exploration_adds_scaled_noise_before_squashing(actor, scale):
    rng = np.random.default_rng(3)
    observation, noise = rng.standard_normal(50).astype(np.float32), np.array([0.7, -1.2], np.float32)
    mean, raw = network(actor.weights, observation)
    std = np.exp(LOG_STD_MIN + 0.5 * (LOG_STD_MAX - LOG_STD_MIN) * (1 + np.tanh(raw)))
    np.testing.assert_allclose(actor.sample(observation, noise, scale), np.tanh(mean + scale * std * noise), atol=3e-6)


def test_earlier_actions_are_not_overwritten(actor):
    first = actor.mean(np.zeros(50, np.float32))
    kept = first.copy()
    actor.mean(np.ones(50, np.float32))
    np.testing.assert_array_equal(first, kept)


def test_fresh_weights_drive_straight_and_explore_as_asked():
    actor = Actor(LAYERS, initial_weights(LAYERS, np.random.default_rng(0), std=0.4))
    observation = np.random.default_rng(1).standard_normal(50).astype(np.float32)
    assert np.abs(actor.mean(observation)).max() < 0.1
    noise = np.array([1.0, -1.0], np.float32)
    np.testing.assert_allclose(np.arctanh(actor.sample(observation, noise)), 0.4 * noise, atol=0.1)


@given(st.floats(0.02, 2.7))
def test_raw_log_std_inverts_the_formula(std):
    raw = raw_log_std(std)
    assert math.exp(LOG_STD_MIN + 0.5 * (LOG_STD_MAX - LOG_STD_MIN) * (1 + math.tanh(raw))) == pytest.approx(std)


def test_weight_views_share_memory():
    weights = np.zeros(weight_count(LAYERS), np.float32)
    for matrix, bias in weight_views(weights, LAYERS):
        matrix += 1
        bias += 1
    assert (weights == 1).all()


@pytest.mark.parametrize("bad", [np.zeros(3, np.float32), np.full(weight_count(LAYERS), np.nan, np.float32)])
def test_bad_weights_are_refused(actor, bad):
    with pytest.raises(ValueError, match="weights"):
        actor.set_weights(bad)


@pytest.mark.parametrize("layers", [(50, 64, 4), (50, 64, 32, 4), (50, 64, 64, 3)])
def test_bad_layers_are_refused(layers):
    with pytest.raises(ValueError, match="layers"):
        Actor(layers, np.zeros(weight_count(layers), np.float32))
