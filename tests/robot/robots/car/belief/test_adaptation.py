"""The simulator is fitted to the car by what it did, and only when it did enough."""

import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from policies.actor import actor_layers
from policies.policy_file import load_policy
from robot.robots.car.belief import adaptation, simulated
from robot.robots.car.belief.adaptation import ITERATIONS, LATEST, MARGINS_M, SPREAD, Fit, fit_car, improve
from robot.robots.car.belief.simulated import simulate_practice
from robot.robots.car.practice import SHIPPED_POLICY
from robot.robots.car.shield.predictive_brake import MEASURED_SHARE
from robot.robots.car.training.pretraining import Recipe
from robot.robots.car.training.trials import Trial
from robot.tasks.race_track.task import motion_seen
from sim.car.model import P_DELAY, P_GRIP, CarParameters, Randomisation, load_parameters
from sim.tracks.built_in_tracks import built_in

LAYERS = actor_layers(50, 2)


@pytest.fixture(autouse=True)
def as_many_cars_as_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "CARS", LATEST // simulated.DECISIONS_EACH)


@pytest.mark.parametrize(("grip_share", "delay_s"), [(0.87, 0.05), (1.0, 0.04), (1.12, 0.03)])
def test_grip_and_delay_are_found_from_the_decisions_of_practice(
    grip_share: float, delay_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot.robots.car.belief.simulated.SPREAD", Randomisation(0.0, 0.0, 0.0, 0.0))
    nominal, policy = load_parameters(), load_policy(SHIPPED_POLICY)
    car = replace(nominal, grip=grip_share * nominal.grip, actuation_s=delay_s)
    transitions = simulate_practice(built_in("chicane"), car, policy.weights, policy.layers, predictive_brake=True)
    fit = fit_car(transitions[:3000], nominal)
    assert fit is not None
    assert fit.car.grip / nominal.grip == pytest.approx(grip_share, rel=0.04)
    assert fit.car.actuation_s == pytest.approx(delay_s, abs=0.011)


@pytest.mark.parametrize("grip_share", [0.8, 1.15])
def test_ten_seconds_of_corners_are_enough(grip_share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot.robots.car.belief.simulated.SPREAD", Randomisation(0.0, 0.0, 0.0, 0.0))
    nominal, policy = load_parameters(), load_policy(SHIPPED_POLICY)
    car = replace(nominal, grip=grip_share * nominal.grip)
    transitions = simulate_practice(built_in("ell"), car, policy.weights, policy.layers, predictive_brake=True)
    fit = fit_car(transitions[:100], nominal)
    assert fit is not None and fit.grip_share == pytest.approx(grip_share, abs=0.03)


def test_gentle_driving_says_nothing_about_grip() -> None:
    nominal, policy = load_parameters(), load_policy(SHIPPED_POLICY)
    transitions = simulate_practice(built_in("oval"), nominal, policy.weights, policy.layers, predictive_brake=True)
    gentle = transitions.copy()
    speed, yaw_rate = motion_seen(gentle["observation"].T)[0], motion_seen(gentle["next_observation"].T)[2]
    gentle["duration_s"][np.abs(speed * yaw_rate) > adaptation.CORNERING_M_S2] = 0.0
    assert np.count_nonzero(gentle["duration_s"]) > 500
    assert fit_car(transitions, nominal) is not None
    assert fit_car(gentle, nominal) is None
    assert fit_car(transitions[:1], nominal) is None


def test_without_consecutive_decisions_nothing_is_known() -> None:
    nominal, policy = load_parameters(), load_policy(SHIPPED_POLICY)
    transitions = simulate_practice(built_in("oval"), nominal, policy.weights, policy.layers, predictive_brake=True)
    assert fit_car(transitions, nominal) is not None
    assert fit_car(np.ascontiguousarray(transitions[::2]), nominal) is None
    apart, cut_short = transitions.copy(), transitions.copy()
    apart["episode"] = np.arange(len(apart))
    assert fit_car(apart, nominal) is None
    cut_short["duration_s"][::2] *= 0.5
    assert fit_car(cut_short, nominal) is None


CALM = np.zeros(3, np.float32)


def improved(
    monkeypatch: pytest.MonkeyPatch, pay: dict[float, float]
) -> tuple[np.ndarray, set[tuple[float, float]], list[tuple[np.ndarray, Any]]]:
    """The improved policy where training gives its margin as weights, and drives earn `pay` by the first weight.

    Also the (grip, delay) differences that training was tried on, and the drives behind the brake as (cars, brake).
    """
    nominal, tried, drives = load_parameters(), set[tuple[float, float]](), []
    fit = Fit(replace(nominal, grip=0.9 * nominal.grip, actuation_s=0.05), nominal, 0.9, 100, 0.05)

    def pretrain(courses: Any, car: CarParameters, recipe: Recipe, trial: Trial, seed: int, weights: np.ndarray) -> Any:
        assert (car, recipe.spread, recipe.iterations, seed) == (fit.car, SPREAD, ITERATIONS, 7)
        assert recipe.first_margin_m == recipe.objective.margin_m
        grips, delays = trial.parameters[:, P_GRIP] / car.grip, trial.parameters[:, P_DELAY] - car.actuation_s
        tried.update(zip(grips.round(6), delays.round(6), strict=True))
        return SimpleNamespace(weights=weights + np.float32(recipe.objective.margin_m))

    def simulate(course: Any, weights: np.ndarray, layers: Any, cars: list[CarParameters], brake: Any, *_: Any) -> Any:
        drives.append(([round(one.grip / fit.car.grip, 6) for one in cars], brake))
        return {"reward": np.full((2, 3), pay[round(float(weights[0]), 2)])}

    monkeypatch.setattr(adaptation, "pretrain", pretrain)
    monkeypatch.setattr(adaptation, "simulate", simulate)
    return improve(CALM, LAYERS, built_in("oval"), fit, True, 7), tried, drives


@pytest.mark.parametrize("best", [0.0, *MARGINS_M])
def test_the_policy_that_earns_most_behind_the_brake_is_taken(monkeypatch: pytest.MonkeyPatch, best: float) -> None:
    weights, _, _ = improved(monkeypatch, {margin: float(margin == best) for margin in (0.0, *MARGINS_M)})
    np.testing.assert_array_equal(weights, CALM + np.float32(best))


def test_it_is_trained_and_driven_with_what_the_car_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    _, tried, drives = improved(monkeypatch, dict.fromkeys((0.0, *MARGINS_M), 1.0))
    assert tried == set(itertools.product((0.98, 1.0, 1.02), (-0.006, 0.006)))
    nominal = load_parameters().packed()
    for grips, brake in drives:
        assert set(grips) == {0.98, 1.0, 1.02}
        for belief, share in zip(brake, (0.9, 0.9 * MEASURED_SHARE), strict=True):
            assert belief[P_GRIP] == pytest.approx(share * nominal[P_GRIP])
