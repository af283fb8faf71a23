"""Simulated transitions are what a learner would have recorded."""

import numpy as np

from policies.actor import Actor, actor_layers
from policies.first_order import first_weights
from policies.replay import Memory
from robot.simulated_experience import CARS, simulate_transitions
from robot.tasks import race_track
from sim.built_in_tracks import built_in

LAYERS = actor_layers(race_track.OBSERVATION_SIZE, race_track.ACTION_SIZE)


def untrained() -> Actor:
    return Actor(LAYERS, first_weights(LAYERS, np.random.default_rng(0), np.array([0.0, -0.6])))


def test_transitions_chain_into_episodes() -> None:
    found = simulate_transitions(untrained(), built_in("oval"), 64 * CARS, seed=1)
    assert len(found) >= 64 * CARS
    before, after = found[:-1], found[1:]
    going_on = (before["terminated"] == 0) & (before["truncated"] == 0)
    assert going_on.mean() > 0.8
    assert (before["episode"][going_on] == after["episode"][going_on]).all()
    np.testing.assert_array_equal(before["next_observation"][going_on], after["observation"][going_on])
    assert (before["episode"][~going_on] != after["episode"][~going_on]).all()
    assert (np.diff(found["step"].astype(np.int64)) == 1).all()


def test_an_untrained_policy_crashes_and_pays_for_it() -> None:
    found = simulate_transitions(untrained(), built_in("oval"), 64 * CARS, seed=1)
    crashed = found["terminated"] == 1
    assert crashed.any()
    assert (found["reward"][crashed] < -5.0).all() and (found["reward"][~crashed] > -1.0).all()


def test_the_last_action_is_what_the_next_observation_remembers() -> None:
    found = simulate_transitions(untrained(), built_in("oval"), 8 * CARS, seed=2)
    np.testing.assert_array_equal(found["next_observation"][:, 5:7], found["action"])


def test_a_memory_takes_them_and_the_same_seed_gives_them_again() -> None:
    found = simulate_transitions(untrained(), built_in("oval"), 4 * CARS, seed=3)
    memory = Memory(1000)
    memory.add(found)
    assert memory.size == len(found)
    assert found.tobytes() == simulate_transitions(untrained(), built_in("oval"), 4 * CARS, seed=3).tobytes()
