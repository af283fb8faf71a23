"""Simulated practice: a slow driver's transitions are what the task says they are."""

from dataclasses import replace

import numpy as np
import pytest

from policies.actor import actor_layers, weight_count, weight_views
from robot.robots.car.belief.simulated import CARS, DECISIONS_EACH, simulate_practice
from robot.tasks.race_track.task import ACTION_SIZE, COLLISION_PENALTY, OBSERVATION_SIZE, OVERRIDE_COST, motion_seen
from sim.car.model import load_parameters
from sim.tracks.built_in_tracks import built_in

LAYERS = actor_layers(OBSERVATION_SIZE, ACTION_SIZE)


def straight_ahead(speed_action):
    """Weights of a policy that never steers."""
    weights = np.zeros(weight_count(LAYERS), np.float32)
    _, bias = weight_views(weights, LAYERS)[-1]
    bias[1] = np.arctanh(speed_action)
    bias[2:] = -1.0
    return weights


@pytest.fixture(scope="module")
def guarded():
    return simulate_practice(built_in("oval"), load_parameters(), straight_ahead(0.0), LAYERS, True, seed=1)


@pytest.fixture(scope="module")
def unguarded():
    return simulate_practice(built_in("oval"), load_parameters(), straight_ahead(0.0), LAYERS, False, seed=1)


def test_each_car_drives_a_chain_of_decisions(guarded):
    assert len(guarded) == CARS * DECISIONS_EACH
    assert (np.diff(guarded["step"].astype(int)) == 1).all()
    assert guarded["demonstration"].all()
    assert (guarded["truncated"] | guarded["terminated"]).reshape(CARS, -1)[:, -1].all()
    inside = (guarded["episode"][1:] == guarded["episode"][:-1]) & (guarded["terminated"][:-1] == 0)
    np.testing.assert_array_equal(guarded["observation"][1:][inside], guarded["next_observation"][:-1][inside])


def test_the_observation_shows_the_last_executed_actions(guarded):
    chain = guarded[: DECISIONS_EACH - 1]
    whole = chain["terminated"] == 0
    np.testing.assert_allclose(chain["next_observation"][whole, 5:7], chain["action"][whole], atol=1e-6)


def test_without_the_brake_a_car_that_never_steers_hits_walls(unguarded):
    hits = unguarded["terminated"] == 1
    assert hits.sum() > CARS
    assert (unguarded["reward"][hits] < -COLLISION_PENALTY + 2.0).all()
    assert not unguarded["overridden"].any()
    np.testing.assert_array_equal(unguarded["action"], unguarded["proposed"])


def test_with_the_brake_it_is_overridden_pays_for_it_and_hits_less(guarded, unguarded):
    changed = np.abs(guarded["action"] - guarded["proposed"]).max(axis=1)
    assert guarded["terminated"].sum() < 0.1 * unguarded["terminated"].sum()
    np.testing.assert_array_equal(guarded["overridden"], changed > 1e-6)
    alive = guarded["terminated"] == 0
    progress_pay = guarded["reward"][alive] + OVERRIDE_COST * changed[alive]
    assert -1e-4 < progress_pay.min() < 0.01, "paid for progress, never charged for it"
    assert guarded["reward"][alive].min() < -0.5 * OVERRIDE_COST


def test_the_same_seed_gives_the_same_bytes(guarded):
    again = simulate_practice(built_in("oval"), load_parameters(), straight_ahead(0.0), LAYERS, True, seed=1)
    assert again.tobytes() == guarded.tobytes()


def test_no_car_is_told_to_steer_further_than_its_servo_can():
    """As on the road: the observation has the command that is really in force."""
    reach_rad, weights = 0.2, straight_ahead(0.0)
    weight_views(weights, LAYERS)[-1][1][0] = 3.0  # to the left, as far as it goes
    car = replace(load_parameters(), steer_max_rad=reach_rad)
    steered = motion_seen(simulate_practice(built_in("oval"), car, weights, LAYERS, True)["next_observation"].T)[3]
    assert np.abs(steered).max() == pytest.approx(reach_rad)
