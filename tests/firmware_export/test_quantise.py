"""A network in integers."""

import numpy as np
import pytest

from firmware_export.network import random_network
from firmware_export.quantise import INT16_MAX, quantise


def test_each_output_has_its_own_scale_and_uses_all_of_it() -> None:
    network = random_network((146, 64, 4), seed=2)
    network.layers[0].weights[:, 5] *= 1000.0
    first = quantise(network)[0]
    assert first.weights.dtype == np.int8
    np.testing.assert_array_equal(np.abs(first.weights.astype(int)).max(0), 127)
    again = first.weights * first.scale * first.steps_per_unit
    step = np.abs(network.layers[0].weights).max(0) / 127
    assert (np.abs(again - network.layers[0].weights) <= 0.501 * step).all()


def test_inputs_reach_as_far_as_the_layer_before_can() -> None:
    network = random_network((10, 50, 50, 50, 4), ("tanh", "relu", "relu", "tanh"), (False, False, True, False), seed=2)
    steps = [float(layer.steps_per_unit) for layer in quantise(network)]
    x = np.random.default_rng(9).standard_normal((1000, 10)).astype(np.float32)
    second = network.layers[1].forward(network.layers[0].forward(x))
    assert steps[0] == INT16_MAX / 16.0
    assert steps[1] == INT16_MAX  # tanh
    assert np.abs(second).max() < INT16_MAX / steps[2] < 8.0 * np.abs(second).max()
    assert steps[3] == pytest.approx(INT16_MAX / np.sqrt(50.0))  # LayerNorm


def test_sums_that_might_overflow_are_refused() -> None:
    quantise(random_network((516, 2)))
    with pytest.raises(ValueError, match="found 517 inputs, allowed with int8: 516 at most"):
        quantise(random_network((517, 2)))


def test_weights_of_zero_are_no_trouble() -> None:
    network = random_network((5, 3))
    network.layers[0].weights[:, 1] = 0.0
    assert np.isfinite(quantise(network)[0].scale).all()
    assert (quantise(network)[0].weights[:, 1] == 0).all()
