"""Pre-training: it learns, it is the same again for the same seed, and it keeps the best of what it saw."""

from dataclasses import replace

import numpy as np
import pytest

from robot.robots.car.training.pretraining import Fleet, Recipe, drawn_cars, pretrain, pretraining
from robot.robots.car.training.trials import Trial
from robot.tasks.race_track.gradient import N_LANE
from robot.tasks.race_track.laps import EstimateNoise, Laps, pack_courses, place
from robot.training.train import best_of, checks
from robot.training.trainer import Check
from sim.car.adjoint import HEADING_ERROR, LATERAL, S
from sim.car.model import P_DELAY, P_GRIP_F, P_GRIP_R, P_INERTIA, P_MASS, P_TRIM, Randomisation, load_parameters
from sim.tracks.built_in_tracks import built_in

OVAL = pack_courses([built_in("oval")])
NOMINAL = load_parameters()
TRIAL = Trial(OVAL, np.zeros(1, np.int64), NOMINAL.packed()[None], 16.0)
SHORT = Recipe(iterations=60, cars=24, check_every=20)


def looked_at(recipe: Recipe, seed: int, start: np.ndarray | None = None) -> list[Check]:
    return list(checks(pretraining(OVAL, NOMINAL, recipe, TRIAL, seed, start), 0.0))


@pytest.fixture(scope="module")
def trained() -> list[Check]:
    return looked_at(SHORT, seed=1)


def test_sixty_small_steps_teach_a_car_to_lap(trained: list[Check]) -> None:
    laps = best_of(trained).look.detail
    assert laps.median_s[0] < 6.5  # the best possible lap takes about 5.1 s
    assert laps.crashes[0] == 0


def test_it_is_looked_at_before_on_the_way_and_after(trained: list[Check]) -> None:
    assert [check.iteration for check in trained] == [0, 20, 40, 60]
    best = best_of(trained)
    assert TRIAL.run(best.weights).median_s[0] == best.look.detail.median_s[0]


def test_the_same_seed_gives_the_same_policy(trained: list[Check]) -> None:
    assert looked_at(SHORT, seed=1)[1].weights.tobytes() == trained[1].weights.tobytes()
    assert looked_at(replace(SHORT, iterations=1), seed=2)[0].weights.tobytes() != trained[0].weights.tobytes()


def test_training_goes_on_from_given_weights(trained: list[Check]) -> None:
    best, brief = best_of(trained), replace(SHORT, iterations=1)
    on = looked_at(brief, 3, start=best.weights)
    np.testing.assert_array_equal(on[0].weights, best.weights)
    kept = pretrain(OVAL, NOMINAL, brief, TRIAL, 3, start=best.weights)
    assert kept.look.score <= best.look.score  # what training spoils is not kept


def test_a_crash_costs_more_than_any_lap_time() -> None:
    times = np.zeros((1, 3))
    fast = Laps(np.array([5.0]), np.array([3]), np.array([1]), times)
    slow = Laps(np.array([5.9]), np.array([3]), np.array([0]), times)
    none = Laps(np.array([np.inf]), np.array([0]), np.array([0]), times)
    assert TRIAL.score(slow) < TRIAL.score(fast) < TRIAL.score(none)


def test_drawn_cars_stay_within_the_spread() -> None:
    spread = Randomisation(grip=0.2, mass=0.1, delay_s=0.02, trim_rad=0.05)
    cars = drawn_cars(NOMINAL, spread, 500, np.random.default_rng(0))
    nominal = NOMINAL.packed()
    for column, most in ((P_GRIP_F, 0.2), (P_GRIP_R, 0.2), (P_MASS, 0.1)):
        share = cars[:, column] / nominal[column] - 1.0
        assert share.min() == pytest.approx(-most, rel=0.05) and share.max() == pytest.approx(most, rel=0.05)
        assert np.abs(share).max() <= most + 1e-9
    assert np.ptp(cars[:, P_DELAY]) == pytest.approx(0.04, rel=0.05)
    assert np.ptp(cars[:, P_TRIM]) == pytest.approx(0.10, rel=0.05)
    np.testing.assert_allclose(cars[:, P_INERTIA] / cars[:, P_MASS], nominal[P_INERTIA] / nominal[P_MASS])
    untouched = [k for k in range(len(nominal)) if k not in (P_GRIP_F, P_GRIP_R, P_MASS, P_INERTIA, P_DELAY, P_TRIM)]
    assert (cars[:, untouched] == nominal[untouched]).all()
    np.testing.assert_array_equal(cars[:, P_GRIP_F], cars[:, P_GRIP_R])  # tyres are alike unless asked for


def test_axles_are_drawn_apart_around_the_cars_own_pair() -> None:
    pair = replace(NOMINAL, front_grip_share=0.7, rear_grip_share=1.05)
    cars = drawn_cars(pair, Randomisation(0.0, 0.0, 0.0, 0.0, axle_grip=0.02), 500, np.random.default_rng(0))
    shares = cars[:, [P_GRIP_F, P_GRIP_R]] / (pair.front_grip, pair.rear_grip) - 1.0
    np.testing.assert_allclose(shares.min(axis=0), -0.02, rtol=0.05)
    np.testing.assert_allclose(shares.max(axis=0), 0.02, rtol=0.05)
    assert abs(np.corrcoef(shares.T)[0, 1]) < 0.15


def test_cars_go_on_unless_they_crashed_or_drove_for_long() -> None:
    recipe = Recipe(cars=4, keep=12, again=1.0)
    fleet = Fleet(OVAL, NOMINAL, recipe, np.random.default_rng(0))
    fleet.age[:] = [0, 0, 0, recipe.decisions_max]
    kept = np.zeros((4, N_LANE))
    for lane in kept:
        place(lane, 20.0, 0.1, 0.0, 2.0)
    kept[1, LATERAL] = 3.0
    kept[2, HEADING_ERROR] = np.nan
    fleet.go_on(kept)
    np.testing.assert_array_equal(fleet.lanes[0], kept[0])
    assert 7.0 < fleet.lanes[1, S] < 18.0 and abs(fleet.lanes[1, LATERAL]) < 0.6  # before the place of its crash
    assert np.isfinite(fleet.lanes).all()
    assert fleet.age.tolist() == [12, 0, 0, 0]


def test_estimate_noise_has_its_size_and_fades() -> None:
    noise = EstimateNoise()
    errors = noise.draw(400, 200, np.random.default_rng(0))
    assert errors.std(axis=(0, 1)) == pytest.approx(
        [noise.along_m, noise.lateral_m, noise.heading_rad, noise.v_x_m_s, noise.v_y_m_s, noise.yaw_rate_rad_s],
        rel=0.05,
    )
    lateral = errors[:, :, 1]
    follows = float((lateral[1:] * lateral[:-1]).mean() / (lateral**2).mean())
    assert follows == pytest.approx(np.exp(-0.1 / noise.fade_s), abs=0.03)
