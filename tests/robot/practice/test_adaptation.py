"""The simulator is fitted to the car by what it did, and only when it did enough."""

from dataclasses import replace

import numpy as np
import pytest

from policies.policy_file import load_policy
from robot.practice.adaptation import fit_car
from robot.practice.simulated import simulate_practice
from robot.practice.start import SHIPPED_POLICY
from sim.built_in_tracks import built_in
from sim.car import Randomisation, load_parameters


@pytest.mark.parametrize(("grip_share", "delay_s"), [(0.87, 0.05), (1.0, 0.04), (1.12, 0.03)])
def test_grip_and_delay_are_found_from_the_decisions_of_practice(
    grip_share: float, delay_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot.practice.simulated.SPREAD", Randomisation(0.0, 0.0, 0.0, 0.0))
    nominal, policy = load_parameters(), load_policy(SHIPPED_POLICY)
    car = replace(nominal, grip=grip_share * nominal.grip, actuation_s=delay_s)
    transitions = simulate_practice(built_in("chicane"), car, policy.weights, policy.layers, predictive_brake=True)
    fit = fit_car(transitions[:3000], nominal)
    assert fit is not None
    assert fit.car.grip / nominal.grip == pytest.approx(grip_share, rel=0.04)
    assert fit.car.actuation_s == pytest.approx(delay_s, abs=0.011)


def test_gentle_driving_says_nothing_about_grip() -> None:
    nominal, policy = load_parameters(), load_policy(SHIPPED_POLICY)
    transitions = simulate_practice(built_in("oval"), nominal, policy.weights, policy.layers, predictive_brake=True)
    gentle = transitions[3.0 * (transitions["observation"][:, 0] + 1.0) < 1.0]
    assert fit_car(gentle, nominal) is None
    assert fit_car(transitions[:1], nominal) is None


def test_without_consecutive_decisions_nothing_is_known() -> None:
    nominal, policy = load_parameters(), load_policy(SHIPPED_POLICY)
    transitions = simulate_practice(built_in("oval"), nominal, policy.weights, policy.layers, predictive_brake=True)
    assert fit_car(np.ascontiguousarray(transitions[::2]), nominal) is None
