"""From a policy file to the network that is exported."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from firmware_export.agreed import policy_sha256
from firmware_export.network import Layer, Network, network_of, random_network
from firmware_export.torch_model import torch_model
from policies.actor import actor_layers, initial_weights
from policies.fields import Field
from policies.policy_file import PolicyFile

SENSED = (Field("place", 3, "m", 2.5), Field("speed", 2, "m/s", 0.5, 3.0))
ACTION = (Field("rotor_speed", 2, "1", 2.0, 0.5),)


def policy_file(inputs: int = 11, rate_hz: float = 100.0) -> PolicyFile:
    layers = actor_layers(inputs, 2, (16, 16))
    rng = np.random.default_rng(3)
    weights = initial_weights(layers, rng) + rng.normal(0.0, 0.2, 11 * 16 + 16 + 16 * 16 + 16 + 16 * 4 + 4).astype("f4")
    return PolicyFile(weights.astype(np.float32), layers, {"task": "hover", "rate_hz": rate_hz})


def test_it_decides_as_the_actor_does_without_exploring() -> None:
    policy = policy_file()
    network = network_of(policy, SENSED, ACTION)
    x = np.random.default_rng(0).standard_normal((50, 11)).astype(np.float32)
    means = np.stack([policy.actor().step(row, np.zeros(0, np.float32))[0] for row in x])
    assert np.abs(means).max() > 0.3
    np.testing.assert_allclose(network.forward(x), means, atol=1e-6)
    assert network.sizes == (11, 16, 16, 2)


def test_inputs_that_no_field_explains_are_past_actions() -> None:
    assert network_of(policy_file(), SENSED, ACTION).history == 3
    with pytest.raises(ValueError, match="found 5 numbers and 2 past actions of 2, the network takes 10"):
        network_of(replace(policy_file(), layers=(10, 16, 17, 4), weights=np.zeros(1000, np.float32)), SENSED, ACTION)
    with pytest.raises(ValueError, match="action fields: found 1 numbers, the network gives 2"):
        network_of(policy_file(), SENSED, (Field("steer", 1, "rad"),))


def test_the_normalisation_is_each_fields_own() -> None:
    scale, offset = network_of(policy_file(), SENSED, ACTION).scale_and_offset()
    np.testing.assert_array_equal(scale, np.array([2.5, 2.5, 2.5, 0.5, 0.5], np.float32))
    np.testing.assert_array_equal(offset, np.array([0.0, 0.0, 0.0, 3.0, 3.0], np.float32))


def test_the_hash_knows_weights_and_what_they_are_for() -> None:
    policy, other = policy_file(), policy_file()
    assert policy_sha256(policy) == policy_sha256(other) == network_of(policy, SENSED, ACTION).sha256
    other.weights[7] = np.nextafter(other.weights[7], np.float32(1.0))
    assert policy_sha256(policy) != policy_sha256(other)
    assert policy_sha256(policy) != policy_sha256(policy_file(rate_hz=50.0))


def test_torch_and_numpy_agree_on_every_kind_of_layer() -> None:
    network = random_network((7, 33, 12, 5, 4), ("relu", "tanh", "linear", "tanh"), (True, False, True, True), seed=1)
    x = np.random.default_rng(0).standard_normal((100, 7)).astype(np.float32)
    with torch.no_grad():
        exact = torch_model(network).double()(torch.from_numpy(x).double()).numpy()
    np.testing.assert_allclose(network.forward(x), exact, atol=2e-5)
    assert np.abs(exact).max() > 0.5


def bad_layer(**changes: object) -> Layer:
    whole = {"weights": np.ones((3, 2), np.float32), "bias": np.ones(2, np.float32), "activation": "tanh"}
    return Layer(**(whole | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [({"bias": np.ones(3, np.float32)}, r"found weights \(3, 2\) and bias \(3,\)"),
     ({"weights": np.ones((3, 2))}, "found float64"),
     ({"weights": np.full((3, 2), np.nan, np.float32)}, "not finite"),
     ({"activation": "gelu"}, "found activation 'gelu'")],
)  # fmt: skip
def test_a_layer_that_is_none_is_refused(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        bad_layer(**changes)


def test_layers_that_do_not_fit_each_other_are_refused() -> None:
    first, second = random_network((4, 5, 2)), random_network((4, 3, 2))
    with pytest.raises(ValueError, match="found 5 outputs before 3 inputs"):
        Network((first.layers[0], second.layers[1]), first.observation, first.action, 0, 100.0, "hover", "")
