"""Flights of the shipped policy with quadrotors that it has never been told of."""

from pathlib import Path

import numpy as np
import pytest

import policies
from policies.policy_file import EVERY_KIND, load_policy
from policies.recurrent_actor import RecurrentActor, RecurrentLayers, weight_count, weight_views, without_inputs
from robot.robots.quadrotor.evaluation import fleet_flights
from robot.robots.quadrotor.evaluation.evaluation import Network
from robot.robots.quadrotor.evaluation.fleet_flights import FleetFlights, fly_all, fly_fleet, fly_named
from robot.robots.quadrotor.evaluation.recurrent_pilot import Recurrent, pilot_of
from robot.tasks import hover, track_trajectory
from sim.quadrotor.fleets import load_fleet
from sim.quadrotor.model import P_INVERSE_MASS, QUADROTORS, load_parameters
from sim.quadrotor.told import N_TOLD, told

SHIPPED = Path(policies.__file__).parent / "shipped" / "any_quadrotor.npz"
FLIGHTS = 64
HOLDS = {"crazyflie_2_1": 0.9, "crazyflie_2_1_plus": 0.9, "crazyflie_l250": 0.8}  # 1.5 to 1.7 times their weight


@pytest.fixture(scope="module")
def shipped() -> Recurrent:
    policy = load_policy(SHIPPED, "hover", 22, EVERY_KIND)
    assert isinstance(policy.layers, RecurrentLayers) and len(policy.weights) <= 2200
    return Recurrent(policy.weights, policy.layers)


@pytest.mark.parametrize("name", QUADROTORS)
def test_the_shipped_policy_flies_every_named_quadrotor(shipped: Recurrent, name: str) -> None:
    found = fly_named(shipped, load_parameters(name), 5, FLIGHTS).figures()
    assert found["survival"] is not None and found["survival"] >= HOLDS.get(name, 0.96)
    assert found["error_median_m"] is not None and found["error_median_m"] < 0.035


def test_the_shipped_policy_flies_drawn_quadrotors(shipped: Recurrent) -> None:
    flown = fly_fleet(shipped, load_fleet("published"), 6, 256)
    assert flown.survived.mean() > 0.95 and np.median(flown.position_error_m[flown.survived]) < 0.02


def test_who_cannot_carry_himself_is_lost_and_nobody_else(shipped: Recurrent) -> None:
    drones = np.tile(load_parameters("x500").packed(), (FLIGHTS, 1))
    drones[3, P_INVERSE_MASS] /= 8.0
    flown = fly_all(shipped, drones, 7)
    assert not flown.survived[3] and not np.isfinite(flown.farthest_m[3])
    assert np.delete(flown.survived, 3).mean() > 0.95


def test_the_same_seed_gives_the_same_flights_and_another_seed_others(shipped: Recurrent) -> None:
    first, again, other = (fly_named(shipped, load_parameters("x500"), seed, FLIGHTS) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.farthest_m, again.farthest_m)
    np.testing.assert_array_equal(first.position_error_m, again.position_error_m)
    assert (first.farthest_m != other.farthest_m).any()


def test_room_is_counted_on_the_way_and_errors_among_survivors() -> None:
    flown = FleetFlights(np.array([0.3, 0.7, 1.1, np.inf]), np.array([0.01, 0.03, 9.0, 9.0]), np.full(4, 0.1))
    found = flown.figures()
    assert found["survival"] == 0.5 and found["survival_in_task_box"] == 0.25
    assert found["error_median_m"] == pytest.approx(0.02) and fleet_flights.ROOM_M == 1.0
    nobody = FleetFlights(np.full(2, np.inf), np.zeros(2), np.zeros(2)).figures()
    assert nobody["survival"] == 0.0 and nobody["error_median_m"] is None and nobody["position_error_m"] is None


def test_a_pilot_decides_as_the_actor_on_board_does(shipped: Recurrent) -> None:
    policy = load_policy(SHIPPED, kinds=EVERY_KIND)
    actor = policy.actor()
    assert isinstance(actor, RecurrentActor)
    rng, memory, actions = np.random.default_rng(1), actor.initial_memory(), np.zeros((4, 2), np.float32)
    shipped.begin(2)
    for _ in range(50):
        seen = rng.normal(0.0, 0.3, (22, 2)).astype(np.float32)
        shipped.act(seen, actions)
        expected, memory = actor.step(np.ascontiguousarray(seen[:, 1]), memory)
        np.testing.assert_allclose(actions[:, 1], expected, atol=1e-5)


def test_each_kind_of_policy_has_its_pilot() -> None:
    layers = RecurrentLayers(22, 16, 16, 4)
    assert isinstance(pilot_of(np.zeros(2100, np.float32), layers, hover), Recurrent)
    plain = (22, 64, 64, 8)
    assert isinstance(pilot_of(np.zeros(23 * 64 + 65 * 64 + 65 * 8, np.float32), plain, hover), Network)
    with pytest.raises(ValueError, match="need 34 inputs"):
        pilot_of(np.zeros(2100, np.float32), layers, track_trajectory)


def test_a_policy_that_is_told_flies_as_the_one_that_need_not_be_for_that_quadrotor_alone() -> None:
    layers, quadrotor, rng = RecurrentLayers(22 + N_TOLD, 16, 16, 4), load_parameters("x500"), np.random.default_rng(3)
    policy = load_policy(SHIPPED, kinds=EVERY_KIND)
    assert isinstance(policy.layers, RecurrentLayers)
    weights = np.zeros(weight_count(layers), np.float32)
    views = weight_views(weights, layers)
    for name, part in weight_views(policy.weights, policy.layers).items():
        if name == "encoder":
            views[name][:, :18], views[name][:, -4:] = part[:, :18], part[:, 18:]
            views[name][:, 18:-4] = rng.normal(0.0, 0.05, (16, N_TOLD))
        else:
            views[name][:] = part
    numbers = told(quadrotor.packed()[None])[0]
    own = Recurrent(*without_inputs(weights, layers, hover.OBSERVATION_SIZE, numbers))
    asked = Recurrent(weights, layers)
    with pytest.raises(ValueError, match="told its quadrotor"):
        asked.begin(FLIGHTS)
    one, other = (fly_named(pilot, quadrotor, 1, FLIGHTS) for pilot in (asked, own))
    np.testing.assert_allclose(one.position_error_m, other.position_error_m, atol=1e-3)
    assert one.survived.mean() > 0.5
