"""Drones that become others while they fly, and from when on they have settled."""

from pathlib import Path

import numpy as np
import pytest

import policies
from policies.policy_file import EVERY_KIND, load_policy
from policies.recurrent_actor import RecurrentLayers
from robot.robots.quadrotor.evaluation.changes import Change, Worn, distances, settled_ms, weaker
from robot.robots.quadrotor.evaluation.recurrent_pilot import Recurrent
from sim.quadrotor.model import load_parameters

SHIPPED = Path(policies.__file__).parent / "shipped" / "any_quadrotor.npz"
X500 = np.tile(load_parameters("x500").packed(), (64, 1))


@pytest.fixture(scope="module")
def shipped() -> Recurrent:
    policy = load_policy(SHIPPED, kinds=EVERY_KIND)
    assert isinstance(policy.layers, RecurrentLayers)
    return Recurrent(policy.weights, policy.layers)


def test_nothing_changes_before_its_decision_and_the_drone_sags_after_it(shipped: Recurrent) -> None:
    same = distances(shipped, X500, 1, 300)
    for change in (Change(250, mass=1.3), Change(250, rotor_thrust=0.8)):
        other = distances(shipped, X500, 1, 300, change)
        np.testing.assert_array_equal(same[:250], other[:250])
        assert np.median(other[299]) > 1.5 * np.median(same[299])


def test_who_cannot_carry_himself_any_more_is_lost_for_good(shipped: Recurrent) -> None:
    lost = distances(shipped, X500, 1, 500, Change(200, mass=8.0))
    assert np.isfinite(lost[199]).mean() > 0.95 and not np.isfinite(lost[-1]).any()


def test_a_weaker_rotor_pushes_by_its_factor_less() -> None:
    curve = np.array([[0.1], [0.3], [0.6]])
    thrusts = [np.polyval(curve[::-1, 0], 0.5 + 0.5 * a) for a in (0.4, float(weaker(np.array([0.4]), curve, 0.8)[0]))]
    assert thrusts[1] == pytest.approx(0.8 * thrusts[0])
    assert weaker(np.array([-1.0]), curve, 0.8)[0] == -1.0  # it cannot push less than at rest


class Told:
    """A pilot that keeps what it sees, and asks for another action each time."""

    history = 3

    def begin(self, n: int) -> None:
        self.seen: list[np.ndarray] = []

    def act(self, observation: np.ndarray, actions: np.ndarray) -> None:
        self.seen.append(observation[-12:].copy())
        actions[:] = 0.1 * len(self.seen)


def test_a_pilot_sees_what_it_asked_of_the_worn_rotor_and_not_what_it_did() -> None:
    told = Told()
    pilot = Worn(told, X500, Change(2, rotor_thrust=0.5))
    pilot.begin(64)
    past, done = np.zeros((12, 64), np.float32), []
    for _ in range(5):
        actions = np.zeros((4, 64), np.float32)
        pilot.act(np.concatenate([np.zeros((18, 64), np.float32), past]), actions)
        past = np.concatenate([actions, past[:8]])
        done.append(actions[:, 0].copy())
    assert (done[1] == done[1][0]).all() and done[2][0] < done[2][1] - 0.1  # from the third on
    np.testing.assert_allclose(told.seen[4][:, 0], np.repeat([0.4, 0.3, 0.2], 4), atol=1e-6)


def test_settled_is_from_when_on_it_stays() -> None:
    way = np.array([0.5, 0.01, 0.5, 0.03, 0.02, 0.01])
    assert settled_ms(way, np.full(6, 0.02)) == pytest.approx(30.0)
    assert settled_ms(np.zeros(6), np.zeros(6)) == 0.0 and settled_ms(way[::-1], np.zeros(6)) == float("inf")
