"""The simulator is fitted to the car by what it did, and only when it did enough."""

import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from policies.policy_file import load_policy
from robot.practice import adaptation
from robot.practice.adaptation import ITERATIONS, SPREAD, fit_car, improve
from robot.practice.simulated import simulate_practice
from robot.practice.start import SHIPPED_POLICY
from robot.pretraining import Recipe, Trial
from sim.built_in_tracks import built_in
from sim.car import P_DELAY, P_GRIP, CarParameters, Randomisation, load_parameters


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
    apart, cut_short = transitions.copy(), transitions.copy()
    apart["episode"] = np.arange(len(apart))
    assert fit_car(apart, nominal) is None
    cut_short["duration_s"][::2] *= 0.5
    assert fit_car(cut_short, nominal) is None


def test_the_policy_is_made_better_for_the_fitted_car_and_tried_on_those_it_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pretrain(courses: Any, car: CarParameters, recipe: Recipe, trial: Trial, seed: int, weights: np.ndarray) -> Any:
        assert (car, recipe.spread, recipe.iterations, seed) == (fitted, SPREAD, ITERATIONS, 7)
        grips, delays = trial.parameters[:, P_GRIP] / car.grip, trial.parameters[:, P_DELAY] - car.actuation_s
        tried.update(zip(grips.round(6), delays.round(6), strict=True))
        return SimpleNamespace(weights=weights + 1.0)

    monkeypatch.setattr(adaptation, "pretrain", pretrain)
    nominal, tried = load_parameters(), set[tuple[float, float]]()
    fitted = replace(nominal, grip=0.9 * nominal.grip, actuation_s=0.05)
    assert (improve(np.zeros(3, np.float32), built_in("oval"), fitted, 7) == 1.0).all()
    assert tried == set(itertools.product((0.96, 1.0, 1.04), (-0.008, 0.008)))
