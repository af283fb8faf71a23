"""The simulator is fitted to the car by what it did, and only when it did enough."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from policies.actor import actor_layers
from policies.policy_file import load_policy
from robot.robots.car.belief import adaptation, simulated
from robot.robots.car.belief.adaptation import ITERATIONS, LATEST, MARGINS_M, SPREAD, Fit, fit_car, improve, with_grips
from robot.robots.car.belief.simulated import simulate, simulate_practice
from robot.robots.car.practice import SHIPPED_POLICY
from robot.robots.car.shield.predictive_brake import MEASURED_SHARE
from robot.robots.car.shield.rollout import believed_cars
from robot.robots.car.training.pretraining import Recipe
from robot.robots.car.training.trials import Trial
from robot.tasks.race_track.task import motion_seen
from sim.car.model import P_DELAY, P_GRIP_F, P_GRIP_R, CarParameters, load_parameters
from sim.tracks.built_in_tracks import built_in

LAYERS = actor_layers(50, 2)


@pytest.fixture(autouse=True)
def as_many_cars_as_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "CARS", LATEST // simulated.DECISIONS_EACH)


def lived(track: str, car: CarParameters, decisions: int) -> np.ndarray:
    """What the shipped policy lives through with a car, behind a brake that knows the car's grips."""
    nominal, policy = load_parameters(), load_policy(SHIPPED_POLICY)
    grips = car.front_grip / nominal.front_grip, car.rear_grip / nominal.rear_grip
    brake = believed_cars(nominal.packed(), grips, (MEASURED_SHARE * grips[0], MEASURED_SHARE * grips[1]))
    return simulate(built_in(track), policy.weights, policy.layers, [car], brake, decisions, (1.5,), 1).reshape(-1)


@pytest.mark.parametrize(
    ("shares", "delay_s", "decisions"),
    [((0.87, 0.87), 0.05, 600), ((1.12, 1.12), 0.03, 150), ((0.6, 1.0), 0.04, 600), ((1.0, 0.6), 0.04, 150),
     ((0.7, 1.1), 0.05, 150), ((1.1, 0.7), 0.03, 600), ((0.75, 0.9), 0.04, 150)],
)  # fmt: skip
def test_front_and_rear_grip_and_delay_are_found_within_their_intervals(
    shares: tuple[float, float], delay_s: float, decisions: int
) -> None:
    nominal = load_parameters()
    car = replace(nominal, front_grip_share=shares[0], rear_grip_share=shares[1], actuation_s=delay_s)
    fit = fit_car(lived("chicane", car, decisions), nominal)
    assert fit is not None
    for axle, share in zip(("front", "rear"), shares, strict=True):
        low, high = fit.belief[f"{axle}_grip_share_low"], fit.belief[f"{axle}_grip_share_high"]
        assert low <= share <= high and high - low < 0.2
    assert fit.car.actuation_s == pytest.approx(delay_s, abs=0.011)
    assert (fit.car.front_grip, fit.car.rear_grip) == pytest.approx(
        (fit.grip_shares[0] * nominal.front_grip, fit.grip_shares[1] * nominal.rear_grip)
    )


@pytest.mark.parametrize("share", [0.8, 1.15])
def test_ten_seconds_of_corners_are_enough(share: float) -> None:
    nominal = load_parameters()
    fit = fit_car(lived("ell", replace(nominal, grip=share * nominal.grip), 100), nominal)
    assert fit is not None and fit.grip_shares == pytest.approx((share, share), abs=0.04)


def test_corners_that_do_not_tell_the_axles_apart_are_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    nominal = load_parameters()
    transitions = lived("ell", nominal, 100)
    assert fit_car(transitions, nominal) is not None
    monkeypatch.setattr(adaptation, "SURE", 0.01)
    assert fit_car(transitions, nominal) is None


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
PAIR = np.array([0.7, 1.1])
OFF = ((1.0, 1.0), (0.98, 0.98), (0.98, 1.02), (1.02, 0.98))  # of the fitted pair


def improved(
    monkeypatch: pytest.MonkeyPatch, pay: dict[float, float]
) -> tuple[np.ndarray, set[tuple[float, ...]], list[tuple[Any, Any]]]:
    """The improved policy where training gives its margin as weights, and drives earn `pay` by the first weight.

    Also the (front grip, rear grip, delay) differences that training was tried on, and the drives behind the brake as (cars, brake).
    """
    nominal, tried, drives = load_parameters(), set[tuple[float, ...]](), []
    fit = Fit(with_grips(nominal, PAIR, 0.05), nominal, (0.7, 1.1), (0.01, 0.02), 100, 0.05)

    def pretrain(courses: Any, car: CarParameters, recipe: Recipe, trial: Trial, seed: int, weights: np.ndarray) -> Any:
        assert (car, recipe.spread, recipe.iterations, seed) == (fit.car, SPREAD, ITERATIONS, 7)
        assert recipe.first_margin_m == recipe.objective.margin_m
        front, rear = trial.parameters[:, P_GRIP_F] / car.front_grip, trial.parameters[:, P_GRIP_R] / car.rear_grip
        delays = trial.parameters[:, P_DELAY] - car.actuation_s
        tried.update(zip(front.round(6), rear.round(6), delays.round(6), strict=True))
        return SimpleNamespace(weights=weights + np.float32(recipe.objective.margin_m))

    def simulate(course: Any, weights: np.ndarray, layers: Any, cars: list[CarParameters], brake: Any, *_: Any) -> Any:
        drives.append(
            ({round(one.front_grip / one.rear_grip / fit.car.front_grip * fit.car.rear_grip, 3) for one in cars}, brake)
        )
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
    assert tried == {(*off, delay_s) for off in OFF for delay_s in (-0.006, 0.006)}
    nominal = load_parameters().packed()
    for balances, brake in drives:
        assert balances == {0.961, 1.0, 1.041}
        for belief, share in zip(brake, (1.0, MEASURED_SHARE), strict=True):
            assert belief[[P_GRIP_F, P_GRIP_R]] == pytest.approx(share * PAIR * nominal[[P_GRIP_F, P_GRIP_R]])
