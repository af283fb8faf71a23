"""The ONNX model: what it computes is what torch computes, from raw numbers to commands, and it says what they are."""

import numpy as np
import onnx
import pytest

from firmware_export.network import Network, network_of, random_network
from firmware_export.onnx_model import OnnxPolicy, parity, sample_inputs, torch_commands, write_onnx
from policies.actor import Actor, actor_layers, initial_weights
from policies.policy_file import PolicyFile
from robot.tasks import hover, track_trajectory
from robot.tasks.race_track import task as race_track

HISTORY = 3


def policy_for(task, history=HISTORY):
    """A policy file of random weights for a task that flies."""
    layers = actor_layers(task.OBSERVATION_SIZE + 4 * history, 4)
    weights = initial_weights(layers, np.random.default_rng(3))
    weights += 0.1 * np.random.default_rng(4).standard_normal(len(weights)).astype(np.float32)
    return PolicyFile(weights, layers, {"task": "hover", "rate_hz": 100.0})


@pytest.fixture(scope="module")
def hovering() -> Network:
    return network_of(policy_for(hover), hover.OBSERVATION_FIELDS, hover.ACTION_FIELDS)


@pytest.mark.parametrize("task", [hover, track_trajectory])
def test_commands_are_torch_s_for_thousands_of_observations(task, tmp_path):
    network = network_of(policy_for(task), task.OBSERVATION_FIELDS, task.ACTION_FIELDS)
    write_onnx(tmp_path / "policy.onnx", network)
    assert parity(tmp_path / "policy.onnx", network, 5000) <= 1e-6


@pytest.mark.parametrize("activation", ["relu", "tanh", "linear"])
def test_every_kind_of_layer_is_torch_s(activation, tmp_path):
    network = random_network((11, 37, 5, 3), (activation, activation, "tanh"), (True, False, False))
    write_onnx(tmp_path / "policy.onnx", network)
    assert parity(tmp_path / "policy.onnx", network, 2000) <= 1e-6


def test_the_samples_reach_far_beyond_what_is_normal(hovering):
    observation, past = sample_inputs(hovering, 1000)
    assert np.abs(observation[:, :3]).max() >= 1e6 / 2.5 and (np.abs(observation) < 1e-40).all(axis=1).any()
    assert past is not None and past.min() == 0.0 and past.max() == 1.0


def test_a_parity_that_is_lost_shows(hovering, tmp_path):
    path = tmp_path / "policy.onnx"
    write_onnx(path, hovering)
    model = onnx.load(path)
    weights = next(constant for constant in model.graph.initializer if constant.name == "weights_2")
    values = onnx.numpy_helper.to_array(weights).copy()
    values[5, 7] += 1e-3
    weights.CopyFrom(onnx.numpy_helper.from_array(values, "weights_2"))
    onnx.save(model, path)
    assert parity(path, hovering, 500) > 1e-6


def test_a_level_drone_gets_what_the_policy_decides_for_it(tmp_path):
    """Against the actor that flies in the simulator: normalisation, order of the past and scale of the action."""
    policy = policy_for(hover)
    write_onnx(tmp_path / "policy.onnx", network := network_of(policy, hover.OBSERVATION_FIELDS, hover.ACTION_FIELDS))
    rng = np.random.default_rng(0)
    raw, past = rng.standard_normal(network.sensed), rng.uniform(-1, 1, 4 * HISTORY)
    seen = np.concatenate([raw * hover.OBSERVATION_SCALE, past]).astype(np.float32)
    action = Actor(policy.layers, policy.weights).mean(seen)
    command = OnnxPolicy(tmp_path / "policy.onnx").command(
        raw[None].astype(np.float32), ((past[None] + 1.0) / 2.0).astype(np.float32)
    )
    np.testing.assert_allclose(command[0], (action + 1.0) / 2.0, atol=2e-6)


def test_the_past_of_the_next_decision_begins_with_this_one(hovering, tmp_path):
    write_onnx(tmp_path / "policy.onnx", hovering)
    observation, past = sample_inputs(hovering, 10)
    session = OnnxPolicy(tmp_path / "policy.onnx").session
    command, after = session.run(None, {"observation": observation, "past_actions": past})
    np.testing.assert_array_equal(after, np.concatenate([command, past[:, :-4]], axis=1))


def test_the_metadata_say_what_goes_in_and_what_comes_out(hovering, tmp_path):
    write_onnx(tmp_path / "policy.onnx", hovering)
    policy = OnnxPolicy(tmp_path / "policy.onnx")
    assert (policy.task, policy.rate_hz, policy.history) == ("hover", 100.0, HISTORY)
    assert policy.policy_sha256 == hovering.sha256
    assert policy.observation == hover.OBSERVATION_FIELDS and policy.action == hover.ACTION_FIELDS
    model = onnx.load(tmp_path / "policy.onnx")
    assert "body's vector to the world" in {p.key: p.value for p in model.metadata_props}["conventions"]


def test_the_car_s_fields_and_units_are_those_of_its_task(tmp_path):
    fields = race_track.OBSERVATION_FIELDS
    layers = actor_layers(sum(field.size for field in fields), sum(field.size for field in race_track.ACTION_FIELDS))
    weights = initial_weights(layers, np.random.default_rng(3)) * np.float32(3.0)
    policy = PolicyFile(weights, layers, {"task": "race_track", "rate_hz": 10.0})
    network = network_of(policy, fields, race_track.ACTION_FIELDS)
    write_onnx(tmp_path / "policy.onnx", network)
    observation, past = sample_inputs(network, 200)
    assert past is None
    commands = OnnxPolicy(tmp_path / "policy.onnx").command(observation)
    np.testing.assert_allclose(commands, torch_commands(network, observation, None)[0], atol=1e-6)
    np.testing.assert_allclose(OnnxPolicy(tmp_path / "policy.onnx").observation[0].offset, fields[0].offset)


def test_a_file_that_is_no_model_is_named(hovering, tmp_path):
    with pytest.raises(ValueError, match="no such model"):
        OnnxPolicy(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(ValueError, match=r"text\.onnx: found no ONNX model"):
        OnnxPolicy(tmp_path / "text.onnx")
