"""Flights of a minute: the shipped policies still stand still when their memory is that old."""

from pathlib import Path

import numpy as np
import pytest

import policies
from policies.backup.lqr import Lqr
from policies.policy_file import EVERY_KIND, load_policy
from robot.robots.quadrotor.evaluation.evaluation import Feedback
from robot.robots.quadrotor.evaluation.fleet_flights import disturbed
from robot.robots.quadrotor.evaluation.long_flights import ROCKING_DEG_S, LongFlights, fly_long, in_words
from robot.robots.quadrotor.evaluation.recurrent_pilot import Recurrent
from sim.quadrotor.fleets import load_fleet
from sim.quadrotor.model import QUADROTORS, STEP_S, load_parameters

SHIPPED = Path(policies.__file__).parent / "shipped"


@pytest.fixture(scope="module", params=["any_quadrotor.npz", "told_quadrotor.npz"])
def shipped(request: pytest.FixtureRequest) -> Recurrent:
    policy = load_policy(SHIPPED / request.param, kinds=EVERY_KIND)
    return Recurrent(policy.weights, policy.layers)


def test_the_shipped_policies_neither_rock_nor_fall_with_any_named_quadrotor(shipped: Recurrent) -> None:
    flown = fly_long(shipped, np.concatenate([disturbed(load_parameters(name), 5, 7) for name in QUADROTORS]), 5)
    for k, name in enumerate(QUADROTORS):
        found = flown.take(slice(7 * k, 7 * k + 7)).figures()
        rates, error_m = found["rates_after_30_s_deg_s"], found["error_after_30_s_m"]
        assert rates is not None and rates < ROCKING_DEG_S, name
        assert error_m is not None and error_m < 0.03, name


def test_the_shipped_policies_hold_drawn_quadrotors_for_a_minute(shipped: Recurrent) -> None:
    drones = load_fleet("published").draw(128, np.random.default_rng(8)).parameters
    found = fly_long(shipped, drones, 8).figures()
    assert found["survival_60_s"] is not None and found["survival_60_s"] >= 0.96
    assert found["rocking_after_30_s"] is not None and found["rocking_after_30_s"] < 0.05


def test_rates_count_after_half_a_minute_and_among_survivors() -> None:
    flown = LongFlights(np.array([True, True, True, False]), np.array([1.0, 3.0, 25.0, 999.0]), np.full(4, 0.01))
    found = flown.figures()
    assert found["survival_60_s"] == 0.75 and found["rates_after_30_s_deg_s"] == 3.0
    assert found["rocking_after_30_s"] == pytest.approx(1 / 3) and found["error_after_30_s_m"] == pytest.approx(0.01)
    assert "75.0 %" in in_words(found) and "3.0 deg/s" in in_words(found) and "33.3 % rock" in in_words(found)
    nobody = LongFlights(np.zeros(2, np.bool_), np.zeros(2), np.zeros(2)).figures()
    assert nobody["survival_60_s"] == 0.0 and nobody["rates_after_30_s_deg_s"] is None
    assert in_words(nobody) == "  0.0 % of flights within 1 m"


class Shaken(Feedback):
    """A controller whose roll is pushed to and fro at 1.3 Hz, once so many decisions have gone by."""

    since, until = 0, 6000

    def begin(self, n: int) -> None:
        super().begin(n)
        self.decided = 0

    def act(self, observation: np.ndarray, actions: np.ndarray) -> None:
        super().act(observation, actions)
        if self.since <= self.decided < self.until:
            push = 0.1 * np.sin(2.0 * np.pi * 1.3 * STEP_S * self.decided)
            actions += np.float32(push) * np.array([[-1.0], [-1.0], [1.0], [1.0]], np.float32)
        self.decided += 1


def test_rocking_counts_in_the_second_half_minute_alone() -> None:
    quadrotor = load_parameters("x500")
    drones = np.tile(quadrotor.packed(), (64, 1))
    early, late = (Shaken(lambda n: Lqr(quadrotor, n)) for _ in range(2))
    early.until, late.since = 2500, 3500
    before, after = (fly_long(pilot, drones, 3) for pilot in (early, late))
    both = before.survived & after.survived
    assert both.mean() > 0.9
    assert before.rates_deg_s[both].max() < 5.0 and after.rates_deg_s[both].min() > 20.0
    assert np.median(before.position_error_m[both]) < 0.05
